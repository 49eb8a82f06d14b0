// Means, maxima and weighted sums over tokens, what moves rows, and their gradients.

import Tarn
import TarnKernelInterface

/// PoNet's poolings.
func poolingCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  cases.start(seed: 6)
  let sequences = try batch()
  let (n, d, segments) = (sequences.rows, 48, 11)
  let x = try cases.matrix(n, d)
  let keep = (0..<n).map { $0 % 37 == 0 || $0 % 7 != 3 }
  let labels = (0..<n).map { Int32($0 * 7 % segments) }

  var mean = try Matrix(rows: sequences.count, columns: d)
  try maskedMean(x, over: sequences, keep: keep, into: &mean, on: execution)
  cases.note("maskedMean", mean)
  try cases.run("maskedMeanGradient", n, d) { dx throws(TarnError) in
    try maskedMeanGradient(over: sequences, keep: keep, upstream: mean, into: &dx, on: execution)
  }

  let least = try Matrix(
    rows: segments, columns: d, [Float](repeating: -.infinity, count: segments * d))
  try cases.run("segmentMax", segments, d, onto: least) { y throws(TarnError) in
    try segmentMax(x, labels: labels, into: &y, on: execution)
  }
  var maxima = least
  var tokens: [Int32] = []
  try segmentMax(x, labels: labels, into: &maxima, tokens: &tokens, on: execution)
  cases.note("segmentMax, with tokens", maxima)
  cases.note("segmentMax, tokens", tokens)
  try cases.run("segmentMaxGradient", n, d) { dx throws(TarnError) in
    try segmentMaxGradient(
      labels: labels, tokens: tokens, upstream: maxima, into: &dx, on: execution)
  }

  try moveCases(&cases, x, labels, segments)

  let neighbours = (0..<n - 2).map {
    WindowNeighbours(hasLeftRow: $0 % 3 != 0, hasRightRow: $0 % 5 != 0, hasFill: $0 % 4 == 0)
  }
  try cases.run("neighbourMax", n - 2, d) { y throws(TarnError) in
    try neighbourMax(x, neighbours[...], fill: -0.5, into: &y, on: execution)
  }
  let kinds: [FusionKind] = (0..<n).map {
    $0 % 9 == 0 ? .masked : $0 % 9 == 4 ? .globalOnly : .full
  }
  var rows: [Int32] = []
  for s in 0..<sequences.count {
    rows += [Int32](repeating: Int32(s), count: sequences[s].count)
  }
  let plan = FusionPlan(kinds: kinds, sequences: rows, labels: labels)
  let output = try cases.matrix(n, d)
  try cases.run("fuse", n, d, onto: output) { y throws(TarnError) in
    try fuse(plan, 0..<n, global: mean, maxima: maxima, local: x, into: &y, on: execution)
  }
  try cases.run("fuse, output apart", n, d, onto: x) { y throws(TarnError) in
    try fuse(
      plan, 0..<n, global: mean, maxima: maxima, output: output, local: x, into: &y, on: execution)
  }
  try aggregationCases(&cases, x, sequences, keep)
}

/// Rows by number.
private func moveCases(
  _ cases: inout Cases, _ x: Matrix, _ labels: [Int32], _ segments: Int
) throws(TarnError) {
  let execution = cases.execution
  let (n, d) = (x.rows, x.columns)
  let order = (0..<n).map { Int32($0 * 5 % n) }
  var y = try Matrix(rows: n, columns: d)
  try gather(x, order[...], into: &y, on: execution)
  cases.note("gather", y)
  try gather(x, labels[...], adding: true, into: &y, on: execution)
  cases.note("gather, adding", y)
  try cases.run("gatherGradient", segments, d) { dx throws(TarnError) in
    try gatherGradient(labels[...], upstream: x, into: &dx, on: execution)
  }
}

private func aggregationCases(
  _ cases: inout Cases, _ x: Matrix, _ sequences: Ragged, _ keep: [Bool]
) throws(TarnError) {
  let execution = cases.execution
  let (n, d, heads, count) = (x.rows, x.columns, 3, sequences.count)
  let keys = try AggregationKeys(
    weight: cases.matrix(d, d, scale: 0.3), bias: cases.matrix(1, d), heads: heads, on: execution)
  let (queries, upstream) = try (cases.matrix(count, d, scale: 3), cases.matrix(count, d))
  var probabilities: Matrix? = try Matrix(rows: heads, columns: n)
  try cases.run("globalAggregation", count, d) { v throws(TarnError) in
    try globalAggregation(
      x, over: sequences, keep: keep, queries: queries, keys: keys, into: &v,
      probabilities: &probabilities, on: execution)
  }
  guard let probabilities else { return }
  cases.note("globalAggregation, probabilities", probabilities)
  var dx = try Matrix(rows: n, columns: d)
  var dqueries = try Matrix(rows: count, columns: d)
  var keyWeight: Matrix? = try Matrix(rows: d, columns: d)
  var keyBias: Matrix? = try Matrix(rows: 1, columns: d)
  try globalAggregationGradient(
    x, over: sequences, queries: queries, keys: keys, probabilities: probabilities,
    upstream: upstream, into: &dx, queries: &dqueries, keyWeight: &keyWeight, keyBias: &keyBias,
    on: execution)
  cases.note("globalAggregationGradient", dx)
  cases.note("globalAggregationGradient, queries", dqueries)
  if let keyWeight { cases.note("globalAggregationGradient, key weight", keyWeight) }
  if let keyBias { cases.note("globalAggregationGradient, key bias", keyBias) }
}
