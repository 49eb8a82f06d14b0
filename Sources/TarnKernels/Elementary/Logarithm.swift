// The natural logarithm.

/// log x for normal x > 0; NaN passes.
///
///     x = 2^k·m,  √½ ≤ m < √2,  f = m − 1,  s = f/(2 + f)
///     log x = k·ln 2 + f − (f²/2 − s·(f²/2 + R)),  R = 2(s²/3 + s⁴/5 + s⁶/7 + s⁸/9)
///
/// The series of 2·artanh s = log m, cut after s⁹: relative error 3e-9 (0.05 ulp). The form in which f
/// stands alone, exactly, is that of fdlibm (Sun Microsystems 1993). Zero, denormal, infinite and
/// negative x have no meaningful result.
@inline(__always)
func logOfNormal(_ x: Lanes) -> Lanes {
  let bits = unsafeBitCast(x, to: SIMD16<Int32>.self)
  let k = (bits &- SIMD16<Int32>(repeating: 0x3F35_04F3)) &>> 23
  let m = unsafeBitCast(bits &- (k &<< 23), to: Lanes.self)
  // k as a Float: 1.5·2^23 + k has k in its lowest bits.
  let exponent =
    unsafeBitCast(k &+ SIMD16<Int32>(repeating: 0x4B40_0000), to: Lanes.self)
    - .broadcast(12_582_912)

  let f = m - .broadcast(1)
  let s = f / (.broadcast(2) + f)
  let square = s * s
  let r =
    Lanes.broadcast(0x1.c71c72p-3)  // 2/9
    .horner(square, 0x1.24924ap-2)  // 2/7
    .horner(square, 0x1.99999ap-2)  // 2/5
    .horner(square, 0x1.555556p-1)  // 2/3
    * square
  let half = f * f * .broadcast(0.5)
  let low = multiplyAdd(s, half + r, exponent * .broadcast(0x1.7f7d1cp-20))
  // As in Exponential.swift: the high part of ln 2 has 15 bits, k has 8, so their product is exact.
  let log = multiplyAdd(exponent, .broadcast(0x1.62e4p-1), f - (half - low))
  return log.replacing(with: x, where: x .!= x)
}

/// ``logOfNormal(_:)`` of one number.
@inline(__always)
func logOfNormal(_ x: Float) -> Float { logOfNormal(Lanes(repeating: x))[0] }
