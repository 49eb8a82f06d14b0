// The sublayers that encoder and decoder are made of. Equations and names: Docs, page Pyramidion.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// How a sublayer ends, `LN(x + W y + b)`, or with its norm first `x + W y + b` of y = f(LN(x)).
struct Sublayer: Sendable {
  let dense: Linear
  let norm: LayerNorm
  let normIsFirst: Bool

  /// What the sublayer computes from: LN(x) in rows 0… of `normed`, or x itself.
  func input(
    _ x: Matrix, _ normed: inout Matrix, on execution: Execution
  ) throws(TarnError) -> Matrix {
    guard normIsFirst else { return x }
    try norm(x, into: &normed, on: execution)
    return normed.rows(0..<x.rows)
  }

  /// The same in a matrix of its own.
  func input(_ x: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
    guard normIsFirst else { return x }
    var normed = try Matrix(rows: x.rows, columns: x.columns)
    return try input(x, &normed, on: execution)
  }

  /// Writes rows `first…` of `target`; `sum` is scratch.
  func callAsFunction(
    _ y: Matrix, residual x: Matrix, _ sum: inout Matrix, into target: inout Matrix,
    at first: Int = 0, on execution: Execution
  ) throws(TarnError) {
    if normIsFirst {
      try dense(y, residual: x, into: &target, at: first, on: execution)
    } else {
      try dense(y, residual: x, into: &sum, on: execution)
      try norm(sum.rows(0..<x.rows), into: &target, at: first, on: execution)
    }
  }

  /// A new matrix.
  func callAsFunction(
    _ y: Matrix, residual x: Matrix, on execution: Execution
  ) throws(TarnError) -> Matrix {
    var sum = try Matrix(rows: normIsFirst ? 0 : x.rows, columns: x.columns)
    var result = try Matrix(rows: x.rows, columns: x.columns)
    try self(y, residual: x, &sum, into: &result, on: execution)
    return result
  }
}

/// W_q, W_k and W_v side by side.
struct SelfProjections: Sendable {
  let joined: Linear
  let heads: Int
  private let size: Int
  private let keyStart: Int

  /// Reads `q_proj`, `k_proj` and `v_proj`, or `in_proj` of old files.
  init(_ weights: ModelWeights, size: Int, heads: Int) throws(ModelError) {
    let parts = try weights.attentionProjections(inputs: (size, size), outputs: size)
    joined = try operation { () throws(TarnError) in
      try Linear(joining: [parts.query, parts.key, parts.value])
    }
    self.heads = heads
    self.size = size
    keyStart = PackedMatrix.start(after: size)
  }

  /// `[rows × q k v]` in one product.
  func all(
    _ x: Matrix, on execution: Execution
  ) throws(TarnError) -> (queries: Matrix, keys: Matrix, values: Matrix) {
    let y = try joined(x, on: execution)
    return (
      y.columns(0..<size), y.columns(keyStart..<keyStart + size),
      y.columns(2 * keyStart..<2 * keyStart + size)
    )
  }

  func queries(_ x: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
    try joined.columns(0..<size)(x, on: execution)
  }

  func keys(
    _ x: Matrix, into y: inout Matrix, at first: Int, on execution: Execution
  ) throws(TarnError) {
    try joined.columns(keyStart..<keyStart + size)(x, into: &y, at: first, on: execution)
  }

  func values(
    _ x: Matrix, into y: inout Matrix, at first: Int, on execution: Execution
  ) throws(TarnError) {
    try joined.columns(2 * keyStart..<2 * keyStart + size)(x, into: &y, at: first, on: execution)
  }
}

/// Queries of the decoder's rows and, joined, keys and values of the encoder's.
struct CrossProjections: Sendable {
  let query: Linear
  /// W_k and W_v side by side.
  let memory: Linear
  let heads: Int
  private let size: Int
  private let valueStart: Int

  /// Reads `q_proj`, `k_proj` and `v_proj`, or `in_proj` of old files.
  init(
    _ weights: ModelWeights, memory: Int, size: Int, heads: Int
  ) throws(ModelError) {
    let parts = try weights.attentionProjections(inputs: (size, memory), outputs: size)
    query = parts.query
    self.memory = try operation { () throws(TarnError) in
      try Linear(joining: [parts.key, parts.value])
    }
    self.heads = heads
    self.size = size
    valueStart = PackedMatrix.start(after: size)
  }

  /// The columns of keys and of values in the product with ``memory``.
  func parts(_ projected: Matrix) -> (keys: Matrix, values: Matrix) {
    (projected.columns(0..<size), projected.columns(valueStart..<valueStart + size))
  }
}

extension ModelWeights {
  /// The maps of queries, keys and values.
  ///
  /// fairseq once stored them as one, `in_proj_weight` and `in_proj_bias`, thirds in this order.
  ///
  /// - Parameters:
  ///   - inputs: columns of what queries, and keys and values, are made of.
  ///   - outputs: rows of each map.
  /// - Returns: the three maps.
  /// - Throws: ``ModelError`` for a tensor that is missing or misshapen.
  fileprivate func attentionProjections(
    inputs: (queries: Int, others: Int), outputs: Int
  ) throws(ModelError) -> (query: Linear, key: Linear, value: Linear) {
    guard has("in_proj_weight"), inputs.queries == inputs.others else {
      return (
        try Linear(self, "q_proj", inputs: inputs.queries, outputs: outputs),
        try Linear(self, "k_proj", inputs: inputs.others, outputs: outputs),
        try Linear(self, "v_proj", inputs: inputs.others, outputs: outputs)
      )
    }
    let weight = try matrix("in_proj_weight", rows: 3 * outputs, columns: inputs.queries)
    let bias = try vector("in_proj_bias", count: 3 * outputs)
    func third(_ i: Int) throws(ModelError) -> Linear {
      // In a survey there are no weights.
      let rows = weight.rows == 3 * outputs ? i * outputs..<(i + 1) * outputs : 0..<0
      return Linear(
        weight: try usable("in_proj_weight") { () throws(TarnError) in
          try PackedMatrix(transposing: weight.rows(rows), as: format, on: execution)
        },
        bias: rows.isEmpty ? bias : bias.columns(rows))
    }
    return (try third(0), try third(1), try third(2))
  }

  /// A norm of a layer, which old files know by its number.
  fileprivate func norm(
    _ name: String, number: Int, size: Int
  ) throws(ModelError) -> LayerNorm {
    let old = "layer_norms.\(number)"
    return try LayerNorm(
      self, has(old + ".weight") ? old : name, size: size, epsilon: LayerNorm.fairseqEpsilon)
  }
}

extension LayerNorm {
  /// ε of all norms.
  static let fairseqEpsilon: Float = 1e-5
}

/// `fc2(act(fc1(x)))` and what stands around it.
struct PyramidionFeedForward: Sendable {
  let first: Linear
  let activation: ElementwiseFunction?
  let output: Sublayer

  init(
    _ weights: ModelWeights, _ side: PyramidionConfiguration.Side,
    _ activation: ElementwiseFunction?, norm number: Int
  ) throws(ModelError) {
    first = try Linear(weights, "fc1", inputs: side.size, outputs: side.innerSize)
    self.activation = activation
    output = Sublayer(
      dense: try Linear(weights, "fc2", inputs: side.innerSize, outputs: side.size),
      norm: try weights.norm("final_layer_norm", number: number, size: side.size),
      normIsFirst: side.normIsFirst)
  }

  /// From the first `count` rows of `tile.attended` to rows `first…` of x.
  func callAsFunction(
    _ tile: inout Tile, count: Int, into x: inout Matrix, at first: Int, on execution: Execution
  ) throws(TarnError) {
    let attended = tile.attended.rows(0..<count)
    try self.first(
      try output.input(attended, &tile.sum, on: execution), activation: activation,
      into: &tile.inner, on: execution)
    try output(
      tile.inner.rows(0..<count), residual: attended, &tile.sum, into: &x, at: first,
      on: execution)
  }

  /// A new matrix.
  func callAsFunction(_ x: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
    let inner = try first(
      try output.input(x, on: execution), activation: activation, on: execution)
    return try output(inner, residual: x, on: execution)
  }
}

/// A layer of the encoder: attention inside each chunk, then the feed-forward network.
struct PyramidionEncoderLayer: Sendable {
  let projections: SelfProjections
  let attended: Sublayer
  let feedForward: PyramidionFeedForward

  init(_ weights: ModelWeights, _ c: PyramidionConfiguration) throws(ModelError) {
    let side = c.encoder
    let attention = weights["self_attn"]
    projections = try SelfProjections(attention, size: side.size, heads: side.heads)
    attended = Sublayer(
      dense: try Linear(attention, "out_proj", inputs: side.size, outputs: side.size),
      norm: try weights.norm("self_attn_layer_norm", number: 0, size: side.size),
      normIsFirst: side.normIsFirst)
    feedForward = try PyramidionFeedForward(weights, side, c.activation, norm: 1)
  }

  /// Updates the rows of some chunks in place.
  func callAsFunction(
    _ x: inout Matrix, _ chunks: SequenceGroup, _ tile: inout Tile, on execution: Execution
  ) throws(TarnError) {
    let context = try mixed(x.rows(chunks.rows), chunks, on: execution)
    for tokens in Tile.ranges(chunks.rows.count) {
      let start = chunks.rows.lowerBound + tokens.lowerBound
      try attended(
        context.rows(tokens), residual: x.rows(start..<start + tokens.count), &tile.sum,
        into: &tile.attended, on: execution)
      try feedForward(&tile, count: tokens.count, into: &x, at: start, on: execution)
    }
  }

  private func mixed(
    _ x: Matrix, _ chunks: SequenceGroup, on execution: Execution
  ) throws(TarnError) -> Matrix {
    let (q, k, v) = try projections.all(try attended.input(x, on: execution), on: execution)
    var context = try Matrix(rows: x.rows, columns: x.columns)
    try attention(
      queries: q, keys: k, values: v, heads: projections.heads, over: chunks.sequences,
      keep: chunks.keep, into: &context, on: execution)
    return context
  }
}

/// A layer of the decoder: attention to its own rows, to the memory, then the feed-forward network.
struct PyramidionDecoderLayer: Sendable {
  let selfAttention: SelfProjections
  let crossAttention: CrossProjections
  private let attended: Sublayer
  private let informed: Sublayer
  private let feedForward: PyramidionFeedForward

  init(_ weights: ModelWeights, _ c: PyramidionConfiguration) throws(ModelError) {
    let side = c.decoder
    let size = side.size
    func sublayer(
      _ attention: ModelWeights, _ norm: String, number: Int
    ) throws(ModelError) -> Sublayer {
      Sublayer(
        dense: try Linear(attention, "out_proj", inputs: size, outputs: size),
        norm: try weights.norm(norm, number: number, size: size), normIsFirst: side.normIsFirst)
    }
    let own = weights["self_attn"]
    let cross = weights["encoder_attn"]
    selfAttention = try SelfProjections(own, size: size, heads: side.heads)
    attended = try sublayer(own, "self_attn_layer_norm", number: 0)
    crossAttention = try CrossProjections(
      cross, memory: c.encoder.size, size: size, heads: side.heads)
    informed = try sublayer(cross, "encoder_attn_layer_norm", number: 1)
    feedForward = try PyramidionFeedForward(weights, side, c.activation, norm: 2)
  }

  /// The rows after the layer.
  ///
  /// - Parameters:
  ///   - x: `[rows × D]`.
  ///   - memory: its keys and values, as ``CrossProjections/memory`` gives them.
  ///   - sequences: the documents of the memory.
  ///   - keep: which rows of the memory are seen; nil: all.
  ///   - queries: the rows of each document.
  ///   - execution: kernels and threads.
  ///   - attend: the context of self-attention, before its output projection.
  /// - Returns: `[rows × D]`.
  /// - Throws: ``TarnError``.
  func callAsFunction(
    _ x: Matrix, memory: Matrix, _ sequences: Ragged, keep: [Bool]?, queries: Ragged,
    on execution: Execution, attend: (Matrix) throws(TarnError) -> Matrix
  ) throws(TarnError) -> Matrix {
    let own = try attend(try attended.input(x, on: execution))
    let a = try attended(own, residual: x, on: execution)
    let q = try crossAttention.query(try informed.input(a, on: execution), on: execution)
    let (keys, values) = crossAttention.parts(memory)
    var context = try Matrix(rows: x.rows, columns: x.columns)
    try attention(
      queries: q, keys: keys, values: values, heads: crossAttention.heads, over: queries,
      keySequences: sequences, keep: keep, into: &context, on: execution)
    let c = try informed(context, residual: a, on: execution)
    return try feedForward(c, on: execution)
  }
}
