import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnCheckpoints

@Suite struct CheckpointTests {
  @Test(arguments: ponetFixtures)
  func fixturesAreCheckpoints(fixture: String) throws {
    for directory in [fixturePath("ponet/\(fixture)"), fixturePath("ponet/\(fixture)/")] {
      let checkpoint = try Checkpoint(directory: directory)
      #expect(!checkpoint.weights.tensors.isEmpty)
      #expect(checkpoint.configuration.keys.contains { _ in true })
      #expect(checkpoint.directory == directory)
    }
  }

  @Test func missingFilesAreNamed() throws {
    let directory = try TemporaryDirectory()
    #expect(throws: CheckpointError.missingFile(path: directory.path + "/config.json")) {
      try Checkpoint(directory: directory.path)
    }
    _ = try directory.write("config.json", Array("{}".utf8))
    #expect(throws: CheckpointError.missingFile(path: directory.path + "/model.safetensors")) {
      try Checkpoint(directory: directory.path)
    }
    let nowhere = directory.path + "/nowhere"
    #expect(throws: CheckpointError.missingFile(path: nowhere + "/config.json")) {
      try Checkpoint(directory: nowhere)
    }
  }

  @Test(arguments: ["tf_model.h5", "flax_model.msgpack"])
  func weightsInAnotherContainerAreNamed(file: String) throws {
    let directory = try TemporaryDirectory()
    _ = try directory.write("config.json", Array("{}".utf8))
    _ = try directory.write(file, [0x80])
    let error = #expect(throws: CheckpointError.self) {
      try Checkpoint(directory: directory.path)
    }
    #expect(error == .unsupportedWeights(directory: directory.path, file: file))
    #expect(error?.description.contains("convert the weights to safetensors") == true)
    // Beside weights that are read it does not matter.
    _ = try directory.write("model.safetensors", safetensors("{}"))
    #expect(try Checkpoint(directory: directory.path).weights.tensors.isEmpty)
  }

  /// Weights under every name; then the first is removed, and so on.
  @Test func weightsAreLookedForInOrder() throws {
    let directory = try TemporaryDirectory()
    _ = try directory.write("config.json", Array("{}".utf8))
    let archive = torchArchive(PickleWriter.pair()).bytes
    for name in Checkpoint.weightFiles {
      let index = Array("{\"weight_map\":{\"t\":\"shard\"}}".utf8)
      _ = try directory.write(
        name,
        name.hasSuffix(".json") ? index : name.hasSuffix("tensors") ? safetensors("{}") : archive)
    }
    _ = try directory.write("shard", archive)
    for name in Checkpoint.weightFiles {
      #expect(try Checkpoint(directory: directory.path).weights.name == name)
      #expect(try Checkpoint.weights(in: directory.path + "/").name == name)
      try directory.remove(name)
    }
    #expect(throws: CheckpointError.missingFile(path: directory.path + "/model.safetensors")) {
      try Checkpoint(directory: directory.path)
    }
  }

  @Test func weightsThatAreWrongAreNotPassedOver() throws {
    let directory = try TemporaryDirectory()
    _ = try directory.write("config.json", Array("{}".utf8))
    _ = try directory.write("model.safetensors", [1])
    _ = try directory.write("pytorch_model.bin", torchArchive(PickleWriter.pair()).bytes)
    #expect(
      throws: CheckpointError.invalidSafetensors(
        file: "model.safetensors", .fileTooShort(bytes: 1))
    ) { try Checkpoint(directory: directory.path) }
  }
}

@Suite struct WeightScopeTests {
  private func file(_ tensors: [(TensorName, [Int])]) throws -> SafetensorsFile {
    var writer = SafetensorsWriter()
    for (name, shape) in tensors {
      let values = [Float](repeating: 0, count: shape.reduce(1, *))
      try writer.append(name, shape: shape, floats: values)
    }
    try writer.append("ids", shape: [1], integers: [1])
    return try SafetensorsFile(bytes: writer.encoded(), named: "directory/model.safetensors")
  }

  @Test func scopesAreNamesJoinedByDots() throws {
    let root = WeightScope(try file([("encoder.layer.3.output.dense.weight", [2, 3])]))
    let layer = root["encoder"]["layer.3"]
    #expect(layer.prefix == "encoder.layer.3")
    #expect(layer[""].prefix == layer.prefix)
    #expect(layer.name(of: "a.b") == "encoder.layer.3.a.b")
    #expect(layer.has("output.dense.weight"))
    #expect(!layer.has("output.dense"))
    #expect(!root["encoder.layer.30"].has("output.dense.weight"))
    #expect(layer.shape(of: "output.dense.weight") == [2, 3])
    #expect(layer.shape(of: "nothing") == nil)
    let tensor = try layer["output"].tensor("dense.weight", shape: [2, 3])
    #expect(tensor == root.file["encoder.layer.3.output.dense.weight"])
  }

  @Test func wrongShapeTypeAndNameAreNamed() throws {
    let name = "encoder.layer.3.output.dense.weight"
    let root = WeightScope(try file([(TensorName(name), [768, 3])]))
    let shape = #expect(throws: CheckpointError.self) { try root.tensor(name, shape: [768, 4]) }
    #expect(
      shape?.description == """
        model.safetensors: tensor "encoder.layer.3.output.dense.weight" has shape [768, 3], \
        expected [768, 4]
        """)
    #expect(throws: try #require(shape)) { try root.optional(name, shape: [768, 4]) }
    for other in [[3, 768], [768 * 3], [768, 3, 1], []] {
      #expect(throws: CheckpointError.self) { try root.tensor(name, shape: other) }
    }
    let type = #expect(throws: CheckpointError.self) { try root.tensor("ids", shape: [1]) }
    #expect(
      type?.description == """
        model.safetensors: tensor "ids" has element type I64, expected F32, BF16, F16 or F64
        """)
    let missing = #expect(throws: CheckpointError.self) {
      try root["pooler"].tensor("dense.bias", shape: [768])
    }
    #expect(
      missing?.description == "model.safetensors: tensor \"pooler.dense.bias\" is missing")
    #expect(try root["pooler"].optional("dense.bias", shape: [768]) == nil)
  }

  @Test func thePrefixThatExistsIsChosen() throws {
    let bare = WeightScope(try file([("embeddings.weight", [1]), ("ponetx.weight", [1])]))
    let prefixed = WeightScope(try file([("ponet.embeddings.weight", [1]), ("cls.bias", [1])]))
    for alternatives in [["ponet", ""], ["", "ponet"]] {
      #expect(bare.scope(anyOf: alternatives).prefix == "")
      #expect(prefixed.scope(anyOf: alternatives).prefix == "ponet")
    }
    #expect(bare.scope(anyOf: ["ponet", "bert"]).prefix == "bert")
    #expect(prefixed.scope(anyOf: ["bert", "ponet"]).prefix == "ponet")
    #expect(bare.scope(anyOf: []).prefix == "")
  }

  @Test func oldNamesAreAlternatives() throws {
    let scope = WeightScope(try file([("a.gamma", [2]), ("b.weight", [2]), ("b.gamma", [3])]))
    let names = ["weight", "gamma"]
    #expect(try scope["a"].tensor(anyOf: names, shape: [2]).name == "a.gamma")
    #expect(try scope["b"].tensor(anyOf: names, shape: [2]).name == "b.weight")
    #expect(
      throws: CheckpointError.missingTensor(file: "model.safetensors", name: "c.weight")
    ) { try scope["c"].tensor(anyOf: names, shape: [2]) }
  }

  @Test func tensorsThatNobodyAskedForAreListed() throws {
    let use = TensorUse()
    let file = try file([("a.weight", [1]), ("a.bias", [1]), ("b.weight", [1])])
    let root = WeightScope(file, recording: use)
    _ = try root["a"].tensor("weight", shape: [1])
    _ = try root["a"].optional("bias", shape: [1])
    _ = try root["a"].optional("nothing", shape: [1])
    #expect(throws: CheckpointError.self) { try root["b"].tensor("weight", shape: [2]) }
    use.insert("ids")
    #expect(use.names == ["a.weight", "a.bias", "ids"])
    #expect(file.tensors(notIn: use.names).map(\.name) == ["b.weight"])
    #expect(file.tensors(notIn: []).count == 4)
  }

  @Test func errorsCannotWriteToTheTerminal() {
    let name = TensorName("\u{1B}[31m\n" + String(repeating: "x", count: 10_000))
    let text = CheckpointError.missingTensor(file: "a\u{7}b", name: name).description
    #expect(!text.unicodeScalars.contains { $0.value < 0x20 })
    #expect(text.utf8.count < 400)
  }
}
