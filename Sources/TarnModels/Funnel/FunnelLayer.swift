// Funnel's layer. Equations and names side by side: Docs, page Funnel.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// Rows of a batch at one depth, with what attention must know of them.
///
/// Positions need not travel: a row lies `unit` tokens behind the one before, the first apart.
struct FunnelRows {
  /// Sequences, token types, and which rows are kept.
  let batch: TokenBatch
  /// Which keys attention sees; nil: all.
  ///
  /// A sequence of which nothing is kept sees all its rows, as if a constant were added to each score.
  let visible: [Bool]?

  init(_ batch: TokenBatch) {
    self.batch = batch
    visible = batch.keep.map { keep in
      (0..<batch.sequences.count).flatMap { s in
        let rows = keep[batch.sequences[s]]
        return rows.contains(true) ? Array(rows) : Array(repeating: true, count: rows.count)
      }
    }
  }

  /// The rows after pooling; each takes its window's first position and type.
  func pooled(_ c: FunnelConfiguration) throws(TarnError) -> FunnelRows {
    FunnelRows(
      try batch.pooled(c.stridedPooling, keepsPartlyMasked: c.maskPooling == .any))
  }

  /// Some of the sequences.
  func sequences(_ numbers: Range<Int>) throws(TarnError) -> FunnelRows {
    numbers == 0..<batch.sequences.count ? self : FunnelRows(try batch.sequences(numbers))
  }
}

/// The tokens between rows in a layer execution.
struct FunnelDistances {
  /// Tokens from one distance of the position table to the next.
  var unit: Int
  /// Keys from the position of one query to that of the next.
  var step = 1
  /// Distances from the first query to the first key, as the formula of all others has it.
  var first = 0
}

/// q kᵀ with terms of distances and of token types, the softmax of that, and the weighted sum.
///
///     s[i,j] = ((q_i + r_w)·k_j + g·((q_i + r_r)·ρ(p_i - p_j) + (q_i + r_s)·σ_ij)) / √e
///     ρ(t) = R(t)·r_kernel      σ_ij = seg_embed[same type]      g = 0 in the first row and column
///
/// r_w is the bias of q; r_r - r_w is added in the product with ρ; (W_q x + r_s)·seg_embed is one
/// linear map of x, and `seg_embed · W_q` is computed once.
struct FunnelAttention: Sendable {
  /// q, its type terms, k and v side by side, as one product.
  let projections: Linear
  /// Where the columns of type terms, of k and of v begin.
  let typeStart: Int
  let keyStart: Int
  let valueStart: Int
  /// r_r - r_w.
  let shift: Matrix
  /// `r_kernel`.
  let kernel: PackedMatrix
  let output: ResidualOutput
  let heads: Int
  /// H·e.
  let columns: Int
  let firstIsApart: Bool
  /// The number of the layer among those of the model.
  let number: Int

  /// Reads the scope `attention` of a layer.
  init(
    _ weights: ModelWeights, number: Int, _ c: FunnelConfiguration
  ) throws(ModelError) {
    let d = c.hiddenSize
    let h = c.heads * c.headSize
    func bias(_ name: String) throws(ModelError) -> Matrix {
      try weights.matrix(name, shape: [c.heads, c.headSize], rows: 1, columns: h)
    }
    let execution = weights.execution
    let (rw, rr, rs) = try (bias("r_w_bias"), bias("r_r_bias"), bias("r_s_bias"))
    let query = try weights.matrix("q_head.weight", rows: h, columns: d)
    let segments = try weights.matrix(
      "seg_embed", shape: [2, c.heads, c.headSize], rows: 2, columns: h)
    let key = try Linear(weights, "k_head", inputs: d, outputs: h)
    let value = try Linear(weights, "v_head", inputs: d, outputs: h)
    let kernel = try weights.matrix(
      "r_kernel", shape: [d, c.heads, c.headSize], rows: d, columns: h)
    shift = Matrix(zip(rr.elements, rw.elements).map { $0 - $1 })
    self.kernel = try weights.usable("r_kernel") { () throws(TarnError) in
      try PackedMatrix(kernel, as: weights.format, on: execution)
    }
    projections = try weights.usable("q_head.weight") { () throws(TarnError) in
      let queries = Linear(
        weight: try PackedMatrix(transposing: query, as: weights.format, on: execution), bias: rw)
      let types = try Linear(
        typesOf: query, segments, rs, heads: c.heads, as: weights.format, on: execution)
      return try Linear(joining: [queries, types, key, value])
    }
    output = try ResidualOutput(
      weights, dense: "post_proj", norm: "layer_norm", inputs: h, size: d, epsilon: c.epsilon)
    typeStart = PackedMatrix.start(after: h)
    keyStart = PackedMatrix.start(after: typeStart + 2 * c.heads)
    valueStart = PackedMatrix.start(after: keyStart + h)
    heads = c.heads
    columns = h
    firstIsApart = c.separatesFirst
    self.number = number
  }

  /// What attention makes of some queries of whole sequences, before the output projection.
  ///
  /// - Parameters:
  ///   - x: the query rows.
  ///   - queries: these rows.
  ///   - keyRows: the rows of keys and values; nil if they are the queries.
  ///   - keys: those rows.
  ///   - distances: between rows.
  ///   - positions: the layer's table.
  ///   - trace: receives queries, keys and terms.
  ///   - execution: kernels and threads.
  /// - Returns: `[rows × H·e]`.
  /// - Throws: ``TarnError``.
  func mix(
    _ x: Matrix, _ queries: FunnelRows, keyRows: Matrix?, _ keys: FunnelRows,
    _ distances: FunnelDistances, _ positions: PositionTable, trace: FunnelTrace?,
    on execution: Execution
  ) throws(TarnError) -> Matrix {
    let own: Matrix  // [queries × q types]
    let others: Matrix  // [keys × k v]
    if let keyRows {
      own = try projections.columns(0..<typeStart + 2 * heads)(x, on: execution)
      others = try projections.columns(keyStart..<valueStart + columns)(keyRows, on: execution)
    } else {
      let projected = try projections(x, on: execution)
      own = projected.columns(0..<keyStart)
      others = projected.columns(keyStart..<valueStart + columns)
    }
    let terms = RelativeAttention(
      positions: positions.vectors, origin: positions.reach + distances.first, step: distances.step,
      shift: shift, types: own.columns(typeStart..<typeStart + 2 * heads),
      queryTypes: queries.batch.tokenTypes, keyTypes: keys.batch.tokenTypes,
      firstIsApart: firstIsApart)
    let q = own.columns(0..<columns)
    let k = others.columns(0..<columns)
    var context = try Matrix(rows: x.rows, columns: columns)
    try attention(
      queries: q, keys: k, values: others.columns(valueStart - keyStart..<others.columns),
      heads: heads, over: queries.batch.sequences, keySequences: keys.batch.sequences,
      keep: keys.visible, relative: terms, into: &context, on: execution)
    trace?(.attention(queries: q, keys: k, terms, keys))
    return context
  }
}

extension Linear {
  /// `x ↦ (W_q x + r_s)·seg_embed`: for each head the term of the other type and of the same.
  fileprivate init(
    typesOf query: Matrix, _ segments: Matrix, _ rs: Matrix, heads: Int, as format: WeightFormat,
    on execution: Execution
  ) throws(TarnError) {
    // In a survey there are no weights.
    let count = segments.rows == 2 ? 2 * heads : 0
    let e = segments.columns / heads
    var blocks = try Matrix(rows: count, columns: query.rows)
    var bias = [Float](repeating: 0, count: count)
    for row in 0..<count {
      for c in row / 2 * e..<(row / 2 + 1) * e {
        blocks[row, c] = segments[row % 2, c]
        bias[row] += segments[row % 2, c] * rs[0, c]
      }
    }
    var weight = try Matrix(rows: count, columns: query.columns)
    try matmul(blocks, query, into: &weight, on: execution)
    self.init(
      weight: try PackedMatrix(transposing: weight, as: format, on: execution), bias: Matrix(bias))
  }
}

/// One layer: `a = LayerNorm(x + W_o attention(x) + b_o)`, `x' = LayerNorm(a + W_2 act(W_1 a))`.
struct FunnelLayer: Sendable {
  let attention: FunnelAttention
  let feedForward: FeedForward

  /// Reads the scopes `attention` and `ffn` of a layer's scope.
  init(
    _ weights: ModelWeights, number: Int, _ c: FunnelConfiguration
  ) throws(ModelError) {
    attention = try FunnelAttention(weights["attention"], number: number, c)
    let ffn = weights["ffn"]
    let (d, f) = (c.hiddenSize, c.intermediateSize)
    feedForward = FeedForward(
      intermediate: try Linear(ffn, "linear_1", inputs: d, outputs: f),
      output: try ResidualOutput(
        ffn, dense: "linear_2", norm: "layer_norm", inputs: f, size: d, epsilon: c.epsilon),
      activation: c.activation)
  }

  /// Updates the query rows in place, one group of sequences after another.
  ///
  /// - Parameters:
  ///   - x: the query rows of the batch.
  ///   - queries: these rows.
  ///   - keyRows: the rows of keys and values; nil if they are the queries.
  ///   - keys: those rows.
  ///   - distances: between rows.
  ///   - tables: position tables of the model.
  ///   - tile: scratch.
  ///   - trace: receives inner values.
  ///   - execution: kernels and threads.
  /// - Throws: ``TarnError``.
  func callAsFunction(
    _ x: inout Matrix, _ queries: FunnelRows, keyRows: Matrix? = nil, _ keys: FunnelRows,
    _ distances: FunnelDistances, _ tables: PositionTables, _ tile: inout Tile,
    trace: FunnelTrace?, on execution: Execution
  ) throws(TarnError) {
    let longest = keys.batch.sequences.longest
    let positions = try tables.table(
      PositionTables.Key(layer: attention.number, unit: distances.unit), reach: longest,
      attention.kernel, on: execution)
    for group in try SequenceGroup.groups(keys.batch) {
      let part = try queries.sequences(group.numbers)
      let start = queries.batch.sequences.offsets[group.numbers.lowerBound]
      let mixed = try attention.mix(
        x.rows(start..<start + part.batch.count), part, keyRows: keyRows?.rows(group.rows),
        keys.sequences(group.numbers), distances, positions, trace: trace, on: execution)
      for tokens in Tile.ranges(part.batch.count) {
        let rows = start + tokens.lowerBound..<start + tokens.upperBound
        try attention.output(
          mixed.rows(tokens), residual: x.rows(rows), &tile.sum, into: &tile.attended,
          on: execution)
        try feedForward(&tile, count: tokens.count, into: &x, at: rows.lowerBound, on: execution)
      }
    }
  }
}

/// An inner value of a Funnel model.
enum FunnelValue {
  /// Hidden rows: after the embeddings, a layer execution, pooling, the decoder's input.
  case hidden(String, Matrix, FunnelRows)
  /// Queries and keys of a group of sequences with what is added to their products.
  case attention(queries: Matrix, keys: Matrix, RelativeAttention, FunnelRows)
}

/// Receives inner values.
typealias FunnelTrace = (FunnelValue) -> Void
