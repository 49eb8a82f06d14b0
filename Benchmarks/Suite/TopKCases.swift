// Soft and hard top-k selection of rows: cases of the kernel benchmark.

import Tarn
import TarnKernelInterface
import TarnTestSupport

func topKCases(rows n: Int, columns d: Int, on execution: Execution) throws -> [KernelCase] {
  let one = try Ragged(lengths: [n])
  let k = max(1, n / 16)
  let pass = 4 * n * d
  func scores() throws -> Matrix {
    try Matrix(rows: n, columns: 1, randomMatrix(1, n, seed: 22).elements.map { $0 * 0.5 + 0.5 })
  }
  func plan() throws -> SoftTopKPlan {
    try SoftTopKPlan(scores: scores(), over: one, count: k, on: execution)
  }
  func oracle(_ plan: SoftTopKPlan, _ scores: Matrix) -> SoftTopKOracle {
    let rounds = plan.rounds(of: 0)
    let padding = [Float](
      repeating: SoftTopKPlan.paddingScore, count: (k << rounds.count) - n)
    return SoftTopKOracle(
      scores: (scores.elements + padding).map(Double.init), rounds: rounds, base: 20)
  }
  let half = (n + 1) / 2
  let few = min(8, n)
  return [
    KernelCase("soft-top-k") {
      let (x, scores, known) = (try randomMatrix(n, d, seed: 21), try scores(), try plan())
      return PreparedKernel(
        bound: .read(bytes: pass + 4 * k * d),
        run: { y in
          // Ranking and pairing included.
          let plan = try SoftTopKPlan(scores: scores, over: one, count: k, on: execution)
          try softTopK(x, plan, into: &y, on: execution)
        }, result: try Matrix(rows: k, columns: d),
        expected: { oracle(known, scores).blend(doubles(x), columns: d).values },
        operations: (2 * n - k) * d)
    },
    KernelCase("soft-top-k-blend") {
      let (x, scores, plan) = (try randomMatrix(n, d, seed: 21), try scores(), try plan())
      return PreparedKernel(
        bound: .read(bytes: pass + 4 * k * d),
        run: { y in try softTopK(x, plan, into: &y, on: execution) },
        result: try Matrix(rows: k, columns: d),
        expected: { oracle(plan, scores).blend(doubles(x), columns: d).values },
        operations: (2 * n - k) * d)
    },
    KernelCase("soft-top-k-gradient") {
      let (x, scores, plan) = (try randomMatrix(n, d, seed: 21), try scores(), try plan())
      let dy = try randomMatrix(k, d, seed: 23)
      var dscores = try Matrix(rows: n, columns: 1)
      return PreparedKernel(
        bound: .memory(bytes: 2 * pass + 4 * k * d),
        run: { dx in
          try softTopKGradient(x, plan, upstream: dy, into: &dx, scores: &dscores, on: execution)
        }, result: try Matrix(rows: n, columns: d),
        expected: {
          oracle(plan, scores).gradient(
            doubles(x), columns: d, upstream: doubles(dy),
            upstreamScores: Array(repeating: 0, count: k)
          ).x.map(\.value)
        }, operations: 3 * n * d)
    },
    KernelCase("hard-top-k") {
      let (x, scores) = (try randomMatrix(n, d, seed: 21), try scores())
      return PreparedKernel(
        bound: .memory(bytes: 8 * half * d),
        run: { y in
          // Ranking included.
          let plan = try HardTopKPlan(scores: scores, over: one, count: half, on: execution)
          try hardTopK(x, plan, into: &y, on: execution)
        }, result: try Matrix(rows: half, columns: d),
        expected: {
          let chosen = rankOracle(scores.elements).prefix(half).map(Int32.init)
          return gatherOracle(x.elements, columns: d, indices: chosen).map(Double.init)
        })
    },
    KernelCase("iterative-top-k-8") {
      let (x, scores) = (try randomMatrix(n, d, seed: 21), try scores())
      return PreparedKernel(
        bound: .read(bytes: pass + 4 * few * d),
        run: { y in
          var pooled = try Matrix(rows: few, columns: 1)
          try iterativeTopK(
            x, scores: scores, over: one, count: few, into: &y, scores: &pooled, on: execution)
        }, result: try Matrix(rows: few, columns: d),
        expected: {
          iterativeTopKOracle(doubles(x), scores: doubles(scores), count: few, alpha: 1).y
        }, operations: 2 * few * n * d)
    },
  ]
}
