// The hyperbolic tangent.

/// tanh x.
///
///     |x| < 0.625:  |x| + |x|³·P(x²)
///     otherwise:    1 − 2 / (e^(2|x|) + 1)
///
/// and the sign of x by a bit operation, so tanh(−0) = −0. NaN passes.
@inline(__always)
func tanh(_ x: Lanes) -> Lanes {
  let magnitude = x.absolute

  // P has degree 4 on [0, 0.625²]: weighted least squares on Chebyshev nodes with Lawson's
  // reweighting, coefficients rounded one after the other. Relative error of tanh 4.5e-9 (0.08
  // ulp).
  let square = magnitude * magnitude
  let p = Lanes.broadcast(-0x1.750ce4p-8)
    .horner(square, 0x1.51f8cep-6)
    .horner(square, -0x1.b835a4p-5)
    .horner(square, 0x1.1106f6p-3)
    .horner(square, -0x1.555532p-2)
  let small = multiplyAdd(p * square, magnitude, magnitude)

  // From 9.02 on the quotient is below a quarter of the spacing of floats under 1. The exponential
  // is taken to base 2: the constant's own rounding error is 1.3e-8, and the quotient damps it.
  let factor = Lanes.broadcast(0x1.715476p+1)  // 2·log₂ e
  let shift = Lanes.broadcast(roundingShift)
  let a = magnitude.atMost(9.5)
  let shifted = multiplyAdd(a, factor, shift)
  let r = multiplyAdd(a, factor, shift - shifted)
  let denominator = multiplyAdd(exp2OfReduced(r), powerOfTwo(shifted), .broadcast(1))
  let large = .broadcast(1) - .broadcast(2) / denominator

  return large.replacing(with: small, where: magnitude .< .broadcast(0.625)).signed(as: x)
}
