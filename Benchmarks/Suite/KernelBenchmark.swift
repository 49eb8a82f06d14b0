// Row and pooling kernels: time, and the share of the bound that applies.

import Tarn
import TarnKernelInterface
import TarnTestSupport

/// Lengths that a row is made of: one that nearly fits the second level, one that fits the third at
/// best, one that fits no cache.
private func lengths(_ settings: BenchmarkSettings) -> [Int] {
  settings.isQuick ? [256] : [512, 4096, 16384]
}

/// Lengths besides, for kernels that the picture over the length shows.
private func moreLengths(_ settings: BenchmarkSettings) -> [Int] {
  settings.svgPath == nil ? [] : settings.isQuick ? [64, 128] : [1024, 2048, 8192]
}

/// One thread, 768 columns, each instruction set; kernel and bounds are timed in turn.
func benchmarkKernels(
  _ groups: [KernelGroup], _ settings: BenchmarkSettings, _ output: BenchmarkOutput
) throws -> [Row] {
  output.line(
    "row and pooling kernels, one thread, rows x 768; medians of interleaved runs, share of the bound"
      + (settings.threads == 1 ? "" : ", gain by \(settings.threads) threads")
  )
  output.line(Row.heading)
  var rows: [Row] = []
  for set in settings.instructionSets {
    let execution = try Execution(instructionSet: set, threads: 1)
    let variant = { (kernel: KernelCase) in "\(kernel.name)-f32-\(set.rawValue)" }
    let isWanted = { (kernel: KernelCase, n: Int) in
      groups.contains(kernel.group)
        && settings.includes("\(variant(kernel))/\(n)x768", kernel.group.rawValue)
    }
    let all = (lengths(settings) + moreLengths(settings)).sorted()
    for var small in try kernelCases(rows: 37, columns: 70, on: execution) {
      guard all.contains(where: { isWanted(small, $0) }) else { continue }
      output.progress("checking \(variant(small))")
      try small.run(&small.result)
      try check(small, set)
    }
    for n in all {
      let isExtra = !lengths(settings).contains(n)
      let cases = try kernelCases(rows: n, columns: 768, on: execution)
      let threaded =
        settings.threads == 1
        ? []
        : try kernelCases(
          rows: n, columns: 768,
          on: Execution(instructionSet: set, threads: settings.threads))
      for (i, kernel) in cases.enumerated() {
        guard isWanted(kernel, n), !isExtra || ScalingPicture.kernels.contains(kernel.name)
        else { continue }
        output.progress("\(variant(kernel))/\(n)x768")
        let row = try measure(
          kernel, threaded.isEmpty ? nil : threaded[i], variant(kernel), rows: n, on: execution,
          settings)
        let gain = row.counters.first { $0.0 == gainCounter }.map {
          fixed($0.1, 2, width: 7) + " x"
        }
        output.line(row.line + (gain ?? ""))
        rows.append(row)
      }
    }
  }
  return rows
}

/// One thread's time over that of `--threads`.
private let gainCounter = "gain_by_threads"

/// Times a kernel, the traffic of as many bytes, the multiply-add peak, and the same kernel on more
/// threads if there is one, in turn.
///
/// The bound that applies is the one that takes longer: moving the bytes, or the operations.
private func measure(
  _ kernel: KernelCase, _ threaded: KernelCase?, _ variant: String, rows n: Int,
  on execution: Execution,
  _ settings: BenchmarkSettings
) throws -> Row {
  var kernel = kernel
  let bytes = kernel.countedBytes ?? 0
  let probe = try BandwidthProbe(execution, bytes: bytes)
  var operations = 0
  var bodies: [() throws -> Void] = [
    { try kernel.run(&kernel.result) },
    { operations = execution.table.machine.multiplyAddPeak(100_000).operations },
  ]
  var traffic = "copy"
  switch kernel.bound {
  case .read:
    traffic = "read"
    bodies.append { probe.read(bytes) }
  case .memory, .arithmetic: bodies += bytes > 0 ? probe.copies(bytes) : []
  }
  let bounds = 1..<bodies.count
  if var threaded { bodies.append { try threaded.run(&threaded.result) } }
  var times = InterleavedTimes(settings, shortest: 0.01)
  try times.measure(bodies)
  let timing = times.timings[0]
  let peakTime = times.medians[1] / Double(operations) * Double(kernel.countedOperations ?? 0)
  let trafficTime = times.medians[bounds].dropFirst().min() ?? 0
  var counters = trafficTime > 0 ? [("\(traffic)_share", trafficTime / timing.median)] : []
  if threaded != nil {
    counters.append((gainCounter, timing.median / (times.medians.last ?? .nan)))
  }
  let limit = max(peakTime, trafficTime)
  return Row(
    variant: variant, shape: "\(n)x768", group: kernel.group == .rows ? .rows : .pooling,
    operation: kernel.name, instructionSet: execution.instructionSet, timing: timing,
    operations: kernel.countedOperations.map(Double.init),
    bytes: kernel.countedBytes.map(Double.init),
    elements: Double((kernel.rows ?? n) * 768), bound: peakTime > trafficTime ? "peak" : traffic,
    share: limit / timing.median, length: n,
    counters: counters)
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
      }, group: .rows, operations: 9 * n * d))
  cases.append(
    KernelCase(
      name: "softmax", bound: .memory(bytes: 2 * pass),
      run: { y in try softmax(x, into: &y, on: execution) }, result: square,
      expected: { (0..<n).flatMap { softmaxOracle(x.rows($0..<$0 + 1).elements, scale: 1) } },
      group: .rows, operations: 20 * n * d))
  // Operations as the kernels' source has them; see `operations` of KernelCase.
  let functions: [(ElementwiseFunction, Int)] = [
    (.exp, 23), (.tanh, 31), (.erf, 46), (.gelu, 33), (.geluTanh, 25), (.relu, 1), (.sigmoid, 24),
    (.silu, 24),
  ]
  for (function, operations) in functions {
    cases.append(
      KernelCase(
        name: "\(function)", bound: .memory(bytes: 2 * pass),
        run: { y in try elementwise(function, x, into: &y, on: execution) }, result: square,
        expected: { values.map { elementwiseOracle(function, Double($0)) } },
        group: .rows, operations: operations * n * d))
  }
  cases.append(
    KernelCase(
      name: "masked-mean", bound: .read(bytes: pass),
      run: { y in try maskedMean(x, over: one, into: &y, on: execution) }, result: line,
      expected: { meanOracle(values, rows: n, columns: d, keep: nil).values },
      operations: n * d))

  let labels = (0..<n).map { Int32($0 / 25) }
  let segments = (n + 24) / 25
  let lowest = try Matrix(
    rows: segments, columns: d, [Float](repeating: -.infinity, count: segments * d))
  cases.append(
    KernelCase(
      name: "segment-max", bound: .read(bytes: pass + 4 * segments * d),
      run: { y in try segmentMax(x, labels: labels, into: &y, on: execution) }, result: lowest,
      expected: {
        segmentMaxOracle(values, columns: d, labels: labels, segments: segments).map(Double.init)
      }, operations: n * d))
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
      }, operations: 2 * n * d))
  // As many rows as are gathered, none of them twice.
  let table = try randomMatrix(n, d, seed: 8)
  let indices = (0..<n).map { Int32($0 * 41 % n) }
  cases.append(
    KernelCase(
      name: "gather", bound: .memory(bytes: 2 * pass),
      run: { y in try gather(table, indices[...], into: &y, on: execution) }, result: square,
      expected: { gatherOracle(table.elements, columns: d, indices: indices).map(Double.init) },
      group: .rows))

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
      }, operations: 3 * n * d))

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
      expected: { aggregationOracle(input, query: queries.elements).v },
      bytes: pass))
  return try cases + windowCases(rows: n, columns: d, on: execution)
    + topKCases(rows: n, columns: d, on: execution)
    + fourierCases(rows: n, columns: d, on: execution)
    + rowCases(rows: n, columns: d, on: execution).grouped(.rows)
    + copyCases(rows: n, columns: d, on: execution)
}
