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
/// Exact. NaN in a segment gives NaN; of +0 and -0 the first stays. Cost: one read of `x`; of a run
/// with one label in up to 2 MB four rows are taken in a sweep, and their maxima stay in L1.
func segmentMax(
  _ x: MatrixView, labels: UnsafePointer<Int32>, into maxima: MutableMatrixView
) {
  // What no cache near by holds is read fastest as one stream, row after row.
  let isNear = x.rows &* x.columns <= 1 &<< 19
  var t = 0
  while t < x.rows {
    let label = labels[t]
    let m = maxima.row(Int(label))
    if isNear && t &+ 4 <= x.rows && labels[t &+ 1] == label && labels[t &+ 2] == label
      && labels[t &+ 3] == label
    {
      let rows = x[rows: t..<t &+ 4]
      let mayHaveNaN = takeFour(LargerFold.Numbers.self, rows, into: m)
      // Maxima without NaN are less than those with it: to take the rows again is right.
      if mayHaveNaN { _ = takeFour(LargerFold.self, rows, into: m) }
      t &+= 4
    } else {
      @inline(__always) func larger(_ m: Lanes, _ x: Lanes) -> Lanes { m.maximum(x) }
      map(m, x.row(t), into: m, count: x.columns, larger)
      t &+= 1
    }
  }
}

/// Four rows in order; whether one may hold a NaN, if the fold is for numbers.
private func takeFour<F: WindowFold>(
  _ fold: F.Type, _ x: MatrixView, into m: UnsafeMutablePointer<Float>
) -> Bool {
  let (a, b, c, d) = (x.row(0), x.row(1), x.row(2), x.row(3))
  var watch = NaNWatch()
  @inline(__always) func larger(
    _ m: Lanes, _ a: Lanes, _ b: Lanes, _ c: Lanes, _ d: Lanes
  ) -> Lanes {
    if F.isForNumbers { watch.see((a + b) + (c + d)) }
    return F.join(F.join(F.join(F.join(m, a), b), c), d)
  }
  var j = 0
  while j &+ 16 <= x.columns {
    larger(Lanes(m + j), Lanes(a + j), Lanes(b + j), Lanes(c + j), Lanes(d + j)).store(m + j)
    j &+= 16
  }
  if j < x.columns {
    let rest = x.columns &- j
    @inline(__always) func tail(_ p: UnsafePointer<Float>) -> Lanes {
      Lanes(p + j, count: rest, fill: 0)
    }
    larger(tail(m), tail(a), tail(b), tail(c), tail(d)).store(m + j, count: rest)
  }
  return watch.mayHaveSeenNaN
}
