// A Funnel checkpoint as it is published, ready to run.

public import Tarn
package import TarnCheckpoints

/// Funnel-Transformer: an encoder that halves the sequence between blocks, and a decoder that
/// restores its length.
///
/// Dai et al. 2020 (arXiv:2006.03236). Reads the published layout: `config.json`, weights with the
/// names of `funnel-transformer/*`, with or without the prefix `funnel.`. All heads that the file
/// holds are available; those of sequences need no decoder. Equations beside names: Docs, page
/// Funnel.
public struct FunnelModel: EncoderModel {
  /// The directory it was read from.
  public let directory: String
  /// Sizes, switches and labels.
  public let configuration: FunnelConfiguration
  /// d: columns of the hidden states.
  public var hiddenSize: Int { configuration.hiddenSize }
  /// Tokens that inputs may have: any number unless the options set a limit.
  public let maxPositions: Int
  /// Kernels and threads.
  public let execution: Execution
  /// The heads that the checkpoint has weights for.
  public let heads: EncoderHeads
  /// Whether there is a decoder; without it the states are those of the last block, about
  /// `n / 2^(B-1)` rows.
  public var hasDecoder: Bool { encoder.hasDecoder }

  let encoder: FunnelEncoder

  /// Reads a checkpoint directory.
  ///
  /// - Parameters:
  ///   - directory: holds `config.json` and weights.
  ///   - options: instruction set, threads, positions.
  /// - Throws: ``ModelError`` naming the file, the key or tensor, what was found and expected.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    let files = try Checkpoint(directory: directory, of: "funnel", options)
    try self.init(
      weights: WeightScope(files.weights), configuration: FunnelConfiguration(files.configuration),
      directory: files.directory, options: options)
  }

  /// A model from weights that need not come from a directory.
  package init(
    weights: WeightScope, configuration: FunnelConfiguration, directory: String,
    options: ModelOptions
  ) throws(ModelError) {
    self.directory = directory
    self.configuration = configuration
    let execution = try options.execution()
    self.execution = execution
    // Relative positions have no table that could end.
    maxPositions = try options.positions(of: Int(Int32.max) - 1, tableRepeats: false)
    let root = ModelWeights(weights, as: options.weights, on: execution)
    let backbone = root.part(anyOf: ["funnel", ""])
    encoder = try FunnelEncoder(
      backbone, configuration,
      hasDecoder: configuration.hasDecoder
        ?? backbone.has("decoder.layers.0.attention.q_head.weight"))
    heads = try EncoderHeads(
      funnel: root, configuration.encoder, wordTable: encoder.word)
  }

  /// The last hidden states of a batch: of the decoder, a row for each token, or without decoder of
  /// the last block.
  ///
  /// An input without mask is what the reference makes of it alone. One whose mask leaves out tokens
  /// behind its end is what the reference makes of a padded row; from `3 · 2^(B-2) - 1` such tokens on
  /// more change no bit and are not computed.
  ///
  /// - Throws: ``ModelError`` for an input that does not fit the model;
  ///   ``ModelError/nothingKept(sequence:)`` if its mask leaves all tokens out.
  /// - Complexity: see Docs, Funnel; linear in memory.
  public func states(_ inputs: [TokenInput]) throws(ModelError) -> TokenStates {
    let batch = try batch(inputs)
    return try operation { () throws(TarnError) in try encoder(batch, on: execution) }
  }

  /// The last hidden state of each input's first token, `[inputs × d]`.
  ///
  /// Without decoder the last layer is computed for that token alone, with the same bits.
  ///
  /// - Throws: as ``states(_:)``.
  public func firstStates(_ inputs: [TokenInput]) throws(ModelError) -> Matrix {
    let batch = try batch(inputs)
    return try operation { () throws(TarnError) in
      guard !hasDecoder else {
        return try batch.firstRows(of: try encoder(batch, on: execution).rows, on: execution)
      }
      return try encoder.firstRows(batch, on: execution)
    }
  }

  /// Logits of each token to have been replaced by a generator: above 0 it was.
  ///
  /// - Returns: a logit for each token of each input; 0 for masked ones.
  /// - Throws: as ``states(_:)``, and ``ModelError/missingHead(directory:head:tensor:)`` without the
  ///   head.
  public func discriminatorLogits(_ inputs: [TokenInput]) throws(ModelError) -> [[Float]] {
    guard let discriminator = heads.discriminator else {
      throw .missingHead(
        directory: directory, head: "discriminator",
        tensor: "discriminator_predictions.dense.weight")
    }
    let states = try states(inputs)
    return try operation { () throws(TarnError) in
      let logits = try discriminator(states.rows, on: execution)
      var results: [[Float]] = []
      for s in inputs.indices {
        results.append(try states.batch.scatter(logits, sequence: s).elements)
      }
      return results
    }
  }

  /// The rows of a batch; all masked tokens are rows if `keepsPadding` says so.
  func batch(
    _ inputs: [TokenInput], keepsPadding: Bool = false
  ) throws(ModelError) -> TokenBatch {
    let batch = try TokenBatch(
      inputs, limits: InputLimits(configuration.encoder, positions: maxPositions)
    ) { keepsPadding ? $0.count : configuration.padding(of: $0) }
    for (s, input) in inputs.enumerated() {
      if input.mask?.contains(true) == false { throw .nothingKept(sequence: s) }
      if input.positions != nil { throw .givenPositions(sequence: s, model: "Funnel") }
    }
    return batch
  }
}

/// A Funnel checkpoint with a classifier and a vocabulary.
public typealias FunnelClassifier = TextClassifier<FunnelModel>

/// A Funnel checkpoint with a masked-LM head and a vocabulary.
public typealias FunnelMaskedLanguageModel = MaskedLanguageModel<FunnelModel>
