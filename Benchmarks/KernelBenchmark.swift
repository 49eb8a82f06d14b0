// Row and pooling kernels: time, and the share of the bound that applies.

import Tarn
import TarnKernelInterface
import TarnTestSupport

/// One thread, each instruction set, 768 columns; kernel and bound are timed in turn.
///
/// 512 rows nearly fit the second-level cache, 16384 rows fit no cache.
func benchmarkKernels(_ settings: Settings) throws -> [Row] {
  print("row and pooling kernels, one thread, 768 columns; median of interleaved runs")
  print(
    column("kernel", 32), column("rows", 6), "µs per row     GB/s  GFLOP/s  bound       share")
  var rows: [Row] = []
  for set in InstructionSet.available {
    let execution = try Execution(instructionSet: set, threads: 1)
    for var small in try kernelCases(rows: 37, columns: 70, on: execution) {
      try small.run(&small.result)
      try check(small, set)
    }
    for n in settings.isQuick ? [8] : [512, 16384] {
      for kernel in try kernelCases(rows: n, columns: 768, on: execution) {
        rows.append(try measure(kernel, rows: n, on: execution, settings))
      }
    }
  }
  return rows
}

private func measure(
  _ kernel: KernelCase, rows n: Int, on execution: Execution, _ settings: Settings
) throws -> Row {
  var kernel = kernel
  let table = execution.table
  let source = [Float](repeating: 1, count: n * 768)
  var target = [Float](repeating: 0, count: n * 768)
  try kernel.run(&kernel.result)
  let once = max(1e-7, try seconds { try kernel.run(&kernel.result) })
  let repetitions = settings.isQuick ? 1 : max(1, Int(0.01 / once))
  var times: [Double] = []
  var limits: [Double] = []
  for _ in 0..<(settings.isQuick ? 2 : 9) {
    times.append(
      try seconds { for _ in 0..<repetitions { try kernel.run(&kernel.result) } }
        / Double(repetitions))
    switch kernel.bound {
    case .memory:
      let copies = max(1, repetitions)
      let time = seconds {
        for _ in 0..<copies {
          // SAFETY: both arrays have that many elements, and they are two arrays.
          unsafe target.withUnsafeMutableBytes { to in
            unsafe source.withUnsafeBytes { from in unsafe to.copyMemory(from: from) }
          }
        }
      }
      limits.append(Double(2 * 4 * n * 768 * copies) / time)
    case .arithmetic:
      var done = 0
      let time = seconds {
        done = table.machine.multiplyAddPeak(settings.isQuick ? 1000 : 300_000).operations
      }
      limits.append(Double(done) / time)
    }
  }
  let time = median(times)
  let limit = median(limits)
  let rate: Double
  let figures: String
  switch kernel.bound {
  case .memory(let bytes):
    rate = Double(bytes) / time
    figures = fixed(rate / 1e9, 1, width: 9) + "        -  " + column("copy", 10)
  case .arithmetic(let operations):
    rate = Double(operations) / time
    figures = "        -" + fixed(rate / 1e9, 1, width: 9) + "  " + column("peak", 10)
  }
  let share = rate / limit
  let name = "\(kernel.name)-f32-\(execution.instructionSet.rawValue)"
  print(
    column(name, 32), column("\(n)", 6), fixed(time / Double(n) * 1e6, 3, width: 10), figures,
    fixed(share * 100, 0, width: 4) + " %")
  return Row(
    name: "\(name)/\(n)x768", iterations: times.count * repetitions, medianSeconds: time,
    bestSeconds: times.min() ?? time, counters: [("rate", rate), ("bound_share", share)])
}

private func check(_ kernel: KernelCase, _ set: InstructionSet) throws {
  let found = kernel.result.elements
  let expected = kernel.expected()
  for i in expected.indices {
    let difference = (Double(found[i]) - expected[i]).magnitude
    if !(difference <= 1e-4 * max(1, expected[i].magnitude)) {
      throw BenchmarkError.wrongResult("\(kernel.name) on \(set.rawValue), element \(i)")
    }
  }
}

/// Every row and pooling kernel on random input.
private func kernelCases(
  rows n: Int, columns d: Int, on execution: Execution
) throws -> [KernelCase] {
  let x = try randomMatrix(n, d, seed: 3)
  let other = try randomMatrix(n, d, seed: 4)
  let gain = try randomMatrix(1, d, seed: 5)
  let bias = try randomMatrix(1, d, seed: 6)
  let one = try Ragged(lengths: [n])
  let square = try Matrix(rows: n, columns: d)
  let line = try Matrix(rows: 1, columns: d)
  let values = x.elements
  let pass = 4 * n * d
  var cases: [KernelCase] = []

  cases.append(
    KernelCase(
      name: "layer-norm-residual", bound: .memory(bytes: 3 * pass),
      run: { y in
        try layerNorm(
          x, residual: other, gain: gain, bias: bias, epsilon: 1e-12, into: &y, on: execution)
      }, result: square,
      expected: {
        (0..<n).flatMap { i in
          layerNormOracle(
            x.rows(i..<i + 1).elements, residual: other.rows(i..<i + 1).elements,
            gain: gain.elements, bias: bias.elements, epsilon: 1e-12
          ).values
        }
      }))
  cases.append(
    KernelCase(
      name: "softmax", bound: .memory(bytes: 2 * pass),
      run: { y in try softmax(x, into: &y, on: execution) }, result: square,
      expected: { (0..<n).flatMap { softmaxOracle(x.rows($0..<$0 + 1).elements, scale: 1) } }))
  for function in [
    ElementwiseFunction.exp, .tanh, .erf, .gelu, .geluTanh, .relu, .sigmoid, .silu,
  ] {
    cases.append(
      KernelCase(
        name: "\(function)", bound: .memory(bytes: 2 * pass),
        run: { y in try elementwise(function, x, into: &y, on: execution) }, result: square,
        expected: { values.map { elementwiseOracle(function, Double($0)) } }))
  }
  cases.append(
    KernelCase(
      name: "masked-mean", bound: .memory(bytes: pass),
      run: { y in try maskedMean(x, over: one, into: &y, on: execution) }, result: line,
      expected: { meanOracle(values, rows: n, columns: d, keep: nil).values }))

  let labels = (0..<n).map { Int32($0 / 25) }
  let segments = (n + 24) / 25
  let lowest = try Matrix(
    rows: segments, columns: d, [Float](repeating: -.infinity, count: segments * d))
  cases.append(
    KernelCase(
      name: "segment-max", bound: .memory(bytes: pass + 4 * segments * d),
      run: { y in try segmentMax(x, labels: labels, into: &y, on: execution) }, result: lowest,
      expected: {
        segmentMaxOracle(values, columns: d, labels: labels, segments: segments).map(Double.init)
      }))
  let framed = try randomMatrix(n + 2, d, seed: 7)
  let neighbours = (0..<n).map {
    WindowNeighbours(hasLeftRow: $0 > 0, hasRightRow: $0 < n - 1, hasFill: false)
  }
  cases.append(
    KernelCase(
      name: "neighbour-max", bound: .memory(bytes: 2 * pass),
      run: { y in
        try neighbourMax(framed, neighbours[...], fill: -10000, into: &y, on: execution)
      }, result: square,
      expected: {
        neighbourMaxOracle(framed.elements, columns: d, neighbours: neighbours, fill: -10000)
          .map(Double.init)
      }))
  let table = try randomMatrix(512, d, seed: 8)
  let indices = (0..<n).map { Int32($0 * 37 % 512) }
  cases.append(
    KernelCase(
      name: "gather", bound: .memory(bytes: 2 * pass),
      run: { y in try gather(table, indices[...], into: &y, on: execution) }, result: square,
      expected: { gatherOracle(table.elements, columns: d, indices: indices).map(Double.init) }))

  // In place: c starts as o. Growth over many runs is bounded by |v + S| ≤ 1.
  let half = try Matrix(rows: 1, columns: d, gain.elements.map { $0 / 2 })
  let maxima = try Matrix(rows: segments, columns: d, [Float](repeating: 0.25, count: segments * d))
  let plan = FusionPlan(
    kinds: [FusionKind](repeating: .full, count: n), sequences: [Int32](repeating: 0, count: n),
    labels: labels)
  cases.append(
    KernelCase(
      name: "fuse", bound: .memory(bytes: 3 * pass),
      run: { c in
        try fuse(plan, 0..<n, global: half, maxima: maxima, local: other, into: &c, on: execution)
      }, result: x,
      expected: {
        fuseOracle(
          ContractModel(fused: execution.instructionSet != .baseline), kinds: plan.kinds,
          v: half.elements, sequences: plan.sequences, maxima: maxima.elements, labels: labels,
          o: values, local: other.elements, columns: d
        ).map(Double.init)
      }))

  let heads = d % 12 == 0 ? 12 : 2
  var random = SplitMix64(seed: 9)
  let input = AggregationInput(tokens: n, d: d, heads: heads, keep: nil, &random)
  let tokens = try Matrix(rows: n, columns: d, input.x)
  let queries = try randomMatrix(1, d, seed: 10)
  let keys = try AggregationKeys(
    weight: Matrix(rows: d, columns: d, input.keyWeight),
    bias: Matrix(rows: 1, columns: d, input.keyBias), heads: heads, on: execution)
  var none: Matrix?
  cases.append(
    KernelCase(
      // Scores and weighted sums of d elements for each head and token, and two d × d products.
      name: "global-aggregation", bound: .arithmetic(operations: 4 * n * d * heads + 4 * d * d),
      run: { v in
        try globalAggregation(
          tokens, over: one, queries: queries, keys: keys, into: &v, probabilities: &none,
          on: execution)
      }, result: line,
      expected: { aggregationOracle(input, query: queries.elements).v }))
  return try cases + windowCases(rows: n, columns: d, on: execution)
    + topKCases(rows: n, columns: d, on: execution)
    + fourierCases(rows: n, columns: d, on: execution)
}
