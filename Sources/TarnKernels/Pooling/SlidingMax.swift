// Maximum over a window of tokens.

import TarnKernelInterface

/// `y[t, j] = max x[u, j]` over `t - (w-1)/2 ≤ u ≤ t + w/2` inside the sequence, stride 1.
///
/// Positions outside the sequence are left out; they are not zero. With w = 3: the token and its
/// two neighbours (local max-pooling of arXiv:2110.02442).
///
/// - Parameters:
///   - x: `[tokens × columns]`: one whole sequence.
///   - window: the window w, at least 1.
///   - tokens: the rows of `y` to compute.
///   - y: `[tokens × columns]`, distinct from `x`.
///
/// Exact. NaN in a window gives NaN. Cost: `window` reads from L1 or L2, one write.
func slidingMax(_ x: MatrixView, window: Int, tokens: Range<Int>, into y: MutableMatrixView) {
  let before = (window &- 1) / 2
  let after = window / 2
  for t in tokens {
    let first = max(0, t &- before)
    let last = min(x.rows &- 1, t &+ min(after, x.rows))
    var j = 0
    while j &+ 16 <= x.columns {
      var m = Lanes(x.row(first) + j)
      var u = first &+ 1
      while u <= last {
        m = m.maximum(Lanes(x.row(u) + j))
        u &+= 1
      }
      m.store(y.row(t) + j)
      j &+= 16
    }
    while j < x.columns {
      var m = x.row(first)[j]
      var u = first &+ 1
      while u <= last {
        m = m.maximum(x.row(u)[j])
        u &+= 1
      }
      y.row(t)[j] = m
      j &+= 1
    }
  }
}

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
  let constant = Lanes(repeating: fill)
  for t in 0..<y.rows {
    let code = neighbours[t]
    let target = y.row(t)
    let centre = x.row(t &+ 1)
    @inline(__always) func larger(_ a: Lanes, _ b: Lanes) -> Lanes { a.maximum(b) }
    @inline(__always) func larger(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
      a.maximum(b).maximum(c)
    }
    @inline(__always) func same(_ a: Lanes) -> Lanes { a }
    @inline(__always) func filled(_ a: Lanes) -> Lanes { a.maximum(constant) }
    switch (code.hasLeftRow, code.hasRightRow) {
    case (true, true):
      map(centre, x.row(t), x.row(t &+ 2), into: target, count: x.columns, larger)
    case (true, false): map(centre, x.row(t), into: target, count: x.columns, larger)
    case (false, true): map(centre, x.row(t &+ 2), into: target, count: x.columns, larger)
    case (false, false): map(centre, into: target, count: x.columns, same)
    }
    if code.hasFill {
      map(target, into: target, count: x.columns, filled)
    }
  }
}
