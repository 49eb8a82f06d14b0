// The rectifier, the logistic function, and the logistic function times its argument.

/// The larger of x and 0, exactly.
///
/// −∞ gives 0, NaN passes, −0 stays −0.
@inline(__always)
func relu(_ x: Lanes) -> Lanes {
  x.replacing(with: .broadcast(0), where: x .< .broadcast(0))
}

/// The denominator `1 + e^(−x)` of the logistic function.
///
/// ∞ for x ≤ −88.4. x must not be below −89; NaN passes.
@inline(__always)
func onePlusExpOfNegative(_ x: Lanes) -> Lanes {
  // Above 20 the sum is 1. At −89 the power of two is 2^128 = ∞.
  let a = -x.atMost(20)
  let shift = Lanes.broadcast(roundingShift)
  let shifted = multiplyAdd(a, .broadcast(0x1.715476p+0), shift)
  let p = expOfReduced(reducedByLn2(a, shifted - shift))
  return multiplyAdd(p, powerOfTwo(shifted), .broadcast(1))
}

/// The logistic function `1 / (1 + e^(−x))`.
///
/// 0 for x ≤ −88.4, where the function is below 4.1e-39 (a denormal number). NaN passes.
@inline(__always)
func sigmoid(_ x: Lanes) -> Lanes {
  .broadcast(1) / onePlusExpOfNegative(x.atLeast(-89))
}

/// `x·sigmoid(x)`, called SiLU or Swish.
///
/// −0 for x ≤ −88.4, where the function lies between −3.6e-37 and 0; silu(−∞) = −0,
/// silu(+∞) = +∞, NaN passes, zero keeps its sign.
@inline(__always)
func silu(_ x: Lanes) -> Lanes {
  let numerator = x.atLeast(-89)
  return numerator / onePlusExpOfNegative(numerator)
}
