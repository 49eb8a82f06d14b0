// From token numbers to the first hidden states.

internal import Tarn
internal import TarnCheckpoints

/// h⁰ = LayerNorm(word[id] + type[type] + position[p]); in FNet W·h⁰ + b of that.
struct Embeddings: Sendable {
  /// The tables, packed as their transposes: a column an entry.
  let word: PackedMatrix
  let position: PackedMatrix
  let tokenType: PackedMatrix
  let norm: LayerNorm
  let addsPositions: Bool
  let projection: Linear?

  /// Reads the tables.
  ///
  /// - Parameters:
  ///   - weights: those under `embeddings`.
  ///   - c: sizes.
  ///   - addsPositions: whether the position term is added.
  ///   - isProjected: whether a linear layer `projection` follows.
  /// - Throws: ``ModelError`` for a tensor that is missing or misshapen.
  init(
    _ weights: ModelWeights, _ c: EncoderConfiguration, addsPositions: Bool = true,
    isProjected: Bool = false
  ) throws(ModelError) {
    let d = c.hiddenSize
    word = try weights.packed("word_embeddings.weight", outputs: c.vocabularySize, inputs: d)
    position = try weights.packed("position_embeddings.weight", outputs: c.positions, inputs: d)
    tokenType = try weights.packed(
      "token_type_embeddings.weight", outputs: c.tokenTypes, inputs: d)
    norm = try LayerNorm(weights, "LayerNorm", size: d, epsilon: c.epsilon)
    projection =
      isProjected
      ? try Linear(weights, "projection", inputs: d, outputs: d) : nil
    weights.ignore("position_ids")  // 0, 1, 2 …, a buffer that published files carry
    self.addsPositions = addsPositions
  }

  func callAsFunction(
    _ batch: TokenBatch, _ tile: inout Tile, into h: inout Matrix, on execution: Execution
  ) throws(TarnError) {
    for tokens in Tile.ranges(batch.count) {
      try gather(columnsOf: word, batch.ids[tokens], into: &tile.sum, on: execution)
      try gather(
        columnsOf: tokenType, batch.tokenTypes[tokens], adding: true, into: &tile.sum,
        on: execution)
      if addsPositions {
        try gather(
          columnsOf: position, batch.positions[tokens], adding: true, into: &tile.sum,
          on: execution)
      }
      let sum = tile.sum.rows(0..<tokens.count)
      if let projection {
        try norm(sum, into: &tile.attended, on: execution)
        try projection(
          tile.attended.rows(0..<tokens.count), into: &h, at: tokens.lowerBound, on: execution)
      } else {
        try norm(sum, into: &h, at: tokens.lowerBound, on: execution)
      }
    }
  }
}
