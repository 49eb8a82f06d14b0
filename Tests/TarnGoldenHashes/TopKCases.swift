// Selection of tokens by score, and its gradients.

import Tarn

/// Soft, hard and iterative top-k.
func topKCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  cases.start(seed: 8)
  let (k, d) = (7, 40)
  let sequences = try Ragged(lengths: [130, 9, 64])
  let (n, count) = (sequences.rows, sequences.count)
  let x = try cases.matrix(n, d)
  let scores = try Matrix(rows: n, columns: 1, cases.floats(n).map { $0 * 0.5 + 0.5 })
  let (dy, dyScores) = try (cases.matrix(count * k, d), cases.matrix(count * k, 1))
  for options in [
    SoftTopKOptions(), SoftTopKOptions(base: 3, flips: false, keepsOrder: true),
  ] {
    let name = options.keepsOrder ? "softTopK, in order" : "softTopK"
    let plan = try SoftTopKPlan(
      scores: scores, over: sequences, count: k, options: options, on: execution)
    cases.note("\(name), scores", plan.scores)
    try cases.run(name, count * k, d) { y throws(TarnError) in
      try softTopK(x, plan, into: &y, on: execution)
    }
    var (dx, dscores) = try (Matrix(rows: n, columns: d), Matrix(rows: n, columns: 1))
    try softTopKGradient(
      x, plan, upstream: dy, upstreamScores: dyScores, into: &dx, scores: &dscores, on: execution)
    cases.note("\(name), gradient", dx)
    cases.note("\(name), gradient of the scores", dscores)
  }
  let hard = try HardTopKPlan(scores: scores, over: sequences, count: k, on: execution)
  cases.note("hardTopK, tokens", hard.tokens)
  cases.note("hardTopK, scores", hard.scores)
  try cases.run("hardTopK", count * k, d) { y throws(TarnError) in
    try hardTopK(x, hard, into: &y, on: execution)
  }
  try cases.run("hardTopKGradient", n, d) { dx throws(TarnError) in
    try hardTopKGradient(hard, upstream: dy, into: &dx, on: execution)
  }
  var (few, fewScores) = try (
    Matrix(rows: count * 5, columns: d), Matrix(rows: count * 5, columns: 1)
  )
  try iterativeTopK(
    x, scores: scores, over: sequences, count: 5, into: &few, scores: &fewScores, on: execution)
  cases.note("iterativeTopK", few)
  cases.note("iterativeTopK, scores", fewScores)
}
