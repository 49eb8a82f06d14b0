// What crosses the border between the operator layer and the kernels: plain views and sizes.
// Everything here is trivial; nothing owns memory.

/// A row-major matrix that is only read: `rows × columns`, consecutive rows `rowStride` apart.
///
/// ## Safety
/// `base` must be readable for `(rows - 1) * rowStride + columns` elements while the view is used.
/// The layer that made the view has checked it.
public struct MatrixView: @unchecked Sendable {
  /// The first element of row 0; any alignment.
  public var base: UnsafePointer<Float>
  /// Number of rows.
  public var rows: Int
  /// Number of columns.
  public var columns: Int
  /// Distance between the starts of consecutive rows, in elements (BLAS: lda).
  public var rowStride: Int

  /// A view of memory that the caller owns; nothing is copied or checked.
  @inlinable @inline(__always)
  public init(_ base: UnsafePointer<Float>, rows: Int, columns: Int, rowStride: Int) {
    self.base = base
    self.rows = rows
    self.columns = columns
    self.rowStride = rowStride
  }

  /// The first element of row `i`; not checked.
  @inlinable @inline(__always)
  public func row(_ i: Int) -> UnsafePointer<Float> { base + i &* rowStride }

  /// Rows `range`, without a copy; not checked.
  @inlinable @inline(__always)
  public subscript(rows range: Range<Int>) -> MatrixView {
    MatrixView(
      row(range.lowerBound), rows: range.upperBound &- range.lowerBound, columns: columns,
      rowStride: rowStride)
  }

  /// Columns `range`, without a copy; not checked.
  @inlinable @inline(__always)
  public subscript(columns range: Range<Int>) -> MatrixView {
    MatrixView(
      base + range.lowerBound, rows: rows, columns: range.upperBound &- range.lowerBound,
      rowStride: rowStride)
  }
}

/// A row-major matrix that is written.
///
/// ## Safety
/// As ``MatrixView``, and writable; no other view of the same elements is used at the same time
/// unless the kernel says that two of its arguments may be the same.
public struct MutableMatrixView: @unchecked Sendable {
  /// The first element of row 0; any alignment.
  public var base: UnsafeMutablePointer<Float>
  /// Number of rows.
  public var rows: Int
  /// Number of columns.
  public var columns: Int
  /// Distance between the starts of consecutive rows, in elements (BLAS: ldc).
  public var rowStride: Int

  /// A view of memory that the caller owns; nothing is copied or checked.
  @inlinable @inline(__always)
  public init(_ base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, rowStride: Int) {
    self.base = base
    self.rows = rows
    self.columns = columns
    self.rowStride = rowStride
  }

  /// The first element of row `i`; not checked.
  @inlinable @inline(__always)
  public func row(_ i: Int) -> UnsafeMutablePointer<Float> { base + i &* rowStride }

  /// Rows `range`, without a copy; not checked.
  @inlinable @inline(__always)
  public subscript(rows range: Range<Int>) -> MutableMatrixView {
    MutableMatrixView(
      row(range.lowerBound), rows: range.upperBound &- range.lowerBound, columns: columns,
      rowStride: rowStride)
  }

  /// Columns `range`, without a copy; not checked.
  @inlinable @inline(__always)
  public subscript(columns range: Range<Int>) -> MutableMatrixView {
    MutableMatrixView(
      base + range.lowerBound, rows: rows, columns: range.upperBound &- range.lowerBound,
      rowStride: rowStride)
  }

  /// The same elements, only read.
  @inlinable @inline(__always)
  public var readOnly: MatrixView {
    MatrixView(UnsafePointer(base), rows: rows, columns: columns, rowStride: rowStride)
  }
}

/// A matrix with any strides that is only read: element [i, j] is at `i·rowStride + j·columnStride`.
///
/// ## Safety
/// Each element must be readable while the view is used. The layer that made the view has checked it.
public struct StridedView: @unchecked Sendable {
  /// Element [0, 0]; any alignment.
  public var base: UnsafePointer<Float>
  /// Number of rows.
  public var rows: Int
  /// Number of columns.
  public var columns: Int
  /// Distance between rows in elements; may be negative or 0.
  public var rowStride: Int
  /// Distance between columns in elements; may be negative or 0.
  public var columnStride: Int

  /// A view of memory that the caller owns; nothing is copied or checked.
  @inlinable @inline(__always)
  public init(
    _ base: UnsafePointer<Float>, rows: Int, columns: Int, rowStride: Int, columnStride: Int
  ) {
    self.base = base
    self.rows = rows
    self.columns = columns
    self.rowStride = rowStride
    self.columnStride = columnStride
  }

  /// The same elements with rows for columns.
  @inlinable @inline(__always)
  public var transposed: StridedView {
    StridedView(
      base, rows: columns, columns: rows, rowStride: columnStride, columnStride: rowStride)
  }

  /// Some rows and columns, without a copy; not checked.
  @inlinable @inline(__always)
  public subscript(rows: Range<Int>, columns: Range<Int>) -> StridedView {
    StridedView(
      base + (rows.lowerBound &* rowStride &+ columns.lowerBound &* columnStride),
      rows: rows.upperBound &- rows.lowerBound, columns: columns.upperBound &- columns.lowerBound,
      rowStride: rowStride, columnStride: columnStride)
  }

  /// The same elements, whose column stride is 1; not checked.
  @inlinable @inline(__always)
  public var rowMajor: MatrixView {
    MatrixView(base, rows: rows, columns: columns, rowStride: rowStride)
  }
}

/// A matrix with any strides that is written.
///
/// ## Safety
/// As ``StridedView``, writable, and no two elements at one place.
public struct MutableStridedView: @unchecked Sendable {
  /// Element [0, 0]; any alignment.
  public var base: UnsafeMutablePointer<Float>
  /// Number of rows.
  public var rows: Int
  /// Number of columns.
  public var columns: Int
  /// Distance between rows in elements; may be negative.
  public var rowStride: Int
  /// Distance between columns in elements; may be negative.
  public var columnStride: Int

  /// A view of memory that the caller owns; nothing is copied or checked.
  @inlinable @inline(__always)
  public init(
    _ base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, rowStride: Int,
    columnStride: Int
  ) {
    self.base = base
    self.rows = rows
    self.columns = columns
    self.rowStride = rowStride
    self.columnStride = columnStride
  }

  /// The same elements with rows for columns.
  @inlinable @inline(__always)
  public var transposed: MutableStridedView {
    MutableStridedView(
      base, rows: columns, columns: rows, rowStride: columnStride, columnStride: rowStride)
  }

  /// Some rows and columns, without a copy; not checked.
  @inlinable @inline(__always)
  public subscript(rows: Range<Int>, columns: Range<Int>) -> MutableStridedView {
    MutableStridedView(
      base + (rows.lowerBound &* rowStride &+ columns.lowerBound &* columnStride),
      rows: rows.upperBound &- rows.lowerBound, columns: columns.upperBound &- columns.lowerBound,
      rowStride: rowStride, columnStride: columnStride)
  }

  /// The same elements, whose column stride is 1; not checked.
  @inlinable @inline(__always)
  public var rowMajor: MutableMatrixView {
    MutableMatrixView(base, rows: rows, columns: columns, rowStride: rowStride)
  }

  /// The same elements, only read.
  @inlinable @inline(__always)
  public var readOnly: StridedView {
    StridedView(
      UnsafePointer(base), rows: rows, columns: columns, rowStride: rowStride,
      columnStride: columnStride)
  }
}
