// The only arithmetic of matmul: a tile of C in registers, one pass over k. Touches pointers.

/// `rows × vectors` accumulators of sixteen lanes; `count == rows · vectors`.
///
/// The accumulators stay in registers because every index is a literal after inlining: `step` is
/// called once for each row that can exist, and the rows above `rows` fold away. (A loop over rows
/// depends on full unrolling before the array is split into registers, which fails from about 28
/// updates on.)
struct Tile<let rows: Int, let vectors: Int, let count: Int> {

  /// `c = a · b`, or `c + a · b`, for one tile and one k-block.
  ///
  ///     s[i, j] = a[i, 0]·b[0, j];  s[i, j] = fma(a[i, k], b[k, j], s[i, j])  for k = 1 … depth-1
  ///     c[i, j] = s[i, j]           or   c[i, j] + s[i, j]
  ///
  /// Limit: FMA throughput. Per k: `count` FMA, `vectors` loads, `rows` broadcasts.
  ///
  /// ## Safety
  /// Readable: `a[i·aStride + k]`, `b[k·bStride + 0 ..< 16·vectors]`. Writable:
  /// `c[i·cStride + 0 ..< 16·vectors]`, distinct from both. Strides in elements, any alignment.
  @inline(never)
  static func multiply(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>, _ bStride: Int,
    _ depth: Int, _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ adding: Bool
  ) {
    var sums = InlineArray<count, Lanes>(repeating: .zero)
    var bRow = b
    var k = 0
    while k < depth {
      var bs = InlineArray<vectors, Lanes>(repeating: .zero)
      for j in 0..<vectors { bs[unchecked: j] = Lanes(bRow + 16 &* j) }
      step(0, &sums, bs, a + k, aStride)
      step(1, &sums, bs, a + k, aStride)
      step(2, &sums, bs, a + k, aStride)
      step(3, &sums, bs, a + k, aStride)
      step(4, &sums, bs, a + k, aStride)
      step(5, &sums, bs, a + k, aStride)
      step(6, &sums, bs, a + k, aStride)
      step(7, &sums, bs, a + k, aStride)
      bRow += bStride
      k &+= 1
    }
    write(0, sums, c, cStride, adding)
    write(1, sums, c, cStride, adding)
    write(2, sums, c, cStride, adding)
    write(3, sums, c, cStride, adding)
    write(4, sums, c, cStride, adding)
    write(5, sums, c, cStride, adding)
    write(6, sums, c, cStride, adding)
    write(7, sums, c, cStride, adding)
  }

  /// Row `i` of the tile: one broadcast, `vectors` fused multiply-adds.
  @inline(__always)
  private static func step(
    _ i: Int, _ sums: inout InlineArray<count, Lanes>, _ b: InlineArray<vectors, Lanes>,
    _ a: UnsafePointer<Float>, _ aStride: Int
  ) {
    if i < rows {
      let x = Lanes(repeating: a[i &* aStride])
      for j in 0..<vectors {
        sums[unchecked: i &* vectors &+ j] = multiplyAdd(
          x, b[unchecked: j], sums[unchecked: i &* vectors &+ j])
      }
    }
  }

  /// Row `i` of the tile goes to memory, added to what is there if `adding`.
  @inline(__always)
  private static func write(
    _ i: Int, _ sums: InlineArray<count, Lanes>, _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
    _ adding: Bool
  ) {
    if i < rows {
      for j in 0..<vectors {
        let p = c + (i &* cStride &+ 16 &* j)
        let sum = sums[unchecked: i &* vectors &+ j]
        (adding ? Lanes(p) + sum : sum).store(p)
      }
    }
  }
}
