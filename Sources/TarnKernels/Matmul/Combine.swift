// The last step of a product with factors: C = alpha·S + beta·C. Touches pointers: strides are any.

import TarnKernelInterface

/// `c = alpha·s + beta·c`.
///
///     c[i, j] = fma(alpha, s[i, j], fl(beta · c[i, j]))        fl(alpha · s[i, j]) for beta = 0
///     c[i, j] = fl(beta · c[i, j])                             without s; 0 for beta = 0
///
/// - Parameters:
///   - s: `[rows × columns]`, or nil; may be `c` if beta is 0.
///   - alpha: the factor of `s`; 1 rounds nothing.
///   - beta: the factor of `c`; with 0 it is not read, so that NaN there does no harm.
///   - c: `[rows × columns]`, any strides.
///
/// Cost: one read of `s` and `c`, one write of `c`.
func combine(_ s: MatrixView?, alpha: Float, beta: Float, into c: MutableStridedView) {
  let alphas = Lanes(repeating: alpha)
  let betas = Lanes(repeating: beta)
  let reads = beta != 0
  for i in 0..<c.rows {
    let row = c[i..<i &+ 1, 0..<c.columns]
    var j = 0
    while j < c.columns {
      let count = min(16, c.columns &- j)
      var x = Lanes.zero
      if reads { x = elements(row.readOnly, from: j, count: count) * betas }
      if let s {
        let sums = columns(s.row(i), at: j, count: count)
        x = reads ? multiplyAdd(alphas, sums, x) : alphas * sums
      }
      store(x, row, from: j, count: count)
      j &+= 16
    }
  }
}

/// `count` (1…16) elements of a row with any stride from column `j`, the other lanes 0.
@inline(__always)
func elements(_ row: StridedView, from j: Int, count: Int) -> Lanes {
  let first = row.base + j &* row.columnStride
  if row.columnStride == 1 { return columns(first, at: 0, count: count) }
  var x = Lanes.zero
  for i in 0..<count { x[i] = first[i &* row.columnStride] }
  return x
}

/// Stores the first `count` (1…16) lanes to a row with any stride from column `j`.
@inline(__always)
private func store(_ x: Lanes, _ row: MutableStridedView, from j: Int, count: Int) {
  let first = row.base + j &* row.columnStride
  if row.columnStride == 1 {
    store(x, first, at: 0, count: count)
  } else {
    for i in 0..<count { first[i &* row.columnStride] = x[i] }
  }
}

/// `y = x` for an `x` with any strides.
///
/// Exact. Cost: one read, one write; element by element where neither stride of `x` is 1.
func copy(_ x: StridedView, into y: MutableMatrixView) {
  if x.rowStride == 1 && x.columnStride != 1 && x.rows > 1 {
    transpose(x.transposed.rowMajor, rows: 0..<x.rows, into: y)
    return
  }
  for i in 0..<x.rows {
    let row = x[i..<i &+ 1, 0..<x.columns]
    var j = 0
    while j < x.columns {
      let count = min(16, x.columns &- j)
      store(elements(row, from: j, count: count), y.row(i), at: j, count: count)
      j &+= 16
    }
  }
}
