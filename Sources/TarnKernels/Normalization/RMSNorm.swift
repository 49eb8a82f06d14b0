// Root-mean-square normalisation, a row at a time.

import TarnKernelInterface

/// `y = x · rrms(x) ∘ gain`, row by row.
///
///     rrms = 1 / sqrt((1/d) Σ_j x[j]² + ε)
///
/// Zhang and Sennrich 2019 (arXiv:1910.07467), equation 4. Sums in the order of Rows.swift.
///
/// - Parameters:
///   - x: `[rows × d]`.
///   - gain: `[d]`.
///   - epsilon: ε, added to the mean square.
///   - y: `[rows × d]`. May be `x`.
///
/// Cost: one read, one write; bound by memory. NaN in a row makes that row NaN, and no other; ∞ makes
/// itself NaN and the rest of the row zeros. So does a sum of squares that overflows, but for the NaN.
/// A row of zeros gives zeros, or NaN if ε is 0.
func rmsNorm(
  _ x: MatrixView, gain: UnsafePointer<Float>, epsilon: Float, into y: MutableMatrixView
) {
  let d = x.columns
  guard d > 0, x.rows > 0 else { return }
  // A pipeline as in layer norm: while a row is scaled the row two further on is read and summed.
  @inline(__always) func scaled(_ i: Int, by rrms: Float, next: Int) -> Float {
    if next >= x.rows {
      scale(x.row(i), by: rrms, gain, into: y.row(i), count: d)
      return 0
    }
    return scale(
      x.row(i), by: rrms, gain, into: y.row(i), summing: x.row(next), epsilon: epsilon, count: d)
  }
  var rrms0 = reciprocalRootMeanSquare(x.row(0), epsilon: epsilon, count: d)
  var rrms1: Float = 0
  if x.rows > 1 { rrms1 = reciprocalRootMeanSquare(x.row(1), epsilon: epsilon, count: d) }
  var i = 0
  while i < x.rows {
    rrms0 = scaled(i, by: rrms0, next: i &+ 2)
    if i &+ 1 < x.rows { rrms1 = scaled(i &+ 1, by: rrms1, next: i &+ 3) }
    i &+= 2
  }
}

/// `1 / sqrt((1/count) Σ x[j]² + ε)`.
func reciprocalRootMeanSquare(_ x: UnsafePointer<Float>, epsilon: Float, count: Int) -> Float {
  @inline(__always) func squared(_ x: Lanes) -> Lanes { x * x }
  return reciprocalRoot(sum(x, count: count, squared), epsilon, count)
}

@inline(__always)
private func reciprocalRoot(_ sumOfSquares: Float, _ epsilon: Float, _ count: Int) -> Float {
  1 / (sumOfSquares / Float(count) + epsilon).squareRoot()
}

/// `y = (x · factor) ∘ gain` for one row.
private func scale(
  _ x: UnsafePointer<Float>, by factor: Float, _ gain: UnsafePointer<Float>,
  into y: UnsafeMutablePointer<Float>, count: Int
) {
  let factor = Lanes(repeating: factor)
  @inline(__always) func scaled(_ x: Lanes, _ gain: Lanes) -> Lanes { x * factor * gain }
  map(x, gain, into: y, count: count, scaled)
}

/// The same, and `reciprocalRootMeanSquare` of another row.
private func scale(
  _ x: UnsafePointer<Float>, by factor: Float, _ gain: UnsafePointer<Float>,
  into y: UnsafeMutablePointer<Float>, summing next: UnsafePointer<Float>, epsilon: Float,
  count: Int
) -> Float {
  let f = Lanes(repeating: factor)
  @inline(__always) func vector(_ i: Int) -> Lanes {
    (Lanes(x + i) * f * Lanes(gain + i)).store(y + i)
    let other = Lanes(next + i)
    return other * other
  }
  @inline(__always) func tail(_ i: Int, _ rest: Int) -> Lanes {
    scale(x + i, by: factor, gain + i, into: y + i, count: rest)
    let other = Lanes(next + i, count: rest, fill: 0)
    return other * other
  }
  return reciprocalRoot(sumOfVectors(count: count, vector, tail: tail), epsilon, count)
}
