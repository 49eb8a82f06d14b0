// The error function.

/// erf x = 2/√π · ∫ from 0 to x of e^(−t²) dt.
///
///     |x| < 1:    |x| + |x|·P(x²)
///     otherwise:  1 − 2^q(|x|),  q(a) = log₂ erfc a
///
/// and the sign of x by a bit operation, so erf(−0) = −0. NaN passes.
@inline(__always)
func erf(_ x: Lanes) -> Lanes {
  let magnitude = x.absolute

  // Both polynomials: weighted least squares on Chebyshev nodes with Lawson's reweighting,
  // coefficients rounded one after the other with the rest refitted.
  // P: degree 6 on [0, 1], relative error of erf 1.4e-9 (0.02 ulp). Its constant term is 2/√π − 1,
  // which loses less by rounding than 2/√π.
  let square = magnitude * magnitude
  let p = Lanes.broadcast(0x1.4771fcp-14)
    .horner(square, -0x1.a3515ep-11)
    .horner(square, 0x1.53f224p-8)
    .horner(square, -0x1.b7f71ap-6)
    .horner(square, 0x1.ce2ce6p-4)
    .horner(square, -0x1.81273ep-2)
    .horner(square, 0x1.06eba8p-3)
  let small = multiplyAdd(p, magnitude, magnitude)

  // q: degree 6 on [1, 3.95], error of erf 1.1e-9. At 3.95 erfc is 2.3e-8 and the result is 1.
  let a = magnitude.atMost(3.95)
  let q = Lanes.broadcast(0x1.19f26ap-12)
    .horner(a, -0x1.16b1eap-8)
    .horner(a, 0x1.0217fep-5)
    .horner(a, -0x1.30a49ap-3)
    .horner(a, -0x1.d75f3ep-1)
    .horner(a, -0x1.a0448cp+0)
    .horner(a, -0x1.0252e6p-11)
  let shift = Lanes.broadcast(roundingShift + negating)
  let shifted = q + shift
  let r = q - (shifted - shift)
  let large = multiplyAdd(exp2OfReduced(r), powerOfTwo(shifted), .broadcast(1))

  return large.replacing(with: small, where: magnitude .< .broadcast(1)).signed(as: x)
}
