// Segment maximum with its tokens, and the gradients of maximum, gather and mean.

internal import TarnKernelInterface

/// `maxima[s, j] = max x[t, j]` over the tokens t with label s, and the first token that holds it.
///
/// Segment max-pooling (arXiv:2110.02442) with what its gradient needs. Equal labels are one
/// segment, wherever they lie. Unlike ``segmentMax(_:labels:into:on:)`` it starts from nothing. The
/// way back to the tokens, `y[t] = maxima[label(t)]`, is ``gather(_:_:adding:into:at:on:)``.
///
/// - Parameters:
///   - x: `[tokens × columns]`.
///   - labels: one row number of `maxima` a token.
///   - maxima: `[segments × columns]`, written; -∞ for a segment without tokens.
///   - tokens: becomes `[segments × columns]`, row after row; -1 for a segment without tokens.
///   - execution: kernels and threads. Columns are divided among threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/indexOutOfRange(operation:argument:position:found:count:)`` for a label outside
///   `maxima`, ``TarnError/invalidArgument(operation:argument:found:expected:)`` for 2³¹ tokens or
///   more; all before anything is written.
/// - Complexity: one read of `x`.
///
/// Exact. Of equal values, of +0 and -0, the lowest token wins. NaN is larger than any number, and
/// the first NaN wins.
public func segmentMax(
  _ x: Matrix, labels: [Int32], into maxima: inout Matrix, tokens: inout [Int32],
  on execution: Execution
) throws(TarnError) {
  try checkShape("segmentMax", "labels", [labels.count], [x.rows])
  try checkShape("segmentMax", "target columns", [maxima.columns], [x.columns])
  try checkIndices("segmentMax", "labels", labels, count: maxima.rows)
  guard Int32(exactly: x.rows) != nil else {
    throw .invalidArgument(
      operation: "segmentMax", argument: "tokens", found: "\(x.rows)",
      expected: "at most \(Int32.max)")
  }
  let kernels = execution.table.pooling
  let stride = x.columns
  tokens = [Int32](repeating: -1, count: maxima.rows * stride)
  x.withView { x in
    maxima.withMutableView { maxima in
      unsafe labels.withUnsafeBufferPointer { labels in
        unsafe tokens.withUnsafeMutableBufferPointer { tokens in
          guard let t = tokens.baseAddress else { return }
          // SAFETY: without a token no label is read.
          nonisolated(unsafe) let labels = unsafe labels.baseAddress ?? UnsafePointer(t)
          nonisolated(unsafe) let tokens = unsafe t
          execution.forEachRange(stride, grain: 64) { columns in
            // SAFETY: labels were checked; ranges write different columns of both targets.
            unsafe kernels.segmentArgmax(
              x[columns: columns], labels, maxima[columns: columns], tokens + columns.lowerBound,
              stride)
          }
        }
      }
    }
  }
}

/// The vector-Jacobian product of ``segmentMax(_:labels:into:tokens:on:)``.
///
///     dx[t, j] = dy[label(t), j] where token t holds the maximum of its segment, else 0
///
/// - Parameters:
///   - labels: one row number of `dy` a token.
///   - tokens: `[segments × columns]` as the forward pass gives them. A number that is no token of
///     the segment passes nothing.
///   - dy: `[segments × columns]`.
///   - dx: `[tokens × columns]`, written.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/indexOutOfRange(operation:argument:position:found:count:)`` for a label outside
///   `dy`; both before `dx` is touched.
/// - Complexity: one write of `dx`; `dy` and `tokens` from cache while a segment lasts.
///
/// Exact. Of tokens that share a maximum only the first gets the gradient.
public func segmentMaxGradient(
  labels: [Int32], tokens: [Int32], upstream dy: Matrix, into dx: inout Matrix,
  on execution: Execution
) throws(TarnError) {
  let name = "segmentMaxGradient"
  try checkShape(name, "labels", [labels.count], [dx.rows])
  try checkShape(name, "target columns", [dx.columns], [dy.columns])
  try checkShape(name, "tokens", [tokens.count], [dy.rows * dy.columns])
  try checkIndices(name, "labels", labels, count: dy.rows)
  let kernels = execution.table.pooling
  dy.withView { dy in
    dx.withMutableView { dx in
      unsafe labels.withUnsafeBufferPointer { labels in
        unsafe tokens.withUnsafeBufferPointer { tokens in
          guard let l = labels.baseAddress, let t = tokens.baseAddress else { return }
          nonisolated(unsafe) let labels = unsafe l
          nonisolated(unsafe) let tokens = unsafe t
          execution.forEachRange(dx.rows, grain: 32) { range in
            // SAFETY: labels were checked; ranges write different rows.
            unsafe kernels.segmentMaxGradient(
              labels + range.lowerBound, tokens, range.lowerBound, dy, dx[rows: range])
          }
        }
      }
    }
  }
}

/// The vector-Jacobian product of ``gather(_:_:adding:into:at:on:)`` to the table.
///
///     dtable[i] = Σ dy[t] over the rows t with index i, in increasing t
///
/// So also that of the way back from segments to tokens, with the labels as indices.
///
/// - Parameters:
///   - indices: one row number of `dtable` for each row of `dy`.
///   - dy: `[indices × columns]`.
///   - adding: whether sums are added, row after row, to what `dtable` holds.
///   - dtable: `[entries × columns]`, written or updated.
///   - execution: kernels and threads. Columns are divided among threads, so each sum has one
///     order.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/indexOutOfRange(operation:argument:position:found:count:)``, both before `dtable`
///   is touched.
/// - Complexity: one read of `dy`; no allocation.
///
/// Within `n·2⁻²⁴·Σ |dy|` of the exact value for an entry with n rows, one chain of additions.
public func gatherGradient(
  _ indices: ArraySlice<Int32>, upstream dy: Matrix, adding: Bool = false,
  into dtable: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("gatherGradient", "indices", [indices.count], [dy.rows])
  try checkShape("gatherGradient", "target columns", [dtable.columns], [dy.columns])
  try checkIndices("gatherGradient", "indices", indices, count: dtable.rows)
  let kernels = execution.table.pooling
  dy.withView { dy in
    dtable.withMutableView { dtable in
      if !adding {
        for i in 0..<dtable.rows {
          // SAFETY: row i holds columns elements.
          unsafe dtable.row(i).update(repeating: 0, count: dtable.columns)
        }
      }
      unsafe indices.withUnsafeBufferPointer { indices in
        guard let base = indices.baseAddress else { return }
        nonisolated(unsafe) let indices = unsafe base
        execution.forEachRange(dy.columns, grain: 64) { columns in
          // SAFETY: indices were checked; ranges write different columns.
          unsafe kernels.addRows(dy[columns: columns], indices, dtable[columns: columns])
        }
      }
    }
  }
}

/// The vector-Jacobian product of ``maskedMean(_:over:keep:into:on:)``.
///
///     dx[t] = dy[s] / |kept| for a kept token t of sequence s, else 0
///
/// - Parameters:
///   - sequences: the ragged batch.
///   - keep: one flag a token, or nil for all.
///   - dy: `[sequences × columns]`.
///   - dx: `[tokens × columns]`, written.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `dx` is touched.
/// - Complexity: one write of `dx`. Scratch: one row.
///
/// One rounding an element. A sequence with nothing kept gets zeros.
public func maskedMeanGradient(
  over sequences: Ragged, keep: [Bool]? = nil, upstream dy: Matrix, into dx: inout Matrix,
  on execution: Execution
) throws(TarnError) {
  let name = "maskedMeanGradient"
  if let keep { try checkShape(name, "keep", [keep.count], [sequences.rows]) }
  try checkShape(name, "upstream rows", [dy.rows], [sequences.count])
  try checkShape(name, "target", [dx.rows, dx.columns], [sequences.rows, dy.columns])
  let kernels = execution.table.pooling
  for s in 0..<sequences.count {
    let rows = sequences[s]
    let kept = rows.reduce(0) { $0 + (keep?[$1] ?? true ? 1 : 0) }
    var row = Matrix(dy.rows(s..<s + 1).elements)
    row.withMutableView { row in
      // SAFETY: row holds columns elements.
      unsafe kernels.divide(row.base, Float(kept), row.columns)
    }
    row.withView { row in
      dx.withMutableView { dx in
        unsafe withOptionalFlags(keep) { keep in
          nonisolated(unsafe) let keep = unsafe keep
          execution.forEachRange(rows.count, grain: 64) { range in
            let first = rows.lowerBound + range.lowerBound
            // SAFETY: a flag for each token; ranges write different rows.
            unsafe kernels.repeatRow(
              row.base, keep.map { unsafe $0 + first }, dx[rows: first..<first + range.count])
          }
        }
      }
    }
  }
}
