// eˣ, and what is made of it.

/// eˣ for every Float.
///
///     n = round(x · log₂e)      r = x - n·ln 2, in two parts      eˣ = 2ⁿ · (1 + r + r²·Q(r))
///
/// Q has degree 4 on |r| ≤ 0.347, least squares with Lawson's weights towards the minimax error of
/// eʳ, which is 3.1·10⁻⁹ relative. ln 2 = 355/512 - 0.000212…: n·355/512 has at most 18 bits and is
/// exact, so r is the same with and without fused multiply-add up to the last rounding.
///
/// The argument is clamped to [-104, 89], where eˣ has become 0 or ∞; 2ⁿ goes on in two factors, so
/// that overflow and gradual underflow come out of the last product. NaN passes.
@inline(__always)
func exp(_ x: Lanes) -> Lanes {
  var x = x.replacing(with: Lanes(repeating: 89), where: x .> Lanes(repeating: 89))
  x = x.replacing(with: Lanes(repeating: -104), where: x .< Lanes(repeating: -104))

  // Adding 1.5·2²³ leaves the rounded value in the low bits.
  let shifter = Lanes(repeating: 12_582_912)
  let shifted = multiplyAdd(x, Lanes(repeating: 1.442_695_04), shifter)
  let n = shifted - shifter
  var r = multiplyAdd(n, Lanes(repeating: -0.693_359_375), x)
  r = multiplyAdd(n, Lanes(repeating: 2.121_944_4e-4), r)

  var q = multiplyAdd(Lanes(repeating: 0.001_381_446_6), r, Lanes(repeating: 0.008_368_781))
  q = multiplyAdd(q, r, Lanes(repeating: 0.041_668_393))
  q = multiplyAdd(q, r, Lanes(repeating: 0.166_665_2))
  q = multiplyAdd(q, r, Lanes(repeating: 0.499_999_94))
  let power = multiplyAdd(r * r, q, r) + Lanes(repeating: 1)

  let exponent =
    unsafeBitCast(shifted, to: SIMD16<Int32>.self) &- SIMD16<Int32>(repeating: 0x4B40_0000)
  let half = exponent &>> SIMD16<Int32>(repeating: 1)
  return power * powerOfTwo(half) * powerOfTwo(exponent &- half)
}

/// 2ⁿ for -126 ≤ n ≤ 127.
@inline(__always)
private func powerOfTwo(_ n: SIMD16<Int32>) -> Lanes {
  unsafeBitCast(
    (n &+ SIMD16<Int32>(repeating: 127)) &<< SIMD16<Int32>(repeating: 23), to: Lanes.self)
}

/// 1 / (1 + e^-x).
@inline(__always)
func sigmoid(_ x: Lanes) -> Lanes {
  Lanes(repeating: 1) / (Lanes(repeating: 1) + exp(Lanes.zero - x))
}

/// x / (1 + e^-x); -0 below -88.7, where e^-x overflows.
@inline(__always)
func silu(_ x: Lanes) -> Lanes {
  let x = x.replacing(with: Lanes(repeating: -104), where: x .< Lanes(repeating: -104))
  return x / (Lanes(repeating: 1) + exp(Lanes.zero - x))
}
