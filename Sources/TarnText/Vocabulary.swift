/// The pieces of a WordPiece vocabulary file, one a line; the line's number, from 0, is the id.
///
/// The file is split at U+000A only, and each line loses its trailing white space, a carriage
/// return included. Pieces are compared byte by byte. Where a piece occurs twice, text gets the last
/// line's id, as in the reference; both ids give the piece.
public struct Vocabulary: Sendable {
  /// Another name for an entry, as in Funnel-Transformer's use of BERT's vocabulary.
  public struct Renaming: Sendable {
    /// The entry as the file has it.
    public var piece: String
    /// The entry as it is to be known.
    public var name: String

    /// The entry `piece` is to be known as `name`.
    public init(_ piece: String, _ name: String) {
      self.piece = piece
      self.name = name
    }
  }

  /// Where the pieces come from, for error messages.
  public let file: String
  /// The number of lines, blank ones included, so that every id is below it.
  public let count: Int

  let trie: PieceTrie
  private let pieces: [UInt8]
  private let ends: [Int]

  /// Reads a vocabulary file.
  ///
  /// - Throws: ``TextError/unreadableFile(path:reason:)`` and what ``init(bytes:file:renaming:)``
  ///   throws.
  public init(path: String, renaming: [Renaming] = []) throws(TextError) {
    guard let bytes = try readFile(path, limit: PieceTrie.maximumBytes) else {
      throw .vocabularyTooLarge(file: path, limit: PieceTrie.maximumBytes)
    }
    try self.init(bytes: bytes, file: path, renaming: renaming)
  }

  /// Reads a vocabulary from the bytes of its file.
  ///
  /// - Parameters:
  ///   - bytes: UTF-8 with one piece a line; the last line may lack its line feed.
  ///   - file: what error messages call it.
  ///   - renaming: entries to be known by another name; those that do not occur are ignored.
  /// - Throws: ``TextError/emptyVocabulary(file:)``,
  ///   ``TextError/vocabularyTooLarge(file:limit:)``,
  ///   ``TextError/invalidVocabularyUTF8(file:line:)``.
  public init(
    bytes: [UInt8], file: String = "vocabulary", renaming: [Renaming] = []
  ) throws(TextError) {
    guard !bytes.isEmpty else { throw .emptyVocabulary(file: file) }
    guard bytes.count <= PieceTrie.maximumBytes else {
      throw .vocabularyTooLarge(file: file, limit: PieceTrie.maximumBytes)
    }
    var trie = PieceTrie()
    var pieces: [UInt8] = []
    var ends: [Int] = []
    var start = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: 10) ?? bytes.count
      do throws(TextError) {
        try validateUTF8(bytes.span.extracting(start..<end))
      } catch {
        throw .invalidVocabularyUTF8(file: file, line: ends.count + 1)
      }
      let line = trimmed(bytes[start..<end])
      let other = renaming.first { $0.piece.utf8.elementsEqual(line) }
      let piece = other.map { Array($0.name.utf8)[...] } ?? line
      trie.insert(piece, id: Int32(truncatingIfNeeded: ends.count))
      pieces += piece
      ends.append(pieces.count)
      start = end + 1
    }
    self.file = file
    self.count = ends.count
    self.trie = trie
    self.pieces = pieces
    self.ends = ends
  }

  /// The id of exactly this piece, `##` included for one that continues a word.
  public func id(of piece: String) -> Int32? {
    trie.id(of: piece.utf8)
  }

  /// The piece of an id, nil outside `0..<count`.
  public func piece(of id: Int32) -> String? {
    let line = Int(id)
    guard ends.indices.contains(line) else { return nil }
    return String(decoding: pieces[(line == 0 ? 0 : ends[line - 1])..<ends[line]], as: UTF8.self)
  }
}

/// `line`, which is UTF-8, without the white space at its end.
private func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
  var line = line
  while let last = line.last {
    // The last scalar starts at the last byte that is not a continuation.
    let start = line.lastIndex { $0 & 0xC0 != 0x80 } ?? line.startIndex
    let value = last < 0x80 ? UInt32(last) : line.span.scalar(at: start - line.startIndex).value
    guard UnicodeTables.shared.classes(of: value).contains(.wordSpace) else { break }
    line = line[..<start]
  }
  return line
}
