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

/// A weight matrix `depth × columns` in the order in which matmul reads it.
///
/// Strips of sixteen columns; one format for all instruction sets. Docs: Matmul.
public struct PackedMatrix: Sendable {
  /// Rows of the matrix before packing: the length of the sums.
  public let depth: Int
  /// Columns of the matrix, and of the result.
  public let columns: Int

  private let packed: Matrix

  /// Packs `matrix`, `[depth × columns]` row-major.
  ///
  /// - Throws: ``TarnError/invalidArgument(operation:argument:found:expected:)`` if the packed form
  ///   does not fit an `Int`.
  /// - Complexity: one read, one write.
  public init(_ matrix: Matrix, on execution: Execution) throws(TarnError) {
    unsafe try self.init(
      matrix, depth: matrix.rows, columns: matrix.columns, execution.table.matmul.pack,
      on: execution)
  }

  /// Packs the transpose of `matrix`, `[columns × depth]` row-major, as linear layers store it.
  ///
  /// - Throws: as ``init(_:on:)``.
  /// - Complexity: one read, one write; strided.
  public init(transposing matrix: Matrix, on execution: Execution) throws(TarnError) {
    unsafe try self.init(
      matrix, depth: matrix.columns, columns: matrix.rows, execution.table.matmul.packTransposed,
      on: execution)
  }

  private init(
    _ matrix: Matrix, depth: Int, columns: Int,
    _ pack: @Sendable (MatrixView, Range<Int>, UnsafeMutablePointer<Float>) -> Void,
    on execution: Execution
  ) throws(TarnError) {
    self.depth = depth
    self.columns = columns
    var packed = try Matrix(
      rows: 1, columns: PackedView.elementCount(depth: depth, columns: columns))
    packed.withMutableView { target in
      matrix.withView { source in
        let panels = unsafe PackedView(target.base, depth: depth, columns: columns).panelCount
        execution.forEachRange(panels, grain: 1) { panels in
          // SAFETY: the target holds elementCount elements; panels write different ones.
          unsafe pack(source, panels, target.base)
        }
      }
    }
    self.packed = packed
  }

  /// Several matrices side by side, for products that share their input.
  ///
  /// Each part begins at a multiple of sixteen columns; columns of zeros fill up the one before.
  ///
  /// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` if the depths differ.
  /// - Complexity: one read, one write.
  public init(joining parts: [PackedMatrix]) throws(TarnError) {
    depth = parts.first?.depth ?? 0
    var elements: [Float] = []
    var columns = 0
    for part in parts {
      try checkShape("PackedMatrix", "depth", [part.depth], [depth])
      columns = PackedMatrix.start(after: columns) + part.columns
      elements += part.packed.elements
    }
    self.columns = columns
    packed = Matrix(elements)
  }

  private init(depth: Int, columns: Int, packed: Matrix) {
    self.depth = depth
    self.columns = columns
    self.packed = packed
  }

  /// The column at which the next of several joined parts begins.
  public static func start(after columns: Int) -> Int { (columns + 15) & ~15 }

  /// Columns `range`, sharing their elements with this matrix.
  ///
  /// - Precondition: `range` lies within the columns and begins at a multiple of sixteen.
  public func columns(_ range: Range<Int>) -> PackedMatrix {
    precondition(
      range.lowerBound >= 0 && range.lowerBound % 16 == 0 && range.upperBound <= columns,
      "columns \(range) of a packed matrix of \(columns)")
    let end = PackedMatrix.start(after: range.upperBound)
    return PackedMatrix(
      depth: depth, columns: range.count,
      packed: packed.columns(range.lowerBound * depth..<max(range.lowerBound, end) * depth))
  }

  /// Calls `body` with a view that must not outlive the call.
  @inline(__always)
  package func withView<R, E>(_ body: (PackedView) throws(E) -> R) throws(E) -> R {
    try packed.withView { view throws(E) -> R in
      // SAFETY: the matrix holds elementCount elements.
      try unsafe body(PackedView(view.base, depth: depth, columns: columns))
    }
  }
}

/// `c[first ..< first + a.rows] = activation(a·b + bias) + residual`.
///
///     s_b[i, j] = chain of multiply-adds over k in block b (384 values of k), from zero
///     c[i, j]   = activation(((s_0 + s_1) + s_2 …) + bias[j]) + residual[i, j]
///
/// Docs: Numerics. The multiply-adds are fused where the instruction set has them. Each element has
/// one order of summation, so a row has the same bits alone and in any batch.
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
///   about 8 rows up, by reading `b` below; no allocation.
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
      unsafe withMatmulWorkspace { workspace in
        unsafe kernels.multiply(
          a[rows: range], b, 0..<b.panelCount, adding, epilogue[rows: range], c[rows: range],
          workspace)
      }
    }
  } else {
    execution.forEachRange(b.panelCount, grain: 1) { panels in
      // SAFETY: panels write different columns.
      unsafe withMatmulWorkspace { workspace in
        unsafe kernels.multiply(a, b, panels, adding, epilogue, c, workspace)
      }
    }
  }
}

/// Scratch of a matmul kernel, on the stack.
@inline(__always)
package func withMatmulWorkspace(_ body: (UnsafeMutablePointer<Float>) -> Void) {
  unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: Blocking.matmulWorkspace) {
    // SAFETY: a temporary allocation of more than zero elements has an address.
    if let base = $0.baseAddress { unsafe body(base) }
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
