// Pyramidion's encoder: layers over chunks, and the pooling between them.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// Receives inner values of one document: a name, and a row for each of its positions.
typealias PyramidionTrace = (String, Matrix) -> Void

/// `s = sigmoid(w·x + b) + 1e-5`: how much a row matters.
struct PyramidionScorer: Sendable {
  /// In Float in any model: a rounded weight would change which rows meet.
  let linear: Linear

  init(_ weights: ModelWeights, size d: Int) throws(ModelError) {
    let weight = try weights.matrix("weight", rows: 1, columns: d)
    linear = Linear(
      weight: try weights.usable("weight") { () throws(TarnError) in
        try PackedMatrix(transposing: weight, on: weights.execution)
      },
      bias: try weights.vector("bias", count: 1))
  }

  /// `[rows × 1]`.
  func callAsFunction(_ x: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
    var least = try Matrix(rows: x.rows, columns: 1)
    try least.fillRows(Array(repeating: SoftTopKPlan.paddingScore, count: x.rows))
    var scores = try Matrix(rows: x.rows, columns: 1)
    try linear(x, activation: .sigmoid, residual: least, into: &scores, on: execution)
    return scores
  }

  /// The rows that are left of a document, and their scores.
  func pooled(
    _ x: Matrix, _ scores: Matrix, _ stage: PyramidionConfiguration.Stage,
    _ c: PyramidionConfiguration, on execution: Execution
  ) throws(TarnError) -> (rows: Matrix, scores: Matrix) {
    let plan = try SoftTopKPlan(
      scores: scores, over: Ragged(lengths: [x.rows]), count: stage.outputs,
      options: SoftTopKOptions(
        flips: c.flips, keepsOrder: c.keepsOrder, paddedLength: stage.paddedLength),
      on: execution)
    var y = try Matrix(rows: stage.outputs, columns: x.columns)
    try softTopK(x, plan, into: &y, on: execution)
    return (y, plan.scores)
  }
}

/// The rows of a document that are computed, and where they stand.
struct PyramidionRows {
  var ids: [Int32] = []
  var positions: [Int32] = []
  /// Rows of each chunk.
  var chunks: [Int] = []
  /// For each position of the document its row; nil: row i stands at position i.
  var places: [Int32]?

  /// All positions, the last ones padding, in chunks.
  init(_ document: [Int32], length: Int, chunk: Int) {
    ids = document + Array(repeating: PyramidionRows.padding, count: length - document.count)
    positions = PyramidionEmbeddings.positions(of: ids)
    chunks = Array(repeating: chunk, count: length / chunk)
  }

  /// As many chunks, those of padding alone being one row.
  ///
  /// Equal keys have equal weights, so that each row of such a chunk is what attention makes of one
  /// token.
  init(skippingPaddingOf document: [Int32], length: Int, chunk: Int) {
    self.init(document, length: length, chunk: chunk)
    let starts = stride(from: 0, to: length, by: chunk)
    let isPadding = starts.map { start in
      !ids[start..<start + chunk].contains { $0 != PyramidionRows.padding }
    }
    guard isPadding.contains(true) else { return }
    keep { isPadding[$0 / chunk] }
    chunks = isPadding.filter { !$0 }.map { _ in chunk } + [1]
  }

  /// Each token that is not padding, and one row for all padding, as one chunk.
  init(maskingPaddingOf document: [Int32], length: Int) {
    self.init(document, length: length, chunk: length)
    let ids = ids
    guard ids.contains(PyramidionRows.padding) else { return }
    keep { ids[$0] == PyramidionRows.padding }
    chunks = [self.ids.count]
  }

  private static let padding = Int32(PyramidionEmbeddings.padding)

  /// Leaves the positions that are all the same padding to one row, the last.
  private mutating func keep(insteadOf isSkipped: (Int) -> Bool) {
    let kept = ids.indices.filter { !isSkipped($0) }
    var places = [Int32](repeating: Int32(kept.count), count: ids.count)
    for (row, position) in kept.enumerated() { places[position] = Int32(row) }
    self.places = places
    ids = kept.map { ids[$0] } + [PyramidionRows.padding]
    positions = kept.map { positions[$0] } + [PyramidionRows.padding]
  }

  /// A row for each position of the document.
  func expanded(_ x: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
    guard let places else { return x }
    var y = try Matrix(rows: places.count, columns: x.columns)
    try gather(x, places[...], into: &y, on: execution)
    return y
  }
}

/// Embeddings, layers, and the poolings between them.
///
///     x = √d·E[token] + position
///     for each layer: in each chunk of x a Transformer layer; then, if the width shrinks,
///                     x = soft top-k of (x, s)      s = sigmoid(w·x + b) + 1e-5
struct PyramidionEncoder: Sendable {
  let configuration: PyramidionConfiguration
  let embeddings: PyramidionEmbeddings
  let layers: [PyramidionEncoderLayer]
  /// One for each layer, in models that pool.
  let scorers: [PyramidionScorer]
  /// After the last layer, where norms stand before sublayers.
  let norm: LayerNorm?

  /// Reads the scope `encoder`.
  init(_ weights: ModelWeights, _ c: PyramidionConfiguration) throws(ModelError) {
    configuration = c
    embeddings = try PyramidionEmbeddings(
      weights, c, c.encoder, longest: c.maxSourcePositions)
    var layers: [PyramidionEncoderLayer] = []
    var scorers: [PyramidionScorer] = []
    for i in 0..<c.encoder.layers {
      layers.append(try PyramidionEncoderLayer(weights["layers.\(i)"], c))
      if c.pools {
        scorers.append(
          try PyramidionScorer(weights["pooler.scorer.\(i)"], size: c.encoder.size))
      }
    }
    self.layers = layers
    self.scorers = scorers
    norm = try weights.finalNorm(c.encoder, since: 2)
  }

  /// The memory of one document, `[k × d]`.
  ///
  /// - Parameters:
  ///   - document: at most N₀ token numbers.
  ///   - trace: receives inner values.
  ///   - execution: kernels and threads.
  /// - Returns: a row for each position that is left.
  /// - Throws: ``TarnError``.
  func callAsFunction(
    _ document: [Int32], trace: PyramidionTrace? = nil, on execution: Execution
  ) throws(TarnError) -> Matrix {
    let c = configuration
    let stages = c.stages
    var (x, rows, keep) = try embedded(document, stages[0], on: execution)
    trace?("embedding", try rows.expanded(x, on: execution))
    var tile = try Tile(
      tokens: c.maxSourcePositions, size: c.encoder.size, inner: c.encoder.innerSize)
    for (i, stage) in stages.enumerated() {
      // What a dropped remainder leaves.
      if rows.places == nil, x.rows > stage.kept { x = x.rows(0..<stage.kept) }
      let chunks = try Ragged(lengths: rows.chunks)
      for group in try SequenceGroup.groups(chunks, keep: keep) {
        try layers[i](&x, group, &tile, on: execution)
      }
      if stage.pools {
        let scores = try rows.expanded(scorers[i](x, on: execution), on: execution)
        x = try rows.expanded(x, on: execution)
        rows.places = nil
        trace?("layer\(i).before_pooling", x)
        trace?("layer\(i).scores", scores)
        let pooled = try scorers[i].pooled(x, scores, stage, c, on: execution)
        trace?("layer\(i).pooled_scores", pooled.scores)
        x = pooled.rows
      }
      if rows.places == nil, i + 1 < stages.count {
        let next = stages[i + 1]
        rows.chunks = Array(repeating: next.chunk, count: next.kept / next.chunk)
      }
      trace?("layer\(i)", try rows.expanded(x, on: execution))
    }
    if let norm {
      var y = try Matrix(rows: x.rows, columns: x.columns)
      try norm(x, into: &y, on: execution)
      x = y
    }
    let memory = try rows.expanded(x, on: execution)
    trace?("encoder_out", memory)
    return memory
  }

  /// The embeddings of the rows that are computed, and which keys are seen; nil: all.
  private func embedded(
    _ document: [Int32], _ stage: PyramidionConfiguration.Stage, on execution: Execution
  ) throws(TarnError) -> (x: Matrix, rows: PyramidionRows, keep: [Bool]?) {
    let c = configuration
    func embed(_ rows: PyramidionRows) throws(TarnError) -> Matrix {
      try embeddings(rows.ids, positions: rows.positions, on: execution)
    }
    guard !c.pools else {
      // A dropped remainder may cut a chunk of padding.
      let skips = c.skipsPadding && stage.kept == stage.inputs
      let rows =
        skips
        ? PyramidionRows(
          skippingPaddingOf: document, length: stage.inputs, chunk: stage.chunk)
        : PyramidionRows(document, length: stage.inputs, chunk: stage.chunk)
      return (try embed(rows), rows, nil)
    }
    var rows = PyramidionRows(maskingPaddingOf: document, length: stage.inputs)
    var x = try embed(rows)
    var keep = x.rowsOfZeros().map { !$0 }
    // Padding that is seen counts as often as it occurs.
    if rows.places != nil, !c.skipsPadding || keep[x.rows - 1] {
      rows = PyramidionRows(document, length: stage.inputs, chunk: stage.inputs)
      x = try embed(rows)
      keep = x.rowsOfZeros().map { !$0 }
    }
    return (x, rows, keep.contains(false) ? keep : nil)
  }
}

extension Matrix {
  /// Which rows are zero in all columns.
  func rowsOfZeros() -> [Bool] {
    (0..<rows).map { i in (0..<columns).allSatisfy { self[i, $0] == 0 } }
  }
}

extension ModelWeights {
  /// `layer_norm` of a side whose norms stand before sublayers; files before a version have none.
  func finalNorm(
    _ side: PyramidionConfiguration.Side, since version: Float
  ) throws(ModelError) -> LayerNorm? {
    guard try value("version") ?? 1 >= version, side.normIsFirst else { return nil }
    return try LayerNorm(
      self, "layer_norm", size: side.size, epsilon: LayerNorm.fairseqEpsilon)
  }
}
