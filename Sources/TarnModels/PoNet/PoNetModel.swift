// A PoNet checkpoint as it is published, ready to run.

public import Tarn
package import TarnCheckpoints

/// PoNet: a transformer encoder whose token mixing is pooling, linear in the length.
///
/// Tan et al. 2022 (arXiv:2110.02442). Reads the published layout: `config.json`, safetensors with
/// the names of `chtan/ponet-base-uncased`, with or without the prefix `ponet.`. All heads that the
/// file holds are available. Equations beside names: Docs, page PoNet.
///
/// A model may be called from many tasks at once. The same input gives the same bits for any number
/// of threads, any batch and any instruction set with fused multiply-add.
public struct PoNetModel: Sendable {
  /// The directory it was read from.
  public let directory: String
  /// Sizes, switches and labels.
  public let configuration: PoNetConfiguration
  /// Positions that inputs may use.
  public let maxPositions: Int
  /// Kernels and threads.
  public let execution: Execution

  let encoder: PoNetEncoder
  let heads: PoNetHeads

  /// Reads a checkpoint directory.
  ///
  /// - Parameters:
  ///   - directory: holds `config.json` and `model.safetensors`.
  ///   - options: instruction set, threads, positions.
  /// - Throws: ``ModelError`` naming the file, the key or tensor, what was found and expected.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    let files = try checkpoint { () throws(CheckpointError) in
      try Checkpoint(directory: directory, loading: options.loading)
    }
    try self.init(files, options: options)
  }

  init(_ files: Checkpoint, options: ModelOptions) throws(ModelError) {
    let type = try LoadedModel.typeName(files, options)
    guard type == "ponet" else {
      throw .unknownModelType(
        directory: files.directory, found: "\"\(type)\"", expected: ["ponet"])
    }
    try self.init(
      weights: WeightScope(files.weights), configuration: PoNetConfiguration(files.configuration),
      directory: files.directory, options: options)
  }

  /// A model from weights that need not come from a directory.
  package init(
    weights root: WeightScope, configuration: PoNetConfiguration, directory: String,
    options: ModelOptions
  ) throws(ModelError) {
    self.directory = directory
    self.configuration = configuration
    execution = try options.execution()
    if let limit = options.maxPositions, limit < 1 {
      throw .operation(
        .invalidArgument(
          operation: "PoNetModel", argument: "maxPositions", found: "\(limit)",
          expected: "at least 1"))
    }
    maxPositions = options.maxPositions ?? configuration.positions
    let backbone =
      root.has("ponet.embeddings.word_embeddings.weight") ? root["ponet"] : root
    encoder = try PoNetEncoder(backbone, configuration, on: execution)
    heads = try PoNetHeads(
      backbone: backbone, root: root, configuration, wordTable: encoder.embeddings.word,
      on: execution)
  }

  /// Names of the heads that the checkpoint has weights for.
  public var headNames: [String] {
    var names: [String] = []
    if heads.pooler != nil { names.append("pooler") }
    if heads.classifier != nil {
      names.append(heads.pooler == nil ? "token-classification" : "sequence-classification")
    }
    if heads.maskedLanguageModel != nil { names.append("masked-lm") }
    if heads.sentenceStructure != nil { names.append("sentence-structure") }
    return names
  }

  /// The last hidden states of each input, `[tokens × d]`; rows of masked tokens are zero.
  ///
  /// - Throws: ``ModelError`` for an input that does not fit the model.
  /// - Complexity: about `24 · d²` operations a token and layer; memory: see Docs, PoNet.
  public func hiddenStates(_ inputs: [PoNetInput]) throws(ModelError) -> [Matrix] {
    let rows = try tokenRows(inputs)
    return try operation { () throws(TarnError) in
      let h = try encoder(rows, on: execution)
      var results: [Matrix] = []
      for (s, input) in inputs.enumerated() {
        results.append(try rows.scatter(h, sequence: s, length: input.ids.count))
      }
      return results
    }
  }

  /// tanh(W h[0] + b) for each input, `[inputs × d]`.
  ///
  /// - Throws: ``ModelError``; ``ModelError/missingHead(directory:head:tensor:)`` without a pooler.
  public func pooled(_ inputs: [PoNetInput]) throws(ModelError) -> Matrix {
    guard let pooler = heads.pooler else {
      throw missing("pooler", "pooler.dense.weight")
    }
    let rows = try tokenRows(inputs)
    return try operation { () throws(TarnError) in
      try pooler(try encoder.firstRows(rows, on: execution), on: execution)
    }
  }

  /// Logits of the sequence classifier for each input, `[inputs × labels]`.
  ///
  /// - Throws: as ``pooled(_:)``.
  public func sequenceLogits(_ inputs: [PoNetInput]) throws(ModelError) -> Matrix {
    guard let classifier = heads.classifier else {
      throw missing("classification", "classifier.weight")
    }
    let pooled = try pooled(inputs)
    return try operation { () throws(TarnError) in try classifier(pooled, on: execution) }
  }

  /// Logits of the token classifier for each input, `[tokens × labels]`.
  ///
  /// - Throws: as ``hiddenStates(_:)``, and
  ///   ``ModelError/missingHead(directory:head:tensor:)`` without a classifier.
  public func tokenLogits(_ inputs: [PoNetInput]) throws(ModelError) -> [Matrix] {
    guard let classifier = heads.classifier else {
      throw missing("classification", "classifier.weight")
    }
    let states = try hiddenStates(inputs)
    return try operation { () throws(TarnError) in
      var logits: [Matrix] = []
      for h in states { logits.append(try classifier(h, on: execution)) }
      return logits
    }
  }

  /// Masked-LM logits of some positions of one input, `[positions × vocabulary]`.
  ///
  /// - Throws: as ``hiddenStates(_:)``, and
  ///   ``ModelError/missingHead(directory:head:tensor:)`` without the head.
  public func maskedLogits(
    _ input: PoNetInput, positions: [Int]
  ) throws(ModelError) -> Matrix {
    guard let head = heads.maskedLanguageModel else {
      throw missing("masked-LM", "cls.predictions.transform.dense.weight")
    }
    if let bad = positions.firstIndex(where: { $0 < 0 || $0 >= input.ids.count }) {
      throw .inputRange(
        sequence: 0, list: "positions", position: bad, found: positions[bad],
        count: input.ids.count)
    }
    let h = try hiddenStates([input])[0]
    return try operation { () throws(TarnError) in
      var chosen = try Matrix(rows: positions.count, columns: h.columns)
      let indices = positions.map(Int32.init)
      try gather(h, indices[...], into: &chosen, on: execution)
      return try head(chosen, on: execution)
    }
  }

  /// Bytes that a call holds at most beside the weights, until its result is handed out.
  ///
  ///     (4·d + 29) · tokens + (4·d + 4) · (segments + 1) + (8·heads + 24) · d · sequences
  ///       + a constant for tile and chunks
  ///
  /// - Parameters:
  ///   - tokens: of all inputs of the call together.
  ///   - segments: distinct segment numbers of each input, added up over the inputs.
  ///   - sequences: inputs of the call.
  /// - Returns: the number of bytes, at most the largest `Int`.
  public func activationBytes(tokens: Int, segments: Int, sequences: Int = 1) -> Int {
    // In Double, since counts are the caller's and products might overflow.
    let d = Double(configuration.hiddenSize)
    let heads = Double(configuration.heads)
    let tokens = Double(max(0, tokens))
    let projections = tokens <= Double(Tile.rows) ? 3.0 : 2.0
    let tile =
      min(tokens, Double(Tile.rows))
      * ((3 + projections) * (d + 16) + Double(configuration.intermediateSize)) * 4
    let wave = execution.threads == 1 ? 1 : Double(execution.threads) * 4
    let chunk = 4 * (256 * 2 * heads + 2 * d * (heads + 16))
    let bytes =
      tokens * (4 * d + 29) + (Double(max(0, segments)) + 1) * (4 * d + 4)
      + Double(max(0, sequences)) * d * (8 * heads + 24) + tile + wave * chunk
    return Int(exactly: bytes.rounded()) ?? .max
  }

  func tokenRows(_ inputs: [PoNetInput]) throws(ModelError) -> TokenRows {
    try TokenRows(
      inputs,
      limits: InputLimits(
        vocabulary: configuration.vocabularySize, tokenTypes: configuration.tokenTypes,
        positions: maxPositions, positionRows: configuration.positions),
      excludesSpecial: configuration.excludesSpecial)
  }

  func missing(_ head: String, _ tensor: String) -> ModelError {
    .missingHead(directory: directory, head: head, tensor: tensor)
  }
}

extension TokenRows {
  /// Rows of one sequence at the caller's positions; zero where a token has no row.
  func scatter(
    _ x: Matrix, sequence s: Int, length: Int
  ) throws(TarnError) -> Matrix {
    let range = sequences[s]
    if range.count == length { return x.rows(range) }
    var y = try Matrix(rows: length, columns: x.columns)
    for i in range {
      try y.copyRow(from: x, i, to: Int(inputPositions[i]))
    }
    return y
  }
}
