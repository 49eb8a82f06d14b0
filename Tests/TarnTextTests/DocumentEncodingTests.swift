import Foundation
import Testing

@testable import TarnText

struct DocumentEncodingTests {
  /// Sentences of NLTK's Punkt, numbers and ids of the published fine-tuning script.
  @Test func givenSentencesAreNumberedAsPublished() throws {
    let tokenizer = try uncasedTokenizer()
    let data = try Data(contentsOf: packageFile("Tests/Fixtures/ponet/text_segments/cases.json"))
    let cases = try #require(JSONSerialization.jsonObject(with: data) as? [[String: Any]])
    #expect(cases.count == 7)
    for entry in cases {
      let name = try #require(entry["name"] as? String)
      let text = try #require(entry["text"] as? String)
      let sentences = try #require(entry["sentences"] as? [String])
      let maxLength = try #require(entry["max_length"] as? Int)
      let found = try tokenizer.encodeDocument(sentences: sentences, maxLength: maxLength)
      #expect(found.encoding.ids == (entry["input_ids"] as? [Int32]), "\(name)")
      #expect(found.segmentIDs == (entry["segment_ids"] as? [Int32]), "\(name)")
      #expect(
        found.encoding.tokens(in: tokenizer.vocabulary) == (entry["tokens"] as? [String]),
        "\(name)")

      // The same sentences as places in the text: ids and numbers agree, offsets are the text's.
      let placed = try tokenizer.encodeDocument(
        text, segmentation: .starts(starts(of: sentences, in: text)), maxLength: maxLength)
      #expect(placed.encoding.ids == found.encoding.ids, "\(name)")
      #expect(placed.segmentIDs == found.segmentIDs, "\(name)")
      #expect(placed.encoding == (try tokenizer.encode(text, maxLength: maxLength)), "\(name)")
    }
  }

  @Test func theSampleArticlesAreReadAsTheModelExpects() throws {
    let model = "Sources/TarnTool/Resources/ponet-hyperpartisan-mini"
    let tokenizer = try WordPieceTokenizer(directory: packageFile(model).path)
    let json = try JSONSerialization.jsonObject(
      with: Data(contentsOf: packageFile(model + "/expected.json")))
    let samples = try #require(json as? [[String: Any]])
    #expect(samples.count == 6)
    let lines = try Data(contentsOf: packageFile(model + "/samples.jsonl")).split(separator: 10)
    for (line, sample) in zip(lines, samples) {
      let article = try JSONSerialization.jsonObject(with: line) as? [String: Any] ?? [:]
      let text = try #require(article["text"] as? String)
      let name = "article \(article["id"] ?? "")"
      #expect(SentenceSplitter.starts(in: text) == (sample["sentence_starts"] as? [Int]), "\(name)")

      let document = try tokenizer.encodeDocument(text, maxLength: 4096)
      #expect(document.encoding.count == sample["tokens"] as? Int, "\(name)")
      #expect(Array(document.encoding.ids.prefix(20)) == (sample["first_ids"] as? [Int32]))
      #expect(Set(document.segmentIDs).count == sample["segments"] as? Int, "\(name)")
      let counts = try #require(sample["tokens_per_sentence"] as? [Int])
      let found = (1...counts.count).map { number in
        document.segmentIDs.count { $0 == Int32(number) }
      }
      #expect(found == counts, "\(name)")
      #expect(document.segmentIDs.last == Int32(counts.count + 1), "\(name)")
      #expect(document.encoding == (try tokenizer.encode(text, maxLength: 4096)), "\(name)")
      let bytes = try tokenizer.encodeDocument(utf8: Array(text.utf8), maxLength: 4096)
      #expect(bytes == document, "\(name)")
    }
  }

  @Test func aSentenceWithoutTokensUsesItsNumberUp() throws {
    let tokenizer = try uncasedTokenizer()
    let document = try tokenizer.encodeDocument(sentences: ["one", " \u{200B}", "two", ""])
    #expect(document.segmentIDs == [0, 1, 3, 4])
    let paragraphs = try tokenizer.encodeDocument("one\n\n\n\ntwo", segmentation: .paragraphs)
    #expect(paragraphs.segmentIDs == [0, 1, 3, 4])
  }

  @Test func emptyTextsAreTwoSegments() throws {
    let tokenizer = try uncasedTokenizer()
    for text in ["", " \n "] {
      #expect(try tokenizer.encodeDocument(text).segmentIDs == [0, 1])
    }
    #expect(try tokenizer.encodeDocument(sentences: []).segmentIDs == [0, 1])
  }

  @Test func truncationKeepsRoomForTheSeparator() throws {
    let tokenizer = try uncasedTokenizer()
    let text = "one two. Three four. Five"
    #expect(try tokenizer.encodeDocument(text).segmentIDs == [0, 1, 1, 1, 2, 2, 2, 3, 4])
    #expect(try tokenizer.encodeDocument(text, maxLength: 9).segmentIDs.last == 4)
    #expect(
      try tokenizer.encodeDocument(text, maxLength: 8).segmentIDs == [0, 1, 1, 1, 2, 2, 2, 3])
    #expect(try tokenizer.encodeDocument(text, maxLength: 5).segmentIDs == [0, 1, 1, 1, 2])
    #expect(try tokenizer.encodeDocument(text, maxLength: 2).segmentIDs == [0, 1])
    for length in [1, 0, -1, .min] {
      #expect(throws: TextError.maximumLengthTooSmall(found: length, minimum: 2)) {
        try tokenizer.encodeDocument(text, maxLength: length)
      }
    }
    let whole = try tokenizer.encodeDocument(text, segmentation: .whole, maxLength: 5)
    #expect(whole.segmentIDs == [0, 1, 1, 1, 2])
  }

  @Test func segmentStartsMustRiseWithinTheText() throws {
    let tokenizer = try uncasedTokenizer()
    let text = "\u{E9} \u{1F600} a"
    for (starts, index, allowed) in [
      ([0, 6], 1, 0...5), ([-1], 0, 0...5), ([3, 2], 1, 3...5), ([.max], 0, 0...5),
    ] {
      let expected = TextError.invalidSegmentStart(
        index: index, found: starts[index], allowed: allowed)
      #expect(throws: expected) {
        try tokenizer.encodeDocument(text, segmentation: .starts(starts))
      }
    }
    let document = try tokenizer.encodeDocument(text, segmentation: .starts([1, 2, 2, 4, 5]))
    #expect(document.segmentIDs == [0, 1, 3, 4, 5])
    #expect(Array(document.encoding.offsets) == [0..<0, 0..<1, 2..<3, 4..<5, 0..<0])
    #expect(Array(document.encoding.utf8Offsets) == [0..<0, 0..<2, 3..<7, 8..<9, 0..<0])
  }

  /// Finds given sentences one after another, in scalars.
  private func starts(of sentences: [String], in text: String) throws -> [Int] {
    var from = text.startIndex
    return try sentences.map { sentence in
      let range = try #require(text.range(of: sentence, range: from..<text.endIndex))
      from = range.upperBound
      return text.unicodeScalars.distance(from: text.startIndex, to: range.lowerBound)
    }
  }
}
