// Reorders weights for matmul. Touches pointers. Runs once for each weight.

import TarnKernelInterface

/// Packs `b` (`depth × columns`, row-major) into panels; see ``PackedView``.
///
/// ## Safety
/// `packed` writable for `PackedView.elementCount` elements, distinct from `b`.
func pack(_ b: MatrixView, _ packed: UnsafeMutablePointer<Float>) {
  let view = PackedView(packed, depth: b.rows, columns: b.columns)
  var target = packed
  for panel in 0..<view.panelCount {
    let first = panel &* PackedView.panelWidth
    let width = view.paddedWidth(panel)
    let filled = min(width, b.columns &- first)
    for k in 0..<b.rows {
      let source = b.row(k) + first
      for j in 0..<filled { target[j] = source[j] }
      for j in filled..<width { target[j] = 0 }
      target += width
    }
  }
}

/// Packs the transpose of `b` (`columns × depth`, row-major, as a linear layer stores it).
///
/// ## Safety
/// As ``pack(_:_:)``.
func packTransposed(_ b: MatrixView, _ packed: UnsafeMutablePointer<Float>) {
  let depth = b.columns
  let view = PackedView(packed, depth: depth, columns: b.rows)
  var panelBase = packed
  for panel in 0..<view.panelCount {
    let first = panel &* PackedView.panelWidth
    let width = view.paddedWidth(panel)
    let filled = min(width, b.rows &- first)
    for j in 0..<filled {
      let source = b.row(first &+ j)
      var target = panelBase + j
      for k in 0..<depth {
        target.pointee = source[k]
        target += width
      }
    }
    for j in filled..<width {
      var target = panelBase + j
      for _ in 0..<depth {
        target.pointee = 0
        target += width
      }
    }
    panelBase += width &* depth
  }
}
