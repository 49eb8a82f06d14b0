// Softmax in all its forms: of whole rows and of their first elements, its logarithm, the logarithm of
// its denominator, and their gradients.

internal import TarnKernelInterface

/// `y[i, j] = exp(s·x[i, j] - m) / Σ_j exp(s·x[i, j] - m)` with `m = max_j s·x[i, j]`.
///
/// Sums in the order of Docs: Numerics.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - scale: the factor `s`.
///   - y: `[rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `y` is touched.
/// - Complexity: one read, one write, one exponential an element, bound by arithmetic; no
///   allocation.
///
/// Relative error at most `(8 · max |s·x| + columns/16 + 32) · 2⁻²⁴`, and 2⁻¹²⁶ absolute, since
/// exponentials that would be denormal (s·x - m < -87.33654) are flushed to 0
/// (`softmaxMeetsBoundAndContract`). For s > 0, -∞ gives 0; a row that is all -∞ or holds NaN or +∞
/// becomes NaN, and no other.
public func softmax(
  _ x: Matrix, scale: Float = 1, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("softmax", "target", [y.rows, y.columns], [x.rows, x.columns])
  let kernels = execution.table.rows
  // SAFETY: shapes were checked.
  execution.forEachRows(x, into: &y) { _, x, y in kernels.softmax(x, scale, y) }
}

/// Softmax of the first `lengths[i]` elements of each row; 0 from there on.
///
///     y[i, j] = exp(s·x[i, j] - m) / Σ_k exp(s·x[i, k] - m),  m = max_k s·x[i, k],  j, k < lengths[i]
///
/// The lengths are the mask: for the attention of a ragged batch the keys of the query's sequence, for
/// a causal one the query's position plus one, for a padded batch of classes or tokens the kept prefix.
///
/// - Parameters:
///   - x: `[rows × columns]`. What lies past a row's length is not read, not even NaN.
///   - lengths: one number from 0 to `columns` for each row.
///   - scale: the factor `s`.
///   - y: `[rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a length outside of
///   0 ... `columns`; both before `y` is touched.
/// - Complexity: as ``softmax(_:scale:into:on:)`` over the lengths, and one write of zeros.
///
/// A row has the bits of ``softmax(_:scale:into:on:)`` of its first elements alone. A length of 0 gives
/// zeros.
public func maskedSoftmax(
  _ x: Matrix, lengths: [Int32], scale: Float = 1, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("maskedSoftmax", "target", [y.rows, y.columns], [x.rows, x.columns])
  try checkLengths("maskedSoftmax", lengths, rows: x.rows, columns: x.columns)
  let kernels = execution.table.rows
  unsafe lengths.withUnsafeBufferPointer { lengths in
    guard let base = lengths.baseAddress else { return }
    nonisolated(unsafe) let lengths = unsafe base
    execution.forEachRows(x, into: &y) { rows, x, y in
      // SAFETY: shapes and lengths were checked.
      unsafe kernels.maskedSoftmax(x, lengths + rows.lowerBound, scale, y)
    }
  }
}

/// The logarithm of softmax: `y[i, j] = (s·x[i, j] - m) - log Σ_k exp(s·x[i, k] - m)`.
///
/// `m = max_k s·x[i, k]`, sums in the order of Docs: Numerics.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - scale: the factor `s`.
///   - y: `[rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `y` is touched.
/// - Complexity: one read, one write, one exponential an element, bound by arithmetic; no allocation.
///
/// Error at most `(8 · max |s·x| + columns/16 + 16 + 4 · |y|) · 2⁻²⁴` (`logSoftmaxMeetsBound`). For
/// s > 0, -∞ gives -∞; a row that is all -∞ or holds NaN or +∞ becomes NaN, and no other.
public func logSoftmax(
  _ x: Matrix, scale: Float = 1, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("logSoftmax", "target", [y.rows, y.columns], [x.rows, x.columns])
  let kernels = execution.table.rows
  // SAFETY: shapes were checked.
  execution.forEachRows(x, into: &y) { _, x, y in kernels.logSoftmax(x, scale, y) }
}

/// `y[i] = log Σ_j exp(s·x[i, j])`, without overflow.
///
/// Computed as `m + log Σ_j exp(s·x[i, j] - m)` with `m = max_j s·x[i, j]`; sums in the order of Docs:
/// Numerics.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - scale: the factor `s`.
///   - y: `[rows × 1]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `y` is touched.
/// - Complexity: one read, one exponential an element, bound by arithmetic; no allocation.
///
/// Error at most `(8 · max |s·x| + columns/16 + 16 + 4 · |y|) · 2⁻²⁴` (`logSumExpMeetsBound`). -∞ for a
/// row whose terms are all -∞ and for a row without columns, +∞ for a row with +∞, NaN for a row with
/// NaN.
public func logSumExp(
  _ x: Matrix, scale: Float = 1, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("logSumExp", "target", [y.rows, y.columns], [x.rows, 1])
  let kernels = execution.table.rows
  // SAFETY: shapes were checked.
  execution.forEachRows(x, into: &y) { _, x, y in kernels.logSumExp(x, scale, y) }
}

/// The gradient of softmax, masked or not, from its result.
///
///     dx[i, j] = s · y[i, j] · (dy[i, j] - Σ_k y[i, k]·dy[i, k]),  j, k < lengths[i];  0 from there on
///
/// - Parameters:
///   - y: `[rows × columns]`, what ``softmax(_:scale:into:on:)`` or
///     ``maskedSoftmax(_:lengths:scale:into:on:)`` gave.
///   - scale: the factor `s` of the forward direction.
///   - lengths: as in the forward direction; nil: whole rows.
///   - dy: `[rows × columns]`, the gradient to `y`. What lies past a row's length is not read.
///   - dx: `[rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a length outside of
///   0 ... `columns`; both before `dx` is touched.
/// - Complexity: two reads, one write, bound by memory; no allocation.
///
/// Error at most `(columns/16 + 12) · 2⁻²⁴ · |s| · y[j] · (|dy[j]| + Σ_k y[k]·|dy[k]|)` for the given `y`
/// (`softmaxGradientMeetsBound`).
public func softmaxGradient(
  _ y: Matrix, scale: Float = 1, lengths: [Int32]? = nil, upstream dy: Matrix,
  into dx: inout Matrix, on execution: Execution
) throws(TarnError) {
  let name = "softmaxGradient"
  try checkShape(name, "upstream", [dy.rows, dy.columns], [y.rows, y.columns])
  try checkShape(name, "target", [dx.rows, dx.columns], [y.rows, y.columns])
  if let lengths { try checkLengths(name, lengths, rows: y.rows, columns: y.columns) }
  let kernels = execution.table.rows
  func run(_ lengths: UnsafePointer<Int32>?) {
    nonisolated(unsafe) let lengths = unsafe lengths
    execution.forEachRows(y, dy, into: &dx) { rows, y, dy, dx in
      // SAFETY: shapes and lengths were checked.
      unsafe kernels.softmaxGradient(
        y, lengths.map { unsafe $0 + rows.lowerBound }, scale, dy, dx)
    }
  }
  if let lengths {
    unsafe lengths.withUnsafeBufferPointer { lengths in
      // SAFETY: nil only without elements, and so without rows.
      unsafe run(lengths.baseAddress)
    }
  } else {
    run(nil)
  }
}

/// The gradient of log-softmax from its result.
///
///     dx[i, j] = s · (dy[i, j] - exp(y[i, j]) · Σ_k dy[i, k])
///
/// - Parameters:
///   - y: `[rows × columns]`, what ``logSoftmax(_:scale:into:on:)`` gave.
///   - scale: the factor `s` of the forward direction.
///   - dy: `[rows × columns]`, the gradient to `y`.
///   - dx: `[rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `dx` is touched.
/// - Complexity: two reads, one write, one exponential an element, bound by arithmetic; no allocation.
///
/// Error at most `(columns/16 + 16) · 2⁻²⁴ · |s| · (|dy[j]| + e^{y[j]} Σ_k |dy[k]|)` for the given `y`
/// (`logSoftmaxGradientMeetsBound`).
public func logSoftmaxGradient(
  _ y: Matrix, scale: Float = 1, upstream dy: Matrix, into dx: inout Matrix,
  on execution: Execution
) throws(TarnError) {
  let name = "logSoftmaxGradient"
  try checkShape(name, "upstream", [dy.rows, dy.columns], [y.rows, y.columns])
  try checkShape(name, "target", [dx.rows, dx.columns], [y.rows, y.columns])
  let kernels = execution.table.rows
  // SAFETY: shapes were checked.
  execution.forEachRows(y, dy, into: &dx) { _, y, dy, dx in
    kernels.logSoftmaxGradient(y, scale, dy, dx)
  }
}

/// The gradient of log-sum-exp: `dx[i, j] = (s · dy[i]) · softmax(s·x[i])[j]`.
///
/// - Parameters:
///   - x: `[rows × columns]`, the input of the forward direction.
///   - scale: the factor `s` of the forward direction.
///   - dy: `[rows × 1]`, the gradient to the result of ``logSumExp(_:scale:into:on:)``.
///   - dx: `[rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `dx` is touched.
/// - Complexity: as ``softmax(_:scale:into:on:)``, and a pass in cache.
///
/// The bits of ``softmax(_:scale:into:on:)`` times one factor, with two roundings. A row that is all -∞
/// or holds NaN or +∞ becomes NaN, and no other.
public func logSumExpGradient(
  _ x: Matrix, scale: Float = 1, upstream dy: Matrix, into dx: inout Matrix,
  on execution: Execution
) throws(TarnError) {
  let name = "logSumExpGradient"
  try checkShape(name, "upstream", [dy.rows, dy.columns], [x.rows, 1])
  try checkShape(name, "target", [dx.rows, dx.columns], [x.rows, x.columns])
  let kernels = execution.table.rows
  // SAFETY: shapes were checked.
  execution.forEachRows(x, dy, into: &dx) { _, x, dy, dx in
    kernels.logSumExpGradient(x, scale, dy, dx)
  }
}

/// Throws unless there is one length from 0 to `columns` for each row.
func checkLengths(
  _ operation: String, _ lengths: [Int32], rows: Int, columns: Int
) throws(TarnError) {
  try checkShape(operation, "lengths", [lengths.count], [rows])
  for (i, length) in lengths.enumerated() where length < 0 || Int(length) > columns {
    throw .invalidArgument(
      operation: operation, argument: "lengths[\(i)]", found: "\(length)",
      expected: "0 to \(columns)")
  }
}
