// Matrices in memory that the caller owns.

internal import TarnKernelInterface

/// Where the elements of one or several equal row-major matrices lie in a buffer.
///
///     element [i, r, j] is at i · matrixStride + r · rowStride + j
///
/// With a row stride larger than the columns a matrix is part of a wider one; with several matrices
/// it is a strided batch, such as the heads of an attention: `count` heads of `columns` each,
/// `matrixStride = columns`, `rowStride = count · columns`.
public struct MatrixLayout: Sendable, Equatable {
  /// Rows of each matrix.
  public let rows: Int
  /// Columns of each matrix.
  public let columns: Int
  /// Distance between rows in elements (BLAS: lda).
  public let rowStride: Int
  /// Number of matrices.
  public let count: Int
  /// Distance between matrices in elements; of no effect for one matrix.
  public let matrixStride: Int

  /// A layout whose sizes and strides fit together.
  ///
  /// - Parameters:
  ///   - rows: of each matrix.
  ///   - columns: of each matrix.
  ///   - rowStride: at least `columns`; nil: `columns`.
  ///   - count: number of matrices.
  ///   - matrixStride: nil: one matrix after the other, `rows · rowStride`.
  /// - Throws: ``TarnError/invalidArgument(operation:argument:found:expected:)`` for negative sizes,
  ///   strides that are too small and extents that do not fit an `Int`.
  public init(
    rows: Int, columns: Int, rowStride: Int? = nil, count: Int = 1, matrixStride: Int? = nil
  ) throws(TarnError) {
    func check(_ argument: String, _ value: Int, atLeast least: Int) throws(TarnError) {
      // Kernels round sizes up; this leaves them room.
      guard value >= least, value <= Int.max / 64 else {
        throw .invalidArgument(
          operation: "MatrixLayout", argument: argument, found: "\(value)",
          expected: "\(least) to \(Int.max / 64)")
      }
    }
    try check("rows", rows, atLeast: 0)
    try check("columns", columns, atLeast: 0)
    try check("rowStride", rowStride ?? columns, atLeast: columns)
    try check("count", count, atLeast: 0)
    let stride = rowStride ?? columns
    let whole = rows.multipliedReportingOverflow(by: stride)
    guard !whole.overflow, whole.partialValue <= Int.max / 64 else {
      throw .invalidArgument(
        operation: "MatrixLayout", argument: "size", found: "\(rows) rows of stride \(stride)",
        expected: "a size whose bytes fit an Int")
    }
    try check("matrixStride", matrixStride ?? whole.partialValue, atLeast: 0)
    let between = matrixStride ?? whole.partialValue
    let all = max(0, count - 1).multipliedReportingOverflow(by: between)
    guard !all.overflow, all.partialValue <= Int.max / 64 else {
      throw .invalidArgument(
        operation: "MatrixLayout", argument: "size",
        found: "\(count) matrices of stride \(between)", expected: "a size whose bytes fit an Int")
    }
    self.rows = rows
    self.columns = columns
    self.rowStride = stride
    self.count = count
    self.matrixStride = between
  }

  /// Elements from the first to the last, gaps included; 0 if there is no element.
  public var extent: Int {
    if rows == 0 || columns == 0 || count == 0 { return 0 }
    return (count - 1) * matrixStride + (rows - 1) * rowStride + columns
  }

  /// Whether no element belongs to two matrices.
  var isDisjoint: Bool {
    if count < 2 || rows == 0 || columns == 0 { return true }
    let follows = matrixStride >= (rows - 1) * rowStride + columns
    let interleaves = matrixStride >= columns && (count - 1) * matrixStride + columns <= rowStride
    return follows || interleaves
  }
}

/// Matrices that are read where they lie, in memory that the caller owns.
///
/// ## Safety
/// The buffer must stay alive and unchanged during each call that gets the value.
@unsafe public struct ExternalMatrix {
  /// The memory; element 0 is the first of row 0 of matrix 0.
  public let buffer: UnsafeBufferPointer<Float>
  /// Sizes and strides.
  public let layout: MatrixLayout

  /// Matrices in a buffer that is large enough.
  ///
  /// - Parameters:
  ///   - buffer: at least `layout.extent` elements, any alignment.
  ///   - layout: sizes and strides.
  /// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``.
  public init(_ buffer: UnsafeBufferPointer<Float>, _ layout: MatrixLayout) throws(TarnError) {
    guard buffer.count >= layout.extent else {
      throw .shapeMismatch(
        operation: "ExternalMatrix", argument: "buffer", found: [buffer.count],
        expected: [layout.extent])
    }
    unsafe self.buffer = unsafe buffer
    unsafe self.layout = layout
  }

  /// Matrix `i` of the batch.
  func view(_ i: Int) -> MatrixView {
    // SAFETY: the buffer holds the layout's extent; a placeholder where it has no element.
    let base = unsafe buffer.baseAddress ?? ExternalMatrix.placeholder
    return unsafe MatrixView(
      layout.extent == 0 ? base : base + i * layout.matrixStride, rows: layout.rows,
      columns: layout.columns, rowStride: layout.rowStride)
  }

  /// An address for matrices without elements.
  nonisolated(unsafe) static let placeholder = unsafe UnsafePointer(
    UnsafeMutablePointer<Float>.allocate(capacity: 1))
}

/// Matrices that are written where they lie, in memory that the caller owns.
///
/// ## Safety
/// The buffer must stay alive, and nobody else may use it, during each call that gets the value.
@unsafe public struct ExternalMutableMatrix {
  /// The memory; element 0 is the first of row 0 of matrix 0.
  public let buffer: UnsafeMutableBufferPointer<Float>
  /// Sizes and strides.
  public let layout: MatrixLayout

  /// Matrices in a buffer that is large enough.
  ///
  /// - Parameters:
  ///   - buffer: at least `layout.extent` elements, any alignment.
  ///   - layout: sizes and strides; no element may belong to two matrices.
  /// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` for the buffer,
  ///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for matrices that overlap.
  public init(
    _ buffer: UnsafeMutableBufferPointer<Float>, _ layout: MatrixLayout
  ) throws(TarnError) {
    guard buffer.count >= layout.extent else {
      throw .shapeMismatch(
        operation: "ExternalMutableMatrix", argument: "buffer", found: [buffer.count],
        expected: [layout.extent])
    }
    guard layout.isDisjoint else {
      throw .invalidArgument(
        operation: "ExternalMutableMatrix", argument: "matrixStride",
        found: "\(layout.matrixStride)", expected: "matrices that share no element")
    }
    unsafe self.buffer = unsafe buffer
    unsafe self.layout = layout
  }

  /// Matrix `i` of the batch.
  func view(_ i: Int) -> MutableMatrixView {
    // SAFETY: as ExternalMatrix; what has no element is never written.
    let base =
      unsafe buffer.baseAddress ?? UnsafeMutablePointer(mutating: ExternalMatrix.placeholder)
    return unsafe MutableMatrixView(
      layout.extent == 0 ? base : base + i * layout.matrixStride, rows: layout.rows,
      columns: layout.columns, rowStride: layout.rowStride)
  }

  /// Whether the memory of these matrices and of others, gaps included, has bytes in common.
  func overlaps(_ other: ExternalMatrix) -> Bool {
    guard unsafe layout.extent > 0, unsafe other.layout.extent > 0,
      let mine = unsafe buffer.baseAddress, let theirs = unsafe other.buffer.baseAddress
    else { return false }
    let first = UInt(bitPattern: mine)
    let second = UInt(bitPattern: theirs)
    return unsafe first < second + UInt(other.layout.extent) * 4
      && second < first + UInt(layout.extent) * 4
  }
}
