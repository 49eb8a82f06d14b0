// PoNet's embeddings and layers, tile by tile over one matrix of hidden states.
//
// Between operators only the hidden states grow with the text: [tokens × d], updated in place. A
// layer passes over them three times: mean and global aggregation, segment maxima, and tile by tile
// mixing, feed-forward and both layer norms. Docs: PoNet, section Memory.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// h⁰ = LayerNorm(word[id] + type[type] + position[p]).
struct PoNetEmbeddings: Sendable {
  let word: Matrix
  let position: Matrix
  let tokenType: Matrix
  let norm: LayerNorm
  let addsPositions: Bool

  init(
    _ weights: WeightScope, _ c: PoNetConfiguration, on execution: Execution
  ) throws(ModelError) {
    let d = c.hiddenSize
    word = try weights.matrix(
      "word_embeddings.weight", rows: c.vocabularySize, columns: d, on: execution)
    position = try weights.matrix(
      "position_embeddings.weight", rows: c.positions, columns: d, on: execution)
    tokenType = try weights.matrix(
      "token_type_embeddings.weight", rows: c.tokenTypes, columns: d, on: execution)
    norm = try LayerNorm(weights, "LayerNorm", size: d, epsilon: c.epsilon, on: execution)
    weights.ignore("position_ids")  // 0, 1, 2 …, a buffer that published files carry
    addsPositions = c.addsPositions
  }

  func callAsFunction(
    _ rows: TokenRows, _ tile: inout Tile, into h: inout Matrix, on execution: Execution
  ) throws(TarnError) {
    for tokens in Tile.ranges(rows.count) {
      try gather(word, rows.ids[tokens], into: &tile.output, on: execution)
      try gather(
        tokenType, rows.tokenTypes[tokens], adding: true, into: &tile.output, on: execution)
      if addsPositions {
        try gather(
          position, rows.positions[tokens], adding: true, into: &tile.output, on: execution)
      }
      try norm(
        tile.output.rows(0..<tokens.count), into: &h, at: tokens.lowerBound, on: execution)
    }
  }
}

/// One layer: a = LayerNorm(h + W_out c), h' = LayerNorm(a + W_f act(W_i a)).
struct PoNetLayer: Sendable {
  let mixing: PoNetMixing
  let attentionOutput: Linear
  let attentionNorm: LayerNorm
  let intermediate: Linear
  let output: Linear
  let outputNorm: LayerNorm
  let activation: ElementwiseFunction

  init(
    _ weights: WeightScope, _ c: PoNetConfiguration, on execution: Execution
  ) throws(ModelError) {
    let d = c.hiddenSize
    let f = c.intermediateSize
    let attention = weights["attention"]
    mixing = try PoNetMixing(attention["self"], size: d, heads: c.heads, on: execution)
    attentionOutput = try Linear(
      attention["output"], "dense", inputs: d, outputs: d, on: execution)
    attentionNorm = try LayerNorm(
      attention["output"], "LayerNorm", size: d, epsilon: c.epsilon, on: execution)
    intermediate = try Linear(
      weights["intermediate"], "dense", inputs: d, outputs: f, on: execution)
    output = try Linear(weights["output"], "dense", inputs: f, outputs: d, on: execution)
    outputNorm = try LayerNorm(
      weights["output"], "LayerNorm", size: d, epsilon: c.epsilon, on: execution)
    activation = c.activation
  }

  /// Updates h in place.
  func callAsFunction(
    _ h: inout Matrix, _ rows: TokenRows, _ tile: inout Tile, layer: Int, trace: LayerTrace?,
    on execution: Execution
  ) throws(TarnError) {
    let v = try mixing.globalValues(h, rows, layer: layer, trace: trace, on: execution)
    let maxima = try mixing.segmentMaxima(h, rows, &tile, on: execution)
    for tokens in Tile.ranges(rows.count) {
      try mixing.mix(
        h, tokens, rows, global: v, maxima: maxima, &tile, layer: layer, trace: trace,
        on: execution)
      try feedForward(
        &h, tokens.lowerBound, count: tokens.count, residual: tokens, &tile, layer: layer,
        trace: trace, on: execution)
    }
  }

  /// The last layer for the first row of each sequence, which takes its global value only.
  ///
  /// Then the mixed row is v ∘ o and neither segment nor local projection is needed. The same bits
  /// as ``callAsFunction(_:_:_:layer:trace:on:)`` gives for those rows.
  func firstRows(
    of h: Matrix, _ rows: TokenRows, on execution: Execution
  ) throws(TarnError) -> Matrix {
    let d = h.columns
    let v = try mixing.globalValues(h, rows, layer: 0, trace: nil, on: execution)
    let count = rows.sequences.count
    var first = try Matrix(rows: count, columns: d)
    let starts = (0..<count).map { Int32(rows.sequences[$0].lowerBound) }
    try gather(h, starts[...], into: &first, on: execution)
    var tile = try Tile(tokens: count, size: d, inner: intermediate.weight.columns)
    let plan = FusionPlan(
      kinds: Array(repeating: .globalOnly, count: count), sequences: (0..<count).map(Int32.init),
      labels: Array(repeating: 0, count: count))
    let none = try Matrix(rows: 1, columns: d)
    for tokens in Tile.ranges(count) {
      try mixing.output(first.rows(tokens), into: &tile.output, on: execution)
      try fuse(
        plan, tokens, global: v, maxima: none, local: tile.window, into: &tile.output,
        on: execution)
      try feedForward(
        &first, tokens.lowerBound, count: tokens.count, residual: tokens, &tile, layer: 0,
        trace: nil, on: execution)
    }
    return first
  }

  /// From the mixed rows in `tile.output` to rows `start…` of h.
  private func feedForward(
    _ h: inout Matrix, _ start: Int, count: Int, residual: Range<Int>, _ tile: inout Tile,
    layer: Int, trace: LayerTrace?, on execution: Execution
  ) throws(TarnError) {
    let rows = 0..<count
    try attentionOutput(
      tile.output.rows(rows), residual: h.rows(residual), into: &tile.window, on: execution)
    try attentionNorm(tile.window.rows(rows), into: &tile.attended, on: execution)
    trace?(.attentionOutput, layer, start, tile.attended.rows(rows))
    try intermediate(
      tile.attended.rows(rows), activation: activation, into: &tile.inner, on: execution)
    try output(
      tile.inner.rows(rows), residual: tile.attended.rows(rows), into: &tile.window,
      on: execution)
    try outputNorm(tile.window.rows(rows), into: &h, at: start, on: execution)
  }
}

/// Embeddings and layers.
struct PoNetEncoder: Sendable {
  let configuration: PoNetConfiguration
  let embeddings: PoNetEmbeddings
  let layers: [PoNetLayer]

  init(
    _ weights: WeightScope, _ c: PoNetConfiguration, on execution: Execution
  ) throws(ModelError) {
    configuration = c
    embeddings = try PoNetEmbeddings(weights["embeddings"], c, on: execution)
    var layers: [PoNetLayer] = []
    for i in 0..<c.layers {
      layers.append(try PoNetLayer(weights["encoder"]["layer.\(i)"], c, on: execution))
    }
    self.layers = layers
  }

  /// The last hidden states, `[tokens × d]`.
  func callAsFunction(
    _ rows: TokenRows, trace: LayerTrace? = nil, on execution: Execution
  ) throws(TarnError) -> Matrix {
    try states(rows, through: layers.count, trace: trace, on: execution)
  }

  /// The last hidden state of each sequence's first token, `[sequences × d]`.
  ///
  /// Where that token takes its global value only, the last layer is computed for it alone.
  func firstRows(_ rows: TokenRows, on execution: Execution) throws(TarnError) -> Matrix {
    if rows.firstRowsAreGlobalOnly, let last = layers.last {
      let h = try states(rows, through: layers.count - 1, trace: nil, on: execution)
      return try last.firstRows(of: h, rows, on: execution)
    }
    let h = try self(rows, on: execution)
    return try PoNetEncoder.firstRows(of: h, rows, on: execution)
  }

  /// The rows of h at each sequence's start.
  static func firstRows(
    of h: Matrix, _ rows: TokenRows, on execution: Execution
  ) throws(TarnError) -> Matrix {
    let count = rows.sequences.count
    var first = try Matrix(rows: count, columns: h.columns)
    let starts = (0..<count).map { Int32(rows.sequences[$0].lowerBound) }
    try gather(h, starts[...], into: &first, on: execution)
    return first
  }

  private func states(
    _ rows: TokenRows, through count: Int, trace: LayerTrace?, on execution: Execution
  ) throws(TarnError) -> Matrix {
    let d = configuration.hiddenSize
    var h = try Matrix(rows: rows.count, columns: d)
    var tile = try Tile(
      tokens: rows.count, size: d, inner: configuration.intermediateSize)
    try embeddings(rows, &tile, into: &h, on: execution)
    trace?(.hidden, 0, 0, h)
    for i in 0..<count {
      try layers[i](&h, rows, &tile, layer: i, trace: trace, on: execution)
      trace?(.hidden, i + 1, 0, h)
    }
    return h
  }
}
