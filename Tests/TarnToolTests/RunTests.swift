// tarn run, fill-mask and inspect on the fixtures.

import Foundation
import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem
import Testing

struct RunTests {
  static let fixtures = [
    "cls_sentences", "fill_constant", "long_2000", "lra_dual", "lra_sc_cls_tied", "lra_sc_mean",
    "masks_edges", "position_tiling", "pretrain_pairs", "segments_irregular",
    "tokencls_no_clsgsepg", "weights_legacy", "weights_zip",
  ]

  private func words(_ name: String, compare: String) -> [String] {
    let folder = fixturePath("ponet/" + name)
    return [
      "run", "--model", folder, "--inputs", folder + "/inputs.safetensors", "--compare", compare,
      "--max-positions", name == "position_tiling" ? "96" : "4096",
    ]
  }

  @Test func everyFixtureIsInTheList() throws {
    let root = fixturePath("ponet")
    let names = try FileManager.default.contentsOfDirectory(atPath: root).filter {
      FileManager.default.fileExists(atPath: root + "/\($0)/model.safetensors")
        && FileManager.default.fileExists(atPath: root + "/\($0)/expected.safetensors")
    }
    #expect(names.sorted() == Self.fixtures)
  }

  @Test(arguments: fixtures)
  func runReproducesTheFixture(name: String) throws {
    let expected = fixturePath("ponet/\(name)/expected.safetensors")
    let result = try tarn(words(name, compare: expected))
    #expect(result.code == 0, "\(result.output)")
    let count = try SafetensorsFile(path: expected).tensors.count
    #expect(result.lines.count == count)
    #expect(result.lines.allSatisfy { $0.hasPrefix("pass  ") })
  }

  @Test func aDifferenceIsFoundAndNamed() throws {
    let source = try SafetensorsFile(
      path: fixturePath("ponet/cls_sentences/expected.safetensors"))
    let folder = try TemporaryDirectory()
    var tensors = try source.tensors.map {
      StoredTensor(name: $0.name.text, shape: $0.shape, values: try source.floats(of: $0))
    }
    let k = try #require(tensors.firstIndex { $0.name == "logits" })
    tensors[k].values[1] += 0.01
    let path = folder.path + "/expected.safetensors"
    try write(tensors, to: path)
    let result = try tarn(words("cls_sentences", compare: path))
    #expect(result.code == 1)
    let failed = result.lines.filter { $0.hasPrefix("FAIL") }
    #expect(failed.count == 1)
    #expect(failed.first?.hasPrefix("FAIL  logits  ") == true)
    #expect(failed.first?.hasSuffix("at [0, 1]") == true)
    #expect(try tarn(words("cls_sentences", compare: path) + ["--atol", "0.02"]).code == 0)

    let document = try json(
      try tarn(words("cls_sentences", compare: path) + ["--json"]).output)
    #expect(document["ok"]?.boolean == false)
    let bad = document["tensors"]?.array?.compactMap(\.object).filter {
      $0["ok"]?.boolean == false
    }
    #expect(bad?.count == 1)
    #expect(abs((bad?.first?["max_abs_difference"]?.double ?? 0) - 0.01) < 1e-3)

    // Not a number where a number is expected, another shape, a tensor that is no output.
    for change in [
      { (t: inout [StoredTensor]) in t[k].values[0] = .nan },
      { t in t[k].shape = [t[k].values.count] },
      { t in t[k].name = "logit" },
    ] {
      var changed = tensors
      change(&changed)
      try write(changed, to: path)
      #expect(
        try tarn(words("cls_sentences", compare: path) + ["--atol", "0.02"]).code == 1)
    }
  }

  @Test func maskedRowsAreComparedOnRequest() throws {
    let expected = fixturePath("ponet/masks_edges/expected.safetensors")
    #expect(try tarn(words("masks_edges", compare: expected)).code == 0)
    let all = try tarn(words("masks_edges", compare: expected) + ["--all-rows"])
    #expect(all.code == 1)
    #expect(all.output.contains("FAIL  hidden_states"))
  }

  @Test func whatIsWrittenComparesEqual() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path + "/states.safetensors"
    let model = fixturePath("ponet/masks_edges")
    let common = ["run", "--model", model, "--inputs", model + "/inputs.safetensors"]
    let written = try tarn(common + ["--output", path])
    #expect(written.code == 0)
    #expect(written.output == "")
    let names = Set(try SafetensorsFile(path: path).tensors.map(\.name.text))
    let expected = try SafetensorsFile(path: model + "/expected.safetensors")
    #expect(names.isSuperset(of: expected.tensors.map(\.name.text)))
    let result = try tarn(
      common + ["--compare", path, "--all-rows", "--atol", "0", "--rtol", "0"])
    #expect(result.code == 0, "\(result.output)")
  }

  @Test func candidatesAreThoseOfTheMaskedLanguageModel() throws {
    let folder = try checkpoint("pretrain_pairs")
    _ = try folder.write("vocab.txt", vocabulary(count: 128))
    let result = try tarn([
      "fill-mask", "--model", folder.path, "--json", "--top", "4", "word7 [MASK] word9 [MASK]",
    ])
    #expect(result.code == 0)
    let masks = try json(result.output)["masks"]?.array?.compactMap(\.object) ?? []
    #expect(masks.map { $0["position"]?.int64 } == [2, 4])

    // The same tokens through `run`: softmax of the head's logits in Double.
    let inputs = folder.path + "/inputs.safetensors"
    var writer = SafetensorsWriter()
    try writer.append("input_ids", elementType: .uint8, shape: [1, 6]) {
      [101, 7, 103, 9, 103, 102]
    }
    try writer.append("segment_ids", elementType: .uint8, shape: [1, 6]) { [0, 1, 1, 1, 1, 2] }
    try writer.write(to: inputs)
    let states = folder.path + "/states.safetensors"
    #expect(
      try tarn([
        "run", "--model", folder.path, "--inputs", inputs, "--output", states,
      ]).code == 0)
    let file = try SafetensorsFile(path: states)
    let logits = try file.floats(of: try #require(file["prediction_logits"])).map(Double.init)
    for (mask, position) in zip(masks, [2, 4]) {
      let row = Array(logits[position * 128..<(position + 1) * 128])
      let total = row.map { exp($0) }.reduce(0, +)
      let best = row.indices.sorted { row[$0] > row[$1] }.prefix(4)
      let candidates = mask["candidates"]?.array?.compactMap(\.object) ?? []
      #expect(candidates.compactMap { $0["id"]?.int64 } == best.map { Int64($0) })
      for (candidate, id) in zip(candidates, best) {
        #expect(abs((candidate["score"]?.double ?? .nan) - exp(row[id]) / total) < 1e-6)
        #expect(candidate["token"]?.string?.hasSuffix("\(id)") == true || (101...103).contains(id))
      }
    }
    let readable = try tarn(
      ["fill-mask", "--model", folder.path, "--top", "1"], text: "word7 [MASK]")
    #expect(readable.lines.count == 2)
    #expect(readable.lines.first == "position 2")
    let none = try tarn(["fill-mask", "--model", folder.path, "word7"])
    #expect(none.code == 1)
    #expect(none.errors.contains("found no [MASK]"))
  }

  @Test func inspectTellsWhatIsThereMissingAndUnknown() throws {
    let whole = try json(try tarn(["inspect", "--json", bundledModel]).output)
    #expect(whole["model_type"]?.string == "ponet")
    #expect(whole["supported"]?.boolean == true)
    #expect(whole["heads"]?.array?.compactMap(\.string) == ["pooler", "sequence-classification"])
    #expect(whole["missing"]?.array?.isEmpty == true)
    #expect(whole["unknown"]?.array?.isEmpty == true)
    let tensors = whole["tensors"]?.array?.compactMap(\.object) ?? []
    let file = try SafetensorsFile(path: bundledModel + "/model.safetensors")
    #expect(tensors.count == file.tensors.count)
    #expect(whole["parameters"]?.int64 == Int64(file.tensors.reduce(0) { $0 + $1.elementCount }))
    #expect(tensors.first?["dtype"]?.string == "BF16")
    #expect(
      whole["bytes"]?.int64 == tensors.compactMap { $0["bytes"]?.int64 }.reduce(0, +))

    let folder = try checkpoint("pretrain_pairs") { tensors in
      tensors.removeAll { $0.name.hasSuffix("layer.1.intermediate.dense.weight") }
      for i in tensors.indices where tensors[i].name.hasSuffix("layer.2.output.LayerNorm.bias") {
        tensors[i].shape = [2, tensors[i].values.count / 2]
      }
      tensors.append(StoredTensor(name: "lm.bias", shape: [1], values: [0]))
      tensors.append(
        StoredTensor(name: "cls.predictions.decoder.bias", shape: [1], values: [0]))
    }
    let result = try tarn(["inspect", folder.path])
    #expect(result.code == 0)
    #expect(result.output.contains("model type  ponet\n"))
    let missing = result.lines.filter { $0.hasPrefix("missing ") }
    #expect(missing.count == 2)
    #expect(missing.first?.contains("layer.1.intermediate.dense.weight") == true)
    #expect(missing.last?.contains("has shape [2, 16], expected [32]") == true)
    #expect(result.lines.filter { $0.hasPrefix("unknown ") } == ["unknown     lm.bias"])

    let other = try checkpoint(
      "cls_sentences",
      replacing: ["model_type": .string("gpt"), "architectures": .array([])])
    #expect(try tarn(["inspect", other.path]).output.hasPrefix("model type  gpt (not supported)"))
    #expect(
      try json(try tarn(["inspect", "--json", "--type", "ponet", other.path]).output)[
        "missing"]?.array?.isEmpty == true)
    for name in ["lra_dual", "lra_sc_mean"] {
      let arena = try json(
        try tarn(["inspect", "--json", fixturePath("ponet/" + name)]).output)
      #expect(arena["model_type"]?.string == "ponet-lra")
      #expect(arena["missing"]?.array?.isEmpty == true)
      #expect(arena["unknown"]?.array?.isEmpty == true)
    }
    let bare = try json(
      try tarn(["inspect", "--json", bundledModel + "/model.safetensors"]).output)
    #expect(bare["model_type"] == nil)
    #expect(bare["tensors"]?.array?.count == file.tensors.count)
  }
}
