// summarize and tokenize with a checkpoint of random weights.

import Foundation
import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem
import Testing

struct SummarizeTests {
  /// The symbols of the dictionary: 56 for a model of 60.
  private static let symbols: [String] =
    ["\u{2581}", "\u{2581}the", "\u{2581}a", ".", ",", "ing", "ed", "\u{2581}of", "'", "-"]
    + (97..<123).map { String(UnicodeScalar(UInt8($0))) }
    + (65..<85).map { String(UnicodeScalar(UInt8($0))) }

  /// A directory of the fixture `full-shared`, a dictionary and a SentencePiece model.
  private func checkpoint(
    fixture: String = "full-shared", symbols: [String] = symbols, spm: [String] = ["spm.model"],
    dictionary: Bool = true
  ) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    let source = fixturePath("pyramidion/" + fixture)
    for name in ["config.json", "model.safetensors"] { try folder.copy(name, from: source) }
    if dictionary {
      let lines = symbols.enumerated().map { "\($0.element) \(100 - $0.offset)\n" }
      _ = try folder.write("dict.txt", Array(lines.joined().utf8))
    }
    for name in spm {
      try FileManager.default.copyItem(
        atPath: fixturePath("sentencepiece/unigram-bytes.model"), toPath: folder.path + "/" + name)
    }
    return folder
  }

  private static let texts = [
    "{\"text\": \"The committee met.\", \"id\": 7}", "{\"text\": \"\"}",
    "{\"text\": \"It adopted the report, Anna said.\", \"summary\": \"old\", \"tag\": [1]}",
    "{\"text\": \"the the the the\"}",
  ]
  private static let lines = texts.joined(separator: "\n") + "\n"

  private func summarize(
    _ folder: TemporaryDirectory, _ more: [String], _ text: String
  ) throws -> ToolResult {
    try tarn(["summarize", "--model", folder.path, "--jsonl"] + more, text: text)
  }

  @Test func aLineHasItsSummaryWithTheFieldsOfItsText() throws {
    let folder = try checkpoint()
    let result = try summarize(folder, ["--json"], Self.lines)
    #expect(result.code == 0 && result.errors == "", "\(result.errors)")
    try #require(result.lines.count == 4)
    let objects = try result.lines.map { try json($0) }
    #expect(objects[0]["id"]?.encoded() == "7" && objects[2]["tag"]?.encoded() == "[1]")
    for object in objects {
      let ids = try #require(object["ids"]?.array).compactMap { $0.int64 }.map { Int($0) }
      #expect(ids.last == 2 && ids.count >= 2 && ids.count <= 32)
      #expect(!ids.contains(1) && !ids.dropLast().contains(2))
      // Pieces without spaces, U+2581 as a space, none at the ends.
      let all = ["<s>", "<pad>", "</s>", "<unk>"] + Self.symbols
      let text = ids.filter { $0 != 2 && $0 != 0 }.map { all[$0] }.joined()
        .replacing("\u{2581}", with: " ").trimmingCharacters(in: .whitespaces)
      #expect(object["summary"]?.string == text)
      #expect(object["score"]?.encoded().hasPrefix("-") == true)
    }
  }

  /// The same bytes for other threads, and for each text alone.
  @Test func aSummaryDoesNotDependOnThreadsOrOtherTexts() throws {
    let folder = try checkpoint()
    let options = ["--json", "--beam", "3", "--length-penalty", "0.6", "--min-length", "4"]
    let together = try summarize(folder, options + ["--threads", "1"], Self.lines)
    #expect(together.code == 0 && together.lines.count == 4)
    let other = try summarize(folder, options + ["--threads", "2"], Self.lines)
    #expect(other.output == together.output)
    let alone = try Self.texts.map { try summarize(folder, options, $0).output }.joined()
    #expect(alone == together.output)
    for line in together.lines {
      let count = try #require(try json(line)["ids"]?.array).count
      #expect(count >= 5)
    }
    let short = try summarize(folder, ["--json", "--max-length", "3"], Self.lines)
    for line in short.lines {
      let ids = try #require(try json(line)["ids"]?.array)
      #expect(ids.count <= 4)
    }
  }

  @Test func aWiderBeamFindsABetterTextHere() throws {
    let folder = try checkpoint()
    func score(_ beam: Int) throws -> Double {
      let options = ["--json", "--beam", "\(beam)", "--length-penalty", "0", "--max-length", "6"]
      let object = try json(try summarize(folder, options, Self.texts[0]).lines[0])
      return try #require(object["score"]?.double)
    }
    #expect(try score(1) < score(12))
  }

  @Test func aFileHasALineForEachFact() throws {
    let folder = try checkpoint()
    let file = try folder.write("article.txt", Array("The committee met.\n".utf8))
    let result = try tarn(["summarize", "--model", folder.path, "--max-length", "5", file])
    #expect(result.code == 0 && result.errors == "")
    #expect(result.lines.count == 3)
    #expect(result.lines[0].hasPrefix("summary   ") && result.lines[1].hasPrefix("score     -"))
    #expect(result.lines[2].hasPrefix("tokens    ") && result.lines[2].hasSuffix(" written"))
  }

  @Test func aLongTextIsCutWithAWarningOrRefused() throws {
    let folder = try checkpoint()
    let long = String(repeating: "the report ", count: 200)
    let lines = "{\"text\": \"\(long)\"}\n" + Self.texts[0] + "\n"
    let cut = try summarize(folder, ["--json", "--beam", "1"], lines)
    #expect(cut.code == 0 && cut.lines.count == 2)
    #expect(cut.errors == "tarn: warning: 1 text was cut to 64 tokens\n")
    let refused = try summarize(folder, ["--json", "--beam", "1", "--no-truncate"], lines)
    #expect(refused.code == 1 && refused.lines.count == 1)
    #expect(refused.errors.contains("\"line\":1") && refused.errors.contains("at most 64"))
    // What is cut off has no effect.
    let same = try summarize(
      folder, ["--json", "--beam", "1"], "{\"text\": \"\(long)Something else\"}\n")
    #expect(same.lines[0] == cut.lines[0])
  }

  @Test func aBadLineIsReportedAndTheRestGoesOn() throws {
    let folder = try checkpoint()
    let result = try summarize(
      folder, ["--json", "--beam", "1"], Self.texts[0] + "\n{\"title\": 1}\n" + Self.texts[3])
    #expect(result.code == 1 && result.lines.count == 2)
    #expect(result.errors.contains("\"line\":2"))
  }

  /// Nothing is read or written before these are found.
  @Test(arguments: [
    (["--beam", "30"], "beam is 30, expected 1 to 29"),
    (["--min-length", "32"], "minLength is 32, expected at most the longest, 31"),
    (
      ["--min-length", "6", "--max-length", "5"],
      "minLength is 6, expected at most the longest, 5"
    ),
  ])
  func parametersThatDoNotFitTheModelAreRefused(words: [String], reason: String) throws {
    let result = try summarize(try checkpoint(), words, Self.lines)
    #expect(result.isRefusal && result.errors.contains(reason), "\(result.errors)")
  }

  @Test(arguments: [
    (["--beam", "0"], "option --beam: found \"0\""),
    (["--min-length", "-1"], "option --min-length: found \"-1\""),
    (["--max-length", "0"], "option --max-length: found \"0\""),
    (["--length-penalty", "nan"], "option --length-penalty: found \"nan\""),
    (["--max-positions", "3"], "unknown option --max-positions"),
  ])
  func wrongNumbersAreWrongUsage(words: [String], reason: String) throws {
    let result = try tarn(["summarize", "--model", "x"] + words)
    #expect(result.code == 2 && result.errors.contains(reason), "\(result.errors)")
    #expect(result.errors.contains("\nusage: tarn summarize --model DIR "))
  }

  @Test func directoriesThatLackSomethingAreRefused() throws {
    func refusal(_ folder: TemporaryDirectory) throws -> String {
      let result = try summarize(folder, [], Self.lines)
      #expect(result.isRefusal, "\(result.errors)")
      return result.errors
    }
    #expect(try refusal(checkpoint(dictionary: false)).contains("dict.txt: cannot be read"))
    #expect(try refusal(checkpoint(spm: [])).contains("no file that ends in .model"))
    #expect(
      try refusal(checkpoint(spm: ["b.model", "a.model"]))
        .contains("found \"a.model\", \"b.model\", expected a SentencePiece model"))
    #expect(
      try refusal(checkpoint(symbols: Array(Self.symbols.dropLast())))
        .contains("dict.txt: found 59 symbols, expected 60"))
    #expect(
      try refusal(checkpoint(symbols: Self.symbols.dropLast() + ["a"]))
        .contains("dict.txt: line 56: found \"a\" again"))
    #expect(try refusal(checkpoint(fixture: "encoder-post-sinusoidal")).contains("no decoder"))
    let broken = try checkpoint(spm: [])
    _ = try broken.write("spm.model", [10, 5, 1])
    #expect(
      try refusal(broken).contains("spm.model: byte 0: model: found a field of 5 bytes"))
    let bert = try summarize(
      try TemporaryDirectory(), ["--type", "pyramidion"], Self.lines)
    #expect(bert.isRefusal)
  }

  @Test func theModelHasOneOfSeveralNames() throws {
    let expected = try summarize(try checkpoint(), ["--json", "--beam", "1"], Self.lines)
    for names in [["my.model"], ["sentencepiece.bpe.model", "other.model"]] {
      let result = try summarize(
        try checkpoint(spm: names), ["--json", "--beam", "1"], Self.lines)
      #expect(result.code == 0 && result.output == expected.output)
    }
  }

  @Test func tokenizeShowsSymbolsOfTheDictionary() throws {
    let folder = try checkpoint()
    let words = ["tokenize", "--model", folder.path, "--jsonl", "--json"]
    let text = "{\"text\": \"  the caf\u{E9}. \", \"id\": 1}"
    let object = try json(try tarn(words, text: text).lines[0])
    let tokens = try #require(object["tokens"]?.array).compactMap(\.string)
    #expect(tokens.first == "\u{2581}the" && tokens.last == "</s>" && tokens.contains("<0xC3>"))
    let ids = try #require(object["ids"]?.array).compactMap { $0.int64 }
    #expect(ids.first == 5 && ids.last == 2 && ids.count == tokens.count)
    // The first token stands for bytes 2 to 5 of the text, spaces at its beginning included.
    #expect(try #require(object["offsets"]?.array)[0].encoded() == "[2,5]")
    #expect(try #require(object["offsets"]?.array)[tokens.count - 1].encoded() == "[0,0]")
    #expect(object["segments"]?.array?.allSatisfy { $0.encoded() == "0" } == true)
    let cut = try json(
      try tarn(words + ["--truncate", "--max-positions", "4"], text: text).lines[0])
    #expect(
      try #require(cut["ids"]?.array).compactMap { $0.int64 } == Array(ids.prefix(3)) + [2])
    let long = "{\"text\": \"\(String(repeating: "the ", count: 200))\"}"
    let whole = try json(try tarn(words, text: long).lines[0])
    #expect(whole["ids"]?.array?.count == 201)
    let stated = try json(try tarn(words + ["--truncate"], text: long).lines[0])
    #expect(stated["ids"]?.array?.count == 64)
    let plain = try tarn(["tokenize", "--model", folder.path], text: "the")
    #expect(plain.output == "5\t0\t\u{2581}the\n2\t0\t</s>\n")
  }
}
