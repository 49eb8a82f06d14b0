// Segment maximum with its tokens, and the gradients of the poolings.

internal import Tarn
internal import TarnKernelInterface

/// The checks of this file, part of `poolingChecks`.
let poolingGradientChecks: [KernelCheck] = [
  KernelCheck("segment max, tokens", segmentMaxFindsTheFirstToken),
  KernelCheck("segment max, tokens, NaN and zeros", segmentMaxTokensAtTheEdges),
  KernelCheck("segment max, gradient", segmentMaxGradientFollowsTheTokens),
  KernelCheck("gather, gradient", gatherGradientIsAChain),
  KernelCheck("masked mean, gradient", maskedMeanGradientIsExact),
  KernelCheck("global aggregation, gradient", aggregationGradientIsWithinTheBound),
  KernelCheck("global aggregation, differences", aggregationGradientAgreesWithDifferences),
  KernelCheck("global aggregation, gradient, batch", aggregationGradientAloneEqualsInBatch),
]

private let widths = [0, 1, 15, 16, 17, 33, 64, 65, 130]

/// Maxima and tokens by the rule: larger wins, NaN is largest, the first stays.
private func argmaxOracle(
  _ x: [Float], columns: Int, labels: [Int32], segments: Int
) -> (maxima: [Float], tokens: [Int32]) {
  var maxima = [Float](repeating: -.infinity, count: segments * columns)
  var tokens = [Int32](repeating: -1, count: segments * columns)
  for (t, label) in labels.enumerated() {
    for j in 0..<columns {
      let i = Int(label) * columns + j
      let value = x[t * columns + j]
      if tokens[i] < 0 || value > maxima[i] || value.isNaN && !maxima[i].isNaN {
        maxima[i] = value
        tokens[i] = Int32(t)
      }
    }
  }
  return (maxima, tokens)
}

private func segmentMaxFindsTheFirstToken(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, columns) in widths.enumerated() {
    for tokens in [0, 1, 2, 5, 40] {
      for segments in [1, 3, 9] {
        var random = SplitMix64(seed: UInt64(tokens))
        // Few values, so that ties are the rule; runs of labels and single ones.
        let x = (0..<tokens * columns).map { _ in Float(random.below(7)) - 3 }
        let labels = (0..<tokens).map { t in
          Int32(t % 20 < 12 ? t / 7 % segments : random.below(segments))
        }
        let source = GuardedMatrix(
          rows: tokens, columns: columns, gap: number % 3, at: placement(number), x)
        let maxima = GuardedMatrix(
          rows: segments, columns: columns, gap: number % 2, at: placement(number + 1))
        let best = GuardedMatrix(
          rows: segments, columns: columns, gap: number % 2, at: placement(number + 2))
        best.target.base.withMemoryRebound(to: Int32.self, capacity: 1) { best in
          (labels + [0]).withUnsafeBufferPointer {
            if let base = $0.baseAddress {
              execution.table.pooling.segmentArgmax(
                source.view, base, maxima.target, best, columns + number % 2)
            }
          }
        }
        let label =
          "segmentMax with tokens \(tokens)×\(columns) \(segments) segments seed \(tokens) "
          + execution.label
        report.expectIntact(maxima, label)
        report.expectIntact(best, label)
        let expected = argmaxOracle(x, columns: columns, labels: labels, segments: segments)
        report.expectSameBits(maxima.elements, expected.maxima, label)
        report.expect(
          best.elements.map { Int32(bitPattern: $0.bitPattern) } == expected.tokens,
          "\(label): other tokens")
        report.expectSameBits(
          maxima.elements,
          segmentMaxOracle(x, columns: columns, labels: labels, segments: segments),
          "\(label), as without tokens")
      }
    }
  }
}

private func segmentMaxTokensAtTheEdges(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let specials: [Float] = [.nan, .infinity, -.infinity, 0, -0.0, 1]
  var random = SplitMix64(seed: 5)
  for columns in [1, 16, 130] {
    let x = (0..<60 * columns).map { _ in specials[random.below(6)] }
    let labels = (0..<60).map { Int32($0 / 6) }
    var maxima = try Matrix(rows: 11, columns: columns)
    var tokens: [Int32] = [7]
    try segmentMax(
      Matrix(rows: 60, columns: columns, x), labels: labels, into: &maxima, tokens: &tokens,
      on: execution)
    let expected = argmaxOracle(x, columns: columns, labels: labels, segments: 11)
    let label = "segmentMax with tokens, edges 60×\(columns) seed 5 \(execution.label)"
    report.expectSameBits(maxima.elements, expected.maxima, label)
    report.expect(tokens == expected.tokens, "\(label): other tokens")
  }
}

private func segmentMaxGradientFollowsTheTokens(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for columns in widths {
    let n = 80
    var random = SplitMix64(seed: UInt64(columns))
    let x = (0..<n * columns).map { _ in Float(random.below(5)) }
    let labels = (0..<n).map { _ in Int32(random.below(9)) }
    let dy = random.floats(9 * columns)
    var maxima = try Matrix(rows: 9, columns: columns)
    var tokens: [Int32] = []
    try segmentMax(
      Matrix(rows: n, columns: columns, x), labels: labels, into: &maxima, tokens: &tokens,
      on: execution)
    var dx = try Matrix(rows: n, columns: columns, x.map { _ in .nan })
    try segmentMaxGradient(
      labels: labels, tokens: tokens, upstream: Matrix(rows: 9, columns: columns, dy), into: &dx,
      on: execution)
    var expected = [Float](repeating: 0, count: x.count)
    for (i, token) in tokens.enumerated() where token >= 0 {
      expected[Int(token) * columns + i % max(1, columns)] = dy[i]
    }
    report.expectSameBits(
      dx.elements, expected, "segmentMaxGradient \(n)×\(columns) seed \(columns) \(execution.label)"
    )
    // On guarded memory, from a token that is not the first.
    let target = GuardedMatrix(rows: 30, columns: columns, gap: 1, at: placement(columns))
    let upstream = GuardedMatrix(
      rows: 9, columns: columns, gap: 2, at: placement(columns + 1), dy)
    labels.withUnsafeBufferPointer { labels in
      (tokens + [0]).withUnsafeBufferPointer { tokens in
        if let l = labels.baseAddress, let t = tokens.baseAddress {
          execution.table.pooling.segmentMaxGradient(l + 20, t, 20, upstream.view, target.target)
        }
      }
    }
    report.expectIntact(target, "segmentMaxGradient \(columns)")
    report.expectSameBits(
      target.elements, Array(expected[20 * columns..<50 * columns]),
      "segmentMaxGradient from token 20 ×\(columns) \(execution.label)")
  }
}

/// One chain of additions for each entry and column; also the bound against Double.
private func gatherGradientIsAChain(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for (number, columns) in widths.enumerated() {
    let n = [0, 1, 4, 300][number % 4]
    var random = SplitMix64(seed: UInt64(columns))
    let dy = random.floats(n * columns)
    let indices = (0..<n).map { t in Int32(t % 30 < 20 ? t / 9 % 6 : random.below(6)) }
    let start = random.floats(7 * columns)
    for adding in [false, true] {
      var table = try Matrix(rows: 7, columns: columns, start)
      try gatherGradient(
        indices[...], upstream: Matrix(rows: n, columns: columns, dy), adding: adding, into: &table,
        on: execution)
      var expected = adding ? start : start.map { _ in 0 }
      for (t, index) in indices.enumerated() {
        for j in 0..<columns { expected[Int(index) * columns + j] += dy[t * columns + j] }
      }
      report.expectSameBits(
        table.elements, expected,
        "gatherGradient \(n)×\(columns) adding \(adding) seed \(columns) \(execution.label)")
    }
    let target = GuardedMatrix(
      rows: 7, columns: columns, gap: number % 3, at: placement(number), start)
    let source = GuardedMatrix(
      rows: n, columns: columns, gap: number % 2, at: placement(number + 1), dy)
    indices.withUnsafeBufferPointer {
      if let base = $0.baseAddress {
        execution.table.pooling.addRows(source.view, base, target.target)
      }
    }
    report.expectIntact(target, "addRows \(columns)")
  }
}

private func maskedMeanGradientIsExact(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let sequences = try Ragged(lengths: [1, 0, 300, 3, 2])
  for columns in widths {
    var random = SplitMix64(seed: UInt64(columns))
    let dy = random.floats(5 * columns)
    var keep = random.flags(sequences.rows, oneFalseIn: 3)
    for t in sequences[4] { keep[t] = false }
    for flags in [nil, keep] {
      var dx = try Matrix(
        rows: sequences.rows, columns: columns,
        Array(repeating: .nan, count: sequences.rows * columns))
      try maskedMeanGradient(
        over: sequences, keep: flags, upstream: Matrix(rows: 5, columns: columns, dy), into: &dx,
        on: execution)
      let expected: [Float] = (0..<5).flatMap { s in
        let kept = sequences[s].count { flags?[$0] ?? true }
        return sequences[s].flatMap { t in
          (0..<columns).map { j in
            flags?[t] ?? true ? dy[s * columns + j] / Float(kept) : 0
          }
        }
      }
      report.expectSameBits(
        dx.elements, expected,
        "maskedMeanGradient ×\(columns) flags \(flags != nil) seed \(columns) \(execution.label)")
    }
    let row = GuardedMatrix(Array(dy.prefix(columns)), at: placement(columns))
    let target = GuardedMatrix(rows: 4, columns: columns, gap: 1, at: placement(columns + 1))
    [true, false, true, false].withUnsafeBufferPointer {
      execution.table.pooling.repeatRow(row.view.base, $0.baseAddress, target.target)
    }
    report.expectIntact(target, "repeatRow \(columns)")
  }
}

/// All gradients of a ragged batch: tokens, queries, key weight, key bias.
private struct Gradients {
  var x: Matrix
  var queries: Matrix
  var keyWeight: Matrix?
  var keyBias: Matrix?
  var probabilities: Matrix
}

/// Runs the forward pass for the probabilities, then the gradient.
private func gradients(
  _ input: AggregationInput, _ sequences: Ragged, queries: [Float], upstream: [Float],
  on execution: Execution
) throws -> Gradients {
  let d = input.keyBias.count
  let x = try Matrix(rows: input.tokens, columns: d, input.x)
  let q = try Matrix(rows: sequences.count, columns: d, queries)
  let keys = try AggregationKeys(
    weight: Matrix(rows: d, columns: d, input.keyWeight), bias: Matrix(input.keyBias),
    heads: input.heads, on: execution)
  var v = try Matrix(rows: sequences.count, columns: d)
  var probabilities: Matrix? = try Matrix(rows: input.heads, columns: input.tokens)
  try globalAggregation(
    x, over: sequences, keep: input.keep, queries: q, keys: keys, into: &v,
    probabilities: &probabilities, on: execution)
  var result = Gradients(
    x: try Matrix(rows: x.rows, columns: d, input.x.map { _ in .nan }),
    queries: try Matrix(rows: q.rows, columns: d, queries.map { _ in .nan }),
    keyWeight: try Matrix(rows: d, columns: d), keyBias: try Matrix(rows: 1, columns: d),
    probabilities: try Matrix(
      rows: input.heads, columns: input.tokens, probabilities?.elements ?? []))
  try globalAggregationGradient(
    x, over: sequences, queries: q, keys: keys, probabilities: result.probabilities,
    upstream: Matrix(rows: sequences.count, columns: d, upstream), into: &result.x,
    queries: &result.queries, keyWeight: &result.keyWeight, keyBias: &result.keyBias, on: execution)
  return result
}

private func aggregationGradientIsWithinTheBound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for (d, heads) in [(8, 2), (12, 12), (48, 3), (65, 5)] {
    for lengths in [[1], [2, 17, 0, 257], size == .quick ? [255] : [255, 256, 600]] {
      let sequences = try Ragged(lengths: lengths)
      let n = sequences.rows
      for period in [0, 3] {
        let seed = UInt64(d * 1000 + n)
        var random = SplitMix64(seed: seed)
        var keep = period == 0 ? nil : random.flags(n, oneFalseIn: period)
        for s in 0..<sequences.count where !sequences[s].isEmpty {
          keep?[sequences[s].lowerBound] = true
        }
        let input = AggregationInput(tokens: n, d: d, heads: heads, keep: keep, &random)
        let queries = random.floats(lengths.count * d, scale: 3)
        let upstream = random.floats(lengths.count * d)
        let found = try gradients(
          input, sequences, queries: queries, upstream: upstream, on: execution)
        let label =
          "globalAggregationGradient \(lengths)×\(d) heads \(heads) one false in \(period) "
          + "seed \(seed) \(execution.label)"
        let p = found.probabilities.elements
        var x: [BoundedValue] = []
        var query: [BoundedValue] = []
        var weight = [BoundedValue](repeating: BoundedValue(0), count: d * d)
        var magnitudes = [Double](repeating: 0, count: d * d)
        for s in 0..<sequences.count {
          let range = sequences[s]
          var part = input
          part.tokens = range.count
          part.x = Array(input.x[range.lowerBound * d..<range.upperBound * d])
          let exact = aggregationGradientOracle(
            part, query: Array(queries[s * d..<(s + 1) * d]),
            probabilities: (0..<heads).flatMap { h in range.map { Double(p[h * n + $0]) } },
            upstream: Array(upstream[s * d..<(s + 1) * d]))
          x += exact.x
          query += exact.query
          for i in weight.indices {
            weight[i].value += exact.keyWeight[i].value
            weight[i].error += exact.keyWeight[i].error
            // A term of the sum is no larger than its own bound over two roundings.
            magnitudes[i] += exact.keyWeight[i].error / (4 * unitRoundoff)
          }
        }
        for i in weight.indices {
          weight[i].error += Double(2 * lengths.count) * unitRoundoff * magnitudes[i]
        }
        func expect(_ found: [Float], _ exact: [BoundedValue], _ what: String) {
          let largest = exact.reduce(1) { max($0, abs($1.value)) }
          report.expect(
            exact.allSatisfy { $0.error < 1e-2 * largest }, "\(label): \(what), bound too wide")
          report.expectWithin(found, exact, "\(label), \(what)")
        }
        expect(found.x.elements, x, "x")
        expect(found.queries.elements, query, "queries")
        expect(found.keyWeight?.elements ?? [], weight, "key weight")
        let bias = (0..<d).map { j in
          let terms = (0..<lengths.count).map { Double(upstream[$0 * d + j]) }
          return BoundedValue(
            terms.reduce(0, +),
            Double(lengths.count + 1) * unitRoundoff * terms.reduce(0) { $0 + abs($1) })
        }
        expect(found.keyBias?.elements ?? [], bias, "key bias")
        if let keep {
          let isZero = x.indices.allSatisfy { keep[$0 / d] || found.x.elements[$0] == 0 }
          report.expect(isZero, "\(label): a masked token has a gradient")
        }
      }
    }
  }
}

/// The formulas against differences of the published form in Double, by the five-point rule.
///
/// The steps are exact in Float; the rule's error is h⁴/30 of the fifth derivative.
private func aggregationGradientAgreesWithDifferences(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let (n, d, heads) = (9, 16, 2)
  var random = SplitMix64(seed: 17)
  var keep = random.flags(n, oneFalseIn: 4)
  keep[0] = true
  var input = AggregationInput(tokens: n, d: d, heads: heads, keep: keep, &random)
  var query = random.floats(d, scale: 2)
  let upstream = random.floats(d)
  let exact = aggregationGradientOracle(
    input, query: query, probabilities: aggregationOracle(input, query: query).probabilities,
    upstream: upstream)
  func loss() -> Double {
    zip(aggregationOracle(input, query: query).v, upstream).reduce(0) { $0 + $1.0 * Double($1.1) }
  }
  let h: Float = 0x1p-7
  func slope(_ set: (Float) -> Void) -> Double {
    func at(_ step: Float) -> Double {
      set(step)
      return loss()
    }
    let near = at(h) - at(-h)
    let far = at(2 * h) - at(-2 * h)
    set(0)
    return (8 * near - far) / (12 * Double(h))
  }
  func expect(_ found: BoundedValue, _ slope: Double, _ what: String) {
    report.expect(
      abs(found.value - slope) < 1e-6 * max(1, abs(slope)),
      "\(what): formula \(found.value), differences \(slope)")
  }
  for i in input.x.indices {
    let centre = input.x[i]
    expect(exact.x[i], slope { input.x[i] = centre + $0 }, "dx[\(i)]")
  }
  for i in 0..<d {
    let centre = query[i]
    expect(exact.query[i], slope { query[i] = centre + $0 }, "dq[\(i)]")
  }
  for i in input.keyWeight.indices {
    let centre = input.keyWeight[i]
    expect(exact.keyWeight[i], slope { input.keyWeight[i] = centre + $0 }, "dW[\(i)]")
  }
}

private func aggregationGradientAloneEqualsInBatch(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let (d, heads) = (36, 3)
  let lengths = [3, 257, 1, 512, 40]
  let sequences = try Ragged(lengths: lengths)
  var random = SplitMix64(seed: 73)
  let all = AggregationInput(tokens: sequences.rows, d: d, heads: heads, keep: nil, &random)
  let queries = random.floats(lengths.count * d, scale: 2)
  let upstream = random.floats(lengths.count * d)
  let batch = try gradients(all, sequences, queries: queries, upstream: upstream, on: execution)
  for s in 0..<sequences.count {
    let range = sequences[s]
    var input = all
    input.tokens = range.count
    input.x = Array(all.x[range.lowerBound * d..<range.upperBound * d])
    let alone = try gradients(
      input, Ragged(lengths: [range.count]), queries: Array(queries[s * d..<(s + 1) * d]),
      upstream: Array(upstream[s * d..<(s + 1) * d]), on: execution)
    let label =
      "globalAggregationGradient of sequence \(s) of \(lengths) seed 73 \(execution.label)"
    report.expectSameBits(batch.x.rows(range).elements, alone.x.elements, label)
    report.expectSameBits(
      batch.queries.rows(s..<s + 1).elements, alone.queries.elements, "\(label), queries")
  }
}

/// The gradients' part of ``operatorBattery(on:)``.
func poolingGradientBattery(on execution: Execution) throws -> [BatteryResult] {
  var results: [BatteryResult] = []
  func note(_ name: String, _ matrix: Matrix) {
    results.append(BatteryResult(name: name, elements: matrix.elements))
  }
  var random = SplitMix64(seed: 88_002)
  let d = 96
  let sequences = try Ragged(lengths: [300, 1, 257, 64])
  let n = sequences.rows
  let input = AggregationInput(
    tokens: n, d: d, heads: 6, keep: (0..<n).map { $0 % 300 == 0 || $0 % 7 != 3 }, &random)
  let dv = random.floats(4 * d)
  let found = try gradients(
    input, sequences, queries: random.floats(4 * d, scale: 3), upstream: dv, on: execution)
  note("globalAggregationGradient", found.x)
  note("globalAggregationGradient queries", found.queries)
  if let keyWeight = found.keyWeight { note("globalAggregationGradient key weight", keyWeight) }
  if let keyBias = found.keyBias { note("globalAggregationGradient key bias", keyBias) }
  let labels = (0..<n).map { Int32($0 * 7 % 11) }
  let x = try Matrix(rows: n, columns: d, input.x)
  var maxima = try Matrix(rows: 11, columns: d)
  var tokens: [Int32] = []
  try segmentMax(x, labels: labels, into: &maxima, tokens: &tokens, on: execution)
  note("segmentMax with tokens", maxima)
  var dx = try Matrix(rows: n, columns: d)
  try segmentMaxGradient(
    labels: labels, tokens: tokens, upstream: maxima, into: &dx, on: execution)
  note("segmentMaxGradient", dx)
  try gatherGradient(labels[...], upstream: x, into: &maxima, on: execution)
  note("gatherGradient", maxima)
  try maskedMeanGradient(
    over: sequences, keep: input.keep, upstream: Matrix(rows: 4, columns: d, dv), into: &dx,
    on: execution)
  note("maskedMeanGradient", dx)
  return results
}
