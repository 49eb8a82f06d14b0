// A PoNet checkpoint as it is published, ready to run.

public import Tarn
package import TarnCheckpoints
public import TarnText

/// PoNet: a transformer encoder whose token mixing is pooling, linear in the length.
///
/// Tan et al. 2022 (arXiv:2110.02442). Reads the published layout: `config.json`, safetensors with
/// the names of `chtan/ponet-base-uncased`, with or without the prefix `ponet.`. All heads that the
/// file holds are available. Equations beside names: Docs, page PoNet.
public struct PoNetModel: EncoderModel {
  /// The directory it was read from.
  public let directory: String
  /// Sizes, switches and labels.
  public let configuration: PoNetConfiguration
  /// d: columns of the hidden states.
  public var hiddenSize: Int { configuration.hiddenSize }
  /// Positions that inputs may use.
  public let maxPositions: Int
  /// Kernels and threads.
  public let execution: Execution

  /// The heads that the checkpoint has weights for.
  public let heads: EncoderHeads

  let encoder: PoNetEncoder
  private let workspace: Int?

  /// Reads a checkpoint directory.
  ///
  /// - Parameters:
  ///   - directory: holds `config.json` and weights.
  ///   - options: instruction set, threads, positions.
  /// - Throws: ``ModelError`` naming the file, the key or tensor, what was found and expected.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    let files = try Checkpoint(directory: directory, of: "ponet", options)
    try self.init(
      weights: WeightScope(files.weights), configuration: PoNetConfiguration(files.configuration),
      directory: files.directory, options: options)
  }

  /// A model from weights that need not come from a directory.
  package init(
    weights: WeightScope, configuration: PoNetConfiguration, directory: String,
    options: ModelOptions
  ) throws(ModelError) {
    self.directory = directory
    self.configuration = configuration
    execution = try options.execution(knowsWorkspace: true)
    maxPositions = try options.positions(of: configuration.positions, tableRepeats: true)
    workspace = options.workspaceBytes
    let root = ModelWeights(weights, as: options.weights, on: execution)
    let backbone = root.part(anyOf: ["ponet", ""])
    encoder = try PoNetEncoder(backbone, configuration)
    heads = try EncoderHeads(
      backbone: backbone, root: root, configuration.encoder, wordTable: encoder.embeddings.word,
      relationships: 3)
  }

  /// Names of the heads that the checkpoint has weights for.
  public var headNames: [String] { heads.names(relationship: "sentence-structure") }

  /// Each sentence of a text is a segment.
  public static var segmentation: DocumentSegmentation { .sentences }

  /// The last hidden states of a batch, masked tokens left out.
  ///
  /// - Throws: ``ModelError`` for an input that does not fit the model.
  /// - Complexity: about `24 · d²` operations a token and layer; memory: see Docs, PoNet.
  public func states(_ inputs: [PoNetInput]) throws(ModelError) -> TokenStates {
    let rows = try tokenRows(inputs)
    return try operation { () throws(TarnError) in
      TokenStates(rows: try encoder(rows, on: execution), batch: rows.batch)
    }
  }

  /// The last hidden state of each input's first token, `[inputs × d]`.
  ///
  /// Where that token takes its global value only, the last layer is computed for it alone, with the
  /// same bits.
  ///
  /// - Throws: as ``states(_:)``.
  public func firstStates(_ inputs: [PoNetInput]) throws(ModelError) -> Matrix {
    let rows = try tokenRows(inputs)
    return try operation { () throws(TarnError) in try encoder.firstRows(rows, on: execution) }
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

  /// Bytes that a call with these inputs holds at most beside the weights, its result among them.
  ///
  /// ``activationBytes(tokens:segments:sequences:)`` and the scratch of operators. A call throws if they
  /// are more than ``ModelOptions/workspaceBytes``.
  public func workspaceBytes(_ inputs: [PoNetInput]) -> Int {
    var tokens = 0
    var segments = 0
    for input in inputs {
      tokens += input.ids.count
      let numbers =
        input.segments
        ?? SegmentNumbers.derived(from: input.ids.map(Int32.init(truncatingIfNeeded:))).map(
          Int.init)
      segments += Set(numbers).count
    }
    let (bytes, overflow) = activationBytes(
      tokens: tokens, segments: segments, sequences: inputs.count
    ).addingReportingOverflow(scratchBytes(threads: execution.threads))
    return overflow ? .max : bytes
  }

  func tokenRows(_ inputs: [PoNetInput]) throws(ModelError) -> PoNetRows {
    try ModelOptions.checkWorkspace(workspace) { workspaceBytes(inputs) }
    return try PoNetRows(
      inputs, limits: InputLimits(configuration.encoder, positions: maxPositions),
      excludesSpecial: configuration.excludesSpecial)
  }
}
