// Operators on elements and rows: sums, multiply-adds, RMS norm, the logarithmic forms of softmax.

internal import TarnKernelInterface

/// Rows that one chunk of a row operator holds at least, so that a fork pays.
private let rowGrain = 16

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
  x.withView { x in
    y.withView { y in
      z.withMutableView { z in
        execution.forEachRange(x.rows, grain: rowGrain) { range in
          // SAFETY: shapes were checked; ranges write different rows.
          kernels.add(x[rows: range], y[rows: range], z[rows: range])
        }
      }
    }
  }
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
  x.withView { x in
    bias.withView { bias in
      y.withMutableView { y in
        // SAFETY: shapes were checked; a stride of 0 makes each row the bias.
        let same = unsafe MatrixView(
          bias.base, rows: x.rows, columns: x.columns, rowStride: 0)
        execution.forEachRange(x.rows, grain: rowGrain) { range in
          // SAFETY: ranges write different rows.
          kernels.add(x[rows: range], same[rows: range], y[rows: range])
        }
      }
    }
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
    b.withView { b in
      c.withView { c in
        y.withMutableView { y in
          execution.forEachRange(a.rows, grain: rowGrain) { range in
            // SAFETY: shapes were checked; ranges write different rows.
            kernels.multiplyAdd(a[rows: range], b[rows: range], c[rows: range], y[rows: range])
          }
        }
      }
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
  x.withView { x in
    gain.withView { gain in
      y.withMutableView { y in
        execution.forEachRange(x.rows, grain: rowGrain) { range in
          // SAFETY: shapes were checked; ranges write different rows.
          unsafe kernels.rmsNorm(x[rows: range], gain.base, epsilon, y[rows: range])
        }
      }
    }
  }
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
  x.withView { x in
    y.withMutableView { y in
      unsafe lengths.withUnsafeBufferPointer { lengths in
        guard let base = lengths.baseAddress else { return }
        nonisolated(unsafe) let lengths = unsafe base
        execution.forEachRange(x.rows, grain: rowGrain) { range in
          // SAFETY: shapes and lengths were checked; ranges write different rows.
          unsafe kernels.maskedSoftmax(
            x[rows: range], lengths + range.lowerBound, scale, y[rows: range])
        }
      }
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
  x.withView { x in
    y.withMutableView { y in
      execution.forEachRange(x.rows, grain: rowGrain) { range in
        // SAFETY: shapes were checked; ranges write different rows.
        kernels.logSoftmax(x[rows: range], scale, y[rows: range])
      }
    }
  }
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
  x.withView { x in
    y.withMutableView { y in
      execution.forEachRange(x.rows, grain: rowGrain) { range in
        // SAFETY: shapes were checked; ranges write different rows.
        kernels.logSumExp(x[rows: range], scale, y[rows: range])
      }
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
