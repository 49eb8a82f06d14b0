/// The tokenizer of a SentencePiece model: unigram or BPE.
///
///     text ─ normaliser ─ pieces of the best score, or by merges ─ ids ─ text
///
/// Kudo and Richardson 2018 (arXiv:1808.06226); the unigram model is Kudo 2018 (arXiv:1804.10959).
/// Reads the `.model` files of the `sentencepiece` package and agrees with it to the bit, rounding
/// of scores included: pieces, ids, places, normalised and decoded text.
///
///     let tokenizer = try SentencePieceTokenizer(path: "spm.model")
///     let encoding = try tokenizer.encode("Hello, world!")
///     let text = try tokenizer.decode(encoding.ids)
///
/// Time is linear in the text for a unigram model, n·log n for BPE. Memory is some 30 bytes for each
/// byte of it.
public struct SentencePieceTokenizer: Sendable {
  /// How a model finds the pieces of a text.
  public enum Algorithm: Sendable {
    /// The pieces whose logarithms of probability have the largest sum.
    case unigram
    /// Characters, joined pair by pair, the pair with the best score first.
    case bpe
  }

  /// Where the model comes from, for messages.
  public let file: String
  /// How texts are cut.
  public let algorithm: Algorithm
  /// The number of pieces, so that every id is below it.
  public let count: Int
  /// The id of what is unknown.
  public let unkID: Int32
  /// The id that opens a text, where the model has one; ``encode(_:)`` does not use it.
  public let bosID: Int32?
  /// The id that closes a text, where the model has one; ``encode(_:)`` does not use it.
  public let eosID: Int32?
  /// The id that fills up a batch, where the model has one.
  public let padID: Int32?

  let normalizer: SentencePieceNormalizer
  let denormalizer: SentencePieceNormalizer?
  let specification: SentencePieceFile.Normalization
  /// Pieces that texts are cut into.
  let trie: PieceTrie
  /// Pieces of the user.
  let symbols: PieceTrie
  /// Pieces that no text is cut into: unknown, control, bytes.
  private let reserved: PieceTrie
  /// The pieces one after another.
  private let texts: [UInt8]
  private let ends: [Int]
  private let scores: [Float]
  let kinds: [SentencePieceFile.Kind]
  let hasUnusedPieces: Bool
  /// No piece has white space but at its beginning, and none is unused, so that no merge depends on
  /// another word's.
  let wordsAreIndependent: Bool
  /// The ids of the 256 bytes; empty where what is unknown is not cut into bytes.
  let byteIDs: [Int32]
  let unkSurface: [UInt8]
  /// The least and the greatest score of normal pieces.
  let extremeScores: ClosedRange<Float>

  /// Reads a `.model` file.
  ///
  /// - Throws: ``TextError/unreadableFile(path:reason:)`` and what ``init(bytes:file:limits:)``
  ///   throws.
  public init(
    path: String, limits: SentencePieceLimits = SentencePieceLimits()
  ) throws(TextError) {
    let limit = SentencePieceTokenizer.fileBytes(limits)
    guard let bytes = try readFile(path, limit: limit) else {
      throw .sentencePieceModelTooLarge(file: path, limit: limit)
    }
    try self.init(bytes: bytes, file: path, limits: limits)
  }

  /// Reads a model from the bytes of its file.
  ///
  /// - Parameters:
  ///   - bytes: a serialised `ModelProto`.
  ///   - file: what messages call it.
  ///   - limits: what it may ask for.
  /// - Throws: ``TextError/sentencePieceModelTooLarge(file:limit:)``;
  ///   ``TextError/invalidSentencePieceModel(file:offset:field:found:expected:)`` for a file that is
  ///   malformed, contradicts itself, or is of the kind that cuts texts into words or characters.
  /// - Complexity: linear in the bytes.
  public init(
    bytes: [UInt8], file: String = "model", limits: SentencePieceLimits = SentencePieceLimits()
  ) throws(TextError) {
    let limit = SentencePieceTokenizer.fileBytes(limits)
    guard bytes.count <= limit else {
      throw .sentencePieceModelTooLarge(file: file, limit: limit)
    }
    let model = try SentencePieceFile(bytes, file: file, limits: limits)
    let tables = try SentencePieceTables(model)
    self.file = file
    switch model.trainer.modelType {
    case 1: algorithm = .unigram
    case 2: algorithm = .bpe
    default:
      throw model.error(
        model.trainer.modelTypeOffset, "trainer_spec.model_type",
        found: "type \(model.trainer.modelType)", expected: "1 (unigram) or 2 (BPE)")
    }
    if algorithm == .unigram, tables.isEmpty {
      throw model.error(
        0, "pieces", found: "none that a text can be cut into", expected: "at least one")
    }
    count = model.pieces.count
    unkID = tables.unkID
    texts = tables.texts
    ends = tables.ends
    trie = tables.trie
    symbols = tables.symbols
    reserved = tables.reserved
    byteIDs = tables.byteIDs
    scores = model.pieces.map { $0.score }
    kinds = model.pieces.map { $0.kind }
    hasUnusedPieces = kinds.contains(.unused)
    wordsAreIndependent = !hasUnusedPieces && !tables.hasInnerSpace
    extremeScores = tables.extremeScores
    unkSurface = model.trainer.unkSurface
    specification = model.normalizer
    normalizer = try SentencePieceNormalizer(
      model, model.normalizer, field: "normalizer_spec", symbols: symbols,
      spaceIsSuffix: model.trainer.spaceIsSuffix, limits: limits)
    if let other = model.denormalizer, !other.rules.isEmpty {
      denormalizer = try SentencePieceNormalizer(
        model, other, field: "denormalizer_spec", symbols: PieceTrie(), spaceIsSuffix: false,
        limits: limits)
    } else {
      denormalizer = nil
    }
    let control: ([UInt8]) -> Int32? = { [reserved, kinds] name in
      reserved.id(of: name).flatMap { kinds[Int($0)] == .control ? $0 : nil }
    }
    bosID = control(model.trainer.bos)
    eosID = control(model.trainer.eos)
    padID = control(model.trainer.pad)
  }

  /// The id of exactly this piece, nil where there is none.
  public func id(of piece: String) -> Int32? {
    reserved.id(of: piece.utf8) ?? trie.id(of: piece.utf8)
  }

  /// The piece of an id, nil outside `0..<count`.
  public func piece(of id: Int32) -> String? {
    guard ends.indices.contains(Int(id)) else { return nil }
    return String(decoding: texts[place(of: Int(id))], as: UTF8.self)
  }

  /// The score of an id, nil outside `0..<count`: for a unigram model the logarithm of its
  /// probability, for BPE the negative number of the merge.
  public func score(of id: Int32) -> Float? {
    scores.indices.contains(Int(id)) ? scores[Int(id)] : nil
  }

  /// A text as the model sees it, white space as U+2581.
  ///
  /// - Throws: ``TextError/textTooLong(bytes:limit:)``.
  public func normalize(_ text: String) throws(TextError) -> String {
    let bytes = text.utf8.span
    try validateLength(bytes)
    return String(decoding: normalizer.normalize(bytes).bytes, as: UTF8.self)
  }

  /// The bytes of a piece.
  func bytes(of id: Int) -> ArraySlice<UInt8> { texts[place(of: id)] }

  func score(at id: Int32) -> Float { scores[Int(id)] }

  private func place(of id: Int) -> Range<Int> { (id == 0 ? 0 : ends[id - 1])..<ends[id] }

  private static func fileBytes(_ limits: SentencePieceLimits) -> Int {
    min(max(0, limits.fileBytes), PieceTrie.maximumBytes)
  }
}

/// The pieces of a file by their text, checked against each other.
private struct SentencePieceTables {
  var unkID: Int32 = -1
  var texts: [UInt8] = []
  var ends: [Int] = []
  var trie = PieceTrie()
  var reserved = PieceTrie()
  var symbols = PieceTrie()
  var byteIDs: [Int32] = []
  var isEmpty = true
  var hasInnerSpace = false
  var extremeScores: ClosedRange<Float>

  init(_ model: SentencePieceFile) throws(TextError) {
    var byteIDs = [Int32](repeating: -1, count: 256)
    // The reference starts from the least positive number, so that scores below it count as that.
    var (least, greatest) = (Float.greatestFiniteMagnitude, Float.leastNormalMagnitude)
    for (index, piece) in model.pieces.enumerated() {
      let id = Int32(truncatingIfNeeded: index)
      let text = model.bytes[piece.text]
      func error(_ found: String, _ expected: String) -> TextError {
        model.error(piece.offset, "pieces[\(index)]", found: found, expected: expected)
      }
      texts += text
      ends.append(texts.count)
      let isReserved: Bool
      switch piece.kind {
      case .normal:
        least = min(least, piece.score)
        greatest = max(greatest, piece.score)
        isReserved = false
      case .userDefined:
        symbols.insert(text, id: id)
        isReserved = false
      case .unused: isReserved = false
      case .control: isReserved = true
      case .unknown:
        guard unkID < 0 else { throw error("a second unknown piece", "one") }
        unkID = id
        isReserved = true
      case .byte:
        guard model.trainer.fallsBackToBytes else {
          throw error("a byte although byte_fallback is false", "none")
        }
        guard let byte = bytePieceValue(text) else {
          throw error("the byte \(quoted(text))", "<0x00> to <0xFF>")
        }
        byteIDs[Int(byte)] = id
        isReserved = true
      }
      let isKnown = (isReserved ? reserved : trie).id(of: text) != nil
      guard !isKnown else { throw error("\(quoted(text)) again", "each piece once") }
      if isReserved {
        reserved.insert(text, id: id)
      } else {
        trie.insert(text, id: id)
        isEmpty = false
        for start in text.indices.dropFirst()
        where text[start...].starts(with: SentencePieceNormalizer.space) {
          hasInnerSpace = true
        }
      }
    }
    guard unkID >= 0 else {
      throw model.error(
        0, "pieces", found: "no unknown piece among \(model.pieces.count)", expected: "one")
    }
    if model.trainer.fallsBackToBytes {
      let missing = byteIDs.count { $0 < 0 }
      guard missing == 0 else {
        throw model.error(
          0, "pieces", found: "\(256 - missing) bytes although byte_fallback is true",
          expected: "256")
      }
      self.byteIDs = byteIDs
    }
    // A model without normal pieces has no scores either.
    extremeScores = least <= greatest ? least...greatest : 0...0
  }
}

/// The byte that a piece such as `<0x0A>` stands for.
func bytePieceValue(_ piece: ArraySlice<UInt8>) -> UInt8? {
  let text = Array(piece)
  guard text.count == 6, text.starts(with: "<0x".utf8), text[5] == UInt8(ascii: ">") else {
    return nil
  }
  func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case 0x30...0x39: character - 0x30
    case 0x41...0x46: character - 0x41 + 10
    default: nil
    }
  }
  guard let high = digit(text[3]), let low = digit(text[4]) else { return nil }
  return high << 4 | low
}
