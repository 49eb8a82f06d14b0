import Foundation

@testable import TarnText

/// A file below the package's root.
func packageFile(_ path: String) -> URL {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent(path)
}

/// Where the WordPiece fixtures lie.
let wordPieceFolder = packageFile("Tests/Fixtures/wordpiece")

/// A JSON file of the WordPiece fixtures.
func wordPieceFixture(_ name: String) throws -> [String: Any] {
  let data = try Data(contentsOf: wordPieceFolder.appendingPathComponent(name))
  return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
}

/// A profile of cases.json: a vocabulary and switches.
struct Profile {
  let lowercases: Bool
  let stripsAccents: Bool?
  let tokenizer: WordPieceTokenizer

  init(_ json: [String: Any]) throws {
    lowercases = json["lowercase"] as? Bool ?? true
    stripsAccents = json["strip_accents"] as? Bool
    let special = json["special"] as? [String: String] ?? [:]
    var tokens = SpecialTokens()
    tokens.unk = special["unk"] ?? tokens.unk
    tokens.cls = special["cls"] ?? tokens.cls
    tokens.sep = special["sep"] ?? tokens.sep
    tokens.pad = special["pad"] ?? tokens.pad
    tokens.mask = special["mask"] ?? tokens.mask
    tokens.additional = [special["bos"], special["eos"]].compactMap { $0 }
    let renaming = json["rename"] as? [String: String] ?? [:]
    tokenizer = try WordPieceTokenizer(
      vocabulary: Vocabulary(
        path: wordPieceFolder.appendingPathComponent(json["vocab"] as? String ?? "").path,
        renaming: renaming.map { Vocabulary.Renaming($0.key, $0.value) }),
      options: WordPieceOptions(
        lowercases: lowercases, stripsAccents: stripsAccents,
        handlesChineseCharacters: json["handle_chinese_chars"] as? Bool ?? true,
        cleansText: json["clean_text"] as? Bool ?? true, specialTokens: tokens,
        clsTypeID: Int32(json["cls_type_id"] as? Int ?? 0)))
  }

  /// All profiles by name.
  static func all() throws -> [String: Profile] {
    let json = try wordPieceFixture("cases.json")["profiles"] as? [String: [String: Any]] ?? [:]
    return try json.mapValues { try Profile($0) }
  }
}

/// Uncased BERT over the fixture vocabulary.
func uncasedTokenizer(_ options: WordPieceOptions = .uncased) throws -> WordPieceTokenizer {
  try WordPieceTokenizer(directory: wordPieceFolder.path, options: options)
}

/// SplitMix64, so that a failure can be repeated from its seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// A string in ASCII, for messages: scalars outside it are written as U+….
func escaped(_ text: String) -> String {
  text.unicodeScalars.map { $0.isASCII && $0.value >= 32 ? String($0) : $0.escaped(asASCII: true) }
    .joined()
}
