// BERT's token mixing. Equations and names side by side: Docs, page BERT.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// a = LayerNorm(h + W_o c + b_o), c = softmax(q kᵀ/√e) v in each of H heads of e = d/H columns.
struct SelfAttention: TokenMixing {
  /// W_q, W_k and W_v side by side, as one product.
  let projections: Linear
  /// The columns of k and of v in the product begin here.
  let keyStart: Int
  let valueStart: Int
  let heads: Int
  let output: ResidualOutput

  /// Reads `attention.self.query`, `key` and `value` and `attention.output` of a layer's scope.
  init(
    _ weights: ModelWeights, _ c: BERTConfiguration
  ) throws(ModelError) {
    let d = c.hiddenSize
    let attention = weights["attention"]
    var parts: [Linear] = []
    for name in ["query", "key", "value"] {
      parts.append(
        try Linear(attention["self"], name, inputs: d, outputs: d))
    }
    projections = try operation { () throws(TarnError) in try Linear(joining: parts) }
    keyStart = PackedMatrix.start(after: parts[0].weight.columns)
    valueStart = 2 * keyStart
    heads = c.heads
    output = try ResidualOutput(
      attention["output"], inputs: d, size: d, epsilon: c.epsilon)
  }

  func mix(
    _ h: Matrix, _ group: SequenceGroup, trace: ((EncoderValue, Matrix) -> Void)?,
    on execution: Execution
  ) throws(TarnError) -> Matrix {
    let d = h.columns
    let projected = try projections(h, on: execution)  // [rows × q k v]
    let q = projected.columns(0..<d)
    let k = projected.columns(keyStart..<keyStart + d)
    let v = projected.columns(valueStart..<valueStart + d)
    var context = try Matrix(rows: h.rows, columns: d)
    try attention(
      queries: q, keys: k, values: v, heads: heads, over: group.sequences, keep: group.keep,
      into: &context, on: execution)
    trace?(.queries, q)
    trace?(.keys, k)
    return context
  }

  func mixFirst(
    _ h: Matrix, first: Matrix, _ group: SequenceGroup, on execution: Execution
  ) throws(TarnError) -> Matrix {
    let d = h.columns
    let q = try projections.columns(0..<d)(first, on: execution)
    let projected = try projections.columns(keyStart..<valueStart + d)(h, on: execution)
    var context = try Matrix(rows: first.rows, columns: d)
    try attention(
      queries: q, keys: projected.columns(0..<d),
      values: projected.columns(valueStart - keyStart..<valueStart - keyStart + d),
      heads: heads, over: Ragged(lengths: Array(repeating: 1, count: first.rows)),
      keySequences: group.sequences, keep: group.keep, into: &context, on: execution)
    return context
  }

  func attend(
    _ mixed: Matrix, residual h: Matrix, _ tile: inout Tile, on execution: Execution
  ) throws(TarnError) {
    try output(mixed, residual: h, &tile.sum, into: &tile.attended, on: execution)
  }
}
