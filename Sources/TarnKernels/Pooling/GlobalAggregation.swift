// PoNet's global aggregation over one chunk of tokens, with the keys never formed.

import TarnKernelInterface

/// One chunk of `z[h] = Σ_t softmax_t(u_h·x_t) x_t`, for every head.
///
///     s[t, h] = x_t · u_h                    a product with heads columns
///     m[h] = max_t s[t, h]    p[h, t] = exp(s[t, h] - m[h])    l[h] = Σ_t p[h, t]
///     z[h] = Σ_t p[h, t] x_t                 a product with the chunk itself
///
/// Global aggregation of arXiv:2110.02442, with the query folded into the key matrix (Docs: PoNet).
/// Chunks are joined in order by the caller.
///
/// - Parameters:
///   - x: `[tokens × d]`, at most ``Blocking/tokens`` rows.
///   - keep: one flag a token, or nil. Others have weight 0.
///   - u: `d × heads`, packed.
///   - scores: `[heads × tokens]` scratch; afterwards `p`.
///   - rawScores: `[heads × tokens]` that receives `s`, or nil.
///   - m: `[heads]`; -∞ where nothing is kept.
///   - l: `[heads]`.
///   - z: `[heads × d]`.
///   - workspace: `Blocking.matmulWorkspace + tokens · heads` elements.
///
/// Exponentials that would be denormal are 0 (``exponentials(_:count:minus:)``). NaN in a kept
/// token makes all of `m`, `l` and `z` NaN; NaN or ∞ in another token reaches `z`, since 0 · NaN is
/// NaN.
///
/// Cost: `4 · tokens · heads · d` operations, two reads of the chunk (L2).
func aggregate(
  _ x: MatrixView, keep: UnsafePointer<Bool>?, u: PackedView, scores: MutableMatrixView,
  rawScores: MutableMatrixView?, m: UnsafeMutablePointer<Float>, l: UnsafeMutablePointer<Float>,
  z: MutableMatrixView, workspace: UnsafeMutablePointer<Float>
) {
  let heads = u.columns
  let tokens = x.rows
  let byToken = MutableMatrixView(
    workspace + Blocking.matmulWorkspace, rows: tokens, columns: heads, rowStride: heads)
  matmul(
    x, u, panels: 0..<u.panelCount, adding: false, epilogue: EpilogueView(), into: byToken,
    workspace: workspace)
  for h in 0..<heads {
    let row = scores.row(h)
    for t in 0..<tokens { row[t] = byToken.row(t)[h] }
    if let rawScores {
      let raw = rawScores.row(h)
      for t in 0..<tokens { raw[t] = row[t] }
    }
    if let keep {
      for t in 0..<tokens where !keep[t] { row[t] = -.infinity }
    }
    m[h] = maximum(row, count: tokens)
    if m[h] == -.infinity {
      for t in 0..<tokens { row[t] = 0 }
      l[h] = 0
    } else {
      l[h] = exponentials(row, count: tokens, minus: m[h])
    }
  }
  matmul(
    scores.readOnly, unpacked: x, panels: 0..<(x.columns &+ 47) / 48, epilogue: EpilogueView(),
    into: z, workspace: workspace)
}

/// Joins a chunk's aggregate to the running one: `(M, L, Z) ← (M, L, Z) ⊕ (m, l, z)`, head by head.
///
///     M' = max(M, m);  L' = e^(M-M')·L + e^(m-M')·l;  Z' = e^(M-M')·Z + e^(m-M')·z
///
/// A chunk with m = -∞ (nothing kept, or no score above -∞) changes nothing, whatever its z holds.
/// Cost: two reads and one write of `[heads × d]`.
func joinAggregates(
  m: UnsafePointer<Float>, l: UnsafePointer<Float>, z: MatrixView,
  intoM runningM: UnsafeMutablePointer<Float>, runningL: UnsafeMutablePointer<Float>,
  runningZ: MutableMatrixView
) {
  for h in 0..<z.rows where m[h] != -.infinity {
    let top = runningM[h].maximum(m[h])
    let old = exp(Lanes(repeating: runningM[h] - top))[0]
    let new = exp(Lanes(repeating: m[h] - top))[0]
    runningM[h] = top
    accumulate(l + h, scale: new, factor: old, into: runningL + h, count: 1)
    accumulate(z.row(h), scale: new, factor: old, into: runningZ.row(h), count: z.columns)
  }
}
