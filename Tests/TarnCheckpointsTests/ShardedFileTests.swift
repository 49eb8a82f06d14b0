import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnCheckpoints

/// Weights in several files, and indices and shards that break one rule each.
@Suite struct ShardedFileTests {
  private func shard(_ tensors: [(TensorName, [Float])]) throws -> [UInt8] {
    var writer = SafetensorsWriter()
    for (name, values) in tensors {
      try writer.append(name, shape: [values.count], floats: values)
    }
    return try writer.encoded()
  }

  /// A directory with tensors "a" and "b" in one shard and "c" in another.
  private func directory(_ index: String) throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    _ = try directory.write("1.safetensors", shard([("a", [1, 2]), ("b", [3])]))
    _ = try directory.write("2.safetensors", shard([("c", [4, 5, 6])]))
    _ = try directory.write("model.safetensors.index.json", Array(index.utf8))
    return directory
  }

  private static func index(_ map: String) -> String { "{\"weight_map\":{\(map)}}" }

  private static let valid = index(
    #""c":"2.safetensors","a":"1.safetensors","b":"1.safetensors""#)

  @Test(arguments: [Loading.mapped, .read])
  func tensorsComeFromTheirShards(loading: Loading) throws {
    let text = """
      {"metadata": {"total_size": 24, "x": [null, true, {"y": "z"}]},
       "weight_map": {"c": "2.safetensors", "a": "1.safetensors", "b": "1.safetensors"}}
      """
    let directory = try directory(text)
    let path = directory.path + "/model.safetensors.index.json"
    let file = try openTensorFile(path: path, loading: loading)
    #expect(file is ShardedFile)
    #expect(file.path == path)
    #expect(file.name == "model.safetensors.index.json")
    #expect(file.format == "safetensors in 2 shards")
    #expect(file.tensors.map(\.name) == ["c", "a", "b"])
    for (name, expected) in [("a", [1, 2]), ("b", [3]), ("c", [4, 5, 6])] as [(String, [Float])] {
      #expect(try file.floats(of: #require(file[TensorName(name)])) == expected)
    }
    #expect(file["d"] == nil)
    #expect(
      file.metadata["shards"]?.array?.compactMap(\.string) == ["2.safetensors", "1.safetensors"])
    let scope = WeightScope(file)
    #expect(throws: CheckpointError.missingTensor(file: file.name, name: "d")) {
      try scope.tensor("d", shape: [1])
    }
  }

  @Test func shardsMayBePyTorchFiles() throws {
    let directory = try TemporaryDirectory()
    _ = try directory.write("1.bin", torchArchive(PickleWriter.pair()).bytes)
    _ = try directory.write(
      "pytorch_model.bin.index.json", Array(Self.index(#""t":"1.bin""#).utf8))
    let file = try openTensorFile(path: directory.path + "/pytorch_model.bin.index.json")
    #expect(file.format == "PyTorch (zip) in 1 shard")
    #expect(try file.floats(of: file.tensors[0]) == [0, 0])
  }

  @Test func aFixtureInShardsHoldsTheSameTensors() throws {
    let fixture = fixturePath("ponet/cls_sentences")
    let source = try SafetensorsFile(path: fixture + "/model.safetensors")
    let directory = try TemporaryDirectory()
    try writeShards(of: source, count: 3, to: directory)
    try directory.copy("config.json", from: fixture)
    let file = try Checkpoint(directory: directory.path).weights
    #expect(file.tensors.count == source.tensors.count)
    for tensor in source.tensors {
      let found = try #require(file[tensor.name])
      #expect(found.shape == tensor.shape)
      #expect(elements(of: found, in: file) == elements(of: tensor, in: source))
    }
  }

  // MARK: Hostile indices

  struct Hostile: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let index: String
    let problem: ShardProblem

    init(_ name: String, _ index: String, _ problem: ShardProblem) {
      testDescription = name
      self.index = index
      self.problem = problem
    }

    /// Tensor "a" in a file of another name.
    init(file: String, shown: String? = nil) {
      self.init(
        "the file \(file)", ShardedFileTests.index("\"a\":\"\(file)\""),
        .fileOutsideDirectory("a", found: shown ?? file))
    }
  }

  static let hostile: [Hostile] = [
    Hostile(file: "../1.safetensors"), Hostile(file: "/etc/passwd"), Hostile(file: ".."),
    Hostile(file: "."), Hostile(file: ""), Hostile(file: "./1.safetensors"),
    Hostile(file: "x/1.safetensors"), Hostile(file: "1.safetensors/"),
    Hostile(file: "..\\\\1.safetensors", shown: "..\\1.safetensors"),
    Hostile(file: "C:1.safetensors"), Hostile(file: "\\u002e\\u002e\\u002f1", shown: "../1"),
    Hostile(file: "1.safetensors\\u0000", shown: "1.safetensors\0"),
    Hostile(file: "1.safetensors\\n", shown: "1.safetensors\n"),
    Hostile(file: String(repeating: "x", count: 256)),
    Hostile(
      "not JSON", "weights",
      .indexNotJSON(
        JSONError(offset: 0, problem: .unexpectedByte(0x77, expected: "'{'")))),
    Hostile(
      "an array", "[]",
      .indexNotJSON(JSONError(offset: 0, problem: .unexpectedByte(0x5B, expected: "'{'")))),
    Hostile(
      "nothing", "", .indexNotJSON(JSONError(offset: 0, problem: .unexpectedEnd(expected: "'{'")))
    ),
    Hostile(
      "two values", valid + "{}",
      .indexNotJSON(JSONError(offset: valid.utf8.count, problem: .trailingContent(0x7B)))),
    Hostile(
      "values nested 200,000 deep", "{\"x\":" + String(repeating: "[", count: 200_000),
      .indexNotJSON(JSONError(offset: 20, problem: .nestingTooDeep(limit: 16)))),
    Hostile("no map", "{\"metadata\":{}}", .missingWeightMap),
    Hostile(
      "two maps", "{\"weight_map\":{\"a\":\"1\"},\"weight_map\":{}}",
      .duplicateKey("weight_map")),
    Hostile("a map that is an array", "{\"weight_map\":[]}", .weightMapNotObject),
    Hostile("an empty map", "{\"weight_map\":{}}", .emptyWeightMap),
    Hostile("a file that is a number", index("\"a\":1"), .fileNotString("a")),
    Hostile("a file that is null", index("\"a\":null"), .fileNotString("a")),
    Hostile(
      "a tensor twice", index(#""a":"1.safetensors","a":"2.safetensors""#), .duplicateTensor("a")),
    Hostile(
      "a tensor twice, once escaped", index(#""a":"1.safetensors","\u0061":"1.safetensors""#),
      .duplicateTensor("a")),
    Hostile(
      "a tensor that no shard has",
      index(
        #""a":"1.safetensors","b":"1.safetensors","c":"2.safetensors","d":"2.safetensors""#),
      .missingTensor("d", shard: "2.safetensors")),
    Hostile(
      "a tensor in another shard",
      index(#""a":"1.safetensors","b":"2.safetensors","c":"2.safetensors""#),
      .tensorInTwoShards("b", shard: "1.safetensors", listed: "2.safetensors")),
    Hostile(
      "a tensor that the index does not name", index(#""a":"1.safetensors","c":"2.safetensors""#),
      .unlistedTensor("b", shard: "1.safetensors")),
  ]

  @Test(arguments: hostile)
  func hostileIndexGivesItsNamedError(_ hostile: Hostile) throws {
    let directory = try directory(hostile.index)
    let path = directory.path + "/model.safetensors.index.json"
    let elapsed = try ContinuousClock().measure {
      let error = #expect(throws: CheckpointError.self) { try openTensorFile(path: path) }
      #expect(
        error == .invalidShardIndex(file: "model.safetensors.index.json", hostile.problem))
      let sentence = try #require(error).description
      #expect(sentence.hasPrefix("model.safetensors.index.json: "))
      #expect(sentence.utf8.count < 500)
      #expect(!sentence.unicodeScalars.contains { $0.value < 0x20 })
    }
    #expect(elapsed < .seconds(1))
  }

  @Test func theSameTensorInTwoShardsIsRefused() throws {
    let directory = try directory(Self.valid)
    _ = try directory.write("2.safetensors", shard([("c", [4]), ("a", [9])]))
    #expect(
      throws: CheckpointError.invalidShardIndex(
        file: "model.safetensors.index.json",
        .tensorInTwoShards("a", shard: "2.safetensors", listed: "1.safetensors"))
    ) { try openTensorFile(path: directory.path + "/model.safetensors.index.json") }
  }

  @Test func aShardThatIsMissingOrWrongIsNamed() throws {
    let missing = try directory(Self.index(#""a":"3.safetensors""#))
    let path = missing.path + "/model.safetensors.index.json"
    #expect(throws: CheckpointError.missingFile(path: missing.path + "/3.safetensors")) {
      try openTensorFile(path: path)
    }
    _ = try missing.write("3.safetensors", [1, 2, 3])
    #expect(
      throws: CheckpointError.invalidSafetensors(file: "3.safetensors", .fileTooShort(bytes: 3))
    ) { try openTensorFile(path: path) }
    // An index is no shard.
    let itself = try directory(Self.index(#""a":"model.safetensors.index.json""#))
    #expect(throws: CheckpointError.self) {
      try openTensorFile(path: itself.path + "/model.safetensors.index.json")
    }
  }

  @Test func numbersOfTensorsAndShardsAreLimited() throws {
    let limits = FileLimits()
    let shards = (0...limits.shards).map { "\"\($0)\":\"\($0)\"" }.joined(separator: ",")
    #expect(throws: ShardProblem.tooManyShards(limit: limits.shards)) {
      try ShardIndex(Array(Self.index(shards).utf8), limits)
    }
    var tensors = Array("{\"weight_map\":{\"x\":\"1\"".utf8)
    for number in 0..<limits.tensors { tensors += Array(",\"\(number)\":\"1\"".utf8) }
    tensors += Array("}}".utf8)
    #expect(throws: ShardProblem.tooManyTensors(limit: limits.tensors)) {
      try ShardIndex(tensors, limits)
    }
  }

  @Test func mutatedIndexEndsInAValueOrAnError() throws {
    var generator = SeededGenerator(seed: 8)
    let signs = Array("{}[]\":,\\.0a/e ".utf8) + [0, 0x80, 0xFF]
    var refused = 0
    for _ in 0..<4000 {
      var bytes = Array(Self.valid.utf8)
      for _ in 0...Int.random(in: 0..<2, using: &generator) {
        let position = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[position] = signs.randomElement(using: &generator) ?? 0
        case 1: bytes.remove(at: position)
        default: bytes.insert(signs.randomElement(using: &generator) ?? 0, at: position)
        }
      }
      do {
        let index = try ShardIndex(bytes, FileLimits())
        #expect(!index.tensors.isEmpty && index.shards.allSatisfy { !$0.contains("/") })
      } catch {
        refused += 1
        #expect(!error.description.isEmpty)
      }
    }
    #expect(refused > 1000 && refused < 4000, "\(refused) refused")
  }
}
