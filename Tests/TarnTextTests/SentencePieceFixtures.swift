import Foundation
import Testing

@testable import TarnText

/// The golden cases of the `sentencepiece` package: see the README beside them.
struct SentencePieceFixture {
  /// A model, and what the package makes of texts and ids with it.
  struct Model {
    let name: String
    let tokenizer: SentencePieceTokenizer
    let size: Int
    /// Unknown, opening, closing and padding piece; -1 for none.
    let specialIDs: [Int]
    /// A number for each text.
    let digests: [UInt32]
    let decoded: [(ids: [Int32], text: String)]
  }

  /// A text with all that comes of it.
  struct Case {
    let model: String
    let text: [UInt8]
    let normalized: String
    let pieces: [(text: String, id: Int32, range: Range<Int>)]
    let decoded: String
  }

  let texts: [[UInt8]]
  let models: [Model]
  let cases: [Case]

  static let folder = packageFile("Tests/Fixtures/sentencepiece")

  /// The bytes of a model, its normaliser's table included.
  static func bytes(_ name: String, table: String? = nil) throws -> [UInt8] {
    var bytes = Array(try Data(contentsOf: folder.appendingPathComponent(name + ".model")))
    if let table {
      bytes += Array(try Data(contentsOf: folder.appendingPathComponent(table + ".charsmap")))
    }
    return bytes
  }

  init() throws {
    let data = try Data(contentsOf: Self.folder.appendingPathComponent("cases.json"))
    let json = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    texts = try #require(json["texts"] as? [Any]).map(Self.text)
    models = try #require(json["models"] as? [String: [String: Any]]).map { name, json in
      let digits = Array(try #require(json["digests"] as? String).utf8)
      return Model(
        name: name,
        tokenizer: try SentencePieceTokenizer(
          bytes: Self.bytes(name, table: json["table"] as? String), file: name),
        size: try #require(json["size"] as? Int),
        specialIDs: try ["unk", "bos", "eos", "pad"].map { try #require(json[$0] as? Int) },
        digests: stride(from: 0, to: digits.count, by: 8).map {
          UInt32(String(decoding: digits[$0..<$0 + 8], as: UTF8.self), radix: 16) ?? 0
        },
        decoded: try #require(json["decode"] as? [[Any]]).map {
          (try #require($0[0] as? [Int32]), try #require($0[1] as? String))
        })
    }.sorted { $0.name < $1.name }
    cases = try #require(json["cases"] as? [[String: Any]]).map { json in
      Case(
        model: try #require(json["model"] as? String), text: try Self.text(json["text"] as Any),
        normalized: try #require(json["normalized"] as? String),
        pieces: try #require(json["pieces"] as? [[Any]]).map { piece in
          (
            try #require(piece[0] as? String), try #require(piece[1] as? Int32),
            try #require(piece[2] as? Int)..<#require(piece[3] as? Int)
          )
        },
        decoded: try #require(json["decoded"] as? String))
    }
  }

  /// A model of the fixture by its name.
  func model(_ name: String) throws -> SentencePieceTokenizer {
    try #require(models.first { $0.name == name }).tokenizer
  }

  private static func text(_ json: Any) throws -> [UInt8] {
    if let text = json as? String { return Array(text.utf8) }
    let digits = Array(try #require((json as? [String: String])?["hex"]).utf8)
    return stride(from: 0, to: digits.count, by: 2).map {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16) ?? 0
    }
  }
}

/// Normalised text, pieces with ids and places, and decoded text as one number; see the fixture's
/// README.
func digest(
  of text: [UInt8], by tokenizer: SentencePieceTokenizer
) throws(TextError) -> UInt32 {
  let encoding = try tokenizer.encode(utf8: text)
  var bytes = tokenizer.normalizer.normalize(text.span).bytes
  for (piece, (id, range)) in zip(
    encoding.pieces(in: tokenizer), zip(encoding.ids, encoding.utf8Offsets))
  {
    bytes.append(0x1E)
    let fields = [piece, "\(id)", "\(range.lowerBound)", "\(range.upperBound)"]
    bytes += fields.joined(separator: "\u{1F}").utf8
  }
  bytes.append(0x1E)
  bytes += try tokenizer.decode(encoding.ids).utf8
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
  return UInt32(truncatingIfNeeded: hash >> 32 ^ hash)
}

/// A `.model` file, field by field.
struct SentencePieceWriter {
  private(set) var bytes: [UInt8] = []

  /// A field of a varint.
  mutating func integer(_ number: Int, _ value: UInt64) {
    varint(UInt64(number) << 3)
    varint(value)
  }

  /// A field of bytes.
  mutating func bytes(_ number: Int, _ value: [UInt8]) {
    varint(UInt64(number) << 3 | 2)
    varint(UInt64(value.count))
    bytes += value
  }

  /// A field of a number of four bytes.
  mutating func float(_ number: Int, _ value: Float) {
    varint(UInt64(number) << 3 | 5)
    for shift in [0, 8, 16, 24] as [UInt32] {
      bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
    }
  }

  /// A piece.
  mutating func piece(_ text: String, _ score: Float = 0, type: UInt64 = 1) {
    bytes(
      1,
      .message {
        $0.bytes(1, Array(text.utf8)); $0.float(2, score); $0.integer(3, type)
      })
  }

  private mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(value))
  }
}

extension [UInt8] {
  /// The bytes of a message.
  static func message(_ write: (inout SentencePieceWriter) -> Void) -> [UInt8] {
    var writer = SentencePieceWriter()
    write(&writer)
    return writer.bytes
  }
}
