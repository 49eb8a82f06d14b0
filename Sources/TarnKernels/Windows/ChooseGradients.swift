// Gradients of window maxima and minima: each upstream row goes to the extreme tokens.

import TarnKernelInterface

/// Takes a later row, or what is left of later rows, into an extreme and its token.
///
/// Of equal values, of two zeros, and of two NaN, the earlier stays; NaN is the extreme.
@inline(__always)
func takeExtreme(
  _ isMaximum: Bool, _ later: Lanes, _ laterToken: SIMD16<Int32>, _ best: inout Lanes,
  _ token: inout SIMD16<Int32>
) {
  // Better, or NaN where there was none.
  let isNoBetter = isMaximum ? later .<= best : later .>= best
  let isTaken = .!isNoBetter .& (best .== best)
  best.replace(with: later, where: isTaken)
  token.replace(with: laterToken, where: isTaken)
}

/// The token of the extreme of rows `first..<end`, in `count` columns from `j`.
@inline(__always)
private func extremeToken(
  _ isMaximum: Bool, _ x: MatrixView, _ first: Int, _ end: Int, at j: Int, count: Int
) -> SIMD16<Int32> {
  var row = x.row(first) + j
  var best = count == 16 ? Lanes(row) : Lanes(row, count: count, fill: 0)
  var token = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: first))
  var number = token
  var t = first &+ 1
  while t < end {
    row += x.rowStride
    number &+= 1
    takeExtreme(
      isMaximum, count == 16 ? Lanes(row) : Lanes(row, count: count, fill: 0), number, &best, &token)
    t &+= 1
  }
  return token
}

/// `dx[t] = dy[i]` where t is the first extreme token of window i, else 0, for windows that share no
/// token.
///
/// The gradient of ``poolAlone(_:_:windows:outputs:into:)`` for maxima and minima.
///
/// - Parameters:
///   - isMaximum: whether the extreme is the largest.
///   - x: `[tokens × columns]`, at most `Int32.max` tokens.
///   - windows: the windows, `length ≤ stride`.
///   - dy: `[windows × columns]`.
///   - dx: `[tokens × columns]`, distinct from both.
///
/// Of equal values the first token is chosen; NaN is the extreme. Exact. Cost: one read of `x` and of
/// `dy`, one write.
func chooseAlone(
  isMaximum: Bool, _ x: MatrixView, windows: TokenWindows, upstream dy: MatrixView,
  into dx: MutableMatrixView
) {
  if isMaximum {
    chooseDisjoint(true, x, windows, dy, dx)
  } else {
    chooseDisjoint(false, x, windows, dy, dx)
  }
}

@inline(__always)
private func chooseDisjoint(
  _ isMaximum: Bool, _ x: MatrixView, _ windows: TokenWindows, _ dy: MatrixView,
  _ dx: MutableMatrixView
) {
  var cleared = 0
  for i in 0..<dy.rows {
    let first = max(0, windows.first(i))
    let end = min(x.rows, windows.last(i) &+ 1)
    // Rows that no window holds.
    clear(dx, cleared..<max(cleared, first))
    cleared = end
    let gradient = dy.row(i)
    @inline(__always) func group(_ j: Int, _ count: Int) {
      let token = extremeToken(isMaximum, x, first, end, at: j, count: count)
      let p = gradient + j
      let g = count == 16 ? Lanes(p) : Lanes(p, count: count, fill: 0)
      var number = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: first))
      var target = dx.row(first) + j
      var t = first
      while t < end {
        let result = Lanes.zero.replacing(with: g, where: token .== number)
        if count == 16 { result.store(target) } else { result.store(target, count: count) }
        target += dx.rowStride
        number &+= 1
        t &+= 1
      }
    }
    var j = 0
    while j &+ 16 <= x.columns {
      group(j, 16)
      j &+= 16
    }
    if j < x.columns { group(j, x.columns &- j) }
  }
  clear(dx, cleared..<max(cleared, dx.rows))
}

/// `dx[t] = Σ dy[i]` over the windows i whose first extreme token is t, for short windows.
///
///     for each tile of tokens, and sixteen columns:
///       for each window that reaches it first:   token[i] = its extreme
///       for each token t:                        dx[t] = Σ dy[i] over its windows with token[i] = t
///
/// - Parameters:
///   - isMaximum: whether the extreme is the largest.
///   - x: `[tokens × columns]`, at most `Int32.max` tokens.
///   - windows: the windows.
///   - dy: `[windows × columns]`.
///   - dx: `[tokens × columns]`, distinct from both.
///   - scratch: ``WindowKernels/shortChoiceScratch(length:columns:)`` elements.
///
/// A token's sum is one chain from zero in the order of the windows, so the bits are those of
/// ``chooseBlocks(isMaximum:_:windows:upstream:into:scratch:)``. Of equal values the first token is
/// chosen; NaN is the extreme. Cost: a read of `x` and of `dy` for each token of a window, all but
/// one from L1, and five operations; one write.
func chooseShort(
  isMaximum: Bool, _ x: MatrixView, windows: TokenWindows, upstream dy: MatrixView,
  into dx: MutableMatrixView, scratch: UnsafeMutablePointer<Float>
) {
  if isMaximum {
    chooseInTiles(true, x, windows, dy, dx, scratch)
  } else {
    chooseInTiles(false, x, windows, dy, dx, scratch)
  }
}

@inline(__always)
private func chooseInTiles(
  _ isMaximum: Bool, _ x: MatrixView, _ windows: TokenWindows, _ dy: MatrixView,
  _ dx: MutableMatrixView, _ scratch: UnsafeMutablePointer<Float>
) {
  let tile = WindowKernels.shortChoiceTile
  let slots = WindowKernels.shortChoiceSlots(length: windows.length)
  // The first window that holds the tile's first token or a later one; the first not looked at.
  var alive = 0
  var next = 0
  var start = 0
  while start < x.rows {
    let end = min(x.rows, start &+ tile)
    let known = next
    next = max(known, min(dy.rows, windows.lastWindow(of: end &- 1) &+ 1))
    @inline(__always) func group(_ j: Int, _ count: Int) {
      let tokens = scratch + j &* slots
      @inline(__always) func slot(_ i: Int) -> UnsafeMutablePointer<Float> {
        tokens + (i & (slots &- 1)) &* 16
      }
      for i in known..<next {
        let token = extremeToken(
          isMaximum, x, max(0, windows.first(i)), min(x.rows, windows.last(i) &+ 1), at: j,
          count: count)
        unsafeBitCast(token, to: Lanes.self).store(slot(i))
      }
      var from = alive
      var to = alive
      for t in start..<end {
        while from < next && windows.last(from) < t { from &+= 1 }
        while to < next && windows.first(to) <= t { to &+= 1 }
        let number = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: t))
        var sum = Lanes.zero
        var gradient = dy.row(from) + j
        var i = from
        while i < to {
          let isHere = unsafeBitCast(Lanes(slot(i)), to: SIMD16<Int32>.self) .== number
          let g = count == 16 ? Lanes(gradient) : Lanes(gradient, count: count, fill: 0)
          sum.replace(with: sum + g, where: isHere)
          gradient += dy.rowStride
          i &+= 1
        }
        let target = dx.row(t) + j
        if count == 16 { sum.store(target) } else { sum.store(target, count: count) }
      }
    }
    var j = 0
    while j &+ 16 <= x.columns {
      group(j, 16)
      j &+= 16
    }
    if j < x.columns { group(j, x.columns &- j) }
    while alive < next && windows.last(alive) < end { alive &+= 1 }
    start = end
  }
}

/// Zeros in some rows.
@inline(__always)
func clear(_ x: MutableMatrixView, _ rows: Range<Int>) {
  for t in rows {
    let row = x.row(t)
    for j in 0..<x.columns { row[j] = 0 }
  }
}
