// Gradients of window maxima and minima: each upstream row goes to the extreme tokens.

import TarnKernelInterface

/// Which extreme is looked for.
protocol ExtremeOrder {
  /// The same for rows without NaN.
  associatedtype Numbers: ExtremeOrder
  /// Where a later element is better; of equal ones, of two zeros, and of two NaN, none is.
  static func isBetter(_ later: Lanes, than best: Lanes) -> SIMDMask<SIMD16<Int32>>
}

enum LargestFirst: ExtremeOrder {
  /// Greater, or NaN where there was none.
  @inline(__always)
  static func isBetter(_ later: Lanes, than best: Lanes) -> SIMDMask<SIMD16<Int32>> {
    .!(later .<= best) .& (best .== best)
  }

  enum Numbers: ExtremeOrder {
    typealias Numbers = Self
    @inline(__always)
    static func isBetter(_ later: Lanes, than best: Lanes) -> SIMDMask<SIMD16<Int32>> {
      later .> best
    }
  }
}

enum SmallestFirst: ExtremeOrder {
  /// Less, or NaN where there was none.
  @inline(__always)
  static func isBetter(_ later: Lanes, than best: Lanes) -> SIMDMask<SIMD16<Int32>> {
    .!(later .>= best) .& (best .== best)
  }

  enum Numbers: ExtremeOrder {
    typealias Numbers = Self
    @inline(__always)
    static func isBetter(_ later: Lanes, than best: Lanes) -> SIMDMask<SIMD16<Int32>> {
      later .< best
    }
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
  let isTaken = E.isBetter(later, than: best)
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
///     for each tile of tokens:
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
/// chosen; NaN is the extreme. Windows of three, one token apart, need no tokens: a row is compared
/// with the four around it. Of longer ones four neighbours share what is common to them. Cost: reads of
/// `x` and of `dy` for each token of a window, all but one from L1 or L2; one write.
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
  // Rows before `seen` were searched for NaN; after `lastNaN` there is none among them.
  var seen = 0
  var lastNaN = -1
  func search(before end: Int) {
    guard seen < end else { return }
    let rows = seen..<min(x.rows, max(end, seen &+ WindowKernels.shortChoiceTile))
    if mayHoldNaN(x[rows: rows]) { lastNaN = rows.upperBound &- 1 }
    seen = rows.upperBound
  }
  if windows.stride == 1 && windows.before == 1 && windows.after == 1 && x.rows > 4 {
    // Tokens whose windows are all full.
    let inner = 2..<x.rows &- 2
    chooseTile(order, x, windows, new: 0..<3, 0..<3, 0..<2, dy, dx, scratch)
    for t in inner {
      search(before: t &+ 3)
      let (five, three) = (x[rows: t &- 2..<t &+ 3], dy[rows: t &- 1..<t &+ 2])
      if lastNaN < t &- 2 {
        chooseAmongFive(E.Numbers.self, five, three, into: dx.row(t))
      } else {
        chooseAmongFive(order, five, three, into: dx.row(t))
      }
    }
    let last = x.rows &- 3..<x.rows
    chooseTile(order, x, windows, new: last, last, inner.upperBound..<x.rows, dy, dx, scratch)
    return
  }
  // The first window that holds the tile's first token or a later one; the first not looked at.
  var alive = 0
  var next = 0
  var start = 0
  while start < x.rows {
    let tile = start..<min(x.rows, start &+ WindowKernels.shortChoiceTile)
    let known = next
    next = max(known, min(dy.rows, windows.lastWindow(of: tile.upperBound &- 1) &+ 1))
    search(before: min(x.rows, windows.last(next &- 1) &+ 1))
    let (new, range) = (known..<next, alive..<next)
    if lastNaN < windows.first(known) {
      chooseTile(E.Numbers.self, x, windows, new: new, range, tile, dy, dx, scratch)
    } else {
      chooseTile(order, x, windows, new: new, range, tile, dy, dx, scratch)
    }
    while alive < next && windows.last(alive) < tile.upperBound { alive &+= 1 }
    start = tile.upperBound
  }
}

/// The gradients of a tile's tokens, whose windows are `range`; those of `new` are looked at first.
private func chooseTile<E: ExtremeOrder>(
  _ order: E.Type, _ x: MatrixView, _ windows: TokenWindows, new: Range<Int>, _ range: Range<Int>,
  _ tile: Range<Int>, _ dy: MatrixView, _ dx: MutableMatrixView,
  _ scratch: UnsafeMutablePointer<Float>
) {
  let slots = WindowKernels.shortChoiceSlots(length: windows.length)
  // Four tokens, and four windows that nothing cuts.
  let areFour =
    windows.stride == 1 && windows.length >= 4 && tile.count == 4 && new.count == 4
    && windows.first(new.lowerBound) >= 0 && windows.last(new.lowerBound &+ 3) < x.rows
  let whole = areFour ? x.columns & ~15 : 0
  if areFour {
    let first = windows.first(new.lowerBound)
    findFour(
      order, x[rows: first..<first &+ windows.length &+ 3], first: first, window: new.lowerBound,
      into: scratch, slots: slots, columns: whole)
  }
  var j = whole
  while j < x.columns {
    findTokens(
      order, x, windows, new, into: scratch + j &* slots, slots: slots, at: j,
      count: min(16, x.columns &- j))
    j &+= 16
  }
  let arePulled = areFour && range.count == windows.length &+ 3
  if arePulled {
    pullFour(
      scratch, slots: slots, window: range.lowerBound, dy[rows: range], first: tile.lowerBound,
      into: dx[rows: tile], columns: whole)
  }
  j = arePulled ? whole : 0
  while j < x.columns {
    pullGradients(
      windows, range, scratch + j &* slots, slots: slots, dy, tile, into: dx, at: j,
      count: min(16, x.columns &- j))
    j &+= 16
  }
}

/// The gradient of the middle one of five rows, for windows of three: `dy` holds their rows.
///
///     window of the row before   the row beats both before it
///     its own                    it beats the row before, and the next does not beat it
///     window of the next         neither of the next two beats it
@inline(never)
private func chooseAmongFive<E: ExtremeOrder>(
  _ order: E.Type, _ x: MatrixView, _ dy: MatrixView, into dx: UnsafeMutablePointer<Float>
) {
  @inline(__always) func beats(_ later: Lanes, _ earlier: Lanes) -> SIMDMask<SIMD16<Int32>> {
    E.isBetter(later, than: earlier)
  }
  @inline(__always) func gradient(_ j: Int, _ count: Int) {
    @inline(__always) func row(_ k: Int) -> Lanes { columns(x.row(k), at: j, count: count) }
    @inline(__always) func upstream(_ k: Int) -> Lanes { columns(dy.row(k), at: j, count: count) }
    let own = row(2)
    let beatsLast = beats(own, row(1))
    let isBeaten = beats(row(3), own)
    var sum = Lanes.zero
    sum.replace(with: sum + upstream(0), where: beatsLast .& beats(own, row(0)))
    sum.replace(with: sum + upstream(1), where: beatsLast .& .!isBeaten)
    sum.replace(with: sum + upstream(2), where: .!(isBeaten .| beats(row(4), own)))
    store(sum, dx, at: j, count: count)
  }
  var j = 0
  while j &+ 16 <= x.columns {
    gradient(j, 16)
    j &+= 16
  }
  if j < x.columns { gradient(j, x.columns &- j) }
}

/// The extreme tokens of four neighbouring full windows, as `poolFour` joins them.
///
/// `x` holds the rows of all four, the first of them token `first`; `columns` is a multiple of 16.
@inline(never)
private func findFour<E: ExtremeOrder>(
  _ order: E.Type, _ x: MatrixView, first: Int, window i: Int,
  into tokens: UnsafeMutablePointer<Float>, slots: Int, columns: Int
) {
  let length = x.rows &- 3
  let mask = slots &- 1
  let (slot0, slot1) = ((i & mask) &* 16, ((i &+ 1) & mask) &* 16)
  let (slot2, slot3) = (((i &+ 2) & mask) &* 16, ((i &+ 3) & mask) &* 16)
  let number = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: first))
  let after = number &+ Int32(truncatingIfNeeded: length)
  var j = 0
  while j < columns {
    let p = x.base + j
    let target = tokens + j &* slots
    @inline(__always) func keep(_ token: SIMD16<Int32>, _ slot: Int) {
      unsafeBitCast(token, to: Lanes.self).store(target + slot)
    }
    // Of the rows that all four hold; then with the one before these, and so on.
    var shared = Lanes(p + 3 &* x.rowStride)
    var sharedToken = number &+ 3
    var later = sharedToken
    for k in 4..<length {
      later &+= 1
      takeExtreme(order, Lanes(p + k &* x.rowStride), later, &shared, &sharedToken)
    }
    var fromTwo = Lanes(p + 2 &* x.rowStride)
    var fromTwoToken = number &+ 2
    takeExtreme(order, shared, sharedToken, &fromTwo, &fromTwoToken)
    var fromOne = Lanes(p + x.rowStride)
    var fromOneToken = number &+ 1
    takeExtreme(order, fromTwo, fromTwoToken, &fromOne, &fromOneToken)
    var fromZero = Lanes(p)
    var fromZeroToken = number
    takeExtreme(order, fromOne, fromOneToken, &fromZero, &fromZeroToken)
    keep(fromZeroToken, slot0)
    // The row after these, and the two after it.
    var last = Lanes(p + length &* x.rowStride)
    var lastToken = after
    takeExtreme(order, last, lastToken, &fromOne, &fromOneToken)
    keep(fromOneToken, slot1)
    takeExtreme(order, Lanes(p + (length &+ 1) &* x.rowStride), after &+ 1, &last, &lastToken)
    takeExtreme(order, last, lastToken, &fromTwo, &fromTwoToken)
    keep(fromTwoToken, slot2)
    takeExtreme(order, Lanes(p + (length &+ 2) &* x.rowStride), after &+ 2, &last, &lastToken)
    takeExtreme(order, last, lastToken, &shared, &sharedToken)
    keep(sharedToken, slot3)
    j &+= 16
  }
}

/// The gradients of four tokens from `first` on, all of whose windows are full.
///
/// `dy` holds the rows of these windows, from window `i` on: the first one holds the first token alone,
/// the last one the last. `columns` is a multiple of 16.
@inline(never)
private func pullFour(
  _ tokens: UnsafePointer<Float>, slots: Int, window i: Int, _ dy: MatrixView, first: Int,
  into dx: MutableMatrixView, columns: Int
) {
  let length = dy.rows &- 3
  let t0 = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: first))
  let t1 = t0 &+ 1
  let t2 = t0 &+ 2
  let t3 = t0 &+ 3
  var j = 0
  while j < columns {
    var s0 = Lanes.zero
    var s1 = Lanes.zero
    var s2 = Lanes.zero
    var s3 = Lanes.zero
    @inline(__always) func token(_ k: Int) -> SIMD16<Int32> {
      let slot = (i &+ k) & (slots &- 1)
      return unsafeBitCast(Lanes(tokens + (j &* slots + slot &* 16)), to: SIMD16<Int32>.self)
    }
    @inline(__always) func add(
      _ sum: inout Lanes, _ gradient: Lanes, _ token: SIMD16<Int32>, _ number: SIMD16<Int32>
    ) {
      sum.replace(with: sum + gradient, where: token .== number)
    }
    @inline(__always) func upstream(_ k: Int) -> Lanes { Lanes(dy.row(k) + j) }
    add(&s0, upstream(0), token(0), t0)
    var (g, chosen) = (upstream(1), token(1))
    add(&s0, g, chosen, t0)
    add(&s1, g, chosen, t1)
    (g, chosen) = (upstream(2), token(2))
    add(&s0, g, chosen, t0)
    add(&s1, g, chosen, t1)
    add(&s2, g, chosen, t2)
    var k = 3
    while k < length {
      (g, chosen) = (upstream(k), token(k))
      add(&s0, g, chosen, t0)
      add(&s1, g, chosen, t1)
      add(&s2, g, chosen, t2)
      add(&s3, g, chosen, t3)
      k &+= 1
    }
    (g, chosen) = (upstream(length), token(length))
    add(&s1, g, chosen, t1)
    add(&s2, g, chosen, t2)
    add(&s3, g, chosen, t3)
    (g, chosen) = (upstream(length &+ 1), token(length &+ 1))
    add(&s2, g, chosen, t2)
    add(&s3, g, chosen, t3)
    add(&s3, upstream(length &+ 2), token(length &+ 2), t3)
    s0.store(dx.row(0) + j)
    s1.store(dx.row(1) + j)
    s2.store(dx.row(2) + j)
    s3.store(dx.row(3) + j)
    j &+= 16
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
