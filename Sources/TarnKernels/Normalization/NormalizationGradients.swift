// Vector-Jacobian products of layer norm and RMS norm, a row at a time; sums over tokens for the
// parameters.

import TarnKernelInterface

/// The gradient of layer norm to its input, gain and bias, over one chunk of tokens.
///
///     x̂ = (x - mean(x)) · rstd(x)          g = dy ∘ gain
///     dx = rstd · ((g - mean(g)) - x̂ · mean(g ∘ x̂))
///     dgain = Σ_t dy[t] ∘ x̂[t]              dbias = Σ_t dy[t]
///
/// - Parameters:
///   - x: `[tokens × d]`, one chunk (at most ``Blocking/tokens`` rows).
///   - gain: `[d]`.
///   - epsilon: ε, as in the forward direction.
///   - dy: `[tokens × d]`.
///   - dx: `[tokens × d]`. May be `dy`.
///   - dGain: `[d]`, written.
///   - dBias: `[d]`, written.
///
/// Mean and rstd have the bits of ``layerNorm(_:residual:gain:bias:epsilon:into:)``. Sums over a row in
/// the order of Rows.swift, sums over tokens one chain in increasing t from zero. Cost: two reads, one
/// write; bound by passes over rows in L1.
func layerNormGradient(
  _ x: MatrixView, gain: UnsafePointer<Float>, epsilon: Float, upstream dy: MatrixView,
  into dx: MutableMatrixView, gain dGain: UnsafeMutablePointer<Float>,
  bias dBias: UnsafeMutablePointer<Float>
) {
  let d = x.columns
  let count = Float(d)
  for j in 0..<d {
    dGain[j] = 0
    dBias[j] = 0
  }
  guard d > 0 else { return }
  for t in 0..<x.rows {
    let x = x.row(t)
    let dy = dy.row(t)
    let dx = dx.row(t)
    let meanOfRow = mean(x, count: d)
    let rstdOfRow = reciprocalDeviation(x, mean: meanOfRow, epsilon: epsilon, count: d)
    let mean = Lanes(repeating: meanOfRow)
    let rstd = Lanes(repeating: rstdOfRow)
    @inline(__always) func normal(_ x: Lanes) -> Lanes { (x - mean) * rstd }

    @inline(__always) func terms(_ x: Lanes, _ dy: Lanes, _ gain: Lanes) -> (Lanes, Lanes) {
      let g = dy * gain
      return (g, g * normal(x))
    }
    @inline(__always) func vector(_ i: Int) -> (Lanes, Lanes) {
      terms(Lanes(x + i), Lanes(dy + i), Lanes(gain + i))
    }
    @inline(__always) func tail(_ i: Int, _ rest: Int) -> (Lanes, Lanes) {
      terms(
        Lanes(x + i, count: rest, fill: 0), Lanes(dy + i, count: rest, fill: 0),
        Lanes(gain + i, count: rest, fill: 0))
    }
    let sums = sumsOfVectors(count: d, vector, tail: tail)
    let shift = Lanes(repeating: sums.0 / count)
    let slope = Lanes(repeating: -(sums.1 / count))

    @inline(__always) func plus(_ s: Lanes, _ dy: Lanes) -> Lanes { s + dy }
    @inline(__always) func gained(_ s: Lanes, _ x: Lanes, _ dy: Lanes) -> Lanes {
      multiplyAdd(dy, normal(x), s)
    }
    @inline(__always) func gradient(_ x: Lanes, _ dy: Lanes, _ gain: Lanes) -> Lanes {
      multiplyAdd(normal(x), slope, dy * gain - shift) * rstd
    }
    var i = 0
    while i &+ 16 <= d {
      let xs = Lanes(x + i)
      let dys = Lanes(dy + i)
      gained(Lanes(dGain + i), xs, dys).store(dGain + i)
      plus(Lanes(dBias + i), dys).store(dBias + i)
      gradient(xs, dys, Lanes(gain + i)).store(dx + i)
      i &+= 16
    }
    if i < d {
      let rest = d &- i
      map(dGain + i, x + i, dy + i, into: dGain + i, count: rest, gained)
      map(dBias + i, dy + i, into: dBias + i, count: rest, plus)
      map(x + i, dy + i, gain + i, into: dx + i, count: rest, gradient)
    }
  }
}

/// The gradient of RMS norm to its input and gain, over one chunk of tokens.
///
///     x̂ = x · rrms(x)                      g = dy ∘ gain
///     dx = rrms · (g - x̂ · mean(g ∘ x̂))     dgain = Σ_t dy[t] ∘ x̂[t]
///
/// Parameters, order of sums and cost as
/// ``layerNormGradient(_:gain:epsilon:upstream:into:gain:bias:)``; rrms has the bits of
/// ``rmsNorm(_:gain:epsilon:into:)``.
func rmsNormGradient(
  _ x: MatrixView, gain: UnsafePointer<Float>, epsilon: Float, upstream dy: MatrixView,
  into dx: MutableMatrixView, gain dGain: UnsafeMutablePointer<Float>
) {
  let d = x.columns
  for j in 0..<d { dGain[j] = 0 }
  guard d > 0 else { return }
  for t in 0..<x.rows {
    let x = x.row(t)
    let dy = dy.row(t)
    let dx = dx.row(t)
    let rrms = Lanes(repeating: reciprocalRootMeanSquare(x, epsilon: epsilon, count: d))
    @inline(__always) func projected(_ x: Lanes, _ dy: Lanes, _ gain: Lanes) -> Lanes {
      dy * gain * (x * rrms)
    }
    let slope = Lanes(repeating: -(sum(x, dy, gain, count: d, projected) / Float(d)))
    @inline(__always) func gained(_ s: Lanes, _ x: Lanes, _ dy: Lanes) -> Lanes {
      multiplyAdd(dy, x * rrms, s)
    }
    @inline(__always) func gradient(_ x: Lanes, _ dy: Lanes, _ gain: Lanes) -> Lanes {
      multiplyAdd(x * rrms, slope, dy * gain) * rrms
    }
    var i = 0
    while i &+ 16 <= d {
      let xs = Lanes(x + i)
      let dys = Lanes(dy + i)
      gained(Lanes(dGain + i), xs, dys).store(dGain + i)
      gradient(xs, dys, Lanes(gain + i)).store(dx + i)
      i &+= 16
    }
    if i < d {
      let rest = d &- i
      map(dGain + i, x + i, dy + i, into: dGain + i, count: rest, gained)
      map(x + i, dy + i, gain + i, into: dx + i, count: rest, gradient)
    }
  }
}
