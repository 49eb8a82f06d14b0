// erf, and the GELU that is made of it.

/// erf x for every Float.
///
///     |x| < 0.875: x + x·(2/√π - 1 + x²·P(x²))        else: 1 - e^q(|x|), with the sign of x
///
/// P has degree 5 in x², relative error of erf 2.1·10⁻¹⁰; q is of degree 7 on [0.875, 3.95], fitted to
/// log(1 - erf) with the weight (1 - erf)/erf, relative error of erf 8.4·10⁻¹¹. Above 3.95 erf rounds
/// to 1. Fits as for ``exp(_:)``.
@inline(__always)
func erf(_ x: Lanes) -> Lanes {
  let a = magnitude(x)
  let s = a * a
  var p = multiplyAdd(Lanes(repeating: 8.672_564e-5), s, Lanes(repeating: -8.210_503e-4))
  p = multiplyAdd(p, s, Lanes(repeating: 0.005_206_7))
  p = multiplyAdd(p, s, Lanes(repeating: -0.026_861_567))
  p = multiplyAdd(p, s, Lanes(repeating: 0.112_837_33))
  p = multiplyAdd(p, s, Lanes(repeating: -0.376_126_35))
  p = multiplyAdd(p, s, Lanes(repeating: 0.128_379_167))
  let small = multiplyAdd(a, p, a)

  let top = Lanes(repeating: 3.95)
  let b = a.replacing(with: top, where: a .> top)
  var q = multiplyAdd(Lanes(repeating: -2.043_526_7e-5), b, Lanes(repeating: 4.268_999_3e-4))
  q = multiplyAdd(q, b, Lanes(repeating: -0.004_134_774))
  q = multiplyAdd(q, b, Lanes(repeating: 0.025_024_896))
  q = multiplyAdd(q, b, Lanes(repeating: -0.108_135_633))
  q = multiplyAdd(q, b, Lanes(repeating: -0.633_476_5))
  q = multiplyAdd(q, b, Lanes(repeating: -1.129_451_75))
  q = multiplyAdd(q, b, Lanes(repeating: 1.617_315_7e-4))
  let large = Lanes(repeating: 1) - exp(q)
  return withSign(of: x, large.replacing(with: small, where: a .< Lanes(repeating: 0.875)))
}

/// x/2·(1 + erf(x/√2)). -∞ gives -0.
@inline(__always)
func gelu(_ x: Lanes) -> Lanes {
  let x = x.replacing(with: Lanes(repeating: -40), where: x .< Lanes(repeating: -40))
  let half = x * Lanes(repeating: 0.5)
  return multiplyAdd(half, erf(x * Lanes(repeating: 0.707_106_77)), half)
}
