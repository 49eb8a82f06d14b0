// Soft and hard top-k selection of rows: cases of the kernel benchmark, and the growth with length.

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

/// Soft top-k to a sixteenth at lengths of 1024 to 65536, one thread, each instruction set.
///
/// Time an element of the input, beside that of reading the input and of a copy.
func benchmarkTopK(_ settings: Settings) throws -> [Row] {
  print(
    "soft top-k of n rows of 768 to n/16, one thread; median of interleaved runs, ns an element")
  print(
    column("instruction set", 16), "     n     rounds  blend  gradient   read   copy  read share")
  var rows: [Row] = []
  let d = 768
  for set in InstructionSet.available {
    let execution = try Execution(instructionSet: set, threads: 1)
    for n in settings.isQuick ? [64] : [1024, 2048, 4096, 8192, 16384, 32768, 65536] {
      let k = n / 16
      let x = try randomMatrix(n, d, seed: 31)
      let scores = try Matrix(
        rows: n, columns: 1, randomMatrix(1, n, seed: 32).elements.map { $0 * 0.5 + 0.5 })
      let one = try Ragged(lengths: [n])
      let dy = try randomMatrix(k, d, seed: 33)
      var y = try Matrix(rows: k, columns: d)
      var dx = try Matrix(rows: n, columns: d)
      var ds = try Matrix(rows: n, columns: 1)
      var sums = try Matrix(rows: 1, columns: d)
      let plan = try SoftTopKPlan(scores: scores, over: one, count: k, on: execution)
      let zero = try Matrix(rows: n, columns: d)
      dx = zero
      var times = [[Double]](repeating: [], count: 5)
      let repetitions = settings.isQuick ? 1 : max(1, 8192 / n)
      func note(_ i: Int, _ body: () throws -> Void) throws {
        times[i].append(
          try seconds { for _ in 0..<repetitions { try body() } } / Double(repetitions * n * d)
            * 1e9)
      }
      for _ in 0..<(settings.isQuick ? 2 : 9) {
        try note(0) { _ = try SoftTopKPlan(scores: scores, over: one, count: k, on: execution) }
        try note(1) { try softTopK(x, plan, into: &y, on: execution) }
        try note(2) {
          try softTopKGradient(x, plan, upstream: dy, into: &dx, scores: &ds, on: execution)
        }
        try note(3) { try maskedMean(x, over: one, into: &sums, on: execution) }
        try note(4) { try elementwise(.relu, x, into: &dx, on: execution) }
      }
      let figures = times.map { median($0) }
      let share = figures[3] / (figures[0] + figures[1])
      print(
        column(set.rawValue, 16), fixed(Double(n), 0, width: 6),
        figures.map { fixed($0, 4, width: 8) }.joined(), fixed(share * 100, 0, width: 9), "%")
      rows.append(
        Row(
          name: "soft-top-k-f32-\(set.rawValue)/\(n)x\(d)", iterations: 9 * repetitions,
          medianSeconds: (figures[0] + figures[1]) * Double(n * d) * 1e-9,
          bestSeconds: ((times[0].min() ?? 0) + (times[1].min() ?? 0)) * Double(n * d) * 1e-9,
          counters: [
            ("ns_per_element", figures[0] + figures[1]), ("gradient_ns_per_element", figures[2]),
            ("read_ns_per_element", figures[3]), ("read_share", share),
          ]))
    }
  }
  return rows
}
