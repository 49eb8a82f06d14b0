/// Texts as a fairseq model reads and writes them: SentencePiece's pieces by a dictionary's numbers.
///
///     text ─ white space at the ends off ─ pieces ─ numbers ─ 2
public struct FairseqTokenizer: Sendable {
  /// A text: one entry a token in each of the lists, the end symbol included.
  public struct Encoding: Sendable, Equatable {
    /// The symbols; one that the dictionary lacks is itself.
    public fileprivate(set) var tokens: [String] = []
    /// Their numbers.
    public fileprivate(set) var ids: [Int32] = []
    /// What a token stands for, in UTF-8 bytes of the text; `0..<0` for the end symbol.
    public fileprivate(set) var utf8Offsets: [Range<Int>] = []
    /// Whether tokens have been cut off.
    public private(set) var isTruncated = false

    /// The first `limit` tokens, the last of them replaced by the end symbol if there are more.
    ///
    /// fairseq's `truncate_source`. There must be room for the end symbol.
    public func truncated(to limit: Int) -> Encoding {
      guard ids.count > max(1, limit) else { return self }
      var cut = self
      cut.isTruncated = true
      let removed = max(1, limit) - 1..<ids.count - 1
      cut.tokens.removeSubrange(removed)
      cut.ids.removeSubrange(removed)
      cut.utf8Offsets.removeSubrange(removed)
      return cut
    }
  }

  /// Names under which a directory's SentencePiece model is looked for, in this order.
  ///
  /// After them comes any other file that ends in `.model`, if there is only one.
  public static let modelFiles = [
    "spm.model", "sentencepiece.bpe.model", "sentencepiece.model", "spiece.model",
    "tokenizer.model",
  ]

  /// Text to pieces.
  public let pieces: SentencePieceTokenizer
  /// Pieces to numbers.
  public let dictionary: FairseqDictionary

  /// A tokenizer of a model and a dictionary.
  public init(pieces: SentencePieceTokenizer, dictionary: FairseqDictionary) {
    self.pieces = pieces
    self.dictionary = dictionary
  }

  /// Reads `dict.txt` and the SentencePiece model of a checkpoint directory.
  ///
  /// - Parameters:
  ///   - directory: a path, not a URL.
  ///   - limits: what the model may ask for.
  /// - Throws: what ``FairseqDictionary/init(path:)`` and
  ///   ``SentencePieceTokenizer/init(path:limits:)`` throw;
  ///   ``TextError/modelFileNotFound(directory:found:expected:)`` for a directory without a model, or
  ///   with several under other names than ``modelFiles``.
  public init(
    directory: String, limits: SentencePieceLimits = SentencePieceLimits()
  ) throws(TextError) {
    let dictionary = try FairseqDictionary(path: directory + "/dict.txt")
    let names = fileNames(in: directory)
    var name = Self.modelFiles.first { names.contains($0) }
    if name == nil {
      let others = names.filter { $0.hasSuffix(".model") }
      guard others.count == 1 else {
        throw .modelFileNotFound(
          directory: directory, found: others, expected: Self.modelFiles)
      }
      name = others[0]
    }
    self.init(
      pieces: try SentencePieceTokenizer(
        path: directory + "/" + (name ?? ""), limits: limits),
      dictionary: dictionary)
  }

  /// The tokens of a text and the end symbol.
  ///
  /// - Throws: ``TextError/textTooLong(bytes:limit:)``.
  public func encode(_ text: String) throws(TextError) -> Encoding {
    let scalars = text.unicodeScalars
    let first = scalars.firstIndex { !isWhiteSpace($0) } ?? scalars.endIndex
    let last = scalars.lastIndex { !isWhiteSpace($0) }.map { scalars.index(after: $0) } ?? first
    let shift = text.utf8.distance(from: text.startIndex, to: first)
    let found = try pieces.encode(String(scalars[first..<last]))
    var encoding = Encoding()
    for (piece, range) in zip(found.pieces(in: pieces), found.utf8Offsets) {
      for symbol in piece.unicodeScalars.split(whereSeparator: isWhiteSpace) {
        let token = String(symbol)
        encoding.tokens.append(token)
        encoding.ids.append(dictionary.id(of: token) ?? FairseqDictionary.unkID)
        encoding.utf8Offsets.append(range.lowerBound + shift..<range.upperBound + shift)
      }
    }
    encoding.tokens.append(dictionary.symbol(of: FairseqDictionary.eosID) ?? "")
    encoding.ids.append(FairseqDictionary.eosID)
    encoding.utf8Offsets.append(0..<0)
    return encoding
  }

  /// The text of ids: ``FairseqDictionary/decode(_:)``.
  ///
  /// - Throws: ``TextError/unknownID(index:found:count:)``.
  public func decode(_ ids: some Collection<Int32>) throws(TextError) -> String {
    try dictionary.decode(ids)
  }
}
