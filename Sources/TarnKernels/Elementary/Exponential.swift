// The exponential function, and the reduced forms of it that the other functions build on:
//
//     exp x = 2^n · e^r,  n = round(x / ln 2),  r = x − n·ln 2,  |r| ≤ ln 2 / 2
//
// ln 2 is split in two (Cody and Waite). The high part has 15 significant bits and |n| ≤ 150 has 8,
// so n·high and x − n·high are exact with and without fused multiply-add.

/// `x − n·ln 2`.
@inline(__always)
func reducedByLn2(_ x: Lanes, _ n: Lanes) -> Lanes {
  let high: Float = 0x1.62e4p-1  // 0.693145751953125
  let low: Float = 0x1.7f7d1cp-20  // ln 2 − high = 1.42860677e-6
  return multiplyAdd(n, .broadcast(-low), multiplyAdd(n, .broadcast(-high), x))
}

/// e^r for |r| ≤ 0.3466, as `1 + (r + r²·Q(r))`.
///
/// Relative error 3.1e-9 (0.05 ulp) beside the roundings.
@inline(__always)
func expOfReduced(_ r: Lanes) -> Lanes { expMinusOneOfReduced(r) + .broadcast(1) }

/// e^r - 1 for |r| ≤ 0.3466, as `r + r²·Q(r)`.
///
/// Q has degree 4: weighted least squares on Chebyshev nodes with Lawson's reweighting,
/// coefficients rounded one after the other with the rest refitted.
@inline(__always)
func expMinusOneOfReduced(_ r: Lanes) -> Lanes {
  let q = Lanes.broadcast(0x1.6a5134p-10)
    .horner(r, 0x1.12397cp-7)
    .horner(r, 0x1.5558acp-5)
    .horner(r, 0x1.555492p-3)
    .horner(r, 0x1.fffffcp-2)
  return multiplyAdd(r * r, q, r)
}

/// 2^r for |r| ≤ 0.5, as `1 + r·H(r)`.
///
/// H has degree 5, fitted as Q of ``expOfReduced(_:)``. Relative error 3.0e-9 (0.05 ulp). Used
/// where the exponent comes from a polynomial, which then has the factor log₂ e in its
/// coefficients.
@inline(__always)
func exp2OfReduced(_ r: Lanes) -> Lanes {
  Lanes.broadcast(0x1.416b80p-13)
    .horner(r, 0x1.5f0838p-10)
    .horner(r, 0x1.3b2de0p-7)
    .horner(r, 0x1.c6af7cp-5)
    .horner(r, 0x1.ebfbdcp-3)
    .horner(r, 0x1.62e430p-1)
    .horner(r, 1)
}

/// e^x over the full range.
///
/// Overflow gives +∞, underflow is gradual, exp(−∞) = 0, NaN passes.
@inline(__always)
func exp(_ x: Lanes) -> Lanes {
  // Beyond the clamps the result is 0 and ∞ after rounding; within, n is −150…128.
  let x = x.atMost(89).atLeast(-104)
  // The lowest bits of `shifted` are n + 254: twice the bias, one for each of two factors
  // 2^(n/2), because 2^n alone is not a normal number at either end. The product with the first
  // factor is exact, so the result is rounded once, also where it is denormal.
  let shift = Lanes.broadcast(roundingShift + 127)
  let shifted = multiplyAdd(x, .broadcast(0x1.715476p+0), shift)
  let p = expOfReduced(reducedByLn2(x, shifted - shift))
  let bits = unsafeBitCast(shifted, to: SIMD16<UInt32>.self)
  let half = bits &>> 1
  let first = unsafeBitCast(half &<< 23, to: Lanes.self)
  let second = unsafeBitCast((bits &- half) &<< 23, to: Lanes.self)
  return p * first * second
}

/// 2^r for |r| ≤ 0.5, as `1 + r·H(r)` with H of degree 4, fitted as Q of ``expOfReduced(_:)``.
///
/// Relative error 9.3e-8 (1.6·2⁻²⁴). For results whose other errors are larger; 2^0 is 1.
@inline(__always)
func exp2OfFraction(_ r: Lanes) -> Lanes {
  Lanes.broadcast(0x1.5bda5cp-10)
    .horner(r, 0x1.3ce8aep-7)
    .horner(r, 0x1.c6b6d8p-5)
    .horner(r, 0x1.ebf9c2p-3)
    .horner(r, 0x1.62e42ap-1)
    .horner(r, 1)
}

/// 2^x for x ≤ 0, as softmax needs it: 0 below −126.5.
///
/// NaN passes.
@inline(__always)
func exp2NonPositive(_ x: Lanes) -> Lanes {
  // At −127 powerOfTwo is 0.
  let x = x.atLeast(-127)
  let shift = Lanes.broadcast(roundingShift)
  let shifted = x + shift
  return exp2OfFraction(x - (shifted - shift)) * powerOfTwo(shifted)
}

/// e^x for x ≤ 0: results that would be denormal are 0.
///
/// That is, 0 for x < −87.33654 (also for −∞). NaN passes. The other results have the bits of
/// ``exp(_:)``. Arguments up to 88 are accepted; beyond, the result is meaningless.
@inline(__always)
func expNonPositive(_ x: Lanes) -> Lanes {
  let shift = Lanes.broadcast(roundingShift)
  let shifted = multiplyAdd(x, .broadcast(0x1.715476p+0), shift)
  let p = expOfReduced(reducedByLn2(x, shifted - shift))
  // The limit is the smallest float whose exponential is a normal number.
  return (p * powerOfTwo(shifted))
    .replacing(with: .broadcast(0), where: x .< .broadcast(-0x1.5d589ep+6))
}
