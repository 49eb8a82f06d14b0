// Operators on elements and rows: sums, multiply-adds, RMS norm.

internal import TarnKernelInterface

/// `z = x + y`, such as a residual addition.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - y: `[rows × columns]`.
///   - z: `[rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `z` is touched.
/// - Complexity: two reads, one write, bound by memory; no allocation.
///
/// Each sum is rounded once.
public func add(
  _ x: Matrix, _ y: Matrix, into z: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("add", "second operand", [y.rows, y.columns], [x.rows, x.columns])
  try checkShape("add", "target", [z.rows, z.columns], [x.rows, x.columns])
  let kernels = execution.table.rows
  // SAFETY: shapes were checked.
  execution.forEachRows(x, y, into: &z) { _, x, y, z in kernels.add(x, y, z) }
}

/// `y[i] = x[i] + bias`, one row added to each.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - bias: `[1 × columns]`.
///   - y: `[rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `y` is touched.
/// - Complexity: one read, one write, bound by memory; no allocation.
///
/// Each sum is rounded once. After a product, the epilogue of
/// ``matmul(_:_:epilogue:into:at:on:)`` does it without a pass over memory.
public func addBias(
  _ x: Matrix, bias: Matrix, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("addBias", "bias", [bias.rows, bias.columns], [1, x.columns])
  try checkShape("addBias", "target", [y.rows, y.columns], [x.rows, x.columns])
  let kernels = execution.table.rows
  bias.withView { bias in
    // SAFETY: shapes were checked; a stride of 0 makes each row the bias.
    let same = unsafe MatrixView(bias.base, rows: x.rows, columns: x.columns, rowStride: 0)
    execution.forEachRows(x, into: &y) { rows, x, y in kernels.add(x, same[rows: rows], y) }
  }
}

/// `y = a ∘ b + c`, element by element.
///
/// - Parameters:
///   - a: `[rows × columns]`.
///   - b: `[rows × columns]`.
///   - c: `[rows × columns]`.
///   - y: `[rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `y` is touched.
/// - Complexity: three reads, one write, bound by memory; no allocation.
///
/// Rounded once with fused multiply-add, else twice (Docs: Numerics).
public func multiplyAdd(
  _ a: Matrix, _ b: Matrix, _ c: Matrix, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("multiplyAdd", "second factor", [b.rows, b.columns], [a.rows, a.columns])
  try checkShape("multiplyAdd", "summand", [c.rows, c.columns], [a.rows, a.columns])
  try checkShape("multiplyAdd", "target", [y.rows, y.columns], [a.rows, a.columns])
  let kernels = execution.table.rows
  a.withView { a in
    // SAFETY: shapes were checked.
    execution.forEachRows(b, c, into: &y) { rows, b, c, y in
      kernels.multiplyAdd(a[rows: rows], b, c, y)
    }
  }
}

/// `y[i] = x[i] · rrms(x[i]) ∘ gain`.
///
///     rrms = 1 / sqrt((1/d) Σ x[j]² + ε)
///
/// Zhang and Sennrich 2019 (arXiv:1910.07467), equation 4. Sums in the order of Docs: Numerics.
///
/// - Parameters:
///   - x: `[rows × d]`.
///   - gain: `[1 × d]`.
///   - epsilon: added to the mean square; not negative.
///   - y: `[rows × d]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a negative or NaN epsilon;
///   both before `y` is touched.
/// - Complexity: one read, one write, bound by memory; no allocation.
///
/// Relative error at most `(d/32 + 10) · 2⁻²⁴` (`rmsNormMeetsBoundAndContract`). NaN in a row makes that
/// row NaN, and no other. ∞ becomes NaN and the rest of its row zeros; if the sum of squares overflows,
/// the row is zeros. A row of zeros gives zeros, or NaN if epsilon is 0.
public func rmsNorm(
  _ x: Matrix, gain: Matrix, epsilon: Float, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("rmsNorm", "gain", [gain.rows, gain.columns], [1, x.columns])
  try checkEpsilon("rmsNorm", epsilon)
  try checkShape("rmsNorm", "target", [y.rows, y.columns], [x.rows, x.columns])
  let kernels = execution.table.rows
  gain.withView { gain in
    execution.forEachRows(x, into: &y) { _, x, y in
      // SAFETY: shapes were checked.
      unsafe kernels.rmsNorm(x, gain.base, epsilon, y)
    }
  }
}

/// Throws ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a negative or NaN ε.
func checkEpsilon(_ operation: String, _ epsilon: Float) throws(TarnError) {
  guard epsilon >= 0 else {
    throw .invalidArgument(
      operation: operation, argument: "epsilon", found: "\(epsilon)", expected: "at least 0")
  }
}
