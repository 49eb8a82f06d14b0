// The gradient of global aggregation in Double, by its formulas, with its rounding error.

/// Gradients of one sequence, each with the first-order bound of its error.
public struct AggregationGradient: Sendable {
  /// `[tokens × d]`.
  public var x: [BoundedValue]
  /// `[d]`.
  public var query: [BoundedValue]
  /// `[d × d]`.
  public var keyWeight: [BoundedValue]
}

/// `dz = Wᵀ dv`, `ds = a (dz·x - Σ a dz·x)`, `dx = a dz + ds u`, `dq = W Σ ds x / √e`,
/// `dW = dv zᵀ + q/√e (Σ ds x)ᵀ`, head by head.
///
/// A sum of m products is off by m roundings of the sum of magnitudes, and by what the errors of its
/// terms bring.
///
/// - Parameters:
///   - input: the sequence; its mask is in the probabilities.
///   - query: the mean query.
///   - probabilities: `[heads × tokens]`, as the operator takes them: exact.
///   - upstream: dv, `[d]`.
/// - Returns: the gradients and their bounds.
public func aggregationGradientOracle(
  _ input: AggregationInput, query: [Float], probabilities: [Double], upstream: [Float]
) -> AggregationGradient {
  let d = input.keyBias.count
  let n = input.tokens
  let e = d / input.heads
  let scale = 1 / Double(e).squareRoot()
  let weight = input.keyWeight.map { BoundedValue(Double($0)) }
  let x = input.x.map { BoundedValue(Double($0)) }
  let q = query.map { q in
    let value = Double(q) * scale
    return BoundedValue(value, 3 * unitRoundoff * abs(value))
  }
  let dv = upstream.map { BoundedValue(Double($0)) }
  var result = AggregationGradient(
    x: Array(repeating: BoundedValue(0), count: n * d),
    query: Array(repeating: BoundedValue(0), count: d),
    keyWeight: Array(repeating: BoundedValue(0), count: d * d))
  var terms = [[(BoundedValue, BoundedValue)]](repeating: [], count: n * d)
  for h in 0..<input.heads {
    let channels = h * e..<(h + 1) * e
    let a = (0..<n).map { BoundedValue(probabilities[h * n + $0]) }
    let dz = (0..<d).map { j in product(channels.map { (weight[$0 * d + j], dv[$0]) }) }
    let u = (0..<d).map { j in product(channels.map { (weight[$0 * d + j], q[$0]) }) }
    let g = (0..<n).map { t in product((0..<d).map { (dz[$0], x[t * d + $0]) }) }
    let c = product((0..<n).map { (a[$0], g[$0]) })
    let ds = (0..<n).map { a[$0] * (g[$0] - c) }
    for t in 0..<n {
      for j in 0..<d { terms[t * d + j] += [(a[t], dz[j]), (ds[t], u[j])] }
    }
    let z = (0..<d).map { j in product((0..<n).map { (a[$0], x[$0 * d + j]) }) }
    let du = (0..<d).map { j in product((0..<n).map { (ds[$0], x[$0 * d + j]) }) }
    for i in channels {
      let dq = product((0..<d).map { (weight[i * d + $0], du[$0]) })
      result.query[i] = dq * BoundedValue(scale, 2 * unitRoundoff * scale)
      for j in 0..<d { result.keyWeight[i * d + j] = product([(dv[i], z[j]), (q[i], du[j])]) }
    }
  }
  for i in terms.indices { result.x[i] = product(terms[i]) }
  return result
}

/// `Σ a·b` in any order, with as many roundings of the magnitudes as there are terms, and two.
private func product(_ terms: [(BoundedValue, BoundedValue)]) -> BoundedValue {
  var value = 0.0
  var magnitude = 0.0
  var error = 0.0
  for (a, b) in terms {
    value += a.value * b.value
    magnitude += abs(a.value * b.value)
    error += abs(a.value) * b.error + abs(b.value) * a.error
  }
  return BoundedValue(value, error + Double(terms.count + 2) * unitRoundoff * magnitude)
}
