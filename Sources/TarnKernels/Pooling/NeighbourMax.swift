// Maximum over a window of three whose neighbours may be constants.

import TarnKernelInterface

/// The window of three with neighbours that may be missing or stand for a constant.
///
///     y[t] = max(x[t], left(t), right(t))
///
/// `x` has one row more at either end: `x.row(t + 1)` belongs to token t. What a neighbour is, says
/// ``WindowNeighbours``: the row beside, the fill, or nothing. Needed where a masked or special
/// token takes part with a constant (PoNet, arXiv:2110.02442: -10000).
///
/// - Parameters:
///   - x: `[tokens + 2 × columns]`. A row beside that takes no part is not read.
///   - neighbours: one entry for each row of `y`.
///   - fill: the constant.
///   - y: `[tokens × columns]`, distinct from `x`.
///
/// Exact. NaN in a window gives NaN. Cost: three reads, two of them from cache, one write.
func neighbourMax(
  _ x: MatrixView, neighbours: UnsafePointer<WindowNeighbours>, fill: Float,
  into y: MutableMatrixView
) {
  for t in 0..<y.rows {
    let mayHaveNaN = neighbourMax(LargerFold.Numbers.self, x, t, neighbours[t], fill, y.row(t))
    if mayHaveNaN { _ = neighbourMax(LargerFold.self, x, t, neighbours[t], fill, y.row(t)) }
  }
}

/// Row `t`; whether a NaN may have been joined, if the fold is for numbers.
private func neighbourMax<F: WindowFold>(
  _ fold: F.Type, _ x: MatrixView, _ t: Int, _ code: WindowNeighbours, _ fill: Float,
  _ target: UnsafeMutablePointer<Float>
) -> Bool {
  let constant = Lanes(repeating: fill)
  let centre = x.row(t &+ 1)
  var watch = NaNWatch()
  watch.see(constant)
  @inline(__always) func two(_ a: Lanes, _ b: Lanes) -> Lanes {
    if F.isForNumbers { watch.see(b) }
    return F.join(a, b)
  }
  @inline(__always) func three(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
    if F.isForNumbers { watch.see(b + c) }
    return F.join(F.join(a, b), c)
  }
  @inline(__always) func same(_ a: Lanes) -> Lanes { a }
  @inline(__always) func filled(_ a: Lanes) -> Lanes { F.join(a, constant) }
  switch (code.hasLeftRow, code.hasRightRow) {
  case (true, true):
    map(centre, x.row(t), x.row(t &+ 2), into: target, count: x.columns, three)
  case (true, false): map(centre, x.row(t), into: target, count: x.columns, two)
  case (false, true): map(centre, x.row(t &+ 2), into: target, count: x.columns, two)
  case (false, false): map(centre, into: target, count: x.columns, same)
  }
  if code.hasFill {
    map(target, into: target, count: x.columns, filled)
  }
  return watch.mayHaveSeen
}
