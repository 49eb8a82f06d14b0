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
/// A row is searched for its maximum first, which brings it to L1 as fast as it comes. While its
/// exponentials are computed, row i - 2 is scaled, whose sum nobody waits for any more. Exponentials below 2^-126.5 are flushed to 0. For s > 0, -∞ gives 0; a row of
/// -∞ alone, or with NaN or +∞, is NaN up to its length. Cost: one read, one write, one exponential an
/// element; bound by arithmetic.
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
  // The reciprocal sums of rows i - 2 and i - 1.
  var norm: Float = 1
  var nextNorm: Float = 1
  for i in 0..<x.rows {
    let row = y.row(i)
    let total = exponentials(
      x.row(i), scale: scale, from: extreme(x.row(i), scale: scale, count: count(i)), into: row,
      count: count(i), scaling: y.row(max(0, i &- 2)), count: count(i &- 2), by: norm)
    if count(i) < x.columns {
      map(row + count(i), into: row + count(i), count: x.columns &- count(i), cleared)
    }
    norm = nextNorm
    nextNorm = 1 / total
  }
  if last > 0 { scaleRow(y.row(last &- 1), by: norm, count: count(last &- 1)) }
  scaleRow(y.row(last), by: nextNorm, count: count(last))
}

/// `x = factor · x`.
private func scaleRow(_ x: UnsafeMutablePointer<Float>, by factor: Float, count: Int) {
  let factor = Lanes(repeating: factor)
  @inline(__always) func scaled(_ x: Lanes) -> Lanes { x * factor }
  map(x, into: x, count: count, scaled)
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
/// ∓∞ for an empty row. NaN counts as nothing. Of two zeros either. Four maxima go side by side, since one
/// waits for the one before.
func extreme(_ x: UnsafePointer<Float>, scale: Float, count: Int) -> Float {
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
  return withSign(m0.maximum(m1).maximum(m2.maximum(m3)).joinedMaximum(), of: scale)
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
/// `z[i] = norm · z[i]`.
///
/// `m` is the x with the largest s·x; ±∞, or a NaN in the row, makes at least the sum NaN. `y` may be
/// `x`; `z` is another row, or empty.
private func exponentials(
  _ x: UnsafePointer<Float>, scale: Float, from m: Float, into y: UnsafeMutablePointer<Float>,
  count: Int, scaling z: UnsafeMutablePointer<Float>, count zCount: Int, by norm: Float
) -> Float {
  let factor = binaryScale(scale)
  // Where both rows have elements, the work on the other goes along.
  let common = min(count, zCount) & ~63
  var sums = noSums
  if common > 0 {
    addExponentialsOfTwo(
      &sums, x, factor: factor, from: m, into: y, count: common, scaling: z, by: norm)
  }
  if common < count {
    addExponentials(&sums, x, factor: factor, from: m, into: y, start: common, count: count)
  }
  if common < zCount { scaleRow(z + common, by: norm, count: zCount &- common) }
  return joined(sums)
}

/// The loop of `exponentials` where both rows have elements; `count` is a multiple of 64.
///
/// A function of its own: in one that grows too large the compiler keeps the parts as calls, and where
/// lanes are joined it takes the loop's vectors apart.
@inline(never)
private func addExponentialsOfTwo(
  _ sums: inout LaneSums, _ x: UnsafePointer<Float>, factor: Float, from m: Float,
  into y: UnsafeMutablePointer<Float>, count: Int, scaling z: UnsafeMutablePointer<Float>,
  by norm: Float
) {
  let factor = Lanes(repeating: factor)
  let shift = Lanes(repeating: m)
  let norm = Lanes(repeating: norm)
  @inline(__always) func value(_ i: Int) -> Lanes {
    let value = exponential(Lanes(x + i), shift, factor)
    value.store(y + i)
    (Lanes(UnsafePointer(z + i)) * norm).store(z + i)
    return value
  }
  var s0 = sums.0
  var s1 = sums.1
  var s2 = sums.2
  var s3 = sums.3
  var i = 0
  while i < count {
    s0 += value(i)
    s1 += value(i &+ 16)
    s2 += value(i &+ 32)
    s3 += value(i &+ 48)
    i &+= 64
  }
  sums = (s0, s1, s2, s3)
}

/// The same for one row from `start` on, a multiple of 64.
@inline(never)
private func addExponentials(
  _ sums: inout LaneSums, _ x: UnsafePointer<Float>, factor: Float, from m: Float,
  into y: UnsafeMutablePointer<Float>, start: Int, count: Int
) {
  let factor = Lanes(repeating: factor)
  let shift = Lanes(repeating: m)
  @inline(__always) func vector(_ i: Int) -> Lanes {
    let value = exponential(Lanes(x + i), shift, factor)
    value.store(y + i)
    return value
  }
  @inline(__always) func tail(_ i: Int, _ rest: Int) -> Lanes {
    let value = exponential(Lanes(x + i, count: rest, fill: 0), shift, factor)
    value.store(y + i, count: rest)
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
