#if os(Linux)
  import Tarn
  import TarnCheckpoints
  import TarnKernelInterface
  import TarnTestSupport
  import TarnTestSystem
  import TarnText
  import Testing

  @testable import TarnModels

  /// What loading costs, in a process of its own for each measurement.
  @Suite(.enabled(if: CheckSize.requested != .quick)) struct LoadingCostTests {
    static let formats: [WeightFormat] = [.float32, .bfloat16, .float16, .int8]

    /// 7.4 million numbers of BERT: matrices of all sizes, shared, joined and gathered from.
    private func checkpoint() throws -> TemporaryDirectory {
      let (d, f, layers, words) = (256, 1024, 8, 4096)
      let folder = try TemporaryDirectory()
      var writer = SafetensorsWriter()
      var seed = SeededFloats()
      func add(_ name: String, _ shape: [Int]) throws {
        try writer.append(
          TensorName(name), shape: shape, floats: seed.next(shape.reduce(1, *)))
      }
      func linear(_ name: String, _ outputs: Int, _ inputs: Int) throws {
        try add(name + ".weight", [outputs, inputs])
        try add(name + ".bias", [outputs])
      }
      func norm(_ name: String) throws {
        try add(name + ".weight", [d])
        try add(name + ".bias", [d])
      }
      try add("embeddings.word_embeddings.weight", [words, d])
      try add("embeddings.position_embeddings.weight", [512, d])
      try add("embeddings.token_type_embeddings.weight", [2, d])
      try norm("embeddings.LayerNorm")
      try linear("pooler.dense", d, d)
      for i in 0..<layers {
        let layer = "encoder.layer.\(i)."
        for name in ["self.query", "self.key", "self.value", "output.dense"] {
          try linear(layer + "attention." + name, d, d)
        }
        try norm(layer + "attention.output.LayerNorm")
        try linear(layer + "intermediate.dense", f, d)
        try linear(layer + "output.dense", d, f)
        try norm(layer + "output.LayerNorm")
      }
      try writer.write(to: folder.path + "/model.safetensors")
      let sizes: JSONObject = [
        "model_type": .string("bert"), "hidden_size": .integer(d),
        "num_hidden_layers": .integer(layers),
        "num_attention_heads": .integer(4), "intermediate_size": .integer(f),
        "vocab_size": .integer(words),
      ]
      _ = try folder.write("config.json", Array(JSONValue.object(sizes).encoded().utf8))
      return folder
    }

    @Test func aLoadedModelTakesATenthMoreThanItsWeightsAtMost() async throws {
      let folder = try checkpoint()
      for format in Self.formats.indices {
        await #expect(processExitsWith: .success) {
          [path = folder.path as String, format = format as Int] in
          let format = LoadingCostTests.formats[format]
          // Threads and tables of the process are not the model's.
          _ = try LoadedModel(directory: fixturePath("bert/base-default"))
          let before = ProcessUse.anonymousMemory
          let model = try LoadedModel(directory: path, options: ModelOptions(weights: format))
          let held = ProcessUse.anonymousMemory - before
          let numbers = try SafetensorsFile(path: path + "/model.safetensors").tensors
            .reduce(0) { $0 + $1.elementCount }
          let share = Double(held) / Double(numbers * format.byteCount)
          withExtendedLifetime(model) { #expect((0.9...1.1).contains(share), "\(format) \(share)") }
        }
      }
    }

    /// Pieces of few bytes and many, and files of other JSON than a tokenizer's.
    @Test(arguments: [1, 5, 12, 1000, 12_000_000])
    func aTokenizerTakesTwiceTheFileAndAConstantAtMost(piece: Int) async throws {
      let folder = try TemporaryDirectory()
      let rest = #"{"model":{"type":"WordPiece","vocab":{"#
      var bytes = Array(rest.utf8)
      let specials = ["[UNK]", "[CLS]", "[SEP]"]
      for (id, name) in specials.enumerated() { bytes += "\"\(name)\":\(id),".utf8 }
      let limit = FileLimits().tokenizerBytes
      var id = specials.count
      let filler = [UInt8](repeating: 0x61, count: piece)
      while bytes.count + piece + 40 < limit, id < Vocabulary.maximumLines {
        bytes += "\"\(String(id, radix: 36))".utf8
        bytes += filler
        bytes += "\":\(id),".utf8
        id += 1
      }
      bytes.removeLast()
      bytes += "}}}".utf8
      _ = try folder.write("tokenizer.json", bytes)
      await #expect(processExitsWith: .success) {
        [path = folder.path as String, count = bytes.count as Int, id = id as Int] in
        var tokenizer: WordPieceTokenizer?
        let cost = Cost { tokenizer = try? WordPieceTokenizer(checkpoint: path) }
        #expect(tokenizer?.vocabulary.count == id)
        #expect(cost.isWithinPromise(bytes: count), "\(cost) for \(count) bytes")
      }
    }

    @Test func aTokenizerAsksForNoMoreThanItsLimit() throws {
      let folder = try TemporaryDirectory()
      let text = #"{"model":{"vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2}}}"#
      let path = try folder.write("tokenizer.json", Array(text.utf8))
      var limits = FileLimits()
      limits.tokenizerBytes = text.utf8.count
      limits.configurationBytes = 0
      #expect(throws: Never.self) {
        try WordPieceTokenizer(checkpoint: folder.path, limits: limits)
      }
      limits.tokenizerBytes -= 1
      let error = #expect(throws: ModelError.self) {
        try WordPieceTokenizer(checkpoint: folder.path, limits: limits)
      }
      #expect(error?.description.hasPrefix(path) == true)
    }

    /// What a model reads of a configuration, it reads once.
    @Test(arguments: WorstJSON.allCases)
    func aHostileConfigurationIsReadOrRefusedInTime(form: WorstJSON) async throws {
      let folder = try TemporaryDirectory()
      let bytes = form.object(bytes: FileLimits().configurationBytes)
      _ = try folder.write("config.json", bytes)
      await #expect(processExitsWith: .success) {
        [path = folder.path as String, count = bytes.count as Int] in
        let cost = Cost {
          guard let file = try? ConfigurationFile(path: path + "/config.json") else { return }
          _ = try? BERTConfiguration(file)
          _ = try? FunnelConfiguration(file)
          _ = try? PoNetConfiguration(file)
        }
        #expect(cost.isWithinPromise(bytes: count), "\(cost) for \(count) bytes")
      }
    }
  }

  /// Uniform numbers.
  private struct SeededFloats {
    private var state: UInt64 = 6

    mutating func next(_ count: Int) -> [Float] {
      (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-36
      }
    }
  }
#endif
