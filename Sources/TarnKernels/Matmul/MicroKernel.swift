// The only arithmetic of matmul: a tile of C in registers, one pass over k. Touches pointers.

/// One row of a tile: up to three vectors of sixteen lanes, named so that each has a register.
private struct LaneRow {
  var v0 = Lanes.zero
  var v1 = Lanes.zero
  var v2 = Lanes.zero
}

/// A tile of `rows × (16 · vectors)` elements of C; `rows ≤ 8`, `vectors ≤ 3`.
///
/// The accumulators are eight variables of a struct of three vectors; what lies above `rows` and
/// `vectors` folds away. Nothing is indexed at run time, so nothing is moved to memory. (An
/// `InlineArray` does as well, but leaves specialisations of its initialiser behind: weak symbols
/// of the standard library, which the linker would share between instruction sets.)
enum Tile<Element: WeightElement, let rows: Int, let vectors: Int> {

  /// `c = a · b`, or `c + a · b`, for one tile and one k-block.
  ///
  ///     s[i, j] = 0;  s[i, j] = fma(a[i, k], b[k, j], s[i, j])  for k = 0 … depth-1
  ///     c[i, j] = s[i, j]           or   c[i, j] + s[i, j]
  ///
  /// Limit: FMA throughput. Per k: `rows · vectors` FMA, `vectors` loads and conversions of B, `rows`
  /// broadcasts.
  ///
  /// ## Safety
  /// Readable: `a[i·aStride + k]`, `b[k·bStride + v·bStep + 0 ..< 16]` for v < vectors. Writable:
  /// `c[i·cStride + 0 ..< 16·vectors]`, distinct from both. Strides in elements, any alignment.
  @inline(never)
  static func multiply(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafeRawPointer, _ bStride: Int,
    _ bStep: Int, _ depth: Int, _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ adding: Bool
  ) {
    var s0 = LaneRow()
    var s1 = LaneRow()
    var s2 = LaneRow()
    var s3 = LaneRow()
    var s4 = LaneRow()
    var s5 = LaneRow()
    var s6 = LaneRow()
    var s7 = LaneRow()
    let bStep = bStep &* Element.size
    var bRow = b
    var k = 0
    while k < depth {
      var bs = LaneRow()
      bs.v0 = Element.lanes(bRow)
      if vectors > 1 { bs.v1 = Element.lanes(bRow + bStep) }
      if vectors > 2 { bs.v2 = Element.lanes(bRow + 2 &* bStep) }
      step(0, &s0, bs, a + k, aStride)
      step(1, &s1, bs, a + k, aStride)
      step(2, &s2, bs, a + k, aStride)
      step(3, &s3, bs, a + k, aStride)
      step(4, &s4, bs, a + k, aStride)
      step(5, &s5, bs, a + k, aStride)
      step(6, &s6, bs, a + k, aStride)
      step(7, &s7, bs, a + k, aStride)
      bRow += bStride &* Element.size
      k &+= 1
    }
    write(0, s0, c, cStride, adding)
    write(1, s1, c, cStride, adding)
    write(2, s2, c, cStride, adding)
    write(3, s3, c, cStride, adding)
    write(4, s4, c, cStride, adding)
    write(5, s5, c, cStride, adding)
    write(6, s6, c, cStride, adding)
    write(7, s7, c, cStride, adding)
  }

  /// Row `i` of the tile: one broadcast, `vectors` fused multiply-adds.
  @inline(__always)
  private static func step(
    _ i: Int, _ s: inout LaneRow, _ b: LaneRow, _ a: UnsafePointer<Float>, _ aStride: Int
  ) {
    if i < rows {
      let x = Lanes(repeating: a[i &* aStride])
      s.v0 = multiplyAdd(x, b.v0, s.v0)
      if vectors > 1 { s.v1 = multiplyAdd(x, b.v1, s.v1) }
      if vectors > 2 { s.v2 = multiplyAdd(x, b.v2, s.v2) }
    }
  }

  /// Row `i` of the tile goes to memory, added to what is there if `adding`.
  @inline(__always)
  private static func write(
    _ i: Int, _ s: LaneRow, _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ adding: Bool
  ) {
    if i < rows {
      let p = c + i &* cStride
      (adding ? Lanes(p) + s.v0 : s.v0).store(p)
      if vectors > 1 { (adding ? Lanes(p + 16) + s.v1 : s.v1).store(p + 16) }
      if vectors > 2 { (adding ? Lanes(p + 32) + s.v2 : s.v2).store(p + 32) }
    }
  }
}

/// One row of C against two full panels: `c = a · b`, or `c + a · b`, for 96 columns and one k-block.
///
/// A row against one panel has three chains of multiply-adds, fewer than hide their latency. The sums
/// are those of ``Tile``. Limit: reading B. (Four panels, twelve streams of memory, are slower.)
///
/// ## Safety
/// Readable: `a[k]`, `b[v·bStep + 16·k + 0 ..< 16]` for v < 6. Writable: `c[0 ..< 96]`, distinct from
/// both.
@inline(never)
func multiplyWideRow<Element: WeightElement>(
  _ element: Element.Type, _ a: UnsafePointer<Float>, _ b: UnsafeRawPointer, _ bStep: Int,
  depth: Int, _ c: UnsafeMutablePointer<Float>, adding: Bool
) {
  var left = LaneRow()
  var right = LaneRow()
  let bStep = bStep &* Element.size
  var bRow = b
  for k in 0..<depth {
    let x = Lanes(repeating: a[k])
    left.v0 = multiplyAdd(x, Element.lanes(bRow), left.v0)
    left.v1 = multiplyAdd(x, Element.lanes(bRow + bStep), left.v1)
    left.v2 = multiplyAdd(x, Element.lanes(bRow + 2 &* bStep), left.v2)
    right.v0 = multiplyAdd(x, Element.lanes(bRow + 3 &* bStep), right.v0)
    right.v1 = multiplyAdd(x, Element.lanes(bRow + 4 &* bStep), right.v1)
    right.v2 = multiplyAdd(x, Element.lanes(bRow + 5 &* bStep), right.v2)
    bRow += 16 &* Element.size
  }
  (adding ? Lanes(c) + left.v0 : left.v0).store(c)
  (adding ? Lanes(c + 16) + left.v1 : left.v1).store(c + 16)
  (adding ? Lanes(c + 32) + left.v2 : left.v2).store(c + 32)
  (adding ? Lanes(c + 48) + right.v0 : right.v0).store(c + 48)
  (adding ? Lanes(c + 64) + right.v1 : right.v1).store(c + 64)
  (adding ? Lanes(c + 80) + right.v2 : right.v2).store(c + 80)
}
