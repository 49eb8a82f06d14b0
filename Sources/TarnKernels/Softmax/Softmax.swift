// Softmax over the columns of each row, or over its first ones.

import TarnKernelInterface

/// `y[i, j] = e[i, j] / Σ_j e[i, j]` with `e[i, j] = 2^((s·log₂ e)·(x[i, j] - m_i))`, over
/// `j < lengths[i]`; 0 from there on.
///
/// `m_i` is the x[i, j] for which s·x[i, j] is largest, so the formula is that of exp(s·x - max s·x). The
/// quotient is a product with the reciprocal of the sum.
///
/// - Parameters:
///   - x: `[rows × columns]`. What lies past a row's length is not read.
///   - lengths: one number from 0 to `columns` for each row, checked by the caller; nil: `columns`.
///   - scale: the factor `s`.
///   - y: `[rows × columns]`. May be `x`.
///
/// While a row's exponentials are computed, row i - 2 is scaled, whose sum nobody waits for any more, and
/// the maximum of row i + 1 is searched, which brings that row to L1 meanwhile. Exponentials below
/// 2^-126.5 are flushed to 0. For s > 0, -∞ gives 0; a row of -∞ alone, or with NaN or +∞, is NaN up to its
/// length. Cost: one read, one write, one exponential an element; bound by arithmetic.
func softmax(
  _ x: MatrixView, lengths: UnsafePointer<Int32>?, scale: Float, into y: MutableMatrixView
) {
  let zero = Lanes(repeating: 0)
  @inline(__always) func cleared(_: Lanes) -> Lanes { zero }
  // 0 for a row that does not exist.
  @inline(__always) func count(_ i: Int) -> Int {
    if i < 0 || i >= x.rows { return 0 }
    return lengths.map { Int($0[i]) } ?? x.columns
  }
  guard x.rows > 0 else { return }
  let last = x.rows &- 1
  let tails = RowTails(columns: x.columns)
  // The reciprocal sums of rows i - 2 and i - 1, the extreme of row i.
  var norm: Float = 1
  var nextNorm: Float = 1
  var maxima = noMaxima
  search(x.row(0), scale: scale, from: 0, count: count(0), tails, &maxima)
  for i in 0..<x.rows {
    let row = y.row(i)
    let m = joinedExtreme(maxima, scale: scale)
    maxima = noMaxima
    let total = exponentials(
      x.row(i), scale: scale, from: m, into: row, count: count(i), scaling: y.row(max(0, i &- 2)),
      count: count(i &- 2), by: norm, searching: x.row(min(last, i &+ 1)), count: count(i &+ 1),
      tails, &maxima)
    let end = tails.end(count(i))
    if end < x.columns { map(row + end, into: row + end, count: x.columns &- end, cleared) }
    norm = nextNorm
    nextNorm = 1 / total
  }
  if last > 0 { scaleRow(y.row(last &- 1), by: norm, from: 0, count: count(last &- 1), tails) }
  scaleRow(y.row(last), by: nextNorm, from: 0, count: count(last), tails)
}

/// The last 1 to 15 of the elements that count in a row.
///
/// Rows of whole vectors have room behind them: all sixteen lanes are read, and written as 0 where they
/// do not count.
private struct RowTails {
  let haveRoom: Bool

  @inline(__always)
  init(columns: Int) { haveRoom = columns % 16 == 0 }

  /// Where the writing of `count` elements ends.
  @inline(__always)
  func end(_ count: Int) -> Int { haveRoom ? (count &+ 15) & ~15 : count }

  /// `count` elements from `p`, the other lanes `fill`.
  @inline(__always)
  func load(_ p: UnsafePointer<Float>, count: Int, fill: Float) -> Lanes {
    haveRoom ? Lanes(p).kept(count, fill: fill) : Lanes(p, count: count, fill: fill)
  }

  /// Stores `count` lanes at `p`.
  @inline(__always)
  func store(_ x: Lanes, _ p: UnsafeMutablePointer<Float>, count: Int) {
    if haveRoom { x.kept(count).store(p) } else { x.store(p, count: count) }
  }
}

/// `x[i] = factor · x[i]` from `start`.
private func scaleRow(
  _ x: UnsafeMutablePointer<Float>, by factor: Float, from start: Int, count: Int, _ tails: RowTails
) {
  let factor = Lanes(repeating: factor)
  var i = start
  while i &+ 16 <= count {
    (Lanes(UnsafePointer(x + i)) * factor).store(x + i)
    i &+= 16
  }
  if i < count {
    let rest = count &- i
    tails.store(tails.load(x + i, count: rest, fill: 0) * factor, x + i, count: rest)
  }
}

/// `s·log₂ e`, the factor of ``exponential(_:_:_:)``.
@inline(__always)
func binaryScale(_ scale: Float) -> Float { scale * 0x1.715476p+0 }

/// `exp(s·(x - m))` for the `m` with the largest s·m, `factor = s·log₂ e`.
///
/// The difference is rounded before it is scaled, and 0 stays 0: where x = m the result is 1.
@inline(__always)
func exponential(_ x: Lanes, _ m: Lanes, _ factor: Lanes) -> Lanes {
  exp2NonPositive((x - m) * factor)
}

/// The x[i] with the largest `s·x[i]`: the largest x, or for negative s the smallest.
///
/// ∓∞ for an empty row. NaN counts as nothing. Of two zeros either.
func extreme(_ x: UnsafePointer<Float>, scale: Float, count: Int) -> Float {
  var maxima = noMaxima
  search(x, scale: scale, from: 0, count: count, RowTails(columns: count), &maxima)
  return joinedExtreme(maxima, scale: scale)
}

/// Four maxima, since one waits for the one before: -∞.
private var noMaxima: LaneSums {
  @inline(__always) get {
    let lowest = Lanes(repeating: -.infinity)
    return (lowest, lowest, lowest, lowest)
  }
}

/// Raises the maxima to the ±x[i] from `start`.
private func search(
  _ x: UnsafePointer<Float>, scale: Float, from start: Int, count: Int, _ tails: RowTails,
  _ maxima: inout LaneSums
) {
  let sign = signs(scale)
  @inline(__always) func larger(_ m: Lanes, _ x: Lanes) -> Lanes { largerWithSign(m, x, sign) }
  var (m0, m1, m2, m3) = maxima
  var i = start
  while i &+ 64 <= count {
    m0 = larger(m0, Lanes(x + i))
    m1 = larger(m1, Lanes(x + i + 16))
    m2 = larger(m2, Lanes(x + i + 32))
    m3 = larger(m3, Lanes(x + i + 48))
    i &+= 64
  }
  while i &+ 16 <= count {
    m0 = larger(m0, Lanes(x + i))
    i &+= 16
  }
  if i < count {
    // A fill that is no number counts as nothing.
    m1 = larger(m1, tails.load(x + i, count: count &- i, fill: .nan))
  }
  maxima = (m0, m1, m2, m3)
}

/// The extreme that four maxima hold.
@inline(__always)
private func joinedExtreme(_ maxima: LaneSums, scale: Float) -> Float {
  withSign(
    maxima.0.maximum(maxima.1).maximum(maxima.2.maximum(maxima.3)).joinedMaximum(), of: scale)
}

/// The sign bit of `scale` in each lane.
@inline(__always)
private func signs(_ scale: Float) -> SIMD16<UInt32> {
  SIMD16<UInt32>(repeating: scale.bitPattern & 0x8000_0000)
}

/// `m`, or -m for negative `scale`.
@inline(__always)
private func withSign(_ m: Float, of scale: Float) -> Float {
  Float(bitPattern: m.bitPattern ^ (scale.bitPattern & 0x8000_0000))
}

/// The larger of `m` and ±x, whose sign bit is that of `sign`; m for NaN.
@inline(__always)
private func largerWithSign(_ m: Lanes, _ x: Lanes, _ sign: SIMD16<UInt32>) -> Lanes {
  let x = unsafeBitCast(unsafeBitCast(x, to: SIMD16<UInt32>.self) ^ sign, to: Lanes.self)
  return m.replacing(with: x, where: x .> m)
}

/// `y[i] = exp(s·(x[i] - m))`, the sum of the y[i] in the order of Rows.swift; and on the way
/// `z[i] = norm · z[i]`, and the maxima of `w`.
///
/// `m` is the x with the largest s·x; ±∞, or a NaN in the row, makes at least the sum NaN. `y` may be
/// `x`; `z` and `w` are other rows, or empty.
private func exponentials(
  _ x: UnsafePointer<Float>, scale: Float, from m: Float, into y: UnsafeMutablePointer<Float>,
  count: Int, scaling z: UnsafeMutablePointer<Float>, count zCount: Int, by norm: Float,
  searching w: UnsafePointer<Float>, count wCount: Int, _ tails: RowTails,
  _ maxima: inout LaneSums
) -> Float {
  let factor = binaryScale(scale)
  // Where all three rows have elements, the work on the others goes along.
  let common = min(count, zCount, wCount) & ~63
  var sums = noSums
  if common > 0 {
    addExponentialsOfThree(
      &sums, x, factor: factor, from: m, into: y, count: common, scaling: z, by: norm,
      searching: w, scale: scale, &maxima)
  }
  if common < count {
    addExponentials(&sums, x, factor: factor, from: m, into: y, start: common, count: count, tails)
  }
  if common < zCount { scaleRow(z, by: norm, from: common, count: zCount, tails) }
  if common < wCount { search(w, scale: scale, from: common, count: wCount, tails, &maxima) }
  return joined(sums)
}

/// The loop of `exponentials` where all rows have elements; `count` is a multiple of 64.
///
/// A function of its own: in one that grows too large the compiler keeps the parts as calls, and where
/// lanes are joined it takes the loop's vectors apart.
@inline(never)
private func addExponentialsOfThree(
  _ sums: inout LaneSums, _ x: UnsafePointer<Float>, factor: Float, from m: Float,
  into y: UnsafeMutablePointer<Float>, count: Int, scaling z: UnsafeMutablePointer<Float>,
  by norm: Float, searching w: UnsafePointer<Float>, scale: Float, _ maxima: inout LaneSums
) {
  let factor = Lanes(repeating: factor)
  let shift = Lanes(repeating: m)
  let norm = Lanes(repeating: norm)
  let sign = signs(scale)
  @inline(__always) func value(_ i: Int) -> Lanes {
    let value = exponential(Lanes(x + i), shift, factor)
    value.store(y + i)
    (Lanes(UnsafePointer(z + i)) * norm).store(z + i)
    return value
  }
  var (s0, s1, s2, s3) = sums
  var (m0, m1, m2, m3) = maxima
  var i = 0
  while i < count {
    m0 = largerWithSign(m0, Lanes(w + i), sign)
    m1 = largerWithSign(m1, Lanes(w + i + 16), sign)
    m2 = largerWithSign(m2, Lanes(w + i + 32), sign)
    m3 = largerWithSign(m3, Lanes(w + i + 48), sign)
    s0 += value(i)
    s1 += value(i &+ 16)
    s2 += value(i &+ 32)
    s3 += value(i &+ 48)
    i &+= 64
  }
  sums = (s0, s1, s2, s3)
  maxima = (m0, m1, m2, m3)
}

/// The same for one row from `start` on, a multiple of 64.
@inline(never)
private func addExponentials(
  _ sums: inout LaneSums, _ x: UnsafePointer<Float>, factor: Float, from m: Float,
  into y: UnsafeMutablePointer<Float>, start: Int, count: Int, _ tails: RowTails
) {
  let factor = Lanes(repeating: factor)
  let shift = Lanes(repeating: m)
  @inline(__always) func vector(_ i: Int) -> Lanes {
    let value = exponential(Lanes(x + i), shift, factor)
    value.store(y + i)
    return value
  }
  @inline(__always) func tail(_ i: Int, _ rest: Int) -> Lanes {
    let value = exponential(tails.load(x + i, count: rest, fill: 0), shift, factor)
    tails.store(value, y + i, count: rest)
    return value
  }
  addVectors(to: &sums, from: start, count: count, vector, tail: tail)
}

/// `x = exp(x - m)` in place; the sum of the results in the order of Rows.swift.
///
/// `m` is the largest x. Results that would be denormal are 0 (``expNonPositive(_:)``); m = ±∞ or
/// NaN makes at least the sum NaN.
@inline(__always)
func exponentials(_ x: UnsafeMutablePointer<Float>, count: Int, minus m: Float) -> Float {
  let shift = Lanes(repeating: m)
  @inline(__always) func vector(_ i: Int) -> Lanes {
    let value = expNonPositive(Lanes(UnsafePointer(x + i)) - shift)
    value.store(x + i)
    return value
  }
  @inline(__always) func tail(_ i: Int, _ rest: Int) -> Lanes {
    let value = expNonPositive(Lanes(x + i, count: rest, fill: 0) - shift)
    value.store(x + i, count: rest)
    return value
  }
  return sumOfVectors(count: count, vector, tail: tail)
}
