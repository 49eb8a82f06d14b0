// The two layers with weights that every part of a model is made of.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// `y = activation(x·Wᵀ + b) + residual`, weights as linear layers store them: `[out × in]`.
struct Linear: Sendable {
  let weight: PackedMatrix
  let bias: Matrix

  /// Reads `NAME.weight` `[outputs × inputs]` and `NAME.bias` `[outputs]`.
  init(
    _ weights: ModelWeights, _ name: String, inputs: Int, outputs: Int
  ) throws(ModelError) {
    self.init(
      weight: try weights.packed(name + ".weight", outputs: outputs, inputs: inputs),
      bias: try weights.vector(name + ".bias", count: outputs))
  }

  init(weight: PackedMatrix, bias: Matrix) {
    self.weight = weight
    self.bias = bias
  }

  /// Layers that share their input, side by side as ``/Tarn/PackedMatrix/init(joining:)`` puts them.
  init(joining parts: [Linear]) throws(TarnError) {
    weight = try PackedMatrix(joining: parts.map { $0.weight })
    var elements: [Float] = []
    for part in parts {
      let start = PackedMatrix.start(after: elements.count)
      elements += Array(repeating: 0, count: start - elements.count) + part.bias.elements
    }
    bias = Matrix(elements)
  }

  /// The outputs `range`, sharing their elements with this layer.
  func columns(_ range: Range<Int>) -> Linear {
    Linear(weight: weight.columns(range), bias: bias.columns(range))
  }

  /// Writes rows `first…` of `y`.
  func callAsFunction(
    _ x: Matrix, activation: ElementwiseFunction? = nil, residual: Matrix? = nil,
    into y: inout Matrix, at first: Int = 0, on execution: Execution
  ) throws(TarnError) {
    try matmul(
      x, weight, epilogue: Epilogue(bias: bias, activation: activation, residual: residual),
      into: &y, at: first, on: execution)
  }

  /// A new matrix.
  func callAsFunction(
    _ x: Matrix, activation: ElementwiseFunction? = nil, on execution: Execution
  ) throws(TarnError) -> Matrix {
    var y = try Matrix(rows: x.rows, columns: weight.columns)
    try self(x, activation: activation, into: &y, on: execution)
    return y
  }
}

/// Layer normalisation with gain and bias.
struct LayerNorm: Sendable {
  let gain: Matrix
  let bias: Matrix
  let epsilon: Float

  /// Reads `NAME.weight` and `NAME.bias`, both `[size]`; old files call them `gamma` and `beta`.
  init(
    _ weights: ModelWeights, _ name: String, size: Int, epsilon: Float
  ) throws(ModelError) {
    let isOld = !weights.has(name + ".weight") && weights.has(name + ".gamma")
    gain = try weights.vector(
      name + (isOld ? ".gamma" : ".weight"), count: size)
    bias = try weights.vector(name + (isOld ? ".beta" : ".bias"), count: size)
    self.epsilon = epsilon
  }

  /// Normalises `x + residual` into rows `first…` of `y`.
  func callAsFunction(
    _ x: Matrix, residual: Matrix? = nil, into y: inout Matrix, at first: Int = 0,
    on execution: Execution
  ) throws(TarnError) {
    try layerNorm(
      x, residual: residual, gain: gain, bias: bias, epsilon: epsilon, into: &y, at: first,
      on: execution)
  }
}
