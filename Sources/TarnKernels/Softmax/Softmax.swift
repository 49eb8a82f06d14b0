// Softmax over the columns of each row.

import TarnKernelInterface

/// `y[i, j] = exp(s·x[i, j] - m_i) / Σ_j exp(s·x[i, j] - m_i)`, `m_i = max_j s·x[i, j]`.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - scale: the factor `s`.
///   - y: `[rows × columns]`. May be `x`.
///
/// Exponentials that would be denormal (s·x - m < -87.33654) are flushed to 0. For s > 0, -∞ gives
/// 0; a row of -∞ alone, or with NaN or +∞, is NaN throughout. Cost: one read, one write, one
/// exponential an element; bound by arithmetic.
func softmax(_ x: MatrixView, scale: Float, into y: MutableMatrixView) {
  let factor = Lanes(repeating: scale)
  for i in 0..<x.rows {
    let row = y.row(i)
    @inline(__always) func scaled(_ x: Lanes) -> Lanes { x * factor }
    map(x.row(i), into: row, count: x.columns, scaled)
    let total = exponentials(row, count: x.columns, minus: maximum(row, count: x.columns))
    let norm = Lanes(repeating: total)
    @inline(__always) func divided(_ x: Lanes) -> Lanes { x / norm }
    map(row, into: row, count: x.columns, divided)
  }
}

/// `x = exp(x - m)` in place; the sum of the results in the order of Rows.swift.
///
/// `m` is the largest x. Results that would be denormal are 0 (``expNonPositive(_:)``); m = ±∞ or
/// NaN makes at least the sum NaN.
@inline(__always)
func exponentials(_ x: UnsafeMutablePointer<Float>, count: Int, minus m: Float) -> Float {
  let shift = Lanes(repeating: m)
  @inline(__always) func shifted(_ x: Lanes) -> Lanes { expNonPositive(x - shift) }
  map(x, into: x, count: count, shifted)
  @inline(__always) func identity(_ x: Lanes) -> Lanes { x }
  return sum(x, count: count, identity)
}
