// From text to labels.

internal import Tarn
internal import TarnCheckpoints
public import TarnText

/// A label for a text, with the probabilities of all.
public struct Classification: Sendable {
  /// The label with the largest probability; the first of equals.
  public var label: String
  /// Its probability.
  public var score: Float
  /// All labels in the model's order.
  public var labels: [String]
  /// Softmax of the logits, in the model's order.
  public var probabilities: [Float]
  /// The logits.
  public var logits: [Float]
  /// Tokens that the model saw, specials included.
  public var tokens: Int
  /// Distinct segments among them, those of the specials included.
  public var segments: Int

  init(
    logits: [Float], probabilities: [Float], labels: [String], tokens: Int, segments: Int
  ) {
    self.logits = logits
    self.probabilities = probabilities
    self.labels = labels
    self.tokens = tokens
    self.segments = segments
    let best = logits.indices.max { logits[$0] < logits[$1] } ?? 0
    label = labels.indices.contains(best) ? labels[best] : ""
    score = probabilities.indices.contains(best) ? probabilities[best] : .nan
  }
}

/// What happens to a text with more tokens than positions.
public enum LongText: Sendable {
  /// ``ModelError/tooLong(sequence:tokens:limit:)``.
  case isRejected
  /// The end is cut off.
  case isTruncated
}

/// A PoNet checkpoint with a classifier and a vocabulary: text in, label out.
///
///     let model = try PoNetClassifier(directory: "ponet-hyperpartisan-mini")
///     let answer = try model.classify(["a long document ..."])[0]
///     print(answer.label, answer.score)
///
/// A text is tokenized as BERT does; each sentence is a segment (Docs: PoNet, section Segments).
public struct PoNetClassifier: Sendable {
  /// The model itself.
  public let model: PoNetModel
  /// Text to tokens.
  public let tokenizer: WordPieceTokenizer

  /// Reads a checkpoint directory with a classifier and a vocabulary.
  ///
  /// That is `config.json`, `model.safetensors`, `vocab.txt`, and `tokenizer_config.json` if there
  /// is one.
  ///
  /// - Throws: ``ModelError``, also if the checkpoint has no classifier.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    model = try PoNetModel(directory: directory, options: options)
    tokenizer = try WordPieceTokenizer(checkpoint: directory)
    guard model.heads.classifier != nil, model.heads.pooler != nil else {
      throw model.missing("sequence-classification", "classifier.weight")
    }
  }

  /// What the model sees of a text: tokens, and a segment for each sentence; of a pair of texts: a
  /// segment for each.
  ///
  /// - Throws: ``ModelError/text(_:)``; ``ModelError/tooLong(sequence:tokens:limit:)`` if the text
  ///   has more tokens than positions and must not be cut.
  public func encode(
    _ text: String, pair: String? = nil, longText: LongText = .isRejected
  ) throws(ModelError) -> DocumentEncoding {
    try tokenizer.document(text, pair: pair, limit: model.maxPositions, longText: longText)
  }

  /// Labels texts; each result is the same as for its text alone.
  ///
  /// - Throws: as ``encode(_:pair:longText:)``.
  public func classify(
    _ texts: [String], longText: LongText = .isRejected
  ) throws(ModelError) -> [Classification] {
    var encodings: [DocumentEncoding] = []
    for text in texts { encodings.append(try encode(text, longText: longText)) }
    return try classify(encodings)
  }

  /// Labels encoded documents.
  ///
  /// - Throws: ``ModelError`` for an encoding that does not fit the model.
  public func classify(_ encodings: [DocumentEncoding]) throws(ModelError) -> [Classification] {
    guard !encodings.isEmpty else { return [] }
    let logits = try model.sequenceLogits(encodings.map(PoNetInput.init))
    let probabilities = try operation { () throws(TarnError) in
      var p = try Matrix(rows: logits.rows, columns: logits.columns)
      try softmax(logits, into: &p, on: model.execution)
      return p
    }
    return encodings.indices.map { i in
      Classification(
        logits: logits.rows(i..<i + 1).elements,
        probabilities: probabilities.rows(i..<i + 1).elements,
        labels: model.configuration.labels, tokens: encodings[i].encoding.count,
        segments: Set(encodings[i].segmentIDs).count)
    }
  }
}

extension PoNetInput {
  /// An encoded document as the model takes it.
  public init(_ document: DocumentEncoding) {
    self.init(
      ids: document.encoding.ids.map(Int.init),
      tokenTypes: document.encoding.typeIDs.map(Int.init),
      segments: document.segmentIDs.map(Int.init))
  }
}
