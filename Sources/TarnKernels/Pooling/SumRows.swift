// Sums over tokens: the body of the masked mean.

import TarnKernelInterface

/// `sum[j] = Σ x[t, j]` over the kept rows, one chain in increasing t from zero.
///
/// - Parameters:
///   - x: `[tokens × columns]`: one chunk (at most ``Blocking/tokens`` rows) of a sequence.
///   - keep: one flag a row, or nil for all.
///   - isNear: whether `x` may lie in a cache: then eight rows without flags are taken in a sweep, so that
///     the sum is loaded and stored once for eight. Memory is read fastest as one stream, row after row.
///   - sum: `[columns]`, written.
///
/// A row that is not kept is not read. Cost: one read of `x`.
func sumRows(
  _ x: MatrixView, keep: UnsafePointer<Bool>?, isNear: Bool, into sum: UnsafeMutablePointer<Float>
) {
  for j in 0..<x.columns { sum[j] = 0 }
  var t = 0
  while t < x.rows {
    if isNear && keep == nil && t &+ 8 <= x.rows {
      addEight(x[rows: t..<t &+ 8], to: sum)
      t &+= 8
    } else {
      if keep?[t] ?? true {
        @inline(__always) func plus(_ s: Lanes, _ x: Lanes) -> Lanes { s + x }
        map(sum, x.row(t), into: sum, count: x.columns, plus)
      }
      t &+= 1
    }
  }
}

@inline(__always)
private func addEight(_ x: MatrixView, to sum: UnsafeMutablePointer<Float>) {
  let a = x.row(0)
  let b = x.row(1)
  let c = x.row(2)
  let d = x.row(3)
  let e = x.row(4)
  let f = x.row(5)
  let g = x.row(6)
  let h = x.row(7)
  var j = 0
  while j &+ 16 <= x.columns {
    let four = (((Lanes(sum + j) + Lanes(a + j)) + Lanes(b + j)) + Lanes(c + j)) + Lanes(d + j)
    ((((four + Lanes(e + j)) + Lanes(f + j)) + Lanes(g + j)) + Lanes(h + j)).store(sum + j)
    j &+= 16
  }
  while j < x.columns {
    let four = (((sum[j] + a[j]) + b[j]) + c[j]) + d[j]
    sum[j] = (((four + e[j]) + f[j]) + g[j]) + h[j]
    j &+= 1
  }
}

/// `y = factor · y + scale · x`, to join chunk sums and running aggregates in order.
///
/// `scale · x` is rounded first; with fused multiply-add the rest is rounded once. With both 1 it
/// is one addition. Cost: two reads, one write.
func accumulate(
  _ x: UnsafePointer<Float>, scale: Float, factor: Float, into y: UnsafeMutablePointer<Float>,
  count: Int
) {
  let scale = Lanes(repeating: scale)
  let factor = Lanes(repeating: factor)
  @inline(__always) func joined(_ y: Lanes, _ x: Lanes) -> Lanes {
    multiplyAdd(y, factor, x * scale)
  }
  map(y, x, into: y, count: count, joined)
}

/// `x = x / divisor`, correctly rounded.
///
/// x / 0 is ±∞, 0 / 0 is NaN. Cost: one read, one write, one division an element.
func divide(_ x: UnsafeMutablePointer<Float>, by divisor: Float, count: Int) {
  let divisor = Lanes(repeating: divisor)
  @inline(__always) func divided(_ x: Lanes) -> Lanes { x / divisor }
  map(x, into: x, count: count, divided)
}
