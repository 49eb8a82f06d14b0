// The gradient of PoNet's global aggregation over one chunk of tokens, in two passes.

import TarnKernelInterface

/// First pass: `g[h, t] = dz_h · x_t`, and the chunk's part of `c_h = Σ_t a_h[t]·g[h, t]`.
///
/// - Parameters:
///   - x: `[tokens × d]`, at most ``Blocking/tokens`` rows.
///   - probabilities: a, `[heads × tokens]`.
///   - dz: `d × heads`, packed.
///   - g: `[heads × tokens]`.
///   - c: `[heads]`; sums in the order of Rows.swift.
///   - workspace: `Blocking.matmulWorkspace + tokens · heads` elements.
///
/// Cost: `2 · tokens · heads · d` operations, one read of the chunk.
func aggregateGradientScores(
  _ x: MatrixView, probabilities: MatrixView, dz: PackedView, into g: MutableMatrixView,
  c: UnsafeMutablePointer<Float>, workspace: UnsafeMutablePointer<Float>
) {
  let heads = dz.columns
  let byToken = MutableMatrixView(
    workspace + Blocking.matmulWorkspace, rows: x.rows, columns: heads, rowStride: heads)
  matmul(
    x, dz, panels: 0..<dz.panelCount, adding: false, epilogue: EpilogueView(), into: byToken,
    workspace: workspace)
  for h in 0..<heads {
    let row = g.row(h)
    for t in 0..<x.rows { row[t] = byToken.row(t)[h] }
    c[h] = innerProduct(probabilities.row(h), row, count: x.rows)
  }
}

/// Second pass: the gradient to the chunk's tokens, and its part of the sums over tokens.
///
///     ds_h[t] = a_h[t] · (g[h, t] - c_h)
///     dx_t = Σ_h a_h[t]·dz_h + ds_h[t]·u_h        z_h = Σ_t a_h[t]·x_t        du_h = Σ_t ds_h[t]·x_t
///
/// - Parameters:
///   - x: `[tokens × d]`, at most ``Blocking/tokens`` rows.
///   - probabilities: a, `[heads × tokens]`.
///   - g: `[heads × tokens]` of the first pass.
///   - c: `[heads]`, joined over all chunks.
///   - directions: `2 · heads × d`, packed: the rows dz, then the rows u.
///   - dx: `[tokens × d]`.
///   - sums: `[2 · heads × d]`: z, then du.
///   - workspace: `Blocking.matmulWorkspace + 4 · tokens · heads` elements.
///
/// Two products; each sum over tokens is a chain in increasing t. A token with a = 0 gets 0 where g
/// and c are finite. Cost: `8 · tokens · heads · d` operations.
func aggregateGradient(
  _ x: MatrixView, probabilities: MatrixView, g: MatrixView, c: UnsafePointer<Float>,
  directions: PackedView, into dx: MutableMatrixView, sums: MutableMatrixView,
  workspace: UnsafeMutablePointer<Float>
) {
  let heads = probabilities.rows
  let tokens = x.rows
  let byHead = MutableMatrixView(
    workspace + Blocking.matmulWorkspace, rows: 2 &* heads, columns: tokens, rowStride: tokens)
  let byToken = MutableMatrixView(
    byHead.base + 2 &* heads &* tokens, rows: tokens, columns: 2 &* heads, rowStride: 2 &* heads)
  for h in 0..<heads {
    let shift = Lanes(repeating: c[h])
    @inline(__always) func same(_ a: Lanes) -> Lanes { a }
    @inline(__always) func slope(_ a: Lanes, _ g: Lanes) -> Lanes { a * (g - shift) }
    map(probabilities.row(h), into: byHead.row(h), count: tokens, same)
    map(probabilities.row(h), g.row(h), into: byHead.row(heads &+ h), count: tokens, slope)
  }
  for t in 0..<tokens {
    for h in 0..<2 &* heads { byToken.row(t)[h] = byHead.row(h)[t] }
  }
  matmul(
    byToken.readOnly, directions, panels: 0..<directions.panelCount, adding: false,
    epilogue: EpilogueView(), into: dx, workspace: workspace)
  matmul(
    byHead.readOnly, unpacked: x, panels: 0..<(x.columns &+ 47) / 48, epilogue: EpilogueView(),
    into: sums, workspace: workspace)
}
