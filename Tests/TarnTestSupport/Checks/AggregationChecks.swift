// Global aggregation against the published form.

internal import Tarn

/// The checks of this file.
public let aggregationChecks: [KernelCheck] = [
  KernelCheck("global aggregation, direct form", aggregationAgreesWithTheDirectForm),
  KernelCheck("global aggregation, mean query", meanCommutesWithTheQueryProjection),
  KernelCheck("global aggregation, batch", aggregationOfASequenceAloneEqualsInBatch),
  KernelCheck("global aggregation, masked tokens", maskedTokensChangeNoBit),
  KernelCheck("global aggregation, nothing kept", aggregationOfNothingIsNaN),
]

/// `v` and the probabilities of one sequence.
private func aggregate(
  _ input: AggregationInput, query: [Float], on execution: Execution
) throws -> (v: [Float], probabilities: [Float]) {
  let d = input.keyBias.count
  let keys = try AggregationKeys(
    weight: Matrix(rows: d, columns: d, input.keyWeight), bias: Matrix(input.keyBias),
    heads: input.heads, on: execution)
  var v = try Matrix(rows: 1, columns: d)
  var probabilities: Matrix? = try Matrix(rows: input.heads, columns: input.tokens)
  try globalAggregation(
    Matrix(rows: input.tokens, columns: d, input.x), over: Ragged(lengths: [input.tokens]),
    keep: input.keep, queries: Matrix(query), keys: keys, into: &v,
    probabilities: &probabilities, on: execution)
  return (v.elements, probabilities?.elements ?? [])
}

private func aggregationAgreesWithTheDirectForm(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let lengths = size == .quick ? [1, 2, 17, 400] : [1, 2, 17, 255, 256, 257, 400, 600]
  for (d, heads) in [(8, 2), (12, 12), (48, 3), (65, 5)] {
    for n in lengths {
      for period in [0, 3] {
        let seed = UInt64(d * 1000 + n)
        var random = SplitMix64(seed: seed)
        var keep = period == 0 ? nil : random.flags(n, oneFalseIn: period)
        keep?[n - 1] = true
        var input = AggregationInput(tokens: n, d: d, heads: heads, keep: keep, &random)
        // Scores that grow (or shrink) along the sequence: a later (or the first) chunk has the
        // largest, so that joining rescales either side.
        for t in 0..<n {
          let place = Float(period == 0 ? t : n - 1 - t) / Float(n)
          for j in 0..<d { input.x[t * d + j] *= 0.5 + place }
        }
        let query = random.floats(d, scale: 3)
        let found = try aggregate(input, query: query, on: execution)
        let exact = aggregationOracle(input, query: query)
        let label =
          "globalAggregation \(n)×\(d) heads \(heads) one false in \(period) seed \(seed) "
          + execution.label
        report.expect(exact.probabilityTolerance < 0.01, "\(label): the tolerance is too wide")
        report.expectWithin(found.v, exact.v, tolerance: exact.tolerance, label)
        report.expectWithin(
          found.probabilities, exact.probabilities,
          tolerance: exact.probabilities.map { $0 * exact.probabilityTolerance + 0x1p-126 },
          "\(label), probabilities")
      }
    }
  }
}

/// `Wq·mean(x) + bq` by maskedMean and matmul, against the mean of all tokens' queries.
private func meanCommutesWithTheQueryProjection(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let d = 48
  let n = 300
  var random = SplitMix64(seed: 61)
  let keep = random.flags(n, oneFalseIn: 4)
  let input = AggregationInput(tokens: n, d: d, heads: 4, keep: keep, &random)
  let exact = aggregationOracle(input, query: nil)
  var mean = try Matrix(rows: 1, columns: d)
  try maskedMean(
    Matrix(rows: n, columns: d, input.x), over: Ragged(lengths: [n]), keep: keep, into: &mean,
    on: execution)
  let weight = try PackedMatrix(
    transposing: Matrix(rows: d, columns: d, input.queryWeight), on: execution)
  var query = try Matrix(rows: 1, columns: d)
  try matmul(
    mean, weight, epilogue: Epilogue(bias: Matrix(input.queryBias)), into: &query, on: execution)
  // n roundings in the mean (at most 1 in magnitude), d in the product.
  let tolerance = (0..<d).map { i in
    let magnitude = (0..<d).reduce(0) { $0 + abs(Double(input.queryWeight[i * d + $1])) }
    return Double(n + d + 2) * unitRoundoff * (magnitude + abs(Double(input.queryBias[i])))
  }
  report.expectWithin(
    query.elements, exact.query, tolerance: tolerance, "query of the mean \(execution.label)")
}

private func aggregationOfASequenceAloneEqualsInBatch(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let d = 36
  let heads = 3
  let lengths = [3, 257, 1, 512, 40]
  let sequences = try Ragged(lengths: lengths)
  var random = SplitMix64(seed: 71)
  let all = AggregationInput(tokens: sequences.rows, d: d, heads: heads, keep: nil, &random)
  var keep = random.flags(sequences.rows, oneFalseIn: 3)
  for s in 0..<sequences.count { keep[sequences[s].lowerBound] = true }
  let queries = random.floats(lengths.count * d, scale: 2)
  let keys = try AggregationKeys(
    weight: Matrix(rows: d, columns: d, all.keyWeight), bias: Matrix(all.keyBias), heads: heads,
    on: execution)
  var v = try Matrix(rows: lengths.count, columns: d)
  var probabilities: Matrix? = try Matrix(rows: heads, columns: sequences.rows)
  try globalAggregation(
    Matrix(rows: sequences.rows, columns: d, all.x), over: sequences, keep: keep,
    queries: Matrix(rows: lengths.count, columns: d, queries), keys: keys, into: &v,
    probabilities: &probabilities, on: execution)
  let p = probabilities?.elements ?? []
  for s in 0..<sequences.count {
    let range = sequences[s]
    var input = all
    input.tokens = range.count
    input.x = Array(all.x[range.lowerBound * d..<range.upperBound * d])
    input.keep = Array(keep[range])
    let alone = try aggregate(
      input, query: Array(queries[s * d..<(s + 1) * d]), on: execution)
    let label = "globalAggregation of sequence \(s) of \(lengths) seed 71 \(execution.label)"
    report.expectSameBits(v.rows(s..<s + 1).elements, alone.v, label)
    let part = (0..<heads).flatMap { h in range.map { p[h * sequences.rows + $0] } }
    report.expectSameBits(part, alone.probabilities, "\(label), probabilities")
    var none: Matrix?
    var again = try Matrix(rows: 1, columns: d)
    try globalAggregation(
      Matrix(rows: range.count, columns: d, input.x), over: Ragged(lengths: [range.count]),
      keep: input.keep, queries: Matrix(Array(queries[s * d..<(s + 1) * d])), keys: keys,
      into: &again, probabilities: &none, on: execution)
    report.expectSameBits(again.elements, alone.v, "\(label), without probabilities")
    report.expect(none == nil, "\(label): probabilities from nowhere")
  }
}

/// What a masked token holds, as long as it is finite, reaches neither mean nor aggregate.
private func maskedTokensChangeNoBit(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let d = 24
  let n = 300
  var random = SplitMix64(seed: 91)
  let keep = random.flags(n, oneFalseIn: 3)
  var input = AggregationInput(tokens: n, d: d, heads: 3, keep: keep, &random)
  let query = random.floats(d, scale: 3)
  let before = try aggregate(input, query: query, on: execution)
  for t in 0..<n where !keep[t] {
    for j in 0..<d { input.x[t * d + j] = random.float() * 1e30 }
  }
  let after = try aggregate(input, query: query, on: execution)
  report.expectSameBits(after.v, before.v, "masked tokens seed 91 \(execution.label)")
  report.expectSameBits(
    after.probabilities, before.probabilities,
    "masked tokens, probabilities seed 91 \(execution.label)")
  let isZero = after.probabilities.indices.allSatisfy {
    keep[$0 % n] || after.probabilities[$0] == 0
  }
  report.expect(isZero, "masked tokens have a probability \(execution.label)")
}

/// A sequence with nothing kept, or with no tokens, is NaN and leaves its neighbours alone.
private func aggregationOfNothingIsNaN(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let d = 20
  var random = SplitMix64(seed: 81)
  let input = AggregationInput(tokens: 10, d: d, heads: 2, keep: nil, &random)
  let keys = try AggregationKeys(
    weight: Matrix(rows: d, columns: d, input.keyWeight), bias: Matrix(input.keyBias), heads: 2,
    on: execution)
  let keep = (0..<10).map { $0 < 4 || $0 > 7 }
  var v = try Matrix(rows: 4, columns: d)
  var none: Matrix?
  try globalAggregation(
    Matrix(rows: 10, columns: d, input.x), over: Ragged(lengths: [4, 4, 0, 2]), keep: keep,
    queries: Matrix(rows: 4, columns: d, random.floats(4 * d)), keys: keys, into: &v,
    probabilities: &none, on: execution)
  let found = rows(v.elements, columns: d)
  report.expect(found[0].allSatisfy(\.isFinite), "sequence before one with nothing kept")
  report.expect(found[1].allSatisfy(\.isNaN), "sequence with nothing kept is \(found[1])")
  report.expect(found[2].allSatisfy(\.isNaN), "sequence without tokens is \(found[2])")
  report.expect(found[3].allSatisfy(\.isFinite), "sequence after one with nothing kept")
}
