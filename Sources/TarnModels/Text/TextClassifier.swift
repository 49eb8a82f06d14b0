// From text to labels.

internal import Tarn
public import TarnCheckpoints
internal import TarnKernelInterface
public import TarnText

/// A label for a text, with the scores of all.
public struct Classification: Sendable {
  /// The label with the largest score; the first of equals.
  public var label: String
  /// Its score.
  public var score: Float
  /// All labels in the model's order.
  public var labels: [String]
  /// The scores, in the model's order: softmax of the logits, the sigmoid of each, or the logits
  /// themselves, as ``EncoderHeads/problem`` says.
  public var probabilities: [Float]
  /// The logits.
  public var logits: [Float]
  /// Tokens that the model saw, specials included.
  public var tokens: Int
  /// Distinct segments among them, those of the specials included; models that know none take a text
  /// as one.
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

/// A checkpoint with a sequence classifier and a vocabulary: text in, label out.
///
///     let model = try PoNetClassifier(directory: "ponet-hyperpartisan-mini")
///     let answer = try model.classify(["a long document ..."])[0]
///     print(answer.label, answer.score)
///
/// A text is tokenized as BERT does; for PoNet each sentence is a segment (Docs: PoNet, section
/// Segments).
public struct TextClassifier<Model: EncoderModel>: Sendable {
  /// The model itself.
  public let model: Model
  /// Text to tokens.
  public let tokenizer: WordPieceTokenizer

  /// Reads a checkpoint directory with a classifier and a vocabulary.
  ///
  /// That is `config.json`, weights, `vocab.txt`, and `tokenizer_config.json` if there
  /// is one.
  ///
  /// - Throws: ``ModelError``, also if the checkpoint has no classifier.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    try self.init(
      Model(directory: directory, options: options), limits: options.loading.limits)
  }

  /// Takes a model and reads the vocabulary of its directory.
  ///
  /// - Parameters:
  ///   - model: a model.
  ///   - limits: what the files of the tokenizer may ask for.
  /// - Throws: ``ModelError``, also if the model has no classifier.
  public init(_ model: Model, limits: FileLimits = FileLimits()) throws(ModelError) {
    self.model = model
    tokenizer = try WordPieceTokenizer(checkpoint: model.directory, limits: limits)
    _ = try model.sequenceClassifier()
    _ = try model.pooler()
  }

  /// What the model sees of a text: tokens, and for PoNet a segment for each sentence; of a pair of
  /// texts: a segment for each.
  ///
  /// - Throws: ``ModelError/text(_:)``; ``ModelError/tooLong(sequence:tokens:limit:)`` if the text
  ///   has more tokens than positions and must not be cut.
  public func encode(
    _ text: String, pair: String? = nil, longText: LongText = .isRejected
  ) throws(ModelError) -> DocumentEncoding {
    try tokenizer.document(
      text, pair: pair, segmentation: Model.segmentation, limit: model.maxPositions,
      longText: longText)
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

  /// Labels encoded documents, in batches of like length; results in the order of the documents.
  ///
  /// - Throws: ``ModelError`` for an encoding that does not fit the model.
  public func classify(_ encodings: [DocumentEncoding]) throws(ModelError) -> [Classification] {
    let lengths = encodings.map { $0.encoding.count }
    return try LengthBatches(lengths).map { (batch) throws(ModelError) in
      let logits = try model.sequenceLogits(batch.map { Model.Input(encodings[$0]) })
      let scores = try scores(of: logits)
      return batch.indices.map { i in
        let document = encodings[batch[i]]
        return Classification(
          logits: logits.rows(i..<i + 1).elements,
          probabilities: scores.rows(i..<i + 1).elements,
          labels: model.heads.labels, tokens: document.encoding.count,
          segments: Set(document.segmentIDs).count)
      }
    }
  }

  private func scores(of logits: Matrix) throws(ModelError) -> Matrix {
    try operation { () throws(TarnError) in
      var scores = try Matrix(rows: logits.rows, columns: logits.columns)
      switch model.heads.problem {
      case .oneLabel: try softmax(logits, into: &scores, on: model.execution)
      case .manyLabels: try elementwise(.sigmoid, logits, into: &scores, on: model.execution)
      case .regression: scores = logits
      }
      return scores
    }
  }
}

/// A PoNet checkpoint with a classifier and a vocabulary.
public typealias PoNetClassifier = TextClassifier<PoNetModel>
