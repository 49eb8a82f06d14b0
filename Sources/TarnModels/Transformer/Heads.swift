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

/// `x ↦ LayerNorm(act(W x + b))`, before the decoder of a masked-LM head.
struct PredictionTransform: Sendable {
  let dense: Linear
  let norm: LayerNorm
  let activation: ElementwiseFunction

  init(
    _ weights: ModelWeights, _ c: EncoderConfiguration
  ) throws(ModelError) {
    let d = c.hiddenSize
    dense = try Linear(weights, "dense", inputs: d, outputs: d)
    norm = try LayerNorm(weights, "LayerNorm", size: d, epsilon: c.epsilon)
    activation = c.activation
  }

  func callAsFunction(_ h: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
    let t = try dense(h, activation: activation, on: execution)
    var normed = try Matrix(rows: t.rows, columns: t.columns)
    try norm(t, into: &normed, on: execution)
    return normed
  }
}

/// logits = D·LayerNorm(act(W h + b)) + bias; D is the word table unless the file stores its own.
///
/// Funnel has no transform: logits = D·h + bias.
struct MaskedLanguageModelHead: Sendable {
  let transform: PredictionTransform?
  let decoder: Linear

  /// The head of BERT, FNet and PoNet: `predictions` of a scope.
  init(
    _ weights: ModelWeights, _ c: EncoderConfiguration, wordTable: PackedMatrix
  ) throws(ModelError) {
    let predictions = weights["predictions"]
    transform = try PredictionTransform(predictions["transform"], c)
    decoder = try Linear(
      tied: predictions, weight: "decoder.weight", bias: "bias", wordTable, c)
    predictions.ignore("decoder.bias")  // the same numbers as "bias"
  }

  /// The head of Funnel: `lm_head`.
  init(
    funnel weights: ModelWeights, _ c: EncoderConfiguration, wordTable: PackedMatrix
  ) throws(ModelError) {
    transform = nil
    decoder = try Linear(
      tied: weights, weight: "weight", bias: "bias", wordTable, c)
  }

  /// The logits of each row.
  ///
  /// - Parameters:
  ///   - h: `[rows × d]`.
  ///   - execution: kernels and threads.
  /// - Returns: `[rows × vocabulary]`.
  /// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` for other columns.
  func callAsFunction(_ h: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
    try decoder(try transform?(h, on: execution) ?? h, on: execution)
  }
}

extension Linear {
  /// The product with a stored matrix or, if there is none, the word table, and its own bias.
  fileprivate init(
    tied weights: ModelWeights, weight: String, bias: String, _ wordTable: PackedMatrix,
    _ c: EncoderConfiguration
  ) throws(ModelError) {
    self.init(
      weight: weights.has(weight)
        ? try weights.packed(weight, outputs: c.vocabularySize, inputs: c.hiddenSize) : wordTable,
      bias: try weights.vector(bias, count: c.vocabularySize))
  }
}

/// logit = w·act(W h + b) + c for each token: ELECTRA's objective.
///
/// Above 0 the token was replaced.
struct Discriminator: Sendable {
  let dense: Linear
  let prediction: Linear
  let activation: ElementwiseFunction

  /// Reads `dense` and `dense_prediction` of a scope.
  init(
    _ weights: ModelWeights, _ c: EncoderConfiguration
  ) throws(ModelError) {
    let d = c.hiddenSize
    dense = try Linear(weights, "dense", inputs: d, outputs: d)
    prediction = try Linear(weights, "dense_prediction", inputs: d, outputs: 1)
    activation = c.activation
  }

  /// `[rows × 1]`.
  func callAsFunction(_ h: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
    try prediction(dense(h, activation: activation, on: execution), on: execution)
  }
}

/// The tensors without which there is no such head.
struct HeadTensors: Sendable {
  var pooler = "pooler.dense.weight"
  var sequenceClassifier = "classifier.weight"
  var maskedLanguageModel = "cls.predictions.transform.dense.weight"

  static let funnel = HeadTensors(
    pooler: "classifier.linear_hidden.weight", sequenceClassifier: "classifier.linear_out.weight",
    maskedLanguageModel: "lm_head.bias")
}

/// The heads whose weights a checkpoint holds.
public struct EncoderHeads: Sendable {
  /// The labels of the classifier, in order.
  public let labels: [String]
  /// How the classifier's logits become scores.
  public let problem: ProblemType

  let pooler: Pooler?
  /// Whether the pooler is a part of its own, not a classifier's.
  let hasPooler: Bool
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
  /// On each row: whether its token was replaced.
  let discriminator: Discriminator?
  /// `ForPreTraining`, or both of its heads are there.
  let isPretraining: Bool
  /// What is missing where a head is.
  let tensors: HeadTensors

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
    hasPooler = pooler != nil
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
    discriminator = nil
    tensors = HeadTensors()
  }

  /// Reads the heads of a Funnel checkpoint that are there.
  ///
  /// The classifier of sequences has a tanh layer of its own, which stands for the pooler.
  ///
  /// - Parameters:
  ///   - root: the scope of the whole file.
  ///   - c: sizes and activation.
  ///   - wordTable: `[vocabulary × d]`, the decoder if the file stores none.
  /// - Throws: ``ModelError`` for a head whose other weights are missing or misshapen.
  init(
    funnel root: ModelWeights, _ c: EncoderConfiguration, wordTable: PackedMatrix
  ) throws(ModelError) {
    let d = c.hiddenSize
    labels = c.labels
    problem = c.problem ?? (c.labels.count == 1 ? .manyLabels : .oneLabel)
    let classifier = root["classifier"]
    var logits: Linear?
    if classifier.has("linear_hidden.weight") {
      pooler = Pooler(
        dense: try Linear(classifier, "linear_hidden", inputs: d, outputs: d))
      logits = try Linear(
        classifier, "linear_out", inputs: d,
        outputs: c.head == .multipleChoice ? 1 : labels.count)
    } else {
      pooler = nil
    }
    hasPooler = false
    choice = c.head == .multipleChoice ? logits : nil
    sequenceClassifier = c.head == .multipleChoice ? nil : logits
    tokenClassifier =
      root.has("classifier.weight")
      ? try Linear(root, "classifier", inputs: d, outputs: labels.count) : nil
    answer =
      root.has("qa_outputs.weight")
      ? try Linear(root, "qa_outputs", inputs: d, outputs: 2) : nil
    maskedLanguageModel =
      root.has("lm_head.bias")
      ? try MaskedLanguageModelHead(
        funnel: root["lm_head"], c, wordTable: wordTable) : nil
    let predictions = root["discriminator_predictions"]
    discriminator =
      predictions.has("dense.weight") ? try Discriminator(predictions, c) : nil
    relationship = nil
    isPretraining = false
    tensors = .funnel
  }

  /// Whether there is a classifier of any kind.
  var hasClassifier: Bool {
    sequenceClassifier != nil || choice != nil || tokenClassifier != nil
  }

  /// Names of the heads, with the model's own word for the relationship of two texts.
  func names(relationship name: String) -> [String] {
    let names: [(Bool, String)] = [
      (hasPooler, "pooler"), (sequenceClassifier != nil, "sequence-classification"),
      (choice != nil, "multiple-choice"), (tokenClassifier != nil, "token-classification"),
      (answer != nil, "question-answering"), (maskedLanguageModel != nil, "masked-lm"),
      (relationship != nil, name), (discriminator != nil, "discriminator"),
    ]
    return names.filter { $0.0 }.map { $0.1 }
  }
}
