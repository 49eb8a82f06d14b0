// PoNet's poolings and the gather: cases of the kernel benchmark.

import Tarn
import TarnKernelInterface
import TarnTestSupport

/// What all cases have in common: one sequence, its segments and heads.
private struct PoolingInput {
  let one: Ragged
  /// Bytes of the sequence.
  let pass: Int
  /// Segments of 25 tokens.
  let labels: [Int32]
  let segments: Int
  let heads: Int

  init(rows n: Int, columns d: Int) throws {
    one = try Ragged(lengths: [n])
    pass = 4 * n * d
    labels = (0..<n).map { Int32($0 / 25) }
    segments = (n + 24) / 25
    heads = d % 12 == 0 ? 12 : 2
  }
}

func poolingCases(rows n: Int, columns d: Int, on execution: Execution) throws -> [KernelCase] {
  let input = try PoolingInput(rows: n, columns: d)
  let (one, pass, heads) = (input.one, input.pass, input.heads)
  let (labels, segments) = (input.labels, input.segments)
  return [
    KernelCase("masked-mean") {
      let x = try randomMatrix(n, d, seed: 3)
      return PreparedKernel(
        bound: .read(bytes: pass),
        run: { y in try maskedMean(x, over: one, into: &y, on: execution) },
        result: try Matrix(rows: 1, columns: d),
        expected: { meanOracle(x.elements, rows: n, columns: d, keep: nil).values },
        operations: n * d)
    },
    KernelCase("segment-max") {
      let x = try randomMatrix(n, d, seed: 3)
      return PreparedKernel(
        // The maxima are read and written.
        bound: .read(bytes: pass + 8 * segments * d),
        run: { y in try segmentMax(x, labels: labels, into: &y, on: execution) },
        result: try Matrix(
          rows: segments, columns: d, [Float](repeating: -.infinity, count: segments * d)),
        expected: {
          segmentMaxOracle(x.elements, columns: d, labels: labels, segments: segments)
            .map(Double.init)
        }, operations: n * d)
    },
    KernelCase("neighbour-max") {
      let framed = try randomMatrix(n + 2, d, seed: 7)
      let neighbours = (0..<n).map {
        WindowNeighbours(hasLeftRow: $0 > 0, hasRightRow: $0 < n - 1, hasFill: false)
      }
      return PreparedKernel(
        bound: .memory(bytes: 2 * pass),
        run: { y in
          try neighbourMax(framed, neighbours[...], fill: -10000, into: &y, on: execution)
        }, result: try Matrix(rows: n, columns: d),
        expected: {
          neighbourMaxOracle(framed.elements, columns: d, neighbours: neighbours, fill: -10000)
            .map(Double.init)
        }, operations: 2 * n * d)
    },
    KernelCase("gather", .rows) {
      // As many rows as are gathered, none of them twice.
      let table = try randomMatrix(n, d, seed: 8)
      let indices = (0..<n).map { Int32($0 * 41 % n) }
      return PreparedKernel(
        bound: .memory(bytes: 2 * pass),
        run: { y in try gather(table, indices[...], into: &y, on: execution) },
        result: try Matrix(rows: n, columns: d),
        expected: { gatherOracle(table.elements, columns: d, indices: indices).map(Double.init) })
    },
    KernelCase("fuse") {
      // In place: c starts as o. Growth over many runs is bounded by |v + S| ≤ 1.
      let x = try randomMatrix(n, d, seed: 3)
      let local = try randomMatrix(n, d, seed: 4)
      let half = Matrix(try randomMatrix(1, d, seed: 5).elements.map { $0 / 2 })
      let maxima = try Matrix(
        rows: segments, columns: d, [Float](repeating: 0.25, count: segments * d))
      let plan = FusionPlan(
        kinds: [FusionKind](repeating: .full, count: n),
        sequences: [Int32](repeating: 0, count: n), labels: labels)
      return PreparedKernel(
        bound: .memory(bytes: 3 * pass + 4 * (segments + 1) * d),
        run: { c in
          try fuse(plan, 0..<n, global: half, maxima: maxima, local: local, into: &c, on: execution)
        }, result: x,
        expected: {
          fuseOracle(
            ContractModel(fused: execution.instructionSet != .baseline), kinds: plan.kinds,
            v: half.elements, sequences: plan.sequences, maxima: maxima.elements, labels: labels,
            o: x.elements, local: local.elements, columns: d
          ).map(Double.init)
        }, operations: 3 * n * d)
    },
    KernelCase("global-aggregation") {
      var random = SplitMix64(seed: 9)
      let input = AggregationInput(tokens: n, d: d, heads: heads, keep: nil, &random)
      let tokens = try Matrix(rows: n, columns: d, input.x)
      let queries = try randomMatrix(1, d, seed: 10)
      let keys = try AggregationKeys(
        weight: Matrix(rows: d, columns: d, input.keyWeight), bias: Matrix(input.keyBias),
        heads: heads, on: execution)
      var none: Matrix?
      return PreparedKernel(
        // Scores and weighted sums of d elements for each head and token, and two d × d products.
        bound: .arithmetic(operations: 4 * n * d * heads + 4 * d * d),
        run: { v in
          try globalAggregation(
            tokens, over: one, queries: queries, keys: keys, into: &v, probabilities: &none,
            on: execution)
        }, result: try Matrix(rows: 1, columns: d),
        expected: { aggregationOracle(input, query: queries.elements).v },
        // The tokens, and the keys in both their forms.
        bytes: pass + 8 * d * d)
    },
  ]
}

/// Segment maxima with their tokens, and the gradients of the poolings.
func poolingGradientCases(
  rows n: Int, columns d: Int, on execution: Execution
) throws -> [KernelCase] {
  let input = try PoolingInput(rows: n, columns: d)
  let (one, pass, heads) = (input.one, input.pass, input.heads)
  let (labels, segments) = (input.labels, input.segments)
  return [
    KernelCase("segment-max-tokens") {
      let x = try randomMatrix(n, d, seed: 24)
      var tokens: [Int32] = []
      return PreparedKernel(
        bound: .read(bytes: pass + 8 * segments * d),
        run: { y in try segmentMax(x, labels: labels, into: &y, tokens: &tokens, on: execution) },
        result: try Matrix(rows: segments, columns: d),
        expected: {
          segmentMaxOracle(x.elements, columns: d, labels: labels, segments: segments)
            .map(Double.init)
        }, operations: (n - segments) * d)
    },
    KernelCase("segment-max-gradient") {
      let dy = try randomMatrix(segments, d, seed: 26)
      var tokens: [Int32] = []
      var maxima = try Matrix(rows: segments, columns: d)
      try segmentMax(
        randomMatrix(n, d, seed: 24), labels: labels, into: &maxima, tokens: &tokens, on: execution)
      let best = tokens
      return PreparedKernel(
        bound: .memory(bytes: pass + 8 * segments * d),
        run: { dx in
          try segmentMaxGradient(
            labels: labels, tokens: best, upstream: dy, into: &dx, on: execution)
        }, result: try Matrix(rows: n, columns: d),
        expected: {
          (0..<n * d).map { i in
            let place = Int(labels[i / d]) * d + i % d
            return best[place] == i / d ? Double(dy[place / d, i % d]) : 0
          }
        }, operations: n * d)
    },
    KernelCase("gather-gradient") {
      let x = try randomMatrix(n, d, seed: 24)
      return PreparedKernel(
        bound: .read(bytes: pass + 4 * segments * d),
        run: { y in try gatherGradient(labels[...], upstream: x, into: &y, on: execution) },
        result: try Matrix(rows: segments, columns: d),
        expected: {
          var sums = [Double](repeating: 0, count: segments * d)
          for (i, value) in x.elements.enumerated() {
            sums[Int(labels[i / d]) * d + i % d] += Double(value)
          }
          return sums
        }, operations: n * d)
    },
    KernelCase("masked-mean-gradient") {
      let line = try randomMatrix(1, d, seed: 25)
      return PreparedKernel(
        bound: .memory(bytes: pass),
        run: { dx in try maskedMeanGradient(over: one, upstream: line, into: &dx, on: execution) },
        result: try Matrix(rows: n, columns: d),
        expected: { (0..<n).flatMap { _ in line.elements.map { Double($0) / Double(n) } } })
    },
    KernelCase("global-aggregation-gradient") {
      var random = SplitMix64(seed: 27)
      let input = AggregationInput(tokens: n, d: d, heads: heads, keep: nil, &random)
      let hidden = try Matrix(rows: n, columns: d, input.x)
      let queries = try randomMatrix(1, d, seed: 28)
      let line = try randomMatrix(1, d, seed: 25)
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
      return PreparedKernel(
        // Five products of heads, tokens and d, and three d × d products.
        bound: .arithmetic(operations: 10 * n * d * heads + 6 * d * d),
        run: { dx in
          try globalAggregationGradient(
            hidden, over: one, queries: queries, keys: keys, probabilities: given, upstream: line,
            into: &dx, queries: &dqueries, keyWeight: &none, keyBias: &noBias, on: execution)
        }, result: try Matrix(rows: n, columns: d),
        expected: {
          aggregationGradientOracle(
            input, query: queries.elements, probabilities: p.map(Double.init),
            upstream: line.elements
          ).x.map(\.value)
        },
        // The tokens, their gradients, the probabilities, and the keys in both their forms.
        bytes: 2 * pass + 4 * heads * n + 8 * d * d)
    },
  ]
}
