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
/// With a residual rows go in a pipeline of three stages: while a row is normalised, the next one's
/// squared distances and the sum of the one after it are taken, in one loop. Without one, rows go one by
/// one: their reads from memory are slower when they are mixed with writes.
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
  guard let residual else {
    for i in 0..<x.rows {
      let mean = mean(x.row(i), count: d)
      let rstd = reciprocalDeviation(x.row(i), mean: mean, epsilon: epsilon, count: d)
      normalize(x.row(i), mean, rstd, into: y.row(i), gain: gain, bias: bias, count: d)
    }
    return
  }
  // What is normalised is the sum, which the first stage leaves in y.
  let v = y.readOnly
  let last = x.rows &- 1
  var current = mean(x.row(0), residual.row(0), sumInto: y.row(0), count: d)
  var rstd = reciprocalDeviation(v.row(0), mean: current, epsilon: epsilon, count: d)
  var next: Float = 0
  if last >= 1 { next = mean(x.row(1), residual.row(1), sumInto: y.row(1), count: d) }
  var i = 0
  while i &+ 2 <= last {
    let sums = step(
      v.row(i), current, rstd, into: y.row(i), gain: gain, bias: bias, squares: v.row(i &+ 1),
      next, sums: x.row(i &+ 2), residual.row(i &+ 2), into: y.row(i &+ 2), count: d)
    rstd = 1 / (sums.0 / Float(d) + epsilon).squareRoot()
    current = next
    next = sums.1 / Float(d)
    i &+= 1
  }
  normalize(v.row(i), current, rstd, into: y.row(i), gain: gain, bias: bias, count: d)
  if i < last {
    rstd = reciprocalDeviation(v.row(last), mean: next, epsilon: epsilon, count: d)
    normalize(v.row(last), next, rstd, into: y.row(last), gain: gain, bias: bias, count: d)
  }
}

/// The mean of `x + residual`, which is stored.
private func mean(
  _ x: UnsafePointer<Float>, _ residual: UnsafePointer<Float>,
  sumInto v: UnsafeMutablePointer<Float>, count: Int
) -> Float {
  @inline(__always) func plus(_ a: Lanes, _ b: Lanes) -> Lanes { a + b }
  return mapAndSum(x, residual, into: v, count: count, plus) / Float(count)
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

/// `normalize` for one row, the squared distances of the next and the sum of the row after that.
///
/// The next row is `w`, the one after it `x + residual`, which is stored in `target`.
private func step(
  _ v: UnsafePointer<Float>, _ mean: Float, _ rstd: Float, into y: UnsafeMutablePointer<Float>,
  gain: UnsafePointer<Float>, bias: UnsafePointer<Float>, squares w: UnsafePointer<Float>,
  _ meanOfW: Float, sums x: UnsafePointer<Float>, _ residual: UnsafePointer<Float>,
  into target: UnsafeMutablePointer<Float>, count: Int
) -> (Float, Float) {
  let m = Lanes(repeating: mean)
  let r = Lanes(repeating: rstd)
  let n = Lanes(repeating: meanOfW)
  @inline(__always) func vector(_ i: Int) -> (Lanes, Lanes) {
    let sum = Lanes(x + i) + Lanes(residual + i)
    sum.store(target + i)
    let distance = Lanes(w + i) - n
    multiplyAdd((Lanes(v + i) - m) * r, Lanes(gain + i), Lanes(bias + i)).store(y + i)
    return (distance * distance, sum)
  }
  @inline(__always) func tail(_ i: Int, _ rest: Int) -> (Lanes, Lanes) {
    let sum = Lanes(x + i, count: rest, fill: 0) + Lanes(residual + i, count: rest, fill: 0)
    sum.store(target + i, count: rest)
    let distance = Lanes(w + i, count: rest, fill: 0) - n
    normalize(v + i, mean, rstd, into: y + i, gain: gain + i, bias: bias + i, count: rest)
    return (distance * distance, sum)
  }
  return sumsOfVectors(count: count, vector, tail: tail)
}
