// Rows that are repeated over the tokens of their windows.

import TarnKernelInterface

/// `y[t] = x[i]` for each token t of window i, for windows that share no token; 0 elsewhere.
///
/// Upsampling by repeat, and the transpose of ``poolAlone(_:_:windows:outputs:into:)`` for sums and
/// means.
///
/// - Parameters:
///   - x: `[windows × columns]`. A window that `x` has no row for counts as zero.
///   - windows: the windows, `before + after < stride`.
///   - divided: whether rows are multiplied by the rounded reciprocal of their window's tokens.
///   - adding: whether the rows are added to what `y` holds.
///   - tokens: the rows of `y` to compute.
///   - y: `[tokens × columns]`: the whole sequence, distinct from `x`.
///
/// A copy is exact; dividing rounds once beside the reciprocal, adding once. Cost: one read, one
/// write.
func spreadAlone(
  _ x: MatrixView, windows: TokenWindows, divided: Bool, adding: Bool, tokens: Range<Int>,
  into y: MutableMatrixView
) {
  @inline(__always) func same(_ x: Lanes) -> Lanes { x }
  @inline(__always) func plus(_ y: Lanes, _ x: Lanes) -> Lanes { y + x }
  for t in tokens {
    let i = windows.lastWindow(of: t)
    let target = y.row(t)
    guard i < x.rows, t <= windows.last(i) else {
      if !adding { for j in 0..<y.columns { target[j] = 0 } }
      continue
    }
    if divided {
      let weight = Lanes(repeating: 1 / Float(windows.count(i, tokens: y.rows)))
      @inline(__always) func scaled(_ x: Lanes) -> Lanes { x * weight }
      @inline(__always) func plusScaled(_ y: Lanes, _ x: Lanes) -> Lanes { y + x * weight }
      if adding {
        map(target, x.row(i), into: target, count: y.columns, plusScaled)
      } else {
        map(x.row(i), into: target, count: y.columns, scaled)
      }
    } else if adding {
      map(target, x.row(i), into: target, count: y.columns, plus)
    } else {
      map(x.row(i), into: target, count: y.columns, same)
    }
  }
}
