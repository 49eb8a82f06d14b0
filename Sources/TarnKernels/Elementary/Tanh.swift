// tanh, the GELU that is made of it, and the sign that both erf and tanh put back last.

/// tanh x for every Float.
///
///     |x| < 0.625: x + x³·P(x²)        else: 1 - 2 / (e^(2|x|) + 1), with the sign of x
///
/// P has degree 4 in x², fitted like the polynomial of ``exp(_:)``; relative error 4.4·10⁻⁹.
@inline(__always)
func tanh(_ x: Lanes) -> Lanes {
  let a = magnitude(x)
  let s = a * a
  var p = multiplyAdd(Lanes(repeating: -0.005_702_603), s, Lanes(repeating: 0.020_637_037))
  p = multiplyAdd(p, s, Lanes(repeating: -0.053_739_116))
  p = multiplyAdd(p, s, Lanes(repeating: 0.133_314_36))
  p = multiplyAdd(p, s, Lanes(repeating: -0.333_332_8))
  let small = multiplyAdd(a * s, p, a)
  let large =
    Lanes(repeating: 1) - Lanes(repeating: 2) / (exp(a + a) + Lanes(repeating: 1))
  return withSign(of: x, large.replacing(with: small, where: a .< Lanes(repeating: 0.625)))
}

/// x/2·(1 + tanh u) = x / (1 + e^-2u) with u = √(2/π)(x + 0.044715·x³).
///
/// The quotient keeps relative accuracy in the negative tail. -∞ gives -0.
@inline(__always)
func geluTanh(_ x: Lanes) -> Lanes {
  let x = x.replacing(with: Lanes(repeating: -40), where: x .< Lanes(repeating: -40))
  let cubic = multiplyAdd(x * x, Lanes(repeating: 0.044_715), Lanes(repeating: 1))
  // -2·√(2/π)
  let exponent = x * cubic * Lanes(repeating: -1.595_769_1)
  return x / (Lanes(repeating: 1) + exp(exponent))
}

/// |x|: the sign bit cleared.
@inline(__always)
func magnitude(_ x: Lanes) -> Lanes {
  unsafeBitCast(
    unsafeBitCast(x, to: SIMD16<UInt32>.self) & SIMD16<UInt32>(repeating: 0x7FFF_FFFF),
    to: Lanes.self)
}

/// `value`, which is not negative, with the sign of x, so that -0 stays -0.
@inline(__always)
func withSign(of x: Lanes, _ value: Lanes) -> Lanes {
  let sign =
    unsafeBitCast(x, to: SIMD16<UInt32>.self) & SIMD16<UInt32>(repeating: 0x8000_0000)
  return unsafeBitCast(unsafeBitCast(value, to: SIMD16<UInt32>.self) | sign, to: Lanes.self)
}
