// FNet's token mixing: a Fourier transform over both axes. Equations: Docs, page FNet.

internal import Tarn
internal import TarnCheckpoints

/// a = LayerNorm(h + Re F_n h F_d); no weights but the norm's.
struct FourierMixing: TokenMixing {
  let norm: LayerNorm

  /// Reads `fourier.output.LayerNorm` of a layer's scope.
  init(
    _ weights: ModelWeights, _ c: EncoderConfiguration
  ) throws(ModelError) {
    let fourier = weights["fourier"]
    norm = try LayerNorm(
      fourier["output"], "LayerNorm", size: c.hiddenSize, epsilon: c.epsilon)
    // The transform's matrices, which the TPU form stores.
    fourier["self"].ignore("dft_mat_hidden")
    fourier["self"].ignore("dft_mat_seq")
  }

  func mix(
    _ h: Matrix, _ group: SequenceGroup, trace: ((EncoderValue, Matrix) -> Void)?,
    on execution: Execution
  ) throws(TarnError) -> Matrix {
    var y = try Matrix(rows: h.rows, columns: h.columns)
    try fourierMix(h, over: group.sequences, into: &y, on: execution)
    trace?(.mixed, y)
    return y
  }

  func mixFirst(
    _ h: Matrix, first: Matrix, _ group: SequenceGroup, on execution: Execution
  ) throws(TarnError) -> Matrix {
    try group.firstRows(of: try mix(h, group, trace: nil, on: execution), on: execution)
  }

  func attend(
    _ mixed: Matrix, residual h: Matrix, _ tile: inout Tile, on execution: Execution
  ) throws(TarnError) {
    try norm(mixed, residual: h, into: &tile.attended, on: execution)
  }
}
