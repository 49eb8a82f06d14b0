// The parts of post-norm layers that work on each token alone.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// `y = LayerNorm(residual + W x + b)`: how both halves of a post-norm layer end.
struct ResidualOutput: Sendable {
  let dense: Linear
  let norm: LayerNorm

  /// Reads `dense` and `LayerNorm` of a scope, or what they are called there.
  init(
    _ weights: ModelWeights, dense: String = "dense", norm: String = "LayerNorm", inputs: Int,
    size: Int, epsilon: Float
  ) throws(ModelError) {
    self.dense = try Linear(weights, dense, inputs: inputs, outputs: size)
    self.norm = try LayerNorm(weights, norm, size: size, epsilon: epsilon)
  }

  /// Writes rows `first…` of `y`; `sum` is scratch.
  func callAsFunction(
    _ x: Matrix, residual: Matrix, _ sum: inout Matrix, into y: inout Matrix, at first: Int = 0,
    on execution: Execution
  ) throws(TarnError) {
    try dense(x, residual: residual, into: &sum, on: execution)
    try norm(sum.rows(0..<x.rows), into: &y, at: first, on: execution)
  }
}

/// `h' = LayerNorm(a + W_f act(W_i a + b_i) + b_f)`, the second half of a post-norm layer.
struct FeedForward: Sendable {
  let intermediate: Linear
  let output: ResidualOutput
  let activation: ElementwiseFunction

  init(intermediate: Linear, output: ResidualOutput, activation: ElementwiseFunction) {
    self.intermediate = intermediate
    self.output = output
    self.activation = activation
  }

  /// Reads `intermediate.dense`, `output.dense` and `output.LayerNorm` of a layer's scope.
  init(
    _ weights: ModelWeights, _ c: EncoderConfiguration
  ) throws(ModelError) {
    let d = c.hiddenSize
    let f = c.intermediateSize
    intermediate = try Linear(
      weights["intermediate"], "dense", inputs: d, outputs: f)
    output = try ResidualOutput(
      weights["output"], inputs: f, size: d, epsilon: c.epsilon)
    activation = c.activation
  }

  /// From the first `count` rows of `tile.attended` to rows `first…` of h.
  func callAsFunction(
    _ tile: inout Tile, count: Int, into h: inout Matrix, at first: Int, on execution: Execution
  ) throws(TarnError) {
    let attended = tile.attended.rows(0..<count)
    try intermediate(attended, activation: activation, into: &tile.inner, on: execution)
    try output(
      tile.inner.rows(0..<count), residual: attended, &tile.sum, into: &h, at: first,
      on: execution)
  }
}
