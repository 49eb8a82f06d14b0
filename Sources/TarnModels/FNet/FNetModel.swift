// An FNet checkpoint as it is published, ready to run.

public import Tarn
package import TarnCheckpoints

/// FNet: a transformer encoder whose token mixing is a Fourier transform.
///
/// Lee-Thorp et al. 2021 (arXiv:2105.03824). Reads the published layout: `config.json`, safetensors
/// with the names of `google/fnet-base`, with or without the prefix `fnet.`. All heads that the file
/// holds are available. Equations beside names: Docs, page FNet.
///
/// There is no mask: every token that is given is mixed into every result, so padding is an ordinary
/// token, and an input whose mask leaves tokens out is an error.
public struct FNetModel: EncoderModel {
  /// The directory it was read from.
  public let directory: String
  /// Sizes and labels.
  public let configuration: FNetConfiguration
  /// d: columns of the hidden states.
  public var hiddenSize: Int { configuration.hiddenSize }
  /// Positions that inputs may use.
  public let maxPositions: Int
  /// Kernels and threads.
  public let execution: Execution
  /// The heads that the checkpoint has weights for.
  public let heads: EncoderHeads

  let encoder: MixingEncoder<FourierMixing>

  /// Reads a checkpoint directory.
  ///
  /// - Parameters:
  ///   - directory: holds `config.json` and weights.
  ///   - options: instruction set, threads, positions.
  /// - Throws: ``ModelError`` naming the file, the key or tensor, what was found and expected.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    let files = try Checkpoint(directory: directory, of: "fnet", options)
    try self.init(
      weights: WeightScope(files.weights), configuration: FNetConfiguration(files.configuration),
      directory: files.directory, options: options)
  }

  /// A model from weights that need not come from a directory.
  package init(
    weights: WeightScope, configuration: FNetConfiguration, directory: String,
    options: ModelOptions
  ) throws(ModelError) {
    self.directory = directory
    self.configuration = configuration
    let execution = try options.execution()
    self.execution = execution
    maxPositions = try options.positions(of: configuration.positions, tableRepeats: false)
    let c = configuration.encoder
    let root = ModelWeights(weights, as: options.weights, on: execution)
    let backbone = root.part(anyOf: ["fnet", ""])
    encoder = try MixingEncoder(backbone, c, projectsEmbeddings: true) {
      (layer) throws(ModelError) in try FourierMixing(layer, c)
    }
    heads = try EncoderHeads(
      backbone: backbone, root: root, c, wordTable: encoder.embeddings.word, relationships: 2)
  }

  /// The last hidden states of a batch.
  ///
  /// - Throws: ``ModelError`` for an input that does not fit the model;
  ///   ``ModelError/maskedInput(sequence:model:)`` if its mask leaves a token out.
  public func states(_ inputs: [TokenInput]) throws(ModelError) -> TokenStates {
    let batch = try batch(inputs)
    return try operation { () throws(TarnError) in
      TokenStates(rows: try encoder(batch, on: execution), batch: batch)
    }
  }

  /// The last hidden state of each input's first token, `[inputs × d]`.
  ///
  /// The last layer is computed for that token alone where possible, with the same bits.
  ///
  /// - Throws: as ``states(_:)``.
  public func firstStates(_ inputs: [TokenInput]) throws(ModelError) -> Matrix {
    let batch = try batch(inputs)
    return try operation { () throws(TarnError) in
      try encoder.firstRows(batch, on: execution)
    }
  }

  func batch(_ inputs: [TokenInput]) throws(ModelError) -> TokenBatch {
    for (s, input) in inputs.enumerated() where input.mask?.contains(false) == true {
      throw .maskedInput(sequence: s, model: "FNet")
    }
    return try TokenBatch(
      inputs, limits: InputLimits(configuration.encoder, positions: maxPositions))
  }
}
