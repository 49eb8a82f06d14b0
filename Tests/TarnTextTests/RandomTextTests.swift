import Testing

@testable import TarnText

struct RandomTextTests {
  /// What random texts are made of: a few of every class, and strings that meet at their edges.
  private static let parts: [String] = [
    "a", "the", "ing", "Z", "Tokenization", "1", " ", "  ", "\n", "\t", "\u{B}", "\u{0}", "\u{AD}",
    "\u{85}", "\u{A0}", "\u{2003}", "\u{200B}", "\u{FEFF}", ".", "-", "[", "[MASK]", "[CLS", "<s>",
    "</s>", "]", "#", "##", "\u{E9}", "e\u{301}", "\u{130}", "\u{3A3}", "\u{1E9E}", "\u{301}",
    "\u{8D4}", "\u{1BAA}", "\u{302E}", "\u{1D165}", "\u{1D16D}", "\u{1E94A}", "\u{1E944}",
    "\u{4E00}", "\u{F900}", "\u{2B820}", "\u{2F800}", "\u{AC00}", "\u{AC01}", "\u{304C}",
    "\u{37E}", "\u{1FEF}", "\u{2000}", "\u{226E}", "\u{1F600}", "\u{E0020}", "\u{10FFFF}",
    "\u{3002}", "\u{FFFD}", "\u{378}", "\u{1D15E}", "\u{430}", "\u{42F}", "\u{5D0}", "\u{FB1D}",
  ]

  @Test(arguments: [1, 2, 3] as [UInt64])
  func randomTextsAgreeWithTheSpecificationStepByStep(seed: UInt64) throws {
    let profiles = try Profile.all().sorted { $0.key < $1.key }
    let oracle = try NaiveWordPiece()
    var generator = SeededGenerator(seed: seed)
    for round in 0..<600 {
      let (name, profile) = profiles[round % profiles.count]
      var tokenizer = profile.tokenizer
      if round % 3 == 0 {
        // A short limit makes words that are too long for it common.
        var options = tokenizer.options
        options.maximumWordLength = Int.random(in: 0...4, using: &generator)
        tokenizer = try WordPieceTokenizer(vocabulary: tokenizer.vocabulary, options: options)
      }
      // Few kinds of parts in each text, so that runs of one class are common.
      let parts = (0..<Int.random(in: 1...8, using: &generator)).map { _ in
        Self.parts.randomElement(using: &generator) ?? ""
      }
      var text = ""
      for _ in 0..<Int.random(in: 0...24, using: &generator) {
        text.unicodeScalars += (parts.randomElement(using: &generator) ?? "").unicodeScalars
      }
      let encoding = try tokenizer.encode(text)
      let found = (1..<encoding.count - 1).map { index in
        NaiveWordPiece.Token(
          id: encoding.ids[index], start: encoding.offsets[index].lowerBound,
          end: encoding.offsets[index].upperBound)
      }
      let label = "seed \(seed) round \(round) \(name) \(escaped(text))"
      #expect(found == oracle.tokens(of: text.unicodeScalars.map(\.value), tokenizer), "\(label)")
      expectConsistentOffsets(encoding, text, nil, label)
      expectTruncationIsAPrefix(encoding, text, tokenizer, &generator, label)
    }
  }

  @Test(arguments: [4, 5] as [UInt64])
  func randomBytesEndInAnEncodingOrATypedError(seed: UInt64) throws {
    let tokenizer = try uncasedTokenizer()
    var generator = SeededGenerator(seed: seed)
    var valid = 0
    for round in 0..<3000 {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 0...12, using: &generator) {
        bytes += Array((Self.parts.randomElement(using: &generator) ?? "").utf8)
      }
      for _ in 0..<(round % 3) where !bytes.isEmpty {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[index] = UInt8.random(in: 0...255, using: &generator)
      }
      let label = "seed \(seed) round \(round) \(bytes)"
      do throws(TextError) {
        let encoding = try tokenizer.encode(utf8: bytes, pair: bytes)
        guard let text = String(validating: bytes, as: UTF8.self) else {
          Issue.record("\(label): accepted")
          continue
        }
        expectConsistentOffsets(encoding, text, text, label)
        #expect(try tokenizer.encodeDocument(utf8: bytes).encoding.count > 1, "\(label)")
        valid += 1
      } catch {
        guard case .invalidUTF8(let offset) = error else {
          Issue.record("\(label): \(error)")
          continue
        }
        #expect(String(validating: bytes, as: UTF8.self) == nil, "\(label)")
        #expect(String(validating: bytes[..<offset], as: UTF8.self) != nil, "\(label)")
        #expect(throws: TextError.invalidUTF8(offset: offset)) {
          try tokenizer.encodeDocument(utf8: bytes)
        }
      }
    }
    #expect(valid > 1000 && valid < 3000)
  }

  /// A single text that is cut is the beginning, or the end, of the same text uncut.
  private func expectTruncationIsAPrefix(
    _ whole: Encoding, _ text: String, _ tokenizer: WordPieceTokenizer,
    _ generator: inout SeededGenerator, _ label: String
  ) {
    let length = Int.random(in: 2...whole.count, using: &generator)
    let pieces = whole.ids[1..<whole.count - 1]
    let right = try? tokenizer.encode(text, maxLength: length)
    #expect(right?.ids.dropFirst().dropLast() == pieces.prefix(length - 2), "\(label)")
    let left = try? tokenizer.encode(text, maxLength: length, direction: .left)
    #expect(left.map { Array($0.ids.dropFirst().dropLast()) } == Array(pieces.suffix(length - 2)))
  }
}
