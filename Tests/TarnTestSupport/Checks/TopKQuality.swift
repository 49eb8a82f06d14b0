// How near the soft top-k comes to the true one: the figures of the companion paper's log.

package import Tarn

/// The check of this file.
let topKQualityChecks: [KernelCheck] = [
  KernelCheck("soft top-k, quality", softTopKIsAsNearAsTheAuthorsLogSays)
]

/// A number of tokens and of results, and what the authors' log says of them.
package struct TopKQuality: Sendable {
  /// Tokens.
  package var n: Int
  /// Results.
  package var k: Int
  /// The mean cosines in the authors' log for n/k and k ≥ 16.
  package var logged: ClosedRange<Double>
  /// Those of the iterative baseline, where the log is for a baseline.
  package var loggedIterative: ClosedRange<Double>

  /// The reductions of the log.
  package static let all = [
    TopKQuality(n: 1024, k: 512, logged: 0.983...0.986, loggedIterative: 0.168...0.321),
    TopKQuality(n: 1024, k: 256, logged: 0.984...0.987, loggedIterative: 0.116...0.232),
    TopKQuality(n: 1024, k: 64, logged: 0.967...0.971, loggedIterative: 0.059...0.117),
    TopKQuality(n: 2048, k: 32, logged: 0.921...0.924, loggedIterative: 0.032...0.059),
    TopKQuality(n: 2048, k: 16, logged: 0.847...0.849, loggedIterative: 0.025...0.046),
    TopKQuality(n: 16384, k: 16, logged: 0.443...0.443, loggedIterative: 0.016...0.016),
  ]

  /// For each true top-k vector the best cosine among the results, averaged over some documents.
  ///
  /// Scores are uniform in (0, 1), vectors of 32 columns uniform in (-1, 1), as in the log.
  ///
  /// - Parameters:
  ///   - documents: how many.
  ///   - execution: kernels and threads.
  /// - Returns: the mean for successive halving and for the iterative baseline.
  /// - Throws: ``/Tarn/TarnError``.
  package func measured(
    documents: Int, on execution: Execution
  ) throws -> (halving: Double, iterative: Double) {
    let d = 32
    var random = SplitMix64(seed: UInt64(n + k))
    let sequences = try Ragged(lengths: [n])
    var sums = (halving: 0.0, iterative: 0.0)
    for _ in 0..<documents {
      let x = try Matrix(rows: n, columns: d, random.floats(n * d))
      let scores = try Matrix(
        rows: n, columns: 1, (0..<n).map { _ in random.float() * 0.5 + 0.5 })
      let hard = try HardTopKPlan(scores: scores, over: sequences, count: k, on: execution)
      var best = try Matrix(rows: k, columns: d)
      try hardTopK(x, hard, into: &best, on: execution)
      let plan = try SoftTopKPlan(scores: scores, over: sequences, count: k, on: execution)
      var soft = try Matrix(rows: k, columns: d)
      try softTopK(x, plan, into: &soft, on: execution)
      sums.halving += try meanBestCosine(of: best, among: soft, on: execution)
      var pooled = try Matrix(rows: k, columns: 1)
      try iterativeTopK(
        x, scores: scores, over: sequences, count: k, into: &soft, scores: &pooled, on: execution)
      sums.iterative += try meanBestCosine(of: best, among: soft, on: execution)
    }
    return (sums.halving / Double(documents), sums.iterative / Double(documents))
  }
}

/// The mean over the rows of `x` of the largest cosine with a row of `y`.
private func meanBestCosine(
  of x: Matrix, among y: Matrix, on execution: Execution
) throws -> Double {
  func unit(_ x: Matrix) throws -> Matrix {
    let elements = x.elements
    var y = x
    for i in 0..<x.rows {
      let row = elements[i * x.columns..<(i + 1) * x.columns]
      let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for j in 0..<x.columns { y[i, j] = elements[i * x.columns + j] / norm }
    }
    return y
  }
  var cosines = try Matrix(rows: x.rows, columns: y.rows)
  try matmul(
    unit(x), PackedMatrix(transposing: unit(y), on: execution), into: &cosines, on: execution)
  let elements = cosines.elements
  var sum = 0.0
  for i in 0..<x.rows {
    sum += Double(elements[i * y.rows..<(i + 1) * y.rows].max() ?? 0)
  }
  return sum / Double(x.rows)
}

/// Within the range of the log, and what another draw of documents moves it: 0.006, 0.02 for k = 16.
private func softTopKIsAsNearAsTheAuthorsLogSays(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for quality in TopKQuality.all.filter({ size == .full || $0.n <= 1024 }) {
    let (halving, iterative) = try quality.measured(
      documents: max(4, 512 / quality.k), on: execution)
    let slack = quality.k < 64 ? 0.02 : 0.006
    let (low, high) = (quality.logged.lowerBound - slack, quality.logged.upperBound + slack)
    report.expect(
      (low...high).contains(halving),
      "soft top-k \(quality.n) to \(quality.k) \(execution.label): cosine \(halving)")
    report.expect(
      iterative < halving / 2,
      "iterative top-k \(quality.n) to \(quality.k) \(execution.label): cosine \(iterative)")
  }
}
