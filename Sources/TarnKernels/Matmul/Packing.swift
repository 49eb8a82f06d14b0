// Reorders B for matmul. Touches pointers. Runs once for each weight, or inside a call for a block of
// an operand that is used once.

import TarnKernelInterface

/// Packs `b` (`depth × columns`, row-major) into panels; see ``PackedView``.
///
/// - Parameters:
///   - b: `[depth × columns]`.
///   - panels: the panels to write; the others stay untouched.
///   - packed: the packed form of all panels.
///
/// Cost: one read, one write.
///
/// ## Safety
/// `packed` writable for `PackedView.elementCount` elements, distinct from `b`.
func pack(_ b: MatrixView, panels: Range<Int>, _ packed: UnsafeMutablePointer<Float>) {
  let view = PackedView(packed, depth: b.rows, columns: b.columns)
  for panel in panels {
    let first = panel &* PackedView.panelWidth
    let width = view.paddedWidth(panel)
    let filled = min(width, b.columns &- first)
    let whole = filled & ~15
    var target = packed + first &* b.rows
    for k in 0..<b.rows {
      let source = b.row(k) + first
      var j = 0
      while j < whole {
        Lanes(source + j).store(target + j)
        j &+= 16
      }
      if j < filled { Lanes(source + j, count: filled &- j, fill: 0).store(target + j) }
      target += width
    }
  }
}

/// Packs the transpose of `b` (`columns × depth`, row-major, as a linear layer stores it).
///
/// Blocks of 16 × 16 are transposed in registers. Parameters, cost and safety as
/// ``pack(_:panels:_:)``.
func packTransposed(_ b: MatrixView, panels: Range<Int>, _ packed: UnsafeMutablePointer<Float>) {
  let depth = b.columns
  let view = PackedView(packed, depth: depth, columns: b.rows)
  for panel in panels {
    let first = panel &* PackedView.panelWidth
    let width = view.paddedWidth(panel)
    var j = 0
    while j < width {
      let rows = min(16, b.rows &- first &- j)
      let target = packed + (first &* depth &+ j)
      var k = 0
      while k &+ 16 <= depth {
        transposeBlock(
          b.row(first &+ j) + k, b.rowStride, rows: rows, into: target + k &* width, width)
        k &+= 16
      }
      while k < depth {
        var column = Lanes.zero
        for i in 0..<rows { column[i] = b.row(first &+ j &+ i)[k] }
        column.store(target + k &* width)
        k &+= 1
      }
      j &+= 16
    }
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
/// Readable: `source[j·stride + 0 ..< 16]` for j < rows. Writable: `target[i·width + 0 ..< 16]`.
private func transposeBlock(
  _ source: UnsafePointer<Float>, _ stride: Int, rows: Int,
  into target: UnsafeMutablePointer<Float>, _ width: Int
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
  y.v1.store(target + width)
  y.v2.store(target + 2 &* width)
  y.v3.store(target + 3 &* width)
  y.v4.store(target + 4 &* width)
  y.v5.store(target + 5 &* width)
  y.v6.store(target + 6 &* width)
  y.v7.store(target + 7 &* width)
  y.v8.store(target + 8 &* width)
  y.v9.store(target + 9 &* width)
  y.v10.store(target + 10 &* width)
  y.v11.store(target + 11 &* width)
  y.v12.store(target + 12 &* width)
  y.v13.store(target + 13 &* width)
  y.v14.store(target + 14 &* width)
  y.v15.store(target + 15 &* width)
}
