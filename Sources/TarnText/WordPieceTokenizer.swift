/// The WordPiece tokenizer of BERT and its descendants.
///
///     text ─ special tokens ─ normalisation ─ words ─ pieces ─ truncation ─ [CLS] A [SEP] B [SEP]
///
/// It agrees with the `tokenizers` library, offsets included, rather than with Python BERT, where the
/// two differ: lower-casing is context-free and the character classes are fixed, so results are the
/// same on every system. All steps are defined on Unicode scalars.
///
/// Time is linear in the text. Memory besides the result does not grow with it.
public struct WordPieceTokenizer: Sendable {
  /// The pieces and their ids.
  public let vocabulary: Vocabulary
  /// How texts are prepared.
  public let options: WordPieceOptions
  /// The id of the token for unknown words.
  public let unkID: Int32
  /// The id of the opening token.
  public let clsID: Int32
  /// The id of the closing token.
  public let sepID: Int32
  /// The id of the padding token, where the vocabulary has one.
  public let padID: Int32?
  /// The id of the token for a word to be guessed, where the vocabulary has one.
  public let maskID: Int32?

  let ascii: ASCIIClasses
  /// The tokens to be found in texts, longest first.
  private let specialTokens: [SpecialToken]

  /// Makes a tokenizer of a vocabulary.
  ///
  /// - Throws: ``TextError/missingSpecialToken(token:file:entries:)`` when the vocabulary lacks one
  ///   of `unk`, `cls`, `sep`, or an additional one. It may lack `pad` and `mask`.
  public init(vocabulary: Vocabulary, options: WordPieceOptions = .uncased) throws(TextError) {
    func id(_ token: String) throws(TextError) -> Int32 {
      guard let id = vocabulary.id(of: token) else {
        throw .missingSpecialToken(
          token: token, file: vocabulary.file, entries: vocabulary.count)
      }
      return id
    }
    let names = options.specialTokens
    self.vocabulary = vocabulary
    self.options = options
    unkID = try id(names.unk)
    clsID = try id(names.cls)
    sepID = try id(names.sep)
    padID = vocabulary.id(of: names.pad)
    maskID = vocabulary.id(of: names.mask)

    var tokens: [SpecialToken] = []
    for name in names.additional { tokens.append(SpecialToken(name, id: try id(name))) }
    for (name, id) in [
      (names.unk, unkID), (names.cls, clsID), (names.sep, sepID), (names.pad, padID),
      (names.mask, maskID),
    ] {
      if let id { tokens.append(SpecialToken(name, id: id)) }
    }
    if !options.recognizesSpecialTokensInText { tokens = [] }
    tokens.sort { $0.bytes.count > $1.bytes.count }
    specialTokens = tokens
    ascii = ASCIIClasses(options: options, specialStarts: tokens.compactMap { $0.bytes.first })
  }

  /// Makes a tokenizer of the file `vocab.txt` in a checkpoint directory.
  ///
  /// - Parameters:
  ///   - directory: a path, not a URL.
  ///   - options: what the directory's `tokenizer_config.json` says; this does not read it.
  ///   - renaming: entries of the file to be known by another name.
  /// - Throws: what ``Vocabulary/init(path:renaming:)`` and ``init(vocabulary:options:)`` throw.
  public init(
    directory: String, options: WordPieceOptions = .uncased, renaming: [Vocabulary.Renaming] = []
  ) throws(TextError) {
    let vocabulary = try Vocabulary(path: directory + "/vocab.txt", renaming: renaming)
    try self.init(vocabulary: vocabulary, options: options)
  }

  /// The longest special token that begins the bytes of `range`.
  func specialToken(in text: borrowing Span<UInt8>, _ range: Range<Int>) -> SpecialToken? {
    for token in specialTokens where token.begins(text, range) { return token }
    return nil
  }
}

/// A token that is found in a text by its exact bytes.
struct SpecialToken: Sendable {
  let bytes: [UInt8]
  let scalarCount: Int
  let id: Int32

  init(_ name: String, id: Int32) {
    bytes = Array(name.utf8)
    scalarCount = name.unicodeScalars.count
    self.id = id
  }

  func begins(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard bytes.count <= range.count else { return false }
    for index in bytes.indices where text[range.lowerBound + index] != bytes[index] {
      return false
    }
    return true
  }
}
