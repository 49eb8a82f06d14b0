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
      transposeBlock(b.row(first) + k, b.rowStride, rows: rows, into: target + 16 &* k, 16)
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
