// What comes from outside and is wrong: exit code 1 and one line that says where.

import Foundation
import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem
import Testing

struct BadInputTests {
  private func expectFailure(
    _ result: ToolResult, _ reasons: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(result.isRefusal, "\(result)", sourceLocation: sourceLocation)
    for reason in reasons {
      #expect(result.errors.contains(reason), "\(result.errors)", sourceLocation: sourceLocation)
    }
  }

  /// Whatever lies among the fixtures, whole checkpoints or not.
  @Test func everyFixtureIsInspectedOrRefused() throws {
    let root = fixturePath("")
    let names = try #require(FileManager.default.subpaths(atPath: root))
    var (inspected, refused) = (0, 0)
    for name in names where !name.hasSuffix(".md") {
      let result = try tarn(["inspect", root + name])
      if result.code == 0, result.errors.isEmpty {
        inspected += 1
      } else {
        #expect(result.isRefusal, "\(name): \(result)")
        refused += 1
      }
    }
    #expect(inspected > 200 && refused > 50, "\(inspected) inspected, \(refused) refused")
  }

  @Test(arguments: ["classify", "tokenize"])
  func aMissingFileIsNamed(command: String) throws {
    expectFailure(
      try tarn([command, "/nonexistent/text"]), "/nonexistent/text: cannot be opened",
      "No such file")
    expectFailure(try tarn([command, bundledModel]), "cannot be read", "directory")
  }

  @Test(arguments: ["classify", "tokenize"])
  func anEmptyTextIsRejected(command: String) throws {
    for text in ["", " \n\t", "\u{200B}"] {
      expectFailure(
        try tarn([command], text: text), "standard input: text: found no tokens")
    }
  }

  @Test(arguments: ["classify", "tokenize", "fill-mask"])
  func textThatIsNotUTF8IsRejected(command: String) throws {
    let words = command == "fill-mask" ? [command, "--model", bundledModel] : [command]
    expectFailure(
      try tarn(words, input: [0x61, 0xFF, 0x62]), "standard input: is not valid UTF-8")
  }

  @Test func aTextWithMoreTokensThanPositionsIsRejectedUnlessItMayBeCut() throws {
    let text = String(repeating: "word ", count: 40)
    expectFailure(
      try tarn(["classify", "--max-positions", "32"], text: text),
      "found 42 tokens, expected at most 32 positions", "--truncate or --max-positions 42")
    let cut = try tarn(["classify", "--max-positions", "32", "--truncate", "--json"], text: text)
    #expect(cut.code == 0)
    #expect(try json(cut.output)["tokens"]?.int64 == 32)
    let tokens = try tarn(
      ["tokenize", "--max-positions", "32", "--truncate", "--json"], text: text)
    #expect(try json(tokens.output)["ids"]?.array?.count == 32)
    expectFailure(
      try tarn(["classify", "--max-positions", "2", "--truncate"], text: text), "at most 2")
  }

  @Test func positionsBeyondTheTableRepeatOnRequest() throws {
    let folder = try checkpoint("cls_sentences")
    _ = try folder.write("vocab.txt", vocabulary(count: 128))
    let text = String(repeating: "word5 word6 ", count: 40)
    let words = ["classify", "--model", folder.path, "--json"]
    expectFailure(try tarn(words, text: text), "82 tokens, expected at most 64 positions")
    let tiled = try tarn(words + ["--max-positions", "100"], text: text)
    #expect(tiled.code == 0)
    #expect(try json(tiled.output)["tokens"]?.int64 == 82)
  }

  @Test func aModelDirectoryThatIsNoneIsNamed() throws {
    let empty = try TemporaryDirectory()
    expectFailure(try tarn(["classify", "--model", "/nonexistent"]), "/nonexistent/config.json")
    expectFailure(try tarn(["classify", "--model", empty.path]), "config.json")
    expectFailure(try tarn(["inspect", "/nonexistent"]), "/nonexistent")
    try empty.copy("config.json", from: bundledModel)
    expectFailure(try tarn(["classify", "--model", empty.path]), "model.safetensors")
    _ = try empty.write("pytorch_model.bin", [1])
    expectFailure(try tarn(["classify", "--model", empty.path]), "pytorch_model.bin")
  }

  @Test func truncatedWeightsAreRejected() throws {
    let folder = try checkpoint("cls_sentences")
    let path = folder.path + "/model.safetensors"
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    for count in [0, 4, 8, 100, bytes.count / 2, bytes.count - 1] {
      _ = try folder.write("model.safetensors", Array(bytes.prefix(count)))
      expectFailure(try tarn(["classify", "--model", folder.path]), "model.safetensors")
      expectFailure(try tarn(["inspect", path]), "model.safetensors")
    }
    _ = try folder.write("model.safetensors", [UInt8](repeating: 0xFF, count: 64))
    expectFailure(try tarn(["classify", "--model", folder.path]), "model.safetensors")
  }

  @Test func tensorsThatDoNotFitAreNamed() throws {
    let narrow = try checkpoint("cls_sentences") { tensors in
      for i in tensors.indices where tensors[i].name.hasSuffix("layer.1.output.dense.bias") {
        tensors[i].shape = [1, tensors[i].values.count]
      }
    }
    expectFailure(
      try tarn(["classify", "--model", narrow.path]),
      "model.safetensors", "encoder.layer.1.output.dense.bias", "[1, 24]", "[24]")
    let missing = try checkpoint("cls_sentences") { tensors in
      tensors.removeAll { $0.name.hasSuffix("layer.0.output.dense.weight") }
    }
    expectFailure(
      try tarn(["classify", "--model", missing.path]), "encoder.layer.0.output.dense.weight")
    let integers = try checkpoint("cls_sentences") { _ in }
    let file = try SafetensorsFile(path: integers.path + "/model.safetensors", loading: .read)
    var writer = SafetensorsWriter()
    for tensor in file.tensors {
      if tensor.name.text.hasSuffix("embeddings.LayerNorm.bias") {
        try writer.append(tensor.name, elementType: .int32, shape: tensor.shape) {
          [UInt8](repeating: 0, count: 4 * tensor.elementCount)
        }
      } else {
        try writer.append(
          tensor.name, shape: tensor.shape, floats: try file.floats(of: tensor))
      }
    }
    try writer.write(to: integers.path + "/model.safetensors")
    expectFailure(
      try tarn(["classify", "--model", integers.path]), "embeddings.LayerNorm.bias", "I32")
  }

  @Test func configurationsThatAreOutOfRangeAreNamed() throws {
    let changes: [(String, JSONValue)] = [
      ("hidden_size", .integer(0)), ("num_attention_heads", .integer(5)),
      ("num_hidden_layers", .integer(-1)), ("vocab_size", .double(1.5)),
      ("layer_norm_eps", .string("small")), ("hidden_act", .string("mish")),
      ("max_position_embeddings", .integer(Int.max)), ("intermediate_size", .null),
    ]
    for (key, value) in changes {
      let folder = try checkpoint("cls_sentences", replacing: [key: value])
      expectFailure(try tarn(["classify", "--model", folder.path]), "config.json", key)
    }
    let broken = try checkpoint("cls_sentences")
    _ = try broken.write("config.json", Array("{\"hidden_size\": ".utf8))
    expectFailure(try tarn(["classify", "--model", broken.path]), "config.json")
  }

  @Test func aModelTypeThatIsNotImplementedIsNamed() throws {
    let folder = try checkpoint(
      "cls_sentences",
      replacing: [
        "model_type": .string("mamba"), "architectures": .array([.string("MambaModel")]),
      ])
    expectFailure(
      try tarn(["classify", "--model", folder.path]), "config.json", "\"mamba\"", "ponet")
    let fixture = fixturePath("ponet/cls_sentences")
    let words = [
      "run", "--inputs", fixture + "/inputs.safetensors", "--compare",
      fixture + "/expected.safetensors", "--model", folder.path,
    ]
    expectFailure(try tarn(words), "\"mamba\"")
    #expect(try tarn(words + ["--type", "ponet"]).code == 0)
  }

  @Test func aModelWithoutTheHeadIsNamed() throws {
    expectFailure(
      try tarn(["fill-mask", "--model", bundledModel, "a [MASK]"]), "no masked-LM head",
      "cls.predictions.transform.dense.weight")
    let folder = try checkpoint("pretrain_pairs")
    _ = try folder.write("vocab.txt", vocabulary(count: 128))
    expectFailure(
      try tarn(["classify", "--model", folder.path]), "sequence-classification",
      "classifier.weight")
  }

  @Test func environmentVariablesAreChecked() throws {
    expectFailure(
      try tarn(["classify", "--samples"], environment: ["TARN_ISA": "sse9"]), "TARN_ISA", "sse9")
    expectFailure(
      try tarn(["classify", "--samples"], environment: ["TARN_NUM_THREADS": "0"]),
      "TARN_NUM_THREADS", "0")
    #if arch(x86_64)
      expectFailure(
        try tarn(["classify", "--samples"], environment: ["TARN_ISA": "neon"]), "TARN_ISA",
        "neon is not available here")
    #endif
  }

  @Test func inputsOfARunAreChecked() throws {
    let fixture = fixturePath("ponet/cls_sentences")
    let folder = try TemporaryDirectory()
    let inputs = folder.path + "/inputs.safetensors"
    let words = ["run", "--model", fixture, "--inputs", inputs, "--output", folder.path + "/out"]
    expectFailure(try tarn(words), "inputs.safetensors")
    var writer = SafetensorsWriter()
    try writer.append("ids", elementType: .int64, shape: [1, 1]) { [5, 0, 0, 0, 0, 0, 0, 0] }
    try writer.write(to: inputs)
    expectFailure(try tarn(words), "inputs.safetensors", "input_ids")
    writer = SafetensorsWriter()
    try writer.append("input_ids", elementType: .int64, shape: [1]) { [5, 0, 0, 0, 0, 0, 0, 0] }
    try writer.write(to: inputs)
    expectFailure(try tarn(words), "input_ids", "[1]", "[batch, positions]")
    writer = SafetensorsWriter()
    try writer.append("input_ids", elementType: .uint8, shape: [1, 2]) { [5, 200] }
    try writer.write(to: inputs)
    expectFailure(try tarn(words), "ids[1] is 200, expected 0 to 127")
    try write([StoredTensor(name: "input_ids", shape: [1, 1], values: [1])], to: inputs)
    expectFailure(try tarn(words), "input_ids", "F32")
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/out"))
  }
}
