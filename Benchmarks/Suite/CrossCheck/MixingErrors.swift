// Operators that mix tokens against Double: attention, aggregation, selection, Fourier mixing.

import Tarn
import TarnKernelInterface
import TarnTestSupport

/// Attention, PoNet's aggregation and segments, the soft selections and Fourier mixing; the bounds of
/// Docs: Numerics.
func verifiedMixing(_ settings: VerificationSettings) throws -> [VerifiedOperator] {
  let execution = settings.execution
  let n = settings.isQuick ? 130 : 600
  return try [AttentionMask.full, .causal].map {
    try verifiedAttention($0, tokens: n, on: execution)
  } + [
    verifiedAggregation(tokens: n, on: execution), verifiedSegments(tokens: n, on: execution),
  ] + verifiedSelections(tokens: n, on: execution) + [
    verifiedFourier(tokens: n, columns: 48, on: execution),
    verifiedFourier(tokens: 127, columns: 33, on: execution),
  ]
}

private func verifiedAttention(
  _ mask: AttentionMask, tokens n: Int, on execution: Execution
) throws -> VerifiedOperator {
  let (heads, e) = (2, 24)
  var random = SplitMix64(seed: 7)
  let (q, k) = (random.floats(n * heads * e, scale: 2), random.floats(n * heads * e, scale: 2))
  let v = random.floats(n * heads * e)
  func matrix(_ x: [Float]) throws -> Matrix { try Matrix(rows: n, columns: heads * e, x) }
  var y = try Matrix(rows: n, columns: heads * e)
  try attention(
    queries: matrix(q), keys: matrix(k), values: matrix(v), heads: heads,
    over: Ragged(lengths: [n]), mask: mask, into: &y, on: execution)
  var found: [Float] = []
  var exact: [Double] = []
  var tolerances: [Double] = []
  for h in 0..<heads {
    let columns = h * e..<(h + 1) * e
    func rows(_ x: [Float]) -> [[Float]] {
      (0..<n).map { i in columns.map { x[i * heads * e + $0] } }
    }
    let oracle = attentionOracle(
      AttentionHead(
        q: rows(q), k: rows(k), v: rows(v), valueSize: e, scale: nil,
        seen: (0..<n).map { i in Array(0..<(mask == .causal ? i + 1 : n)) }))
    found += rows(y.elements).flatMap { $0 }
    exact += oracle.values.flatMap { $0 }
    tolerances += oracle.tolerances.flatMap { $0 }
  }
  return Comparison(name: "attention \(mask)", shape: "\(n)×\(heads)·\(e)").verified(
    found, exact, tolerances)
}

private func verifiedAggregation(
  tokens n: Int, on execution: Execution
) throws -> VerifiedOperator {
  let d = 48
  var random = SplitMix64(seed: 11)
  let input = AggregationInput(tokens: n, d: d, heads: 3, keep: nil, &random)
  let query = random.floats(d, scale: 3)
  let keys = try AggregationKeys(
    weight: Matrix(rows: d, columns: d, input.keyWeight), bias: Matrix(input.keyBias),
    heads: input.heads, on: execution)
  var v = try Matrix(rows: 1, columns: d)
  var probabilities: Matrix?
  try globalAggregation(
    Matrix(rows: n, columns: d, input.x), over: Ragged(lengths: [n]), queries: Matrix(query),
    keys: keys, into: &v, probabilities: &probabilities, on: execution)
  let exact = aggregationOracle(input, query: query)
  return Comparison(name: "globalAggregation", shape: "\(n)×\(d)").verified(
    v.elements, exact.v, exact.tolerance)
}

private func verifiedSegments(tokens n: Int, on execution: Execution) throws -> VerifiedOperator {
  let (d, segments) = (17, 9)
  var random = SplitMix64(seed: 13)
  let x = random.floats(n * d)
  let labels = (0..<n).map { Int32($0 * segments / n) }
  var maxima = try Matrix(rows: segments, columns: d)
  try segmentMax(
    Matrix(rows: n, columns: d, x), labels: labels, into: &maxima, on: execution)
  let exact = segmentMaxOracle(x, columns: d, labels: labels, segments: segments)
  return Comparison(name: "segmentMax", shape: "\(n)×\(d)").verified(
    maxima.elements, exact.map(Double.init), exact.map { _ in 0 })
}

/// Selection by successive halving and by iteration.
private func verifiedSelections(
  tokens n: Int, on execution: Execution
) throws -> [VerifiedOperator] {
  let (d, k) = (17, 8)
  var random = SplitMix64(seed: 17)
  let x = random.floats(n * d)
  let scores = random.floats(n).map { 0.5 + 0.49 * $0 }
  let (rows, column) = try (Matrix(rows: n, columns: d, x), Matrix(rows: n, columns: 1, scores))
  let sequence = try Ragged(lengths: [n])

  let options = SoftTopKOptions()
  let plan = try SoftTopKPlan(
    scores: column, over: sequence, count: k, options: options, on: execution)
  var y = try Matrix(rows: k, columns: d)
  try softTopK(rows, plan, into: &y, on: execution)
  let rounds = plan.rounds(of: 0)
  let padding = Array(repeating: SoftTopKPlan.paddingScore, count: (k << rounds.count) - n)
  let halving = SoftTopKOracle(
    scores: (scores + padding).map(Double.init), rounds: rounds, base: options.base
  ).blend(x.map(Double.init), columns: d)
  let shape = "\(n) to \(k)×\(d)"
  var results = [
    Comparison(name: "softTopK", shape: shape).verified(
      y.elements, halving.values, halving.tolerance)
  ]

  var left = try Matrix(rows: k, columns: 1)
  try iterativeTopK(
    rows, scores: column, over: sequence, count: k, into: &y, scores: &left, on: execution)
  let iterative = iterativeTopKOracle(
    x.map(Double.init), scores: scores.map(Double.init), count: k, alpha: 1)
  results.append(
    Comparison(name: "iterativeTopK", shape: shape).verified(
      y.elements, iterative.y, iterative.tolerance))
  return results
}

/// The bound is one on the norm of all errors, so its share is too.
private func verifiedFourier(
  tokens n: Int, columns d: Int, on execution: Execution
) throws -> VerifiedOperator {
  var random = SplitMix64(seed: 19)
  let x = random.floats(n * d)
  var y = try Matrix(rows: n, columns: d)
  try fourierMix(
    Matrix(rows: n, columns: d, x), over: Ragged(lengths: [n]), into: &y, on: execution)
  let found = y.elements
  let exact = fourierMixOracle(x.map(Double.init), rows: n, columns: d)
  func squares(_ x: some Sequence<Double>) -> Double { x.reduce(0) { $0 + $1 * $1 } }
  let error = squares(zip(found, exact).map { Double($0) - $1 }).squareRoot()
  let bound =
    try fourierMixErrorBound(FourierPlan(length: n), FourierPlan(length: d))
    * squares(exact).squareRoot()
  return VerifiedOperator(
    name: "fourierMix", shape: "\(n)×\(d)", operands: "well scaled", unit: "share of the bound",
    tarn: ErrorFigure(error: error / bound, bound: 1),
    histogram: VerifiedOperator.histogram(found.indices.map { ulps(found[$0], from: exact[$0]) }))
}
