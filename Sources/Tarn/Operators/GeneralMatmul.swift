// The product behind BLAS: C = alpha·A·B + beta·C with any row and column strides.

package import TarnKernelInterface

/// A matrix with any strides in memory that the caller owns, to be read.
///
///     element [i, j] is at offset + i · rowStride + j · columnStride
///
/// A transpose is the same memory with the strides exchanged; a stride of 0 repeats a row or a column, a
/// negative one runs backwards.
///
/// ## Safety
/// The buffer must stay alive and unchanged during each call that gets the value.
@unsafe public struct StridedMatrix {
  let view: StridedView

  /// A matrix whose elements lie in the buffer.
  ///
  /// - Parameters:
  ///   - buffer: the memory; any alignment.
  ///   - rows: number of rows.
  ///   - columns: number of columns.
  ///   - rowStride: distance between rows in elements (BLAS: lda).
  ///   - columnStride: distance between columns in elements.
  ///   - offset: the place of element [0, 0]; nil: as near to the buffer's start as all elements allow.
  /// - Throws: ``TarnError/invalidArgument(operation:argument:found:expected:)`` for negative sizes and for
  ///   elements outside of the buffer.
  public init(
    _ buffer: UnsafeBufferPointer<Float>, rows: Int, columns: Int, rowStride: Int,
    columnStride: Int = 1, offset: Int? = nil
  ) throws(TarnError) {
    let start = try placeOfFirst(
      "StridedMatrix", count: buffer.count, rows, columns, rowStride, columnStride, offset)
    // SAFETY: the elements lie in the buffer; without elements the address is not used.
    let base = unsafe buffer.baseAddress ?? ExternalMatrix.placeholder
    unsafe view = unsafe StridedView(
      base + start, rows: rows, columns: columns, rowStride: rowStride, columnStride: columnStride)
  }

  /// The same elements with rows for columns.
  public var transposed: StridedMatrix { unsafe StridedMatrix(view.transposed) }

  private init(_ view: StridedView) { unsafe self.view = view }
}

/// A matrix with any strides in memory that the caller owns, to be written.
///
/// ## Safety
/// The buffer must stay alive, and nobody else may use it, during each call that gets the value.
@unsafe public struct StridedMutableMatrix {
  let view: MutableStridedView

  /// A matrix whose elements lie in the buffer, no two at one place.
  ///
  /// Parameters and errors as ``StridedMatrix``; strides for which rows or columns interleave so that only
  /// a search would tell whether two elements meet are refused too.
  public init(
    _ buffer: UnsafeMutableBufferPointer<Float>, rows: Int, columns: Int, rowStride: Int,
    columnStride: Int = 1, offset: Int? = nil
  ) throws(TarnError) {
    let start = try placeOfFirst(
      "StridedMutableMatrix", count: buffer.count, rows, columns, rowStride, columnStride, offset)
    // Sizes and strides were multiplied above without overflow, unless there is one row or column.
    let isDisjoint =
      rows == 0 || columns == 0
      || (rows == 1 || rowStride != 0) && (columns == 1 || columnStride != 0)
        && (rows == 1 || columns == 1
          || abs(rowStride) > (columns - 1) * abs(columnStride)
          || abs(columnStride) > (rows - 1) * abs(rowStride))
    guard isDisjoint else {
      throw .invalidArgument(
        operation: "StridedMutableMatrix", argument: "strides",
        found: "\(rowStride) and \(columnStride) for \(rows) × \(columns)",
        expected: "strides that keep rows or columns apart")
    }
    // SAFETY: as StridedMatrix; what has no element is never written.
    let base =
      unsafe buffer.baseAddress ?? UnsafeMutablePointer(mutating: ExternalMatrix.placeholder)
    unsafe view = unsafe MutableStridedView(
      base + start, rows: rows, columns: columns, rowStride: rowStride, columnStride: columnStride)
  }
}

/// The place of element [0, 0], if all elements lie in `0..<count`.
private func placeOfFirst(
  _ operation: String, count: Int, _ rows: Int, _ columns: Int, _ rowStride: Int,
  _ columnStride: Int, _ offset: Int?
) throws(TarnError) -> Int {
  // With a stride of 0 a size may be beyond all memory; this leaves scratch sizes room.
  let largest = Int(min(1 << 40, Int64(Int.max / 64)))
  for (name, size) in [("rows", rows), ("columns", columns)]
  where !(0...largest).contains(size) {
    throw .invalidArgument(
      operation: operation, argument: name, found: "\(size)", expected: "0 to \(largest)")
  }
  if rows == 0 || columns == 0 { return 0 }
  let down = (rows - 1).multipliedReportingOverflow(by: rowStride)
  let right = (columns - 1).multipliedReportingOverflow(by: columnStride)
  let limit = Int.max / 64
  let isSmall =
    !down.overflow && !right.overflow && abs(max(down.partialValue, -limit)) < limit
    && abs(max(right.partialValue, -limit)) < limit
  if isSmall {
    let (down, right) = (down.partialValue, right.partialValue)
    let start = offset ?? -(min(down, 0) + min(right, 0))
    if (-limit...limit).contains(start), start + min(down, 0) + min(right, 0) >= 0,
      start + max(down, 0) + max(right, 0) < count
    {
      return start
    }
  }
  throw .invalidArgument(
    operation: operation, argument: "buffer",
    found:
      "\(count) elements for \(rows) × \(columns) with strides \(rowStride) and \(columnStride)",
    expected: "all elements inside")
}

/// `c = alpha·a·b + beta·c`, for any row and column strides.
///
///     s[i, j] = the sums of matmul: chains of multiply-adds over k in blocks of 384, added in order
///     c[i, j] = fma(alpha, s[i, j], fl(beta · c[i, j]))
///
/// What BLAS calls GEMM; transposes are strides. With alpha 1 and beta 0 the bits are those of
/// ``matmul(_:_:epilogue:into:at:on:)``, whatever the strides. No operand is packed ahead.
///
/// - Parameters:
///   - a: `[rows × depth]`.
///   - b: `[depth × columns]`.
///   - alpha: with 0, `a` and `b` are not read.
///   - beta: with 0, `c` is not read.
///   - c: `[rows × columns]`; none of its memory, gaps included, may be part of `a` or `b`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for memory that overlaps; both
///   before `c` is touched.
/// - Complexity: as ``matmul(_:_:transposingB:epilogue:into:at:on:)``; one copy of `a` where its column
///   stride is not 1, one pass over `c`. Scratch memory for at most 1536 columns of `b` and, a thread,
///   some rows of `a`.
///
/// Each element is within `(depth + 2) · 2⁻²⁴ · (|alpha| Σ |a||b| + |beta c|)` of the exact value, to
/// first order, if nothing underflows ("general matmul, all edges").
///
/// ## Safety
/// The buffers must stay alive during the call, and nobody else may use that of `c`.
@unsafe public func matmul(
  _ a: StridedMatrix, _ b: StridedMatrix, alpha: Float = 1, beta: Float = 0,
  into c: StridedMutableMatrix, on execution: Execution
) throws(TarnError) {
  let (a, b, c) = unsafe (a.view, b.view, c.view)
  try checkShape("matmul", "a", [a.rows, a.columns], [c.rows, b.rows])
  try checkShape("matmul", "b columns", [b.columns], [c.columns])
  for (name, other) in [("a", a), ("b", b)] where overlap(c.readOnly, other) {
    throw .invalidArgument(
      operation: "matmul", argument: "c", found: "memory that is part of \(name)",
      expected: "memory of its own")
  }
  multiply(a, b, alpha: alpha, beta: beta, into: c, on: execution)
}

/// Whether the memory from first to last element of both has bytes in common.
private func overlap(_ x: StridedView, _ y: StridedView) -> Bool {
  func range(_ x: StridedView) -> ClosedRange<Int>? {
    guard x.rows > 0, x.columns > 0 else { return nil }
    let base = unsafe Int(bitPattern: x.base)
    let ends = [(x.rows - 1) * x.rowStride, (x.columns - 1) * x.columnStride].map { $0 * 4 }
    return base + ends.map { min($0, 0) }.reduce(0, +)...base + ends.map { max($0, 0) }.reduce(3, +)
  }
  guard let x = range(x), let y = range(y) else { return false }
  return x.overlaps(y)
}

/// The sizes in which a product of strided matrices is done.
///
/// Rows and columns of a block, and where threads begin, change no bit. The depth does: only tests of
/// what happens between blocks set it.
package struct ProductBlocks: Sendable {
  /// Rows of A that meet a panel of B before the next panel; nil: what the kernels like.
  var rows: Int?
  /// Length of a k-block.
  var depth = Blocking.depth
  /// Columns of B that are packed at a time.
  var columns = Workspace.columns
  /// Products of fewer multiply-adds run on the caller's thread alone.
  var serialProducts = 1 << 18

  /// What is fast.
  package init() {}

  /// Blocks of a few elements, and threads for every product.
  package static let tiny = {
    var blocks = ProductBlocks()
    (blocks.rows, blocks.depth, blocks.columns, blocks.serialProducts) = (5, 7, 20, 0)
    return blocks
  }()
}

/// The product of ``matmul(_:_:alpha:beta:into:on:)``, unchecked.
///
/// The kernels want rows of C and of A without gaps between elements: a C of columns is computed as its
/// transpose, `Cᵀ = Bᵀ·Aᵀ`, with the same sums; an A of columns is copied, some rows at a time. What is left
/// is the loops of <doc:Matmul> around the kernels' own: few rows take B as it is, or pack a panel when
/// its turn comes; many rows pack 1536 columns, all threads together.
///
/// The sums of a block of rows and a panel go to scratch memory in the second-level cache, from there
/// with alpha and beta to C; to C at once where beta is 0 and its rows have no gaps.
package func multiply(
  _ a: StridedView, _ b: StridedView, alpha: Float, beta: Float, into c: MutableStridedView,
  blocks: ProductBlocks = ProductBlocks(), on execution: Execution
) {
  guard c.rows > 0, c.columns > 0 else { return }
  let isByColumns =
    c.rows > 1 && (c.columns == 1 || abs(c.rowStride) < abs(c.columnStride))
  let products = Double(c.rows) * Double(c.columns) * Double(a.columns)
  let product = StridedProduct(
    a: isByColumns ? b.transposed : a, b: isByColumns ? a.transposed : b,
    c: isByColumns ? c.transposed : c, alpha: alpha, beta: beta, blocks: blocks,
    execution: products < Double(blocks.serialProducts)
      ? Execution(execution, threads: 1) : execution)
  product.run()
}

/// A product whose C has its rows, not its columns, near together.
private struct StridedProduct: Sendable {
  var a: StridedView
  var b: StridedView
  var c: MutableStridedView
  var alpha: Float
  var beta: Float
  var blocks: ProductBlocks
  var execution: Execution

  private var kernels: MatmulKernels { execution.table.matmul }
  private var depth: Int { a.columns }

  /// Whether sums can be made in C itself.
  private var isDirect: Bool { beta == 0 && c.columnStride == 1 }

  /// Sums that a part holds in scratch memory unless it has more rows than a block.
  private static let heldSums = Blocking.rows * PackedView.panelWidth

  func run() {
    if alpha == 0 || depth == 0 {
      execution.forEachRange(c.rows, grain: 16) { rows in
        kernels.combine(nil, 0, beta, c[rows, 0..<c.columns])
      }
    } else if c.rows <= min(blocks.rows ?? Blocking.rows, Blocking.rows) {
      withRows(0..<c.rows) { a in multiplyFewRows(a) }
    } else {
      multiplyManyRows()
    }
  }

  /// Rows of A without gaps: as they lie, or copied.
  private func withRows(_ rows: Range<Int>, _ body: (MatrixView) -> Void) {
    let part = a[rows, 0..<depth]
    if a.columnStride == 1 {
      body(part.rowMajor)
    } else {
      // A stride beside a power of two: the rows of a tile would meet in the same lines of L1.
      let stride = depth + 16
      unsafe withScratch(Float.self, rows.count * stride) { memory in
        // SAFETY: there is room for the rows.
        let copy = unsafe MutableMatrixView(
          memory, rows: rows.count, columns: depth, rowStride: stride)
        execution.table.memory.copyStrided(part, copy)
        body(copy.readOnly)
      }
    }
  }

  /// A row-major B is read as it is, unless its panels must be packed: then each just before it is needed.
  private func multiplyFewRows(_ a: MatrixView) {
    let kernels = kernels
    let panelCount = (c.columns + 47) / 48
    let takesB =
      b.columnStride == 1 && blocks.depth == Blocking.depth
      && c.rows
        <= (kernels.tileColumns == PackedView.panelWidth ? Blocking.rows : kernels.tileRows)
    let most = takesB ? Int.max : 2
    let kBlocks = takesB ? [0..<depth] : kBlocks
    execution.forEachRange(panelCount, grain: 1) { panels in
      let room = takesB ? 0 : 2 * PackedView.panelWidth * blocks.depth
      unsafe withScratch(Float.self, room + max(c.rows * 48, Self.heldSums)) { scratch in
        // SAFETY: the scratch has room for two packed panels and the sums of a part.
        let sums = unsafe scratch + room
        unsafe forEachPart(0..<c.rows, panels, most: most, kBlocks, sums) { k, columns, target in
          let part = b[k, columns]
          let parts = 0..<(columns.count + 47) / 48
          unsafe withMatmulWorkspace { workspace in
            if takesB {
              unsafe kernels.multiplyUnpacked(
                a, part.rowMajor, parts, EpilogueView(), target, workspace)
            } else {
              unsafe kernels.packStrided(part, parts, scratch)
              let block = unsafe PackedView(scratch, depth: k.count, columns: columns.count)
              unsafe kernels.multiply(
                a[columns: k], block, parts, k.lowerBound > 0, EpilogueView(), target, workspace)
            }
          }
        }
      }
    }
  }

  /// B is packed in parts of many columns, all of their depth, by all threads; then rows are divided, or
  /// panels where A needs no copy and the rows are few.
  private func multiplyManyRows() {
    let kernels = kernels
    let most = min(blocks.columns, c.columns)
    unsafe withScratch(Float.self, (most + 15) / 16 * 16 * depth) { packed in
      // SAFETY: panels of each k-block are different parts of the memory.
      nonisolated(unsafe) let packed = unsafe packed
      for j in stride(from: 0, to: c.columns, by: most) {
        let columns = j..<min(j + most, c.columns)
        let padded = (columns.count + 15) / 16 * 16
        let panelCount = (columns.count + 47) / 48
        execution.forEachRange(panelCount, grain: 1) { panels in
          for k in kBlocks {
            unsafe kernels.packStrided(b[k, columns], panels, packed + k.lowerBound * padded)
          }
        }
        let part = StridedProduct(
          a: a, b: b[0..<depth, columns], c: c[0..<c.rows, columns], alpha: alpha, beta: beta,
          blocks: blocks, execution: execution)
        let byPanels =
          a.columnStride == 1 && c.rows <= 512 && panelCount >= 4 * execution.threads
        if byPanels {
          execution.forEachRange(panelCount, grain: 1) { panels in
            unsafe part.multiply(0..<c.rows, panels, packed)
          }
        } else {
          execution.forEachRange(c.rows, grain: kernels.tileRows * 2) { rows in
            unsafe part.multiply(rows, 0..<panelCount, packed)
          }
        }
      }
    }
  }

  /// Some rows and panels of a B that is packed.
  private func multiply(
    _ rows: Range<Int>, _ panels: Range<Int>, _ packed: UnsafeMutablePointer<Float>
  ) {
    let kernels = kernels
    let padded = (c.columns + 15) / 16 * 16
    let most = blockRows
    unsafe withScratch(Float.self, max(most * 48, Self.heldSums)) { sums in
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: most) {
        let block = first..<min(first + most, rows.upperBound)
        withRows(block) { a in
          unsafe forEachPart(block, panels, most: Int.max, kBlocks, sums) { k, columns, target in
            // SAFETY: a panel begins at its column's strip in the k-block.
            let view = unsafe PackedView(
              packed + k.lowerBound * padded + columns.lowerBound * k.count, depth: k.count,
              columns: columns.count)
            unsafe withMatmulWorkspace { workspace in
              unsafe kernels.multiply(
                a[columns: k], view, 0..<view.panelCount, k.lowerBound > 0, EpilogueView(),
                target, workspace)
            }
          }
        }
      }
    }
  }

  /// As many rows as the kernels like; fewer where A is copied and deep.
  private var blockRows: Int {
    let wanted = blocks.rows ?? kernels.blockRows
    if a.columnStride == 1 { return wanted }
    return min(wanted, max(kernels.tileRows * 3, (Workspace.count / depth) / 24 * 24))
  }

  private var kBlocks: [Range<Int>] {
    stride(from: 0, to: depth, by: blocks.depth).map { $0..<min($0 + blocks.depth, depth) }
  }

  /// Calls `body` for each k-block of some panels, in order, then finishes their part of C.
  ///
  /// - Parameters:
  ///   - rows: the rows of C.
  ///   - panels: the panels; some at a time, as the scratch memory allows.
  ///   - most: the most panels at a time.
  ///   - kBlocks: all of the depth.
  ///   - sums: room for the larger of ``heldSums`` and a panel of the rows.
  ///   - body: adds the products of the k-block to the target, or writes them if it is the first.
  private func forEachPart(
    _ rows: Range<Int>, _ panels: Range<Int>, most: Int, _ kBlocks: [Range<Int>],
    _ sums: UnsafeMutablePointer<Float>,
    _ body: (_ k: Range<Int>, _ columns: Range<Int>, _ target: MutableMatrixView) -> Void
  ) {
    let step = min(most, max(1, Self.heldSums / (rows.count * 48)))
    for panel in stride(from: panels.lowerBound, to: panels.upperBound, by: step) {
      let end = min(panel + step, panels.upperBound)
      let columns = panel * 48..<min(end * 48, c.columns)
      let part = c[rows, columns]
      // SAFETY: the sums have room for the rows and columns.
      let held = unsafe MutableMatrixView(
        sums, rows: rows.count, columns: columns.count, rowStride: columns.count)
      let target = isDirect ? part.rowMajor : held
      for k in kBlocks { body(k, columns, target) }
      if !isDirect {
        kernels.combine(target.readOnly, alpha, beta, part)
      } else if alpha != 1 {
        kernels.combine(target.readOnly, alpha, 0, part)
      }
    }
  }
}
