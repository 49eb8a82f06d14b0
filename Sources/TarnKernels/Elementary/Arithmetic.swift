// Sums and multiply-adds, element by element.

import TarnKernelInterface

/// `z = x + y`.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - y: `[rows × columns]`; with a row stride of 0 one row that is added to each.
///   - z: `[rows × columns]`. May be `x` or `y`.
///
/// Each sum is rounded once. Cost: two reads, one write; bound by memory.
func add(_ x: MatrixView, _ y: MatrixView, into z: MutableMatrixView) {
  @inline(__always) func plus(_ x: Lanes, _ y: Lanes) -> Lanes { x + y }
  for i in 0..<z.rows {
    map(x.row(i), y.row(i), into: z.row(i), count: z.columns, plus)
  }
}

/// `y = a ∘ b + c`.
///
/// - Parameters:
///   - a: `[rows × columns]`.
///   - b: `[rows × columns]`.
///   - c: `[rows × columns]`.
///   - y: `[rows × columns]`. May be `a`, `b` or `c`.
///
/// Rounded once with fused multiply-add, else twice. Cost: three reads, one write; bound by memory.
func multiplyAdd(_ a: MatrixView, _ b: MatrixView, _ c: MatrixView, into y: MutableMatrixView) {
  @inline(__always) func joined(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
    multiplyAdd(a, b, c)
  }
  for i in 0..<y.rows {
    map(a.row(i), b.row(i), c.row(i), into: y.row(i), count: y.columns, joined)
  }
}
