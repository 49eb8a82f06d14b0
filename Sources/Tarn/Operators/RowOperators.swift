// Operators that work on each row alone: layer norm, elementwise functions.

public import TarnKernelInterface

/// `y[first + i] = (v - mean(v)) · rstd(v) ∘ gain + bias` with `v = x[i] + residual[i]`.
///
///     mean = (1/d) Σ v[j]      rstd = 1 / sqrt((1/d) Σ (v[j] - mean)² + ε)
///
/// Ba, Kiros, Hinton 2016 (arXiv:1607.06450), section 3, biased variance. Two passes, so the
/// variance has no cancellation. Sums in the order of Docs: Numerics.
///
/// - Parameters:
///   - x: `[rows × d]`.
///   - residual: `[rows × d]`, or nil.
///   - gain: `[1 × d]`.
///   - bias: `[1 × d]`.
///   - epsilon: added to the variance; not negative.
///   - y: at least `first + rows` rows of `d`.
///   - first: the first row of `y` that is written.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a negative or NaN
///   epsilon or if the rows do not fit in `y`; both before `y` is touched.
/// - Complexity: one read, one write, bound by memory; no allocation.
///
/// With δ = (d/16 + 8) · 2⁻²⁴ the mean is off by about δ · max |v|, the variance by 2δ of itself
/// and what the mean's error brings, the rest by eight roundings
/// (`layerNormMeetsBoundAndContract`). NaN or ∞ in a row makes that row NaN, and no other. A row
/// whose values equal their mean gives the bias, or NaN if epsilon is 0. If the sum of squares
/// overflows but the sum of v does not, the row is the bias.
public func layerNorm(
  _ x: Matrix, residual: Matrix? = nil, gain: Matrix, bias: Matrix, epsilon: Float,
  into y: inout Matrix, at first: Int = 0, on execution: Execution
) throws(TarnError) {
  try checkShape("layerNorm", "gain", [gain.rows, gain.columns], [1, x.columns])
  try checkShape("layerNorm", "bias", [bias.rows, bias.columns], [1, x.columns])
  if let residual {
    try checkShape(
      "layerNorm", "residual", [residual.rows, residual.columns], [x.rows, x.columns])
  }
  try checkEpsilon("layerNorm", epsilon)
  try checkTarget("layerNorm", y, first: first, rows: x.rows, columns: x.columns)
  let rows = x.rows
  let kernels = execution.table.rows
  func run(_ residual: MatrixView?) {
    x.withView { x in
      gain.withView { gain in
        bias.withView { bias in
          y.withMutableView { y in
            // SAFETY: shapes were checked; ranges write different rows.
            let y = y[rows: first..<first + rows]
            execution.forEachRange(rows, grain: Execution.rowGrain) { range in
              unsafe kernels.layerNorm(
                x[rows: range], residual.map { $0[rows: range] }, gain.base, bias.base,
                epsilon, y[rows: range])
            }
          }
        }
      }
    }
  }
  if let residual {
    residual.withView { run($0) }
  } else {
    run(nil)
  }
}

/// `y[i, j] = f(x[i, j])` for exp, tanh, erf, GELU in both forms, ReLU, sigmoid or SiLU.
///
/// Formulas and bounds in ulp stand at ``/TarnKernelInterface/ElementwiseFunction``; polynomials of
/// our own, no libm (Docs: Numerics). GELU: Hendrycks and Gimpel, arXiv:1606.08415.
///
/// - Parameters:
///   - function: the function f.
///   - x: `[rows × columns]`.
///   - y: `[rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `y` is touched.
/// - Complexity: one read, one write, bound by arithmetic, ReLU by memory; no allocation.
///
/// NaN gives NaN. An element's bits do not depend on its place.
public func elementwise(
  _ function: ElementwiseFunction, _ x: Matrix, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("elementwise", "target", [y.rows, y.columns], [x.rows, x.columns])
  let kernels = execution.table.rows
  let count = x.rows * x.columns
  let isFlat = x.isContiguous && y.isContiguous
  guard isFlat else {
    execution.forEachRows(x, into: &y) { _, x, y in
      for i in 0..<y.rows {
        // SAFETY: shapes were checked.
        unsafe kernels.elementwise(function, x.row(i), y.row(i), y.columns)
      }
    }
    return
  }
  x.withView { x in
    y.withMutableView { y in
      execution.forEachRange(count, grain: 4096) { range in
        // SAFETY: both hold count elements without gaps; ranges write different elements.
        unsafe kernels.elementwise(
          function, x.base + range.lowerBound, y.base + range.lowerBound, range.count)
      }
    }
  }
}
