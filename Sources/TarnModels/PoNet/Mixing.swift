// PoNet's token mixing: global aggregation, segment maximum, local maximum, fusion.
// Equations and names side by side: Docs, page PoNet.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// The five projections of one layer.
struct PoNetMixing: Sendable {
  let query: Linear
  let keys: AggregationKeys
  /// `dense_o`, `dense_local` and `dense_segment`, which share their input, as one product.
  let projections: Linear
  /// The first two, and each by itself: parts of the same packed matrix.
  let outputAndLocal: Linear
  let output: Linear
  let segment: Linear
  /// The first columns of `dense_local` and of `dense_segment` in ``projections``.
  let localStart: Int
  let segmentStart: Int

  /// The projections' names in the checkpoint.
  struct Names {
    var query = "dense_q"
    var key = "dense_k"
    var output = "dense_o"
    var local = "dense_local"
    var segment = "dense_segment"
  }

  init(
    _ weights: ModelWeights, size d: Int, heads: Int, names: Names = Names()
  ) throws(ModelError) {
    query = try Linear(weights, names.query, inputs: d, outputs: d)
    let key = try weights.matrix(names.key + ".weight", rows: d, columns: d)
    let keyBias = try weights.vector(names.key + ".bias", count: d)
    keys = try weights.usable(names.key + ".weight") { () throws(TarnError) in
      try AggregationKeys(
        weight: key, bias: keyBias, heads: heads, as: weights.format, on: weights.execution)
    }
    var parts: [Linear] = []
    for name in [names.output, names.local, names.segment] {
      parts.append(try Linear(weights, name, inputs: d, outputs: d))
    }
    projections = try operation { () throws(TarnError) in try Linear(joining: parts) }
    let columns = parts[0].weight.columns  // d, or 0 in a survey, which reads no weights
    localStart = PackedMatrix.start(after: columns)
    segmentStart = 2 * localStart
    output = projections.columns(0..<columns)
    outputAndLocal = projections.columns(0..<localStart + columns)
    segment = projections.columns(segmentStart..<segmentStart + columns)
  }

  /// q = W_q·mean(x) + b_q, then one attention over x for each head: `[sequences × d]`.
  func globalValues(
    _ x: Matrix, _ rows: PoNetRows, layer: Int, trace: LayerTrace?, on execution: Execution
  ) throws(TarnError) -> Matrix {
    let count = rows.batch.sequences.count
    var mean = try Matrix(rows: count, columns: x.columns)
    try maskedMean(x, over: rows.batch.sequences, keep: rows.batch.keep, into: &mean, on: execution)
    let q = try query(mean, on: execution)  // [sequences × d]
    var v = try Matrix(rows: count, columns: x.columns)
    var probabilities: Matrix? =
      trace == nil ? nil : try Matrix(rows: keys.heads, columns: x.rows)
    try globalAggregation(
      x, over: rows.batch.sequences, keep: rows.batch.keep, queries: q, keys: keys, into: &v,
      probabilities: &probabilities, on: execution)
    trace?(.query, layer, 0, q)
    trace?(.globalValue, layer, 0, v)
    if let probabilities { trace?(.attention, layer, 0, probabilities) }
    return v
  }

  /// The maximum of `segment(x)` in each segment: `[segments + 1 × d]`.
  ///
  /// A text of one tile has all its projections made here, as one product.
  func segmentMaxima(
    _ x: Matrix, _ rows: PoNetRows, _ tile: inout PoNetTile, on execution: Execution
  ) throws(TarnError) -> Matrix {
    var maxima = try Matrix(rows: rows.segmentStart.count, columns: x.columns)
    try maxima.fillRows(rows.segmentStart)
    if x.rows <= Tile.rows {
      try projections(x, into: &tile.projected, at: 1, on: execution)
      try segmentMax(
        tile.projected.rows(1..<x.rows + 1).columns(segmentStart..<segmentStart + x.columns),
        labels: rows.plan.labels, into: &maxima, on: execution)
      return maxima
    }
    for tokens in Tile.ranges(x.rows) {
      try segment(x.rows(tokens), into: &tile.output, on: execution)
      try segmentMax(
        tile.output.rows(0..<tokens.count), labels: Array(rows.plan.labels[tokens]),
        into: &maxima, on: execution)
    }
    return maxima
  }

  /// Projects `tokens` of x unless that is done: o, and for the window local with a row more at each
  /// end.
  ///
  /// The row before the tile is the last row of the tile before: it was projected from x before x
  /// was overwritten. Call it for tile after tile.
  private func project(
    _ x: Matrix, _ tokens: Range<Int>, _ tile: inout PoNetTile, on execution: Execution
  ) throws(TarnError) {
    if x.rows <= Tile.rows { return }
    if tokens.lowerBound > 0 { try tile.projected.copyRow(Tile.rows, to: 0) }
    let end = min(tokens.upperBound + 1, x.rows)
    try outputAndLocal(
      x.rows(tokens.lowerBound..<end), into: &tile.projected, at: 1, on: execution)
  }

  /// The mixed rows c of `tokens`, into `tile.output`.
  func mix(
    _ x: Matrix, _ tokens: Range<Int>, _ rows: PoNetRows, global v: Matrix, maxima: Matrix,
    _ tile: inout PoNetTile, layer: Int, trace: LayerTrace?, on execution: Execution
  ) throws(TarnError) {
    try project(x, tokens, &tile, on: execution)
    let d = x.columns
    try neighbourMax(
      tile.projected.columns(localStart..<localStart + d), rows.neighbours[tokens],
      fill: PoNetRows.fill, into: &tile.shared.sum,
      on: execution)
    if let trace {
      trace(
        .segment, layer, tokens.lowerBound,
        try PoNetMixing.pooledRows(rows.plan, tokens, on: execution) {
          (t: Int) in maxima.rows(Int(rows.plan.labels[t])..<Int(rows.plan.labels[t]) + 1)
        })
      trace(
        .local, layer, tokens.lowerBound,
        try PoNetMixing.pooledRows(rows.plan, tokens, on: execution) {
          (t: Int) in tile.shared.sum.rows(t - tokens.lowerBound..<t - tokens.lowerBound + 1)
        })
    }
    try fuse(
      rows.plan, tokens, global: v, maxima: maxima,
      output: tile.projected.rows(1..<tokens.count + 1).columns(0..<d), local: tile.shared.sum,
      into: &tile.output, on: execution)
    trace?(.context, layer, tokens.lowerBound, tile.output.rows(0..<tokens.count))
  }

  /// The rows that a pooling brings to the fusion: zero where a token takes its global value only.
  private static func pooledRows(
    _ plan: FusionPlan, _ tokens: Range<Int>, on execution: Execution, _ row: (Int) -> Matrix
  ) throws(TarnError) -> Matrix {
    var elements: [Float] = []
    var columns = 0
    for t in tokens {
      let values = row(t).elements
      columns = values.count
      elements += plan.kinds[t] == .full ? values : Array(repeating: 0, count: columns)
    }
    return try Matrix(rows: tokens.count, columns: columns, elements)
  }
}

/// Scratch for one tile of tokens: what a layer holds beside the hidden states.
struct PoNetTile {
  /// The part that other encoders have too; its sums hold window maxima before that.
  var shared: Tile
  /// `[512 × d]`: segment(x), then the mixed rows.
  var output: Matrix
  /// o beside local(x), with a row more at each end; segment(x) too if there is one tile only:
  /// `[514 × 2d or 3d]`, with d rounded up to a multiple of 16.
  var projected: Matrix

  init(tokens: Int, size d: Int, inner f: Int) throws(TarnError) {
    let rows = min(tokens, Tile.rows)
    shared = try Tile(tokens: tokens, size: d, inner: f)
    output = try Matrix(rows: rows, columns: d)
    projected = try Matrix(
      rows: rows + 2,
      columns: (PoNetTile.projections(tokens: tokens) - 1) * PackedMatrix.start(after: d) + d)
  }

  /// Projections that are held at once.
  static func projections(tokens: Int) -> Int { tokens <= Tile.rows ? 3 : 2 }
}

/// The inner values of a layer that a caller may ask for.
enum LayerValue {
  case hidden, attention, query, globalValue, segment, local, context, attentionOutput
}

/// Receives inner values: which, the layer, the first token row, the rows.
typealias LayerTrace = (LayerValue, Int, Int, Matrix) -> Void
