// Funnel's encoder and decoder over a ragged batch. Equations: Docs, page Funnel.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// Embeddings, blocks that shorten the sequence, and the layers that restore its length.
///
///     x = LayerNorm(word[id])
///     for each block but the first: the first layer's queries are pooled, its keys are not
///     decoder: x = repeat(x) + x after block_sizes[0] layers, then layers of full length
struct FunnelEncoder: Sendable {
  /// One execution of a layer.
  private struct Step: Sendable {
    var layer: FunnelLayer
    var block: Int
    /// Whether its queries are pooled before.
    var pools: Bool
  }

  let configuration: FunnelConfiguration
  let word: PackedMatrix
  private let norm: LayerNorm
  private let steps: [Step]
  /// Nil for a model without decoder.
  private let decoder: [FunnelLayer]?
  private let tables = PositionTables()

  /// Reads `embeddings`, `encoder` and, if there is one, `decoder` of a scope.
  init(
    _ weights: ModelWeights, _ c: FunnelConfiguration, hasDecoder: Bool
  ) throws(ModelError) {
    configuration = c
    let embeddings = weights["embeddings"]
    word = try embeddings.packed(
      "word_embeddings.weight", outputs: c.vocabularySize, inputs: c.hiddenSize)
    norm = try LayerNorm(
      embeddings, "layer_norm", size: c.hiddenSize, epsilon: c.epsilon)
    var steps: [Step] = []
    var number = 0
    func layer(_ scope: ModelWeights) throws(ModelError) -> FunnelLayer {
      number += 1
      return try FunnelLayer(scope, number: number, c)
    }
    for (b, size) in c.blockSizes.enumerated() {
      for i in 0..<size {
        let layer = try layer(weights["encoder"]["blocks.\(b).\(i)"])
        for time in 0..<c.blockRepeats[b] {
          steps.append(Step(layer: layer, block: b, pools: b > 0 && i == 0 && time == 0))
        }
      }
    }
    self.steps = steps
    guard hasDecoder else {
      decoder = nil
      return
    }
    var decoder: [FunnelLayer] = []
    for i in 0..<c.decoderLayers {
      decoder.append(try layer(weights["decoder"]["layers.\(i)"]))
    }
    self.decoder = decoder
  }

  /// Whether there is a decoder, which gives a row for each token.
  var hasDecoder: Bool { decoder != nil }

  /// The last hidden states: of the decoder if there is one, else of the last block.
  func callAsFunction(
    _ batch: TokenBatch, trace: FunnelTrace? = nil, on execution: Execution
  ) throws(TarnError) -> TokenStates {
    var (x, rows, tile) = try embedded(batch, trace, on: execution)
    let tokens = rows
    var residual = Matrix([])
    for (i, step) in steps.enumerated() {
      try run(step, &x, &rows, &tile, trace, on: execution)
      trace?(.hidden("encoder.\(i + 1)", x, rows))
      if i + 1 == configuration.blockSizes[0], hasDecoder { residual = x }
    }
    guard let decoder else { return TokenStates(rows: x, batch: rows.batch) }
    try upsample(
      x, over: rows.batch.sequences, to: tokens.batch.sequences,
      stride: configuration.decoderStride, separatesFirst: configuration.separatesFirst,
      adding: true, into: &residual, on: execution)
    x = residual
    residual = Matrix([])
    trace?(.hidden("decoder.input", x, tokens))
    for (i, layer) in decoder.enumerated() {
      try layer(
        &x, tokens, tokens, FunnelDistances(unit: 1), tables, &tile, trace: trace,
        on: execution)
      trace?(.hidden("decoder.\(i + 1)", x, tokens))
    }
    return TokenStates(rows: x, batch: batch)
  }

  /// The encoder's last hidden state of each sequence's first row, `[sequences × d]`.
  ///
  /// The last execution is computed for that row alone, with the same bits: keys and values of all
  /// rows, the rest of one.
  func firstRows(_ batch: TokenBatch, on execution: Execution) throws(TarnError) -> Matrix {
    var (x, rows, tile) = try embedded(batch, nil, on: execution)
    for step in steps.dropLast() { try run(step, &x, &rows, &tile, nil, on: execution) }
    guard let last = steps.last else { return try rows.batch.firstRows(of: x, on: execution) }
    let keys = (x, rows)
    if last.pools { (x, rows) = try pooled(x, rows, on: execution) }
    var first = try rows.batch.firstRows(of: x, on: execution)
    let isPooled = last.pools && configuration.poolsQueriesOnly
    let (keyRows, keyState) = isPooled ? keys : (x, rows)
    try last.layer(
      &first, FunnelRows(rows.batch.first()), keyRows: keyRows, keyState,
      distances(last.block, isPooled: isPooled), tables, &tile, trace: nil, on: execution)
    return first
  }

  /// The embeddings, their rows, and scratch.
  private func embedded(
    _ batch: TokenBatch, _ trace: FunnelTrace?, on execution: Execution
  ) throws(TarnError) -> (x: Matrix, rows: FunnelRows, tile: Tile) {
    let c = configuration
    var x = try Matrix(rows: batch.count, columns: c.hiddenSize)
    var tile = try Tile(tokens: batch.count, size: c.hiddenSize, inner: c.intermediateSize)
    for tokens in Tile.ranges(batch.count) {
      try gather(columnsOf: word, batch.ids[tokens], into: &tile.sum, on: execution)
      try norm(tile.sum.rows(0..<tokens.count), into: &x, at: tokens.lowerBound, on: execution)
    }
    let rows = FunnelRows(batch)
    trace?(.hidden("embeddings", x, rows))
    return (x, rows, tile)
  }

  private func run(
    _ step: Step, _ x: inout Matrix, _ rows: inout FunnelRows, _ tile: inout Tile,
    _ trace: FunnelTrace?, on execution: Execution
  ) throws(TarnError) {
    guard step.pools else {
      return try step.layer(
        &x, rows, rows, distances(step.block), tables, &tile, trace: trace, on: execution)
    }
    let isPooled = configuration.poolsQueriesOnly
    let keys = (x, rows)
    (x, rows) = try pooled(x, rows, on: execution)
    trace?(.hidden("block.\(step.block).pooled", x, rows))
    try step.layer(
      &x, rows, keyRows: isPooled ? keys.0 : nil, isPooled ? keys.1 : rows,
      distances(step.block, isPooled: isPooled), tables, &tile, trace: trace, on: execution)
  }

  private func pooled(
    _ x: Matrix, _ rows: FunnelRows, on execution: Execution
  ) throws(TarnError) -> (Matrix, FunnelRows) {
    let pooled = try rows.pooled(configuration)
    var y = try Matrix(rows: pooled.batch.count, columns: x.columns)
    try stridedPool(
      configuration.pooling == .mean ? .mean : .maximum, x, over: rows.batch.sequences,
      configuration.stridedPooling, into: &y, on: execution)
    return (y, pooled)
  }

  /// Row i of a block lies 2^b tokens behind row i - 1; with the first token apart row 1 is token 1.
  private func distances(_ block: Int, isPooled: Bool = false) -> FunnelDistances {
    guard isPooled else { return FunnelDistances(unit: 1 << block) }
    return FunnelDistances(
      unit: 1 << (block - 1), step: 2, first: configuration.separatesFirst ? 1 : 0)
  }
}
