// PoNet's global aggregation as published: a query and a key for every token, in Double.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// One sequence of tokens and the two projections that global aggregation uses.
public struct AggregationInput: Sendable {
  /// `[tokens × d]`.
  public var x: [Float]
  /// Number of tokens.
  public var tokens: Int
  /// One flag a token, or nil.
  public var keep: [Bool]?
  /// `[d × d]`, a row for each output.
  public var queryWeight: [Float]
  /// `[d]`.
  public var queryBias: [Float]
  /// `[d × d]`, a row for each output.
  public var keyWeight: [Float]
  /// `[d]`.
  public var keyBias: [Float]
  /// Number of heads.
  public var heads: Int

  /// Random tokens and projections of usual size.
  public init(tokens: Int, d: Int, heads: Int, keep: [Bool]?, _ random: inout SplitMix64) {
    self.tokens = tokens
    self.heads = heads
    self.keep = keep
    x = random.floats(tokens * d)
    let scale = Float(2) / Float(d).squareRoot()
    queryWeight = random.floats(d * d, scale: scale)
    queryBias = random.floats(d)
    keyWeight = random.floats(d * d, scale: scale)
    keyBias = random.floats(d)
  }
}

/// What the direct form gives, and how far an implementation in Float may be from it.
public struct AggregationOutput: Sendable {
  /// `[d]`: the mean query.
  public var query: [Double]
  /// `[d]`.
  public var v: [Double]
  /// `[d]`.
  public var tolerance: [Double]
  /// `[heads × tokens]`.
  public var probabilities: [Double]
  /// Relative error that a probability may have.
  public var probabilityTolerance: Double
}

/// `q = mean Q`, `p = softmax(q·K / √e - 10000 if masked)`, `v = Σ p K`; every token is projected.
///
/// The tolerance is the error of the rearranged form to first order in the unit roundoff ε:
/// a score is off by `δ = (e + d + 4) ε Σ|u||x|`, so a weight by `2δ + (n + 32) ε` relatively
/// (32 ε for two exponentials, the joins and the division), and `v` by that times `Σ p |W||x|`
/// plus `(d + 2) ε` of the same and two roundings with the bias.
///
/// - Parameters:
///   - input: the sequence.
///   - query: the mean query to use, as the operator under test takes it; nil computes it from all
///     tokens' queries as published.
/// - Returns: the values and the tolerances.
public func aggregationOracle(_ input: AggregationInput, query: [Float]?) -> AggregationOutput {
  let d = input.keyBias.count
  let n = input.tokens
  let e = d / input.heads
  let keep = input.keep ?? Array(repeating: true, count: n)
  let keys = projected(input.x, n, input.keyWeight, input.keyBias)
  var q: [Double]
  if let query {
    q = query.map(Double.init)
  } else {
    let queries = projected(input.x, n, input.queryWeight, input.queryBias)
    q = Array(repeating: 0, count: d)
    for t in 0..<n where keep[t] {
      for i in 0..<d { q[i] += queries[t * d + i] }
    }
    let kept = Double(keep.count { $0 })
    for i in 0..<d { q[i] /= kept }
  }

  var v = [Double](repeating: 0, count: d)
  var tolerance = v
  var probabilities = [Double](repeating: 0, count: input.heads * n)
  var probabilityTolerance = 0.0
  for h in 0..<input.heads {
    let channels = h * e..<(h + 1) * e
    var scores = (0..<n).map { t in
      channels.reduce(0) { $0 + q[$1] * keys[t * d + $1] } / Double(e).squareRoot()
        + (keep[t] ? 0 : -10000)
    }
    let top = scores.max() ?? 0
    scores = scores.map { exp($0 - top) }
    let total = scores.reduce(0, +)

    // |u|: the folded query's magnitude, for the error of the scores.
    let folded = (0..<d).map { j in
      channels.reduce(0) { $0 + abs(q[$1] * Double(input.keyWeight[$1 * d + j])) }
        / Double(e).squareRoot()
    }
    let magnitude = (0..<n).reduce(0) { largest, t in
      max(largest, (0..<d).reduce(0) { $0 + folded[$1] * abs(Double(input.x[t * d + $1])) })
    }
    let scoreError = Double(e + d + 4) * unitRoundoff * magnitude
    let weightError = 2 * scoreError + Double(n + 32) * unitRoundoff
    probabilityTolerance = max(probabilityTolerance, weightError)

    for t in 0..<n { probabilities[h * n + t] = scores[t] / total }
    var mean = [Double](repeating: 0, count: d)
    for t in 0..<n {
      for j in 0..<d { mean[j] += probabilities[h * n + t] * abs(Double(input.x[t * d + j])) }
    }
    for i in channels {
      for t in 0..<n { v[i] += probabilities[h * n + t] * keys[t * d + i] }
      let reach = (0..<d).reduce(0) { $0 + abs(Double(input.keyWeight[i * d + $1])) * mean[$1] }
      tolerance[i] =
        (weightError + Double(d + 2) * unitRoundoff) * reach
        + 2 * unitRoundoff * (abs(v[i]) + abs(Double(input.keyBias[i])))
    }
  }
  return AggregationOutput(
    query: q, v: v, tolerance: tolerance, probabilities: probabilities,
    probabilityTolerance: probabilityTolerance)
}

/// `x·Wᵀ + b` for every token.
private func projected(_ x: [Float], _ n: Int, _ weight: [Float], _ bias: [Float]) -> [Double] {
  let d = bias.count
  var y = [Double](repeating: 0, count: n * d)
  for t in 0..<n {
    for i in 0..<d {
      var sum = Double(bias[i])
      for j in 0..<d { sum += Double(x[t * d + j]) * Double(weight[i * d + j]) }
      y[t * d + i] = sum
    }
  }
  return y
}
