// PoNet as the Long Range Arena experiments use it: another model around the same mixing.

public import Tarn
package import TarnCheckpoints
internal import TarnKernelInterface

/// The sizes and switches of a Long Range Arena model; names as in its config.
public struct LongRangeArenaConfiguration: Sendable, Equatable {
  /// How a sequence becomes one row.
  public enum Pooling: String, Sendable {
    /// The sum over the real positions divided by the number of all.
    case mean = "MEAN"
    /// The class token, which is put in front.
    case cls = "CLS"
  }

  /// `transformer_dim`, equal to `embedding_dim`: d.
  public var size: Int
  /// `transformer_hidden_dim`: f.
  public var innerSize: Int
  /// `num_head`; `head_dim · num_head` must be d.
  public var heads: Int
  /// `num_layers`.
  public var layers: Int
  /// `vocab_size`.
  public var vocabularySize: Int
  /// `num_classes`.
  public var classes: Int
  /// `segment_num`: n tokens go in segments of n / segmentNumber + 1.
  public var segmentNumber: Int
  /// `tied_weights`: one layer's weights serve all layers.
  public var tiesWeights: Bool
  /// `pooling_mode`.
  public var pooling: Pooling
}

extension LongRangeArenaConfiguration {
  /// Reads and checks the values.
  ///
  /// - Throws: ``ModelError/checkpoint(_:)`` with the key, what was found and what was expected.
  package init(_ file: ConfigurationFile) throws(ModelError) {
    self = try checkpoint { () throws(CheckpointError) in
      let size = try file.integer("transformer_dim", in: 1...65536)
      let heads = try file.integer("num_head", in: 1...size)
      let headSize = try file.integer("head_dim", in: 1...size)
      guard heads * headSize == size else {
        throw file.wrongValue("head_dim", expected: "transformer_dim / num_head = \(size)/\(heads)")
      }
      let embedding = try file.integer("embedding_dim", in: 1...65536)
      guard embedding == size else {
        throw file.wrongValue("embedding_dim", expected: "transformer_dim \(size)")
      }
      let mode = try file.string("pooling_mode", default: "MEAN")
      guard let pooling = Pooling(rawValue: mode) else {
        throw file.wrongValue("pooling_mode", expected: "MEAN or CLS")
      }
      return LongRangeArenaConfiguration(
        size: size, innerSize: try file.integer("transformer_hidden_dim", in: 1...1_048_576),
        heads: heads, layers: try file.integer("num_layers", in: 1...1024),
        vocabularySize: try file.integer("vocab_size", in: 1...16_777_216),
        classes: try file.integer("num_classes", in: 1...1_048_576),
        segmentNumber: try file.integer("segment_num", in: 1...1_000_000_000),
        tiesWeights: try file.boolean("tied_weights", default: false), pooling: pooling)
    }
  }
}

/// One pre-norm layer: h += W_ff mix(norm1(h)); h += mlp3(gelu(mlp0(norm2(h)))).
private struct ArenaLayer: Sendable {
  let norm1: LayerNorm
  let mixing: PoNetMixing
  let attentionOutput: Linear
  let norm2: LayerNorm
  let intermediate: Linear
  let output: Linear

  init(
    _ weights: ModelWeights, _ c: LongRangeArenaConfiguration
  ) throws(ModelError) {
    let d = c.size
    norm1 = try LayerNorm(weights, "norm1", size: d, epsilon: 1e-5)
    mixing = try PoNetMixing(
      weights["mha"], size: d, heads: c.heads,
      names: PoNetMixing.Names(
        query: "W_q", key: "W_k", output: "W_v", local: "W_local", segment: "W_segment"))
    attentionOutput = try Linear(weights["mha"], "ff", inputs: d, outputs: d)
    norm2 = try LayerNorm(weights, "norm2", size: d, epsilon: 1e-5)
    intermediate = try Linear(
      weights["mlpblock"], "0", inputs: d, outputs: c.innerSize)
    output = try Linear(weights["mlpblock"], "3", inputs: c.innerSize, outputs: d)
  }

  func callAsFunction(
    _ h: inout Matrix, _ x: inout Matrix, _ rows: PoNetRows, _ tile: inout PoNetTile,
    on execution: Execution
  ) throws(TarnError) {
    try norm1(h, into: &x, on: execution)
    let v = try mixing.globalValues(x, rows, layer: 0, trace: nil, on: execution)
    let maxima = try mixing.segmentMaxima(x, rows, &tile, on: execution)
    for tokens in Tile.ranges(rows.count) {
      let part = 0..<tokens.count
      try mixing.mix(
        x, tokens, rows, global: v, maxima: maxima, &tile, layer: 0, trace: nil, on: execution)
      try attentionOutput(
        tile.output.rows(part), residual: h.rows(tokens), into: &tile.shared.sum, on: execution)
      try norm2(tile.shared.sum.rows(part), into: &tile.shared.attended, on: execution)
      try intermediate(
        tile.shared.attended.rows(part), activation: .gelu, into: &tile.shared.inner, on: execution)
      try output(
        tile.shared.inner.rows(part), residual: tile.shared.sum.rows(part), into: &h,
        at: tokens.lowerBound,
        on: execution)
    }
  }
}

/// PoNet with the Long Range Arena's encoder and head.
///
/// Pre-norm layers with ε = 1e-5, no token types, no norm after the embeddings, segments of equal
/// length, no special tokens; `W_v` plays the part of `dense_o`. Authors' experiments to
/// arXiv:2110.02442, section 4.1. Docs: page PoNet.
public struct LongRangeArenaModel: Sendable {
  /// Sizes and switches.
  public let configuration: LongRangeArenaConfiguration
  /// Kernels and threads.
  public let execution: Execution
  /// Whether the head takes two sequences as [a, b, a∘b, a-b] (retrieval).
  public let isDual: Bool

  let word: PackedMatrix
  let position: PackedMatrix
  fileprivate let layers: [ArenaLayer]
  let norm: LayerNorm
  let hidden: Linear
  let classifier: Linear

  /// Reads a directory with `config.json` and the weights.
  ///
  /// - Throws: ``ModelError`` naming the file, the key or tensor, what was found and expected.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    let files = try checkpoint { () throws(CheckpointError) in
      try Checkpoint(directory: directory, loading: options.loading)
    }
    try self.init(
      weights: WeightScope(files.weights),
      configuration: LongRangeArenaConfiguration(files.configuration), options: options)
  }

  init(
    weights: WeightScope, configuration c: LongRangeArenaConfiguration, options: ModelOptions
  ) throws(ModelError) {
    execution = try options.execution()
    configuration = c
    let root = ModelWeights(weights, as: options.weights, on: execution)
    let model = root["model"]
    let embeddings = model["embeddings"]
    word = try embeddings.packed(
      "word_embeddings.weight", outputs: c.vocabularySize, inputs: c.size)
    // The table is as long as the file says: max_seq_len rounded up to a power of two.
    let name = "position_embeddings.weight"
    position = try embeddings.packed(
      name, outputs: embeddings.shape(of: name)?.first ?? 1, inputs: c.size)
    var layers: [ArenaLayer] = []
    for i in 0..<(c.tiesWeights ? 1 : c.layers) {
      layers.append(
        try ArenaLayer(
          model[c.tiesWeights ? "transformer" : "transformer_\(i)"], c))
    }
    self.layers = layers
    norm = try LayerNorm(model, "norm", size: c.size, epsilon: 1e-5)
    let head = root["seq_classifer"]["mlpblock"]
    isDual = head.shape(of: "0.weight")?.last == 4 * c.size
    let inner = head.shape(of: "0.weight")?.first ?? c.innerSize
    hidden = try Linear(
      head, "0", inputs: c.size * (isDual ? 4 : 1), outputs: inner)
    classifier = try Linear(head, "2", inputs: inner, outputs: c.classes)
  }

  /// A sequence as the encoder takes it.
  ///
  /// The class token goes in front if the pooling asks for one, and the last token gives way to it.
  /// Segments have n / segmentNumber + 1 positions.
  func prepared(_ ids: [Int], mask: [Bool]) -> PoNetInput {
    var ids = ids
    var mask = mask
    if configuration.pooling == .cls && !ids.isEmpty {
      ids = [configuration.vocabularySize - 1] + ids.dropLast()
      mask = [true] + mask.dropLast()
    }
    let length = ids.count / configuration.segmentNumber + 1
    return PoNetInput(
      ids: ids, segments: ids.indices.map { $0 / length }, mask: mask)
  }

  /// Hidden states, each `[rows × d]`, with the rows they belong to.
  ///
  /// After the embeddings, after each layer and after the last norm; the last alone unless
  /// `keepsAll`.
  func states(
    _ inputs: [PoNetInput], keepsAll: Bool
  ) throws(ModelError) -> (rows: PoNetRows, states: [Matrix]) {
    let limits = InputLimits(
      vocabulary: configuration.vocabularySize, tokenTypes: 1, positions: position.columns,
      positionRows: position.columns)
    let rows = try PoNetRows(inputs, limits: limits, excludesSpecial: false)
    return try operation { () throws(TarnError) in
      let d = configuration.size
      var h = try Matrix(rows: rows.count, columns: d)
      var x = try Matrix(rows: rows.count, columns: d)
      var tile = try PoNetTile(tokens: rows.count, size: d, inner: configuration.innerSize)
      try gather(columnsOf: word, rows.batch.ids[...], into: &h, on: execution)
      try gather(
        columnsOf: position, rows.batch.positions[...], adding: true, into: &h, on: execution)
      var states = keepsAll ? [h] : []
      for i in 0..<configuration.layers {
        try layers[configuration.tiesWeights ? 0 : i](&h, &x, rows, &tile, on: execution)
        if keepsAll { states.append(h) }
      }
      try norm(h, into: &x, on: execution)
      try clearMasked(&x, rows)
      states.append(x)
      return (rows, states)
    }
  }

  private func clearMasked(_ x: inout Matrix, _ rows: PoNetRows) throws(TarnError) {
    guard let keep = rows.batch.keep else { return }
    let zero = try Matrix(rows: 1, columns: x.columns)
    for t in keep.indices where !keep[t] { try x.copyRow(from: zero, 0, to: t) }
  }

  /// One row a sequence: the sum over its rows divided by all n positions, or position 0.
  func pool(
    _ x: Matrix, _ rows: PoNetRows, lengths: [Int]
  ) throws(TarnError) -> Matrix {
    if configuration.pooling == .cls {
      return try rows.batch.firstRows(of: x, on: execution)
    }
    // Masked positions are rows of zeros in the mean, so only the divisor sees them.
    var mean = try Matrix(rows: lengths.count, columns: x.columns)
    try maskedMean(x, over: rows.batch.sequences, into: &mean, on: execution)
    for s in lengths.indices {
      let factor = Float(rows.batch.sequences[s].count) / Float(lengths[s])
      for j in 0..<mean.columns { mean[s, j] *= factor }
    }
    return mean
  }

  /// Logits, `[inputs × classes]`: linear, ReLU, linear.
  func logits(_ pooled: Matrix) throws(TarnError) -> Matrix {
    try classifier(try hidden(pooled, activation: .relu, on: execution), on: execution)
  }

  /// [a, b, a∘b, a-b] row by row.
  func paired(_ a: Matrix, _ b: Matrix) throws(TarnError) -> Matrix {
    var elements: [Float] = []
    for i in 0..<a.rows {
      let x = a.rows(i..<i + 1).elements
      let y = b.rows(i..<i + 1).elements
      elements += x + y + zip(x, y).map { $0 * $1 } + zip(x, y).map { $0 - $1 }
    }
    return try Matrix(rows: a.rows, columns: 4 * a.columns, elements)
  }

  /// Logits of each sequence, `[inputs × classes]`.
  ///
  /// - Parameters:
  ///   - sequences: token numbers; 0 is padding and masked, as the experiments have it.
  ///   - second: the second text of each pair for a retrieval model, else nil.
  /// - Returns: a row of logits for each sequence or pair, before softmax.
  /// - Throws: ``ModelError`` for inputs that do not fit the model;
  ///   ``ModelError/operation(_:)`` if a retrieval model gets lists of different lengths, or another
  ///   model a second list.
  public func classify(
    _ sequences: [[Int]], _ second: [[Int]]? = nil
  ) throws(ModelError) -> Matrix {
    guard isDual || second == nil else {
      throw .operation(
        .invalidArgument(
          operation: "classify", argument: "second", found: "a list",
          expected: "nil, the model takes one text"))
    }
    let first = try pooled(sequences)
    if isDual {
      let other = try pooled(second ?? [])
      return try operation { () throws(TarnError) in
        guard first.rows == other.rows else {
          throw .shapeMismatch(
            operation: "classify", argument: "second", found: [other.rows],
            expected: [first.rows])
        }
        return try logits(try paired(first, other))
      }
    }
    return try operation { () throws(TarnError) in try logits(first) }
  }

  private func pooled(_ sequences: [[Int]]) throws(ModelError) -> Matrix {
    let inputs = sequences.map { prepared($0, mask: $0.map { $0 != 0 }) }
    let (rows, states) = try states(inputs, keepsAll: false)
    return try operation { () throws(TarnError) in
      try pool(states[0], rows, lengths: sequences.map { $0.count })
    }
  }
}
