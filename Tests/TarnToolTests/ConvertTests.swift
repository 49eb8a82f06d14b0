// tarn with PyTorch files and shards: run, inspect, convert.

import Foundation
import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem
import Testing

struct ConvertTests {
  private static let torch = ["weights_zip", "weights_legacy"]

  private func elements(_ tensor: TensorInfo, _ file: TensorFile) throws -> [UInt8] {
    try file.bytes(of: tensor, as: tensor.elementType)
  }

  /// The directory of a fixture with its PyTorch file alone.
  private func torchDirectory(_ fixture: String) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    for name in ["config.json", "pytorch_model.bin", "inputs.safetensors", "expected.safetensors"] {
      try folder.copy(name, from: fixturePath("ponet/" + fixture))
    }
    return folder
  }

  private func compare(_ folder: TemporaryDirectory) throws -> ToolResult {
    try tarn([
      "run", "--model", folder.path, "--inputs", folder.path + "/inputs.safetensors", "--compare",
      folder.path + "/expected.safetensors",
    ])
  }

  @Test(arguments: torch)
  func runReproducesTheFixtureFromItsPyTorchFile(fixture: String) throws {
    let folder = try torchDirectory(fixture)
    for options in [[], ["--no-mmap"]] {
      let result = try tarn(
        [
          "run", "--model", folder.path, "--inputs", folder.path + "/inputs.safetensors",
          "--compare", folder.path + "/expected.safetensors",
        ] + options)
      #expect(result.code == 0, "\(result.output)\(result.errors)")
      #expect(result.lines.allSatisfy { $0.hasPrefix("pass  ") })
    }
  }

  @Test(arguments: torch)
  func bothContainersGiveTheSameBits(fixture: String) throws {
    let folder = try torchDirectory(fixture)
    let states = folder.path + "/states.safetensors"
    let words = ["run", "--inputs", folder.path + "/inputs.safetensors"]
    #expect(
      try tarn(words + ["--model", fixturePath("ponet/" + fixture), "--output", states]).code == 0)
    let result = try tarn(
      words + ["--model", folder.path, "--compare", states, "--atol", "0", "--rtol", "0"])
    #expect(result.code == 0, "\(result.output)\(result.errors)")
  }

  @Test(arguments: torch)
  func aConvertedFileHoldsTheSameTensors(fixture: String) throws {
    let folder = try torchDirectory(fixture)
    let input = folder.path + "/pytorch_model.bin"
    let source = try openTensorFile(path: input)
    let output = folder.path + "/model.safetensors"
    let result = try tarn(["convert", input, output])
    #expect(result.code == 0, "\(result.errors)")
    let bytes = source.tensors.reduce(0) { $0 + $1.byteCount }
    #expect(result.output == "\(output)  \(source.tensors.count) tensors, \(bytes) bytes\n")
    let file = try SafetensorsFile(path: output)
    #expect(file.tensors.map(\.name) == source.tensors.map(\.name))
    #expect(file.metadata["format"]?.string == "pt")
    for (found, tensor) in zip(file.tensors, source.tensors) {
      #expect(found.elementType == tensor.elementType)
      #expect(found.shape == tensor.shape)
      #expect(try elements(found, file) == elements(tensor, source), "\(tensor.name)")
    }
    try folder.remove("pytorch_model.bin")
    #expect(try compare(folder).code == 0)
  }

  @Test(arguments: [("f32", ElementType.float32), ("f16", .float16), ("bf16", .bfloat16)])
  func floatsBecomeOneType(name: String, type: ElementType) throws {
    let folder = try torchDirectory("weights_zip")
    let output = folder.path + "/out.safetensors"
    // A directory, whose weights are found as for a model.
    let result = try tarn(["convert", "--json", "--dtype", name, folder.path, output])
    let document = try json(result.output)
    #expect(document["path"]?.string == output)
    #expect(document["format"]?.string == "PyTorch (zip)")
    let source = try openTensorFile(path: folder.path + "/pytorch_model.bin")
    let file = try SafetensorsFile(path: output)
    #expect(document["tensors"]?.int64 == Int64(source.tensors.count))
    #expect(document["bytes"]?.int64 == Int64(file.tensors.reduce(0) { $0 + $1.byteCount }))
    for (found, tensor) in zip(file.tensors, source.tensors) {
      #expect(found.elementType == (tensor.elementType == .int64 ? .int64 : type))
      let values = try file.bytes(of: found, as: found.elementType)
      #expect(
        try values == source.bytes(of: tensor, as: found.elementType), "\(tensor.name)")
    }
  }

  /// Input and output may be one file, and what else stands in the file stays.
  @Test func aFileMayReplaceItself() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path + "/model.safetensors"
    var writer = SafetensorsWriter(metadata: ["author": "me"])
    try writer.append("x", shape: [3], floats: [1, 2, 0.1])
    try writer.write(to: path)
    #expect(try tarn(["convert", path, path, "--dtype", "bf16"]).code == 0)
    let file = try SafetensorsFile(path: path)
    #expect(file.tensors.map(\.elementType) == [.bfloat16])
    #expect(try file.floats(of: file.tensors[0]) == [1, 2, 0.10009765625])
    #expect(file.metadata["author"]?.string == "me")
    #expect(folder.contents == ["model.safetensors"])
  }

  @Test func shardsAreRunInspectedAndConverted() throws {
    let fixture = fixturePath("ponet/cls_sentences")
    let source = try SafetensorsFile(path: fixture + "/model.safetensors")
    let folder = try TemporaryDirectory()
    for name in ["config.json", "inputs.safetensors", "expected.safetensors"] {
      try folder.copy(name, from: fixture)
    }
    try writeShards(of: source, count: 2, to: folder)
    #expect(try compare(folder).code == 0)
    let inspected = try json(try tarn(["inspect", "--json", folder.path]).output)
    #expect(inspected["format"]?.string == "safetensors in 2 shards")
    #expect(inspected["missing"]?.array?.isEmpty == true)
    #expect(inspected["unknown"]?.array?.isEmpty == true)
    #expect(inspected["tensors"]?.array?.count == source.tensors.count)
    let output = folder.path + "/model.safetensors"
    #expect(
      try tarn(["convert", folder.path + "/model.safetensors.index.json", output]).code == 0)
    let file = try SafetensorsFile(path: output)
    #expect(file.tensors.count == source.tensors.count)
    for tensor in source.tensors {
      let found = try #require(file[tensor.name])
      #expect(try elements(found, file) == elements(tensor, source))
    }
  }

  @Test func inspectTellsTheContainer() throws {
    for (fixture, format) in [("weights_zip", "zip"), ("weights_legacy", "legacy")] {
      let folder = try torchDirectory(fixture)
      let whole = try json(try tarn(["inspect", "--json", folder.path]).output)
      #expect(whole["format"]?.string == "PyTorch (\(format))")
      #expect(whole["model_type"]?.string == "ponet")
      #expect(whole["missing"]?.array?.isEmpty == true)
      #expect(whole["unknown"]?.array?.isEmpty == true, "\(whole["unknown"]?.encoded() ?? "")")
      let bare = try tarn(["inspect", folder.path + "/pytorch_model.bin"])
      #expect(bare.code == 0)
      #expect(bare.output.hasPrefix("format      PyTorch (\(format))\n"))
    }
    let checkpoint = fixturePath("pyramidion/checkpoint-pt/checkpoint_args.pt")
    let result = try tarn(["inspect", checkpoint])
    #expect(result.output.contains("\nmetadata    args: argparse.Namespace\n"))
    #expect(result.output.contains("\n  encoder.embed_tokens.weight  F32  "))
  }

  @Test func wrongFilesAreNamed() throws {
    let folder = try TemporaryDirectory()
    let hostile = fixturePath("pyramidion/checkpoint-pt/hostile_call.pt")
    for words in [["inspect", hostile], ["convert", hostile, folder.path + "/out"]] {
      let result = try tarn(words)
      #expect(result.code == 1)
      #expect(result.output == "")
      #expect(
        result.errors
          == "tarn: error: hostile_call.pt: byte 212 of the pickle calls \"posix.getcwd\","
          + " which is refused\n")
    }
    #expect(folder.contents.isEmpty)
    let missing = try tarn(["convert", folder.path, folder.path + "/out"])
    #expect(missing.code == 1)
    #expect(missing.errors.contains("model.safetensors: no such file"))
    let valid = fixturePath("ponet/weights_zip/pytorch_model.bin")
    let unwritable = try tarn(["convert", valid, folder.path + "/nowhere/out"])
    #expect(unwritable.code == 1)
    #expect(unwritable.errors.contains("cannot be written"))
  }

  @Test func namesCannotWriteToTheTerminal() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path + "/x.safetensors"
    var writer = SafetensorsWriter(metadata: ["a\u{1B}[31m": "b\u{7}"])
    try writer.append("t\u{1B}[2J", shape: [], floats: [1])
    try writer.write(to: path)
    let result = try tarn(["inspect", path])
    #expect(result.code == 0)
    #expect(result.output.contains("\"t\\u{1b}[2J\""))
    #expect(!result.output.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
  }
}
