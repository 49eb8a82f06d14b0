// Pyramidion with pooling and without: time and memory of the encoder, time of a decoding step.

import Tarn
import TarnCheckpoints
import TarnModels
import TarnTestSupport

/// 6 + 6 layers with random weights over the length of the document; forms are interleaved.
///
/// Documents fill the encoder, so that no padding is skipped. A step decodes one token of four beams.
func benchmarkPyramidion(
  _ settings: BenchmarkSettings, _ output: BenchmarkOutput
) throws -> [Row] {
  let lengths = settings.lengths ?? (settings.isQuick ? [64, 128] : [2048, 8192])
  func names(_ n: Int, _ threads: Int) -> [String] {
    ["encode", "step"].flatMap { part in
      PyramidionForm.allCases.map { "pyramidion-\(part)-\($0)/n=\(n)/threads=\(threads)" }
    }
  }
  let wanted = lengths.flatMap { n in settings.modelThreads.map { (n: n, threads: $0) } }
    .filter { shape in
      names(shape.n, shape.threads).contains { settings.includes($0, "pyramidion") }
    }
  guard !wanted.isEmpty else { return [] }
  output.progress("pyramidion: random weights")
  let weights = try PyramidionWeights(settings)
  output.line(
    "pyramidion, random weights, \(weights.configuration.encoder.layers) + "
      + "\(weights.configuration.decoder.layers) layers: encoder and a step of four beams;")
  output.line(
    "pooled: rows halve from layer to layer down to \(weights.narrowest); MB: most memory in a call; "
      + "gain: time without pooling over this one's")
  output.line(Row.heading + "        MB    gain")
  var rows: [Row] = []
  for (n, threads) in wanted {
    for row in try weights.measure(n, threads, settings, output)
    where settings.includes(row.name, "pyramidion") {
      let counter = { (name: String) in row.counters.first { $0.0 == name }?.1 ?? .nan }
      output.line(
        row.line + fixed(counter("peak_bytes") / 1e6, 1, width: 10)
          + fixed(counter("gain"), 2, width: 8))
      rows.append(row)
    }
  }
  return rows
}

/// How near the soft top-k comes to the true one, and the iterative baseline with it.
func benchmarkTopKQuality(_ settings: BenchmarkSettings, _ output: BenchmarkOutput) throws {
  let execution = try Execution(instructionSet: settings.modelInstructionSet)
  output.line("best cosine of a true top-k vector among the results, mean; log: arXiv:2010.15552")
  output.line(
    column("n", 8) + column("k", 8) + column("n/k", 8) + column("halving", 10)
      + column("log", 16) + column("iterative", 12) + "log")
  for quality in TopKQuality.all.filter({ !settings.isQuick || $0.n <= 1024 }) {
    let documents = settings.isQuick ? 1 : max(4, 512 / quality.k)
    let (halving, iterative) = try quality.measured(documents: documents, on: execution)
    func range(_ x: ClosedRange<Double>) -> String {
      fixed(x.lowerBound, 3) + (x.lowerBound == x.upperBound ? "" : "-" + fixed(x.upperBound, 3))
    }
    output.line(
      column("\(quality.n)", 8) + column("\(quality.k)", 8)
        + column("\(quality.n / quality.k)", 8) + column(fixed(halving, 3), 10)
        + column(range(quality.logged), 16) + column(fixed(iterative, 3), 12)
        + range(quality.loggedIterative))
  }
}

/// The soft top-k of 512 rows of 512 columns out of more and more, ranking included: time a row, and the
/// share of the bandwidth with which one core reads memory.
func benchmarkTopKLength(
  _ settings: BenchmarkSettings, _ output: BenchmarkOutput
) throws -> [Row] {
  let execution = try Execution(instructionSet: settings.modelInstructionSet, threads: 1)
  let (d, k) = settings.isQuick ? (64, 16) : (512, 512)
  let lengths = settings.isQuick ? [64, 256] : (0...5).map { 1024 << (2 * $0) }
  let name = "soft-top-k-length"
  guard lengths.contains(where: { settings.includes("\(name)/n=\($0)") }) else { return [] }
  output.line("soft top-k of \(k) rows of \(d) columns over the number of rows, one thread")
  output.line(Row.heading)
  let probe = try BandwidthProbe(execution, bytes: settings.isQuick ? 1 << 20 : 1 << 28)
  var rows: [Row] = []
  for n in lengths {
    output.progress("\(name)/n=\(n)")
    let x = try randomMatrix(n, d, seed: 24)
    let scores = try Matrix(
      rows: n, columns: 1, randomMatrix(1, n, seed: 25).elements.map { $0 * 0.5 + 0.5 })
    let sequence = try Ragged(lengths: [n])
    var y = try Matrix(rows: k, columns: d)
    let bytes = 4 * n * d
    let calls = max(1, (1 << 24) / bytes)
    let probed = min(bytes, 1 << 28)
    var (timing, reading) = (Timing(), Timing())
    for _ in 0..<(settings.isQuick ? 1 : 5) {
      try timing.add(calls) {
        let plan = try SoftTopKPlan(scores: scores, over: sequence, count: k, on: execution)
        try softTopK(x, plan, into: &y, on: execution)
      }
      reading.add(calls) { probe.read(probed) }
    }
    var row = Row(
      variant: name, shape: "n=\(n)", group: .quality, operation: name,
      instructionSet: execution.instructionSet, timing: timing, length: n)
    row.bytes = Double(bytes)
    row.elements = Double(n * d)
    row.bound = "read"
    row.share = reading.median * Double(bytes) / Double(probed) / timing.median
    output.line(row.line)
    rows.append(row)
  }
  return rows
}

/// How the encoder shortens a document.
private enum PyramidionForm: CaseIterable {
  case pooled, blockwise
}

/// Weights of one size; they do not depend on the length.
private struct PyramidionWeights {
  let configuration: PyramidionConfiguration
  /// Rows that pooling leaves.
  let narrowest: Int
  private let vocabulary: Int
  private let file: SafetensorsFile
  private static let beams = 4

  init(_ settings: BenchmarkSettings) throws {
    var c = PyramidionConfiguration()
    (c.encoder.layers, c.decoder.layers) = (6, 6)
    if settings.isQuick {
      for side in [\PyramidionConfiguration.encoder, \PyramidionConfiguration.decoder] {
        c[keyPath: side].size = 48
        c[keyPath: side].innerSize = 80
        c[keyPath: side].layers = 2
        c[keyPath: side].heads = 4
      }
      (c.outputSize, c.chunkSize) = (48, 16)
    }
    (c.pools, c.keepsOrder, c.sharesAllEmbeddings, c.sharesDecoderEmbeddings) =
      (true, true, true, true)
    configuration = c
    narrowest = c.chunkSize
    vocabulary = settings.isQuick ? 500 : 32001
    file = try SafetensorsFile(
      bytes: randomBytes(PyramidionWeights.shapes(c, vocabulary)), named: "random weights")
  }

  /// Names and shapes of the tensors, as fairseq writes them.
  private static func shapes(
    _ c: PyramidionConfiguration, _ vocabulary: Int
  ) -> [(name: String, shape: [Int])] {
    var shapes: [(name: String, shape: [Int])] = [
      ("encoder.version", [1]), ("decoder.version", [1]),
      ("encoder.embed_tokens.weight", [vocabulary, c.encoder.size]),
    ]
    func linear(_ name: String, _ outputs: Int, _ inputs: Int) {
      shapes += [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])]
    }
    for (name, side) in [("encoder", c.encoder), ("decoder", c.decoder)] {
      for i in 0..<side.layers {
        let layer = "\(name).layers.\(i)."
        let attentions = name == "encoder" ? ["self_attn"] : ["self_attn", "encoder_attn"]
        for attention in attentions {
          for map in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            linear(layer + attention + "." + map, side.size, side.size)
          }
        }
        for norm in attentions + ["final"] {
          let name = layer + norm + "_layer_norm"
          shapes += [(name + ".weight", [side.size]), (name + ".bias", [side.size])]
        }
        linear(layer + "fc1", side.innerSize, side.size)
        linear(layer + "fc2", side.size, side.innerSize)
        if name == "encoder" { linear("encoder.pooler.scorer.\(i)", 1, side.size) }
      }
    }
    return shapes
  }

  private func model(
    _ form: PyramidionForm, _ n: Int, _ threads: Int, _ settings: BenchmarkSettings
  ) throws -> PyramidionModel {
    var c = configuration
    c.maxSourcePositions = n
    c.widths = [0: n]
    if form == .pooled {
      for i in 0..<c.encoder.layers { c.widths[i] = max(min(n, narrowest), n >> (i + 1)) }
    }
    return try PyramidionModel(
      weights: WeightScope(file), configuration: c, directory: "random weights",
      options: ModelOptions(instructionSet: settings.modelInstructionSet, threads: threads))
  }

  /// Encoder and step, both forms of each in turn.
  func measure(
    _ n: Int, _ threads: Int, _ settings: BenchmarkSettings, _ output: BenchmarkOutput
  ) throws -> [Row] {
    output.progress("pyramidion/n=\(n)/threads=\(threads)")
    let models = try PyramidionForm.allCases.map { try model($0, n, threads, settings) }
    let document = (0..<n).map { $0 == n - 1 ? 2 : 4 + $0 * 7919 % (vocabulary - 4) }
    var peaks: [Int?] = []
    for model in models { peaks.append(try peakMemory { _ = try model.encode([document]) }) }
    var encodings = InterleavedTimes(settings)
    try encodings.measure(models.map { model in { _ = try model.encode([document]) } })

    let steps = try models.map {
      try PyramidionSteps($0, $0.encode([document]), beams: PyramidionWeights.beams)
    }
    let bytes = models.map { stepBytes(rows: $0.configuration.stages.last?.outputs ?? n) }
    let probe = try BandwidthProbe(models[0].execution, bytes: bytes.max() ?? 0)
    var stepTimes = InterleavedTimes(settings)
    try stepTimes.measure(
      steps.map { steps in { try steps.next() } } + bytes.map { bytes in { probe.read(bytes) } })

    let set = models[0].execution.instructionSet
    return PyramidionForm.allCases.indices.flatMap { i in
      let form = PyramidionForm.allCases[i]
      func row(_ part: String, _ times: InterleavedTimes) -> Row {
        var row = Row(
          variant: "pyramidion-\(part)-\(form)", shape: "n=\(n)/threads=\(threads)",
          group: .pyramidion, operation: "pyramidion-\(part)-\(form)", instructionSet: set,
          timing: times.timings[i], threads: threads, length: n)
        row.counters = [("gain", times.medians[1] / times.medians[i])]
        return row
      }
      var encode = row("encode", encodings)
      encode.operations = encoderOperations(models[i].configuration)
      encode.elements = Double(n)
      if let peak = peaks[i] { encode.counters.append(("peak_bytes", Double(peak))) }
      var step = row("step", stepTimes)
      step.bytes = Double(bytes[i])
      if threads == 1 {
        step.bound = "read"
        step.share = stepTimes.medians[models.count + i] / stepTimes.medians[i]
      }
      return [encode, step]
    }
  }

  /// 8·n·d² + 4·n·c·d + 4·n·d·f a layer, and what pooling adds.
  private func encoderOperations(_ c: PyramidionConfiguration) -> Double {
    let (d, f) = (Double(c.encoder.size), Double(c.encoder.innerSize))
    return c.stages.reduce(0) { sum, stage in
      let n = Double(stage.inputs)
      let layer = 8 * d * d + 4 * Double(stage.chunk) * d + 4 * d * f
      let pooling = stage.pools ? 2 * n * d + 3 * d * (n - Double(stage.outputs)) : 0
      return sum + n * layer + pooling
    }
  }

  /// What a step reads: the weights but those of keys and values of the memory, and these.
  private func stepBytes(rows k: Int) -> Int {
    let side = configuration.decoder
    let layer = 6 * side.size * side.size + 2 * side.size * side.innerSize + 2 * k * side.size
    return 4 * (side.layers * layer + side.size * vocabulary)
  }
}

/// A document that is decoded on and on.
private final class PyramidionSteps {
  private static let longest = 128
  private let model: PyramidionModel
  private let memory: PyramidionMemory
  private let beams: Int
  private var decoding: PyramidionDecoding

  init(_ model: PyramidionModel, _ memory: PyramidionMemory, beams: Int) throws {
    (self.model, self.memory, self.beams) = (model, memory, beams)
    decoding = try PyramidionDecoding(
      model, memory: memory, beams: beams, maxLength: PyramidionSteps.longest)
    try begin()
  }

  private func begin() throws {
    _ = try decoding.step([2], parents: [0])
    _ = try decoding.step(Array(4..<4 + beams), parents: Array(repeating: 0, count: beams))
  }

  /// A token for each beam; the first continues twice, the last not.
  func next() throws {
    if decoding.length == PyramidionSteps.longest {
      decoding = try PyramidionDecoding(
        model, memory: memory, beams: beams, maxLength: PyramidionSteps.longest)
      try begin()
    }
    _ = try decoding.step(
      (0..<beams).map { 4 + (decoding.length + $0) % 40 },
      parents: (0..<beams).map { max(0, $0 - 1) })
  }
}
