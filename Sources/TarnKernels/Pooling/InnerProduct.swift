// Inner products of two rows.

/// `Σ x[i]·y[i]` by multiply-adds, with the accumulators and the tree of Rows.swift.
///
/// A tail lane past the end adds 0. 0 for empty rows.
@inline(__always)
func innerProduct(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int) -> Float {
  var sums = noSums
  addProducts(to: &sums, x, y, count: count)
  return joined(sums)
}

/// Adds the products of `count` more elements, a multiple of 64 for all parts of a sum but its last.
@inline(__always)
func addProducts(
  to sums: inout LaneSums, _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int
) {
  var i = 0
  while i &+ 64 <= count {
    sums.0 = multiplyAdd(Lanes(x + i), Lanes(y + i), sums.0)
    sums.1 = multiplyAdd(Lanes(x + i + 16), Lanes(y + i + 16), sums.1)
    sums.2 = multiplyAdd(Lanes(x + i + 32), Lanes(y + i + 32), sums.2)
    sums.3 = multiplyAdd(Lanes(x + i + 48), Lanes(y + i + 48), sums.3)
    i &+= 64
  }
  var vector = 0
  while i < count {
    let rest = min(16, count &- i)
    let a = columns(x, at: i, count: rest)
    let b = columns(y, at: i, count: rest)
    switch vector {
    case 0: sums.0 = multiplyAdd(a, b, sums.0)
    case 1: sums.1 = multiplyAdd(a, b, sums.1)
    case 2: sums.2 = multiplyAdd(a, b, sums.2)
    default: sums.3 = multiplyAdd(a, b, sums.3)
    }
    vector &+= 1
    i &+= 16
  }
}
