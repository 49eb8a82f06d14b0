// Vector-Jacobian products of the norms and of elementwise functions: what comes from upstream, times the
// Jacobian. Those of softmax stand beside it.

public import TarnKernelInterface

/// The gradient of layer norm to its input, gain and bias.
///
///     x̂ = (x - mean(x)) · rstd(x)          g = dy ∘ gain
///     dx = rstd · ((g - mean(g)) - x̂ · mean(g ∘ x̂))
///     dgain = Σ_t dy[t] ∘ x̂[t]              dbias = Σ_t dy[t]
///
/// For ``layerNorm(_:residual:gain:bias:epsilon:into:at:on:)`` with a residual pass the sum as `x`; `dx`
/// is then the gradient to both. Row sums, and token sums in chunks of 256 rows from row 0, in the order
/// of Docs: Numerics.
///
/// - Parameters:
///   - x: `[tokens × d]`, the input of the forward direction.
///   - gain: `[1 × d]`.
///   - epsilon: as in the forward direction; not negative.
///   - dy: `[tokens × d]`, the gradient to the result.
///   - dx: `[tokens × d]`.
///   - dGain: `[1 × d]`.
///   - dBias: `[1 × d]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a negative or NaN epsilon;
///   both before anything is written.
/// - Complexity: two reads, one write, seven passes over a row in cache. Scratch: `8 · threads` rows.
///
/// To first order in 2⁻²⁴ within the bound at `layerNormGradientOracle`. NaN or ∞ in a row of `x` or
/// `dy` makes that row of `dx` NaN; in the parameters' gradients it spreads as sums do. No tokens give
/// zeros.
public func layerNormGradient(
  _ x: Matrix, gain: Matrix, epsilon: Float, upstream dy: Matrix, into dx: inout Matrix,
  gainGradient dGain: inout Matrix, biasGradient dBias: inout Matrix, on execution: Execution
) throws(TarnError) {
  let name = "layerNormGradient"
  try checkShape(name, "gain", [gain.rows, gain.columns], [1, x.columns])
  try checkEpsilon(name, epsilon)
  try checkShape(name, "upstream", [dy.rows, dy.columns], [x.rows, x.columns])
  try checkShape(name, "target", [dx.rows, dx.columns], [x.rows, x.columns])
  try checkShape(name, "gain gradient", [dGain.rows, dGain.columns], [1, x.columns])
  try checkShape(name, "bias gradient", [dBias.rows, dBias.columns], [1, x.columns])
  var sums = try ChunkSums(rows: 2, columns: x.columns, on: execution)
  let kernels = execution.table.rows
  x.withView { x in
    gain.withView { gain in
      dy.withView { dy in
        dx.withMutableView { dx in
          sums.add(x.rows, on: execution) { rows, sums in
            // SAFETY: shapes were checked; chunks write different rows, sums has two.
            unsafe kernels.layerNormGradient(
              x[rows: rows], gain.base, epsilon, dy[rows: rows], dx[rows: rows], sums.row(0),
              sums.row(1))
          }
        }
      }
    }
  }
  try dGain.copyRow(from: sums.total, 0, to: 0)
  try dBias.copyRow(from: sums.total, 1, to: 0)
}

/// The gradient of RMS norm to its input and gain.
///
///     x̂ = x · rrms(x)                      g = dy ∘ gain
///     dx = rrms · (g - x̂ · mean(g ∘ x̂))     dgain = Σ_t dy[t] ∘ x̂[t]
///
/// Row sums, and token sums in chunks of 256 rows from row 0, in the order of Docs: Numerics.
///
/// - Parameters:
///   - x: `[tokens × d]`, the input of the forward direction.
///   - gain: `[1 × d]`.
///   - epsilon: as in the forward direction; not negative.
///   - dy: `[tokens × d]`, the gradient to the result.
///   - dx: `[tokens × d]`.
///   - dGain: `[1 × d]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a negative or NaN epsilon;
///   both before anything is written.
/// - Complexity: two reads, one write, four passes over a row in cache. Scratch: `4 · threads` rows.
///
/// To first order in 2⁻²⁴ within the bound at `rmsNormGradientOracle`. NaN in a row of `x` or `dy` makes
/// that row of `dx` NaN. No tokens give zeros.
public func rmsNormGradient(
  _ x: Matrix, gain: Matrix, epsilon: Float, upstream dy: Matrix, into dx: inout Matrix,
  gainGradient dGain: inout Matrix, on execution: Execution
) throws(TarnError) {
  let name = "rmsNormGradient"
  try checkShape(name, "gain", [gain.rows, gain.columns], [1, x.columns])
  try checkEpsilon(name, epsilon)
  try checkShape(name, "upstream", [dy.rows, dy.columns], [x.rows, x.columns])
  try checkShape(name, "target", [dx.rows, dx.columns], [x.rows, x.columns])
  try checkShape(name, "gain gradient", [dGain.rows, dGain.columns], [1, x.columns])
  var sums = try ChunkSums(rows: 1, columns: x.columns, on: execution)
  let kernels = execution.table.rows
  x.withView { x in
    gain.withView { gain in
      dy.withView { dy in
        dx.withMutableView { dx in
          sums.add(x.rows, on: execution) { rows, sums in
            // SAFETY: shapes were checked; chunks write different rows.
            unsafe kernels.rmsNormGradient(
              x[rows: rows], gain.base, epsilon, dy[rows: rows], dx[rows: rows], sums.row(0))
          }
        }
      }
    }
  }
  try dGain.copyRow(from: sums.total, 0, to: 0)
}

/// The gradient of an elementwise function: `dx[i, j] = dy[i, j] · f'(x[i, j])`.
///
///     exp: e^x        tanh: 4e/(1 + e)², e = e^(-2|x|)       erf: 2/√π · e^(-x²)
///     gelu: Φ(x) + x·φ(x)                                   relu: 1 for x > 0, else 0
///     geluTanh: p + x·p·q·v', v = 2√(2/π)·(x + 0.044715·x³), p = σ(v), q = σ(-v)
///     sigmoid: σ(x)·σ(-x)                                   silu: p + x·p·q, p = σ(x), q = σ(-x)
///
/// - Parameters:
///   - function: the function f.
///   - x: `[rows × columns]`, the argument of the forward direction.
///   - dy: `[rows × columns]`, the gradient to the result.
///   - dx: `[rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `dx` is touched.
/// - Complexity: two reads, one write, bound by arithmetic, ReLU by memory; no allocation.
///
/// Bounds, times |dy| · 2⁻²⁴: exp, tanh, sigmoid 12 of the derivative; erf (2x² + 8) of the derivative;
/// gelu and silu 12, geluTanh 20 absolute (`elementwiseGradientMeetsBound`). Derivatives below 2⁻¹²² are 0,
/// but for exp. NaN gives NaN. An element's bits do not depend on its place.
public func elementwiseGradient(
  _ function: ElementwiseFunction, _ x: Matrix, upstream dy: Matrix, into dx: inout Matrix,
  on execution: Execution
) throws(TarnError) {
  let name = "elementwiseGradient"
  try checkShape(name, "upstream", [dy.rows, dy.columns], [x.rows, x.columns])
  try checkShape(name, "target", [dx.rows, dx.columns], [x.rows, x.columns])
  let kernels = execution.table.rows
  execution.forEachRows(x, dy, into: &dx) { _, x, dy, dx in
    for i in 0..<dx.rows {
      // SAFETY: shapes were checked.
      unsafe kernels.elementwiseGradient(function, x.row(i), dy.row(i), dx.row(i), dx.columns)
    }
  }
}

/// Sums over tokens in the order of the contract: a row of sums for each chunk of 256, joined in order.
private struct ChunkSums {
  /// `[rows × columns]`: the sums over all chunks so far.
  var total: Matrix
  private var partial: Matrix
  private let wave: Int

  init(rows: Int, columns: Int, on execution: Execution) throws(TarnError) {
    wave = max(1, execution.threads) * 4
    total = try Matrix(rows: rows, columns: columns)
    partial = try Matrix(rows: wave * rows, columns: columns)
  }

  /// Calls `body` with each chunk of `count` rows and the sums that it writes, `[rows × columns]`.
  mutating func add(
    _ count: Int, on execution: Execution,
    _ body: @Sendable (Range<Int>, MutableMatrixView) -> Void
  ) {
    let chunks = tokenChunks(0..<count)
    let kernels = execution.table.pooling
    let wave = wave
    total.withMutableView { total in
      partial.withMutableView { partial in
        for first in stride(from: 0, to: chunks.count, by: wave) {
          let current = chunks[first..<min(first + wave, chunks.count)]
          execution.forEach(current.count) { i in
            let rows = i * total.rows..<(i + 1) * total.rows
            body(current[first + i], partial[rows: rows])
          }
          for i in 0..<current.count * total.rows {
            // SAFETY: row i lies within partial, its remainder within total.
            unsafe kernels.accumulate(
              UnsafePointer(partial.row(i)), 1, 1, total.row(i % total.rows), total.columns)
          }
        }
      }
    }
  }
}
