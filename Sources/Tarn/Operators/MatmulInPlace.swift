// Matmul of operands that are used once: B is packed inside the call, block by block.

internal import TarnKernelInterface

/// `c[first ..< first + a.rows] = activation(a·b + bias) + residual`, or with `bᵀ` for `b`.
///
/// The sums of ``matmul(_:_:epilogue:into:at:on:)``, bit for bit. For weights that are used again,
/// pack them once: ``PackedMatrix``.
///
/// - Parameters:
///   - a: `[rows × depth]`.
///   - b: `[depth × columns]`, or `[columns × depth]` if it is transposed.
///   - transposingB: whether the product is `a·bᵀ`.
///   - epilogue: bias `[1 × columns]`, residual `[rows × columns]`.
///   - c: at least `first + rows` rows of `columns`.
///   - first: the first row of `c` that is written.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` if the rows do not fit
///   in `c`; both before `c` is touched.
/// - Complexity: as the form with packed weights, and one read and one write of `b`; few rows take
///   a row-major `b` as it is. Scratch memory of 2.4 MB is kept between calls.
public func matmul(
  _ a: Matrix, _ b: Matrix, transposingB: Bool = false, epilogue: Epilogue = .none,
  into c: inout Matrix, at first: Int = 0, on execution: Execution
) throws(TarnError) {
  let (depth, columns) = transposingB ? (b.columns, b.rows) : (b.rows, b.columns)
  try checkShape("matmul", "a", [a.rows, a.columns], [a.rows, depth])
  try check(epilogue, rows: a.rows, columns: columns)
  try checkTarget("matmul", c, first: first, rows: a.rows, columns: columns)
  let rows = a.rows
  a.withView { a in
    b.withView { b in
      withEpilogueView(epilogue) { epilogue in
        c.withMutableView { c in
          multiply(
            a, transposingB ? .transposed(b) : .rowMajor(b), epilogue,
            into: c[rows: first..<first + rows], on: execution)
        }
      }
    }
  }
}

/// `c_i = activation(a_i·b_i + bias) + residual`, or with `b_iᵀ`, for matrices in the caller's memory.
///
/// The sums of ``matmul(_:_:epilogue:into:at:on:)``, bit for bit, for any strides and any division of
/// a batch.
///
/// - Parameters:
///   - a: `count` matrices `[rows × depth]`, or one that serves all.
///   - b: `count` matrices `[depth × columns]`, or `[columns × depth]` if transposed, or one that
///     serves all.
///   - transposingB: whether the products are `a_i·b_iᵀ`.
///   - epilogue: bias `[1 × columns]` and residual `[rows × columns]`, the same for all.
///   - c: `count` matrices `[rows × columns]`; none of its memory, gaps included, may be part of `a`
///     or `b`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for memory that overlaps;
///   both before `c` is touched.
/// - Complexity: as ``matmul(_:_:transposingB:epilogue:into:at:on:)`` for each of the batch.
///
/// ## Safety
/// The buffers must stay alive during the call, and nobody else may use that of `c`.
@unsafe public func matmul(
  _ a: ExternalMatrix, _ b: ExternalMatrix, transposingB: Bool = false,
  epilogue: Epilogue = .none, into c: ExternalMutableMatrix, on execution: Execution
) throws(TarnError) {
  let (la, lb, lc) = unsafe (a.layout, b.layout, c.layout)
  let (depth, columns) = transposingB ? (lb.columns, lb.rows) : (lb.rows, lb.columns)
  try checkShape("matmul", "a", [la.rows, la.columns], [lc.rows, depth])
  try checkShape("matmul", "b columns", [columns], [lc.columns])
  if la.count != 1 { try checkShape("matmul", "a count", [la.count], [lc.count]) }
  if lb.count != 1 { try checkShape("matmul", "b count", [lb.count], [lc.count]) }
  try check(epilogue, rows: lc.rows, columns: columns)
  try unsafe checkOverlap(c, a, "a")
  try unsafe checkOverlap(c, b, "b")
  nonisolated(unsafe) let (a, b, c) = unsafe (a, b, c)
  withEpilogueView(epilogue) { epilogue in
    let one = { @Sendable (i: Int) in
      // SAFETY: sizes were checked; matrices of the batch share no element.
      let right = unsafe b.view(lb.count == 1 ? 0 : i)
      unsafe multiply(
        a.view(la.count == 1 ? 0 : i), transposingB ? .transposed(right) : .rowMajor(right),
        epilogue, into: c.view(i), on: execution)
    }
    // Whole matrices to the threads if there are enough of them; each is then multiplied serially.
    if lc.count >= 2 * execution.threads {
      execution.forEach(lc.count, one)
    } else {
      for i in 0..<lc.count { one(i) }
    }
  }
}

/// Throws if `c` lies in the memory of another operand.
private func checkOverlap(
  _ c: ExternalMutableMatrix, _ other: ExternalMatrix, _ name: String
) throws(TarnError) {
  if unsafe c.overlaps(other) {
    throw .invalidArgument(
      operation: "matmul", argument: "c", found: "memory that is part of \(name)",
      expected: "memory of its own")
  }
}

/// B as it lies in memory, where it is not packed.
enum RightOperand: Sendable {
  /// `[depth × columns]`.
  case rowMajor(MatrixView)
  /// `[columns × depth]`.
  case transposed(MatrixView)
}

/// A product whose B is packed inside the call.
///
/// A row-major B is taken as it is up to a block of rows where the register tile is as wide as a panel,
/// else for one tile of rows. What is left up to a block of rows packs each panel and multiplies it
/// before the next, while it is in the second-level cache; it is needed only once. Many rows need it
/// once for each of their blocks: B is packed in parts of 384 × 1536, by all threads together.
///
/// The caller has checked shapes, and that `c` shares no memory with the others.
private func multiply(
  _ a: MatrixView, _ b: RightOperand, _ epilogue: EpilogueView, into c: MutableMatrixView,
  on execution: Execution
) {
  guard c.rows > 0, c.columns > 0 else { return }
  let kernels = execution.table.matmul
  let panels = (c.columns + 47) / 48
  let unpacked = kernels.tileColumns == PackedView.panelWidth ? Blocking.rows : kernels.tileRows
  if case .rowMajor(let b) = b, c.rows <= unpacked {
    execution.forEachRange(panels, grain: 1) { panels in
      // SAFETY: panels write different columns.
      unsafe withMatmulWorkspace { workspace in
        unsafe kernels.multiplyUnpacked(a, b, panels, epilogue, c, workspace)
      }
    }
  } else if c.rows <= Blocking.rows {
    execution.forEachRange(panels, grain: 1) { panels in
      unsafe Workspace.with { packed in
        for panel in panels {
          let columns = panel * 48..<min(panel * 48 + 48, c.columns)
          forEachBlock(a, b, epilogue, into: c, columns) { a, part, adding, epilogue, c in
            // SAFETY: a workspace holds a k-block of a panel.
            unsafe part.pack(0..<1, packed, kernels)
            let block = unsafe PackedView(packed, depth: a.columns, columns: c.columns)
            unsafe withMatmulWorkspace { workspace in
              unsafe kernels.multiply(a, block, 0..<1, adding, epilogue, c, workspace)
            }
          }
        }
      }
    }
  } else {
    unsafe Workspace.with { packed in
      for j in stride(from: 0, to: c.columns, by: Workspace.columns) {
        let columns = j..<min(j + Workspace.columns, c.columns)
        forEachBlock(a, b, epilogue, into: c, columns) { a, part, adding, epilogue, c in
          let block = unsafe PackedView(packed, depth: a.columns, columns: c.columns)
          // SAFETY: a workspace holds 384 × 1536 elements; panels are different parts of it.
          nonisolated(unsafe) let packed = unsafe packed
          execution.forEachRange(block.panelCount, grain: 2) { panels in
            unsafe part.pack(panels, packed, kernels)
          }
          multiply(a, block, adding: adding, epilogue, into: c, on: execution)
        }
      }
    }
  }
}

/// Calls `body` for each k-block of some columns, in order, with the parts that belong to it.
private func forEachBlock(
  _ a: MatrixView, _ b: RightOperand, _ epilogue: EpilogueView, into c: MutableMatrixView,
  _ columns: Range<Int>,
  _ body: (
    _ a: MatrixView, _ b: RightOperand, _ adding: Bool, _ epilogue: EpilogueView,
    _ c: MutableMatrixView
  ) -> Void
) {
  let depth = a.columns
  let target = c[columns: columns]
  for k in stride(from: 0, to: max(1, depth), by: Blocking.depth) {
    let block = k..<min(k + Blocking.depth, depth)
    body(
      a[columns: block], b[depth: block, columns: columns], k > 0,
      block.upperBound == depth
        ? epilogue[columnsFrom: columns.lowerBound] : unsafe EpilogueView(), target)
  }
}

extension RightOperand {
  /// The part that some k and some columns need.
  fileprivate subscript(depth depth: Range<Int>, columns columns: Range<Int>) -> RightOperand {
    switch self {
    case .rowMajor(let b): .rowMajor(b[rows: depth][columns: columns])
    case .transposed(let b): .transposed(b[rows: columns][columns: depth])
    }
  }

  /// Packs some panels.
  ///
  /// ## Safety
  /// `packed` must be writable for the packed form of all.
  @unsafe func pack(
    _ panels: Range<Int>, _ packed: UnsafeMutablePointer<Float>, _ kernels: MatmulKernels
  ) {
    switch self {
    case .rowMajor(let b): unsafe kernels.pack(b, panels, packed)
    case .transposed(let b): unsafe kernels.packTransposed(b, panels, packed)
    }
  }
}

/// Throws unless bias and residual fit a result of that size.
func check(_ epilogue: Epilogue, rows: Int, columns: Int) throws(TarnError) {
  if let bias = epilogue.bias {
    try checkShape("matmul", "bias", [bias.rows, bias.columns], [1, columns])
  }
  if let residual = epilogue.residual {
    try checkShape(
      "matmul", "residual", [residual.rows, residual.columns], [rows, columns])
  }
}

extension EpilogueView {
  /// The epilogue of the columns from `j` on.
  fileprivate subscript(columnsFrom j: Int) -> EpilogueView {
    unsafe EpilogueView(
      bias: bias.map { unsafe $0 + j }, activation: activation,
      residual: residual.map { $0[columns: j..<$0.columns] })
  }
}
