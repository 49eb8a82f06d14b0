// From token numbers to the first hidden states.

internal import Tarn
internal import TarnCheckpoints

/// h⁰ = LayerNorm(word[id] + type[type] + position[p]); in FNet W·h⁰ + b of that.
struct Embeddings: Sendable {
  let word: Matrix
  let position: Matrix
  let tokenType: Matrix
  let norm: LayerNorm
  let addsPositions: Bool
  let projection: Linear?

  /// Reads the tables.
  ///
  /// - Parameters:
  ///   - weights: the scope `embeddings`.
  ///   - c: sizes.
  ///   - addsPositions: whether the position term is added.
  ///   - isProjected: whether a linear layer `projection` follows.
  ///   - execution: kernels that pack.
  /// - Throws: ``ModelError`` for a tensor that is missing or misshapen.
  init(
    _ weights: WeightScope, _ c: EncoderConfiguration, addsPositions: Bool = true,
    isProjected: Bool = false, on execution: Execution
  ) throws(ModelError) {
    let d = c.hiddenSize
    word = try weights.matrix(
      "word_embeddings.weight", rows: c.vocabularySize, columns: d, on: execution)
    position = try weights.matrix(
      "position_embeddings.weight", rows: c.positions, columns: d, on: execution)
    tokenType = try weights.matrix(
      "token_type_embeddings.weight", rows: c.tokenTypes, columns: d, on: execution)
    norm = try LayerNorm(weights, "LayerNorm", size: d, epsilon: c.epsilon, on: execution)
    projection =
      isProjected
      ? try Linear(weights, "projection", inputs: d, outputs: d, on: execution) : nil
    weights.ignore("position_ids")  // 0, 1, 2 …, a buffer that published files carry
    self.addsPositions = addsPositions
  }

  func callAsFunction(
    _ batch: TokenBatch, _ tile: inout Tile, into h: inout Matrix, on execution: Execution
  ) throws(TarnError) {
    for tokens in Tile.ranges(batch.count) {
      try gather(word, batch.ids[tokens], into: &tile.sum, on: execution)
      try gather(
        tokenType, batch.tokenTypes[tokens], adding: true, into: &tile.sum, on: execution)
      if addsPositions {
        try gather(
          position, batch.positions[tokens], adding: true, into: &tile.sum, on: execution)
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
