// The gradient of PoNet's global aggregation, from stored probabilities.

internal import TarnKernelInterface

/// The vector-Jacobian product of
/// ``globalAggregation(_:over:keep:queries:keys:into:probabilities:on:)``.
///
///     dz_h = W_hᵀ dv_h        g_h[t] = dz_h·x_t        c_h = Σ_t a_h[t]·g_h[t]
///     ds_h[t] = a_h[t]·(g_h[t] - c_h)
///     dx_t = Σ_h a_h[t]·dz_h + ds_h[t]·u_h             u_h = W_hᵀ q_h / √e
///     du_h = Σ_t ds_h[t]·x_t        z_h = Σ_t a_h[t]·x_t        dq_h = W_h du_h / √e
///     dW_h = Σ_s dv_h z_hᵀ + (q_h / √e) du_hᵀ          db = Σ_s dv
///
/// The probabilities a are those of the forward pass; u, z and the rest are formed again, none of
/// them for each token but g. Sums over tokens go in chunks of 256 from each sequence's start,
/// joined in order; those over sequences are a product of depth 2·sequences in the order of matmul
/// and chunks of 256 rows.
///
/// - Parameters:
///   - x: `[tokens × d]`.
///   - sequences: the ragged batch that `x` holds.
///   - queries: `[sequences × d]`.
///   - keys: the key projection.
///   - probabilities: `[heads × tokens]` of the forward pass; 0 for a token that is not kept.
///   - dv: `[sequences × d]`.
///   - dx: `[tokens × d]`, written.
///   - dqueries: `[sequences × d]`, written.
///   - keyWeight: `[d × d]` that receives dW, a row for each output, or nil.
///   - keyBias: `[1 × d]` that receives db, or nil.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before anything is
///   written.
/// - Complexity: `10 · tokens · heads · d` operations, two reads of `x`, one write of `dx`. Scratch:
///   `[heads × tokens]`, `8 · heads · d` floats a sequence, `2 · heads · (d + 514)` for each chunk at
///   work.
///
/// A token that is not kept gets 0 if it is finite; NaN in any token makes the gradients of its
/// sequence NaN, and so do the probabilities of a sequence with nothing kept. A sequence without
/// tokens gets dq = 0. First-order bound: `aggregationGradientOracle`.
public func globalAggregationGradient(
  _ x: Matrix, over sequences: Ragged, queries: Matrix, keys: AggregationKeys,
  probabilities: Matrix, upstream dv: Matrix, into dx: inout Matrix, queries dqueries: inout Matrix,
  keyWeight: inout Matrix?, keyBias: inout Matrix?, on execution: Execution
) throws(TarnError) {
  let name = "globalAggregationGradient"
  let d = keys.columns
  let heads = keys.heads
  let count = sequences.count
  try checkShape(name, "x", [x.rows, x.columns], [sequences.rows, d])
  try checkShape(name, "queries", [queries.rows, queries.columns], [count, d])
  try checkShape(
    name, "probabilities", [probabilities.rows, probabilities.columns], [heads, x.rows])
  try checkShape(name, "upstream", [dv.rows, dv.columns], [count, d])
  try checkShape(name, "target", [dx.rows, dx.columns], [x.rows, d])
  try checkShape(name, "target queries", [dqueries.rows, dqueries.columns], [count, d])
  if let keyWeight {
    try checkShape(name, "keyWeight", [keyWeight.rows, keyWeight.columns], [d, d])
  }
  if let keyBias { try checkShape(name, "keyBias", [keyBias.rows, keyBias.columns], [1, d]) }

  // For each sequence a row of dz, then u, both [heads × d].
  let scaled = scaledQueries(queries, keys)
  var directions = try Matrix(rows: count, columns: 2 * heads * d)
  foldHeads(dv, keys, into: &directions, at: 0, execution)
  foldHeads(scaled, keys, into: &directions, at: heads * d, execution)
  let sums = try aggregateGradientChunks(
    x, sequences, probabilities, directions, heads, into: &dx, execution)

  projectHeads(sums, at: heads * d, keys, bias: nil, into: &dqueries, execution)
  dqueries = scaledQueries(dqueries, keys)
  if keyWeight != nil {
    try sumOuterProducts(dv, scaled, sums, keys, into: &keyWeight, execution)
  }
  if keyBias != nil { try sumRows(dv, into: &keyBias, execution) }
}

/// Both passes over all chunks; the result holds z, then du, both `[heads × d]`, for each sequence.
private func aggregateGradientChunks(
  _ x: Matrix, _ sequences: Ragged, _ probabilities: Matrix, _ directions: Matrix, _ heads: Int,
  into dx: inout Matrix, _ execution: Execution
) throws(TarnError) -> Matrix {
  let d = x.columns
  let kernels = execution.table
  let tasks = (0..<sequences.count).flatMap { s in tokenChunks(sequences[s]).map { (s, $0) } }
  var sums = try Matrix(rows: sequences.count, columns: 2 * heads * d)
  var scores = try Matrix(rows: heads, columns: x.rows)
  // c of each chunk, then of each sequence.
  var parts = try Matrix(rows: tasks.count, columns: heads)
  var c = try Matrix(rows: sequences.count, columns: heads)

  // dz and u of each sequence, packed for the first pass and for the second.
  let acrossCount = PackedView.elementCount(depth: d, columns: heads)
  let alongCount = PackedView.elementCount(depth: 2 * heads, columns: d)
  var packed = try Matrix(rows: sequences.count, columns: acrossCount + alongCount)
  directions.withView { directions in
    packed.withMutableView { packed in
      execution.forEach(sequences.count) { s in
        // SAFETY: row s of both; the parts have the sizes above.
        let across = unsafe PackedView(packed.row(s), depth: d, columns: heads)
        let along = unsafe PackedView(
          packed.row(s) + acrossCount, depth: 2 * heads, columns: d)
        unsafe kernels.matmul.packTransposed(
          MatrixView(directions.row(s), rows: heads, columns: d, rowStride: d),
          0..<across.panelCount, packed.row(s))
        unsafe kernels.matmul.pack(
          MatrixView(directions.row(s), rows: 2 * heads, columns: d, rowStride: d),
          0..<along.panelCount, packed.row(s) + acrossCount)
      }
    }
  }

  let wave = max(1, min(tasks.count, execution.threads == 1 ? 1 : execution.threads * 4))
  let workspaceOffset = 2 * heads * d
  var scratch = try Matrix(
    rows: wave,
    columns: workspaceOffset + Blocking.matmulWorkspace + 4 * Blocking.tokens * heads)

  x.withView { x in
    probabilities.withView { probabilities in
      packed.withView { packed in
        scores.withMutableView { scores in
          var first = 0
          while first < tasks.count {
            let current = Array(tasks[first..<min(first + wave, tasks.count)])
            let start = first
            scratch.withMutableView { scratch in
              parts.withMutableView { parts in
                execution.forEach(current.count) { i in
                  let (s, rows) = current[i]
                  // SAFETY: chunk i uses its own row of scratch, of parts, its columns of scores.
                  unsafe kernels.pooling.aggregateGradientScores(
                    x[rows: rows], probabilities[columns: rows],
                    PackedView(packed.row(s), depth: d, columns: heads), scores[columns: rows],
                    parts.row(start + i), scratch.row(i) + workspaceOffset)
                }
              }
            }
            first += wave
          }
          c.withMutableView { c in
            parts.withView { parts in
              for i in tasks.indices {
                // SAFETY: rows of heads elements each.
                unsafe kernels.pooling.accumulate(parts.row(i), 1, 1, c.row(tasks[i].0), heads)
              }
            }
          }
          first = 0
          while first < tasks.count {
            let current = Array(tasks[first..<min(first + wave, tasks.count)])
            scratch.withMutableView { scratch in
              c.withView { c in
                dx.withMutableView { dx in
                  execution.forEach(current.count) { i in
                    let (s, rows) = current[i]
                    // SAFETY: chunk i uses its own row of scratch and writes its own rows of dx.
                    let target = unsafe MutableMatrixView(
                      scratch.row(i), rows: 2 * heads, columns: d, rowStride: d)
                    unsafe kernels.pooling.aggregateGradient(
                      x[rows: rows], probabilities[columns: rows],
                      scores.readOnly[columns: rows], c.row(s),
                      PackedView(packed.row(s) + acrossCount, depth: 2 * heads, columns: d),
                      dx[rows: rows], target, scratch.row(i) + workspaceOffset)
                  }
                }
              }
              sums.withMutableView { sums in
                for i in current.indices {
                  // SAFETY: both hold 2 · heads · d elements.
                  unsafe kernels.pooling.accumulate(
                    UnsafePointer(scratch.row(i)), 1, 1, sums.row(current[i].0), 2 * heads * d)
                }
              }
            }
            first += wave
          }
        }
      }
    }
  }
  return sums
}

/// `dW_h = Σ_s dv_h z_hᵀ + q_h du_hᵀ`, a product of depth 2·sequences for each head.
private func sumOuterProducts(
  _ dv: Matrix, _ q: Matrix, _ sums: Matrix, _ keys: AggregationKeys, into target: inout Matrix?,
  _ execution: Execution
) throws(TarnError) {
  let d = keys.columns
  let e = keys.headSize
  let heads = keys.heads
  let count = dv.rows
  var left = try Matrix(rows: d, columns: 2 * count)
  left.withMutableView { left in
    dv.withView { dv in
      q.withView { q in
        for s in 0..<count {
          for i in 0..<d {
            // SAFETY: i and s lie within all three.
            unsafe left.row(i)[s] = dv.row(s)[i]
            unsafe left.row(i)[count + s] = q.row(s)[i]
          }
        }
      }
    }
  }
  var weight = try Matrix(rows: d, columns: d)
  for h in 0..<heads {
    var right = try Matrix(rows: 2 * count, columns: d)
    for s in 0..<count {
      try right.copyRow(from: sums.columns(h * d..<(h + 1) * d), s, to: s)
      try right.copyRow(from: sums.columns((heads + h) * d..<(heads + h + 1) * d), s, to: count + s)
    }
    try matmul(left.rows(h * e..<(h + 1) * e), right, into: &weight, at: h * e, on: execution)
  }
  target = weight
}

/// `Σ dv` over the rows, in chunks joined in order.
private func sumRows(
  _ dv: Matrix, into target: inout Matrix?, _ execution: Execution
) throws(TarnError) {
  var part = try Matrix(rows: 1, columns: dv.columns)
  var total = try Matrix(rows: 1, columns: dv.columns)
  for rows in tokenChunks(0..<dv.rows) {
    dv.withView { dv in
      part.withMutableView { part in
        total.withMutableView { total in
          // SAFETY: all three have the columns of dv.
          unsafe execution.table.pooling.sumRows(dv[rows: rows], nil, true, part.base)
          unsafe execution.table.pooling.accumulate(
            UnsafePointer(part.base), 1, 1, total.base, part.columns)
        }
      }
    }
  }
  target = total
}
