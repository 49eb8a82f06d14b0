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
    for small in try kernelCases(rows: 37, columns: 70, on: execution) {
      guard all.contains(where: { isWanted(small, $0) }) else { continue }
      output.progress("checking \(variant(small))")
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
  _ kernelCase: KernelCase, _ threaded: KernelCase?, _ variant: String, rows n: Int,
  on execution: Execution, _ settings: BenchmarkSettings
) throws -> Row {
  var kernel = try kernelCase.prepare()
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
  if var threaded = try threaded?.prepare() {
    bodies.append { try threaded.run(&threaded.result) }
  }
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
    variant: variant, shape: "\(n)x768", group: kernelCase.group == .rows ? .rows : .pooling,
    operation: kernelCase.name, instructionSet: execution.instructionSet, timing: timing,
    operations: kernel.countedOperations.map(Double.init),
    bytes: kernel.countedBytes.map(Double.init),
    elements: Double(kernel.elements ?? n * 768), bound: peakTime > trafficTime ? "peak" : traffic,
    share: limit / timing.median, length: n,
    counters: counters)
}

/// Runs a kernel and compares what it gives with its oracle.
private func check(_ kernelCase: KernelCase, _ set: InstructionSet) throws {
  var kernel = try kernelCase.prepare()
  try kernel.run(&kernel.result)
  let found = kernel.result.elements
  let expected = kernel.expected()
  for i in expected.indices {
    let difference = (Double(found[i]) - expected[i]).magnitude
    if !(difference <= 1e-4 * max(1, expected[i].magnitude)) {
      throw BenchmarkError.wrongResult("\(kernelCase.name) on \(set.rawValue), element \(i)")
    }
  }
}

/// Every row and pooling kernel on random input.
private func kernelCases(
  rows n: Int, columns d: Int, on execution: Execution
) throws -> [KernelCase] {
  try normAndFunctionCases(rows: n, columns: d, on: execution).grouped(.rows)
    + poolingCases(rows: n, columns: d, on: execution)
    + windowCases(rows: n, columns: d, on: execution)
    + topKCases(rows: n, columns: d, on: execution)
    + poolingGradientCases(rows: n, columns: d, on: execution)
    + fourierCases(rows: n, columns: d, on: execution)
    + rowCases(rows: n, columns: d, on: execution).grouped(.rows)
    + rowGradientCases(rows: n, columns: d, on: execution).grouped(.rows)
    + copyCases(rows: n, columns: d, on: execution).grouped(.rows)
}
