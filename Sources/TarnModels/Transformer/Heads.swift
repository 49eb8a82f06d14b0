// What is read off the last hidden states.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// pooled = tanh(W h[0] + b), `pooler.dense` of the checkpoint.
struct Pooler: Sendable {
  let dense: Linear

  /// The pooled rows.
  ///
  /// - Parameters:
  ///   - first: `[sequences × d]`, the first row of each sequence.
  ///   - execution: kernels and threads.
  /// - Returns: `[sequences × d]`.
  /// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` for other columns.
  func callAsFunction(_ first: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
    try dense(first, activation: .tanh, on: execution)
  }
}

/// logits = D·LayerNorm(act(W h + b)) + bias; D is the word table unless the file stores its own.
struct MaskedLanguageModelHead: Sendable {
  let transform: Linear
  let norm: LayerNorm
  let decoder: Linear
  let activation: ElementwiseFunction

  init(
    _ weights: ModelWeights, _ c: EncoderConfiguration, wordTable: PackedMatrix
  ) throws(ModelError) {
    let d = c.hiddenSize
    let predictions = weights["predictions"]
    transform = try Linear(
      predictions["transform"], "dense", inputs: d, outputs: d)
    norm = try LayerNorm(
      predictions["transform"], "LayerNorm", size: d, epsilon: c.epsilon)
    let weight: PackedMatrix
    if predictions.has("decoder.weight") {
      weight = try predictions.packed("decoder.weight", outputs: c.vocabularySize, inputs: d)
    } else {
      weight = wordTable
    }
    decoder = Linear(
      weight: weight,
      bias: try predictions.vector("bias", count: c.vocabularySize))
    predictions.ignore("decoder.bias")  // the same numbers as "bias"
    activation = c.activation
  }

  /// The logits of each row.
  ///
  /// - Parameters:
  ///   - h: `[rows × d]`.
  ///   - execution: kernels and threads.
  /// - Returns: `[rows × vocabulary]`.
  /// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` for other columns.
  func callAsFunction(_ h: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
    let t = try transform(h, activation: activation, on: execution)
    var normed = try Matrix(rows: t.rows, columns: t.columns)
    try norm(t, into: &normed, on: execution)
    return try decoder(normed, on: execution)
  }
}

/// The heads whose weights a checkpoint holds.
public struct EncoderHeads: Sendable {
  /// The labels of the classifier, in order.
  public let labels: [String]
  /// How the classifier's logits become scores.
  public let problem: ProblemType

  let pooler: Pooler?
  let maskedLanguageModel: MaskedLanguageModelHead?
  /// On the pooled row, how B stands to A: follows or not; PoNet: in order, swapped, from elsewhere.
  let relationship: Linear?
  /// On the pooled row.
  let sequenceClassifier: Linear?
  /// On the pooled row of each choice: one logit.
  let choice: Linear?
  /// On each row.
  let tokenClassifier: Linear?
  /// On each row: logits of start and end.
  let answer: Linear?
  /// `ForPreTraining`, or both of its heads are there.
  let isPretraining: Bool

  /// Reads the heads that are there; a head whose first weight is missing is nil.
  ///
  /// What the tensor `classifier` is, `architectures` says; without that it is for sequences if
  /// there is a pooler, else for tokens.
  ///
  /// - Parameters:
  ///   - backbone: the weights under the encoder's names, with or without its prefix.
  ///   - root: those of the whole file.
  ///   - c: sizes and activation.
  ///   - wordTable: d × vocabulary, the decoder if the file stores none.
  ///   - relationships: classes of `cls.seq_relationship`.
  /// - Throws: ``ModelError`` for a head whose other weights are missing or misshapen.
  init(
    backbone: ModelWeights, root: ModelWeights, _ c: EncoderConfiguration, wordTable: PackedMatrix,
    relationships: Int
  ) throws(ModelError) {
    let d = c.hiddenSize
    labels = c.labels
    problem = c.problem ?? (c.labels.count == 1 ? .manyLabels : .oneLabel)
    pooler =
      backbone.has("pooler.dense.weight")
      ? Pooler(
        dense: try Linear(backbone["pooler"], "dense", inputs: d, outputs: d))
      : nil
    var classifier: Linear?
    var kind = c.head
    if root.has("classifier.weight") {
      switch kind {
      case .sequenceClassification, .multipleChoice, .tokenClassification: break
      default: kind = pooler == nil ? .tokenClassification : .sequenceClassification
      }
      classifier = try Linear(
        root, "classifier", inputs: d, outputs: kind == .multipleChoice ? 1 : labels.count)
    }
    sequenceClassifier = kind == .sequenceClassification ? classifier : nil
    choice = kind == .multipleChoice ? classifier : nil
    tokenClassifier = kind == .tokenClassification ? classifier : nil
    answer =
      root.has("qa_outputs.weight")
      ? try Linear(root, "qa_outputs", inputs: d, outputs: 2) : nil
    let cls = root["cls"]
    maskedLanguageModel =
      cls.has("predictions.transform.dense.weight")
      ? try MaskedLanguageModelHead(cls, c, wordTable: wordTable) : nil
    relationship =
      cls.has("seq_relationship.weight")
      ? try Linear(cls, "seq_relationship", inputs: d, outputs: relationships)
      : nil
    isPretraining =
      c.head == .pretraining || (maskedLanguageModel != nil && relationship != nil)
  }

  /// Whether there is a classifier of any kind.
  var hasClassifier: Bool {
    sequenceClassifier != nil || choice != nil || tokenClassifier != nil
  }

  /// Names of the heads, with the model's own word for the relationship of two texts.
  func names(relationship name: String) -> [String] {
    let names: [(Bool, String)] = [
      (pooler != nil, "pooler"), (sequenceClassifier != nil, "sequence-classification"),
      (choice != nil, "multiple-choice"), (tokenClassifier != nil, "token-classification"),
      (answer != nil, "question-answering"), (maskedLanguageModel != nil, "masked-lm"),
      (relationship != nil, name),
    ]
    return names.filter(\.0).map(\.1)
  }
}
