// Embedding gather.

import TarnKernelInterface

/// `y[i] = table[indices[i]]`, or `y[i] + table[indices[i]]`.
///
/// - Parameters:
///   - table: `[entries × columns]`.
///   - indices: one row number for each row of `y`; checked by the caller.
///   - adding: whether the row is added to what `y` holds.
///   - y: `[rows × columns]`.
///
/// A copy is exact, a sum is rounded once. Cost: one read, one write; bound by memory. Rows are copied by
/// the standard library.
func gather(
  _ table: MatrixView, indices: UnsafePointer<Int32>, adding: Bool, into y: MutableMatrixView
) {
  for i in 0..<y.rows {
    let source = table.row(Int(indices[i]))
    let target = y.row(i)
    if adding {
      @inline(__always) func plus(_ y: Lanes, _ x: Lanes) -> Lanes { y + x }
      map(target, source, into: target, count: y.columns, plus)
    } else {
      target.update(from: source, count: y.columns)
    }
  }
}
