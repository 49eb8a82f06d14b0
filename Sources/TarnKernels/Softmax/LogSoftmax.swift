// Logarithms of softmax and of its denominator.

import TarnKernelInterface

/// `y[i, j] = (s·x[i, j] - m_i) - log Σ_j exp(s·x[i, j] - m_i)`, `m_i = max_j s·x[i, j]`.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - scale: the factor `s`.
///   - y: `[rows × columns]`. May be `x`.
///
/// For s > 0, -∞ gives -∞; a row of -∞ alone, or with NaN or +∞, is NaN throughout. Exponentials
/// below 2^-126.5 count as 0. Cost: one read, one write, one exponential an element; bound by
/// arithmetic.
func logSoftmax(_ x: MatrixView, scale: Float, into y: MutableMatrixView) {
  let factor = Lanes(repeating: scale)
  for i in 0..<x.rows {
    let m = extreme(x.row(i), scale: scale, count: x.columns)
    let shift = Lanes(repeating: m * scale)
    let log = Lanes(
      repeating: logOfNormal(
        sumOfExponentials(x.row(i), scale: scale, from: m, count: x.columns)))
    @inline(__always) func logarithm(_ x: Lanes) -> Lanes { (x * factor - shift) - log }
    map(x.row(i), into: y.row(i), count: x.columns, logarithm)
  }
}

/// `y[i] = log Σ_j exp(s·x[i, j])`, as `m_i + log Σ_j exp(s·x[i, j] - m_i)`, `m_i = max_j s·x[i, j]`.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - scale: the factor `s`.
///   - y: `[rows × 1]`.
///
/// -∞ for a row whose terms are all -∞, and for one without columns; +∞ for a row with +∞; NaN for a row
/// with NaN. Exponentials below 2^-126.5 count as 0. Cost: one read, one exponential an element;
/// bound by arithmetic.
func logSumExp(_ x: MatrixView, scale: Float, into y: MutableMatrixView) {
  let factor = Lanes(repeating: scale)
  for i in 0..<x.rows {
    let extreme = extreme(x.row(i), scale: scale, count: x.columns)
    let m = extreme * scale
    if m.isFinite {
      let total = sumOfExponentials(x.row(i), scale: scale, from: extreme, count: x.columns)
      y.row(i)[0] = m + logOfNormal(total)
    } else {
      // ±∞, and NaN if a term is NaN.
      @inline(__always) func nanOrZero(_ x: Lanes) -> Lanes {
        let term = x * factor
        return Lanes.zero.replacing(with: term, where: term .!= term)
      }
      y.row(i)[0] = m + sum(x.row(i), count: x.columns, nanOrZero)
    }
  }
}

/// `Σ exp(s·(x[i] - m))` in the order of Rows.swift, at least 1 if `m` has the largest s·x.
private func sumOfExponentials(
  _ x: UnsafePointer<Float>, scale: Float, from m: Float, count: Int
) -> Float {
  let factor = Lanes(repeating: binaryScale(scale))
  let shift = Lanes(repeating: m)
  @inline(__always) func term(_ x: Lanes) -> Lanes { exponential(x, shift, factor) }
  return sum(x, count: count, term)
}
