// Segment maximum: rows with the same label, wherever they lie.

import TarnKernelInterface

/// `m[label(t), j] = max(m[label(t), j], x[t, j])` for each row t in order.
///
/// Segment max-pooling of Tan et al. 2022 (arXiv:2110.02442). Labels are arbitrary, so
/// a segment need not be contiguous. Call it for tile after tile; the maxima start at -∞.
///
/// - Parameters:
///   - x: `[tokens × columns]`.
///   - labels: one row number of `maxima` for each token; checked by the caller.
///   - maxima: `[segments × columns]`, updated.
///
/// Exact. NaN in a segment gives NaN; of +0 and -0 the first stays. Cost: one read of `x`; a
/// maximum is loaded and stored once for each token and stays in L1 while its segment lasts.
func segmentMax(
  _ x: MatrixView, labels: UnsafePointer<Int32>, into maxima: MutableMatrixView
) {
  for t in 0..<x.rows {
    let m = maxima.row(Int(labels[t]))
    @inline(__always) func larger(_ m: Lanes, _ x: Lanes) -> Lanes { m.maximum(x) }
    map(m, x.row(t), into: m, count: x.columns, larger)
  }
}
