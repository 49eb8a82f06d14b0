// Candidates for masked words.

internal import Tarn
public import TarnCheckpoints
public import TarnText

/// What may stand in place of one `[MASK]`.
public struct MaskCandidates: Sendable {
  /// A token with its probability.
  public struct Candidate: Sendable {
    /// The piece, with `##` if it continues a word.
    public var token: String
    /// Its line in the vocabulary.
    public var id: Int
    /// Softmax over the whole vocabulary.
    public var score: Float
  }

  /// The position of the mask among the tokens, `[CLS]` being 0.
  public var position: Int
  /// The best candidates, best first; of equals the one with the smaller id.
  public var candidates: [Candidate]
}

/// A checkpoint with a masked-LM head and a vocabulary.
public struct MaskedLanguageModel<Model: EncoderModel>: Sendable {
  /// The model itself.
  public let model: Model
  /// Text to tokens.
  public let tokenizer: WordPieceTokenizer

  /// Reads a checkpoint directory with a vocabulary.
  ///
  /// - Throws: ``ModelError``, also if the checkpoint has no masked-LM head.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    try self.init(
      Model(directory: directory, options: options), limits: options.loading.limits)
  }

  /// Takes a model and reads the vocabulary of its directory.
  ///
  /// - Parameters:
  ///   - model: a model.
  ///   - limits: what the files of the tokenizer may ask for.
  /// - Throws: ``ModelError``, also if the model has no masked-LM head.
  public init(_ model: Model, limits: FileLimits = FileLimits()) throws(ModelError) {
    self.model = model
    tokenizer = try WordPieceTokenizer(checkpoint: model.directory, limits: limits)
    _ = try model.maskedLanguageModel()
  }

  /// The best candidates for each `[MASK]` of a text, or what the vocabulary calls it.
  ///
  /// - Parameters:
  ///   - text: a text with at least one `[MASK]`.
  ///   - top: candidates for each mask, at most the vocabulary; below 1 gives none.
  ///   - longText: what happens to a text with more tokens than positions.
  /// - Returns: an entry for each `[MASK]`, in the order of the text.
  /// - Throws: ``ModelError``; ``ModelError/noMask(token:)`` for a text without one.
  public func fillMask(
    _ text: String, top: Int = 5, longText: LongText = .isRejected
  ) throws(ModelError) -> [MaskCandidates] {
    let document = try tokenizer.document(
      text, segmentation: Model.segmentation, limit: model.maxPositions, longText: longText)
    let ids = document.encoding.ids
    let positions = ids.indices.filter { ids[$0] == tokenizer.maskID }
    guard !positions.isEmpty else { throw .noMask(token: tokenizer.options.specialTokens.mask) }
    let logits = try model.maskedLogits(Model.Input(document), positions: positions)
    let probabilities = try operation { () throws(TarnError) in
      var p = try Matrix(rows: logits.rows, columns: logits.columns)
      try softmax(logits, into: &p, on: model.execution)
      return p
    }
    return positions.indices.map { i in
      let scores = probabilities.rows(i..<i + 1).elements
      let best = scores.indices.sorted {
        scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1
      }
      return MaskCandidates(
        position: positions[i],
        candidates: best.prefix(max(0, top)).map {
          MaskCandidates.Candidate(
            token: tokenizer.vocabulary.piece(of: Int32($0)) ?? "", id: $0, score: scores[$0])
        })
    }
  }
}

/// A PoNet checkpoint with a masked-LM head and a vocabulary.
public typealias PoNetMaskedLanguageModel = MaskedLanguageModel<PoNetModel>
