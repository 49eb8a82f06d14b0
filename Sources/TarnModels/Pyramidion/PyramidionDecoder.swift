// Pyramidion's decoder: an ordinary Transformer decoder that attends to what the encoder has left.

internal import Tarn
internal import TarnCheckpoints

/// Embeddings, layers, and the logits of what follows.
struct PyramidionDecoder: Sendable {
  let embeddings: PyramidionEmbeddings
  let layers: [PyramidionDecoderLayer]
  /// After the last layer, where norms stand before sublayers.
  private let norm: LayerNorm?
  /// `project_out_dim`, if the output has another width.
  private let projection: PackedMatrix?
  private let output: PackedMatrix
  /// D.
  let size: Int
  /// V.
  var vocabulary: Int { output.columns }

  /// Reads the scope `decoder`.
  init(
    _ weights: ModelWeights, _ c: PyramidionConfiguration, encoder: PyramidionEmbeddings
  ) throws(ModelError) {
    let side = c.decoder
    size = side.size
    embeddings = try PyramidionEmbeddings(
      weights, c, side, longest: c.maxTargetPositions,
      shared: c.sharesAllEmbeddings ? encoder : nil)
    var layers: [PyramidionDecoderLayer] = []
    for i in 0..<side.layers {
      layers.append(try PyramidionDecoderLayer(weights["layers.\(i)"], c))
    }
    self.layers = layers
    norm = try weights.finalNorm(side, since: 3)
    projection =
      c.outputSize == side.size
      ? nil
      : try weights.packed(
        "project_out_dim.weight", outputs: c.outputSize, inputs: side.size)
    let name = "output_projection.weight"
    if c.sharesDecoderEmbeddings {
      output = embeddings.table
      weights.ignore(name)
    } else {
      // Its name in old files.
      output = try weights.packed(
        !weights.has(name) && weights.has("embed_out") ? "embed_out" : name,
        outputs: embeddings.vocabulary, inputs: c.outputSize)
    }
  }

  /// For each layer keys and values of the memory, `[rows × k v]`.
  func crossProjections(
    of memory: PyramidionMemory, on execution: Execution
  ) throws(TarnError) -> [Matrix] {
    var projected: [Matrix] = []
    for layer in layers {
      projected.append(try layer.crossAttention.memory(memory.rows, on: execution))
    }
    return projected
  }

  /// The logits of what follows each row, `[rows × V]`.
  func logits(
    _ x: Matrix, trace: PyramidionTrace? = nil, on execution: Execution
  ) throws(TarnError) -> Matrix {
    var features = x
    if let norm {
      features = try Matrix(rows: x.rows, columns: x.columns)
      try norm(x, into: &features, on: execution)
    }
    if let projection { features = try product(features, projection, on: execution) }
    trace?("decoder_features", features)
    return try product(features, output, on: execution)
  }

  private func product(
    _ x: Matrix, _ weight: PackedMatrix, on execution: Execution
  ) throws(TarnError) -> Matrix {
    var y = try Matrix(rows: x.rows, columns: weight.columns)
    try matmul(x, weight, into: &y, on: execution)
    return y
  }

  /// The logits after each prefix of given targets, `[tokens × V]`, target after target.
  ///
  /// Padding in a target is no key, and its position is that of padding.
  ///
  /// - Parameters:
  ///   - targets: one for each document of the memory.
  ///   - memory: the documents.
  ///   - trace: receives inner values.
  ///   - execution: kernels and threads.
  /// - Returns: the logits.
  /// - Throws: ``TarnError``.
  func callAsFunction(
    _ targets: [[Int32]], _ memory: PyramidionMemory, trace: PyramidionTrace? = nil,
    on execution: Execution
  ) throws(TarnError) -> Matrix {
    let sequences = try Ragged(lengths: targets.map { $0.count })
    let ids = targets.flatMap { $0 }
    let keep = ids.map { Int($0) != PyramidionEmbeddings.padding }
    let seen = keep.contains(false) ? keep : nil
    var x = try embeddings(
      ids, positions: targets.flatMap { PyramidionEmbeddings.positions(of: $0) }, on: execution)
    trace?("decoder_embedding", x)
    for (i, layer) in layers.enumerated() {
      let cross = try layer.crossAttention.memory(memory.rows, on: execution)
      x = try layer(
        x, memory: cross, memory.sequences, keep: memory.keep, queries: sequences, on: execution
      ) { (input) throws(TarnError) in
        let (q, k, v) = try layer.selfAttention.all(input, on: execution)
        var context = try Matrix(rows: input.rows, columns: input.columns)
        try attention(
          queries: q, keys: k, values: v, heads: layer.selfAttention.heads, over: sequences,
          keep: seen, mask: .causal, into: &context, on: execution)
        return context
      }
      trace?("decoder_layer\(i)", x)
    }
    return try logits(x, trace: trace, on: execution)
  }
}
