// Matmul with weights packed ahead.

public import TarnKernelInterface

/// What happens to each element of `A·B` before it is stored.
///
///     c = activation(A·B + bias) + residual
///
/// Each step is done while the tile of C is in L1.
public struct Epilogue: Sendable {
  /// `[1 × columns]`, or nil.
  public var bias: Matrix?
  /// Applied after the bias, or nil.
  public var activation: ElementwiseFunction?
  /// `[rows × columns]`, added last, or nil.
  public var residual: Matrix?

  /// An epilogue of any of the three steps.
  public init(
    bias: Matrix? = nil, activation: ElementwiseFunction? = nil, residual: Matrix? = nil
  ) {
    self.bias = bias
    self.activation = activation
    self.residual = residual
  }

  /// `A·B` as it is.
  public static var none: Epilogue { Epilogue() }
}

/// `c[first ..< first + a.rows] = activation(a·b + bias) + residual`.
///
///     s_b[i, j] = chain of multiply-adds over k in block b (384 values of k), from zero
///     c[i, j]   = activation(((s_0 + s_1) + s_2 …) + bias[j]) + residual[i, j]
///
/// Docs: Numerics. The multiply-adds are fused where the instruction set has them. Each element has
/// one order of summation, so a row has the same bits alone and in any batch. Weights of sixteen bits
/// give the bits of the same numbers held as Float. With ``/TarnKernelInterface/WeightFormat/int8`` the
/// sums are those of the whole numbers, times the scale of column j before the bias.
///
/// - Parameters:
///   - a: `[rows × depth]`. Depth 0 gives the epilogue of zeros.
///   - b: `depth × columns`, packed.
///   - epilogue: bias `[1 × columns]`, residual `[rows × columns]`.
///   - c: at least `first + rows` rows of `columns`.
///   - first: the first row of `c` that is written.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` if the rows do not fit
///   in `c`; both before `c` is touched.
/// - Complexity: `2 · rows · depth · columns` operations, bound by multiply-add throughput from
///   about 8 rows up, by reading `b` below; scratch memory of 2.4 MB a thread, kept between calls, for
///   weights of fewer bits.
///
/// `A·B` is within `depth · 2⁻²⁴ · Σ |a||b|` of the exact value
/// (`matmulMeetsTheContractAtEveryEdge`); bias and residual round once each, the activation as
/// ``/TarnKernelInterface/ElementwiseFunction`` says. NaN and ∞ reach the elements whose sums they are in.
public func matmul(
  _ a: Matrix, _ b: PackedMatrix, epilogue: Epilogue = .none, into c: inout Matrix,
  at first: Int = 0, on execution: Execution
) throws(TarnError) {
  try checkShape("matmul", "a", [a.rows, a.columns], [a.rows, b.depth])
  try check(epilogue, rows: a.rows, columns: b.columns)
  try checkTarget("matmul", c, first: first, rows: a.rows, columns: b.columns)
  let rows = a.rows
  a.withView { a in
    b.withView { b in
      withEpilogueView(epilogue) { epilogue in
        c.withMutableView { c in
          // Shapes were checked above; c shares no memory with the others, since it is uniquely
          // referenced.
          multiply(
            a, b, adding: false, epilogue, into: c[rows: first..<first + rows], on: execution)
        }
      }
    }
  }
}

/// Divides a product with packed weights among threads: by panels, or by rows if there are many rows or
/// few panels.
///
/// By panels each thread reads a part of B, with blocks of rows as high as one thread has them; by rows
/// each reads all of B, but A and C only in part.
///
/// The caller has checked shapes, and that `c` shares no memory with the others.
func multiply(
  _ a: MatrixView, _ b: PackedView, adding: Bool, _ epilogue: EpilogueView,
  into c: MutableMatrixView, on execution: Execution
) {
  let kernels = execution.table.matmul
  let byPanels = c.rows < 32 || c.rows <= 512 && b.panelCount >= 4 * execution.threads
  if !byPanels {
    execution.forEachRange(c.rows, grain: kernels.tileRows * 2) { range in
      // SAFETY: ranges of rows write different elements.
      unsafe withMatmulWorkspace(b.format) { workspace in
        unsafe kernels.multiply(
          a[rows: range], b, 0..<b.panelCount, adding, epilogue[rows: range], c[rows: range],
          workspace)
      }
    }
  } else {
    execution.forEachRange(b.panelCount, grain: 1) { panels in
      // SAFETY: panels write different columns.
      unsafe withMatmulWorkspace(b.format) { workspace in
        unsafe kernels.multiply(a, b, panels, adding, epilogue, c, workspace)
      }
    }
  }
}

/// Scratch of a matmul kernel: a few elements, or for weights to be widened a block of ``Workspace``.
@inline(__always)
package func withMatmulWorkspace(
  _ format: WeightFormat = .float32, _ body: (UnsafeMutablePointer<Float>) -> Void
) {
  if format != .float32 {
    unsafe Workspace.with(body)
  } else {
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: Blocking.matmulWorkspace) {
      // SAFETY: a temporary allocation of more than zero elements has an address.
      if let base = $0.baseAddress { unsafe body(base) }
    }
  }
}

func withEpilogueView(_ epilogue: Epilogue, _ body: (EpilogueView) -> Void) {
  func withResidual(_ view: EpilogueView) {
    var view = view
    if let residual = epilogue.residual {
      residual.withView {
        view.residual = $0
        body(view)
      }
    } else {
      body(view)
    }
  }
  var view = unsafe EpilogueView(activation: epilogue.activation)
  if let bias = epilogue.bias {
    bias.withView {
      unsafe view.bias = $0.base
      withResidual(view)
    }
  } else {
    withResidual(view)
  }
}

extension EpilogueView {
  /// The epilogue of rows `range`.
  subscript(rows range: Range<Int>) -> EpilogueView {
    unsafe EpilogueView(
      bias: bias, activation: activation, residual: residual.map { $0[rows: range] })
  }
}

/// Throws unless `first ..< first + rows` lies in `target` and the columns agree.
///
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` for the columns,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for the rows.
package func checkTarget(
  _ operation: String, _ target: Matrix, first: Int, rows: Int, columns: Int
) throws(TarnError) {
  try checkShape(
    operation, "target columns", [target.columns], [columns])
  guard first >= 0, rows <= target.rows, first <= target.rows - rows else {
    throw .invalidArgument(
      operation: operation, argument: "first row", found: "\(first)",
      expected: "\(rows) rows from it within the target's \(target.rows)")
  }
}
