// Reorders B for matmul. Touches pointers. Runs once for each weight, or inside a call for a block of
// an operand that is used once.

import TarnKernelInterface

/// Packs `b` (`depth × columns`, row-major) into strips; see ``PackedView``.
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
  let end = min(b.columns, panels.upperBound &* PackedView.panelWidth)
  var first = panels.lowerBound &* PackedView.panelWidth
  while first < end {
    let filled = min(16, b.columns &- first)
    var target = packed + first &* b.rows
    if filled == 16 {
      for k in 0..<b.rows {
        Lanes(b.row(k) + first).store(target)
        target += 16
      }
    } else {
      for k in 0..<b.rows {
        Lanes(b.row(k) + first, count: filled, fill: 0).store(target)
        target += 16
      }
    }
    first &+= 16
  }
}

/// Packs the transpose of `b` (`columns × depth`, row-major, as a linear layer stores it).
///
/// Blocks of 16 × 16 are transposed in registers. Parameters, cost and safety as
/// ``pack(_:panels:_:)``.
func packTransposed(_ b: MatrixView, panels: Range<Int>, _ packed: UnsafeMutablePointer<Float>) {
  let depth = b.columns
  let end = min(b.rows, panels.upperBound &* PackedView.panelWidth)
  var first = panels.lowerBound &* PackedView.panelWidth
  while first < end {
    let rows = min(16, b.rows &- first)
    let target = packed + first &* depth
    var k = 0
    while k &+ 16 <= depth {
      transposeBlock(b.row(first) + k, b.rowStride, rows: rows, into: target + 16 &* k)
      k &+= 16
    }
    while k < depth {
      var column = Lanes.zero
      for i in 0..<rows { column[i] = b.row(first &+ i)[k] }
      column.store(target + 16 &* k)
      k &+= 1
    }
    first &+= 16
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
/// Readable: `source[j·stride + 0 ..< 16]` for j < rows. Writable: `target[0 ..< 256]`.
private func transposeBlock(
  _ source: UnsafePointer<Float>, _ stride: Int, rows: Int,
  into target: UnsafeMutablePointer<Float>
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
  y.v1.store(target + 16)
  y.v2.store(target + 32)
  y.v3.store(target + 48)
  y.v4.store(target + 64)
  y.v5.store(target + 80)
  y.v6.store(target + 96)
  y.v7.store(target + 112)
  y.v8.store(target + 128)
  y.v9.store(target + 144)
  y.v10.store(target + 160)
  y.v11.store(target + 176)
  y.v12.store(target + 192)
  y.v13.store(target + 208)
  y.v14.store(target + 224)
  y.v15.store(target + 240)
}
