// Plain loops in Double for RMS norm, log-softmax and log-sum-exp, and for the gradients of all row
// operators. A gradient oracle returns the error that an implementation in Float may make, to first order
// in the unit roundoff ε = 2⁻²⁴: δ = d/16 + 8 roundings in each sum of d terms, a few for each step.

public import TarnKernelInterface

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// RMS norm of one row.
public func rmsNormOracle(_ x: [Float], gain: [Float], epsilon: Float) -> [Double] {
  let v = x.map(Double.init)
  let meanSquare = v.reduce(0) { $0 + $1 * $1 } / Double(v.count)
  let rrms = 1 / (meanSquare + Double(epsilon)).squareRoot()
  return v.indices.map { v[$0] * rrms * Double(gain[$0]) }
}

/// `log Σ exp(s·x)` of one row; -∞ for an empty one.
public func logSumExpOracle(_ x: [Float], scale: Float) -> Double {
  let scaled = x.map { Double($0) * Double(scale) }
  if scaled.contains(where: \.isNaN) { return .nan }
  guard let top = scaled.max(), top.isFinite else { return scaled.max() ?? -.infinity }
  return top + log(scaled.reduce(0) { $0 + exp($1 - top) })
}

/// The logarithm of softmax of one row.
public func logSoftmaxOracle(_ x: [Float], scale: Float) -> [Double] {
  let total = logSumExpOracle(x, scale: scale)
  return x.map { Double($0) * Double(scale) - total }
}

/// `Σ dy·f(x + t·e_j)` by t at 0, for each j: central differences of the forward direction.
///
/// With the step h = 2⁻¹⁰ · max(1, |x_j|) and Richardson's extrapolation the error is of order h⁴ times
/// the fifth derivative, and 2⁻⁵³/h times the size of the terms: for functions of size one 1e-12.
public func centralDifferences(
  _ x: [Double], upstream dy: [Double], _ f: ([Double]) -> [Double]
) -> [Double] {
  func product(_ j: Int, _ step: Double) -> Double {
    var moved = x
    moved[j] += step
    return zip(f(moved), dy).reduce(0) { $0 + $1.0 * $1.1 }
  }
  return x.indices.map { j in
    let h = 0x1p-10 * max(1, abs(x[j]))
    let wide = (product(j, h) - product(j, -h)) / (2 * h)
    let narrow = (product(j, h / 2) - product(j, -h / 2)) / h
    return (4 * narrow - wide) / 3
  }
}

/// Layer norm in Double, as the function that is differentiated.
public func layerNormInDouble(
  _ x: [Double], gain: [Double], bias: [Double], epsilon: Double
) -> [Double] {
  let mean = x.reduce(0, +) / Double(x.count)
  let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
  let rstd = 1 / (variance + epsilon).squareRoot()
  return x.indices.map { (x[$0] - mean) * rstd * gain[$0] + bias[$0] }
}

/// RMS norm in Double, as the function that is differentiated.
public func rmsNormInDouble(_ x: [Double], gain: [Double], epsilon: Double) -> [Double] {
  let meanSquare = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
  let rrms = 1 / (meanSquare + epsilon).squareRoot()
  return x.indices.map { x[$0] * rrms * gain[$0] }
}

/// Softmax in Double, as the function that is differentiated.
public func softmaxInDouble(_ x: [Double], scale: Double) -> [Double] {
  let top = x.map { $0 * scale }.max() ?? 0
  let terms = x.map { exp($0 * scale - top) }
  let total = terms.reduce(0, +)
  return terms.map { $0 / total }
}

/// The gradient of layer norm to one row, and the normalised row that the parameters' gradients need.
///
/// x̂ is off by `e = rstd·(meanError + 2ε|v|) + |x̂|·relative`, as at `layerNormOracle`; then
/// `dx = rstd·((g - a) - x̂·b)`, a = mean g off by δε·mean|g|, b = mean(g∘x̂) off by (δ + 3)ε·mean|g∘x̂| +
/// mean(|g|∘e), and six roundings of the terms, and rstd's own relative error.
public func layerNormGradientOracle(
  _ x: [Float], gain: [Float], epsilon: Float, upstream dy: [Float]
) -> (dx: [BoundedValue], normal: [BoundedValue]) {
  let v = x.map(Double.init)
  let d = Double(v.count)
  let mean = v.reduce(0, +) / d
  let variance = v.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / d
  let rstd = 1 / (variance + Double(epsilon)).squareRoot()
  let normal = v.map { ($0 - mean) * rstd }

  let roundings = (d / 16 + 8) * unitRoundoff
  let largest = v.reduce(0) { max($0, abs($1)) }
  let meanError = (roundings + 2 * unitRoundoff) * largest
  let varianceError =
    2 * roundings * variance + 2 * meanError * variance.squareRoot() + meanError * meanError
  let relative = varianceError * rstd * rstd + 8 * unitRoundoff
  let normalErrors = v.indices.map {
    abs(normal[$0]) * relative + rstd * (meanError + 2 * unitRoundoff * abs(v[$0]))
  }
  return gradientOfNormal(
    normal, normalErrors, factor: rstd, relative: relative, gain: gain, upstream: dy,
    centred: true)
}

/// The gradient of RMS norm to one row, and the normalised row; bounds as for layer norm, without a mean.
public func rmsNormGradientOracle(
  _ x: [Float], gain: [Float], epsilon: Float, upstream dy: [Float]
) -> (dx: [BoundedValue], normal: [BoundedValue]) {
  let v = x.map(Double.init)
  let d = Double(v.count)
  let meanSquare = v.reduce(0) { $0 + $1 * $1 } / d
  let rrms = 1 / (meanSquare + Double(epsilon)).squareRoot()
  let normal = v.map { $0 * rrms }
  let relative = (d / 16 + 12) * unitRoundoff
  return gradientOfNormal(
    normal, normal.map { abs($0) * (relative + unitRoundoff) }, factor: rrms, relative: relative,
    gain: gain, upstream: dy, centred: false)
}

private func gradientOfNormal(
  _ normal: [Double], _ normalErrors: [Double], factor: Double, relative: Double, gain: [Float],
  upstream dy: [Float], centred: Bool
) -> (dx: [BoundedValue], normal: [BoundedValue]) {
  let d = Double(normal.count)
  let roundings = (d / 16 + 8) * unitRoundoff
  let g = normal.indices.map { Double(dy[$0]) * Double(gain[$0]) }
  let a = centred ? g.reduce(0, +) / d : 0
  let b = normal.indices.reduce(0) { $0 + g[$1] * normal[$1] } / d
  let aError = centred ? roundings * g.reduce(0) { $0 + abs($1) } / d : 0
  let bError =
    normal.indices.reduce(0) {
      $0 + abs(g[$1] * normal[$1]) * (roundings + 3 * unitRoundoff) + abs(g[$1]) * normalErrors[$1]
    } / d
  let dx = normal.indices.map { j in
    let terms = abs(g[j]) + abs(a) + abs(normal[j] * b)
    return BoundedValue(
      factor * ((g[j] - a) - normal[j] * b),
      factor
        * (terms * (relative + 6 * unitRoundoff) + aError + abs(normal[j]) * bError
          + normalErrors[j] * abs(b)))
  }
  return (dx, zip(normal, normalErrors).map { BoundedValue($0, $1) })
}

/// The derivative of an elementwise function in Double.
public func elementwiseDerivativeOracle(_ function: ElementwiseFunction, _ x: Double) -> Double {
  let a = max(-1e3, min(1e3, x))
  switch function {
  case .exp: return exp(x)
  case .tanh:
    let e = exp(-2 * abs(a))
    return 4 * e / ((1 + e) * (1 + e))
  case .erf: return 2 / Double.pi.squareRoot() * exp(-a * a)
  case .gelu:
    return 0.5 * erfc(-a / 2.0.squareRoot()) + a * exp(-a * a / 2) / (2 * Double.pi).squareRoot()
  case .geluTanh:
    let c = 2 * (2 / Double.pi).squareRoot()
    let v = c * (a + 0.044715 * a * a * a)
    let p = 1 / (1 + exp(-v))
    let q = 1 / (1 + exp(v))
    return p + a * p * q * c * (1 + 3 * 0.044715 * a * a)
  case .relu: return x.isNaN ? .nan : x > 0 ? 1 : 0
  case .sigmoid: return 1 / (2 + exp(a) + exp(-a))
  case .silu:
    let p = 1 / (1 + exp(-a))
    return p + a * p / (1 + exp(a))
  }
}

/// `s·y·(dy - Σ y·dy)`.
public func softmaxGradientOracle(
  _ y: [Double], scale: Double, upstream dy: [Double]
) -> [Double] {
  let mean = zip(y, dy).reduce(0) { $0 + $1.0 * $1.1 }
  return y.indices.map { scale * y[$0] * (dy[$0] - mean) }
}

/// `s·(dy - e^y Σ dy)`.
public func logSoftmaxGradientOracle(
  _ y: [Double], scale: Double, upstream dy: [Double]
) -> [Double] {
  let total = dy.reduce(0, +)
  return y.indices.map { scale * (dy[$0] - exp(y[$0]) * total) }
}

/// `log Σ exp(s·x)`, as the function that is differentiated.
public func logSumExpInDouble(_ x: [Double], scale: Double) -> Double {
  let top = x.map { $0 * scale }.max() ?? 0
  return top + log(x.reduce(0) { $0 + exp($1 * scale - top) })
}

/// log x, for checks without a mathematical library of their own.
func logarithm(_ x: Double) -> Double { log(x) }

/// e^x, as ``logarithm(_:)``.
func exponential(_ x: Double) -> Double { exp(x) }
