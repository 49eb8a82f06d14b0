// A BERT checkpoint as it is published, ready to run.

public import Tarn
package import TarnCheckpoints
internal import TarnKernelInterface

/// BERT: a transformer encoder whose token mixing is attention over the whole sequence.
///
/// Devlin et al. 2018 (arXiv:1810.04805). Reads the published layout: `config.json`, safetensors with
/// the names of `bert-base-uncased` or of sentence encoders such as `all-MiniLM-L6-v2`, with or
/// without the prefix `bert.`, norms as `weight` and `bias` or as `gamma` and `beta`. All heads that
/// the file holds are available. Equations beside names: Docs, page BERT.
public struct BERTModel: EncoderModel {
  /// The directory it was read from.
  public let directory: String
  /// Sizes, switches and labels.
  public let configuration: BERTConfiguration
  /// d: columns of the hidden states.
  public var hiddenSize: Int { configuration.hiddenSize }
  /// Positions that inputs may use.
  public let maxPositions: Int
  /// Kernels and threads.
  public let execution: Execution
  /// The heads that the checkpoint has weights for.
  public let heads: EncoderHeads

  let encoder: MixingEncoder<SelfAttention>
  private let workspace: Int?

  /// Reads a checkpoint directory.
  ///
  /// - Parameters:
  ///   - directory: holds `config.json` and weights.
  ///   - options: instruction set, threads, positions.
  /// - Throws: ``ModelError`` naming the file, the key or tensor, what was found and expected.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    let files = try Checkpoint(directory: directory, of: "bert", options)
    try self.init(
      weights: WeightScope(files.weights), configuration: BERTConfiguration(files.configuration),
      directory: files.directory, options: options)
  }

  /// A model from weights that need not come from a directory.
  package init(
    weights: WeightScope, configuration: BERTConfiguration, directory: String,
    options: ModelOptions
  ) throws(ModelError) {
    self.directory = directory
    self.configuration = configuration
    let execution = try options.execution(knowsWorkspace: true)
    self.execution = execution
    maxPositions = try options.positions(of: configuration.positions, tableRepeats: false)
    workspace = options.workspaceBytes
    let root = ModelWeights(weights, as: options.weights, on: execution)
    let backbone = root.part(anyOf: ["bert", ""])
    encoder = try MixingEncoder(backbone, configuration.encoder) {
      (layer) throws(ModelError) in try SelfAttention(layer, configuration)
    }
    heads = try EncoderHeads(
      backbone: backbone, root: root, configuration.encoder, wordTable: encoder.embeddings.word,
      relationships: 2)
  }

  /// The last hidden states of a batch, masked tokens left out.
  ///
  /// - Throws: ``ModelError`` for an input that does not fit the model;
  ///   ``ModelError/nothingKept(sequence:)`` if its mask leaves all tokens out.
  /// - Complexity: about `24·d² + 4·n·d` operations a token and layer; memory: see Docs, BERT.
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

  /// Bytes that a call with these inputs holds at most beside the weights, its result among them.
  ///
  ///     4·d · tokens + 40 · tokens + 16·(d + 15) · group + 4·(2·d + f) · min(tokens, 512)
  ///       + 20·(d + 15) · sequences + scratch
  ///
  /// A group is as many sequences as fit 512 tokens, or the longest. Scratch is a block of packed
  /// weights a thread, or what attention needs of a head's queries if that is more. A call throws if
  /// they are more than ``ModelOptions/workspaceBytes``.
  public func workspaceBytes(_ inputs: [TokenInput]) -> Int {
    let c = configuration
    let lengths = inputs.map { $0.ids.count }
    let tokens = lengths.reduce(0, +)
    let longest = lengths.max() ?? 0
    let group = min(tokens, max(longest, Tile.rows))
    let (d, e) = (c.hiddenSize, c.hiddenSize / c.heads)
    // A head of a block of queries, or all heads of a few.
    let attention = max(
      AttentionBlocking.scratch(
        heads: 1, queries: min(longest, AttentionBlocking.queries), headSize: e, valueSize: e),
      AttentionBlocking.scratch(
        heads: c.heads, queries: min(longest, 16), headSize: e, valueSize: e))
    // In Double, since counts are the caller's and products might overflow.
    let bytes =
      Double(4 * d + 40) * Double(tokens) + Double(16 * (d + 15)) * Double(group)
      + Double(4 * (2 * d + c.intermediateSize)) * Double(min(tokens, Tile.rows))
      + Double(20 * (d + 15)) * Double(inputs.count)
      + Double(scratchBytes(threads: execution.threads, most: attention * 4))
    return Int(exactly: bytes) ?? .max
  }

  func batch(_ inputs: [TokenInput]) throws(ModelError) -> TokenBatch {
    try ModelOptions.checkWorkspace(workspace) { workspaceBytes(inputs) }
    let batch = try TokenBatch(
      inputs, limits: InputLimits(configuration.encoder, positions: maxPositions))
    for (s, input) in inputs.enumerated() where input.mask?.contains(true) == false {
      throw .nothingKept(sequence: s)
    }
    return batch
  }
}

/// A BERT checkpoint with a classifier and a vocabulary.
public typealias BERTClassifier = TextClassifier<BERTModel>

/// A BERT checkpoint with a masked-LM head and a vocabulary.
public typealias BERTMaskedLanguageModel = MaskedLanguageModel<BERTModel>
