// The transpose of a block in registers. Touches pointers.

/// Sixteen vectors, named so that each has a register.
private struct Block {
  var v0 = Lanes.zero
  var v1 = Lanes.zero
  var v2 = Lanes.zero
  var v3 = Lanes.zero
  var v4 = Lanes.zero
  var v5 = Lanes.zero
  var v6 = Lanes.zero
  var v7 = Lanes.zero
  var v8 = Lanes.zero
  var v9 = Lanes.zero
  var v10 = Lanes.zero
  var v11 = Lanes.zero
  var v12 = Lanes.zero
  var v13 = Lanes.zero
  var v14 = Lanes.zero
  var v15 = Lanes.zero

  /// Every vector with the one eight further on, element by element.
  ///
  /// Four times in a row it is the transpose.
  @inline(__always)
  func interleaved() -> Block {
    var r = Block()
    (r.v0, r.v1) = zip(v0, v8)
    (r.v2, r.v3) = zip(v1, v9)
    (r.v4, r.v5) = zip(v2, v10)
    (r.v6, r.v7) = zip(v3, v11)
    (r.v8, r.v9) = zip(v4, v12)
    (r.v10, r.v11) = zip(v5, v13)
    (r.v12, r.v13) = zip(v6, v14)
    (r.v14, r.v15) = zip(v7, v15)
    return r
  }
}

/// a0 b0 a1 b1 … in two vectors.
@inline(__always)
private func zip(_ a: Lanes, _ b: Lanes) -> (Lanes, Lanes) {
  var low = Lanes.zero
  var high = Lanes.zero
  low.evenHalf = a.lowHalf
  low.oddHalf = b.lowHalf
  high.evenHalf = a.highHalf
  high.oddHalf = b.highHalf
  return (low, high)
}

/// `target[i, j] = source[j, i]` for 16 × 16 elements; rows of the source from `rows` on count as 0.
///
/// Only the first `written` rows of the target are written.
///
/// ## Safety
/// Readable: `source[j·stride + 0 ..< 16]` for j < rows. Writable: `target[i·targetStride + 0 ..< 16]`
/// for i < written; distinct from the source.
func transposeBlock(
  _ source: UnsafePointer<Float>, _ stride: Int, rows: Int = 16,
  into target: UnsafeMutablePointer<Float>, _ targetStride: Int, written: Int = 16
) {
  @inline(__always) func load(_ j: Int) -> Lanes {
    j < rows ? Lanes(source + j &* stride) : Lanes.zero
  }
  @inline(__always) func store(_ v: Lanes, _ i: Int) {
    if i < written { v.store(target + i &* targetStride) }
  }
  var x = Block()
  x.v0 = load(0)
  x.v1 = load(1)
  x.v2 = load(2)
  x.v3 = load(3)
  x.v4 = load(4)
  x.v5 = load(5)
  x.v6 = load(6)
  x.v7 = load(7)
  x.v8 = load(8)
  x.v9 = load(9)
  x.v10 = load(10)
  x.v11 = load(11)
  x.v12 = load(12)
  x.v13 = load(13)
  x.v14 = load(14)
  x.v15 = load(15)
  let y = x.interleaved().interleaved().interleaved().interleaved()
  store(y.v0, 0)
  store(y.v1, 1)
  store(y.v2, 2)
  store(y.v3, 3)
  store(y.v4, 4)
  store(y.v5, 5)
  store(y.v6, 6)
  store(y.v7, 7)
  store(y.v8, 8)
  store(y.v9, 9)
  store(y.v10, 10)
  store(y.v11, 11)
  store(y.v12, 12)
  store(y.v13, 13)
  store(y.v14, 14)
  store(y.v15, 15)
}
