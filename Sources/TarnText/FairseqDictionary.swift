/// The dictionary of a fairseq model: pieces and their numbers.
///
///     0 <s>   1 <pad>   2 </s>   3 <unk>   4… the lines of dict.txt: "symbol count[ #fairseq:overwrite]"
///
/// A line is divided at its last space; white space at its end counts for nothing. A symbol that is
/// there already, a special one included, needs the flag: it then has a new number, by which it is
/// found, and keeps the old one as another. The special numbers stay. Symbols are compared byte by
/// byte, as fairseq compares them.
public struct FairseqDictionary: Sendable {
  /// Opens nothing: fairseq reserves it.
  public static let bosID: Int32 = 0
  /// Fills up a batch.
  public static let padID: Int32 = 1
  /// Closes a text, and opens what a decoder writes.
  public static let eosID: Int32 = 2
  /// Stands for what is not in the dictionary.
  public static let unkID: Int32 = 3

  /// Longest file, in bytes; what is read of it takes up to 30 times as much.
  static let maximumBytes = 8 << 20

  /// Where the symbols come from, for messages.
  public let file: String
  /// The number of symbols, special ones included, so that every id is below it.
  public let count: Int

  private let trie: PieceTrie
  private let symbols: [UInt8]
  private let ends: [Int]

  /// Reads the file `dict.txt` of a checkpoint.
  ///
  /// - Throws: ``TextError/unreadableFile(path:reason:)`` and what ``init(bytes:file:)`` throws.
  public init(path: String) throws(TextError) {
    guard let bytes = try readFile(path, limit: Self.maximumBytes) else {
      throw .vocabularyTooLarge(file: path, limit: Self.maximumBytes)
    }
    try self.init(bytes: bytes, file: path)
  }

  /// Reads a dictionary from the bytes of its file.
  ///
  /// - Parameters:
  ///   - bytes: UTF-8 with a symbol and its count a line. There may be no line.
  ///   - file: what messages call it.
  /// - Throws: ``TextError/vocabularyTooLarge(file:limit:)``,
  ///   ``TextError/invalidVocabularyUTF8(file:line:)``,
  ///   ``TextError/invalidDictionaryLine(file:line:found:expected:)``.
  public init(bytes: [UInt8], file: String = "dictionary") throws(TextError) {
    guard bytes.count <= Self.maximumBytes else {
      throw .vocabularyTooLarge(file: file, limit: Self.maximumBytes)
    }
    var trie = PieceTrie()
    var symbols: [UInt8] = []
    var ends: [Int] = []
    var hasEmpty = false
    func append(_ symbol: some Collection<UInt8>) {
      trie.insert(symbol, id: Int32(truncatingIfNeeded: ends.count))
      symbols += symbol
      ends.append(symbols.count)
    }
    for special in ["<s>", "<pad>", "</s>", "<unk>"] { append(special.utf8) }
    var number = 0
    var start = 0
    while start < bytes.count {
      number += 1
      let end = bytes[start...].firstIndex { $0 == 10 || $0 == 13 } ?? bytes.count
      let line = bytes[start..<end]
      start = end + 1
      if start < bytes.count, bytes[end] == 13, bytes[start] == 10 { start += 1 }
      do throws(TextError) {
        try validateUTF8(line.span)
      } catch {
        throw .invalidVocabularyUTF8(file: file, line: number)
      }
      guard let entry = DictionaryLine(line) else {
        throw .invalidDictionaryLine(
          file: file, line: number, found: quoted(line),
          expected: "a symbol, a space and a whole number")
      }
      let isKnown = entry.symbol.isEmpty ? hasEmpty : trie.id(of: entry.symbol) != nil
      guard entry.overwrites || !isKnown else {
        throw .invalidDictionaryLine(
          file: file, line: number, found: "\(quoted(entry.symbol)) again",
          expected: "each symbol once, or #fairseq:overwrite after its count")
      }
      if entry.symbol.isEmpty { hasEmpty = true }
      append(entry.symbol)
    }
    self.file = file
    count = ends.count
    self.trie = trie
    self.symbols = symbols
    self.ends = ends
  }

  /// The id of exactly this symbol, nil where there is none.
  public func id(of symbol: String) -> Int32? { trie.id(of: symbol.utf8) }

  /// The symbol of an id, nil outside `0..<count`.
  public func symbol(of id: Int32) -> String? {
    bytes(of: id).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The ids of a line of symbols, divided at white space, and ``eosID``.
  public func encode(_ line: String) -> [Int32] { encode(pieces: [line]) }

  /// The ids of pieces, each divided at white space, and ``eosID``.
  public func encode(pieces: [String]) -> [Int32] {
    var ids: [Int32] = []
    ids.reserveCapacity(pieces.count + 1)
    for piece in pieces {
      for symbol in piece.unicodeScalars.split(whereSeparator: isWhiteSpace) {
        ids.append(trie.id(of: Substring(symbol).utf8) ?? Self.unkID)
      }
    }
    ids.append(Self.eosID)
    return ids
  }

  /// The text of ids, as SentencePiece's pieces make it.
  ///
  /// ``bosID`` and ``eosID`` are left out, spaces are deleted, U+2581 becomes a space, and white space
  /// at the ends goes. ``unkID`` is `<unk>`.
  ///
  /// - Throws: ``TextError/unknownID(index:found:count:)``.
  public func decode(_ ids: some Collection<Int32>) throws(TextError) -> String {
    var text = String.UnicodeScalarView()
    for (index, id) in ids.enumerated() {
      guard let symbol = bytes(of: id) else {
        throw .unknownID(index: index, found: id, count: count)
      }
      guard id != Self.bosID, id != Self.eosID else { continue }
      for scalar in String(decoding: symbol, as: UTF8.self).unicodeScalars where scalar != " " {
        text.append(scalar == "\u{2581}" ? " " : scalar)
      }
    }
    let first = text.firstIndex { !isWhiteSpace($0) } ?? text.endIndex
    let last = text.lastIndex { !isWhiteSpace($0) }.map { text.index(after: $0) } ?? first
    return String(text[first..<last])
  }

  private func bytes(of id: Int32) -> ArraySlice<UInt8>? {
    guard ends.indices.contains(Int(id)) else { return nil }
    return symbols[(id == 0 ? 0 : ends[Int(id) - 1])..<ends[Int(id)]]
  }
}

/// A line of a dictionary file.
private struct DictionaryLine {
  let symbol: ArraySlice<UInt8>
  let overwrites: Bool

  /// Divides a line that is UTF-8; nil if it has no count.
  init?(_ line: ArraySlice<UInt8>) {
    guard var parts = DictionaryLine.divided(DictionaryLine.withoutEnd(line)) else { return nil }
    overwrites = parts.last.elementsEqual("#fairseq:overwrite".utf8)
    if overwrites {
      guard let rest = DictionaryLine.divided(parts.first) else { return nil }
      parts = rest
    }
    guard DictionaryLine.isInteger(parts.last) else { return nil }
    symbol = parts.first
  }

  /// What stands before and after the last space.
  private static func divided(
    _ line: ArraySlice<UInt8>
  ) -> (first: ArraySlice<UInt8>, last: ArraySlice<UInt8>)? {
    guard let space = line.lastIndex(of: 0x20) else { return nil }
    return (line[..<space], line[(space + 1)...])
  }

  /// The line without the white space at its end.
  private static func withoutEnd(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let scalars = String(decoding: line, as: UTF8.self).unicodeScalars
    guard let last = scalars.lastIndex(where: { !isWhiteSpace($0) }) else { return line.prefix(0) }
    return line.prefix(scalars.utf8Count(through: last))
  }

  /// Digits, with a sign before and underscores between them, as Python reads them.
  private static func isInteger(_ text: ArraySlice<UInt8>) -> Bool {
    var digits = text
    if let sign = digits.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
      digits = digits.dropFirst()
    }
    let groups = digits.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
    return groups.allSatisfy { !$0.isEmpty && $0.allSatisfy { 0x30...0x39 ~= $0 } }
  }
}

extension String.UnicodeScalarView {
  /// The bytes of everything up to a scalar, itself included.
  fileprivate func utf8Count(through index: Index) -> Int {
    self[...index].reduce(0) { $0 + UTF8.width($1) }
  }
}

/// What Python takes for white space.
func isWhiteSpace(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F,
    0x205F, 0x3000:
    true
  default: false
  }
}
