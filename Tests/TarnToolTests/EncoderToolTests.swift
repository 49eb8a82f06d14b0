// embed, classify, fill-mask, answer, run and inspect with BERT, FNet and Funnel.

import Foundation
import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem
import Testing

struct EncoderToolTests {
  /// A fixture's checkpoint with a vocabulary of 71 pieces, or for Funnel of 67.
  private func model(_ fixture: String) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    for name in ["config.json", "model.safetensors"] {
      try folder.copy(name, from: fixturePath(fixture))
    }
    let pieces =
      fixture.hasPrefix("funnel")
      ? ["<pad>", "<unk>", "<cls>", "<sep>", "<mask>", "<s>", "</s>"] + (5..<65).map { "w\($0)" }
      : ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + (5..<71).map { "w\($0)" }
    _ = try folder.write("vocab.txt", Array((pieces.joined(separator: "\n") + "\n").utf8))
    return folder
  }

  /// Texts of 0 to 8 words, one JSON line each.
  private let lines = (0..<60).map { i in
    let words = (0..<i * 7 % 9).map { "w\(5 + (i * 31 + $0 * 11) % 66)" }
    return #"{"id":\#(i),"text":"\#(words.joined(separator: " "))"}"#
  }

  static let fixtures = ["bert", "fnet", "funnel"].flatMap { system in
    ((try? FileManager.default.contentsOfDirectory(atPath: fixturePath(system))) ?? [])
      .sorted().map { system + "/" + $0 }
  }

  @Test(arguments: fixtures)
  func runReproducesTheFixture(name: String) throws {
    let folder = fixturePath(name)
    let result = try tarn([
      "run", "--model", folder, "--inputs", folder + "/inputs.safetensors", "--compare",
      folder + "/expected.safetensors",
    ])
    #expect(result.code == 0, "\(result.output)\(result.errors)")
    #expect(
      result.lines.count
        == (try SafetensorsFile(path: folder + "/expected.safetensors").tensors.count))
    #expect(result.lines.allSatisfy { $0.hasPrefix("pass  ") })
  }

  @Test func thereAreFixtures() { #expect(Self.fixtures.count == 94) }

  @Test func embedGivesAVectorForEachLine() throws {
    let folder = try model("bert/sentence-embedding")
    let words = ["embed", "--model", folder.path, "--jsonl", "--json"]
    let result = try tarn(words, text: lines.joined(separator: "\n"))
    #expect(result.code == 0)
    #expect(result.errors == "")
    #expect(result.lines.count == 60)
    for (i, line) in result.lines.enumerated() {
      let object = try json(line)
      #expect(object.members.map(\.key) == ["id", "embedding", "tokens"])
      #expect(object["id"]?.int64 == Int64(i))
      #expect(object["tokens"]?.int64 == Int64(i * 7 % 9 + 2))
      let vector = object["embedding"]?.array?.compactMap(\.double) ?? []
      #expect(vector.count == 24)
      #expect(abs(vector.map { $0 * $0 }.reduce(0, +) - 1) < 1e-6)
    }
    // The same bytes for each line alone and for any number of threads.
    for i in [0, 8, 33, 59] {
      #expect(try tarn(words, text: lines[i]).output == result.lines[i] + "\n")
    }
    for threads in ["1", "2", "5"] {
      let other = try tarn(
        words + ["--threads", threads], text: lines.joined(separator: "\n"))
      #expect(other.output == result.output)
    }
  }

  @Test func embedWritesOneMatrix() throws {
    let folder = try model("bert/sentence-embedding")
    let words = ["embed", "--model", folder.path, "--jsonl", "--no-normalize"]
    let path = folder.path + "/out.safetensors"
    let text = lines.joined(separator: "\n")
    let written = try tarn(words + ["--output", path], text: text)
    #expect(written.code == 0)
    #expect(written.output == "")
    let file = try SafetensorsFile(path: path)
    let info = try #require(file["embeddings"])
    #expect(info.shape == [60, 24])
    let printed = try tarn(words, text: text).lines.flatMap { line in
      line.split(separator: " ").compactMap { Float($0) }
    }
    #expect(printed == (try file.floats(of: info)))
    // A matrix needs all rows.
    let bad = try tarn(
      words + ["--output", folder.path + "/none.safetensors"],
      text: lines[1] + "\n{\n" + lines[2])
    #expect(bad.code == 1)
    #expect(bad.errors.contains(#""line":2"#))
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/none.safetensors"))
  }

  @Test func poolingsDiffer() throws {
    let folder = try model("bert/sentence-embedding")
    let outputs = try ["mean", "cls", "max"].map {
      try tarn(["embed", "--model", folder.path, "--pooling", $0], text: "w9 w10").output
    }
    #expect(Set(outputs).count == 3)
    #expect(
      outputs[0] == (try tarn(["embed", "--model", folder.path], text: "w9 w10").output))
    let wrong = try tarn(["embed", "--model", folder.path, "--pooling", "sum"], text: "w9")
    #expect(wrong.code == 2)
    #expect(wrong.errors.contains("found \"sum\", expected one of mean, cls, max"))
    #expect(try tarn(["embed"], text: "w9").code == 2)
  }

  @Test func aTextThatIsCutGivesAWarning() throws {
    let folder = try model("bert/sentence-embedding")
    let long = Array(repeating: "w9", count: 60).joined(separator: " ")
    let cut = try tarn(["embed", "--model", folder.path, "--json"], text: long)
    #expect(cut.code == 0)
    #expect(cut.errors == "tarn: warning: 1 text was cut to 40 tokens\n")
    #expect(try json(cut.output)["tokens"]?.int64 == 40)
    let rejected = try tarn(["embed", "--model", folder.path, "--no-truncate"], text: long)
    #expect(rejected.code == 1)
    #expect(rejected.errors.contains("62 tokens, expected at most 40 positions"))
    // A classifier does not cut unless it is told to.
    let other = try model("bert/head-sequence-classification")
    let classify = try tarn(["classify", "--model", other.path], text: long)
    #expect(classify.code == 1)
    #expect(classify.errors.contains("62 tokens, expected at most 40 positions"))
    #expect(
      try tarn(["classify", "--model", other.path, "--truncate"], text: long).code == 0)
  }

  @Test func statisticsAreALineOnStandardError() throws {
    let folder = try model("bert/sentence-embedding")
    let result = try tarn(
      ["embed", "--model", folder.path, "--jsonl", "--json", "--stats"],
      text: lines.joined(separator: "\n"))
    #expect(result.errors.hasPrefix("tarn: 60 texts, 360 tokens in "))
    #expect(result.errors.hasSuffix(" tokens/s\n"))
    #expect(result.lines.count == 60)
  }

  @Test(arguments: ["bert", "fnet", "funnel"])
  func classifyLabelsTexts(system: String) throws {
    let folder = try model("\(system)/head-sequence-classification")
    let result = try tarn(
      ["classify", "--model", folder.path, "--jsonl", "--json"],
      text: lines[1...].filter { !$0.hasSuffix("\"\"}") }.joined(separator: "\n"))
    #expect(result.code == 0, "\(result.errors)")
    for line in result.lines {
      let object = try json(line)
      let scores = object["scores"]?.object?.members.compactMap(\.value.double) ?? []
      #expect(scores.count == 5)
      #expect(abs(scores.reduce(0, +) - 1) < 1e-6)
      #expect(object["score"]?.double == scores.max())
    }
  }

  @Test func oneLabelAloneGetsItsSigmoid() throws {
    let folder = try model("bert/head-sequence-regression")
    func score(_ problem: String?) throws -> Double {
      if let problem {
        let file = try ConfigurationFile(
          path: fixturePath("bert/head-sequence-regression/config.json"))
        var object = try #require(JSONValue(file.root).object)
        object["problem_type"] = .string(problem)
        _ = try folder.write("config.json", Array(JSONValue.object(object).encoded().utf8))
      }
      let result = try tarn(["classify", "--model", folder.path, "--json"], text: "w9 w12")
      #expect(result.code == 0, "\(result.errors)")
      return try #require(json(result.output)["score"]?.double)
    }
    let sigmoid = try score(nil)
    let logit = try score("regression")
    #expect(abs(1 / (1 + exp(-logit)) - sigmoid) < 1e-6)
    #expect(try score("single_label_classification") == 1)
    #expect(try score("multi_label_classification") == sigmoid)
  }

  @Test(arguments: ["bert/head-masked-lm", "fnet/head-masked-lm", "bert/legacy-names"])
  func masksAreFilled(name: String) throws {
    let folder = try model(name)
    let result = try tarn(
      ["fill-mask", "--model", folder.path, "--top", "71", "--json", "w9 [MASK] w12 [MASK]"])
    #expect(result.code == 0, "\(result.errors)")
    let masks = try json(result.output)["masks"]?.array?.compactMap(\.object) ?? []
    #expect(masks.compactMap { $0["position"]?.int64 } == [2, 4])
    for mask in masks {
      let scores =
        mask["candidates"]?.array?.compactMap { $0.object?["score"]?.double } ?? []
      #expect(scores.count == 71)
      #expect(scores == scores.sorted(by: >))
      #expect(abs(scores.reduce(0, +) - 1) < 1e-5)
    }
  }

  @Test func answersAreSpansOfTheirTexts() throws {
    let folder = try model("funnel/head-question-answering")
    let words = ["answer", "--model", folder.path, "--question", "w9 w10"]
    let text = "w20 w21, w22 w23"
    let result = try tarn(words + ["--json"], text: text)
    #expect(result.code == 0, "\(result.errors)")
    let object = try json(result.output)
    #expect(object.members.map(\.key) == ["answer", "score", "start", "end", "tokens"])
    let start = try #require(object["start"]?.int64)
    let end = try #require(object["end"]?.int64)
    #expect(
      Array(text.utf8)[Int(start)..<Int(end)].elementsEqual(
        object["answer"]?.string?.utf8 ?? "".utf8))
    // <cls> w9 w10 <sep> and the text, whose comma is no piece, and <sep>.
    #expect(object["tokens"]?.int64 == 10)
    let block = try tarn(words, text: text).output
    #expect(block.contains("answer    \(object["answer"]?.string ?? "-")\n"))
    #expect(block.contains("bytes     \(start)..<\(end)\n"))
    // Lines, fields that are carried over, and lines without tokens.
    let lines = try tarn(
      words + ["--json", "--jsonl", "--longest", "1"],
      text: #"{"id":1,"text":"w30 w31"}"# + "\n" + #"{"id":2,"text":""}"#)
    #expect(lines.code == 1)
    #expect(lines.errors.contains(#""line":2,"error":"text: found no tokens"#))
    #expect(lines.lines.count == 1)
    #expect(try json(lines.lines[0])["id"]?.int64 == 1)
    let first = try #require(json(lines.lines[0])["answer"]?.string)
    #expect(["w30", "w31"].contains(first))
    // Wrong usage and missing heads.
    for wrong in [
      ["answer", "--model", folder.path], ["answer", "--question", "w9"],
      words + ["--longest", "0"],
    ] {
      #expect(try tarn(wrong, text: "w9").code == 2)
    }
    let other = try model("funnel/head-masked-lm")
    let head = try tarn(["answer", "--model", other.path, "--question", "w9"], text: "w10")
    #expect(head.code == 1)
    #expect(head.errors.contains("qa_outputs.weight"))
    let cut = try tarn(
      words + ["--max-positions", "6", "--truncate", "--json"], text: text)
    #expect(try json(cut.output)["tokens"]?.int64 == 6)
    let nothing = try tarn(words + ["--max-positions", "5", "--truncate"], text: text)
    #expect(nothing.code == 1)
  }

  @Test func funnelFillsMasksAndEmbeds() throws {
    let folder = try model("funnel/head-masked-lm")
    let result = try tarn(["fill-mask", "--model", folder.path, "--json", "w9 <mask> w12"])
    #expect(result.code == 0, "\(result.errors)")
    #expect(try json(result.output)["masks"]?.array?.count == 1)
    let none = try tarn(["fill-mask", "--model", folder.path, "w9"])
    #expect(none.errors.contains("found no <mask>"))
    let vector = try tarn(["embed", "--model", folder.path], text: "w9 w10")
    #expect(vector.code == 0)
    #expect(vector.output.split(separator: " ").count == 24)
  }

  @Test func inspectKnowsThem() throws {
    let result = try tarn(["inspect", "--json", fixturePath("fnet/tpu-short")])
    #expect(result.code == 0)
    let object = try json(result.output)
    #expect(object["model_type"]?.string == "fnet")
    #expect(object["missing"]?.array?.isEmpty == true)
    #expect(object["unknown"]?.array?.isEmpty == true)
    // 71·24 + 40·24 + 4·24 of tables, 2·24 of the norm, projection and pooler, and two layers; the
    // complex matrices of the transform are no parameters.
    let layer = 4 * 24 + 2 * 24 * 44 + 44 + 24
    #expect(
      object["parameters"]?.int64 == Int64(115 * 24 + 48 + 2 * (24 * 24 + 24) + 2 * layer))
    let legacy = try tarn(["inspect", fixturePath("bert/legacy-names")])
    #expect(legacy.output.contains("heads       pooler, masked-lm, next-sentence"))
    #expect(legacy.output.contains("complete    all that the model needs is there"))
  }

  @Test func aMissingVocabularyAndAMissingHeadAreNamed() throws {
    let vocabulary = try tarn(
      ["embed", "--model", fixturePath("bert/base-default")], text: "a")
    #expect(vocabulary.code == 1)
    #expect(vocabulary.errors.contains("vocab.txt"))
    let folder = try model("bert/base-default")
    let head = try tarn(["classify", "--model", folder.path], text: "w9")
    #expect(head.code == 1)
    #expect(head.errors.contains("classifier.weight"))
    let arena = try tarn(["embed", "--model", fixturePath("ponet/lra_sc_mean")], text: "a")
    #expect(arena.code == 1)
    #expect(arena.errors.contains("expected bert or fnet or funnel or ponet"))
  }
}
