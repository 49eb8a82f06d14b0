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

  /// Most bytes of a file; published vocabularies have 0.1 to 10 MB.
  public static let maximumBytes = 1 << 24 - 1
  /// Most lines; published vocabularies have up to 501,153.
  public static let maximumLines = 1 << 20

  /// Where the pieces come from, for error messages.
  public let file: String
  /// The number of lines, blank ones included, so that every id is below it.
  public var count: Int { pieces.count }

  let pieces: PieceTable

  /// Reads a vocabulary file.
  ///
  /// - Throws: ``TextError/unreadableFile(path:reason:)`` and what ``init(bytes:file:renaming:)``
  ///   throws.
  public init(path: String, renaming: [Renaming] = []) throws(TextError) {
    guard let bytes = try readFile(path, limit: Self.maximumBytes) else {
      throw .vocabularyTooLarge(file: path, limit: Self.maximumBytes)
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
  ///   ``TextError/vocabularyTooLarge(file:limit:)``, ``TextError/tooManyLines(file:limit:)``,
  ///   ``TextError/invalidVocabularyUTF8(file:line:)``.
  /// - Complexity: linear in the bytes, which are kept; see ``maximumLines`` for the rest.
  public init(
    bytes: [UInt8], file: String = "vocabulary", renaming: [Renaming] = []
  ) throws(TextError) {
    guard !bytes.isEmpty else { throw .emptyVocabulary(file: file) }
    guard bytes.count <= Self.maximumBytes else {
      throw .vocabularyTooLarge(file: file, limit: Self.maximumBytes)
    }
    do throws(TextError) {
      try validateUTF8(bytes.span)
    } catch {
      guard case .invalidUTF8(let offset) = error else { throw error }
      let line = bytes[..<offset].reduce(1) { $0 + ($1 == 10 ? 1 : 0) }
      throw .invalidVocabularyUTF8(file: file, line: line)
    }
    let lines = bytes.reduce(bytes.last == 10 ? 0 : 1) { $0 + ($1 == 10 ? 1 : 0) }
    guard lines <= Self.maximumLines else {
      throw .tooManyLines(file: file, limit: Self.maximumLines)
    }
    self.file = file
    // Other names stand behind the file.
    var text = bytes
    var names: [(piece: String, place: Range<Int>)] = []
    for other in renaming {
      names.append((other.piece, text.count..<text.count + other.name.utf8.count))
      text += other.name.utf8
    }
    let pieces = Lines(bytes: bytes).lazy.map { line in
      names.first { $0.piece.utf8.elementsEqual(bytes[line]) }?.place ?? line
    }
    self.pieces = PieceTable(text, at: pieces, count: lines)
  }

  /// The id of exactly this piece, `##` included for one that continues a word.
  public func id(of piece: String) -> Int32? {
    pieces.line(of: piece.utf8)
  }

  /// The piece of an id, nil outside `0..<count`.
  public func piece(of id: Int32) -> String? {
    let line = Int(id)
    guard (0..<count).contains(line) else { return nil }
    return String(decoding: pieces[line], as: UTF8.self)
  }
}

/// Where the lines of a file lie, without the white space at their ends.
private struct Lines: Sequence, IteratorProtocol {
  let bytes: [UInt8]
  private var start = 0

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  mutating func next() -> Range<Int>? {
    guard start < bytes.count else { return nil }
    var end = start
    while end < bytes.count, bytes[end] != 10 { end += 1 }
    let line = start..<trimmedEnd(of: start..<end)
    start = end + 1
    return line
  }

  private func trimmedEnd(of line: Range<Int>) -> Int {
    var end = line.upperBound
    while end > line.lowerBound {
      // The last scalar starts at the last byte that is not a continuation.
      var start = end - 1
      while bytes[start] & 0xC0 == 0x80 { start -= 1 }
      let value = bytes.span.scalar(at: start).value
      guard UnicodeTables.shared.classes(of: value).contains(.wordSpace) else { break }
      end = start
    }
    return end
  }
}
