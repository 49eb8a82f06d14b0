// PoNet's layers, tile by tile over one matrix of hidden states.
//
// Between operators only the hidden states grow with the text: [tokens × d], updated in place. A
// layer passes over them three times: mean and global aggregation, segment maxima, and tile by tile
// mixing, feed-forward and both layer norms. Docs: PoNet, section Memory.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// One layer: a = LayerNorm(h + W_out c), h' = LayerNorm(a + W_f act(W_i a)).
struct PoNetLayer: Sendable {
  let mixing: PoNetMixing
  let attentionOutput: ResidualOutput
  let feedForward: FeedForward

  init(
    _ weights: ModelWeights, _ c: PoNetConfiguration
  ) throws(ModelError) {
    let d = c.hiddenSize
    let attention = weights["attention"]
    mixing = try PoNetMixing(attention["self"], size: d, heads: c.heads)
    attentionOutput = try ResidualOutput(
      attention["output"], inputs: d, size: d, epsilon: c.epsilon)
    feedForward = try FeedForward(weights, c.encoder)
  }

  /// Updates h in place.
  func callAsFunction(
    _ h: inout Matrix, _ rows: PoNetRows, _ tile: inout PoNetTile, layer: Int,
    trace: LayerTrace?, on execution: Execution
  ) throws(TarnError) {
    let v = try mixing.globalValues(h, rows, layer: layer, trace: trace, on: execution)
    let maxima = try mixing.segmentMaxima(h, rows, &tile, on: execution)
    for tokens in Tile.ranges(rows.count) {
      try mixing.mix(
        h, tokens, rows, global: v, maxima: maxima, &tile, layer: layer, trace: trace,
        on: execution)
      try finish(&h, tokens, &tile, layer: layer, trace: trace, on: execution)
    }
  }

  /// The last layer for the first row of each sequence, which takes its global value only.
  ///
  /// Then the mixed row is v ∘ o and neither segment nor local projection is needed. The same bits
  /// as ``callAsFunction(_:_:_:layer:trace:on:)`` gives for those rows.
  func firstRows(
    of h: Matrix, _ rows: PoNetRows, on execution: Execution
  ) throws(TarnError) -> Matrix {
    let d = h.columns
    let v = try mixing.globalValues(h, rows, layer: 0, trace: nil, on: execution)
    let count = rows.batch.sequences.count
    var first = try rows.batch.firstRows(of: h, on: execution)
    var tile = try PoNetTile(
      tokens: count, size: d, inner: feedForward.intermediate.weight.columns)
    let plan = FusionPlan(
      kinds: Array(repeating: .globalOnly, count: count), sequences: (0..<count).map(Int32.init),
      labels: Array(repeating: 0, count: count))
    let none = try Matrix(rows: 1, columns: d)
    for tokens in Tile.ranges(count) {
      try mixing.output(first.rows(tokens), into: &tile.output, on: execution)
      try fuse(
        plan, tokens, global: v, maxima: none, local: tile.shared.sum, into: &tile.output,
        on: execution)
      try finish(&first, tokens, &tile, layer: 0, trace: nil, on: execution)
    }
    return first
  }

  /// From the mixed rows in `tile.output` to the rows `tokens` of h.
  private func finish(
    _ h: inout Matrix, _ tokens: Range<Int>, _ tile: inout PoNetTile, layer: Int,
    trace: LayerTrace?, on execution: Execution
  ) throws(TarnError) {
    let count = tokens.count
    try attentionOutput(
      tile.output.rows(0..<count), residual: h.rows(tokens), &tile.shared.sum,
      into: &tile.shared.attended, on: execution)
    trace?(.attentionOutput, layer, tokens.lowerBound, tile.shared.attended.rows(0..<count))
    try feedForward(
      &tile.shared, count: count, into: &h, at: tokens.lowerBound, on: execution)
  }
}

/// Embeddings and layers.
struct PoNetEncoder: Sendable {
  let configuration: PoNetConfiguration
  let embeddings: Embeddings
  let layers: [PoNetLayer]

  init(
    _ weights: ModelWeights, _ c: PoNetConfiguration
  ) throws(ModelError) {
    configuration = c
    embeddings = try Embeddings(
      weights["embeddings"], c.encoder, addsPositions: c.addsPositions)
    var layers: [PoNetLayer] = []
    for i in 0..<c.layers {
      layers.append(try PoNetLayer(weights["encoder"]["layer.\(i)"], c))
    }
    self.layers = layers
  }

  /// The last hidden states, `[tokens × d]`.
  func callAsFunction(
    _ rows: PoNetRows, trace: LayerTrace? = nil, on execution: Execution
  ) throws(TarnError) -> Matrix {
    try states(rows, through: layers.count, trace: trace, on: execution)
  }

  /// The last hidden state of each sequence's first token, `[sequences × d]`.
  ///
  /// Where that token takes its global value only, the last layer is computed for it alone.
  func firstRows(_ rows: PoNetRows, on execution: Execution) throws(TarnError) -> Matrix {
    if rows.firstRowsAreGlobalOnly, let last = layers.last {
      let h = try states(rows, through: layers.count - 1, trace: nil, on: execution)
      return try last.firstRows(of: h, rows, on: execution)
    }
    let h = try self(rows, on: execution)
    return try rows.batch.firstRows(of: h, on: execution)
  }

  private func states(
    _ rows: PoNetRows, through count: Int, trace: LayerTrace?, on execution: Execution
  ) throws(TarnError) -> Matrix {
    let d = configuration.hiddenSize
    var h = try Matrix(rows: rows.count, columns: d)
    var tile = try PoNetTile(
      tokens: rows.count, size: d, inner: configuration.intermediateSize)
    try embeddings(rows.batch, &tile.shared, into: &h, on: execution)
    trace?(.hidden, 0, 0, h)
    for i in 0..<count {
      try layers[i](&h, rows, &tile, layer: i, trace: trace, on: execution)
      trace?(.hidden, i + 1, 0, h)
    }
    return h
  }
}
