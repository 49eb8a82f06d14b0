// Pooling over tokens: masked mean, segment maximum, and the embedding gather.

internal import TarnKernelInterface

/// `y[s] = (1 / |kept|) Σ x[t]` over the kept tokens t of each sequence s.
///
/// The mean over tokens of PoNet's global aggregation (Tan et al. 2022, arXiv:2110.02442, section
/// 3). Tokens are summed in chunks of 256 counted from the sequence's own start, chunk sums are
/// added in order (Docs: Numerics), so a sequence has the same bits alone and in any batch.
///
/// - Parameters:
///   - x: `[tokens × columns]`.
///   - sequences: the ragged batch that `x` holds.
///   - keep: one flag a token, or nil for all. Other tokens are not read, not even NaN.
///   - y: `[sequences × columns]`. A sequence with nothing kept, or empty, gets 0/0 = NaN.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `y` is touched.
/// - Complexity: one read of `x`. Scratch: `4 · threads` rows.
///
/// Within `(min(256, n) + n/256 + 1) · 2⁻²⁴ · mean |x|` of the exact value, n the sequence's
/// tokens, the mean over the kept ones (`maskedMeanMeetsBoundAndContract`). NaN in a kept token
/// gives NaN in its column.
public func maskedMean(
  _ x: Matrix, over sequences: Ragged, keep: [Bool]? = nil, into y: inout Matrix,
  on execution: Execution
) throws(TarnError) {
  try checkShape("maskedMean", "sequences", [sequences.rows], [x.rows])
  if let keep { try checkShape("maskedMean", "keep", [keep.count], [x.rows]) }
  try checkShape("maskedMean", "target", [y.rows, y.columns], [sequences.count, x.columns])
  let kernels = execution.table.pooling
  let wave = max(1, execution.threads) * 4
  // Few third-level caches keep 16 MB for one caller.
  let isNear = x.rows * x.columns <= 4 << 20
  var partial = try Matrix(rows: wave, columns: x.columns)
  for s in 0..<sequences.count {
    let chunks = tokenChunks(sequences[s])
    var firstChunk = 0
    y.withMutableView { y in
      // SAFETY: row s lies within y.
      let target = unsafe y.row(s)
      for j in 0..<x.columns { unsafe target[j] = 0 }
    }
    while firstChunk < chunks.count {
      let count = min(wave, chunks.count - firstChunk)
      x.withView { x in
        partial.withMutableView { partial in
          unsafe withOptionalFlags(keep) { keep in
            nonisolated(unsafe) let keep = unsafe keep
            let wave = chunks[firstChunk..<firstChunk + count]
            execution.forEach(count) { i in
              let rows = wave[wave.startIndex + i]
              // SAFETY: chunks lie within the rows of x; each writes its own row of partial.
              unsafe kernels.sumRows(
                x[rows: rows], keep.map { unsafe $0 + rows.lowerBound }, isNear, partial.row(i))
            }
          }
          y.withMutableView { y in
            for i in 0..<count {
              // SAFETY: rows s and i lie within y and partial, both of x.columns elements.
              unsafe kernels.accumulate(
                UnsafePointer(partial.row(i)), 1, 1, y.row(s), x.columns)
            }
          }
        }
      }
      firstChunk += count
    }
    let kept = sequences[s].reduce(0) { $0 + (keep?[$1] ?? true ? 1 : 0) }
    y.withMutableView { y in
      // SAFETY: row s lies within y.
      unsafe kernels.divide(y.row(s), Float(kept), y.columns)
    }
  }
}

/// The chunks of at most 256 rows in which reductions over a sequence go.
package func tokenChunks(_ rows: Range<Int>) -> [Range<Int>] {
  stride(from: rows.lowerBound, to: rows.upperBound, by: Blocking.tokens).map {
    $0..<min($0 + Blocking.tokens, rows.upperBound)
  }
}

/// Calls `body` with a pointer to the flags, or nil.
@inline(__always)
package func withOptionalFlags(_ flags: [Bool]?, _ body: (UnsafePointer<Bool>?) -> Void) {
  if let flags {
    unsafe flags.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
  } else {
    body(nil)
  }
}

/// `maxima[labels[t]] = max(maxima[labels[t]], x[t])` for each token t, in order.
///
/// Segment max-pooling (arXiv:2110.02442) with arbitrary labels: equal labels are one
/// segment, wherever they lie. Start with maxima of -∞; call it tile after tile.
///
/// - Parameters:
///   - x: `[tokens × columns]`.
///   - labels: one row number of `maxima` a token.
///   - maxima: `[segments × columns]`, updated.
///   - execution: kernels and threads. Columns are divided among threads, so each segment sees its
///     tokens in order.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/indexOutOfRange(operation:argument:position:found:count:)`` for a label outside
///   `maxima`; both before it is touched.
/// - Complexity: one read of `x`; no allocation.
///
/// Exact: no rounding takes place. NaN in a segment gives NaN in its column; of +0 and -0 the first
/// stays. A segment without tokens keeps what it holds.
public func segmentMax(
  _ x: Matrix, labels: [Int32], into maxima: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("segmentMax", "labels", [labels.count], [x.rows])
  try checkShape("segmentMax", "target columns", [maxima.columns], [x.columns])
  try checkIndices("segmentMax", "labels", labels, count: maxima.rows)
  let kernels = execution.table.pooling
  x.withView { x in
    maxima.withMutableView { maxima in
      unsafe labels.withUnsafeBufferPointer { labels in
        guard let base = labels.baseAddress else { return }
        nonisolated(unsafe) let labels = unsafe base
        execution.forEachRange(x.columns, grain: 64) { columns in
          // SAFETY: labels were checked; ranges write different columns.
          unsafe kernels.segmentMax(x[columns: columns], labels, maxima[columns: columns])
        }
      }
    }
  }
}

/// `y[first + i] = table[indices[i]]`, or that added to what `y` holds.
///
/// Docs: PoNet, the sum of embeddings h⁰. With segment maxima as the table and labels as indices it
/// brings each token its segment's maximum. Gradient: ``gatherGradient(_:upstream:adding:into:on:)``.
///
/// - Parameters:
///   - table: `[entries × columns]`.
///   - indices: one row number of `table` for each row that is written.
///   - adding: whether rows are added.
///   - y: at least `first + indices.count` rows of `columns`.
///   - first: the first row of `y` that is written.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` for the columns,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` if `y` has no room,
///   ``TarnError/indexOutOfRange(operation:argument:position:found:count:)`` for an index outside
///   `table`; all before `y` is touched.
/// - Complexity: one read, one write, bound by memory latency for scattered indices; no allocation.
///
/// A copy is exact, a sum is rounded once.
public func gather(
  _ table: Matrix, _ indices: ArraySlice<Int32>, adding: Bool = false, into y: inout Matrix,
  at first: Int = 0, on execution: Execution
) throws(TarnError) {
  let kernels = execution.table.memory
  try table.withView { table throws(TarnError) in
    try unsafe gatherRows(
      indices, of: table.rows, columns: table.columns, into: &y, at: first, on: execution
    ) { unsafe kernels.gather(table, $0, adding, $1) }
  }
}

/// `y[first + i]` = column `indices[i]` of a packed table, or that added to what `y` holds.
///
/// For an embedding table that a product shares, packed as its transpose: a row of the table is a
/// column here. Eight bits give the whole numbers times the column's scale.
///
/// - Parameters:
///   - table: `depth × entries`, packed.
///   - indices: one column number of `table` for each row that is written.
///   - adding: whether columns are added.
///   - y: at least `first + indices.count` rows of `depth`.
///   - first: the first row of `y` that is written.
///   - execution: kernels and threads.
/// - Throws: as ``gather(_:_:adding:into:at:on:)``.
/// - Complexity: a read of the sixteen columns beside each other that hold an entry, one write; no
///   allocation.
///
/// Exact but for a scale and a sum, which round once each.
public func gather(
  columnsOf table: PackedMatrix, _ indices: ArraySlice<Int32>, adding: Bool = false,
  into y: inout Matrix, at first: Int = 0, on execution: Execution
) throws(TarnError) {
  let kernels = execution.table.memory
  try table.withView { table throws(TarnError) in
    try unsafe gatherRows(
      indices, of: table.columns, columns: table.depth, into: &y, at: first, on: execution
    ) { unsafe kernels.gatherColumns(table, $0, adding, $1) }
  }
}

/// Checks `indices` and the rows of `y` that they stand for, and calls `kernel` with both, range by
/// range.
private func gatherRows(
  _ indices: ArraySlice<Int32>, of entries: Int, columns: Int, into y: inout Matrix,
  at first: Int, on execution: Execution,
  _ kernel: @Sendable (UnsafePointer<Int32>, MutableMatrixView) -> Void
) throws(TarnError) {
  try checkTarget("gather", y, first: first, rows: indices.count, columns: columns)
  try checkIndices("gather", "indices", indices, count: entries)
  y.withMutableView { y in
    unsafe indices.withUnsafeBufferPointer { indices in
      guard let start = indices.baseAddress else { return }
      nonisolated(unsafe) let base = unsafe start
      execution.forEachRange(indices.count, grain: 64) { range in
        // SAFETY: indices were checked; ranges write different rows.
        unsafe kernel(
          base + range.lowerBound, y[rows: first + range.lowerBound..<first + range.upperBound])
      }
    }
  }
}

/// Throws unless each index is a row number below `count`.
///
/// The error names the position in the array, for a slice too.
///
/// - Throws: ``TarnError/indexOutOfRange(operation:argument:position:found:count:)``.
package func checkIndices<C: Collection<Int32>>(
  _ operation: String, _ argument: String, _ indices: C, count: Int
) throws(TarnError) where C.Index == Int {
  for position in indices.indices {
    let index = Int(indices[position])
    if index < 0 || index >= count {
      throw .indexOutOfRange(
        operation: operation, argument: argument, position: position, found: index, count: count)
    }
  }
}
