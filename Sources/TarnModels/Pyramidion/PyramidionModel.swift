// A Pyramidion checkpoint as fairseq writes it, ready to run.

public import Tarn
package import TarnCheckpoints

/// What the encoder has left of some documents.
public struct PyramidionMemory: Sendable {
  /// `[documents · k × d]`, document after document.
  public let rows: Matrix
  /// The rows of each document.
  public let sequences: Ragged
  /// Which rows the decoder sees; nil: all.
  ///
  /// Rows that are zero in all columns are not seen: those that stand for a dropped remainder.
  public let keep: [Bool]?

  init(rows: Matrix, sequences: Ragged) {
    self.rows = rows
    self.sequences = sequences
    let isZero = rows.rowsOfZeros()
    keep = isZero.contains(true) ? isZero.map { !$0 } : nil
  }

  /// The decoder's rows of each document, given the document of each row, in order.
  func queries(rows documents: [Int]) throws(TarnError) -> Ragged {
    var lengths = [Int](repeating: 0, count: sequences.count)
    for document in documents { lengths[document] += 1 }
    return try Ragged(lengths: lengths)
  }
}

/// Pyramidion: an encoder over chunks whose rows become fewer from layer to layer by a trained soft
/// top-k, and a Transformer decoder that attends to those that are left.
///
/// Pietruszka, Borchmann and Garncarek 2022 (arXiv:2009.05169). Reads what fairseq writes: one
/// checkpoint with its arguments in it, or safetensors beside a `config.json` with `args`. The
/// blockwise and the plain Transformer of the same code are configurations of it. Equations beside
/// names: Docs, page Pyramidion.
///
/// A model may be called from many tasks at once. The same input gives the same bits for any number
/// of threads, any batch and any instruction set with fused multiply-add.
public struct PyramidionModel: Sendable {
  /// The directory it was read from.
  public let directory: String
  /// Sizes and switches.
  public let configuration: PyramidionConfiguration
  /// Tokens that a document may have: N₀ unless the options set a lower limit.
  public let maxPositions: Int
  /// Kernels and threads.
  public let execution: Execution
  /// V: token numbers are below it.
  public var vocabularySize: Int { encoder.embeddings.vocabulary }
  /// Whether the checkpoint has a decoder.
  public var hasDecoder: Bool { decoder != nil }

  let encoder: PyramidionEncoder
  let decoder: PyramidionDecoder?

  /// Reads a checkpoint directory.
  ///
  /// - Parameters:
  ///   - directory: holds weights, and `config.json` unless the weights have their arguments.
  ///   - options: instruction set, threads, positions, format of weights.
  /// - Throws: ``ModelError`` naming the file, the key or tensor, what was found and expected.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    let files = try Checkpoint(directory: directory, of: "pyramidion", options)
    try self.init(
      weights: WeightScope(files.weights),
      configuration: PyramidionConfiguration(files.configuration), directory: files.directory,
      options: options)
  }

  /// A model from weights that need not come from a directory.
  package init(
    weights: WeightScope, configuration: PyramidionConfiguration, directory: String,
    options: ModelOptions
  ) throws(ModelError) {
    self.directory = directory
    self.configuration = configuration
    let execution = try options.execution()
    self.execution = execution
    maxPositions = try options.positions(
      of: configuration.maxSourcePositions, tableRepeats: false)
    let root = ModelWeights(weights, as: options.weights, on: execution)
    encoder = try PyramidionEncoder(root["encoder"], configuration)
    decoder =
      root.hasPart("decoder")
      ? try PyramidionDecoder(root["decoder"], configuration, encoder: encoder.embeddings) : nil
  }

  /// Reads documents.
  ///
  /// Each is filled up with padding to N₀ tokens, as the model was trained. Chunks of padding alone
  /// are computed once, unless the configuration says otherwise.
  ///
  /// - Parameter documents: 1 to N₀ token numbers each, the last one 2 as the model was trained.
  /// - Returns: the rows that are left of each.
  /// - Throws: ``ModelError/emptyInput(sequence:)``, ``ModelError/tooLong(sequence:tokens:limit:)``,
  ///   ``ModelError/inputRange(sequence:list:position:found:count:)``.
  /// - Complexity: about `12·d² + 4·c·d` multiply-adds a token and layer for f = 4·d and chunks of c,
  ///   on rows that become fewer: with halving widths less than twice the first layer.
  public func encode(_ documents: [[Int]]) throws(ModelError) -> PyramidionMemory {
    try encode(documents, trace: nil)
  }

  func encode(
    _ documents: [[Int]], trace: PyramidionTrace?
  ) throws(ModelError) -> PyramidionMemory {
    try checkTokens(
      documents, "ids", vocabulary: vocabularySize, limit: maxPositions)
    return try operation { () throws(TarnError) in
      let k = configuration.stages.last?.outputs ?? 0
      let sequences = try Ragged(lengths: documents.map { _ in k })
      var rows = try Matrix(rows: sequences.rows, columns: configuration.encoder.size)
      let numbers = Array(0..<Int32(k))
      for (i, document) in documents.enumerated() {
        let memory = try encoder(document.map { Int32($0) }, trace: trace, on: execution)
        try gather(memory, numbers[...], into: &rows, at: i * k, on: execution)
      }
      return PyramidionMemory(rows: rows, sequences: sequences)
    }
  }

  /// The logits of the token that follows each prefix of given targets.
  ///
  /// - Parameters:
  ///   - memory: of the documents.
  ///   - targets: token numbers for each document, the first one 2 as the decoder was trained; at
  ///     most `max_target_positions`. Padding is no key to others.
  /// - Returns: for each document `[tokens × vocabulary]`.
  /// - Throws: as ``encode(_:)``, ``ModelError/missingHead(directory:head:tensor:)`` without a
  ///   decoder, ``ModelError/operation(_:)`` for another number of targets than documents.
  public func logits(
    _ memory: PyramidionMemory, targets: [[Int]]
  ) throws(ModelError) -> [Matrix] {
    try logits(memory, targets: targets, trace: nil)
  }

  func logits(
    _ memory: PyramidionMemory, targets: [[Int]], trace: PyramidionTrace?
  ) throws(ModelError) -> [Matrix] {
    let decoder = try requiredDecoder()
    try checkTokens(
      targets, "targets", vocabulary: decoder.vocabulary,
      limit: configuration.maxTargetPositions)
    return try operation { () throws(TarnError) in
      guard targets.count == memory.sequences.count else {
        throw TarnError.shapeMismatch(
          operation: "logits", argument: "targets", found: [targets.count],
          expected: [memory.sequences.count])
      }
      let all = try decoder(
        targets.map { $0.map { Int32($0) } }, memory, trace: trace, on: execution)
      var start = 0
      return targets.map { target in
        defer { start += target.count }
        return all.rows(start..<start + target.count)
      }
    }
  }

  func requiredDecoder() throws(ModelError) -> PyramidionDecoder {
    guard let decoder else {
      throw .missingHead(
        directory: directory, head: "decoder", tensor: "decoder.embed_tokens.weight")
    }
    return decoder
  }
}

/// Throws unless each list has 1 to `limit` token numbers.
private func checkTokens(
  _ lists: [[Int]], _ name: String, vocabulary: Int, limit: Int
) throws(ModelError) {
  for (s, ids) in lists.enumerated() {
    guard !ids.isEmpty else { throw .emptyInput(sequence: s) }
    guard ids.count <= limit else {
      throw .tooLong(sequence: s, tokens: ids.count, limit: limit)
    }
    if let t = ids.firstIndex(where: { $0 < 0 || $0 >= vocabulary }) {
      throw .inputRange(sequence: s, list: name, position: t, found: ids[t], count: vocabulary)
    }
  }
}
