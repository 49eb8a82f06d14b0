// What every encoder can be asked for once its last hidden states are there.

public import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface
public import TarnText

/// What an encoder takes for one sequence; made from a tokenized text.
public protocol EncoderInput: Sendable {
  /// The tokens of a text, or of a pair of texts.
  init(_ document: DocumentEncoding)
}

/// An encoder read from a checkpoint: token numbers in, hidden states and the outputs of its heads
/// out.
///
/// A model may be called from many tasks at once. The same input gives the same bits for any number
/// of threads, any batch and any instruction set with fused multiply-add.
public protocol EncoderModel: Sendable {
  /// One sequence.
  associatedtype Input: EncoderInput

  /// Reads a checkpoint directory: `config.json` and the weights.
  ///
  /// - Throws: ``ModelError`` naming the file, the key or tensor, what was found and expected.
  init(directory: String, options: ModelOptions) throws(ModelError)

  /// The directory it was read from.
  var directory: String { get }
  /// d: columns of the hidden states.
  var hiddenSize: Int { get }
  /// Positions that inputs may use.
  var maxPositions: Int { get }
  /// Kernels and threads.
  var execution: Execution { get }
  /// The heads that the checkpoint has weights for.
  var heads: EncoderHeads { get }
  /// Names of these heads.
  var headNames: [String] { get }
  /// How a text is cut into segments, for models that have them.
  static var segmentation: DocumentSegmentation { get }

  /// The last hidden states of a batch, masked tokens left out.
  ///
  /// - Throws: ``ModelError`` for an input that does not fit the model.
  func states(_ inputs: [Input]) throws(ModelError) -> TokenStates

  /// The last hidden state of each input's first token, `[inputs × d]`.
  ///
  /// - Throws: as ``states(_:)``.
  func firstStates(_ inputs: [Input]) throws(ModelError) -> Matrix

  /// A vector for each encoded text: its hidden states pooled, and scaled to length 1 if asked for.
  ///
  /// - Throws: as ``states(_:)``.
  func vectors(
    _ documents: [DocumentEncoding], _ pooling: Pooling, normalizes: Bool
  ) throws(ModelError) -> [[Float]]
}

extension TokenInput: EncoderInput {
  /// An encoded text as BERT takes it: ids and token types.
  public init(_ document: DocumentEncoding) {
    self.init(
      ids: document.encoding.ids.map(Int.init),
      tokenTypes: document.encoding.typeIDs.map(Int.init))
  }
}

extension EncoderModel {
  /// A text is one segment.
  public static var segmentation: DocumentSegmentation { .whole }

  /// Names of the heads that the checkpoint has weights for.
  public var headNames: [String] { heads.names(relationship: "next-sentence") }

  /// The last hidden states of each input, `[tokens × d]`; rows of masked tokens are zero.
  ///
  /// - Throws: ``ModelError`` for an input that does not fit the model.
  public func hiddenStates(_ inputs: [Input]) throws(ModelError) -> [Matrix] {
    let states = try states(inputs)
    return try operation { () throws(TarnError) in
      var results: [Matrix] = []
      for s in inputs.indices {
        results.append(try states.batch.scatter(states.rows, sequence: s))
      }
      return results
    }
  }

  /// tanh(W h[0] + b) for each input, `[inputs × d]`.
  ///
  /// - Throws: ``ModelError``; ``ModelError/missingHead(directory:head:tensor:)`` without a pooler.
  public func pooled(_ inputs: [Input]) throws(ModelError) -> Matrix {
    let pooler = try pooler()
    let first = try firstStates(inputs)
    return try operation { () throws(TarnError) in try pooler(first, on: execution) }
  }

  /// Logits of the sequence classifier for each input, `[inputs × labels]`.
  ///
  /// - Throws: as ``pooled(_:)``.
  public func sequenceLogits(_ inputs: [Input]) throws(ModelError) -> Matrix {
    try pooledLogits(inputs, sequenceClassifier())
  }

  /// Logits of the choices of each question.
  ///
  /// - Parameter questions: the choices of each, as inputs: the question with one answer each.
  /// - Returns: a logit for each choice; the highest is the answer.
  /// - Throws: as ``pooled(_:)``.
  public func choiceLogits(_ questions: [[Input]]) throws(ModelError) -> [[Float]] {
    let choice = try required(
      heads.choice, "multiple-choice", heads.tensors.sequenceClassifier)
    let logits = try pooledLogits(questions.flatMap { $0 }, choice)
    var rest = logits.elements[...]
    return questions.map { question in
      defer { rest = rest.dropFirst(question.count) }
      return Array(rest.prefix(question.count))
    }
  }

  /// Logits of how two texts are related, `[inputs × classes]`.
  ///
  /// BERT and FNet: 0 if the second follows the first, 1 if not. PoNet: 0 in order, 1 swapped,
  /// 2 from elsewhere.
  ///
  /// - Throws: as ``pooled(_:)``.
  public func relationshipLogits(_ inputs: [Input]) throws(ModelError) -> Matrix {
    try pooledLogits(
      inputs,
      required(heads.relationship, "sentence relationship", "cls.seq_relationship.weight"))
  }

  /// Logits of the token classifier for each input, `[tokens × labels]`.
  ///
  /// - Throws: as ``hiddenStates(_:)``, and
  ///   ``ModelError/missingHead(directory:head:tensor:)`` without a classifier.
  public func tokenLogits(_ inputs: [Input]) throws(ModelError) -> [Matrix] {
    try tokenLogits(
      inputs, required(heads.tokenClassifier, "token-classification", "classifier.weight"))
  }

  /// Logits of each token to begin (column 0) and to end (column 1) the answer, `[tokens × 2]`.
  ///
  /// - Throws: as ``tokenLogits(_:)``.
  public func answerLogits(_ inputs: [Input]) throws(ModelError) -> [Matrix] {
    try tokenLogits(inputs, answerHead())
  }

  /// Masked-LM logits of some positions of one input, `[positions × vocabulary]`.
  ///
  /// - Throws: as ``hiddenStates(_:)``, and
  ///   ``ModelError/missingHead(directory:head:tensor:)`` without the head.
  public func maskedLogits(_ input: Input, positions: [Int]) throws(ModelError) -> Matrix {
    let head = try maskedLanguageModel()
    let h = try hiddenStates([input])[0]
    if let bad = positions.firstIndex(where: { $0 < 0 || $0 >= h.rows }) {
      throw .inputRange(
        sequence: 0, list: "positions", position: bad, found: positions[bad], count: h.rows)
    }
    return try operation { () throws(TarnError) in
      var chosen = try Matrix(rows: positions.count, columns: h.columns)
      let indices = positions.map(Int32.init)
      try gather(h, indices[...], into: &chosen, on: execution)
      return try head(chosen, on: execution)
    }
  }

  private func pooledLogits(
    _ inputs: [Input], _ linear: Linear
  ) throws(ModelError) -> Matrix {
    let pooled = try pooled(inputs)
    return try operation { () throws(TarnError) in try linear(pooled, on: execution) }
  }

  private func tokenLogits(
    _ inputs: [Input], _ linear: Linear
  ) throws(ModelError) -> [Matrix] {
    let states = try hiddenStates(inputs)
    return try operation { () throws(TarnError) in
      var logits: [Matrix] = []
      for h in states { logits.append(try linear(h, on: execution)) }
      return logits
    }
  }

  func pooler() throws(ModelError) -> Pooler {
    try required(heads.pooler, "pooler", heads.tensors.pooler)
  }

  func sequenceClassifier() throws(ModelError) -> Linear {
    try required(
      heads.sequenceClassifier, "sequence-classification", heads.tensors.sequenceClassifier)
  }

  func answerHead() throws(ModelError) -> Linear {
    try required(heads.answer, "question-answering", "qa_outputs.weight")
  }

  func maskedLanguageModel() throws(ModelError) -> MaskedLanguageModelHead {
    try required(heads.maskedLanguageModel, "masked-LM", heads.tensors.maskedLanguageModel)
  }

  /// A head, or an error with the tensor whose absence says that there is none.
  private func required<Head>(
    _ head: Head?, _ name: String, _ tensor: String
  ) throws(ModelError) -> Head {
    guard let head else { throw .missingHead(directory: directory, head: name, tensor: tensor) }
    return head
  }
}
