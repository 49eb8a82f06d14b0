// The local maximum with constants at masked neighbours, and the fusion of the three poolings.

public import TarnKernelInterface

/// `y[t] = max(x[t + 1], left, right)`: a window of three over a tile with a row more at each end.
///
/// What the neighbours are, says `neighbours`: the row beside, the constant `fill`, or nothing. A
/// masked or special token takes part with a constant in PoNet (arXiv:2110.02442; -10000).
///
/// - Parameters:
///   - x: `[tokens + 2 × columns]` or more rows; row `t + 1` belongs to token t. A row beside that
///     takes no part is not read.
///   - neighbours: one entry a token.
///   - fill: the constant.
///   - y: at least `tokens` rows of `columns`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` if the tokens do not fit in
///   `y`; both before `y` is touched.
/// - Complexity: one read from memory, one write; no allocation.
///
/// Exact: no rounding takes place. NaN in a window gives NaN; of +0 and -0 the token's own stays.
public func neighbourMax(
  _ x: Matrix, _ neighbours: ArraySlice<WindowNeighbours>, fill: Float, into y: inout Matrix,
  on execution: Execution
) throws(TarnError) {
  let tokens = neighbours.count
  guard x.rows >= tokens + 2 else {
    throw .shapeMismatch(
      operation: "neighbourMax", argument: "x", found: [x.rows, x.columns],
      expected: [tokens + 2, x.columns])
  }
  try checkTarget("neighbourMax", y, first: 0, rows: tokens, columns: x.columns)
  let kernels = execution.table.pooling
  x.withView { x in
    y.withMutableView { y in
      unsafe neighbours.withUnsafeBufferPointer { neighbours in
        guard let start = neighbours.baseAddress else { return }
        nonisolated(unsafe) let base = unsafe start
        execution.forEachRange(tokens, grain: 32) { range in
          // SAFETY: sizes were checked; ranges write different rows.
          unsafe kernels.neighbourMax(
            x[rows: range.lowerBound..<range.upperBound + 2], base + range.lowerBound, fill,
            y[rows: range])
        }
      }
    }
  }
}

/// What ``fuse(_:_:global:maxima:output:local:into:on:)`` needs to know of each token.
public struct FusionPlan: Sendable {
  /// What each token takes part in.
  public var kinds: [FusionKind]
  /// The row of the global values for each token.
  public var sequences: [Int32]
  /// The row of the segment maxima for each token.
  public var labels: [Int32]

  /// A plan with one entry a token in each list.
  public init(kinds: [FusionKind], sequences: [Int32], labels: [Int32]) {
    self.kinds = kinds
    self.sequences = sequences
    self.labels = labels
  }
}

/// `c[t] = (v + S) ∘ o[t] + l[t]`, `v ∘ o[t]` for a global-only token, 0 for a masked one.
///
/// Pooling fusion of arXiv:2110.02442 in one pass; `S` is read where the maxima are.
/// Docs: PoNet.
///
/// - Parameters:
///   - plan: kinds and row numbers for all tokens.
///   - tokens: the tokens of this tile, a range of the plan.
///   - v: `[sequences × d]`.
///   - maxima: `[segments × d]`.
///   - o: at least as many rows of d as the tile has tokens; nil: `c` holds them.
///   - local: at least as many rows of d as the tile has tokens.
///   - c: receives the result.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for tokens outside the plan
///   or more of them than `o`, `local` or `c` have rows,
///   ``TarnError/indexOutOfRange(operation:argument:position:found:count:)`` for a row number, also
///   of a token that does not read that row; all before `c` is touched.
/// - Complexity: three reads and one write a token; no allocation.
///
/// Two roundings an element with fused multiply-add, three without. NaN and ∞ in what a
/// token does not take part in do not reach it: a masked row is 0 whatever `c` held.
public func fuse(
  _ plan: FusionPlan, _ tokens: Range<Int>, global v: Matrix, maxima: Matrix,
  output o: Matrix? = nil,
  local: Matrix, into c: inout Matrix, on execution: Execution
) throws(TarnError) {
  let d = v.columns
  try checkShape("fuse", "kinds", [plan.kinds.count], [plan.labels.count])
  try checkShape("fuse", "sequences", [plan.sequences.count], [plan.labels.count])
  try checkShape("fuse", "maxima columns", [maxima.columns], [d])
  guard tokens.lowerBound >= 0, tokens.upperBound <= plan.kinds.count else {
    throw .invalidArgument(
      operation: "fuse", argument: "tokens", found: "\(tokens)",
      expected: "a range within the plan's \(plan.kinds.count)")
  }
  if let o { try checkTarget("fuse", o, first: 0, rows: tokens.count, columns: d) }
  try checkTarget("fuse", local, first: 0, rows: tokens.count, columns: d)
  try checkTarget("fuse", c, first: 0, rows: tokens.count, columns: d)
  try checkIndices("fuse", "sequences", plan.sequences[tokens], count: v.rows)
  try checkIndices("fuse", "labels", plan.labels[tokens], count: maxima.rows)
  let kernels = execution.table.pooling
  v.withView { v in
    maxima.withView { maxima in
      local.withView { local in
        c.withMutableView { c in
          func run(_ o: MatrixView) {
            unsafe plan.kinds.withUnsafeBufferPointer { kinds in
              unsafe plan.sequences.withUnsafeBufferPointer { sequences in
                unsafe plan.labels.withUnsafeBufferPointer { labels in
                  guard let k = kinds.baseAddress, let s = sequences.baseAddress,
                    let l = labels.baseAddress
                  else { return }
                  nonisolated(unsafe) let kinds = unsafe k + tokens.lowerBound
                  nonisolated(unsafe) let sequences = unsafe s + tokens.lowerBound
                  nonisolated(unsafe) let labels = unsafe l + tokens.lowerBound
                  execution.forEachRange(tokens.count, grain: 32) { range in
                    // SAFETY: sizes and row numbers were checked; ranges write different rows.
                    let i = range.lowerBound
                    unsafe kernels.fuse(
                      kinds + i, v, sequences + i, maxima, labels + i, o[rows: range],
                      local[rows: range], c[rows: range])
                  }
                }
              }
            }
          }
          if let o { o.withView(run) } else { run(c.readOnly) }
        }
      }
    }
  }
}
