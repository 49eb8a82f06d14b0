// Weights of fewer bits: products against those with Float, and what a loaded model takes.

import Tarn
import TarnCheckpoints
import TarnKernelInterface
import TarnModels

extension WeightFormat {
  /// As the command line calls it.
  var name: String {
    switch self {
    case .float32: "f32"
    case .bfloat16: "bf16"
    case .float16: "f16"
    case .int8: "int8"
    }
  }
}

/// Each product with each format in turn; then a model loaded in each format.
func benchmarkWeights(_ settings: BenchmarkSettings, _ output: BenchmarkOutput) throws -> [Row] {
  var rows: [Row] = []
  for set in settings.instructionSets {
    rows += try benchmarkWeightProducts(settings, set, output)
  }
  return try rows + benchmarkLoading(settings, output)
}

private func benchmarkWeightProducts(
  _ settings: BenchmarkSettings, _ set: InstructionSet, _ output: BenchmarkOutput
) throws -> [Row] {
  // 256 MB of Float, more than any cache; and the products of a BERT-base layer.
  let shapes =
    settings.isQuick
    ? [ProductShape(m: 1, k: 400, n: 200), ProductShape(m: 33, k: 400, n: 200)]
    : [ProductShape(m: 1, k: 4096, n: 16384)]
      + [1, 4, 8, 9, 16, 32, 128, 512].map { ProductShape(m: $0, k: 768, n: 3072) }
  let execution = try Execution(instructionSet: set, threads: 1)
  output.line(
    "products by format of the weights, \(set.rawValue), one thread, medians of interleaved runs")
  output.line(Row.heading + "  f32's time")
  var rows: [Row] = []
  for shape in shapes {
    let (m, k, n) = (shape.m, shape.k, shape.n)
    let variants = WeightFormat.allCases.map { "weights-\($0.name)-\(set.rawValue)" }
    guard variants.contains(where: { settings.includes("\($0)/\(m)x\(k)x\(n)", shape.name) })
    else { continue }
    output.progress("weights \(shape.name) \(set.rawValue)")
    let a = try randomMatrix(m, k, seed: 1)
    let b = try randomMatrix(k, n, seed: 2)
    var c = try Matrix(rows: m, columns: n)
    var operations = 0
    var bodies: [() throws -> Void] = [
      { operations = execution.table.machine.multiplyAddPeak(100_000).operations }
    ]
    let probe = try BandwidthProbe(execution, bytes: 4 * k * n)
    for format in WeightFormat.allCases {
      let packed = try PackedMatrix(b, as: format, on: execution)
      let held = try unpacked(packed, on: execution)
      try matmul(a, packed, into: &c, on: execution)
      try checkProduct(a, held, c.elements, format.name)
      bodies.append { try matmul(a, packed, into: &c, on: execution) }
      bodies.append { probe.read(format.byteCount * k * n) }
    }
    var times = InterleavedTimes(settings)
    try times.measure(bodies)
    let peak = Double(operations) / times.medians[0]
    for (i, format) in WeightFormat.allCases.enumerated() {
      let gain = times.medians[1] / times.medians[1 + 2 * i]
      var row = productRow(
        variants[i], shape: "\(m)x\(k)x\(n)", shape, times.timings[1 + 2 * i], peak: peak,
        counters: [("gain", gain)])
      row.group = .weights
      row.instructionSet = set
      row.bytes = Double(format.byteCount * k * n + 4 * (m * k + m * n))
      let read = times.medians[2 + 2 * i]
      if read > shape.operations / peak {
        row.bound = "read"
        row.share = read / times.medians[1 + 2 * i]
      }
      output.line(row.line + fixed(gain, 2, width: 12))
      rows.append(row)
    }
  }
  return rows
}

/// What a packed matrix holds, `[depth × columns]`.
private func unpacked(_ packed: PackedMatrix, on execution: Execution) throws -> Matrix {
  var columns = try Matrix(rows: packed.columns, columns: packed.depth)
  try gather(
    columnsOf: packed, (0..<Int32(packed.columns)).map { $0 }[...], into: &columns, on: execution)
  var rows = try Matrix(rows: packed.depth, columns: packed.columns)
  try transpose(columns, into: &rows, on: execution)
  return rows
}

/// Time to load a model in each format, and its memory against the bytes of its weights.
///
/// The model is BERT-base with random weights, held in memory as bfloat16, or the checkpoint of the
/// settings.
private func benchmarkLoading(
  _ settings: BenchmarkSettings, _ output: BenchmarkOutput
) throws -> [Row] {
  let name = settings.modelDirectory ?? EncoderKind.bert.name(settings)
  guard settings.includes("\(name)/load") else { return [] }
  output.progress("\(name): loading")
  let random =
    settings.modelDirectory == nil ? try RandomEncoder(.bert, settings, longest: 0) : nil
  let elements =
    try random?.elementCount
    ?? CheckpointSurvey(directory: name).files.weights.tensors.reduce(0) {
      $0 + (ElementType.weights.contains($1.elementType) ? $1.elementCount : 0)
    }
  output.line("\(name): loading on \(settings.threads) thread(s), and memory when it is loaded")
  output.line(
    column("weights", 10) + "    median       best         MB   of the weights' bytes")
  var rows: [Row] = []
  for format in WeightFormat.allCases {
    let options = ModelOptions(
      weights: format, instructionSet: settings.modelInstructionSet, threads: settings.threads)
    var timing = Timing()
    var held = 0
    for _ in 0..<settings.roundCount {
      let before = privateBytes()
      var model: LoadedModel?
      try timing.add(1) {
        model =
          try random.map { .bert(try $0.bert(options)) }
          ?? LoadedModel(directory: name, options: options)
      }
      withExtendedLifetime(model) { held = privateBytes() - before }
    }
    let ratio = Double(held) / Double(elements * format.byteCount)
    output.line(
      column(format.name, 10) + duration(timing.median) + " " + duration(timing.best)
        + fixed(Double(held) / 1e6, 1, width: 11) + fixed(ratio, 3, width: 12))
    rows.append(
      Row(
        variant: "\(name)-\(format.name)", shape: "load", group: .weights, operation: "load",
        instructionSet: settings.modelInstructionSet, timing: timing, threads: settings.threads,
        bytes: Double(elements * format.byteCount),
        counters: [("resident_bytes", Double(held)), ("resident_share", ratio)]))
  }
  return rows
}
