// Vectors of which only the first lanes are used, and vectors gathered by number.

extension SIMD16<Float> {
  /// The first `count` (1…16) elements of `p` at the given places, the other lanes 0.
  @inline(__always)
  init(_ p: UnsafePointer<Float>, at places: UnsafePointer<Int32>, count: Int) {
    var v = Lanes.zero
    if count == 16 {
      for i in 0..<16 { v[i] = p[Int(places[i])] }
    } else {
      for i in 0..<count { v[i] = p[Int(places[i])] }
    }
    self = v
  }

  /// The first `count` (1…16) elements from `p`, the other lanes 0.
  @inline(__always)
  init(_ p: UnsafePointer<Float>, upTo count: Int) {
    self = count == 16 ? Lanes(p) : Lanes(p, count: count, fill: 0)
  }

  /// Stores the first `count` (1…16) lanes.
  @inline(__always)
  func store(_ p: UnsafeMutablePointer<Float>, upTo count: Int) {
    if count == 16 {
      store(p)
    } else {
      store(p, count: count)
    }
  }
}
