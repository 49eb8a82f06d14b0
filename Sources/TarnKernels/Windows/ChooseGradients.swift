// Gradients of window maxima and minima: each upstream row goes to the extreme tokens.

import TarnKernelInterface

/// Which extreme is looked for.
protocol ExtremeOrder {
  /// Where a later number is no better; false where one of the two is NaN.
  static func isNoBetter(_ later: Lanes, than best: Lanes) -> SIMDMask<SIMD16<Int32>>
}

enum LargestFirst: ExtremeOrder {
  @inline(__always)
  static func isNoBetter(_ later: Lanes, than best: Lanes) -> SIMDMask<SIMD16<Int32>> {
    later .<= best
  }
}

enum SmallestFirst: ExtremeOrder {
  @inline(__always)
  static func isNoBetter(_ later: Lanes, than best: Lanes) -> SIMDMask<SIMD16<Int32>> {
    later .>= best
  }
}

/// Takes a later row, or what is left of later rows, into an extreme and its token.
///
/// Of equal values, of two zeros, and of two NaN, the earlier stays; NaN is the extreme.
@inline(__always)
func takeExtreme<E: ExtremeOrder>(
  _ order: E.Type, _ later: Lanes, _ laterToken: SIMD16<Int32>, _ best: inout Lanes,
  _ token: inout SIMD16<Int32>
) {
  // Better, or NaN where there was none.
  let isTaken = .!E.isNoBetter(later, than: best) .& (best .== best)
  best.replace(with: later, where: isTaken)
  token.replace(with: laterToken, where: isTaken)
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
    chooseDisjoint(LargestFirst.self, x, windows, dy, dx)
  } else {
    chooseDisjoint(SmallestFirst.self, x, windows, dy, dx)
  }
}

private func chooseDisjoint<E: ExtremeOrder>(
  _ order: E.Type, _ x: MatrixView, _ windows: TokenWindows, _ dy: MatrixView,
  _ dx: MutableMatrixView
) {
  var cleared = 0
  for i in 0..<dy.rows {
    let first = max(0, windows.first(i))
    let end = min(x.rows, windows.last(i) &+ 1)
    // Rows that no window holds.
    clear(dx, cleared..<max(cleared, first))
    cleared = end
    var j = 0
    while j < x.columns {
      chooseOne(
        order, x[rows: first..<end], dy.row(i), dx.row(first), stride: dx.rowStride, at: j,
        count: min(16, x.columns &- j))
      j &+= 16
    }
  }
  clear(dx, cleared..<max(cleared, dx.rows))
}

/// The rows of one window, `count` columns from `j`.
private func chooseOne<E: ExtremeOrder>(
  _ order: E.Type, _ x: MatrixView, _ dy: UnsafePointer<Float>,
  _ dx: UnsafeMutablePointer<Float>, stride: Int, at j: Int, count: Int
) {
  var best = columns(x.base, at: j, count: count)
  var number = SIMD16<Int32>.zero
  var token = number
  for t in 1..<max(1, x.rows) {
    number &+= 1
    takeExtreme(order, columns(x.row(t), at: j, count: count), number, &best, &token)
  }
  let gradient = columns(dy, at: j, count: count)
  number = .zero
  for t in 0..<x.rows {
    store(
      Lanes.zero.replacing(with: gradient, where: token .== number), dx + t &* stride, at: j,
      count: count)
    number &+= 1
  }
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
    chooseInTiles(LargestFirst.self, x, windows, dy, dx, scratch)
  } else {
    chooseInTiles(SmallestFirst.self, x, windows, dy, dx, scratch)
  }
}

private func chooseInTiles<E: ExtremeOrder>(
  _ order: E.Type, _ x: MatrixView, _ windows: TokenWindows, _ dy: MatrixView,
  _ dx: MutableMatrixView, _ scratch: UnsafeMutablePointer<Float>
) {
  let slots = WindowKernels.shortChoiceSlots(length: windows.length)
  // The first window that holds the tile's first token or a later one; the first not looked at.
  var alive = 0
  var next = 0
  var start = 0
  while start < x.rows {
    let tile = start..<min(x.rows, start &+ WindowKernels.shortChoiceTile)
    let known = next
    next = max(known, min(dy.rows, windows.lastWindow(of: tile.upperBound &- 1) &+ 1))
    var j = 0
    while j < x.columns {
      let count = min(16, x.columns &- j)
      let tokens = scratch + j &* slots
      findTokens(order, x, windows, known..<next, into: tokens, slots: slots, at: j, count: count)
      pullGradients(
        windows, alive..<next, tokens, slots: slots, dy, tile, into: dx, at: j, count: count)
      j &+= 16
    }
    while alive < next && windows.last(alive) < tile.upperBound { alive &+= 1 }
    start = tile.upperBound
  }
}

/// The extreme tokens of some windows, each to its slot of sixteen columns.
private func findTokens<E: ExtremeOrder>(
  _ order: E.Type, _ x: MatrixView, _ windows: TokenWindows, _ range: Range<Int>,
  into tokens: UnsafeMutablePointer<Float>, slots: Int, at j: Int, count: Int
) {
  for i in range {
    var t = max(0, windows.first(i))
    let end = min(x.rows, windows.last(i) &+ 1)
    var best = columns(x.row(t), at: j, count: count)
    var number = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: t))
    var token = number
    t &+= 1
    while t < end {
      number &+= 1
      takeExtreme(order, columns(x.row(t), at: j, count: count), number, &best, &token)
      t &+= 1
    }
    unsafeBitCast(token, to: Lanes.self).store(tokens + (i & (slots &- 1)) &* 16)
  }
}

/// The gradients of a tile's tokens from the windows of `range`.
private func pullGradients(
  _ windows: TokenWindows, _ range: Range<Int>, _ tokens: UnsafePointer<Float>, slots: Int,
  _ dy: MatrixView, _ tile: Range<Int>, into dx: MutableMatrixView, at j: Int, count: Int
) {
  var from = range.lowerBound
  var to = from
  var number = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: tile.lowerBound))
  for t in tile {
    while from < range.upperBound && windows.last(from) < t { from &+= 1 }
    while to < range.upperBound && windows.first(to) <= t { to &+= 1 }
    var sum = Lanes.zero
    var i = from
    while i < to {
      let token = unsafeBitCast(Lanes(tokens + (i & (slots &- 1)) &* 16), to: SIMD16<Int32>.self)
      sum.replace(with: sum + columns(dy.row(i), at: j, count: count), where: token .== number)
      i &+= 1
    }
    store(sum, dx.row(t), at: j, count: count)
    number &+= 1
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
