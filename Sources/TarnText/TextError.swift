/// What can be wrong with a vocabulary file, a text, or the arguments of an encoding.
public enum TextError: Error, Equatable, Sendable {
  /// A file cannot be opened or read; `reason` is the system's.
  case unreadableFile(path: String, reason: String)
  /// A vocabulary without a single line.
  case emptyVocabulary(file: String)
  /// A vocabulary of more bytes than `limit`.
  case vocabularyTooLarge(file: String, limit: Int)
  /// A vocabulary of more lines than `limit`.
  case tooManyLines(file: String, limit: Int)
  /// A vocabulary line, counted from 1, that is not UTF-8.
  case invalidVocabularyUTF8(file: String, line: Int)
  /// A line of a fairseq dictionary, counted from 1, that is malformed or repeats a symbol.
  case invalidDictionaryLine(file: String, line: Int, found: String, expected: String)
  /// A directory without a SentencePiece model, or with several of which none has a known name.
  case modelFileNotFound(directory: String, found: [String], expected: [String])
  /// A SentencePiece model of more bytes than `limit`.
  case sentencePieceModelTooLarge(file: String, limit: Int)
  /// A SentencePiece model that breaks its format at the byte `offset`, or is of another kind.
  case invalidSentencePieceModel(
    file: String, offset: Int, field: String, found: String, expected: String)
  /// A special token that the vocabulary lacks.
  case missingSpecialToken(token: String, file: String, entries: Int)
  /// A number among ids to be made text, the `index`-th, that is no piece's.
  case unknownID(index: Int, found: Int32, count: Int)
  /// A text that is not UTF-8 from the byte at `offset` on.
  case invalidUTF8(offset: Int)
  /// A text of more bytes than `limit`.
  case textTooLong(bytes: Int, limit: Int)
  /// A maximum length that does not hold the special tokens of the template.
  case maximumLengthTooSmall(found: Int, minimum: Int)
  /// A text that would have to lose all its pieces, or more, for the encoding to fit.
  case sequenceTooShort(pieces: Int, excess: Int)
  /// Only the second text may be truncated, and there is none.
  case noSecondText
  /// A segment start, the `index`-th, that is negative, past the end, or before its predecessor.
  case invalidSegmentStart(index: Int, found: Int, allowed: ClosedRange<Int>)
}

extension TextError: CustomStringConvertible {
  /// One sentence that says where, what was found and what was expected.
  public var description: String {
    switch self {
    case .unreadableFile(let path, let reason):
      "\(path): cannot be read: \(reason)"
    case .emptyVocabulary(let file):
      "\(file): is empty, expected one piece a line"
    case .vocabularyTooLarge(let file, let limit):
      "\(file): is larger than \(limit) bytes, expected a vocabulary of one piece a line"
    case .tooManyLines(let file, let limit):
      "\(file): has more than \(limit) lines, expected a vocabulary of one piece a line"
    case .invalidVocabularyUTF8(let file, let line):
      "\(file): line \(line) is not UTF-8"
    case .invalidDictionaryLine(let file, let line, let found, let expected):
      "\(file): line \(line): found \(found), expected \(expected)"
    case .modelFileNotFound(let directory, let found, let expected):
      "\(directory): found "
        + (found.isEmpty
          ? "no file that ends in .model"
          : found.prefix(4).map { quoted($0.utf8) }.joined(separator: ", "))
        + ", expected a SentencePiece model, one or under the name "
        + expected.joined(separator: ", ")
    case .sentencePieceModelTooLarge(let file, let limit):
      "\(file): is larger than \(limit) bytes, expected a SentencePiece model"
    case .invalidSentencePieceModel(let file, let offset, let field, let found, let expected):
      "\(file): byte \(offset): \(field): found \(found), expected \(expected)"
    case .missingSpecialToken(let token, let file, let entries):
      "\(file): none of the \(entries) entries is the special token \"\(token)\""
    case .unknownID(let index, let found, let count):
      "ids: number \(index) is \(found), expected 0 to \(count - 1)"
    case .invalidUTF8(let offset):
      "text: byte \(offset) does not start a UTF-8 sequence, expected UTF-8 throughout"
    case .textTooLong(let bytes, let limit):
      "text: found \(bytes) bytes, expected at most \(limit)"
    case .maximumLengthTooSmall(let found, let minimum):
      "maximum length: found \(found), expected at least \(minimum) for the special tokens alone"
    case .sequenceTooShort(let pieces, let excess):
      "truncation: the text to be cut has \(pieces) pieces, expected more than the excess of \(excess)"
    case .noSecondText:
      "truncation: only the second text may be cut, and there is no second text"
    case .invalidSegmentStart(let index, let found, let allowed):
      "segment start \(index): found \(found), "
        + "expected \(allowed.lowerBound) to \(allowed.upperBound)"
    }
  }
}

/// Bytes of a file in quotation marks, for a message of one line: cut, and escaped but for what is
/// plain ASCII.
func quoted(_ bytes: some Collection<UInt8>) -> String {
  let scalars = String(decoding: bytes.prefix(64), as: UTF8.self).unicodeScalars
  let text = scalars.prefix(32).map { $0.escaped(asASCII: true) }.joined()
  return "\"\(text)\"" + (scalars.count > 32 || bytes.count > 64 ? "…" : "")
}
