import Foundation
import Testing

@testable import TarnText

struct SentencePieceModelTests {
  /// `<unk>`, `a`, `b`, `ab`; a unigram model unless `type` says otherwise.
  private static func small(
    type: UInt64 = 1, _ more: (inout SentencePieceWriter) -> Void = { _ in }
  ) -> [UInt8] {
    .message { writer in
      writer.piece("<unk>", type: 2)
      writer.piece("a", -1)
      writer.piece("b", -2)
      writer.piece("ab", -1.5)
      writer.bytes(2, .message { $0.integer(3, type) })
      more(&writer)
    }
  }

  /// A table of one rule, `é` to `e`, its units changed by `change`.
  private static func table(
    units count: Int = 256, texts: [UInt8] = [101, 0],
    _ change: (inout [UInt32]) -> Void = { _ in }
  ) -> [UInt8] {
    // Root at 0 with base 1; 0xC3 leads to 0xC2, whose base is 2; 0xA9 leads to 0xAB with a leaf
    // at its base, 4.
    var units = [UInt32](repeating: 0, count: count)
    units[0] = 1 << 10
    units[0xC2] = (0xC2 ^ 2) << 10 | 0xC3
    units[0xAB] = (0xAB ^ 4) << 10 | 1 << 8 | 0xA9
    units[4] = 1 << 31 | 0
    change(&units)
    var bytes = [UInt8]()
    for word in [UInt32(4 * count)] + units {
      bytes += [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
    }
    return bytes + texts
  }

  private static func normalizer(_ table: [UInt8]) -> [UInt8] {
    small { $0.bytes(3, .message { $0.bytes(2, table) }) }
  }

  /// Where the table of ``normalizer(_:)`` begins.
  private static let tablePlace = normalizer(table()).count - table().count

  @Test func aSmallModelIsReadWhateverTheOrderOfItsFields() throws {
    let bytes = Self.normalizer(Self.table())
    let tokenizer = try SentencePieceTokenizer(bytes: bytes)
    #expect(try tokenizer.encode("abéa").pieces(in: tokenizer) == ["\u{2581}", "ab", "e", "a"])
    #expect(tokenizer.algorithm == .unigram && tokenizer.count == 4 && tokenizer.bosID == nil)
    let head = [UInt8].message {
      $0.bytes(2, .message { $0.integer(3, 2) })
      // Fields of no concern, of every wire type.
      $0.integer(100, 7)
      $0.float(101, 1)
      $0.bytes(102, [1, 2, 3])
    }
    let other = try SentencePieceTokenizer(
      bytes: head + [0xB9, 6] + [UInt8](repeating: 0, count: 8)
        + [UInt8].message {
          $0.piece("a"); $0.piece("<unk>", type: 2)
        })
    #expect(other.algorithm == .bpe && other.unkID == 1)
  }

  @Test func laterFieldsCountAndMessagesMerge() throws {
    let bytes = Self.small {
      $0.bytes(3, .message { $0.integer(3, 0) })
      $0.bytes(3, .message { $0.integer(4, 0) })
      $0.bytes(2, .message { $0.integer(3, 2) })
      $0.bytes(2, .message { $0.bytes(45, []) })
    }
    let tokenizer = try SentencePieceTokenizer(bytes: bytes)
    #expect(tokenizer.algorithm == .bpe)
    #expect(try tokenizer.normalize(" a ") == "\u{2581}a\u{2581}")
  }

  @Test func equalSumsAndScoresGoToTheFirst() throws {
    // Both ways cost -3; of BPE's pairs with one score the left one is merged.
    let unigram = try SentencePieceTokenizer(
      bytes: .message {
        $0.piece("<unk>", type: 2)
        for piece in ["aa", "a"] { $0.piece(piece, piece == "a" ? -1.5 : -3) }
        $0.bytes(3, .message { $0.integer(3, 0) })
      })
    #expect(try unigram.encode("aa").ids == [1])
    let bpe = try SentencePieceTokenizer(
      bytes: .message {
        $0.piece("<unk>", type: 2)
        for piece in ["aa", "a"] { $0.piece(piece) }
        $0.bytes(2, .message { $0.integer(3, 2) })
        $0.bytes(3, .message { $0.integer(3, 0) })
      })
    #expect(try bpe.encode("aaa").ids == [1, 2])
  }

  // MARK: Hostile files

  /// A file that breaks one rule: the bytes before the place that is wrong, those from there on, and
  /// what the error says.
  struct Hostile: Sendable {
    let name: String
    let before: [UInt8]
    let bytes: [UInt8]
    let field: String
    let found: String
  }

  private static func piece(_ write: (inout SentencePieceWriter) -> Void) -> [UInt8] {
    .message { $0.bytes(1, .message(write)) }
  }

  static let hostile: [Hostile] = {
    let head = small()
    var files: [Hostile] = []
    func add(
      _ name: String, _ before: [UInt8], _ bytes: [UInt8], _ field: String, _ found: String
    ) {
      files.append(
        Hostile(name: name, before: before, bytes: bytes, field: field, found: found))
    }
    // The wire format.
    add("no bytes", [], [], "pieces", "no unknown piece among 0")
    add("half a tag", head, [0x8A], "model", "the end inside a field")
    add(
      "a tag that does not end", head, [UInt8](repeating: 0xFF, count: 11), "model",
      "an integer of more than 10 bytes")
    add("half a length", head, [0x0A, 0x80], "model", "the end inside a field")
    add("a field longer than the file", head, [0x0A, 5, 1, 2], "model", "a field of 5 bytes")
    add(
      "a length of 2⁶⁴ − 1", head, [0x0A] + [UInt8](repeating: 0xFF, count: 9) + [1],
      "model", "a field of 18446744073709551615 bytes")
    add("half a number", head, [0x0D, 0, 0], "model", "a field of 4 bytes")
    add("half a double", head, [0x09, 0, 0], "model", "a field of 8 bytes")
    add("a group", head, [0x0B], "model", "wire type 3")
    add("wire type 7", head, [0x0F], "model", "wire type 7")
    add("pieces of a number", head, [0x08, 1], "pieces", "wire type 0")
    add("a trainer of a number", head, [0x15, 0, 0, 0, 0], "trainer_spec", "wire type 5")
    add(
      "a normaliser of a double", head, [0x19] + [UInt8](repeating: 0, count: 8),
      "normalizer_spec", "wire type 1")
    // Pieces. The place is that of the field inside the piece: 2 bytes further.
    add("a number as text", head + [0x0A, 2], [0x08, 1], "pieces[4].piece", "wire type 0")
    add(
      "text that is not UTF-8", head + [0x0A, 3], [0x0A, 1, 0x80], "pieces[4].piece",
      "bytes that are not UTF-8")
    add(
      "text with U+0000", head + [0x0A, 4], [0x0A, 2, 97, 0], "pieces[4].piece",
      "the character U+0000")
    add("a score of bytes", head + [0x0A, 2], [0x12, 0], "pieces[4].score", "wire type 2")
    add(
      "a score that is no number", head + [0x0A, 5],
      [UInt8].message { $0.float(2, .nan) }, "pieces[4].score", "nan")
    add(
      "an infinite score", head + [0x0A, 5], [UInt8].message { $0.float(2, -.infinity) },
      "pieces[4].score", "-inf")
    add("type 0", head + [0x0A, 2], [0x18, 0], "pieces[4].type", "0")
    add("type 7", head + [0x0A, 2], [0x18, 7], "pieces[4].type", "7")
    add(
      "a piece inside a piece's end", head + [0x0A, 3], [0x0A, 5, 97], "pieces[4]",
      "a field of 5 bytes")
    add("no text", head, piece { $0.float(2, 1) }, "pieces[4].piece", "0 bytes")
    add(
      "a long text", head, piece { $0.bytes(1, [UInt8](repeating: 97, count: 513)) },
      "pieces[4].piece", "513 bytes")
    add("a piece twice", head, piece { $0.bytes(1, [97]) }, "pieces[4]", "\"a\" again")
    add(
      "a piece of ours and the user's", head,
      piece {
        $0.bytes(1, [97]); $0.integer(3, 4)
      }, "pieces[4]", "\"a\" again")
    add(
      "a control piece twice",
      head
        + piece {
          $0.bytes(1, [99]); $0.integer(3, 3)
        },
      piece {
        $0.bytes(1, [99]); $0.integer(3, 3)
      }, "pieces[5]", "\"c\" again")
    add(
      "two unknown pieces", head,
      piece {
        $0.bytes(1, [117]); $0.integer(3, 2)
      }, "pieces[4]",
      "a second unknown piece")
    add(
      "a byte without byte_fallback", head,
      piece {
        $0.bytes(1, Array("<0x00>".utf8)); $0.integer(3, 6)
      }, "pieces[4]",
      "a byte although byte_fallback is false")
    let fallback = small { $0.bytes(2, .message { $0.integer(35, 1) }) }
    for name in ["<0x0a>", "<0x100>", "<00A1>", "<0x0A]", "\u{1B}[0m"] {
      add(
        "a byte that is none", fallback,
        piece {
          $0.bytes(1, Array(name.utf8)); $0.integer(3, 6)
        }, "pieces[4]",
        name == "\u{1B}[0m" ? "the byte \"\\u{1B}[0m\"" : "the byte \"\(name)\"")
    }
    add("too few bytes", [], fallback, "pieces", "0 bytes although byte_fallback is true")
    add("no unknown piece", [], .message { $0.piece("a") }, "pieces", "no unknown piece among 1")
    add(
      "nothing to cut into", [], .message { $0.piece("<unk>", type: 2) }, "pieces",
      "none that a text can be cut into")
    // Specifications.
    for (type, place) in [(0, 3), (3, 3), (4, 3), (1 << 40, 3)] as [(UInt64, UInt8)] {
      let trainer = [UInt8].message { $0.integer(3, type) }
      add(
        "model type \(type)", head + [0x12, UInt8(trainer.count)], trainer,
        "trainer_spec.model_type", "type \(type)")
      #expect(place == 3)
    }
    add(
      "a flag of bytes", head + [0x12, 3], [0x9A, 2, 0], "trainer_spec.byte_fallback",
      "wire type 2")
    add(
      "a name that is not UTF-8", head + [0x12, 4], [0xEA, 2, 1, 0xFF],
      "trainer_spec.unk_piece", "bytes that are not UTF-8")
    add(
      "spaces of bytes", head + [0x1A, 2], [0x22, 0],
      "normalizer_spec.remove_extra_whitespaces", "wire type 2")
    add(
      "a table of a number", head + [0x1A, 2], [0x10, 0],
      "normalizer_spec.precompiled_charsmap", "wire type 0")
    // Tables.
    let rules = "normalizer_spec.precompiled_charsmap"
    func addTable(_ name: String, _ table: [UInt8], at place: Int, _ found: String) {
      let bytes = normalizer(table)
      let start = bytes.count - table.count + place
      add(name, Array(bytes[..<start]), Array(bytes[start...]), rules, found)
    }
    addTable("four bytes", [0, 0, 0, 0], at: 0, "4 bytes")
    addTable("no trie", [0, 0, 0, 0, 0], at: 0, "a trie of 0 bytes")
    addTable(
      "half a block", [0, 2, 0, 0] + [UInt8](repeating: 0, count: 512), at: 0,
      "a trie of 512 bytes")
    addTable(
      "a trie that is longer", [0, 4, 0, 0] + [UInt8](repeating: 0, count: 1023), at: 0,
      "a trie of 1024 bytes")
    addTable("a trie of 4 GB", [0, 0xFC, 0xFF, 0xFF, 0], at: 0, "a trie of 4294966272 bytes")
    addTable(
      "texts that are not UTF-8", table(texts: [101, 0, 0xFF, 0]), at: 4 + 1024,
      "replacements that are not UTF-8")
    addTable(
      "a text without an end", table(texts: [101, 0, 101]), at: 4 + 1024 + 2,
      "a replacement without an end")
    addTable(
      "a long text",
      table(texts: [UInt8](repeating: 97, count: 257) + [0]), at: 4 + 1024 + 256,
      "a replacement of more than 256 bytes")
    addTable("a root outside", table { $0[0] = 300 << 10 }, at: 4, "a base at unit 300")
    addTable(
      "a base far outside", table { $0[0xC2] = 0x1FFFFF << 10 | 1 << 9 | 0xC3 },
      at: 4 + 4 * 0xC2, "a base at unit \(0xC2 ^ 0x1FFFFF00)")
    addTable("a leaf that is none", table { $0[4] = 0 }, at: 4 + 4 * 4, "a leaf for place 0")
    addTable(
      "a leaf past the texts", table { $0[4] = 1 << 31 | 2 }, at: 4 + 4 * 4,
      "a leaf for place 2")
    addTable("a leaf without texts", table(texts: []), at: 4 + 4 * 4, "a leaf for place 0")
    addTable(
      "a leaf inside a character",
      table(texts: [0xC3, 0xA9, 0]) { $0[4] = 1 << 31 | 1 }, at: 4 + 4 * 4,
      "a leaf for place 1")
    addTable(
      "a circle", table { $0[0xC2] = (0xC2 ^ 1) << 10 | 0xC3 }, at: 4 + 4 * 0xC2,
      "a path that returns")
    addTable(
      "a long rule",
      table(units: 256 * 67) { units in
        // 'a' 65 times; the n-th base is 256·n.
        units[0] = 256 << 10
        for base in stride(from: 256, through: 256 * 65, by: 256) as StrideThrough<UInt32> {
          units[Int(base ^ 97)] = (base ^ 97 ^ (base + 256)) << 10 | 97
        }
      }, at: 4, "a rule of more than 64 bytes")
    return files
  }()

  @Test(arguments: hostile.indices)
  func hostileFileGivesItsNamedError(place: Int) throws {
    let file = Self.hostile[place]
    let elapsed = try ContinuousClock().measure {
      let error = #expect(throws: TextError.self, "\(file.name)") {
        try SentencePieceTokenizer(bytes: file.before + file.bytes, file: "m.model")
      }
      guard
        case .invalidSentencePieceModel("m.model", let offset, let field, let found, _)? = error
      else {
        Issue.record("\(file.name): \(String(describing: error))")
        return
      }
      #expect(field == file.field && found == file.found, "\(file.name): \(field): \(found)")
      let isRule = found.hasPrefix("a rule of more")
      #expect(offset == file.before.count || isRule, "\(file.name): byte \(offset)")
      let message = try #require(error).description
      #expect(message.hasPrefix("m.model: byte \(offset): \(field): found"))
      #expect(message.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7F })
    }
    #expect(elapsed < .seconds(1), "\(file.name)")
  }

  @Test func limitsAreOptions() throws {
    let bytes = Self.normalizer(Self.table())
    func error(_ set: (inout SentencePieceLimits) -> Void) -> TextError? {
      var limits = SentencePieceLimits()
      set(&limits)
      do throws(TextError) {
        _ = try SentencePieceTokenizer(bytes: bytes, file: "m", limits: limits)
      } catch {
        return error
      }
      return nil
    }
    #expect(error { $0.fileBytes = bytes.count } == nil)
    #expect(
      error { $0.fileBytes = bytes.count - 1 }
        == .sentencePieceModelTooLarge(file: "m", limit: bytes.count - 1))
    #expect(error { $0.fileBytes = -1 } == .sentencePieceModelTooLarge(file: "m", limit: 0))
    for set in [
      { $0.pieces = 3 }, { $0.pieceBytes = 1 }, { $0.ruleBytes = 1 }, { $0.replacementBytes = 0 },
      { $0.pieces = -1 }, { $0.pieceBytes = .min },
    ] as [(inout SentencePieceLimits) -> Void] {
      guard case .invalidSentencePieceModel? = error(set) else {
        Issue.record("no error")
        continue
      }
    }
    #expect(
      error {
        $0.pieces = 4
        $0.pieceBytes = 5
        $0.ruleBytes = 2
        $0.replacementBytes = 1
      } == nil)
  }

  @Test func unreadableFilesAreTypedErrorsThatNameThePath() throws {
    for path in ["/nowhere/spm.model", SentencePieceFixture.folder.path, "", "a\0b"] {
      #expect {
        try SentencePieceTokenizer(path: path)
      } throws: { error in
        guard case .unreadableFile(let named, _)? = error as? TextError else { return false }
        return named == path
      }
    }
    let path = SentencePieceFixture.folder.appendingPathComponent("bpe-bytes.model").path
    #expect(try SentencePieceTokenizer(path: path).algorithm == .bpe)
    var limits = SentencePieceLimits()
    limits.fileBytes = 100
    #expect(throws: TextError.sentencePieceModelTooLarge(file: path, limit: 100)) {
      try SentencePieceTokenizer(path: path, limits: limits)
    }
  }

  @Test func idsOutsideAreTypedErrors() throws {
    let tokenizer = try SentencePieceTokenizer(bytes: Self.small())
    for id in [4, -1, .max, .min] as [Int32] {
      #expect(throws: TextError.unknownID(index: 1, found: id, count: 4)) {
        try tokenizer.decode([1, id])
      }
    }
    #expect(try tokenizer.decode([]) == "")
  }

  @Test(arguments: [1, 2] as [UInt64])
  func seededMutationsEndInATokenizerOrATypedError(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let valid = [
      Self.normalizer(Self.table()), Self.small(type: 2),
      try SentencePieceFixture.bytes("unigram-rules"), try SentencePieceFixture.bytes("bpe-unused"),
    ]
    let text = Array("The quick ab abcd \u{E9}\u{E9} \u{4E00}\u{FB01} <sep> Trump".utf8)
    var read = 0
    for round in 0..<1200 {
      var bytes = valid[round % valid.count]
      for _ in 0..<Int.random(in: 1...5, using: &generator) {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
        case 2: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        default: bytes.remove(at: index)
        }
      }
      do throws(TextError) {
        let tokenizer = try SentencePieceTokenizer(bytes: bytes)
        read += 1
        let encoding = try tokenizer.encode(utf8: text)
        _ = try tokenizer.decode(encoding.ids)
        let normalized = tokenizer.normalizer.normalize(text.span).bytes
        #expect(String(validating: normalized, as: UTF8.self) != nil, "seed \(seed): \(round)")
      } catch {
        guard case .invalidSentencePieceModel = error else {
          Issue.record("seed \(seed), round \(round): \(error)")
          continue
        }
      }
    }
    #expect(read > 100 && read < 1100, "\(read)")
  }
}
