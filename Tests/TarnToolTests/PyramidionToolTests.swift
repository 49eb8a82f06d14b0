// run, inspect and convert with Pyramidion.

import Foundation
import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem
import Testing

struct PyramidionToolTests {
  static let fixtures = [
    "encoder-blockwise-only", "encoder-full-attention", "encoder-lambda", "encoder-lambda-tied",
    "encoder-long-input", "encoder-post-sinusoidal", "encoder-pre-learned",
    "full-separate-prenorm", "full-shared", "full-tied-decoder", "quirk-chunk-remainder",
    "quirk-tied-padding",
  ]

  /// A directory with one of the fairseq checkpoints and nothing else.
  private func checkpoint(_ name: String) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try FileManager.default.copyItem(
      atPath: fixturePath("pyramidion/checkpoint-pt/\(name).pt"),
      toPath: folder.path + "/checkpoint_last.pt")
    return folder
  }

  private func words(_ model: String, _ fixture: String) -> [String] {
    let folder = fixturePath("pyramidion/" + fixture)
    return ["run", "--model", model, "--inputs", folder + "/inputs.safetensors"]
  }

  @Test(arguments: fixtures)
  func runReproducesTheFixture(name: String) throws {
    let folder = fixturePath("pyramidion/" + name)
    let expected = folder + "/expected.safetensors"
    let result = try tarn(
      words(folder, name) + ["--compare", expected, "--atol", "2e-5", "--rtol", "0"])
    #expect(result.code == 0, "\(result.output)\(result.errors)")
    #expect(result.lines.count == (try SafetensorsFile(path: expected).tensors.count))
    #expect(result.lines.allSatisfy { $0.hasPrefix("pass  ") })
  }

  @Test func aMaskThatDiffersIsFound() throws {
    let folder = fixturePath("pyramidion/quirk-chunk-remainder")
    let source = try SafetensorsFile(path: folder + "/expected.safetensors")
    let mask = try #require(source["encoder_padding_mask"])
    let values = try source.integers(of: mask).map { Float($0) }
    #expect(values.contains(1) && values.contains(0))
    let other = try TemporaryDirectory()
    var writer = SafetensorsWriter()
    try writer.append(mask.name, shape: mask.shape, floats: values.map { 1 - $0 })
    try writer.write(to: other.path + "/x.safetensors")
    let result = try tarn(
      words(folder, "quirk-chunk-remainder") + ["--compare", other.path + "/x.safetensors"])
    #expect(result.code == 1)
    #expect(result.lines.count == 1)
  }

  @Test func aFairseqCheckpointNeedsNoOtherFile() throws {
    let folder = try checkpoint("checkpoint_cfg")
    let inspected = try json(try tarn(["inspect", "--json", folder.path]).output)
    #expect(inspected["model_type"]?.string == "pyramidion")
    #expect(inspected["format"]?.string == "PyTorch (zip)")
    #expect(inspected["heads"]?.array?.compactMap(\.string) == ["decoder"])
    #expect(inspected["missing"]?.array?.isEmpty == true)
    #expect(inspected["unknown"]?.array?.isEmpty == true)
    #expect(inspected["notes"]?.array?.isEmpty == true)
    let arguments = try #require(inspected["arguments"]?.object)
    #expect(arguments["enc_layers_and_token_width"]?.string == "{0: 64, 1: 32, 2: 8}")
    #expect(arguments["adam_betas"]?.array?.compactMap(\.double) == [0.9, 0.98])
    #expect(arguments["softmax_batch"]?.int64 == Int64.max)
    #expect(arguments["_name"]?.string == "pyramidion_base")
    let output = folder.path + "/states.safetensors"
    #expect(try tarn(words(folder.path, "full-shared") + ["--output", output]).code == 0)
    let states = try SafetensorsFile(path: output)
    #expect(states["logits"]?.shape == [3, 11, 60])

    // Converted it still says what it is.
    let converted = try TemporaryDirectory()
    let path = converted.path + "/model.safetensors"
    #expect(try tarn(["convert", folder.path + "/checkpoint_last.pt", path]).code == 0)
    let again = converted.path + "/again.safetensors"
    #expect(try tarn(words(converted.path, "full-shared") + ["--output", again]).code == 0)
    #expect(
      FileManager.default.contents(atPath: again) == FileManager.default.contents(atPath: output))
    let other = try json(try tarn(["inspect", "--json", path]).output)
    #expect(other["arguments"]?.object?.members.count == arguments.members.count)
  }

  @Test func whatHasNoEffectIsNoted() throws {
    let source = fixturePath("pyramidion/full-shared")
    let folder = try TemporaryDirectory()
    try folder.copy("model.safetensors", from: source)
    let file = try ConfigurationFile(path: source + "/config.json")
    var root = try #require(JSONValue(file.root).object)
    var args = try #require(root["args"]?.object)
    args["topk_softmax_base"] = .integer(3)
    root["args"] = .object(args)
    _ = try folder.write("config.json", Array(JSONValue.object(root).encoded().utf8))
    let result = try tarn(["inspect", folder.path])
    #expect(result.code == 0)
    #expect(
      result.output.contains("\nnote        topk_softmax_base 3.0 has no effect, the base is 20\n"))
  }

  @Test func otherCommandsNameWhatTheyTake() throws {
    let folder = fixturePath("pyramidion/full-shared")
    let result = try tarn(["embed", "--model", folder], text: "a text")
    #expect(result.code == 1)
    #expect(
      result.errors.hasPrefix(
        "tarn: error: \(folder)/config.json: model type \"pyramidion\" is not supported"))
    for name in ["hostile_call", "hostile_legacy"] {
      let hostile = try checkpoint(name)
      let result = try tarn(["inspect", hostile.path])
      #expect(result.code == 1)
      #expect(result.errors.contains("calls \"posix.getcwd\", which is refused"))
    }
    let empty = try TemporaryDirectory()
    let missing = try tarn(["inspect", empty.path])
    #expect(missing.errors.contains("config.json: no such file"))
  }
}
