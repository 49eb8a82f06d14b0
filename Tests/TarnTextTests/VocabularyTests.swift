import Foundation
import Testing

@testable import TarnText

struct VocabularyTests {
  private func vocabulary(_ text: String) throws(TextError) -> Vocabulary {
    try Vocabulary(bytes: Array(text.utf8), file: "v.txt")
  }

  @Test func idsAreLineNumbers() throws {
    let vocabulary = try vocabulary("[PAD]\nthe\n##s")
    #expect(vocabulary.count == 3)
    #expect(vocabulary.id(of: "the") == 1 && vocabulary.id(of: "##s") == 2)
    #expect(vocabulary.id(of: "th") == nil && vocabulary.id(of: "them") == nil)
    #expect(vocabulary.piece(of: 0) == "[PAD]" && vocabulary.piece(of: 2) == "##s")
    #expect(vocabulary.piece(of: 3) == nil && vocabulary.piece(of: -1) == nil)
  }

  @Test func linesEndAtLineFeedsOnlyAndLoseTrailingSpace() throws {
    let vocabulary = try vocabulary("a\u{2028}b\u{85}c \t\r\n\n x\u{3000}\n")
    #expect(vocabulary.count == 3)
    #expect(vocabulary.id(of: "a\u{2028}b\u{85}c") == 0)
    #expect(vocabulary.piece(of: 1)?.isEmpty == true && vocabulary.id(of: "") == nil)
    #expect(vocabulary.id(of: " x") == 2)
  }

  @Test func canonicallyEquivalentPiecesStayApart() throws {
    let vocabulary = try vocabulary("\u{E9}\ne\u{301}\n")
    #expect(vocabulary.id(of: "\u{E9}") == 0 && vocabulary.id(of: "e\u{301}") == 1)
  }

  @Test func textGetsTheLastOfEqualPieces() throws {
    let vocabulary = try vocabulary("a\nb\na\n")
    #expect(vocabulary.id(of: "a") == 2)
    #expect(vocabulary.piece(of: 0) == "a" && vocabulary.piece(of: 2) == "a")
  }

  @Test func everyLineOfThePublishedFileIsFound() throws {
    let path = wordPieceFolder.appendingPathComponent("vocab.txt")
    let vocabulary = try Vocabulary(path: path.path)
    #expect(vocabulary.count == 30522)
    let lines = try Data(contentsOf: path).split(separator: 10)
    #expect(lines.count == 30522)
    for (line, bytes) in lines.enumerated() {
      let piece = String(decoding: bytes, as: UTF8.self)
      #expect(vocabulary.id(of: piece) == Int32(line))
      #expect(vocabulary.piece(of: Int32(line)).map { Array($0.utf8) } == Array(bytes))
    }
  }

  /// Files that break one rule each; the line is that of the first byte that is wrong.
  static let hostile: [(name: String, bytes: [UInt8], error: TextError)] = [
    ("no byte", [], .emptyVocabulary(file: "v.txt")),
    ("a continuation alone", [0x80], .invalidVocabularyUTF8(file: "v.txt", line: 1)),
    ("a lead alone", [97, 10, 0xC3, 10], .invalidVocabularyUTF8(file: "v.txt", line: 2)),
    ("a lead at the end", [97, 10, 98, 0xE4], .invalidVocabularyUTF8(file: "v.txt", line: 2)),
    (
      "a scalar over a line feed", [0xE4, 10, 0xB8], .invalidVocabularyUTF8(file: "v.txt", line: 1)
    ),
    ("an overlong slash", [0xC0, 0xAF], .invalidVocabularyUTF8(file: "v.txt", line: 1)),
    ("an overlong zero", [0xE0, 0x80, 0x80], .invalidVocabularyUTF8(file: "v.txt", line: 1)),
    ("a surrogate", [10, 0xED, 0xA0, 0x80], .invalidVocabularyUTF8(file: "v.txt", line: 2)),
    (
      "a scalar above U+10FFFF", [0xF4, 0x90, 0x80, 0x80],
      .invalidVocabularyUTF8(file: "v.txt", line: 1)
    ),
    ("a byte of five", [0xF8, 0x88], .invalidVocabularyUTF8(file: "v.txt", line: 1)),
    ("UTF-16", [0xFF, 0xFE, 97, 0], .invalidVocabularyUTF8(file: "v.txt", line: 1)),
    (
      "an archive", [0x50, 0x4B, 3, 4, 10, 0xFF], .invalidVocabularyUTF8(file: "v.txt", line: 2)
    ),
    (
      "one byte more than the limit", [UInt8](repeating: 97, count: Vocabulary.maximumBytes + 1),
      .vocabularyTooLarge(file: "v.txt", limit: Vocabulary.maximumBytes)
    ),
    (
      "one line more than the limit", [UInt8](repeating: 10, count: Vocabulary.maximumLines + 1),
      .tooManyLines(file: "v.txt", limit: Vocabulary.maximumLines)
    ),
  ]

  @Test(arguments: hostile.indices)
  func hostileFileGivesItsNamedError(place: Int) {
    let (name, bytes, error) = Self.hostile[place]
    let elapsed = ContinuousClock().measure {
      #expect(throws: error, "\(name)") { try Vocabulary(bytes: bytes, file: "v.txt") }
    }
    #expect(elapsed < .seconds(1), "\(name)")
  }

  /// As long a piece as there can be, and as many lines.
  @Test(arguments: [(UInt8(97), Vocabulary.maximumBytes, 1), (10, Vocabulary.maximumLines, nil)])
  func theLongestFileIsRead(byte: UInt8, bytes: Int, lines: Int?) throws {
    let vocabulary = try Vocabulary(bytes: [UInt8](repeating: byte, count: bytes))
    #expect(vocabulary.count == lines ?? bytes)
  }

  @Test func unreadableFilesAreTypedErrorsThatNameThePath() {
    for path in ["/nowhere/vocab.txt", wordPieceFolder.path, "", "a\0b"] {
      #expect {
        try Vocabulary(path: path)
      } throws: { error in
        guard case .unreadableFile(let named, let reason)? = error as? TextError else {
          return false
        }
        return named == path && !reason.isEmpty && "\(error)".hasPrefix(path)
      }
    }
  }

  @Test func missingSpecialTokensAreTypedErrors() throws {
    for missing in ["[UNK]", "[CLS]", "[SEP]"] {
      let pieces = ["[UNK]", "[CLS]", "[SEP]"].filter { $0 != missing }
      let vocabulary = try vocabulary(pieces.joined(separator: "\n"))
      let expected = TextError.missingSpecialToken(token: missing, file: "v.txt", entries: 2)
      #expect(throws: expected) { try WordPieceTokenizer(vocabulary: vocabulary) }
    }
    let small = try WordPieceTokenizer(vocabulary: vocabulary("[UNK]\n[CLS]\n[SEP]\n"))
    #expect(small.padID == nil && small.maskID == nil)
    #expect(try small.encode("a [MASK]").ids == [1, 0, 0, 0, 0, 2])
    #expect(throws: TextError.self) {
      try WordPieceTokenizer(vocabulary: small.vocabulary, options: .funnel)
    }
  }

  @Test func renamedEntriesKeepTheirIds() throws {
    let path = wordPieceFolder.appendingPathComponent("vocab.txt").path
    let vocabulary = try Vocabulary(path: path, renaming: Vocabulary.Renaming.funnel)
    #expect(vocabulary.id(of: "<cls>") == 101 && vocabulary.id(of: "[CLS]") == nil)
    #expect(vocabulary.id(of: "</s>") == 97 && vocabulary.piece(of: 96) == "<s>")
    let tokenizer = try WordPieceTokenizer(vocabulary: vocabulary, options: .funnel)
    #expect(try tokenizer.encode("</s>").typeIDs == [2, 0, 0])
  }

  @Test func seededMutationsEndInAVocabularyOrATypedError() {
    let seed: UInt64 = 3
    var generator = SeededGenerator(seed: seed)
    let valid = Array("[UNK]\n[CLS]\n[SEP]\nthe\n##s\n\u{E9}\u{4E00}\n".utf8)
    for _ in 0..<2000 {
      var bytes = valid
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
        default: if bytes.count > 1 { bytes.remove(at: index) }
        }
      }
      guard let vocabulary = try? Vocabulary(bytes: bytes) else {
        #expect(String(validating: bytes, as: UTF8.self) == nil, "seed \(seed): \(bytes)")
        continue
      }
      let lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
      #expect(vocabulary.count == lines.count - (bytes.last == 10 ? 1 : 0), "seed \(seed)")
      if let tokenizer = try? WordPieceTokenizer(vocabulary: vocabulary) {
        #expect((try? tokenizer.encode("the [CLS] thes \u{E9} \u{4E00}")) != nil, "seed \(seed)")
      }
    }
  }
}
