// The Swift of Docs/Tarn.docc: every block there is quoted from this file or from the sources.

import Foundation
import Tarn
import TarnCheckpoints
import TarnKernelInterface
import TarnTestSupport
import TarnTestSystem
import TarnText
import Testing

@testable import TarnModels

private let root = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

private let directory =
  root.appendingPathComponent("Sources/TarnTool/Resources/ponet-hyperpartisan-mini").path

@Suite struct DocumentationExamples {
  @Test func aCheckpointInThreeLines() throws {
    let model = try PoNetClassifier(directory: directory)
    let answer = try model.classify(["The committee met on Tuesday. It adopted the report."])[0]
    print(answer.label, answer.score, answer.tokens, answer.segments)
    #expect(answer.label == "mainstream")
    #expect(answer.segments == 4)
  }

  @Test func attentionOverAJoinedProduct() throws {
    let execution = try Execution()
    // Three tokens, two heads of two columns; q, k and v are columns of one joined product.
    let joined = try Matrix(rows: 3, columns: 12, (0..<36).map { Float($0 % 5) })
    var y = try Matrix(rows: 3, columns: 4)
    try attention(
      queries: joined.columns(0..<4), keys: joined.columns(4..<8), values: joined.columns(8..<12),
      heads: 2, over: Ragged(lengths: [2, 1]), mask: .causal, into: &y, on: execution)
    print(y.rows(2..<3).elements)  // [2.0, 3.0, 4.0, 0.0]
    #expect(y.rows(2..<3).elements == [2, 3, 4, 0])
  }

  @Test func morePositionsThanTheTable() throws {
    let texts = ["One sentence. Another one."]
    let model = try PoNetClassifier(
      directory: directory, options: ModelOptions(threads: 2, maxPositions: 8192))
    let answers = try model.classify(texts, longText: .isTruncated)
    #expect(answers.count == 1)
    #expect(model.model.maxPositions == 8192)
  }

  @Test func weightsOfFewerBits() throws {
    let options = ModelOptions(weights: .bfloat16, threads: 4, maxPositions: 4096)
    let model = try PoNetClassifier(directory: directory, options: options)
    let answer = try model.classify(["One sentence. Another one."])[0]
    // These weights are stored in bfloat16, which is kept exactly.
    let stored = try PoNetClassifier(directory: directory)
    #expect(try answer.logits == stored.classify(["One sentence. Another one."])[0].logits)
  }

  @Test func aVectorForEachText() throws {
    let encoder = try SentenceEncoder(directory: directory)
    let vectors = try encoder.embed(["That is a happy person.", "A happy person, that."])
    #expect(vectors.rows == 2)
    #expect(vectors.columns == 128)
  }

  @Test func hiddenStatesOfFNet() throws {
    let fNetDirectory = fixturePath("fnet/base-default")
    let model = try FNetModel(directory: fNetDirectory)
    let states = try model.hiddenStates([TokenInput(ids: [4, 17, 23, 5])])[0]
    print(states.rows, states.columns)  // 4 24
    #expect(states.rows == 4 && states.columns == 24)
  }

  @Test func stepsOfPyramidion() throws {
    let directory = fixturePath("pyramidion/full-shared")
    let model = try PyramidionModel(directory: directory)
    let memory = try model.encode([[17, 5, 40, 2], [9, 31, 2]])
    var decoding = try PyramidionDecoding(model, memory: memory, beams: 2, maxLength: 20)
    var logits = try decoding.step([2, 2], parents: [0, 1])  // a row for each document
    logits = try decoding.step([7, 8, 9], parents: [0, 0, 1])  // two beams of the first
    print(logits.rows, logits.columns)  // 3 60
    #expect(logits.rows == 3 && logits.columns == 60)
  }

  @Test func aSummary() throws {
    let folder = try TemporaryDirectory()
    for name in ["config.json", "model.safetensors"] {
      try folder.copy(name, from: fixturePath("pyramidion/full-shared"))
    }
    let symbols = (0..<56).map { "\(UnicodeScalar(UInt8(65 + $0))) 1\n" }.joined()
    _ = try folder.write("dict.txt", Array(symbols.utf8))
    try FileManager.default.copyItem(
      atPath: fixturePath("sentencepiece/unigram-bytes.model"), toPath: folder.path + "/spm.model")
    let (directory, article) = (folder.path, "The committee met on Tuesday.")
    let summarizer = try Summarizer(directory: directory)
    var options = SearchOptions()
    options.beam = 4
    options.minLength = 16
    let summary = try summarizer.summarize([article], options: options)[0]
    print(summary.text, summary.score)
    #expect(summary.ids.count > 16)
  }

  @Test func anAnswerOfFunnel() throws {
    let folder = try vocabularyModel("funnel/head-question-answering")
    let directory = folder.path
    let answerer = try FunnelQuestionAnswerer(directory: directory)
    let answer = try answerer.answer(
      "Who won the case?", in: ["The court was divided, but Ada won."])[0]
    print(answer.text, answer.utf8Offsets, answer.score)
    #expect(!answer.text.isEmpty)
    let configuration = try FunnelConfiguration(named: "medium-base")
    #expect(configuration.blockSizes == [6, 3, 3])
  }

  @Test func segmentsOfSentences() throws {
    let tokenizer = try WordPieceTokenizer(checkpoint: directory)
    let document = try tokenizer.encodeDocument("One sentence. Another one.")
    print(document.segmentIDs)  // [0, 1, 1, 1, 2, 2, 2, 3]
    #expect(document.segmentIDs == [0, 1, 1, 1, 2, 2, 2, 3])
  }

  @Test func aProductWithItsEpilogue() throws {
    let execution = try Execution(threads: 2)
    let x = try Matrix(rows: 2, columns: 3, [1, 2, 3, 4, 5, 6])
    // A row for each output, as linear layers store it.
    let weight = try Matrix(rows: 2, columns: 3, [1, 0, 0, 0, 1, 1])
    let packed = try PackedMatrix(transposing: weight, on: execution)
    var y = try Matrix(rows: 2, columns: 2)
    try matmul(
      x, packed, epilogue: Epilogue(bias: Matrix([0.5, -6]), activation: .relu), into: &y,
      on: execution)
    print(y.elements)  // [1.5, 0.0, 4.5, 5.0]
    #expect(y.elements == [1.5, 0, 4.5, 5])
  }

  @Test func aRaggedBatch() throws {
    let execution = try Execution()
    let sequences = try Ragged(lengths: [3, 1, 2])
    let x = try Matrix(rows: sequences.rows, columns: 1, [1, 2, 6, 10, 4, 8])
    var mean = try Matrix(rows: sequences.count, columns: 1)
    try maskedMean(x, over: sequences, into: &mean, on: execution)
    print(mean.elements)  // [3.0, 10.0, 6.0]
    #expect(mean.elements == [3, 10, 6])
  }

  @Test func aTensorOfACheckpoint() throws {
    let file = try SafetensorsFile(path: directory + "/model.safetensors")
    let weights = WeightScope(file)["ponet"]["encoder"]["layer.0"]
    let gain = try weights.tensor("output.LayerNorm.weight", shape: [128])
    let values = try file.floats(of: gain)
    print(gain.elementType, values.count)  // BF16 128
    #expect(gain.elementType == .bfloat16)
    #expect(values.count == 128)
  }

  @Test func weightsReadIntoMemory() throws {
    let options = ModelOptions(loading: .read)
    _ = try PoNetModel(directory: directory, options: options)
  }

  @Test func filesWithinLimits() throws {
    var limits = FileLimits()
    limits.tensors = 4096
    let options = ModelOptions(loading: .read.limited(by: limits))
    _ = try PoNetModel(directory: directory, options: options)
  }

  @Test func aFileOfTensors() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("scores.safetensors").path
    var writer = SafetensorsWriter()
    try writer.append("scores", shape: [2, 2], floats: [0.25, 0.75, 1, 0])
    try writer.write(to: path)
    let file = try SafetensorsFile(path: path)
    let info = try #require(file["scores"])
    #expect(try file.floats(of: info) == [0.25, 0.75, 1, 0])
  }

  @Test func aPyTorchFileBecomesSafetensors() throws {
    let torchPath = fixturePath("ponet/weights_zip/pytorch_model.bin")
    let folder = try TemporaryDirectory()
    let path = folder.path + "/model.safetensors"
    let source = try openTensorFile(path: torchPath)
    var copy = SafetensorsWriter()
    try copy.append(contentsOf: source, floats: .bfloat16)
    try copy.write(to: path)
    let file = try SafetensorsFile(path: path)
    #expect(file.tensors.count == source.tensors.count)
  }
}

/// Lines without indentation, as one text.
private func flattened(_ lines: some Sequence<Substring>) -> String {
  lines.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    .joined(separator: "\n")
}

private func text(_ url: URL) throws -> [Substring] {
  try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
}

private func files(under folder: String, _ suffix: String) -> [URL] {
  let found = FileManager.default.enumerator(
    at: root.appendingPathComponent(folder), includingPropertiesForKeys: nil)
  return (found?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == suffix }
}

@Test func everySwiftBlockOfArticlesAndReadmeIsCompiledSomewhere() throws {
  let sources = try (files(under: "Sources", "swift") + files(under: "Tests", "swift"))
    .map { try flattened(text($0)) }
  var count = 0
  let readme = root.appendingPathComponent("README.md")
  for article in files(under: "Docs/Tarn.docc", "md") + [readme] {
    var block: [Substring]?
    for line in try text(article) {
      if line == "```swift" {
        block = []
      } else if line.hasPrefix("```"), let lines = block {
        let quoted = flattened(lines)
        #expect(
          sources.contains { $0.contains(quoted) }, "\(article.lastPathComponent): \(quoted)")
        count += 1
        block = nil
      } else {
        block?.append(line)
      }
    }
  }
  #expect(count > 10)
}
