// The loops of matmul around the micro-kernel. Touches pointers.
//
//     for each block of rows (at most 240, a multiple of the tile's)      its rows of A fit L2
//       for each k-block of 384                                           LOOP over k: fixed, in order
//         for each panel of 48 columns of B                               384 × 48 floats
//           for each tile of rows                                         6 or 8 rows of A fit L1
//             micro-kernel: C = or += A·B; after the last k-block the epilogue
//
// Work may be divided over rows and over panels, never over k.

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
///   - epilogue: what happens to `A·B` after the last k-block.
///   - c: `[rows × columns]`. Distinct from `a` and `b`.
///   - workspace: `Blocking.matmulWorkspace` elements.
///
/// Depth 0 gives the epilogue of zeros. Cost: `2·rows·depth·columns` operations, bound by FMA
/// throughput from about 8 rows up, by reading B below.
func matmul(
  _ a: MatrixView, _ b: PackedView, panels: Range<Int>, epilogue: EpilogueView,
  into c: MutableMatrixView, workspace: UnsafeMutablePointer<Float>
) {
  let operand = Operand(
    base: b.base, depth: b.depth, columns: b.columns, packed: true, rowStride: 0)
  blocked(a, operand, panels: panels, epilogue: epilogue, into: c, workspace: workspace)
}

/// `C = activation(A·B + bias) + residual` with B row-major as it is, for a B that is used once.
///
/// The same sums in the same order as the packed form. `b.columns` need not be a multiple of 16.
func matmul(
  _ a: MatrixView, unpacked b: MatrixView, epilogue: EpilogueView, into c: MutableMatrixView,
  workspace: UnsafeMutablePointer<Float>
) {
  let operand = Operand(
    base: b.base, depth: b.rows, columns: b.columns, packed: false, rowStride: b.rowStride)
  let panels = (b.columns &+ 47) / 48
  blocked(a, operand, panels: 0..<panels, epilogue: epilogue, into: c, workspace: workspace)
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
  _ a: MatrixView, _ b: Operand, panels: Range<Int>, epilogue: EpilogueView,
  into c: MutableMatrixView, workspace: UnsafeMutablePointer<Float>
) {
  let rowBlocks = (c.rows &+ 239) / 240
  guard rowBlocks > 0 else { return }
  let tilesPerBlock =
    ((c.rows &+ TileShape.rows &- 1) / TileShape.rows &+ rowBlocks &- 1) / rowBlocks
  let rowBlock = tilesPerBlock &* TileShape.rows
  let depthBlocks = max(1, (b.depth &+ Blocking.depth &- 1) / Blocking.depth)

  var firstRow = 0
  while firstRow < c.rows {
    let rows = min(rowBlock, c.rows &- firstRow)
    for block in 0..<depthBlocks {
      let k = block &* Blocking.depth
      let depth = min(Blocking.depth, b.depth &- k)
      for panel in panels {
        panelLoop(
          a, b, firstRow: firstRow, rows: rows, k: k, depth: depth, panel: panel,
          epilogue: block &+ 1 == depthBlocks ? epilogue : EpilogueView(), into: c,
          workspace: workspace)
      }
    }
    firstRow &+= rows
  }
}

/// One panel of B against a block of rows, tile by tile.
///
/// Tiles have nearly equal heights: 9 rows are 4 and 5, not 8 and 1.
@inline(__always)
private func panelLoop(
  _ a: MatrixView, _ b: Operand, firstRow: Int, rows: Int, k: Int, depth: Int, panel: Int,
  epilogue: EpilogueView, into c: MutableMatrixView, workspace: UnsafeMutablePointer<Float>
) {
  let tiles = (rows &+ TileShape.rows &- 1) / TileShape.rows
  let firstColumn = panel &* 48
  let columns = min(48, b.columns &- firstColumn)
  let bStride = b.panelStride(panel)
  let bPanel = b.panelRow(panel, k)
  var row = firstRow
  for tile in 0..<tiles {
    let height = (firstRow &+ rows &- row) / (tiles &- tile)
    let aTile = a.row(row) + k
    let cTile = c.row(row) + firstColumn
    var strip = 0
    while strip < columns {
      let wanted = min(TileShape.vectors &* 16, columns &- strip)
      let whole = wanted / 16
      if whole > 0 {
        multiplyTile(
          rows: height, vectors: whole, aTile, a.rowStride, bPanel + strip, bStride, depth: depth,
          cTile + strip, c.rowStride, adding: k > 0)
        strip &+= whole &* 16
      } else {
        narrowTile(
          rows: height, columns: wanted, aTile, a.rowStride, bPanel + strip, bStride, depth: depth,
          isPadded: b.packed, cTile + strip, c.rowStride, adding: k > 0, workspace: workspace)
        strip &+= wanted
      }
    }
    if !epilogue.isEmpty {
      apply(epilogue, row: row, rows: height, firstColumn: firstColumn, columns: columns, to: c)
    }
    row &+= height
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
