import Foundation
import Testing

@testable import TarnText

struct FairseqDictionaryTests {
  private func dictionary(_ text: String) throws(TextError) -> FairseqDictionary {
    try FairseqDictionary(bytes: Array(text.utf8), file: "dict.txt")
  }

  @Test func theFixtureAgrees() throws {
    let folder = packageFile("Tests/Fixtures/pyramidion/dictionary")
    let dictionary = try FairseqDictionary(
      path: folder.appendingPathComponent("dict.txt").path)
    let data = try Data(contentsOf: folder.appendingPathComponent("expected.json"))
    let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(dictionary.count == json["size"] as? Int)
    let symbols = (0..<Int32(dictionary.count)).map { dictionary.symbol(of: $0) }
    #expect(symbols == json["symbols"] as? [String])
    let lines = try #require(json["lines"] as? [String])
    let ids = lines.map { dictionary.encode($0) }
    #expect(ids == json["ids"] as? [[Int32]])
    #expect(try ids.map { try dictionary.decode($0) } == json["detokenized"] as? [String])
  }

  @Test func aLineIsDividedAtItsLastSpace() throws {
    let dictionary = try dictionary("a b 5\r\n 7\rc\u{A0}d +1_000 \t\u{2003}\nx -2")
    #expect(dictionary.count == 8)
    #expect((4..<8).map { dictionary.symbol(of: $0) } == ["a b", "", "c\u{A0}d", "x"])
    #expect(dictionary.id(of: "a b") == 4 && dictionary.id(of: "") == nil)
    #expect(try self.dictionary("").count == 4)
    // A combining mark makes no other symbol of a letter.
    #expect(try self.dictionary("\u{E9} 1\ne\u{301} 1").id(of: "e\u{301}") == 5)
  }

  @Test func theFlagGivesASymbolAnotherNumber() throws {
    let flag = "#fairseq:overwrite"
    let dictionary = try dictionary(
      "a 1\na 2 \(flag)\n<unk> 3 \(flag)\nb 4 \(flag)\n</s> 1 \(flag)")
    #expect(dictionary.id(of: "a") == 5 && dictionary.symbol(of: 4) == "a")
    #expect(dictionary.encode("a b <unk> </s> new") == [5, 7, 6, 8, 3, 2])
    #expect(try dictionary.decode([3, 6, 2, 8]) == "<unk><unk></s>")
  }

  @Test func linesAreDividedAtEveryWhiteSpace() throws {
    let dictionary = try dictionary("a 1\nb 1\n\u{200B} 1")
    #expect(
      dictionary.encode("\u{1C}a\u{3000}b\u{A0}\u{2028}a\u{85}\u{200B}\u{FEFF}\n")
        == [4, 5, 4, 3, 2])
    #expect(dictionary.encode(pieces: ["a", "b a", "", "ab"]) == [4, 5, 4, 3, 2])
    #expect(dictionary.encode("") == [2])
  }

  @Test func textsHaveNoSpacesButThoseOfPieces() throws {
    let dictionary = try dictionary("\u{2581}the 1\n\u{2581} 1\na b 1\n\u{A0} 1\n\u{2581}x 1")
    #expect(try dictionary.decode([5, 4, 6, 0, 5, 5, 8, 2, 7, 1]) == "theab   x\u{A0}<pad>")
    #expect(try dictionary.decode([7, 5, 5]) == "" && dictionary.decode([]) == "")
    for id in [9, -1, .max] as [Int32] {
      #expect(throws: TextError.unknownID(index: 1, found: id, count: 9)) {
        try dictionary.decode([4, id])
      }
    }
  }

  /// Files that break one rule each, and the line.
  static let hostile: [(name: String, text: String, line: Int, found: String)] = [
    ("a blank line", "a 1\n\nb 2", 2, "\"\""), ("no count", "a 1\nb", 2, "\"b\""),
    ("white space", "a 1\n \t \nb 2", 2, "\" \\t \""),
    ("a fraction", "a 1.5", 1, "\"a 1.5\""), ("words", "a b", 1, "\"a b\""),
    ("a sign alone", "a -", 1, "\"a -\""), ("two signs", "a --1", 1, "\"a --1\""),
    ("an underscore", "a 1_", 1, "\"a 1_\""), ("an exponent", "a 1e3", 1, "\"a 1e3\""),
    ("a tab", "a\t5", 1, "\"a\\t5\""), ("log-probabilities", "<unk>\t0\n", 1, "\"<unk>\\t0\""),
    ("a flag alone", "#fairseq:overwrite", 1, "\"#fairseq:overwrite\""),
    ("a flag without a count", "a #fairseq:overwrite", 1, "\"a #fairseq:overwrite\""),
    ("another flag", "a 1 #overwrite", 1, "\"a 1 #overwrite\""),
    ("a symbol twice", "a 1\nb 1\na 2", 3, "\"a\" again"),
    ("a special symbol", "x 1\n</s> 1", 2, "\"</s>\" again"),
    ("nothing twice", " 1\n 2", 2, "\"\" again"),
    ("an escape", "\u{1B}[31m", 1, "\"\\u{1B}[31m\""),
  ]

  @Test(arguments: hostile.indices)
  func hostileFileGivesItsNamedError(place: Int) {
    let (name, text, line, found) = Self.hostile[place]
    let error = #expect(throws: TextError.self, "\(name)") { try dictionary(text) }
    guard case .invalidDictionaryLine("dict.txt", line, let said, _)? = error else {
      Issue.record("\(name): \(String(describing: error))")
      return
    }
    #expect(said == found, "\(name)")
  }

  @Test func otherHostileFilesAreTypedErrors() throws {
    #expect(throws: TextError.invalidVocabularyUTF8(file: "d", line: 2)) {
      try FairseqDictionary(bytes: [97, 32, 49, 13, 0xFF, 32, 49], file: "d")
    }
    let limit = FairseqDictionary.maximumBytes
    #expect(throws: TextError.vocabularyTooLarge(file: "d", limit: limit)) {
      try FairseqDictionary(bytes: [UInt8](repeating: 97, count: limit + 1), file: "d")
    }
    for path in ["/nowhere/dict.txt", "a\0b"] {
      #expect {
        try FairseqDictionary(path: path)
      } throws: { error in
        guard case .unreadableFile(path, _)? = error as? TextError else { return false }
        return true
      }
    }
  }
}
