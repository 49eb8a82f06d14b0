// The tensor of the operator layer: a row-major matrix of Float.

package import TarnKernelInterface
internal import TarnSystem

/// A row-major `rows × columns` matrix of 32-bit floats with value semantics.
///
/// Copies share their elements until one of them is written. ``rows(_:)`` and ``columns(_:)`` give
/// parts without a copy. A vector is a matrix of one row.
public struct Matrix: Sendable {
  /// Number of rows.
  public let rows: Int
  /// Number of columns.
  public let columns: Int
  /// Distance between rows in elements; more than the columns in a part of a wider matrix.
  public private(set) var rowStride: Int

  private var storage: Storage
  private var offset: Int

  /// A matrix of zeros.
  ///
  /// - Throws: ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a negative
  ///   size or one whose bytes do not fit an `Int`,
  ///   ``TarnError/outOfMemory(operation:bytes:)`` for one that does not fit the memory.
  public init(rows: Int, columns: Int) throws(TarnError) {
    let count = try Matrix.checkedCount(rows, columns)
    self.rows = rows
    self.columns = columns
    rowStride = columns
    storage = try Storage(zeros: count)
    offset = 0
  }

  /// A matrix with the given elements, row after row.
  ///
  /// - Throws: as ``init(rows:columns:)``, and
  ///   ``TarnError/shapeMismatch(operation:argument:found:expected:)`` if the count is not
  ///   `rows · columns`.
  public init(rows: Int, columns: Int, _ elements: [Float]) throws(TarnError) {
    let count = try Matrix.checkedCount(rows, columns)
    try checkShape("Matrix", "elements", [elements.count], [count])
    self.rows = rows
    self.columns = columns
    rowStride = columns
    storage = try Storage(elements)
    offset = 0
  }

  /// A matrix of one row whose elements are not set.
  ///
  /// - Throws: as ``init(rows:columns:)``.
  init(uninitializedRow columns: Int) throws(TarnError) {
    let count = try Matrix.checkedCount(1, columns)
    rows = 1
    self.columns = columns
    rowStride = columns
    storage = try Storage(uninitialized: count)
    offset = 0
  }

  /// The elements of matrices of one row, one after another, as one row.
  ///
  /// - Throws: as ``init(rows:columns:)``.
  init(joiningRows parts: [Matrix]) throws(TarnError) {
    try self.init(uninitializedRow: parts.reduce(0) { $0 + $1.columns })
    withMutableView { target in
      var start = 0
      for part in parts {
        part.withView { part in
          // SAFETY: the row has room for all parts.
          unsafe (target.base + start).update(from: part.base, count: part.columns)
        }
        start += part.columns
      }
    }
  }

  /// A matrix of one row.
  ///
  /// Traps where there is no memory for a second copy, as arrays do.
  public init(_ row: [Float]) {
    rows = 1
    columns = row.count
    rowStride = row.count
    storage = Matrix.present { () throws(TarnError) in try Storage(row) }
    offset = 0
  }

  private init(rows: Int, columns: Int, rowStride: Int, storage: Storage, offset: Int) {
    self.rows = rows
    self.columns = columns
    self.rowStride = rowStride
    self.storage = storage
    self.offset = offset
  }

  private static func checkedCount(_ rows: Int, _ columns: Int) throws(TarnError) -> Int {
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    let limit = Int.max / 8
    // The sides are limited apart, so that kernels can round them up; an empty matrix may have a
    // long one.
    guard (0...limit).contains(rows), (0...limit).contains(columns), !overflow, count <= limit
    else {
      throw .invalidArgument(
        operation: "Matrix", argument: "size", found: "\(rows) × \(columns)",
        expected: "sizes from 0 whose bytes fit an Int")
    }
    return count
  }

  /// Rows `range`, sharing their elements with this matrix.
  ///
  /// - Precondition: `range` lies within the rows, as for an array slice.
  public func rows(_ range: Range<Int>) -> Matrix {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of a matrix of \(rows)")
    return Matrix(
      rows: range.count, columns: columns, rowStride: rowStride, storage: storage,
      offset: range.isEmpty ? 0 : offset + range.lowerBound * rowStride)
  }

  /// Columns `range`, sharing their elements with this matrix.
  ///
  /// - Precondition: `range` lies within the columns, as for an array slice.
  public func columns(_ range: Range<Int>) -> Matrix {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= columns,
      "columns \(range) of a matrix of \(columns)")
    return Matrix(
      rows: rows, columns: range.count, rowStride: rowStride, storage: storage,
      offset: rows == 0 || range.isEmpty ? 0 : offset + range.lowerBound)
  }

  /// The same elements in rows of another length, sharing them with this matrix.
  ///
  /// - Precondition: they are one stretch of memory, and `rows · columns` of them.
  package func reshaped(rows: Int, columns: Int) -> Matrix {
    precondition(
      isContiguous && rows >= 0 && columns >= 0 && rows * columns == self.rows * self.columns,
      "\(rows) × \(columns) of a matrix of \(self.rows) × \(self.columns)")
    return Matrix(
      rows: rows, columns: columns, rowStride: columns, storage: storage, offset: offset)
  }

  /// Whether the elements are one stretch of memory.
  package var isContiguous: Bool { rowStride == columns || rows < 2 || columns == 0 }

  /// The element in row `i` and column `j`.
  ///
  /// - Precondition: both lie within the matrix, as for an array. For loops over many elements take
  ///   ``elements``.
  public subscript(i: Int, j: Int) -> Float {
    get {
      precondition(i >= 0 && i < rows && j >= 0 && j < columns, "element [\(i), \(j)]")
      // SAFETY: checked above; the storage holds all rows from the offset.
      return unsafe storage.base[offset + i * rowStride + j]
    }
    set {
      precondition(i >= 0 && i < rows && j >= 0 && j < columns, "element [\(i), \(j)]")
      makeUnique()
      // SAFETY: as above, and nobody else holds this storage.
      unsafe storage.base[offset + i * rowStride + j] = newValue
    }
  }

  /// All elements, row after row, as a copy.
  public var elements: [Float] {
    if isContiguous {
      // SAFETY: the storage holds rows · columns elements from the offset.
      return unsafe Array(UnsafeBufferPointer(start: storage.base + offset, count: rows * columns))
    }
    var elements: [Float] = []
    elements.reserveCapacity(rows * columns)
    for i in 0..<rows {
      // SAFETY: the storage holds all rows from the offset.
      unsafe elements.append(
        contentsOf: UnsafeBufferPointer(
          start: storage.base + offset + i * rowStride, count: columns))
    }
    return elements
  }

  /// Calls `body` with a view that must not outlive the call.
  @inline(__always)
  package func withView<R, E>(_ body: (MatrixView) throws(E) -> R) throws(E) -> R {
    // SAFETY: the storage outlives the call; it holds all rows from the offset.
    try unsafe body(
      MatrixView(storage.base + offset, rows: rows, columns: columns, rowStride: rowStride))
  }

  /// Calls `body` with a writable view that must not outlive the call; copies shared elements first.
  @inline(__always)
  package mutating func withMutableView<R, E>(
    _ body: (MutableMatrixView) throws(E) -> R
  ) throws(E) -> R {
    makeUnique()
    // SAFETY: as withView, and nobody else holds this storage.
    return try unsafe body(
      MutableMatrixView(storage.base + offset, rows: rows, columns: columns, rowStride: rowStride))
  }

  private mutating func makeUnique() {
    if !isKnownUniquelyReferenced(&storage) {
      let shared = storage
      storage = Matrix.present { () throws(TarnError) in
        try isContiguous
          ? Storage(copying: shared, from: offset, count: rows * columns) : Storage(elements)
      }
      rowStride = columns
      offset = 0
    }
  }

  /// What `make` gives; traps if it throws, where the language leaves no way to throw.
  private static func present<Value>(_ make: () throws(TarnError) -> Value) -> Value {
    do {
      return try make()
    } catch {
      fatalError(error.description)
    }
  }
}

/// Owns the elements of a matrix, aligned to a cache line.
///
/// The only owner of a pointer in this module. Sendable because a `Matrix` writes only while it
/// holds the one reference.
@safe private final class Storage: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  private let byteCount: Int

  init(uninitialized count: Int) throws(TarnError) {
    byteCount = count * 4
    guard let memory = unsafe Memory.allocate(byteCount) else {
      throw .outOfMemory(operation: "Matrix", bytes: byteCount)
    }
    // SAFETY: the caller sets all elements before it reads one.
    unsafe base = memory.bindMemory(to: Float.self, capacity: count)
  }

  convenience init(zeros count: Int) throws(TarnError) {
    try self.init(uninitialized: count)
    // SAFETY: room for count elements was allocated.
    if !Memory.isZero(byteCount) { unsafe base.initialize(repeating: 0, count: count) }
  }

  convenience init(_ elements: [Float]) throws(TarnError) {
    try self.init(uninitialized: elements.count)
    unsafe elements.withUnsafeBufferPointer { source in
      // SAFETY: both sides hold source.count elements.
      if let start = source.baseAddress {
        unsafe base.initialize(from: start, count: source.count)
      }
    }
  }

  convenience init(copying other: Storage, from offset: Int, count: Int) throws(TarnError) {
    try self.init(uninitialized: count)
    // SAFETY: other holds at least offset + count elements.
    unsafe base.initialize(from: other.base + offset, count: count)
  }

  deinit {
    // SAFETY: allocated in init; Float needs no deinitialisation.
    unsafe Memory.deallocate(base, byteCount)
  }
}

extension Matrix {
  /// Fills row i with `values[i]`.
  ///
  /// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``.
  package mutating func fillRows(_ values: [Float]) throws(TarnError) {
    try checkShape("fillRows", "values", [values.count], [rows])
    withMutableView { view in
      for i in 0..<view.rows {
        // SAFETY: row i holds columns elements.
        unsafe view.row(i).update(repeating: values[i], count: view.columns)
      }
    }
  }

  /// Copies row `source` over row `target`.
  ///
  /// - Throws: ``TarnError/invalidArgument(operation:argument:found:expected:)``.
  package mutating func copyRow(_ source: Int, to target: Int) throws(TarnError) {
    try Matrix.checkRows(source, of: rows, to: target, of: rows)
    withMutableView { view in
      // SAFETY: both rows hold columns elements; equal rows need no copy.
      if source != target {
        unsafe view.row(target).update(from: view.row(source), count: view.columns)
      }
    }
  }

  /// Copies row `source` of another matrix over row `target`.
  ///
  /// - Throws: ``TarnError``, also if the columns differ.
  package mutating func copyRow(
    from other: Matrix, _ source: Int, to target: Int
  ) throws(TarnError) {
    try checkShape("copyRow", "columns", [other.columns], [columns])
    try Matrix.checkRows(source, of: other.rows, to: target, of: rows)
    other.withView { other in
      withMutableView { view in
        // SAFETY: both rows hold columns elements; the matrices share no storage any more.
        unsafe view.row(target).update(from: other.row(source), count: view.columns)
      }
    }
  }

  /// Copies row i of another matrix over row `targets[i]`, for all of its rows in order.
  ///
  /// - Throws: ``TarnError``, also if the columns differ.
  package mutating func copyRows(
    from other: Matrix, to targets: [Int]
  ) throws(TarnError) {
    try checkShape("copyRows", "columns", [other.columns], [columns])
    try checkShape("copyRows", "targets", [targets.count], [other.rows])
    for (source, target) in targets.enumerated() {
      try Matrix.checkRows(source, of: other.rows, to: target, of: rows)
    }
    other.withView { other in
      withMutableView { view in
        for (source, target) in targets.enumerated() {
          // SAFETY: both rows hold columns elements; the matrices share no storage any more.
          unsafe view.row(target).update(from: other.row(source), count: view.columns)
        }
      }
    }
  }

  private static func checkRows(
    _ source: Int, of sources: Int, to target: Int, of targets: Int
  ) throws(TarnError) {
    guard (0..<sources).contains(source), (0..<targets).contains(target) else {
      throw .invalidArgument(
        operation: "copyRow", argument: "row", found: "\(source) to \(target)",
        expected: "rows below \(sources) and \(targets)")
    }
  }
}
