// The parts that the elementary functions share: signs by bit operations, rounding to an integer by
// addition, Horner's rule. Nothing here is a conversion instruction, a table or a call, so the
// functions give the same bits on every target with fused multiply-add.

/// 1.5·2^23 + 127, which, added to x, leaves round(x) + 127 in the lowest bits.
///
/// For |x| < 2^21. The spacing of floats near 1.5·2^23 is 1, so the addition itself rounds to
/// nearest. The 127 is the exponent bias, so that one shift of the sum gives a power of two; see
/// ``powerOfTwo(_:)``.
@inline(__always)
var roundingShift: Float { 12_583_039 }

/// Added to ``roundingShift``, it makes the power of two negative: the bit above the exponent.
@inline(__always)
var negating: Float { 256 }

/// 2^n for `shifted = n + roundingShift`, n from −126 to 127; 0 for n = −127, ∞ for n = 128.
///
/// −2^n for `shifted = n + roundingShift + negating`.
/// Outside of −127…128 the value is meaningless: the caller clamps.
@inline(__always)
func powerOfTwo(_ shifted: Lanes) -> Lanes {
  unsafeBitCast(unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &<< 23, to: Lanes.self)
}

extension SIMD16<Float> {
  /// `self·x + next`: one step of Horner's rule.
  @inline(__always)
  func horner(_ x: Lanes, _ next: Float) -> Lanes { multiplyAdd(self, x, .broadcast(next)) }

  /// The absolute value, also of NaN.
  @inline(__always)
  var absolute: Lanes {
    unsafeBitCast(
      unsafeBitCast(self, to: SIMD16<UInt32>.self) & SIMD16<UInt32>(repeating: 0x7fff_ffff),
      to: Lanes.self)
  }

  /// `self`, which must have a clear sign bit (or be NaN), with the sign of `other`.
  @inline(__always)
  func signed(as other: Lanes) -> Lanes {
    let sign =
      unsafeBitCast(other, to: SIMD16<UInt32>.self) & SIMD16<UInt32>(repeating: 0x8000_0000)
    return unsafeBitCast(unsafeBitCast(self, to: SIMD16<UInt32>.self) | sign, to: Lanes.self)
  }

  /// The lane where its sign bit is clear, else +0.
  ///
  /// An integer step, which leaves the multipliers to others.
  @inline(__always)
  var positivePart: Lanes {
    let bits = unsafeBitCast(self, to: SIMD16<Int32>.self)
    let zero = SIMD16<Int32>(repeating: 0)
    return unsafeBitCast(bits.replacing(with: zero, where: bits .< zero), to: Lanes.self)
  }

  /// The smaller of the lane and `limit`; NaN passes.
  @inline(__always)
  func atMost(_ limit: Float) -> Lanes {
    let limit = Lanes.broadcast(limit)
    return replacing(with: limit, where: self .> limit)
  }

  /// The larger of the lane and `limit`; NaN passes.
  @inline(__always)
  func atLeast(_ limit: Float) -> Lanes {
    let limit = Lanes.broadcast(limit)
    return replacing(with: limit, where: self .< limit)
  }
}
