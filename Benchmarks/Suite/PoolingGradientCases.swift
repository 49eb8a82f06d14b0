// Segment maximum with its tokens and the gradients of the poolings: cases of the kernel benchmark.

import Tarn
import TarnTestSupport

func poolingGradientCases(
  rows n: Int, columns d: Int, on execution: Execution
) throws -> [KernelCase] {
  let x = try randomMatrix(n, d, seed: 24)
  let one = try Ragged(lengths: [n])
  let labels = (0..<n).map { Int32($0 / 25) }
  let segments = (n + 24) / 25
  let pass = 4 * n * d
  let square = try Matrix(rows: n, columns: d)
  let line = try randomMatrix(1, d, seed: 25)
  let dy = try randomMatrix(segments, d, seed: 26)
  var tokens: [Int32] = []
  var maxima = try Matrix(rows: segments, columns: d)
  try segmentMax(x, labels: labels, into: &maxima, tokens: &tokens, on: execution)
  let best = tokens
  var cases = [
    KernelCase(
      name: "segment-max-tokens", bound: .memory(bytes: pass + 8 * segments * d),
      run: { y in try segmentMax(x, labels: labels, into: &y, tokens: &tokens, on: execution) },
      result: maxima,
      expected: {
        segmentMaxOracle(x.elements, columns: d, labels: labels, segments: segments)
          .map(Double.init)
      }),
    KernelCase(
      name: "segment-max-gradient", bound: .memory(bytes: pass + 8 * segments * d),
      run: { dx in
        try segmentMaxGradient(labels: labels, tokens: best, upstream: dy, into: &dx, on: execution)
      }, result: square,
      expected: {
        (0..<n * d).map { i in
          let place = Int(labels[i / d]) * d + i % d
          return best[place] == i / d ? Double(dy[place / d, i % d]) : 0
        }
      }),
    KernelCase(
      name: "gather-gradient", bound: .memory(bytes: pass + 4 * segments * d),
      run: { y in try gatherGradient(labels[...], upstream: x, into: &y, on: execution) },
      result: maxima,
      expected: {
        var sums = [Double](repeating: 0, count: segments * d)
        for (i, value) in x.elements.enumerated() {
          sums[Int(labels[i / d]) * d + i % d] += Double(value)
        }
        return sums
      }),
    KernelCase(
      name: "masked-mean-gradient", bound: .memory(bytes: pass),
      run: { dx in try maskedMeanGradient(over: one, upstream: line, into: &dx, on: execution) },
      result: square,
      expected: {
        (0..<n).flatMap { _ in line.elements.map { Double($0) / Double(n) } }
      }),
  ]
  let heads = d % 12 == 0 ? 12 : 2
  var random = SplitMix64(seed: 27)
  let input = AggregationInput(tokens: n, d: d, heads: heads, keep: nil, &random)
  let hidden = try Matrix(rows: n, columns: d, input.x)
  let queries = try randomMatrix(1, d, seed: 28)
  let keys = try AggregationKeys(
    weight: Matrix(rows: d, columns: d, input.keyWeight), bias: Matrix(input.keyBias),
    heads: heads, on: execution)
  var v = try Matrix(rows: 1, columns: d)
  var probabilities: Matrix? = try Matrix(rows: heads, columns: n)
  try globalAggregation(
    hidden, over: one, queries: queries, keys: keys, into: &v, probabilities: &probabilities,
    on: execution)
  let p = probabilities?.elements ?? []
  let given = try Matrix(rows: heads, columns: n, p)
  var dqueries = v
  var none: Matrix?
  var noBias: Matrix?
  cases.append(
    KernelCase(
      // Five products of heads, tokens and d, and three d × d products.
      name: "global-aggregation-gradient",
      bound: .arithmetic(operations: 10 * n * d * heads + 6 * d * d),
      run: { dx in
        try globalAggregationGradient(
          hidden, over: one, queries: queries, keys: keys, probabilities: given, upstream: line,
          into: &dx, queries: &dqueries, keyWeight: &none, keyBias: &noBias, on: execution)
      }, result: square,
      expected: {
        aggregationGradientOracle(
          input, query: queries.elements, probabilities: p.map(Double.init),
          upstream: line.elements
        ).x.map(\.value)
      }))
  return cases
}
