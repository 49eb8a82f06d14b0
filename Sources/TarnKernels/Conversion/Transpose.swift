// Transposes in blocks of 16 × 16. Touches pointers: a block's rows lie apart.

import TarnKernelInterface

/// `y[j, i] = x[i, j]` for the rows `range` of y.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - range: the rows of `y` to write, which are columns of `x`.
///   - y: `[columns × rows]`, distinct from `x`.
///
/// Exact. Whole blocks are transposed in registers; the edges go element by element. Blocks go down
/// the columns of `x`, so that whole rows of `y` are written. Cost: one read, one write; bound by
/// shuffles in cache, then by memory.
func transpose(_ x: MatrixView, rows range: Range<Int>, into y: MutableMatrixView) {
  var j = range.lowerBound
  while j &+ 16 <= range.upperBound {
    var i = 0
    while i &+ 16 <= x.rows {
      transposeBlock(x.row(i) + j, x.rowStride, rows: 16, into: y.row(j) + i, y.rowStride)
      i &+= 16
    }
    while i < x.rows {
      for k in 0..<16 { y.row(j &+ k)[i] = x.row(i)[j &+ k] }
      i &+= 1
    }
    j &+= 16
  }
  while j < range.upperBound {
    for i in 0..<x.rows { y.row(j)[i] = x.row(i)[j] }
    j &+= 1
  }
}

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
/// ## Safety
/// Readable: `source[j·stride + 0 ..< 16]` for j < rows. Writable: `target[i·targetStride + 0 ..< 16]`
/// for i < 16.
func transposeBlock(
  _ source: UnsafePointer<Float>, _ stride: Int, rows: Int,
  into target: UnsafeMutablePointer<Float>, _ targetStride: Int
) {
  @inline(__always) func load(_ j: Int) -> Lanes {
    j < rows ? Lanes(source + j &* stride) : Lanes.zero
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
  y.v0.store(target)
  y.v1.store(target + targetStride)
  y.v2.store(target + 2 &* targetStride)
  y.v3.store(target + 3 &* targetStride)
  y.v4.store(target + 4 &* targetStride)
  y.v5.store(target + 5 &* targetStride)
  y.v6.store(target + 6 &* targetStride)
  y.v7.store(target + 7 &* targetStride)
  y.v8.store(target + 8 &* targetStride)
  y.v9.store(target + 9 &* targetStride)
  y.v10.store(target + 10 &* targetStride)
  y.v11.store(target + 11 &* targetStride)
  y.v12.store(target + 12 &* targetStride)
  y.v13.store(target + 13 &* targetStride)
  y.v14.store(target + 14 &* targetStride)
  y.v15.store(target + 15 &* targetStride)
}
