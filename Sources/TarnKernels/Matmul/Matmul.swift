// The loops of matmul around the micro-kernel. Touches pointers.
//
//     LOOP 5  for each block of rows, at most 240        A's rows of one k-block fit L2
//     LOOP 4    for each k-block of 384                  in order: all write the same C
//     LOOP 3      for each panel of 48 columns of B      384 × 48 floats
//     LOOP 2        for each strip of a panel            as wide as the register tile; B's part fits L1
//     LOOP 1          for each tile of rows              a few rows of A
//                       micro-kernel: C = or += A·B; after the last k-block the epilogue
//
// Work may be divided over rows and over panels, never over k. One or two rows take several panels
// at once, in the same order of summation.

import TarnKernelInterface

/// `C = activation(A·B + bias) + residual` with B packed ahead.
///
///     s_b[i, j] = chain of fused multiply-adds over k in block b, from zero
///     c[i, j]   = activation(((s_0 + s_1) + s_2 …) + bias[j]) + residual[i, j]
///
/// Each element has one order of summation, whatever the tile, the rows beside it or the panel
/// range: results are equal bit for bit on all targets with fused multiply-add.
///
/// - Parameters:
///   - a: `[rows × depth]`.
///   - b: `depth × columns` in panels.
///   - panels: the panels to compute; the other columns of C stay untouched.
///   - adding: whether the first block's sums are added to what C holds, as when B is one of several
///     k-blocks.
///   - epilogue: what happens to `A·B` after the last k-block.
///   - c: `[rows × columns]`. Distinct from `a` and `b`.
///   - workspace: `Blocking.matmulWorkspace` elements.
///
/// Depth 0 gives the epilogue of zeros. Cost: `2·rows·depth·columns` operations, bound by FMA
/// throughput from about 4 rows up, by reading B below.
func matmul(
  _ a: MatrixView, _ b: PackedView, panels: Range<Int>, adding: Bool, epilogue: EpilogueView,
  into c: MutableMatrixView, workspace: UnsafeMutablePointer<Float>
) {
  let operand = Operand(
    base: b.base, depth: b.depth, columns: b.columns, packed: true, rowStride: 0)
  blocked(
    a, operand, panels: panels, adding: adding, epilogue: epilogue, into: c, workspace: workspace)
}

/// `C = activation(A·B + bias) + residual` with B row-major as it is, for few rows.
///
/// The same sums in the same order as the packed form; parameters as there. Each tile of rows reads
/// all of B, so that packing pays from some tiles up. `b.columns` need not be a multiple of 16.
func matmul(
  _ a: MatrixView, unpacked b: MatrixView, panels: Range<Int>, epilogue: EpilogueView,
  into c: MutableMatrixView, workspace: UnsafeMutablePointer<Float>
) {
  let operand = Operand(
    base: b.base, depth: b.rows, columns: b.columns, packed: false, rowStride: b.rowStride)
  blocked(
    a, operand, panels: panels, adding: false, epilogue: epilogue, into: c, workspace: workspace)
}

/// B in either layout, as the loops see it: where a strip of columns starts, and its row stride.
private struct Operand {
  var base: UnsafePointer<Float>
  var depth: Int
  var columns: Int
  var packed: Bool
  var rowStride: Int

  @inline(__always)
  func panelStride(_ panel: Int) -> Int {
    packed ? min(48, (columns &- 48 &* panel &+ 15) & ~15) : rowStride
  }

  /// Row `k` of panel `panel`.
  @inline(__always)
  func panelRow(_ panel: Int, _ k: Int) -> UnsafePointer<Float> {
    packed
      ? base + (48 &* panel &* depth &+ k &* panelStride(panel))
      : base + (k &* rowStride &+ 48 &* panel)
  }
}

private func blocked(
  _ a: MatrixView, _ b: Operand, panels: Range<Int>, adding: Bool, epilogue: EpilogueView,
  into c: MutableMatrixView, workspace: UnsafeMutablePointer<Float>
) {
  let rowBlocks = (c.rows &+ 239) / 240
  guard rowBlocks > 0 else { return }
  let tilesPerBlock =
    ((c.rows &+ TileShape.rows &- 1) / TileShape.rows &+ rowBlocks &- 1) / rowBlocks
  let rowBlock = tilesPerBlock &* TileShape.rows
  let depthBlocks = max(1, (b.depth &+ Blocking.depth &- 1) / Blocking.depth)

  var firstRow = 0
  while firstRow < c.rows {  // LOOP 5
    let rows = min(rowBlock, c.rows &- firstRow)
    for block in 0..<depthBlocks {  // LOOP 4
      let k = block &* Blocking.depth
      let part = Part(
        a: a, b: b, c: c, firstRow: firstRow, rows: rows, k: k,
        depth: min(Blocking.depth, b.depth &- k), adding: adding || k > 0,
        epilogue: block &+ 1 == depthBlocks ? epilogue : EpilogueView(), workspace: workspace)
      var panel = panels.lowerBound
      while panel < panels.upperBound {  // LOOP 3
        let wide = rows == 1 ? part.widePanels(panel..<panels.upperBound) : 1
        if wide > 1 {
          part.multiplyWide(panel, wide)
        } else {
          part.multiply(panel)
        }
        panel &+= wide
      }
    }
    firstRow &+= rows
  }
}

/// A block of rows against one k-block.
private struct Part {
  var a: MatrixView
  var b: Operand
  var c: MutableMatrixView
  var firstRow: Int
  var rows: Int
  var k: Int
  var depth: Int
  var adding: Bool
  var epilogue: EpilogueView
  var workspace: UnsafeMutablePointer<Float>

  /// One panel, strip by strip, tile by tile.
  ///
  /// Tiles have nearly equal heights: 9 rows are 4 and 5, not 8 and 1.
  @inline(__always)
  func multiply(_ panel: Int) {
    let tiles = (rows &+ TileShape.rows &- 1) / TileShape.rows
    let bStride = b.panelStride(panel)
    let bPanel = b.panelRow(panel, k)
    let columns = min(48, b.columns &- panel &* 48)
    let stripVectors = TileShape.vectors(rows: (rows &+ tiles &- 1) / tiles)
    var strip = 0
    while strip < columns {  // LOOP 2
      let wanted = min(stripVectors &* 16, columns &- strip)
      let vectors = wanted / 16
      let width = vectors > 0 ? vectors &* 16 : wanted
      var row = firstRow
      for tile in 0..<tiles {  // LOOP 1
        let height = (firstRow &+ rows &- row) / (tiles &- tile)
        let aTile = a.row(row) + k
        let cTile = c.row(row) + (panel &* 48 &+ strip)
        if vectors > 0 {
          multiplyTile(
            rows: height, vectors: vectors, aTile, a.rowStride, bPanel + strip, bStride,
            depth: depth, cTile, c.rowStride, adding: adding)
        } else {
          narrowTile(
            rows: height, columns: width, aTile, a.rowStride, bPanel + strip, bStride,
            depth: depth, isPadded: b.packed, cTile, c.rowStride, adding: adding,
            workspace: workspace)
        }
        if !epilogue.isEmpty {
          apply(
            epilogue, row: row, rows: height, firstColumn: panel &* 48 &+ strip, columns: width,
            to: c)
        }
        row &+= height
      }
      strip &+= width
    }
  }

  /// How many panels from the first on one row takes at once: full ones only.
  @inline(__always)
  func widePanels(_ panels: Range<Int>) -> Int {
    let full = b.columns / 48 &- panels.lowerBound
    return b.packed ? min(TileShape.widePanels, panels.count, max(1, full)) : 1
  }

  /// One row against several full panels.
  @inline(__always)
  func multiplyWide(_ panel: Int, _ count: Int) {
    let target = c.row(firstRow) + panel &* 48
    let step = 48 &* b.depth
    switch count {
    case 4:
      WideRow<4>.multiply(
        a.row(firstRow) + k, b.panelRow(panel, k), step, depth, target, adding)
    case 3:
      WideRow<3>.multiply(
        a.row(firstRow) + k, b.panelRow(panel, k), step, depth, target, adding)
    default:
      WideRow<2>.multiply(
        a.row(firstRow) + k, b.panelRow(panel, k), step, depth, target, adding)
    }
    if !epilogue.isEmpty {
      apply(
        epilogue, row: firstRow, rows: 1, firstColumn: panel &* 48, columns: 48 &* count, to: c)
    }
  }
}

/// A tile of fewer than 16 columns, computed in the workspace.
///
/// Nothing is read or written past the edge of an unpacked B or of C.
private func narrowTile(
  rows: Int, columns: Int, _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>,
  _ bStride: Int, depth: Int, isPadded: Bool, _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
  adding: Bool, workspace: UnsafeMutablePointer<Float>
) {
  if isPadded {
    multiplyTile(
      rows: rows, vectors: 1, a, aStride, b, bStride, depth: depth, workspace, 16, adding: false)
  } else {
    for i in 0..<rows {
      var sum = Lanes.zero
      for k in 0..<depth {
        sum = multiplyAdd(
          Lanes(repeating: a[i &* aStride &+ k]),
          Lanes(b + k &* bStride, count: columns, fill: 0), sum)
      }
      sum.store(workspace + 16 &* i)
    }
  }
  for i in 0..<rows {
    let target = c + i &* cStride
    let source = workspace + 16 &* i
    if adding {
      for j in 0..<columns { target[j] = target[j] + source[j] }
    } else {
      for j in 0..<columns { target[j] = source[j] }
    }
  }
}
