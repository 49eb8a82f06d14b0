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
enum Tile<let rows: Int, let vectors: Int> {

  /// `c = a · b`, or `c + a · b`, for one tile and one k-block.
  ///
  ///     s[i, j] = 0;  s[i, j] = fma(a[i, k], b[k, j], s[i, j])  for k = 0 … depth-1
  ///     c[i, j] = s[i, j]           or   c[i, j] + s[i, j]
  ///
  /// Limit: FMA throughput. Per k: `rows · vectors` FMA, `vectors` loads, `rows` broadcasts.
  ///
  /// ## Safety
  /// Readable: `a[i·aStride + k]`, `b[k·bStride + 0 ..< 16·vectors]`. Writable:
  /// `c[i·cStride + 0 ..< 16·vectors]`, distinct from both. Strides in elements, any alignment.
  @inline(never)
  static func multiply(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>, _ bStride: Int,
    _ depth: Int, _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ adding: Bool
  ) {
    var s0 = LaneRow()
    var s1 = LaneRow()
    var s2 = LaneRow()
    var s3 = LaneRow()
    var s4 = LaneRow()
    var s5 = LaneRow()
    var s6 = LaneRow()
    var s7 = LaneRow()
    var bRow = b
    var k = 0
    while k < depth {
      var bs = LaneRow()
      bs.v0 = Lanes(bRow)
      if vectors > 1 { bs.v1 = Lanes(bRow + 16) }
      if vectors > 2 { bs.v2 = Lanes(bRow + 32) }
      step(0, &s0, bs, a + k, aStride)
      step(1, &s1, bs, a + k, aStride)
      step(2, &s2, bs, a + k, aStride)
      step(3, &s3, bs, a + k, aStride)
      step(4, &s4, bs, a + k, aStride)
      step(5, &s5, bs, a + k, aStride)
      step(6, &s6, bs, a + k, aStride)
      step(7, &s7, bs, a + k, aStride)
      bRow += bStride
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

/// One row of C against `panels` panels of 48 columns at once; `panels ≤ 4`.
///
/// A row alone has three chains of multiply-adds, fewer than hide their latency, and reads one
/// stream of memory. The sums are those of ``Tile``.
enum WideRow<let panels: Int> {

  /// `c = a · b`, or `c + a · b`, for one row, `48 · panels` columns and one k-block.
  ///
  /// Limit: reading B.
  ///
  /// ## Safety
  /// Readable: `a[k]`, `b[p·step + 48·k + 0 ..< 48]`. Writable: `c[0 ..< 48·panels]`, distinct from
  /// both.
  @inline(never)
  static func multiply(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ step: Int, _ depth: Int,
    _ c: UnsafeMutablePointer<Float>, _ adding: Bool
  ) {
    var s0 = LaneRow()
    var s1 = LaneRow()
    var s2 = LaneRow()
    var s3 = LaneRow()
    var bRow = b
    for k in 0..<depth {
      let x = Lanes(repeating: a[k])
      add(x, bRow, &s0)
      if panels > 1 { add(x, bRow + step, &s1) }
      if panels > 2 { add(x, bRow + 2 &* step, &s2) }
      if panels > 3 { add(x, bRow + 3 &* step, &s3) }
      bRow += 48
    }
    write(s0, c, adding)
    if panels > 1 { write(s1, c + 48, adding) }
    if panels > 2 { write(s2, c + 96, adding) }
    if panels > 3 { write(s3, c + 144, adding) }
  }

  @inline(__always)
  private static func add(_ x: Lanes, _ b: UnsafePointer<Float>, _ s: inout LaneRow) {
    s.v0 = multiplyAdd(x, Lanes(b), s.v0)
    s.v1 = multiplyAdd(x, Lanes(b + 16), s.v1)
    s.v2 = multiplyAdd(x, Lanes(b + 32), s.v2)
  }

  @inline(__always)
  private static func write(_ s: LaneRow, _ c: UnsafeMutablePointer<Float>, _ adding: Bool) {
    (adding ? Lanes(c) + s.v0 : s.v0).store(c)
    (adding ? Lanes(c + 16) + s.v1 : s.v1).store(c + 16)
    (adding ? Lanes(c + 32) + s.v2 : s.v2).store(c + 32)
  }
}
