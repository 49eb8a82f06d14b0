// Layer normalisation, a row at a time; the row stays in L1 between the passes.

import TarnKernelInterface

/// `y = (v - mean(v)) · rstd(v) ∘ gain + bias`, row by row, with `v = x + residual` or `v = x`.
///
///     mean = (1/d) Σ_j v[j]      rstd = 1 / sqrt((1/d) Σ_j (v[j] - mean)² + ε)
///
/// Ba, Kiros, Hinton 2016 (arXiv:1607.06450), section 3, biased variance. Two passes, so the
/// variance has no cancellation. Sums in the order of Rows.swift.
///
/// - Parameters:
///   - x: `[rows × d]`.
///   - residual: `[rows × d]` or nil.
///   - gain: `[d]`.
///   - bias: `[d]`.
///   - epsilon: ε, added to the variance.
///   - y: `[rows × d]`. May be `x` or `residual`, element for element.
///
/// Cost: one read, one write; bound by memory, in L1 by arithmetic. NaN or ∞ in a row makes that
/// row NaN, and no other. A row whose values equal their mean gives `bias`, or NaN if ε is 0. If
/// the sum of squares overflows but the sum of v does not, the row is `bias`.
func layerNorm(
  _ x: MatrixView, residual: MatrixView?, gain: UnsafePointer<Float>, bias: UnsafePointer<Float>,
  epsilon: Float, into y: MutableMatrixView
) {
  let d = x.columns
  guard d > 0 else { return }
  let count = Float(d)
  for i in 0..<x.rows {
    let target = y.row(i)
    var source = x.row(i)
    if let residual {
      @inline(__always) func plus(_ a: Lanes, _ b: Lanes) -> Lanes { a + b }
      map(source, residual.row(i), into: target, count: d, plus)
      source = UnsafePointer(target)
    }
    @inline(__always) func identity(_ x: Lanes) -> Lanes { x }
    let mean = Lanes(repeating: sum(source, count: d, identity) / count)
    @inline(__always) func squaredDistance(_ x: Lanes) -> Lanes { (x - mean) * (x - mean) }
    let variance = sum(source, count: d, squaredDistance) / count
    let rstd = Lanes(repeating: 1 / (variance + epsilon).squareRoot())
    @inline(__always) func scaled(_ x: Lanes, _ gain: Lanes, _ bias: Lanes) -> Lanes {
      multiplyAdd((x - mean) * rstd, gain, bias)
    }
    map(source, gain, bias, into: target, count: d, scaled)
  }
}
