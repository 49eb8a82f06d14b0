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
  @inline(__always) func product(_ dy: Lanes, _ gain: Lanes) -> Lanes { dy * gain }
  @inline(__always) func plus(_ s: Lanes, _ dy: Lanes) -> Lanes { s + dy }
  for t in 0..<x.rows {
    let x = x.row(t)
    let dy = dy.row(t)
    let meanOfRow = mean(x, count: d)
    let rstdOfRow = reciprocalDeviation(x, mean: meanOfRow, epsilon: epsilon, count: d)
    let mean = Lanes(repeating: meanOfRow)
    let rstd = Lanes(repeating: rstdOfRow)
    @inline(__always) func normal(_ x: Lanes) -> Lanes { (x - mean) * rstd }
    @inline(__always) func projected(_ x: Lanes, _ dy: Lanes, _ gain: Lanes) -> Lanes {
      dy * gain * normal(x)
    }
    let shift = Lanes(repeating: sum(dy, gain, count: d, product) / count)
    let slope = Lanes(repeating: -(sum(x, dy, gain, count: d, projected) / count))
    @inline(__always) func gained(_ s: Lanes, _ x: Lanes, _ dy: Lanes) -> Lanes {
      multiplyAdd(dy, normal(x), s)
    }
    map(dGain, x, dy, into: dGain, count: d, gained)
    map(dBias, dy, into: dBias, count: d, plus)
    @inline(__always) func gradient(_ x: Lanes, _ dy: Lanes, _ gain: Lanes) -> Lanes {
      multiplyAdd(normal(x), slope, dy * gain - shift) * rstd
    }
    map(x, dy, gain, into: dx.row(t), count: d, gradient)
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
    let rrms = Lanes(repeating: reciprocalRootMeanSquare(x, epsilon: epsilon, count: d))
    @inline(__always) func projected(_ x: Lanes, _ dy: Lanes, _ gain: Lanes) -> Lanes {
      dy * gain * (x * rrms)
    }
    let slope = Lanes(repeating: -(sum(x, dy, gain, count: d, projected) / Float(d)))
    @inline(__always) func gained(_ s: Lanes, _ x: Lanes, _ dy: Lanes) -> Lanes {
      multiplyAdd(dy, x * rrms, s)
    }
    map(dGain, x, dy, into: dGain, count: d, gained)
    @inline(__always) func gradient(_ x: Lanes, _ dy: Lanes, _ gain: Lanes) -> Lanes {
      multiplyAdd(x * rrms, slope, dy * gain) * rrms
    }
    map(x, dy, gain, into: dx.row(t), count: d, gradient)
  }
}
