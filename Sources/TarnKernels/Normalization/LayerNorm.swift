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
/// Rows go in a pipeline, two at a time: while a row is normalised the row two further on is read and
/// summed, so that memory does not wait for arithmetic, and while one row's sums are joined and its root
/// is taken the other row is worked on.
///
/// Cost: one read, one write; bound by memory. NaN or ∞ in a row makes that row NaN, and no other. A row
/// whose values equal their mean gives `bias`, or NaN if ε is 0. If the sum of squares overflows but the
/// sum of v does not, the row is `bias`.
func layerNorm(
  _ x: MatrixView, residual: MatrixView?, gain: UnsafePointer<Float>, bias: UnsafePointer<Float>,
  epsilon: Float, into y: MutableMatrixView
) {
  let d = x.columns
  guard d > 0, x.rows > 0 else { return }
  // What is normalised: with a residual the sum, which the first pass leaves in y.
  let v = residual == nil ? x : y.readOnly
  @inline(__always) func normalized(_ i: Int, _ mean: Float, _ rstd: Float, next: Int) -> Float {
    if next >= x.rows {
      normalize(v.row(i), mean, rstd, into: y.row(i), gain: gain, bias: bias, count: d)
      return 0
    }
    return normalize(
      v.row(i), mean, rstd, into: y.row(i), gain: gain, bias: bias,
      summing: x.row(next), residual?.row(next), into: y.row(next), count: d)
  }
  var mean0 = mean(x.row(0), residual?.row(0), sumInto: y.row(0), count: d)
  var mean1: Float = 0
  if x.rows > 1 { mean1 = mean(x.row(1), residual?.row(1), sumInto: y.row(1), count: d) }
  var i = 0
  while i < x.rows {
    let rstd0 = reciprocalDeviation(v.row(i), mean: mean0, epsilon: epsilon, count: d)
    if i &+ 1 < x.rows {
      let rstd1 = reciprocalDeviation(v.row(i &+ 1), mean: mean1, epsilon: epsilon, count: d)
      mean0 = normalized(i, mean0, rstd0, next: i &+ 2)
      mean1 = normalized(i &+ 1, mean1, rstd1, next: i &+ 3)
    } else {
      mean0 = normalized(i, mean0, rstd0, next: i &+ 2)
    }
    i &+= 2
  }
}

/// The mean of `x + residual`, which is stored, or of `x`.
private func mean(
  _ x: UnsafePointer<Float>, _ residual: UnsafePointer<Float>?,
  sumInto v: UnsafeMutablePointer<Float>, count: Int
) -> Float {
  if let residual {
    @inline(__always) func plus(_ a: Lanes, _ b: Lanes) -> Lanes { a + b }
    return mapAndSum(x, residual, into: v, count: count, plus) / Float(count)
  }
  return mean(x, count: count)
}

/// The mean of a row.
func mean(_ x: UnsafePointer<Float>, count: Int) -> Float {
  @inline(__always) func identity(_ x: Lanes) -> Lanes { x }
  return sum(x, count: count, identity) / Float(count)
}

/// `1 / sqrt((1/count) Σ (x[j] - mean)² + ε)`.
func reciprocalDeviation(
  _ x: UnsafePointer<Float>, mean: Float, epsilon: Float, count: Int
) -> Float {
  let mean = Lanes(repeating: mean)
  @inline(__always) func squaredDistance(_ x: Lanes) -> Lanes { (x - mean) * (x - mean) }
  let variance = sum(x, count: count, squaredDistance) / Float(count)
  return 1 / (variance + epsilon).squareRoot()
}

/// `y = (v - mean) · rstd ∘ gain + bias` for one row.
private func normalize(
  _ v: UnsafePointer<Float>, _ mean: Float, _ rstd: Float, into y: UnsafeMutablePointer<Float>,
  gain: UnsafePointer<Float>, bias: UnsafePointer<Float>, count: Int
) {
  let mean = Lanes(repeating: mean)
  let rstd = Lanes(repeating: rstd)
  @inline(__always) func scaled(_ x: Lanes, _ gain: Lanes, _ bias: Lanes) -> Lanes {
    multiplyAdd((x - mean) * rstd, gain, bias)
  }
  map(v, gain, bias, into: y, count: count, scaled)
}

/// The same, and the mean of another row `x + residual`, which is stored in `target`, or of `x`.
private func normalize(
  _ v: UnsafePointer<Float>, _ mean: Float, _ rstd: Float, into y: UnsafeMutablePointer<Float>,
  gain: UnsafePointer<Float>, bias: UnsafePointer<Float>,
  summing x: UnsafePointer<Float>, _ residual: UnsafePointer<Float>?,
  into target: UnsafeMutablePointer<Float>, count: Int
) -> Float {
  let m = Lanes(repeating: mean)
  let r = Lanes(repeating: rstd)
  @inline(__always) func write(_ i: Int) {
    multiplyAdd((Lanes(v + i) - m) * r, Lanes(gain + i), Lanes(bias + i)).store(y + i)
  }
  @inline(__always) func writeTail(_ i: Int, _ rest: Int) {
    normalize(v + i, mean, rstd, into: y + i, gain: gain + i, bias: bias + i, count: rest)
  }
  let sum: Float
  if let residual {
    @inline(__always) func vector(_ i: Int) -> Lanes {
      let next = Lanes(x + i) + Lanes(residual + i)
      write(i)
      next.store(target + i)
      return next
    }
    @inline(__always) func tail(_ i: Int, _ rest: Int) -> Lanes {
      let next = Lanes(x + i, count: rest, fill: 0) + Lanes(residual + i, count: rest, fill: 0)
      writeTail(i, rest)
      next.store(target + i, count: rest)
      return next
    }
    sum = sumOfVectors(count: count, vector, tail: tail)
  } else {
    @inline(__always) func vector(_ i: Int) -> Lanes {
      let next = Lanes(x + i)
      write(i)
      return next
    }
    @inline(__always) func tail(_ i: Int, _ rest: Int) -> Lanes {
      let next = Lanes(x + i, count: rest, fill: 0)
      writeTail(i, rest)
      return next
    }
    sum = sumOfVectors(count: count, vector, tail: tail)
  }
  return sum / Float(count)
}
