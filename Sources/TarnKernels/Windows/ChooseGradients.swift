// Gradients of window maxima and minima: each upstream row goes to the extreme tokens.

import TarnKernelInterface

/// `dx[t] = Σ dy[i]` over the windows i whose first extreme token is t, each window by itself.
///
/// The gradient of ``poolAlone(_:_:windows:outputs:into:)`` for maxima and minima: for short windows,
/// and for windows that share no token.
///
/// - Parameters:
///   - isMaximum: whether the extreme is the largest.
///   - x: `[tokens × columns]`.
///   - windows: the windows.
///   - overlapping: whether windows may share tokens; then a token's sum is one chain from zero in
///     the order of the windows, else one copy.
///   - dy: `[windows × columns]`.
///   - dx: `[tokens × columns]`, distinct from both.
///
/// Of equal values the first token is chosen; NaN is the extreme. Cost: two reads of `x` for each
/// token of a window, all but one from cache, one of `dy`, one write; overlapping, a read and a write
/// from cache for each token of a window.
func chooseAlone(
  isMaximum: Bool, _ x: MatrixView, windows: TokenWindows, overlapping: Bool,
  upstream dy: MatrixView, into dx: MutableMatrixView
) {
  switch (isMaximum, overlapping) {
  case (true, true): choose(LargerFold.self, x, windows, true, dy, dx)
  case (true, false): choose(LargerFold.self, x, windows, false, dy, dx)
  case (false, true): choose(SmallerFold.self, x, windows, true, dy, dx)
  case (false, false): choose(SmallerFold.self, x, windows, false, dy, dx)
  }
}

@inline(__always)
private func choose<F: WindowFold>(
  _ fold: F.Type, _ x: MatrixView, _ windows: TokenWindows, _ overlapping: Bool, _ dy: MatrixView,
  _ dx: MutableMatrixView
) {
  var cleared = 0
  for i in 0..<dy.rows {
    let first = max(0, windows.first(i))
    let end = min(x.rows, windows.last(i) &+ 1)
    // Rows that are added to, or that no window holds.
    clear(dx, cleared..<max(cleared, overlapping ? end : first))
    cleared = end
    var j = 0
    while j < x.columns {
      let count = min(16, x.columns &- j)
      @inline(__always) func columns(_ p: UnsafePointer<Float>) -> Lanes {
        count == 16 ? Lanes(p + j) : Lanes(p + j, count: count, fill: 0)
      }
      var best = columns(x.row(first))
      var t = first &+ 1
      while t < end {
        best = F.join(best, columns(x.row(t)))
        t &+= 1
      }
      // What is left of the row once it has gone to a token.
      var gradient = columns(dy.row(i))
      t = first
      while t < end {
        let value = columns(x.row(t))
        let isChosen = (value .== best) .| (value .!= value)
        let target = dx.row(t)
        var result = Lanes.zero
        if overlapping {
          let before = columns(UnsafePointer(target))
          result = before.replacing(with: before + gradient, where: isChosen)
        } else {
          result = result.replacing(with: gradient, where: isChosen)
        }
        gradient = gradient.replacing(with: Lanes.zero, where: isChosen)
        if count == 16 { result.store(target + j) } else { result.store(target + j, count: count) }
        t &+= 1
      }
      j &+= 16
    }
  }
  clear(dx, cleared..<max(cleared, dx.rows))
}

/// Zeros in some rows.
@inline(__always)
func clear(_ x: MutableMatrixView, _ rows: Range<Int>) {
  for t in rows {
    let row = x.row(t)
    for j in 0..<x.columns { row[j] = 0 }
  }
}
