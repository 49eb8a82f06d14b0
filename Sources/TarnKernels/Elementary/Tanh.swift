// The hyperbolic tangent.

/// tanh x.
///
///     |x| < 0.5:  |x| / C(x²)
///     otherwise:  e / (e + 2),  e = e^(2|x|) − 1 = 2^n·(e^r − 1) + (2^n − 1)
///
/// and the sign of x by a bit operation, so tanh(−0) = −0. The quotient is one division for both: what is
/// chosen is numerator and denominator. NaN passes.
@inline(__always)
func tanh(_ x: Lanes) -> Lanes {
  let magnitude = x.absolute

  // C(s) = √s·coth √s, degree 3 on [0, 0.5²]: weighted least squares on Chebyshev nodes with Lawson's
  // reweighting, coefficients rounded one after the other with the rest refitted. Relative error
  // 6.9e-9 (0.12 ulp).
  let square = magnitude * magnitude
  let c = Lanes.broadcast(0x1.089e7cp-9)
    .horner(square, -0x1.6bdcc8p-6)
    .horner(square, 0x1.555530p-2)
    .horner(square, 1)

  // From 9.02 on the quotient rounds to 1.
  let a = magnitude.atMost(9.5)
  let shift = Lanes.broadcast(roundingShift)
  let shifted = multiplyAdd(a, .broadcast(0x1.715476p+1), shift)
  // n is at most 27: ln 2 in one piece costs 5e-8 at the upper end, where e + 2 damps it.
  let r = multiplyAdd(shifted - shift, .broadcast(-0x1.62e430p-1), a + a)
  let power = powerOfTwo(shifted)
  let e = multiplyAdd(expMinusOneOfReduced(r), power, power - .broadcast(1))

  // NaN takes the first branch.
  let isLarge = magnitude .>= .broadcast(0.5)
  let numerator = magnitude.replacing(with: e, where: isLarge)
  let denominator = c.replacing(with: e + .broadcast(2), where: isLarge)
  return (numerator / denominator).signed(as: x)
}
