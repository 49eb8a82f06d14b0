/// What a `.model` file of SentencePiece holds, as far as segmenting texts needs it.
///
/// A message `ModelProto` of sentencepiece_model.proto. Fields that are not read here (those of the
/// trainer, self-tests) are skipped. Where a field occurs twice the last one counts, and messages
/// merge, as protobuf wants it.
struct SentencePieceFile {
  /// What a piece is for.
  enum Kind: UInt64, Sendable {
    case normal = 1
    case unknown = 2
    case control = 3
    case userDefined = 4
    case unused = 5
    case byte = 6
  }

  /// A piece and where it stands in the file.
  struct Piece {
    var text = 0..<0
    var score: Float = 0
    var kind = Kind.normal
    var offset: Int
  }

  /// What the trainer left for the reader.
  struct Trainer {
    var modelType: UInt64 = 1
    var modelTypeOffset = 0
    var spaceIsSuffix = false
    var fallsBackToBytes = false
    var unk = Array("<unk>".utf8)
    var bos = Array("<s>".utf8)
    var eos = Array("</s>".utf8)
    var pad = Array("<pad>".utf8)
    var unkSurface = Array(" \u{2047} ".utf8)
  }

  /// How a text is prepared, or repaired.
  struct Normalization {
    var addsDummyPrefix = true
    var removesExtraSpaces = true
    var escapesSpaces = true
    /// Where the table of rules lies; empty for none.
    var rules = 0..<0
  }

  let bytes: [UInt8]
  let file: String
  private(set) var pieces: [Piece] = []
  private(set) var trainer = Trainer()
  private(set) var normalizer = Normalization()
  private(set) var denormalizer: Normalization?

  /// Reads the fields of a file, and checks each alone.
  init(_ bytes: [UInt8], file: String, limits: SentencePieceLimits) throws(TextError) {
    self.bytes = bytes
    self.file = file
    var reader = message(0..<bytes.count, "")
    while let field = try reader.next() {
      switch field.number {
      case 1:
        guard pieces.count < limits.pieces else {
          throw reader.error(
            field.offset, "more pieces than \(limits.pieces)", "at most as many", in: "pieces")
        }
        try readPiece(reader.range(field, "pieces"), field.offset, limits)
      case 2: try readTrainer(reader.range(field, "trainer_spec"))
      case 3:
        try readNormalization(
          &normalizer, reader.range(field, "normalizer_spec"), "normalizer_spec")
      case 5:
        var other = denormalizer ?? Normalization()
        try readNormalization(&other, reader.range(field, "denormalizer_spec"), "denormalizer_spec")
        denormalizer = other
      default: break
      }
    }
  }

  /// What is wrong with the file at `offset`.
  func error(
    _ offset: Int, _ field: String, found: String, expected: String
  ) -> TextError {
    .invalidSentencePieceModel(
      file: file, offset: offset, field: field, found: found, expected: expected)
  }

  private func message(_ range: Range<Int>, _ name: String) -> ProtobufReader {
    ProtobufReader(bytes, range, file: file, name: name)
  }

  private mutating func readPiece(
    _ range: Range<Int>, _ offset: Int, _ limits: SentencePieceLimits
  ) throws(TextError) {
    var piece = Piece(offset: offset)
    var reader = message(range, "pieces[\(pieces.count)]")
    while let field = try reader.next() {
      switch field.number {
      case 1: piece.text = try reader.text(field, "piece")
      case 2: piece.score = try reader.float(field, "score")
      case 3:
        let number = try reader.integer(field, "type")
        guard let kind = Kind(rawValue: number) else {
          throw reader.error(field.offset, "\(number)", "1 to 6", in: "type")
        }
        piece.kind = kind
      default: break
      }
    }
    guard 1...max(1, limits.pieceBytes) ~= piece.text.count else {
      throw reader.error(
        offset, "\(piece.text.count) bytes", "1 to \(limits.pieceBytes)", in: "piece")
    }
    pieces.append(piece)
  }

  private mutating func readTrainer(_ range: Range<Int>) throws(TextError) {
    var reader = message(range, "trainer_spec")
    while let field = try reader.next() {
      switch field.number {
      case 3:
        trainer.modelType = try reader.integer(field, "model_type")
        trainer.modelTypeOffset = field.offset
      case 24: trainer.spaceIsSuffix = try reader.boolean(field, "treat_whitespace_as_suffix")
      case 35: trainer.fallsBackToBytes = try reader.boolean(field, "byte_fallback")
      case 44: trainer.unkSurface = Array(bytes[try reader.text(field, "unk_surface")])
      case 45: trainer.unk = name(try reader.text(field, "unk_piece"), else: "<unk>")
      case 46: trainer.bos = name(try reader.text(field, "bos_piece"), else: "<s>")
      case 47: trainer.eos = name(try reader.text(field, "eos_piece"), else: "</s>")
      case 48: trainer.pad = name(try reader.text(field, "pad_piece"), else: "<pad>")
      default: break
      }
    }
  }

  /// The name of a special piece; an empty one is the usual one.
  private func name(_ range: Range<Int>, else standard: String) -> [UInt8] {
    Array(range.isEmpty ? Array(standard.utf8)[...] : bytes[range])
  }

  private func readNormalization(
    _ specification: inout Normalization, _ range: Range<Int>, _ name: String
  ) throws(TextError) {
    var reader = message(range, name)
    while let field = try reader.next() {
      switch field.number {
      case 2: specification.rules = try reader.range(field, "precompiled_charsmap")
      case 3: specification.addsDummyPrefix = try reader.boolean(field, "add_dummy_prefix")
      case 4:
        specification.removesExtraSpaces = try reader.boolean(field, "remove_extra_whitespaces")
      case 5: specification.escapesSpaces = try reader.boolean(field, "escape_whitespaces")
      default: break
      }
    }
  }
}
