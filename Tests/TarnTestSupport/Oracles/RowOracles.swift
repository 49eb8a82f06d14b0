// Plain loops in Double: matmul with its epilogue, layer norm, softmax, elementwise functions.

public import TarnKernelInterface

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Half the distance from 1 to the next Float: the largest relative error of one rounding.
public let unitRoundoff = 0x1p-24

/// `A·B`, and `Σ |a||b|`, the scale of its rounding error.
public func matmulOracle(
  _ a: [Float], _ b: [Float], rows: Int, depth: Int, columns: Int
) -> (values: [Double], magnitudes: [Double]) {
  var values = [Double](repeating: 0, count: rows * columns)
  var magnitudes = values
  for i in 0..<rows {
    for k in 0..<depth {
      let x = Double(a[i * depth + k])
      for j in 0..<columns {
        let term = x * Double(b[k * columns + j])
        values[i * columns + j] += term
        magnitudes[i * columns + j] += abs(term)
      }
    }
  }
  return (values, magnitudes)
}

/// An elementwise function in Double, whose own error is far below a thousandth of a Float's ulp.
public func elementwiseOracle(_ function: ElementwiseFunction, _ x: Double) -> Double {
  switch function {
  case .exp: return exp(x)
  case .tanh: return tanh(x)
  case .erf: return erf(x)
  case .gelu:
    // ½·erfc keeps the lower tail, where 1 + erf cancels.
    return x == -.infinity ? 0 : 0.5 * x * erfc(-x * 0.5.squareRoot())
  case .geluTanh:
    let u = (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
    return x == -.infinity ? 0 : x / (1 + exp(-2 * u))
  case .relu: return x < 0 ? 0 : x
  case .sigmoid: return 1 / (1 + exp(-x))
  case .silu: return x == -.infinity ? 0 : x / (1 + exp(-x))
  }
}

/// Layer norm of one row, with the error that an implementation in Float may make.
///
/// With δ = (d/16 + 8) roundings in each sum: the mean is off by δ·mean|v|; the variance by a
/// relative 2δ + 4 roundings and the square of the mean's error; then four roundings of the result.
public func layerNormOracle(
  _ x: [Float], residual: [Float]?, gain: [Float], bias: [Float], epsilon: Float
) -> (values: [Double], tolerances: [Double]) {
  let v = x.indices.map { Double(x[$0]) + Double(residual?[$0] ?? 0) }
  let d = Double(v.count)
  let mean = v.reduce(0, +) / d
  let variance = v.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / d
  let rstd = 1 / (variance + Double(epsilon)).squareRoot()
  let values = v.indices.map { (v[$0] - mean) * rstd * Double(gain[$0]) + Double(bias[$0]) }

  let roundings = (d / 16 + 8) * unitRoundoff
  let largest = v.reduce(0) { max($0, abs($1)) }
  let meanError = (roundings + 2 * unitRoundoff) * largest
  let varianceError =
    2 * roundings * variance + 2 * meanError * variance.squareRoot() + meanError * meanError
  let relative = varianceError * rstd * rstd + 8 * unitRoundoff
  let tolerances = v.indices.map { j in
    let normal = (abs(v[j] - mean) * relative + meanError + 2 * unitRoundoff * abs(v[j])) * rstd
    return normal * abs(Double(gain[j])) + 2 * unitRoundoff
      * (abs(values[j]) + abs(Double(bias[j])))
  }
  return (values, tolerances)
}

/// Softmax of one row.
public func softmaxOracle(_ x: [Float], scale: Float) -> [Double] {
  let scaled = x.map { Double($0) * Double(scale) }
  if scaled.contains(where: \.isNaN) { return x.map { _ in .nan } }
  let top = scaled.max() ?? 0
  let terms = scaled.map { exp($0 - top) }
  let total = terms.reduce(0, +)
  return terms.map { $0 / total }
}
