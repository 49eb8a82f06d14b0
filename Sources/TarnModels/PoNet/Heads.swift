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
    _ weights: WeightScope, _ c: PoNetConfiguration, wordTable: Matrix, on execution: Execution
  ) throws(ModelError) {
    let d = c.hiddenSize
    let predictions = weights["predictions"]
    transform = try Linear(
      predictions["transform"], "dense", inputs: d, outputs: d, on: execution)
    norm = try LayerNorm(
      predictions["transform"], "LayerNorm", size: d, epsilon: c.epsilon, on: execution)
    let weight: PackedMatrix
    if predictions.has("decoder.weight") {
      weight = try PackedMatrix.load(
        predictions, "decoder.weight", outputs: c.vocabularySize, inputs: d, on: execution)
    } else {
      weight = try operation { () throws(TarnError) in
        try PackedMatrix(transposing: wordTable, on: execution)
      }
    }
    decoder = Linear(
      weight: weight,
      bias: try predictions.vector("bias", count: c.vocabularySize, on: execution))
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
struct PoNetHeads: Sendable {
  let pooler: Pooler?
  let classifier: Linear?
  let maskedLanguageModel: MaskedLanguageModelHead?
  /// Three classes: in order, swapped, from elsewhere.
  let sentenceStructure: Linear?

  /// Reads the heads that are there; a head whose first weight is missing is nil.
  ///
  /// - Parameters:
  ///   - backbone: the scope of the encoder's names, with or without the prefix `ponet.`.
  ///   - root: the scope of the whole file.
  ///   - c: sizes and activation.
  ///   - wordTable: `[vocabulary × d]`, the decoder if the file stores none.
  ///   - execution: kernels that pack.
  /// - Throws: ``ModelError`` for a head whose other weights are missing or misshapen.
  init(
    backbone: WeightScope, root: WeightScope, _ c: PoNetConfiguration, wordTable: Matrix,
    on execution: Execution
  ) throws(ModelError) {
    let d = c.hiddenSize
    pooler =
      backbone.has("pooler.dense.weight")
      ? Pooler(
        dense: try Linear(backbone["pooler"], "dense", inputs: d, outputs: d, on: execution))
      : nil
    classifier =
      root.has("classifier.weight")
      ? try Linear(root, "classifier", inputs: d, outputs: c.labels.count, on: execution) : nil
    let cls = root["cls"]
    maskedLanguageModel =
      cls.has("predictions.transform.dense.weight")
      ? try MaskedLanguageModelHead(cls, c, wordTable: wordTable, on: execution) : nil
    sentenceStructure =
      cls.has("seq_relationship.weight")
      ? try Linear(cls, "seq_relationship", inputs: d, outputs: 3, on: execution) : nil
  }
}
