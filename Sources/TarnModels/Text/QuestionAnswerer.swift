// From a question and a text to the part of the text that answers it.

internal import Tarn
internal import TarnKernelInterface
public import TarnText

/// A span of a text, with its probability.
public struct Answer: Sendable {
  /// The part of the text.
  public var text: String
  /// Softmax of the first token's start logit times that of the last token's end logit, both over the
  /// tokens of the text.
  public var score: Float
  /// Its place in UTF-8 bytes of the text.
  public var utf8Offsets: Range<Int>
  /// Its tokens among those that the model saw.
  public var tokens: ClosedRange<Int>
}

/// A checkpoint with a question-answering head and a vocabulary: question and text in, span out.
///
///     let model = try QuestionAnswerer(FunnelModel(directory: "funnel-squad"))
///     let answer = try model.answer("Who won?", in: ["The court was divided, but Ada won."])[0]
///     print(answer.text, answer.utf8Offsets, answer.score)
///
/// Extractive answers as of SQuAD (arXiv:1606.05250): of all spans of at most so many tokens the one
/// with the largest product of probabilities, the earliest and shortest of equals.
public struct QuestionAnswerer<Model: EncoderModel>: Sendable {
  /// The model itself.
  public let model: Model
  /// Text to tokens.
  public let tokenizer: WordPieceTokenizer

  /// Reads a checkpoint directory with a question-answering head and a vocabulary.
  ///
  /// - Throws: ``ModelError``, also if the checkpoint has no such head.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    try self.init(Model(directory: directory, options: options))
  }

  /// Takes a model and reads the vocabulary of its directory.
  ///
  /// - Throws: ``ModelError``, also if the model has no question-answering head.
  public init(_ model: Model) throws(ModelError) {
    self.model = model
    tokenizer = try WordPieceTokenizer(checkpoint: model.directory)
    _ = try model.answerHead()
  }

  /// What the model sees of a question and a text.
  ///
  /// - Parameters:
  ///   - question: the question, which is never cut.
  ///   - text: the text that holds the answer.
  ///   - longText: what happens to a text with more tokens than positions.
  /// - Returns: the tokens; those of the text have type 1.
  /// - Throws: ``ModelError/text(_:)``; ``ModelError/emptyText`` if the text has no tokens or none is
  ///   left; ``ModelError/tooLong(sequence:tokens:limit:)``.
  public func encode(
    _ question: String, _ text: String, longText: LongText = .isRejected
  ) throws(ModelError) -> DocumentEncoding {
    let document = try tokenizer.document(
      question, pair: text, limit: model.maxPositions, longText: longText, truncation: .onlySecond)
    guard !textTokens(document.encoding).isEmpty else { throw .emptyText }
    return document
  }

  /// The answer that each text gives; each is the same as for its text alone.
  ///
  /// - Parameters:
  ///   - question: the question.
  ///   - texts: the texts.
  ///   - longest: the most tokens of an answer; at least one is taken.
  ///   - longText: what happens to a text with more tokens than positions.
  /// - Returns: an answer for each text.
  /// - Throws: as ``encode(_:_:longText:)``.
  public func answer(
    _ question: String, in texts: [String], longest: Int = 30, longText: LongText = .isRejected
  ) throws(ModelError) -> [Answer] {
    var documents: [DocumentEncoding] = []
    for text in texts { documents.append(try encode(question, text, longText: longText)) }
    return try answers(documents, texts, longest: longest)
  }

  /// The answers of encoded texts, in batches of like length; results in the order of the texts.
  ///
  /// - Throws: ``ModelError`` for an encoding that does not fit the model.
  package func answers(
    _ documents: [DocumentEncoding], _ texts: [String], longest: Int
  ) throws(ModelError) -> [Answer] {
    try LengthBatches(documents.map { $0.encoding.count }).map { (batch) throws(ModelError) in
      let logits = try model.answerLogits(batch.map { Model.Input(documents[$0]) })
      var answers: [Answer] = []
      for (i, logits) in zip(batch, logits) {
        answers.append(
          try best(logits, documents[i].encoding, texts[i], longest: max(1, longest)))
      }
      return answers
    }
  }

  /// The tokens of the text, without the specials.
  private func textTokens(_ encoding: Encoding) -> Range<Int> {
    let first = encoding.typeIDs.firstIndex(of: 1) ?? encoding.count
    return first..<max(first, encoding.count - 1)
  }

  private func best(
    _ logits: Matrix, _ encoding: Encoding, _ text: String, longest: Int
  ) throws(ModelError) -> Answer {
    let tokens = textTokens(encoding)
    let p = try operation { () throws(TarnError) in
      var p = try Matrix(rows: 2, columns: tokens.count)
      let rows = (0..<2).flatMap { logits.columns($0..<$0 + 1).rows(tokens).elements }
      try softmax(
        Matrix(rows: 2, columns: tokens.count, rows), into: &p, on: model.execution)
      return p
    }
    let (starts, ends) = (p.rows(0..<1).elements, p.rows(1..<2).elements)
    var span = 0...0
    for i in starts.indices {
      for j in i..<min(ends.count, i + longest)
      where starts[i] * ends[j] > starts[span.lowerBound] * ends[span.upperBound] {
        span = i...j
      }
    }
    let places = encoding.utf8Offsets
    let found = tokens.lowerBound + span.lowerBound...tokens.lowerBound + span.upperBound
    let bytes = places[found.lowerBound].lowerBound..<places[found.upperBound].upperBound
    return Answer(
      text: String(decoding: Array(text.utf8)[bytes], as: UTF8.self),
      score: starts[span.lowerBound] * ends[span.upperBound], utf8Offsets: bytes, tokens: found)
  }
}

/// A Funnel checkpoint with a question-answering head and a vocabulary.
public typealias FunnelQuestionAnswerer = QuestionAnswerer<FunnelModel>

/// A BERT checkpoint with a question-answering head and a vocabulary.
public typealias BERTQuestionAnswerer = QuestionAnswerer<BERTModel>
