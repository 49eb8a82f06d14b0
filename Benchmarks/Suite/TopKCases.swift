// Soft and hard top-k selection of rows: cases of the kernel benchmark.

import Tarn
import TarnKernelInterface
import TarnTestSupport

func topKCases(rows n: Int, columns d: Int, on execution: Execution) throws -> [KernelCase] {
  let x = try randomMatrix(n, d, seed: 21)
  let scores = try Matrix(
    rows: n, columns: 1, randomMatrix(1, n, seed: 22).elements.map { $0 * 0.5 + 0.5 })
  let one = try Ragged(lengths: [n])
  let k = max(1, n / 16)
  let dy = try randomMatrix(k, d, seed: 23)
  let pass = 4 * n * d
  let plan = try SoftTopKPlan(scores: scores, over: one, count: k, on: execution)
  func oracle() -> SoftTopKOracle {
    let rounds = plan.rounds(of: 0)
    let padding = [Float](
      repeating: SoftTopKPlan.paddingScore, count: (k << rounds.count) - n)
    return SoftTopKOracle(
      scores: (scores.elements + padding).map(Double.init), rounds: rounds, base: 20)
  }
  func doubles(_ matrix: Matrix) -> [Double] { matrix.elements.map(Double.init) }
  let half = (n + 1) / 2
  var dscores = try Matrix(rows: n, columns: 1)
  return [
    KernelCase(
      // Ranking and pairing included.
      name: "soft-top-k", bound: .memory(bytes: pass + 4 * k * d),
      run: { y in
        let plan = try SoftTopKPlan(scores: scores, over: one, count: k, on: execution)
        try softTopK(x, plan, into: &y, on: execution)
      }, result: try Matrix(rows: k, columns: d),
      expected: { oracle().blend(doubles(x), columns: d).values }),
    KernelCase(
      name: "soft-top-k-blend", bound: .memory(bytes: pass + 4 * k * d),
      run: { y in try softTopK(x, plan, into: &y, on: execution) },
      result: try Matrix(rows: k, columns: d),
      expected: { oracle().blend(doubles(x), columns: d).values }),
    KernelCase(
      name: "soft-top-k-gradient", bound: .memory(bytes: 2 * pass + 4 * k * d),
      run: { dx in
        try softTopKGradient(x, plan, upstream: dy, into: &dx, scores: &dscores, on: execution)
      }, result: try Matrix(rows: n, columns: d),
      expected: {
        oracle().gradient(
          doubles(x), columns: d, upstream: doubles(dy),
          upstreamScores: Array(repeating: 0, count: k)
        ).x.map(\.value)
      }),
    KernelCase(
      // Ranking included.
      name: "hard-top-k", bound: .memory(bytes: 8 * half * d),
      run: { y in
        let plan = try HardTopKPlan(scores: scores, over: one, count: half, on: execution)
        try hardTopK(x, plan, into: &y, on: execution)
      }, result: try Matrix(rows: half, columns: d),
      expected: {
        let chosen = rankOracle(scores.elements).prefix(half).map(Int32.init)
        return gatherOracle(x.elements, columns: d, indices: chosen).map(Double.init)
      }),
    KernelCase(
      name: "iterative-top-k-8", bound: .arithmetic(operations: 2 * min(8, n) * n * d),
      run: { y in
        var pooled = try Matrix(rows: min(8, n), columns: 1)
        try iterativeTopK(
          x, scores: scores, over: one, count: min(8, n), into: &y, scores: &pooled, on: execution)
      }, result: try Matrix(rows: min(8, n), columns: d),
      expected: {
        iterativeTopKOracle(doubles(x), scores: doubles(scores), count: min(8, n), alpha: 1).y
      }),
  ] + (try poolingGradientCases(rows: n, columns: d, on: execution))
}
