// PoNet-base with random weights made on the fly: time and memory over the length.

import Tarn
import TarnCheckpoints
import TarnModels

/// Time of the pooled output for one text of n tokens, one and two threads interleaved.
func benchmarkPoNet(_ settings: Settings) throws -> [Row] {
  let lengths = settings.isQuick ? [64] : [512, 1024, 2048, 4096, 8192, 16384]
  let checkpoint = try RandomPoNet(settings)
  let threadCounts = processorCount() > 1 ? [1, 2] : [1]
  let models = try threadCounts.map { try checkpoint.model(threads: $0) }
  print("PoNet-base, \(checkpoint.configuration.layers) layers, random weights, hidden states")
  print(
    "instruction set \(models[0].execution.instructionSet.rawValue), seconds (median), tokens/s")
  print(column("n", 8), "1 thread          2 threads          ratio")
  var rows: [Row] = []
  for n in lengths {
    let input = checkpoint.input(tokens: n)
    var times = models.map { _ in [Double]() }
    for _ in 0..<(settings.isQuick ? 1 : n <= 2048 ? 5 : 3) {
      for (i, model) in models.enumerated() {
        times[i].append(try seconds { _ = try model.hiddenStates([input]) })
      }
    }
    let medians = times.map(median)
    let figures = medians.map {
      fixed($0, 3, width: 8) + " " + fixed(Double(n) / $0, 0, width: 8)
    }
    print(
      column("\(n)", 8), figures.joined(separator: "  "),
      fixed(medians[0] / (medians.last ?? 1), 2, width: 6))
    for (i, threads) in threadCounts.enumerated() {
      rows.append(
        Row(
          name: "ponet-base/n=\(n)/threads=\(threads)", iterations: times[i].count,
          medianSeconds: medians[i], bestSeconds: times[i].min() ?? .nan,
          counters: [("tokens_per_second", Double(n) / medians[i])]))
    }
  }
  return rows
}

/// Peak memory and time at growing lengths; the slope is compared with the formula in Docs.
func benchmarkMemory(_ settings: Settings) throws -> [Row] {
  let lengths = settings.isQuick ? [128, 256] : [1024, 16384, 262_144]
  let checkpoint = try RandomPoNet(settings)
  let model = try checkpoint.model(threads: nil)
  // The largest resident size never falls, so lengths rise; the first call pays for the pool.
  _ = try model.hiddenStates([checkpoint.input(tokens: 64)])
  print("PoNet-base, \(checkpoint.configuration.layers) layers: largest resident size and time")
  print(
    column("n", 8), "     peak MB   bytes/token above n before   stated   seconds   time ratio")
  var rows: [Row] = []
  var previous: (n: Int, peak: Int, time: Double)?
  for n in lengths {
    let input = checkpoint.input(tokens: n)
    let segments = Set(input.segments ?? []).count
    let time = try seconds { _ = try model.hiddenStates([input]) }
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
    let text = { (x: Double, decimals: Int, width: Int) in
      x.isNaN ? column("", width - 1) + "-" : fixed(x, decimals, width: width)
    }
    print(
      column("\(n)", 8), fixed(Double(peak) / 1e6, 1, width: 12), text(slope, 0, 28),
      text(statedSlope, 0, 8), fixed(time, 2, width: 9), text(ratio, 2, 12))
    rows.append(
      Row(
        name: "ponet-base-memory/n=\(n)", iterations: 1, medianSeconds: time, bestSeconds: time,
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

  init(_ settings: Settings) throws {
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

  /// The model; the position table repeats.
  func model(threads: Int?) throws -> PoNetModel {
    try PoNetModel(
      weights: WeightScope(file), configuration: configuration, directory: "random weights",
      options: ModelOptions(threads: threads, maxPositions: 1 << 24))
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
