// The loops of matmul around the micro-kernel. Touches pointers.
//
//     LOOP 5  for each block of rows, 240 to 480         B is read once for each
//     LOOP 4    for each panel of 48 columns of B        C's part fits L2
//     LOOP 3      for each k-block of 384                in order: all write the same C
//     LOOP 2        for each part of a panel             as wide as the register tile
//     LOOP 1          for each tile of rows              a few rows of A
//                       micro-kernel: C = or += A·B
//                   after the last k-block the epilogue
//
// Work may be divided over rows and over panels, never over k. One row takes two panels at once, in
// the same order of summation. B in fewer bits is converted in the micro-kernel where there are few
// tiles of rows; more tiles share what LOOP 2 has widened. Docs: Matmul.

import TarnKernelInterface

/// `C = activation(scales ∘ A·B + bias) + residual` with B packed ahead.
///
///     s_b[i, j] = chain of fused multiply-adds over k in block b, from zero
///     c[i, j]   = activation(((s_0 + s_1) + s_2 …) · scales[j] + bias[j]) + residual[i, j]
///
/// Scales, if B has any, are a step of their own, which rounds, after all blocks.
/// Each element has one order of summation, whatever the tile, the rows beside it or the panel
/// range: results are equal bit for bit on all targets with fused multiply-add.
///
/// - Parameters:
///   - a: `[rows × depth]`.
///   - b: `depth × columns` in strips of sixteen columns, in any format.
///   - panels: the panels to compute; the other columns of C stay untouched.
///   - adding: whether the first block's sums are added to what C holds, as when B is one of several
///     k-blocks; then the scales hold for all of it.
///   - epilogue: what happens to `A·B` after the last k-block.
///   - c: `[rows × columns]`. Distinct from `a` and `b`.
///   - workspace: `Blocking.matmulWorkspace` elements if B is held as Float, else
///     `Blocking.wideningWorkspace`.
///
/// Depth 0 gives the epilogue of zeros. Cost: `2·rows·depth·columns` operations, bound by FMA
/// throughput from about 4 rows up, by reading B below.
func matmul(
  _ a: MatrixView, _ b: PackedView, panels: Range<Int>, adding: Bool, epilogue: EpilogueView,
  into c: MutableMatrixView, workspace: UnsafeMutablePointer<Float>
) {
  switch b.format {
  case .float32:
    blocked(a, Operand<Float32Element>(b), panels, adding, epilogue, into: c, workspace)
  case .bfloat16:
    blocked(a, Operand<BFloat16Element>(b), panels, adding, epilogue, into: c, workspace)
  case .float16:
    blocked(a, Operand<Float16Element>(b), panels, adding, epilogue, into: c, workspace)
  case .int8:
    blocked(a, Operand<Int8Element>(b), panels, adding, epilogue, into: c, workspace)
  }
}

/// `C = activation(A·B + bias) + residual` with B row-major as it is, for few rows.
///
/// The same sums in the same order as the packed form; parameters as there. Each tile of rows reads
/// all of B, so that packing pays from some tiles up. `b.columns` need not be a multiple of 16.
func matmul(
  _ a: MatrixView, unpacked b: MatrixView, panels: Range<Int>, epilogue: EpilogueView,
  into c: MutableMatrixView, workspace: UnsafeMutablePointer<Float>
) {
  blocked(a, Operand<Float32Element>(b), panels, false, epilogue, into: c, workspace)
}

/// B in either layout, as the loops see it.
///
/// Vector v of row k is `v·step + k·rowStride` elements from `base`.
private struct Operand<Element: WeightElement> {
  var base: UnsafeRawPointer
  var scales: UnsafePointer<Float>?
  var depth: Int
  var columns: Int
  var rowStride: Int
  var step: Int
  var isPacked: Bool

  init(_ b: PackedView) {
    (base, scales, depth, columns) = (b.base, b.scales, b.depth, b.columns)
    (rowStride, step, isPacked) = (16, 16 &* b.depth, true)
  }

  /// Row `k` of the vector that begins with column `j`, a multiple of 16.
  @inline(__always)
  func pointer(_ k: Int, _ j: Int) -> UnsafeRawPointer {
    base + (k &* rowStride &+ (j / 16) &* step) &* Element.size
  }
}

extension Operand where Element == Float32Element {
  init(_ b: MatrixView) {
    (base, scales, depth, columns) = (UnsafeRawPointer(b.base), nil, b.rows, b.columns)
    (rowStride, step, isPacked) = (b.rowStride, 16, false)
  }
}

private func blocked<Element: WeightElement>(
  _ a: MatrixView, _ b: Operand<Element>, _ panels: Range<Int>, _ adding: Bool,
  _ epilogue: EpilogueView, into c: MutableMatrixView, _ workspace: UnsafeMutablePointer<Float>
) {
  let rowBlocks = (c.rows &+ TileShape.blockRows &- 1) / TileShape.blockRows
  guard rowBlocks > 0 else { return }
  let tilesPerBlock =
    ((c.rows &+ TileShape.rows &- 1) / TileShape.rows &+ rowBlocks &- 1) / rowBlocks
  let rowBlock = tilesPerBlock &* TileShape.rows
  let depthBlocks = max(1, (b.depth &+ Blocking.depth &- 1) / Blocking.depth)

  var firstRow = 0
  while firstRow < c.rows {  // LOOP 5
    let rows = min(rowBlock, c.rows &- firstRow)
    var panel = panels.lowerBound
    while panel < panels.upperBound {  // LOOP 4
      let isWide = isWide(b, rows: rows, panel..<panels.upperBound)
      for block in 0..<depthBlocks {  // LOOP 3
        let k = block &* Blocking.depth
        let part = Part(
          a: a, b: b, c: c, firstRow: firstRow, rows: rows, k: k,
          depth: min(Blocking.depth, b.depth &- k), adding: adding || k > 0,
          isLast: block &+ 1 == depthBlocks, epilogue: epilogue, workspace: workspace)
        if isWide { part.multiplyWide(panel) } else { part.multiply(panel) }
      }
      panel &+= isWide ? 2 : 1
    }
    firstRow &+= rows
  }
}

/// Whether one row takes the first two of these panels at once: they must be full.
@inline(__always)
private func isWide<Element: WeightElement>(
  _ b: Operand<Element>, rows: Int, _ panels: Range<Int>
) -> Bool {
  TileShape.hasWideRow && rows == 1 && b.isPacked && panels.count > 1
    && (panels.lowerBound &+ 2) &* 48 <= b.columns
}

/// A block of rows against one k-block.
private struct Part<Element: WeightElement> {
  var a: MatrixView
  var b: Operand<Element>
  var c: MutableMatrixView
  var firstRow: Int
  var rows: Int
  var k: Int
  var depth: Int
  var adding: Bool
  var isLast: Bool
  var epilogue: EpilogueView
  var workspace: UnsafeMutablePointer<Float>

  /// One panel, as many columns at a time as the register tile has, tile by tile.
  ///
  /// Tiles have nearly equal heights: 9 rows are 4 and 5, not 8 and 1. The epilogue follows all of them:
  /// behind each tile it would wait for that tile's lines of C, which the multiply-adds of the next
  /// tile hide.
  @inline(__always)
  func multiply(_ panel: Int) {
    let tiles = (rows &+ TileShape.rows &- 1) / TileShape.rows
    let end = min(b.columns, (panel &+ 1) &* 48)
    let stripVectors = TileShape.vectors(rows: (rows &+ tiles &- 1) / tiles)
    var column = panel &* 48
    while column < end {  // LOOP 2
      let wanted = min(stripVectors &* 16, end &- column)
      let vectors = wanted / 16
      let width = vectors > 0 ? vectors &* 16 : wanted
      let bStrip = b.pointer(k, column)
      if Element.isFloat || tiles <= TileShape.convertingTiles {
        if readsAhead(b, rows: rows) {
          readAhead(Element.self, bStrip, depth: depth, workspace: workspace)
        }
        multiply(
          Element.self, bStrip, b.rowStride, b.step, column, width, vectors: vectors, tiles: tiles)
      } else {
        let widened = workspace + Blocking.matmulWorkspace
        for v in 0..<max(1, vectors) {
          widen(
            Element.self, bStrip + v &* b.step &* Element.size, widened + v &* 16 &* depth,
            16 &* depth)
        }
        multiply(
          Float32Element.self, UnsafeRawPointer(widened), 16, 16 &* depth, column, width,
          vectors: vectors, tiles: tiles)
      }
      finish(column, width)
      column &+= width
    }
  }

  /// All tiles of rows against a strip.
  @inline(__always)
  private func multiply<Held: WeightElement>(
    _ held: Held.Type, _ strip: UnsafeRawPointer, _ rowStride: Int, _ step: Int, _ column: Int,
    _ width: Int, vectors: Int, tiles: Int
  ) {
    var row = firstRow
    for tile in 0..<tiles {  // LOOP 1
      let height = (firstRow &+ rows &- row) / (tiles &- tile)
      let aTile = a.row(row) + k
      let cTile = c.row(row) + column
      if vectors > 0 {
        multiplyTile(
          Held.self, rows: height, vectors: vectors, aTile, a.rowStride, strip, rowStride, step,
          depth: depth, cTile, c.rowStride, adding: adding)
      } else {
        narrowTile(
          Held.self, rows: height, columns: width, aTile, a.rowStride, strip, rowStride,
          depth: depth, isPadded: b.isPacked, cTile, c.rowStride, adding: adding,
          workspace: workspace)
      }
      row &+= height
    }
  }

  /// One row against two full panels.
  @inline(__always)
  func multiplyWide(_ panel: Int) {
    multiplyWideRow(
      Element.self, a.row(firstRow) + k, b.pointer(k, panel &* 48), b.step, depth: depth,
      c.row(firstRow) + panel &* 48, adding: adding)
    finish(panel &* 48, 96)
  }

  /// After the last k-block: scales and epilogue of some columns.
  @inline(__always)
  private func finish(_ column: Int, _ width: Int) {
    guard isLast else { return }
    if let scales = b.scales {
      for i in firstRow..<firstRow &+ rows {
        let target = c.row(i) + column
        @inline(__always) func scaled(_ x: Lanes, _ scale: Lanes) -> Lanes { x * scale }
        map(target, scales + column, into: target, count: width, scaled)
      }
    }
    if !epilogue.isEmpty {
      apply(epilogue, row: firstRow, rows: rows, firstColumn: column, columns: width, to: c)
    }
  }
}

/// Whether strips are read ahead: for many rows always, for few if B, of 6 MB or more, comes from
/// memory.
@inline(__always)
private func readsAhead<Element: WeightElement>(_ b: Operand<Element>, rows: Int) -> Bool {
  TileShape.readsAhead && b.isPacked
    && (rows > 32 || rows >= 12 && b.depth &* b.columns >= 3 << 19)
}

/// Reads a strip of B before its first tile needs it.
///
/// A tile of few multiply-adds per k has its loads in flight for too short a time to hide that the
/// strip comes from the third-level cache; this loop has nothing but loads. What it sums goes to the
/// workspace, where nobody looks.
@inline(never)
private func readAhead<Element: WeightElement>(
  _ element: Element.Type, _ b: UnsafeRawPointer, depth: Int,
  workspace: UnsafeMutablePointer<Float>
) {
  var even = Lanes.zero
  var odd = Lanes.zero
  var k = 0
  while k &+ 2 <= depth {
    even += Element.lanes(b + 16 &* k &* Element.size)
    odd += Element.lanes(b + (16 &* k &+ 16) &* Element.size)
    k &+= 2
  }
  (even + odd).store(workspace)
}

/// A tile of fewer than 16 columns, computed in the workspace.
///
/// Nothing is read or written past the edge of an unpacked B or of C.
private func narrowTile<Element: WeightElement>(
  _ element: Element.Type, rows: Int, columns: Int, _ a: UnsafePointer<Float>, _ aStride: Int,
  _ b: UnsafeRawPointer, _ bStride: Int, depth: Int, isPadded: Bool,
  _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
  adding: Bool, workspace: UnsafeMutablePointer<Float>
) {
  if isPadded {
    multiplyTile(
      Element.self, rows: rows, vectors: 1, a, aStride, b, bStride, 16, depth: depth, workspace, 16,
      adding: false)
  } else {
    // Only a B that is used once comes unpacked, as Float.
    let b = b.assumingMemoryBound(to: Float.self)
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
