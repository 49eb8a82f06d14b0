// The Gaussian error linear unit, exact and in its tanh approximation (Hendrycks and Gimpel,
// arXiv:1606.08415).

/// x·Φ(x) = ½·x·(1 + erf(x/√2)), Φ the standard normal distribution function.
///
///     max(x, 0) − a·2^(a·G(a) − 1),  a = |x|,  a·G(a) − 1 = log₂ Φ(−a)
///
/// One polynomial and one power of two, no division and no choice between branches. There is no
/// difference of nearly equal numbers for negative x, so the lower tail does not lose what G gives it.
/// gelu(−∞) = −0, as for all x ≤ −12.95; gelu(+∞) = +∞; NaN passes; zero keeps its sign.
@inline(__always)
func gelu(_ x: Lanes) -> Lanes {
  // At 12.94 the exponent rounds to −127, which powerOfTwo makes 0.
  let a = x.absolute.atMost(12.94)
  // G: degree 7 on [0, 13.2], weighted least squares on Chebyshev nodes with Lawson's reweighting,
  // coefficients rounded one after the other with the rest refitted. The weight allows an absolute error
  // of Φ(−a) of 8.8e-8·Φ(−a)^0.15, or a relative one of 2.3·a beyond a = 6. Even and odd powers apart, as
  // in gaussianTail.
  let square = a * a
  let even = Lanes.broadcast(0x1.4542a4p-17)
    .horner(square, -0x1.f58d92p-12)
    .horner(square, -0x1.b04f3ep-5)
    .horner(square, -0x1.26af52p+0)
  let odd = Lanes.broadcast(-0x1.d2c402p-22)
    .horner(square, -0x1.6c026cp-15)
    .horner(square, 0x1.eb0d32p-8)
    .horner(square, -0x1.d625acp-2)
  let q = multiplyAdd(odd, a, even) * a

  // The −1 of the exponent and the minus sign of the formula go into the power of two, where they
  // cost nothing and are exact.
  let shift = Lanes.broadcast(roundingShift - 1 + negating)
  let shifted = q + shift
  let r = q - (shifted - shift)
  return multiplyAdd(a * powerOfTwo(shifted), exp2OfFraction(r), x.positivePart).signed(as: x)
}

/// H with `a·H(a) − 1 = log₂ Φ(−a)` for 0 ≤ a ≤ 13.
@inline(__always)
func gaussianTail(_ a: Lanes) -> Lanes {
  // H: degree 12 on [0, 13.08]: weighted least squares on Chebyshev nodes with Lawson's
  // reweighting, coefficients rounded one after the other with the rest refitted. The weight allows a
  // relative error of Φ(−a) of 5.1e-8 up to a = 3 and e^1.2 times more for each further 1.
  // Even and odd powers apart: half as long a chain of dependent operations, which shows where two
  // registers make sixteen lanes (AVX2: 0.60 against 0.85 ns an element).
  let square = a * a
  let even = Lanes.broadcast(0x1.0a524ap-38)
    .horner(square, 0x1.2da030p-27)
    .horner(square, 0x1.0e4f50p-19)
    .horner(square, 0x1.859252p-14)
    .horner(square, 0x1.64cf2ap-17)
    .horner(square, -0x1.addafap-5)
    .horner(square, -0x1.26aee4p+0)
  let odd = Lanes.broadcast(-0x1.2cea6cp-32)
    .horner(square, -0x1.62247ep-23)
    .horner(square, -0x1.17ccfcp-16)
    .horner(square, -0x1.3f5fbap-12)
    .horner(square, 0x1.c8abb8p-8)
    .horner(square, -0x1.d63a3cp-2)
  return multiplyAdd(odd, a, even)
}

/// ½·x·(1 + tanh u), u = √(2/π)·(x + 0.044715·x³).
///
/// Computed as `x / (1 + e^(−2u))`, which is the same function and keeps the lower tail, where
/// 1 + tanh u cancels. geluTanh(−∞) = −0, as for all x < −10.05; geluTanh(+∞) = +∞; NaN passes;
/// zero keeps its sign.
@inline(__always)
func geluTanh(_ x: Lanes) -> Lanes {
  // The exponent −2u·log₂ e is 128 at the lower clamp, where powerOfTwo gives ∞ and the quotient
  // −0. At the upper clamp it is −71: far enough for 1 + 2^−71 = 1.
  let numerator = x.atLeast(-10.0625)
  let a = numerator.atMost(8)
  let h = Lanes.broadcast(-0x1.a5a7d0p-4).horner(a * a, -0x1.26aec2p+1)
  let shift = Lanes.broadcast(roundingShift)
  let shifted = multiplyAdd(a, h, shift)
  let r = multiplyAdd(a, h, shift - shifted)
  return numerator / multiplyAdd(exp2OfReduced(r), powerOfTwo(shifted), .broadcast(1))
}
