import Testing

@testable import TarnText

struct SentencePieceFixtureTests {
  /// Normalised text, pieces, ids, places and decoded text of the `sentencepiece` package.
  @Test func everyGoldenTextAgrees() throws {
    let fixture = try SentencePieceFixture()
    #expect(fixture.models.count == 11 && fixture.texts.count > 400)
    for model in fixture.models {
      #expect(model.digests.count == fixture.texts.count)
      var wrong: [String] = []
      for (text, expected) in zip(fixture.texts, model.digests)
      where try digest(of: text, by: model.tokenizer) != expected {
        wrong.append(escaped(String(decoding: text, as: UTF8.self)))
      }
      #expect(wrong.isEmpty, "\(model.name): \(wrong.count): \(wrong.prefix(5))")
    }
  }

  /// Some of the same texts in full, so that a difference can be seen.
  @Test func everyGoldenCaseAgreesInFull() throws {
    let fixture = try SentencePieceFixture()
    #expect(fixture.cases.count > 30)
    for golden in fixture.cases {
      let tokenizer = try fixture.model(golden.model)
      let text = escaped(String(decoding: golden.text, as: UTF8.self))
      let name = "\(golden.model): \(text)"
      let normalized = tokenizer.normalizer.normalize(golden.text.span).bytes
      #expect(normalized == Array(golden.normalized.utf8), "\(name)")
      let encoding = try tokenizer.encode(utf8: golden.text)
      let pieces = encoding.pieces(in: tokenizer)
      #expect(
        pieces.map { Array($0.utf8) } == golden.pieces.map { Array($0.text.utf8) }, "\(name)")
      #expect(encoding.ids == golden.pieces.map(\.id), "\(name)")
      #expect(Array(encoding.utf8Offsets) == golden.pieces.map(\.range), "\(name)")
      let decoded = try tokenizer.decode(encoding.ids)
      #expect(Array(decoded.utf8) == Array(golden.decoded.utf8), "\(name)")
      if let string = String(validating: golden.text, as: UTF8.self) {
        #expect(try tokenizer.encode(string) == encoding, "\(name)")
        #expect(Array(try tokenizer.normalize(string).utf8) == normalized, "\(name)")
        expectScalarOffsets(encoding, string, name)
      }
    }
  }

  @Test func everyGoldenListOfIdsBecomesItsText() throws {
    for model in try SentencePieceFixture().models {
      #expect(model.decoded.count > 40)
      for (ids, expected) in model.decoded {
        let text = try model.tokenizer.decode(ids)
        #expect(Array(text.utf8) == Array(expected.utf8), "\(model.name): \(ids)")
      }
    }
  }

  @Test func sizesAndSpecialIdsAgree() throws {
    for model in try SentencePieceFixture().models {
      let tokenizer = model.tokenizer
      let ids = [tokenizer.unkID, tokenizer.bosID ?? -1, tokenizer.eosID ?? -1]
      #expect(tokenizer.count == model.size)
      #expect((ids + [tokenizer.padID ?? -1]).map { Int($0) } == model.specialIDs)
      for id in 0..<Int32(tokenizer.count) {
        let piece = try #require(tokenizer.piece(of: id))
        #expect(tokenizer.id(of: piece) == id && tokenizer.score(of: id) != nil)
      }
      let count = Int32(tokenizer.count)
      #expect(tokenizer.piece(of: count) == nil && tokenizer.piece(of: -1) == nil)
      #expect(tokenizer.score(of: count) == nil && tokenizer.id(of: "no such piece") == nil)
    }
  }

  /// Places in scalars name the same part of the text as those in bytes.
  private func expectScalarOffsets(
    _ encoding: SentencePieceEncoding, _ text: String, _ name: String
  ) {
    var starts = [0]
    for scalar in text.unicodeScalars {
      starts.append(starts[starts.count - 1] + UTF8.width(scalar))
    }
    let bytes = encoding.offsets.map { starts[$0.lowerBound]..<starts[$0.upperBound] }
    #expect(bytes == Array(encoding.utf8Offsets), "\(name)")
  }
}
