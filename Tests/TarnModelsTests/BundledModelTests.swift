// The model that comes with the tool: what it must give for its sample articles.

import Foundation
import TarnText
import Testing

@testable import TarnModels

private let directory = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .appendingPathComponent("Sources/TarnTool/Resources/ponet-hyperpartisan-mini")

private struct Sample: Decodable {
  var id: Int
  var text: String
}

private struct Expected: Decodable {
  var id: Int
  var tokens: Int
  var segments: Int
  var firstIDs: [Int32]
  var predicted: String
  var logits: [Float]
  var probabilities: [Float]

  enum CodingKeys: String, CodingKey {
    case id, tokens, segments, predicted, logits, probabilities
    case firstIDs = "first_ids"
  }
}

private func samples() throws -> [(Sample, Expected)] {
  let text = try String(
    contentsOf: directory.appendingPathComponent("samples.jsonl"), encoding: .utf8)
  let articles = try text.split(separator: "\n").map {
    try JSONDecoder().decode(Sample.self, from: Data($0.utf8))
  }
  let expected = try JSONDecoder().decode(
    [Expected].self, from: Data(contentsOf: directory.appendingPathComponent("expected.json")))
  return Array(zip(articles, expected))
}

@Test func theSampleArticlesGetTheirExpectedLabels() throws {
  let model = try PoNetClassifier(directory: directory.path)
  let samples = try samples()
  #expect(samples.count == 6)
  for (article, expected) in samples {
    #expect(article.id == expected.id)
    let document = try model.encode(article.text)
    #expect(Array(document.encoding.ids.prefix(20)) == expected.firstIDs, "article \(article.id)")
    let answer = try model.classify([article.text])[0]
    #expect(answer.tokens == expected.tokens, "article \(article.id)")
    #expect(answer.segments == expected.segments, "article \(article.id)")
    #expect(answer.label == expected.predicted, "article \(article.id)")
    #expect(answer.labels == ["mainstream", "hyperpartisan"])
    for i in 0..<2 {
      #expect((answer.logits[i] - expected.logits[i]).magnitude <= 1e-4, "article \(article.id)")
      #expect(
        (answer.probabilities[i] - expected.probabilities[i]).magnitude <= 1e-4,
        "article \(article.id)")
    }
    #expect(answer.score == answer.probabilities.max())
  }
}

@Test func aBatchOfArticlesIsEachArticleAlone() throws {
  let model = try PoNetClassifier(directory: directory.path)
  let texts = try samples().map(\.0.text)
  let together = try model.classify(texts)
  for (i, text) in texts.enumerated() {
    let alone = try model.classify([text])[0]
    #expect(alone.logits.map(\.bitPattern) == together[i].logits.map(\.bitPattern))
  }
}

@Test func aTextThatIsTooLongIsRejectedUnlessItMayBeCut() throws {
  let model = try PoNetClassifier(
    directory: directory.path, options: ModelOptions(maxPositions: 100))
  let text = try samples()[0].0.text
  let error = #expect(throws: ModelError.self) { try model.classify([text]) }
  #expect(error?.description.contains("1556 tokens, expected at most 100") == true)
  #expect(try model.classify([text], longText: .isTruncated)[0].tokens == 100)
}

@Test func aTextWithoutTokensIsRejected() throws {
  let model = try PoNetClassifier(directory: directory.path)
  for text in ["", " \n\t ", "\u{200B}"] {
    let error = #expect(throws: ModelError.self) { try model.classify([text]) }
    #expect(error?.description == "text: found no tokens, expected at least one")
  }
}
