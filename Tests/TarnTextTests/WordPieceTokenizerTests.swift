import Testing

@testable import TarnText

struct WordPieceTokenizerTests {
  @Test func lengthsBelowTheTemplateAreTypedErrors() throws {
    let tokenizer = try uncasedTokenizer()
    for length in [1, 0, -5, .min] {
      #expect(throws: TextError.maximumLengthTooSmall(found: length, minimum: 2)) {
        try tokenizer.encode("a", maxLength: length)
      }
    }
    #expect(throws: TextError.maximumLengthTooSmall(found: 2, minimum: 3)) {
      try tokenizer.encode("a", pair: "", maxLength: 2)
    }
    #expect(try tokenizer.encode("a b", maxLength: 2, truncation: .onlySecond).count == 2)
    #expect(try tokenizer.encode("a b", maxLength: .max).count == 4)
  }

  @Test func onlyASecondTextThatExistsCanBeCut() throws {
    let tokenizer = try uncasedTokenizer()
    #expect(throws: TextError.noSecondText) {
      try tokenizer.encode("a b c", maxLength: 3, truncation: .onlySecond)
    }
    #expect(try tokenizer.encode("a", maxLength: 3, truncation: .onlySecond).count == 3)
    #expect(throws: TextError.sequenceTooShort(pieces: 1, excess: 2)) {
      try tokenizer.encode("a", pair: "b c", maxLength: 4, truncation: .onlyFirst)
    }
  }

  @Test(
    arguments: [
      ([0xFF], 0), ([97, 0xC0, 0x80], 1), ([97, 98, 0xED, 0xA0, 0x80], 2),
      ([0xF4, 0x90, 0x80, 0x80], 0),
      ([0xE4, 0xB8], 0), ([97, 0x80], 1), ([0xC3, 0xA9, 0xC3], 2),
    ] as [([UInt8], Int)])
  func invalidUTF8IsATypedErrorWithItsOffset(bytes: [UInt8], offset: Int) throws {
    let tokenizer = try uncasedTokenizer()
    #expect(throws: TextError.invalidUTF8(offset: offset)) { try tokenizer.encode(utf8: bytes) }
    #expect(throws: TextError.invalidUTF8(offset: offset)) {
      try tokenizer.encode(utf8: [97], pair: bytes)
    }
  }

  @Test func specialTokensInTextCanBeTurnedOff() throws {
    var options = WordPieceOptions.uncased
    #expect(try uncasedTokenizer(options).encode("a[MASK]b").ids == [101, 1037, 103, 1038, 102])
    options.recognizesSpecialTokensInText = false
    let tokenizer = try uncasedTokenizer(options)
    let encoding = try tokenizer.encode("a[MASK]b[sep]")
    #expect(
      encoding.tokens(in: tokenizer.vocabulary)
        == ["[CLS]", "a", "[", "mask", "]", "b", "[", "sep", "]", "[SEP]"])
    #expect(tokenizer.maskID == 103 && tokenizer.padID == 0)
  }

  @Test func specialTokensMayStartWithLettersAndMayBeMarks() throws {
    let vocabulary = try Vocabulary(
      bytes: Array("[UNK]\n[CLS]\n[SEP]\nab\nabc\na\n##x\nx\n\u{301}\n".utf8))
    var options = WordPieceOptions.uncased
    options.specialTokens.additional = ["ab", "abc", "\u{301}"]
    let tokenizer = try WordPieceTokenizer(vocabulary: vocabulary, options: options)
    #expect(try tokenizer.encode("xabcax\u{301}ABx").ids == [1, 7, 4, 5, 6, 8, 3, 6, 2])
  }

  @Test func vocabulariesWithoutContinuationsSpellWholeWordsOnly() throws {
    let vocabulary = try Vocabulary(bytes: Array("[UNK]\n[CLS]\n[SEP]\nab\na\n".utf8))
    let tokenizer = try WordPieceTokenizer(vocabulary: vocabulary)
    #expect(try tokenizer.encode("ab a aba \u{E1} \u{E1}b").ids == [1, 3, 4, 0, 4, 3, 2])
  }

  @Test func marksPastTheWordLimitStillDecideWhereAnUnknownWordBegins() throws {
    var options = WordPieceOptions.uncased
    options.maximumWordLength = 2
    let tokenizer = try uncasedTokenizer(options)
    // Classes 230, 230, 230, 9: the last mark sorts first, so the word begins there and ends at the
    // third.
    let marks = "\u{8D4}\u{8D4}\u{8D4}\u{1BAA}"
    #expect(try tokenizer.encode(marks).offsets[1] == 3..<3)
    #expect(try tokenizer.encode(marks).utf8Offsets[1] == 9..<9)
    #expect(try tokenizer.encode(marks + "a").offsets[1] == 3..<5)
    #expect(try tokenizer.encode("a" + marks).offsets[1] == 0..<4)
    // In full reverse the word would end before it begins: it spans everything.
    let reversed = try tokenizer.encode("\u{8D4}\u{302E}\u{1BAA}")
    #expect(reversed.offsets[1] == 0..<3 && reversed.utf8Offsets[1] == 0..<9)
  }

  @Test func errorsAreOneSentenceWithTheirFacts() {
    let error = TextError.missingSpecialToken(token: "[UNK]", file: "vocab.txt", entries: 7)
    #expect("\(error)" == "vocab.txt: none of the 7 entries is the special token \"[UNK]\"")
    #expect("\(TextError.invalidUTF8(offset: 12))".contains("byte 12"))
  }
}
