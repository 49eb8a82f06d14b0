// Matrices as files hold them.

internal import TarnKernelInterface

/// A row-major matrix as a file holds it: little-endian, at any address.
@unsafe package struct StoredMatrix {
  private let bytes: UnsafeRawBufferPointer
  private let format: HalfPrecision?
  /// Number of rows.
  let rows: Int
  /// Number of columns.
  let columns: Int

  /// A matrix in memory that the caller owns and has found large enough.
  ///
  /// - Parameters:
  ///   - bytes: the elements, row after row.
  ///   - format: of elements of sixteen bits; nil: Float.
  ///   - rows: number of rows.
  ///   - columns: number of columns.
  package init(_ bytes: UnsafeRawBufferPointer, _ format: HalfPrecision?, rows: Int, columns: Int) {
    unsafe self.bytes = bytes
    unsafe self.format = format
    unsafe self.rows = rows
    unsafe self.columns = columns
  }

  /// Calls `body` with some rows: where they lie if they are Float there, else widened.
  func withRows(_ range: Range<Int>, _ kernels: MemoryKernels, _ body: (MatrixView) -> Void) {
    let (count, columns) = unsafe (range.count * columns, columns)
    let size = unsafe format == nil ? 4 : 2
    let start = range.lowerBound * columns * size
    let source = unsafe bytes.baseAddress.map { unsafe $0 + start }
    func call(_ first: UnsafePointer<Float>) {
      unsafe body(MatrixView(first, rows: range.count, columns: columns, rowStride: columns))
    }
    if let source = unsafe source, unsafe format == nil, UInt(bitPattern: source) % 4 == 0 {
      // SAFETY: the rows lie in memory that the maker of this matrix vouches for.
      unsafe call(source.assumingMemoryBound(to: Float.self))
      return
    }
    unsafe withScratch(Float.self, count) { rows in
      // SAFETY: the scratch holds these rows; a matrix without address has none.
      if let source = unsafe source {
        switch unsafe format {
        case .bfloat16: unsafe kernels.widenBFloat16(source, rows, count)
        case .float16: unsafe kernels.widenFloat16(source, rows, count)
        case nil:
          unsafe UnsafeMutableRawPointer(rows).copyMemory(from: source, byteCount: count * size)
        }
      }
      unsafe call(rows)
    }
  }
}

extension Matrix {
  /// The elements of a stored matrix.
  ///
  /// - Throws: as ``init(rows:columns:)``.
  ///
  /// ## Safety
  /// The bytes of `stored` must stay readable during the call.
  @unsafe package init(_ stored: StoredMatrix, on execution: Execution) throws(TarnError) {
    unsafe try self.init(rows: stored.rows, columns: stored.columns)
    let kernels = execution.table.memory
    withMutableView { target in
      // SAFETY: the target has the shape of what is stored.
      unsafe stored.withRows(0..<target.rows, kernels) { source in
        unsafe target.base.update(from: source.base, count: target.rows * target.columns)
      }
    }
  }
}
