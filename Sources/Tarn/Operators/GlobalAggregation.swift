// PoNet's global aggregation with neither queries nor keys formed for each token.

public import TarnKernelInterface

/// The key projection in the two forms that global aggregation needs, head by head.
///
/// With W_h the `[e × d]` slice of the key weight for head h: `fold` gives `u_h = W_hᵀ q_h`,
/// `project` gives `W_h z_h`.
public struct AggregationKeys: Sendable {
  /// Number of heads.
  public let heads: Int
  /// Channels of a head: e.
  public let headSize: Int
  /// Columns of the input: d = heads · e.
  public var columns: Int { heads * headSize }

  let fold: [PackedMatrix]
  let project: [PackedMatrix]
  let bias: Matrix

  /// Packs a key projection.
  ///
  /// - Parameters:
  ///   - weight: `[d × d]`, row-major, a row for each output (as linear layers store it).
  ///   - bias: `[1 × d]`.
  ///   - heads: number of heads, a divisor of d.
  ///   - format: how the two forms are held; each is rounded for itself, with eight bits by scales of
  ///     its own columns.
  ///   - execution: kernels that pack.
  /// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
  ///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a head count that does
  ///   not divide d.
  /// - Complexity: two reads and two writes of the weight.
  public init(
    weight: Matrix, bias: Matrix, heads: Int, as format: WeightFormat = .float32,
    on execution: Execution
  ) throws(TarnError) {
    let d = weight.columns
    try checkShape("AggregationKeys", "weight", [weight.rows, weight.columns], [d, d])
    try checkShape("AggregationKeys", "bias", [bias.rows, bias.columns], [1, d])
    guard heads > 0, d % heads == 0 else {
      throw .invalidArgument(
        operation: "AggregationKeys", argument: "heads", found: "\(heads)",
        expected: "a divisor of \(d)")
    }
    self.heads = heads
    headSize = d / heads
    self.bias = bias
    var fold: [PackedMatrix] = []
    var project: [PackedMatrix] = []
    for h in 0..<heads {
      let slice = weight.rows(h * headSize..<(h + 1) * headSize)
      fold.append(try PackedMatrix(slice, as: format, on: execution))
      project.append(try PackedMatrix(transposing: slice, as: format, on: execution))
    }
    self.fold = fold
    self.project = project
  }
}

/// One attention over the tokens of each sequence for each head; the values are the keys.
///
///     u_h = W_hᵀ q_h / √e        a_h = softmax_t(u_h·x_t)        z_h = Σ_t a_h[t] x_t
///     v_h = W_h z_h + b_h
///
/// Global aggregation of arXiv:2110.02442, rearranged: the published form projects every token to a
/// key, `s_h[t] = q_h·(W_h x_t + b_h) / √e`; the term with b_h is the same for all t and drops out
/// of the softmax, and the weights sum to one. Exact in real arithmetic (Docs: PoNet).
///
/// Tokens go in chunks of 256 counted from each sequence's start; running maxima, denominators and
/// sums are joined in order, so a sequence has the same bits alone and in any batch.
///
/// - Parameters:
///   - x: `[tokens × d]`.
///   - sequences: the ragged batch that `x` holds.
///   - keep: one flag a token, or nil for all; others have weight 0, which hides what they hold
///     only if it is finite.
///   - queries: `[sequences × d]`.
///   - keys: the key projection.
///   - v: `[sequences × d]`, written. NaN for a sequence that is empty or has nothing kept.
///   - probabilities: `[heads × tokens]` that receives a_h, or nil.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `v` is touched.
/// - Complexity: `4 · tokens · heads · d + 4 · sequences · d²` operations, two reads of `x`, the
///   second from L2. Scratch: `2 · heads · d` floats a sequence, for each chunk at work
///   `heads · (d + 514)` and the packed u, and a list of the chunks.
///
/// NaN in any token reaches the result: NaN or ∞ in a kept token makes the sequence's row of `v`
/// NaN, and so does one in a token that is not kept, since 0 · NaN is NaN. Left out are only chunks
/// with no score above -∞, as where nothing is kept. Other sequences are untouched.
///
/// To first order a score is off by at most `δ = (e + d + 4) · 2⁻²⁴ · max Σ |u||x|`, a weight by
/// `2δ + (n + 32) · 2⁻²⁴` of itself for n tokens, and v by that times `Σ a |W||x|` beside the
/// rounding of its own product (`aggregationOracle`). Exponentials that would be denormal are
/// flushed to 0.
public func globalAggregation(
  _ x: Matrix, over sequences: Ragged, keep: [Bool]? = nil, queries: Matrix, keys: AggregationKeys,
  into v: inout Matrix, probabilities: inout Matrix?, on execution: Execution
) throws(TarnError) {
  let name = "globalAggregation"
  let d = keys.columns
  let heads = keys.heads
  try checkShape(name, "x", [x.rows, x.columns], [sequences.rows, d])
  if let keep { try checkShape(name, "keep", [keep.count], [x.rows]) }
  try checkShape(name, "queries", [queries.rows, queries.columns], [sequences.count, d])
  try checkShape(name, "target", [v.rows, v.columns], [sequences.count, d])
  if let probabilities {
    try checkShape(
      name, "probabilities", [probabilities.rows, probabilities.columns], [heads, x.rows])
  }
  let kernels = execution.table

  // u: a row of heads · d for each sequence.
  var u = try Matrix(rows: sequences.count, columns: heads * d)
  foldHeads(scaledQueries(queries, keys), keys, into: &u, at: 0, execution)

  var z = try Matrix(rows: sequences.count, columns: heads * d)
  var top = try Matrix(rows: sequences.count, columns: heads)
  var total = try Matrix(rows: sequences.count, columns: heads)
  top.withMutableView { top in
    for i in 0..<top.rows * heads { unsafe top.base[i] = -.infinity }
  }
  try aggregateChunks(
    x, sequences, keep, u, heads, &top, &total, &z, scores: &probabilities, execution)

  // v = W (z / L) + b, head by head.
  z.withMutableView { z in
    total.withView { total in
      execution.forEach(sequences.count * heads) { i in
        // SAFETY: i is a sequence and a head; each divides its own d elements.
        unsafe kernels.pooling.divide(z.base + i * d, total.base[i], d)
      }
    }
  }
  projectHeads(z, at: 0, keys, bias: keys.bias, into: &v, execution)
  normalizeScores(&probabilities, sequences, keep, top, total, execution)
}

/// `q / √e`.
func scaledQueries(_ queries: Matrix, _ keys: AggregationKeys) -> Matrix {
  var scaled = queries
  let scale = 1 / Float(keys.headSize).squareRoot()
  scaled.withMutableView { view in
    for i in 0..<view.rows {
      // SAFETY: row i holds columns elements.
      let row = unsafe view.row(i)
      for j in 0..<view.columns { unsafe row[j] *= scale }
    }
  }
  return scaled
}

/// `u_h = W_hᵀ q_h` for each row of q and each head, `heads · d` columns from `column` on.
func foldHeads(
  _ q: Matrix, _ keys: AggregationKeys, into u: inout Matrix, at column: Int,
  _ execution: Execution
) {
  let d = keys.columns
  let kernels = execution.table.matmul
  q.withView { q in
    u.withMutableView { u in
      execution.forEach(keys.heads) { h in
        keys.fold[h].withView { fold in
          unsafe withMatmulWorkspace(fold.format) { workspace in
            // SAFETY: head h reads its e columns of q and writes its d columns of u.
            let a = q[columns: h * keys.headSize..<(h + 1) * keys.headSize]
            let c = u[columns: column + h * d..<column + (h + 1) * d]
            unsafe kernels.multiply(
              a, fold, 0..<fold.panelCount, false, EpilogueView(), c, workspace)
          }
        }
      }
    }
  }
}

/// `v_h = W_h z_h + b_h` for each row and head; z has `heads · d` columns from `column` on.
func projectHeads(
  _ z: Matrix, at column: Int, _ keys: AggregationKeys, bias: Matrix?, into v: inout Matrix,
  _ execution: Execution
) {
  let d = keys.columns
  let kernels = execution.table.matmul
  z.withView { z in
    withEpilogueView(Epilogue(bias: bias)) { bias in
      v.withMutableView { v in
        execution.forEach(keys.heads) { h in
          keys.project[h].withView { project in
            unsafe withMatmulWorkspace(project.format) { workspace in
              // SAFETY: head h reads its d columns of z and writes its e columns of v.
              let a = z[columns: column + h * d..<column + (h + 1) * d]
              let c = v[columns: h * keys.headSize..<(h + 1) * keys.headSize]
              let epilogue = unsafe EpilogueView(
                bias: bias.bias.map { unsafe $0 + h * keys.headSize })
              unsafe kernels.multiply(
                a, project, 0..<project.panelCount, false, epilogue, c, workspace)
            }
          }
        }
      }
    }
  }
}

/// Runs the chunks of all sequences in waves and joins each wave in order.
private func aggregateChunks(
  _ x: Matrix, _ sequences: Ragged, _ keep: [Bool]?, _ u: Matrix, _ heads: Int,
  _ top: inout Matrix, _ total: inout Matrix, _ z: inout Matrix, scores: inout Matrix?,
  _ execution: Execution
) throws(TarnError) {
  let d = x.columns
  let kernels = execution.table
  let tasks = (0..<sequences.count).flatMap { s in tokenChunks(sequences[s]).map { (s, $0) } }
  let wave = min(tasks.count, execution.threads == 1 ? 1 : execution.threads * 4)
  guard wave > 0 else { return }

  // One row of scratch a chunk: p [heads × 256], m, l [heads], z [heads × d], packed u, workspace.
  let packedCount = PackedView.elementCount(depth: d, columns: heads)
  let zOffset = heads * (Blocking.tokens + 2)
  let packedOffset = zOffset + heads * d
  let workspaceOffset = packedOffset + packedCount
  var scratch = try Matrix(
    rows: wave, columns: workspaceOffset + Blocking.matmulWorkspace + Blocking.tokens * heads)
  var raw = scores
  scores = nil
  defer { scores = raw }

  func run(_ raw: MutableMatrixView?) {
    var first = 0
    while first < tasks.count {
      let current = Array(tasks[first..<min(first + wave, tasks.count)])
      x.withView { x in
        u.withView { u in
          scratch.withMutableView { scratch in
            unsafe withOptionalFlags(keep) { keep in
              nonisolated(unsafe) let keep = unsafe keep
              execution.forEach(current.count) { i in
                let (s, rows) = current[i]
                // SAFETY: chunk i uses its own row of scratch, whose parts are laid out above.
                let base = unsafe scratch.row(i)
                let p = unsafe MutableMatrixView(
                  base, rows: heads, columns: rows.count, rowStride: Blocking.tokens)
                let m = unsafe base + heads * Blocking.tokens
                let packed = unsafe base + packedOffset
                unsafe kernels.matmul.packTransposed(
                  MatrixView(u.row(s), rows: heads, columns: d, rowStride: d),
                  0..<PackedView(packed, depth: d, columns: heads).panelCount, packed)
                unsafe kernels.pooling.aggregate(
                  x[rows: rows], keep.map { unsafe $0 + rows.lowerBound },
                  PackedView(packed, depth: d, columns: heads), p, raw.map { $0[columns: rows] },
                  m, m + heads,
                  MutableMatrixView(base + zOffset, rows: heads, columns: d, rowStride: d),
                  base + workspaceOffset)
              }
            }
            top.withMutableView { top in
              total.withMutableView { total in
                z.withMutableView { z in
                  for i in current.indices {
                    let s = current[i].0
                    // SAFETY: row s of the running aggregate, row i of scratch.
                    let base = unsafe scratch.row(i)
                    let m = unsafe base + heads * Blocking.tokens
                    unsafe kernels.pooling.joinAggregates(
                      m, m + heads,
                      MatrixView(base + zOffset, rows: heads, columns: d, rowStride: d),
                      top.row(s), total.row(s),
                      MutableMatrixView(z.row(s), rows: heads, columns: d, rowStride: d))
                  }
                }
              }
            }
          }
        }
      }
      first += wave
    }
  }
  if raw != nil {
    raw?.withMutableView { run($0) }
  } else {
    run(nil)
  }
}

/// `p = exp(s - M) / L`; 0 for a token that is not kept, NaN throughout if none is.
private func normalizeScores(
  _ scores: inout Matrix?, _ sequences: Ragged, _ keep: [Bool]?, _ top: Matrix, _ total: Matrix,
  _ execution: Execution
) {
  let kernels = execution.table
  scores?.withMutableView { scores in
    for s in 0..<sequences.count {
      let rows = sequences[s]
      for h in 0..<scores.rows {
        // SAFETY: row h of the scores, the columns of sequence s.
        let row = unsafe scores.row(h) + rows.lowerBound
        for t in 0..<rows.count {
          let kept = keep?[rows.lowerBound + t] ?? true
          unsafe row[t] = kept ? row[t] - top[s, h] : -.infinity
        }
        unsafe kernels.rows.elementwise(.exp, row, row, rows.count)
        unsafe kernels.pooling.divide(row, total[s, h], rows.count)
      }
    }
  }
}
