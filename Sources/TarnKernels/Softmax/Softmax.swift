// Softmax over the columns of each row, or over its first ones.

import TarnKernelInterface

/// `y[i, j] = exp(s·x[i, j] - m_i) / Σ_j exp(s·x[i, j] - m_i)`, `m_i = max_j s·x[i, j]`, over
/// `j < lengths[i]`; 0 from there on.
///
/// - Parameters:
///   - x: `[rows × columns]`. What lies past a row's length is not read.
///   - lengths: one number from 0 to `columns` for each row, checked by the caller; nil: `columns`.
///   - scale: the factor `s`.
///   - y: `[rows × columns]`. May be `x`.
///
/// While the exponentials of a row are computed the row before is divided and the row after is searched
/// for its maximum: divider, multipliers and memory work side by side. Exponentials that would be
/// denormal (s·x - m < -87.33654) are flushed to 0. For s > 0, -∞ gives 0; a row of -∞ alone, or with
/// NaN or +∞, is NaN up to its length. Cost: one read, one write, one exponential an element; bound by
/// arithmetic.
func softmax(
  _ x: MatrixView, lengths: UnsafePointer<Int32>?, scale: Float, into y: MutableMatrixView
) {
  guard x.rows > 0 else { return }
  let zero = Lanes(repeating: 0)
  @inline(__always) func cleared(_: Lanes) -> Lanes { zero }
  @inline(__always) func count(_ i: Int) -> Int { lengths.map { Int($0[i]) } ?? x.columns }
  var waiting = y.base
  var waitingCount = 0
  var waitingTotal: Float = 1
  var m = maximum(x.row(0), scale: scale, count: count(0))
  for i in 0..<x.rows {
    let row = y.row(i)
    let isLast = i &+ 1 == x.rows
    let (total, next) = exponentials(
      x.row(i), scale: scale, minus: m, into: row, count: count(i),
      dividing: waiting, count: waitingCount, by: waitingTotal,
      searching: x.row(isLast ? i : i &+ 1), count: isLast ? 0 : count(i &+ 1))
    if count(i) < x.columns {
      map(row + count(i), into: row + count(i), count: x.columns &- count(i), cleared)
    }
    m = next
    waiting = row
    waitingCount = count(i)
    waitingTotal = total
  }
  divide(waiting, by: waitingTotal, count: waitingCount)
}

/// The largest `s·x[i]`; -∞ for an empty row.
///
/// NaN counts as nothing. That is |s| times the largest ±x, with the sign of s: rounding keeps the order.
/// Of two zeros either. Four maxima go side by side, since one waits for the one before.
func maximum(_ x: UnsafePointer<Float>, scale: Float, count: Int) -> Float {
  guard count > 0 else { return -.infinity }
  let sign = SIMD16<UInt32>(repeating: scale.bitPattern & 0x8000_0000)
  let lowest = Lanes(repeating: -.infinity)
  @inline(__always) func larger(_ m: Lanes, _ x: Lanes) -> Lanes { largerWithSign(m, x, sign) }
  var m0 = lowest
  var m1 = lowest
  var m2 = lowest
  var m3 = lowest
  var i = 0
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
    m1 = larger(m1, Lanes(x + i, count: count &- i, fill: .nan))
  }
  return m0.maximum(m1).maximum(m2.maximum(m3)).joinedMaximum() * scale.magnitude
}

/// The larger of `m` and ±x, whose sign bit is that of `sign`; m for NaN.
@inline(__always)
private func largerWithSign(_ m: Lanes, _ x: Lanes, _ sign: SIMD16<UInt32>) -> Lanes {
  let x = unsafeBitCast(unsafeBitCast(x, to: SIMD16<UInt32>.self) ^ sign, to: Lanes.self)
  return m.replacing(with: x, where: x .> m)
}

/// `y[i] = exp(s·x[i] - m)`, the sum of the y[i] in the order of Rows.swift; and on the way
/// `z[i] = z[i] / divisor`, and the largest `s·w[i]`.
///
/// `m` is the largest s·x. Results that would be denormal are 0 (``expNonPositive(_:)``); m = ±∞ or a
/// NaN makes at least the sum NaN. `y` may be `x`; `z` and `w` are other rows, or empty.
private func exponentials(
  _ x: UnsafePointer<Float>, scale: Float, minus m: Float, into y: UnsafeMutablePointer<Float>,
  count: Int, dividing z: UnsafeMutablePointer<Float>, count zCount: Int, by divisor: Float,
  searching w: UnsafePointer<Float>, count wCount: Int
) -> (sum: Float, maximum: Float) {
  let side = SideWork(
    z: z, zCount: zCount, norm: Lanes(repeating: divisor), w: w, wCount: wCount,
    sign: SIMD16<UInt32>(repeating: scale.bitPattern & 0x8000_0000))
  let factor = Lanes(repeating: scale)
  let shift = Lanes(repeating: m)
  var largest = Lanes(repeating: -.infinity)
  var s0 = Lanes.zero
  var s1 = Lanes.zero
  var s2 = Lanes.zero
  var s3 = Lanes.zero
  var i = 0
  while i &+ 64 <= count {
    s0 += exponential(x, y, i, factor, shift)
    s1 += exponential(x, y, i &+ 16, factor, shift)
    s2 += exponential(x, y, i &+ 32, factor, shift)
    s3 += exponential(x, y, i &+ 48, factor, shift)
    side.divide(i, 64)
    side.search(i, 64, &largest)
    i &+= 64
  }
  var accumulator = 0
  while i < count {
    let rest = min(16, count &- i)
    var term: Lanes
    if rest == 16 {
      term = exponential(x, y, i, factor, shift)
      side.divide(i, 16)
      side.search(i, 16, &largest)
    } else {
      term = expNonPositive(Lanes(x + i, count: rest, fill: 0) * factor - shift)
      term.store(y + i, count: rest)
      for lane in rest..<16 { term[lane] = 0 }
    }
    switch accumulator {
    case 0: s0 += term
    case 1: s1 += term
    case 2: s2 += term
    default: s3 += term
    }
    accumulator &+= 1
    i &+= 16
  }
  let total = ((s0 + s1) + (s2 + s3)).joined()
  let divided = min(count, zCount) & ~15
  divide(z + divided, by: divisor, count: zCount &- divided)
  let searched = min(count, wCount) & ~15
  let rest = maximum(w + searched, scale: scale, count: wCount &- searched)
  if searched == 0 { return (total, rest) }
  return (total, rest.maximum(largest.joinedMaximum() * scale.magnitude))
}

/// `y[i] = exp(s·x[i] - m)` for the sixteen elements from `i`.
@inline(__always)
private func exponential(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ i: Int, _ factor: Lanes,
  _ shift: Lanes
) -> Lanes {
  let value = expNonPositive(Lanes(x + i) * factor - shift)
  value.store(y + i)
  return value
}

/// What is done to two other rows while a row's exponentials are computed.
private struct SideWork {
  var z: UnsafeMutablePointer<Float>
  var zCount: Int
  var norm: Lanes
  var w: UnsafePointer<Float>
  var wCount: Int
  var sign: SIMD16<UInt32>

  /// `z[j] = z[j] / norm` for `count` elements from `i`, whole vectors only.
  @inline(__always)
  func divide(_ i: Int, _ count: Int) {
    var j = i
    while j < i &+ count && j &+ 16 <= zCount {
      (Lanes(UnsafePointer(z + j)) / norm).store(z + j)
      j &+= 16
    }
  }

  /// Takes `count` elements of w from `i` into the largest, whole vectors only.
  @inline(__always)
  func search(_ i: Int, _ count: Int, _ largest: inout Lanes) {
    var j = i
    while j < i &+ count && j &+ 16 <= wCount {
      largest = largerWithSign(largest, Lanes(w + j), sign)
      j &+= 16
    }
  }
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
