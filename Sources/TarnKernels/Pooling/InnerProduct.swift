// Inner products of two rows.

/// `Σ x[i]·y[i]` by multiply-adds, with the accumulators and the tree of Rows.swift.
///
/// A tail lane past the end adds 0. 0 for empty rows.
@inline(__always)
func innerProduct(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int) -> Float {
  var s0 = Lanes.zero
  var s1 = Lanes.zero
  var s2 = Lanes.zero
  var s3 = Lanes.zero
  var i = 0
  while i &+ 64 <= count {
    s0 = multiplyAdd(Lanes(x + i), Lanes(y + i), s0)
    s1 = multiplyAdd(Lanes(x + i + 16), Lanes(y + i + 16), s1)
    s2 = multiplyAdd(Lanes(x + i + 32), Lanes(y + i + 32), s2)
    s3 = multiplyAdd(Lanes(x + i + 48), Lanes(y + i + 48), s3)
    i &+= 64
  }
  var vector = 0
  while i < count {
    let rest = min(16, count &- i)
    let a = rest == 16 ? Lanes(x + i) : Lanes(x + i, count: rest, fill: 0)
    let b = rest == 16 ? Lanes(y + i) : Lanes(y + i, count: rest, fill: 0)
    switch vector {
    case 0: s0 = multiplyAdd(a, b, s0)
    case 1: s1 = multiplyAdd(a, b, s1)
    case 2: s2 = multiplyAdd(a, b, s2)
    default: s3 = multiplyAdd(a, b, s3)
    }
    vector &+= 1
    i &+= 16
  }
  return ((s0 + s1) + (s2 + s3)).joined()
}
