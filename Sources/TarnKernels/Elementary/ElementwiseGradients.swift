// Derivatives of the elementary functions, times what comes from upstream.

import TarnKernelInterface

/// The derivative of a function of sixteen lanes.
private protocol LaneDerivative {
  static func value(_ x: Lanes) -> Lanes
}

/// `e^(-a)` and `1 + e^(-a)` for a = |x|.
///
/// With them nothing below is a difference of nearly equal numbers. Denormal exponentials are 0.
@inline(__always)
private func expOfNegativeMagnitude(_ x: Lanes) -> (e: Lanes, onePlus: Lanes) {
  let e = expNonPositive(-x.absolute)
  return (e, e + .broadcast(1))
}

/// σ(x) and σ(-x), the logistic function, each with full relative accuracy.
@inline(__always)
private func logistic(_ x: Lanes) -> (of: Lanes, ofNegative: Lanes) {
  let (e, onePlus) = expOfNegativeMagnitude(x)
  let large = .broadcast(1) / onePlus
  let small = e * large
  let isNegative = x .< .broadcast(0)
  return (
    large.replacing(with: small, where: isNegative), small.replacing(with: large, where: isNegative)
  )
}

/// e^x.
private enum ExpDerivative: LaneDerivative {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { exp(x) }
}

/// 1 - tanh² x = 4e^(-2|x|) / (1 + e^(-2|x|))².
private enum TanhDerivative: LaneDerivative {
  @inline(__always) static func value(_ x: Lanes) -> Lanes {
    let (e, onePlus) = expOfNegativeMagnitude(x + x)
    return (.broadcast(4) * e) / (onePlus * onePlus)
  }
}

/// 2/√π · e^(-x²).
///
/// |x| is cut at 10, where the result is below 2^-126.
private enum ErfDerivative: LaneDerivative {
  @inline(__always) static func value(_ x: Lanes) -> Lanes {
    let a = x.atMost(10).atLeast(-10)
    return expNonPositive(-(a * a)) * .broadcast(0x1.20dd76p+0)
  }
}

/// Φ(x) + x·φ(x), Φ and φ the standard normal distribution and density.
///
/// With a = |x| it is t = Φ(−a) − a·φ(a) for negative x, else 1 − t. Φ(−a) is that of ``gelu(_:)``. From
/// a = 13 on t counts as 0.
private enum GeluDerivative: LaneDerivative {
  @inline(__always) static func value(_ x: Lanes) -> Lanes {
    let limit: Float = 13
    let a = x.absolute.atMost(limit)
    let h = gaussianTail(a)
    let shift = Lanes.broadcast(roundingShift - 1)
    let shifted = multiplyAdd(a, h, shift)
    let tail = exp2OfReduced(multiplyAdd(a, h, shift - shifted)) * powerOfTwo(shifted)

    // φ(a) = 2^(−a²·log₂ e / 2) / √(2π).
    let exponent = a * a * .broadcast(-0x1.715476p-1)
    let middle = Lanes.broadcast(roundingShift)
    let rounded = exponent + middle
    let density = exp2OfReduced(exponent - (rounded - middle)) * powerOfTwo(rounded)
    let t = multiplyAdd(a * .broadcast(-0x1.988454p-2), density, tail)
      .replacing(with: .broadcast(0), where: a .>= .broadcast(limit))
    return (.broadcast(1) - t).replacing(with: t, where: x .< .broadcast(0))
  }
}

/// p + x·p·q·v' with v = 2√(2/π)·(x + 0.044715·x³), p = σ(v), q = σ(-v).
///
/// |x| is cut at 14, where p·q is 0 in Float.
private enum GeluTanhDerivative: LaneDerivative {
  @inline(__always) static func value(_ x: Lanes) -> Lanes {
    let a = x.atMost(14).atLeast(-14)
    let square = a * a
    let linear: Float = 0x1.988454p+0  // 2√(2/π)
    let cubic: Float = 0x1.2444f2p-4  // 2√(2/π)·0.044715
    let v = a * Lanes.broadcast(cubic).horner(square, linear)
    let slope = Lanes.broadcast(3 * cubic).horner(square, linear)
    let (p, q) = logistic(v)
    return multiplyAdd(p * q, a * slope, p)
  }
}

/// 1 for x > 0, 0 for x ≤ 0, NaN for NaN.
private enum ReluDerivative: LaneDerivative {
  @inline(__always) static func value(_ x: Lanes) -> Lanes {
    let one = Lanes.broadcast(1)
    return Lanes.broadcast(0).replacing(with: one, where: x .> .broadcast(0))
      .replacing(with: x, where: x .!= x)
  }
}

/// σ(x)·σ(-x).
private enum SigmoidDerivative: LaneDerivative {
  @inline(__always) static func value(_ x: Lanes) -> Lanes {
    let (p, q) = logistic(x)
    return p * q
  }
}

/// σ(x)·(1 + x·σ(-x)).
///
/// |x| is cut at 104, where σ(-|x|) is 0.
private enum SiluDerivative: LaneDerivative {
  @inline(__always) static func value(_ x: Lanes) -> Lanes {
    let a = x.atMost(104).atLeast(-104)
    let (p, q) = logistic(a)
    return multiplyAdd(p * q, a, p)
  }
}

/// `dx[i] = dy[i] · f'(x[i])` for i below `count`.
///
/// - Parameters:
///   - function: the function f.
///   - x: `[count]`, the argument of the forward direction.
///   - dy: `[count]`.
///   - dx: `[count]`. May be `x` or `dy`.
///   - count: number of elements.
///
/// f'(0) of ReLU is 0. Nothing outside the `count` elements is read or written. Cost: two reads, one
/// write; bound by arithmetic, ReLU by memory.
func elementwiseGradient(
  _ function: ElementwiseFunction, _ x: UnsafePointer<Float>, upstream dy: UnsafePointer<Float>,
  into dx: UnsafeMutablePointer<Float>, count: Int
) {
  switch function {
  case .exp: apply(ExpDerivative.self, x, dy, dx, count)
  case .tanh: apply(TanhDerivative.self, x, dy, dx, count)
  case .erf: apply(ErfDerivative.self, x, dy, dx, count)
  case .gelu: apply(GeluDerivative.self, x, dy, dx, count)
  case .geluTanh: apply(GeluTanhDerivative.self, x, dy, dx, count)
  case .relu: apply(ReluDerivative.self, x, dy, dx, count)
  case .sigmoid: apply(SigmoidDerivative.self, x, dy, dx, count)
  case .silu: apply(SiluDerivative.self, x, dy, dx, count)
  }
}

@inline(__always)
private func apply<F: LaneDerivative>(
  _: F.Type, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
  _ dx: UnsafeMutablePointer<Float>, _ count: Int
) {
  @inline(__always) func product(_ x: Lanes, _ dy: Lanes) -> Lanes { F.value(x) * dy }
  map(x, dy, into: dx, count: count, product)
}
