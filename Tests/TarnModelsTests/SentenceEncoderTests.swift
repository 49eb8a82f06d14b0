// Sentence embeddings: pooling, files of sentence-transformers and their traps, the real model.

import Foundation
import Tarn
import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem
import TarnText
import Testing

@testable import TarnModels

/// 71 pieces, specials first.
private let pieces =
  ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"] + (7..<71).map { "word\($0)" }

private func json(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The model of the fixture with a vocabulary and the files of sentence-transformers.
private func encoderFolder(
  modules: [String] = ["Transformer", "Pooling", "Normalize"],
  pooling: String = #""pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false"#,
  settings: String? = #"{"max_seq_length": 12, "do_lower_case": false}"#
) throws -> TemporaryDirectory {
  let folder = try copy("bert/sentence-embedding")
  _ = try folder.write("vocab.txt", json(pieces.joined(separator: "\n") + "\n"))
  if !modules.isEmpty {
    let list = modules.enumerated().map { i, name in
      #"{"idx": \#(i), "name": "\#(i)", "path": "\#(i == 0 ? "" : "\(i)_\(name)")", "#
        + #""type": "sentence_transformers.models.\#(name)"}"#
    }
    _ = try folder.write("modules.json", json("[" + list.joined(separator: ", ") + "]"))
    for (i, name) in modules.enumerated() where name == "Pooling" {
      let part = folder.path + "/\(i)_Pooling"
      try FileManager.default.createDirectory(
        atPath: part, withIntermediateDirectories: true)
      _ = try folder.write(
        "\(i)_Pooling/config.json", json(#"{"word_embedding_dimension": 24, \#(pooling)}"#))
    }
  }
  if let settings { _ = try folder.write("sentence_bert_config.json", json(settings)) }
  return folder
}

/// Reads a folder that lives until then.
private func load(_ folder: TemporaryDirectory) throws -> SentenceEncoder {
  try withExtendedLifetime(folder) { try SentenceEncoder(directory: folder.path) }
}

private let texts = ["a b word9", "", "word70 b b a word12 word13", "A B WORD9"]

/// Hidden states of a text's tokens, in Double.
private func states(_ folder: TemporaryDirectory, _ ids: [Int]) throws -> [[Double]] {
  let h = try BERTModel(directory: folder.path).hiddenStates([TokenInput(ids: ids)])[0]
  return (0..<h.rows).map { h.rows($0..<$0 + 1).elements.map(Double.init) }
}

private func expectClose(_ found: [Float], _ expected: [Double], _ note: String) {
  #expect(found.count == expected.count, "\(note)")
  for (x, y) in zip(found, expected) {
    #expect(abs(Double(x) - y) <= 1e-6, "\(note): \(x), expected \(y)")
  }
}

private let ids = [[2, 5, 6, 9, 3], [2, 3], [2, 70, 6, 6, 5, 12, 13, 3], [2, 5, 6, 9, 3]]

@Test func poolingsAreWhatTheyAreCalled() throws {
  let folder = try encoderFolder()
  for pooling in Pooling.allCases {
    let encoder = try SentenceEncoder(
      directory: folder.path, pooling: pooling, normalizes: false)
    let unit = try SentenceEncoder(directory: folder.path, pooling: pooling)
    #expect(unit.normalizes)
    let vectors = try encoder.embed(texts)
    let scaled = try unit.embed(texts)
    #expect(vectors.rows == 4)
    for (i, ids) in ids.enumerated() {
      let h = try states(folder, ids)
      let pooled = (0..<24).map { j in
        let column = h.map { $0[j] }
        switch pooling {
        case .mean: return column.reduce(0, +) / Double(column.count)
        case .cls: return column[0]
        case .max: return column.max() ?? 0
        }
      }
      let length = pooled.map { $0 * $0 }.reduce(0, +).squareRoot()
      expectClose(vectors.rows(i..<i + 1).elements, pooled, "\(pooling) \(i)")
      expectClose(
        scaled.rows(i..<i + 1).elements, pooled.map { $0 / length }, "\(pooling) \(i), unit")
    }
  }
}

@Test func modulesSayPoolingAndNormalisation() throws {
  let plain = try load(encoderFolder(modules: ["Transformer", "Pooling"]))
  #expect(plain.pooling == .mean)
  #expect(!plain.normalizes)
  let cls = try load(encoderFolder(pooling: #""pooling_mode_cls_token": true"#))
  #expect(cls.pooling == .cls)
  #expect(cls.normalizes)
  let max = try load(encoderFolder(pooling: #""pooling_mode": "max""#))
  #expect(max.pooling == .max)
  let none = try load(encoderFolder(modules: []))
  #expect(none.pooling == .mean)
  #expect(none.normalizes)
  #expect(none.size == 24)
}

@Test func modulesThatAreNotImplementedAreNamed() throws {
  let outside = try encoderFolder()
  _ = try outside.write(
    "modules.json", json(#"[{"path": "a/../../b", "type": "models.Transformer"}]"#))
  let empty = try encoderFolder()
  _ = try empty.write("modules.json", json("{}"))
  let cases: [(TemporaryDirectory, String)] = try [
    (encoderFolder(modules: ["Transformer", "Pooling", "Dense"]), "models.Dense"),
    (encoderFolder(modules: ["Pooling", "Transformer"]), "Transformer, Pooling, Normalize"),
    (encoderFolder(modules: ["Transformer", "Normalize", "Pooling"]), "in this order"),
    (
      encoderFolder(pooling: #""pooling_mode_lasttoken": true"#), "pooling_mode_lasttoken"
    ),
    (
      encoderFolder(
        pooling: #""pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": true"#),
      "pooling_mode_max_tokens"
    ),
    (encoderFolder(settings: #"{"max_seq_length": "many"}"#), "max_seq_length"),
    (outside, "a folder inside the directory"), (empty, "an array of modules"),
  ]
  for (folder, part) in cases {
    let error = #expect(throws: ModelError.self) {
      try SentenceEncoder(directory: folder.path)
    }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "none")")
  }
}

@Test func lengthAndCaseAreNotTheTokenizersOwn() throws {
  // tokenizer.json says 5 tokens, padded; sentence_bert_config.json says 12 and keeps the case.
  let folder = try encoderFolder()
  _ = try folder.write(
    "tokenizer.json",
    json(
      #"{"truncation": {"max_length": 5}, "padding": {"strategy": {"Fixed": 5}}, "#
        + #""model": {"type": "WordPiece", "vocab": {}}}"#))
  let encoder = try SentenceEncoder(directory: folder.path)
  #expect(encoder.maxTokens == 12)
  let long = Array(repeating: "a", count: 11).joined(separator: " ")
  let (document, isTruncated) = try encoder.encode(long)
  #expect(isTruncated)
  #expect(document.encoding.ids == [2] + Array(repeating: 5, count: 10) + [3])
  let (whole, isWhole) = try encoder.encode(String(long.dropLast(2)))
  #expect(!isWhole)
  #expect(whole.encoding == document.encoding)
  #expect(throws: ModelError.self) { try encoder.encode(long, longText: .isRejected) }
  // The tokenizer lower-cases all the same, and a cased one does not unless this file says so.
  #expect(try encoder.encode("A B").document.encoding.ids == [2, 5, 6, 3])
  for (isLowered, ids) in [(true, [2, 5, 6, 3]), (false, [2, 1, 1, 3])] as [(Bool, [Int32])] {
    let cased = try encoderFolder(settings: #"{"do_lower_case": \#(isLowered)}"#)
    _ = try cased.write("tokenizer_config.json", json(#"{"do_lower_case": false}"#))
    #expect(try load(cased).encode("A B").document.encoding.ids == ids)
  }
  // Without the file, as many as there are positions.
  #expect(
    try load(encoderFolder(settings: nil)).maxTokens == 40)
  #expect(
    try SentenceEncoder(
      directory: folder.path, options: ModelOptions(maxPositions: 6)
    ).maxTokens == 6)
}

@Test func aVocabularyMayStandInTokenizerJSON() throws {
  let folder = try encoderFolder()
  let plain = try SentenceEncoder(directory: folder.path).embed(texts)
  try FileManager.default.removeItem(atPath: folder.path + "/vocab.txt")
  let missing = #expect(throws: ModelError.self) {
    try SentenceEncoder(directory: folder.path)
  }
  #expect(missing?.description.contains("vocab.txt") == true)
  let entries = pieces.indices.reversed().map { i in "\"\(pieces[i])\": \(i)" }
  let vocabulary = entries.joined(separator: ", ")
  func write(_ type: String, _ vocabulary: String, lowercase: Bool = true) throws {
    _ = try folder.write(
      "tokenizer.json",
      json(
        #"{"normalizer": {"type": "BertNormalizer", "lowercase": \#(lowercase), "#
          + #""strip_accents": null}, "#
          + #""model": {"type": "\#(type)", "vocab": {\#(vocabulary)}}}"#))
  }
  try write("WordPiece", vocabulary)
  let found = try SentenceEncoder(directory: folder.path).embed(texts)
  #expect(found.elements.map(\.bitPattern) == plain.elements.map(\.bitPattern))
  try write("WordPiece", vocabulary, lowercase: false)
  #expect(
    try SentenceEncoder(directory: folder.path).encode("A b").document.encoding.ids
      == [2, 1, 6, 3])
  let wrong: [(String, String, String)] = [
    ("Unigram", "", #"a tokenizer.json of type "Unigram""#),
    (#"a\u001b[2J"#, "", #"a tokenizer.json of type "a\u{1b}[2J""#),
    ("WordPiece", #""[UNK]": 0, "a": 2"#, "without a gap"),
    ("WordPiece", #""[UNK]": 0, "a": 0"#, "without a gap"),
    ("WordPiece", #""[UNK]": 0, "a\nb": 1"#, "of one line"),
  ]
  for (type, vocabulary, part) in wrong {
    try write(type, vocabulary)
    let error = #expect(throws: ModelError.self) {
      try SentenceEncoder(directory: folder.path)
    }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "none")")
  }
  try FileManager.default.removeItem(atPath: folder.path + "/tokenizer.json")
  _ = try folder.write("spiece.model", [0])
  let error = #expect(throws: ModelError.self) { try SentenceEncoder(directory: folder.path) }
  #expect(error?.description.contains("SentencePiece") == true)
}

@Test func embeddingsDoNotDependOnTheBatch() throws {
  let encoder = try load(encoderFolder())
  let many = (0..<900).map { (i: Int) -> String in
    let words = (0..<i % 13).map { (k: Int) -> String in pieces[5 + (k * 7 + i) % 60] }
    return words.joined(separator: " ")
  }
  let together = try encoder.embed(many)
  #expect(together.rows == 900)
  for i in [0, 1, 12, 13, 500, 899] {
    let alone = try encoder.embed([many[i]])
    #expect(
      alone.elements.map(\.bitPattern) == together.rows(i..<i + 1).elements.map(\.bitPattern))
  }
  #expect(try encoder.embed([String]()).rows == 0)
}

@Test func batchesBoundTheirTokensAndKeepTheOrder() throws {
  let lengths = (0..<3000).map { 1 + $0 * 37 % 400 } + [20000, 1]
  var sizes: [Int] = []
  let results = try LengthBatches(lengths).map { (batch) throws(ModelError) in
    sizes.append(batch.map { lengths[$0] }.reduce(0, +))
    return batch
  }
  #expect(results == Array(lengths.indices))
  #expect(sizes[0] == 20000)
  #expect(sizes.dropFirst().allSatisfy { $0 <= LengthBatches.tokens })
  #expect(sizes.reduce(0, +) == lengths.reduce(0, +))
  #expect(try LengthBatches([]).map { (batch) throws(ModelError) in batch }.isEmpty)
}

@Test func otherEncodersEmbedToo() throws {
  let folder = try copy("fnet/base-default")
  _ = try folder.write("vocab.txt", json(pieces.joined(separator: "\n") + "\n"))
  let encoder = try SentenceEncoder(directory: folder.path)
  let found = try encoder.embed(["a b"])
  let h = try FNetModel(directory: folder.path).hiddenStates([TokenInput(ids: [2, 5, 6, 3])])[0]
  let mean = (0..<24).map { (j: Int) -> Double in
    let column = (0..<4).map { Double(h[$0, j]) }
    return column.reduce(0, +) / 4
  }
  let length = mean.map { $0 * $0 }.reduce(0, +).squareRoot()
  expectClose(found.elements, mean.map { $0 / length }, "fnet")
}

// MARK: - The real model

/// The directory of all-MiniLM-L6-v2, which `.ci/minilm` fetches.
private let miniLM = ProcessInfo.processInfo.environment["TARN_TEST_MINILM"]

private struct Sentence: Decodable {
  var text: String
  var ids: [Int32]
}

private struct Sentences: Decodable { var sentences: [Sentence] }

@Test(.enabled(if: miniLM != nil, "TARN_TEST_MINILM names no directory"))
func theRealModelGivesTheReferencesVectors() throws {
  let directory = try #require(miniLM)
  let sentences = try JSONDecoder().decode(
    Sentences.self,
    from: Data(contentsOf: URL(fileURLWithPath: fixturePath("minilm/sentences.json")))
  ).sentences
  #expect(sentences.count == 24)
  let expected = try SafetensorsFile(path: fixturePath("minilm/expected.safetensors"))
  let info = try #require(expected["embeddings_f64"])
  let values = try expected.floats(of: info)
  for set in InstructionSet.available {
    let encoder = try SentenceEncoder(
      directory: directory, options: ModelOptions(instructionSet: set))
    #expect(encoder.maxTokens == 256)
    #expect(encoder.pooling == .mean && encoder.normalizes)
    for sentence in sentences {
      #expect(try encoder.encode(sentence.text).document.encoding.ids == sentence.ids)
    }
    let found = try encoder.embed(sentences.map(\.text)).elements
    #expect(found.count == values.count)
    var worst: Float = 0
    for (x, y) in zip(found, values) { worst = max(worst, (x - y).magnitude) }
    #expect(worst <= 2e-6, "\(set.rawValue): \(worst)")
    let first = try encoder.embed([sentences[0].text]).elements
    #expect(first.map(\.bitPattern) == found.prefix(384).map(\.bitPattern))
  }
}

@Test(.enabled(if: miniLM != nil, "TARN_TEST_MINILM names no directory"))
func theRealModelsLayersAreTheReferences() throws {
  let directory = try #require(miniLM)
  let expected = try SafetensorsFile(path: fixturePath("minilm/expected.safetensors"))
  let sentences = try JSONDecoder().decode(
    Sentences.self,
    from: Data(contentsOf: URL(fileURLWithPath: fixturePath("minilm/sentences.json")))
  ).sentences
  let model = try BERTModel(directory: directory)
  let batch = try model.batch([TokenInput(ids: sentences[0].ids.map(Int.init))])
  var states: [Matrix] = []
  _ = try model.encoder(
    batch, trace: { value, _, _, x in if value == .hidden { states.append(x) } },
    on: model.execution)
  #expect(states.count == 7)
  for (i, x) in states.enumerated() {
    let name = i == 0 ? "sentence0.embeddings" : "sentence0.encoder.\(i)"
    let info = try #require(expected[TensorName(name)])
    compare(
      NamedTensor(name: name, shape: info.shape, values: x.elements),
      try expected.floats(of: info), "minilm")
  }
}
