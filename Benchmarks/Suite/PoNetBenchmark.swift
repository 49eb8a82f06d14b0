// PoNet-base with random weights made on the fly: time and memory over the length.

import Tarn
import TarnCheckpoints
import TarnModels

/// Time of the hidden states of one text of n tokens; thread counts interleaved.
func benchmarkPoNet(_ settings: BenchmarkSettings, _ output: BenchmarkOutput) throws -> [Row] {
  let lengths = settings.isQuick ? [64, 128, 256] : [512, 1024, 2048, 4096, 8192, 16384]
  let name = RandomPoNet.name(settings)
  let shape = { (n: Int, threads: Int) in "n=\(n)/threads=\(threads)" }
  let isWanted = { (n: Int) in
    settings.modelThreads.contains { settings.includes("\(name)/\(shape(n, $0))", "models") }
  }
  guard lengths.contains(where: isWanted) else { return [] }
  output.progress("\(name): random weights")
  let checkpoint = try RandomPoNet(settings)
  let models = try settings.modelThreads.map { try checkpoint.model($0, settings) }
  let set = models[0].execution.instructionSet
  output.line(
    "\(name), \(checkpoint.configuration.layers) layers, random weights, \(set.rawValue):")
  output.line("hidden states of one text, medians; the ratio is that of one thread to so many")
  output.line(
    column("n", 8) + column("threads", 9) + "    median       best   tokens/s  GFLOP/s  ratio")
  var rows: [Row] = []
  for n in lengths where isWanted(n) {
    let input = checkpoint.input(tokens: n)
    var timings = models.map { _ in Timing() }
    for _ in 0..<(settings.isQuick || n > 2048 ? 3 : 5) {
      for (i, model) in models.enumerated() {
        output.progress("\(name)/\(shape(n, settings.modelThreads[i]))")
        try timings[i].add(1) { _ = try model.hiddenStates([input]) }
      }
    }
    for (timing, threads) in zip(timings, settings.modelThreads) {
      let row = Row(
        variant: name, shape: shape(n, threads), group: .models, operation: name,
        instructionSet: set, timing: timing, threads: threads,
        operations: Double(n) * checkpoint.operationsPerToken, length: n,
        counters: [
          ("tokens_per_second", Double(n) / timing.median),
          ("layers", Double(checkpoint.configuration.layers)),
        ])
      output.line(
        column("\(n)", 8) + column("\(threads)", 9) + duration(timing.median) + " "
          + duration(timing.best) + fixed(Double(n) / timing.median, 0, width: 11)
          + fixed((row.rate ?? .nan) / 1e9, 1, width: 9)
          + fixed(timings[0].median / timing.median, 2, width: 7))
      rows.append(row)
    }
  }
  return rows
}

/// Peak memory and time at growing lengths; the slope is compared with the formula in Docs.
func benchmarkMemory(_ settings: BenchmarkSettings, _ output: BenchmarkOutput) throws -> [Row] {
  let lengths = settings.isQuick ? [128, 256] : [1024, 16384, 262_144]
  let name = RandomPoNet.name(settings) + "-memory"
  guard lengths.contains(where: { settings.includes("\(name)/n=\($0)") }) else { return [] }
  output.progress("\(name): random weights")
  let checkpoint = try RandomPoNet(settings)
  let model = try checkpoint.model(nil, settings)
  // The largest resident size never falls, so lengths rise; the first call pays for the pool.
  _ = try model.hiddenStates([checkpoint.input(tokens: 64)])
  output.line("\(name), \(checkpoint.configuration.layers) layers: largest resident size and time")
  output.line(
    column("n", 8) + "      peak MB   bytes/token above n before   stated   seconds   time ratio")
  var rows: [Row] = []
  var previous: (n: Int, peak: Int, time: Double)?
  for n in lengths {
    output.progress("\(name)/n=\(n)")
    let input = checkpoint.input(tokens: n)
    let segments = Set(input.segments ?? []).count
    var timing = Timing()
    try timing.add(1) { _ = try model.hiddenStates([input]) }
    let time = timing.median
    let peak = peakResidentBytes()
    let stated = model.activationBytes(tokens: n, segments: segments)
    let slope = previous.map { Double(peak - $0.peak) / Double(n - $0.n) } ?? .nan
    let statedSlope =
      previous.map {
        Double(
          stated
            - model.activationBytes(
              tokens: $0.n, segments: $0.n / RandomPoNet.segmentLength + 2)) / Double(n - $0.n)
      } ?? .nan
    let ratio = previous.map { time / $0.time } ?? .nan
    output.line(
      column("\(n)", 8) + fixed(Double(peak) / 1e6, 1, width: 13) + fixed(slope, 0, width: 29)
        + fixed(statedSlope, 0, width: 9) + fixed(time, 2, width: 10) + fixed(ratio, 2, width: 13))
    rows.append(
      Row(
        variant: name, shape: "n=\(n)", group: .memory, operation: name,
        instructionSet: model.execution.instructionSet, timing: timing,
        threads: model.execution.threads, length: n,
        counters: [
          ("peak_bytes", Double(peak)), ("bytes_per_token", slope),
          ("stated_bytes_per_token", statedSlope),
        ]))
    previous = (n, peak, time)
  }
  return rows
}

/// Weights of base size in bfloat16, as a checkpoint that never touches a disk.
struct RandomPoNet {
  static let segmentLength = 25
  let configuration: PoNetConfiguration
  private let file: SafetensorsFile

  /// `ponet-base`, with another number of layers `ponet-base-1-layer`, or the small one.
  static func name(_ settings: BenchmarkSettings) -> String {
    settings.isQuick
      ? "ponet-tiny" : "ponet-base" + (settings.layers == 12 ? "" : "-\(settings.layers)-layer")
  }

  init(_ settings: BenchmarkSettings) throws {
    var c = PoNetConfiguration()
    c.layers = settings.layers
    if settings.isQuick {
      c.hiddenSize = 48
      c.heads = 4
      c.intermediateSize = 80
      c.layers = min(settings.layers, 2)
    }
    configuration = c
    let d = c.hiddenSize
    let f = c.intermediateSize
    var shapes: [(String, [Int])] = [
      ("embeddings.word_embeddings.weight", [c.vocabularySize, d]),
      ("embeddings.position_embeddings.weight", [c.positions, d]),
      ("embeddings.token_type_embeddings.weight", [c.tokenTypes, d]),
      ("embeddings.LayerNorm.weight", [d]), ("embeddings.LayerNorm.bias", [d]),
      ("pooler.dense.weight", [d, d]), ("pooler.dense.bias", [d]),
    ]
    for i in 0..<c.layers {
      let layer = "encoder.layer.\(i)."
      for name in ["q", "k", "o", "local", "segment"] {
        shapes.append((layer + "attention.self.dense_\(name).weight", [d, d]))
        shapes.append((layer + "attention.self.dense_\(name).bias", [d]))
      }
      for (name, shape) in [
        ("attention.output.dense", [d, d]), ("intermediate.dense", [f, d]),
        ("output.dense", [d, f]),
      ] {
        shapes.append((layer + name + ".weight", shape))
        shapes.append((layer + name + ".bias", [shape[0]]))
      }
      for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
        shapes.append((layer + name + ".weight", [d]))
        shapes.append((layer + name + ".bias", [d]))
      }
    }
    file = try SafetensorsFile(bytes: RandomPoNet.bytes(shapes), named: "random weights")
  }

  /// Layer norms get ones and zeros, everything else uniform values of standard deviation 0.02.
  private static func bytes(_ shapes: [(String, [Int])]) -> [UInt8] {
    var entries: [String] = []
    var offset = 0
    for (name, shape) in shapes {
      let count = shape.reduce(1, *)
      let sizes = shape.map(String.init).joined(separator: ",")
      entries.append(
        "\"\(name)\":{\"dtype\":\"BF16\",\"shape\":[\(sizes)],"
          + "\"data_offsets\":[\(offset),\(offset + 2 * count)]}")
      offset += 2 * count
    }
    var header = Array(("{" + entries.joined(separator: ",") + "}").utf8)
    while header.count % 8 != 0 { header.append(0x20) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 + header.count + offset)
    for i in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: header.count >> (8 * i))) }
    bytes += header
    var state: UInt64 = 2110
    for (name, shape) in shapes {
      for _ in 0..<shape.reduce(1, *) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let uniform = Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648 * 0.0346
        let value =
          name.hasSuffix("LayerNorm.weight") ? 1 : name.hasSuffix("LayerNorm.bias") ? 0 : uniform
        let bits = UInt16(truncatingIfNeeded: value.bitPattern >> 16)
        bytes.append(UInt8(truncatingIfNeeded: bits))
        bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
      }
    }
    return bytes
  }

  /// Operations of one token: four products of d × d and two of d × f in each layer, the scores and
  /// the weighted sums of the global aggregation.
  var operationsPerToken: Double {
    let c = configuration
    let (d, f) = (Double(c.hiddenSize), Double(c.intermediateSize))
    return Double(c.layers) * (2 * (4 * d * d + 2 * d * f) + 4 * d * Double(c.heads))
  }

  /// The model; the position table repeats.
  func model(_ threads: Int?, _ settings: BenchmarkSettings) throws -> PoNetModel {
    var options = ModelOptions(threads: threads, maxPositions: 1 << 24)
    options.instructionSet = settings.modelInstructionSet
    return try PoNetModel(
      weights: WeightScope(file), configuration: configuration, directory: "random weights",
      options: options)
  }

  /// CLS, words, SEP; segments of 25 tokens.
  func input(tokens n: Int) -> PoNetInput {
    var ids = (0..<n).map { 1000 + $0 * 7919 % 20000 }
    ids[0] = 101
    ids[n - 1] = 102
    var segments = (0..<n).map { 1 + $0 / RandomPoNet.segmentLength }
    segments[0] = 0
    segments[n - 1] = 2 + (n - 1) / RandomPoNet.segmentLength
    return PoNetInput(ids: ids, segments: segments)
  }
}
