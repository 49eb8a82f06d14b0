// Vector-Jacobian products of softmax, log-softmax and log-sum-exp, a row at a time.

import TarnKernelInterface

/// `dx[i, j] = s · y[i, j] · (dy[i, j] - Σ_k y[i, k]·dy[i, k])` over `j < lengths[i]`; 0 from there on.
///
/// With `y = softmax(s·x)` the product of `dy` and the Jacobian `∂y_k/∂x_j = s·y_k·(δ_jk - y_j)`.
///
/// - Parameters:
///   - y: `[rows × columns]`, what softmax gave.
///   - lengths: as for softmax; nil: `columns`.
///   - scale: the factor `s`.
///   - dy: `[rows × columns]`. What lies past a row's length is not read.
///   - dx: `[rows × columns]`. May be `y` or `dy`.
///
/// The sum in the order of Rows.swift. Cost: two reads, one write; bound by memory.
func softmaxGradient(
  _ y: MatrixView, lengths: UnsafePointer<Int32>?, scale: Float, upstream dy: MatrixView,
  into dx: MutableMatrixView
) {
  let factor = Lanes(repeating: scale)
  let zero = Lanes(repeating: 0)
  @inline(__always) func product(_ y: Lanes, _ dy: Lanes) -> Lanes { y * dy }
  @inline(__always) func cleared(_: Lanes) -> Lanes { zero }
  for i in 0..<y.rows {
    let count = lengths.map { Int($0[i]) } ?? y.columns
    let row = dx.row(i)
    let mean = Lanes(repeating: sum(y.row(i), dy.row(i), count: count, product))
    @inline(__always) func gradient(_ y: Lanes, _ dy: Lanes) -> Lanes { y * (dy - mean) * factor }
    map(y.row(i), dy.row(i), into: row, count: count, gradient)
    if count < y.columns {
      map(row + count, into: row + count, count: y.columns &- count, cleared)
    }
  }
}

/// `dx[i, j] = s · (dy[i, j] - exp(y[i, j]) · Σ_k dy[i, k])`.
///
/// With `y = logSoftmax(s·x)` the product of `dy` and the Jacobian `∂y_k/∂x_j = s·(δ_jk - e^{y_j})`.
///
/// - Parameters:
///   - y: `[rows × columns]`, what log-softmax gave.
///   - scale: the factor `s`.
///   - dy: `[rows × columns]`.
///   - dx: `[rows × columns]`. May be `y` or `dy`.
///
/// The sum in the order of Rows.swift. Exponentials that would be denormal count as 0. Cost: two reads,
/// one write, one exponential an element; bound by arithmetic.
func logSoftmaxGradient(
  _ y: MatrixView, scale: Float, upstream dy: MatrixView, into dx: MutableMatrixView
) {
  let factor = Lanes(repeating: scale)
  @inline(__always) func identity(_ x: Lanes) -> Lanes { x }
  for i in 0..<y.rows {
    let total = Lanes(repeating: -sum(dy.row(i), count: y.columns, identity))
    @inline(__always) func gradient(_ y: Lanes, _ dy: Lanes) -> Lanes {
      multiplyAdd(expNonPositive(y), total, dy) * factor
    }
    map(y.row(i), dy.row(i), into: dx.row(i), count: y.columns, gradient)
  }
}

/// `dx[i, j] = (s · dy[i]) · softmax(s·x[i])[j]`.
///
/// With `y[i] = logSumExp(s·x[i])` the product of `dy` and the Jacobian.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - scale: the factor `s`.
///   - dy: `[rows × 1]`.
///   - dx: `[rows × columns]`. May be `x`.
///
/// The bits of softmax times one factor. A row of -∞ alone, or with NaN or +∞, is NaN throughout. Cost:
/// as softmax, and one pass in cache.
func logSumExpGradient(
  _ x: MatrixView, scale: Float, upstream dy: MatrixView, into dx: MutableMatrixView
) {
  var first = 0
  // Few rows at a time, so that they are still in cache when they are multiplied.
  while first < x.rows {
    let rows = first..<min(x.rows, first &+ 8)
    softmax(x[rows: rows], lengths: nil, scale: scale, into: dx[rows: rows])
    for i in rows {
      let factor = Lanes(repeating: dy.row(i)[0] * scale)
      @inline(__always) func scaled(_ x: Lanes) -> Lanes { x * factor }
      map(dx.row(i), into: dx.row(i), count: x.columns, scaled)
    }
    first &+= 8
  }
}
