// The weights of the iterative soft top-k.

import TarnKernelInterface

/// `P[i] = softmax(-α (s - max s)²)`; then the largest score becomes -10000; k times.
///
///     scores[i] = Σ_t P[i, t]·s[t]
///
/// The baseline that successive halving is compared with (Pietruszka, Borchmann, Garncarek 2020,
/// arXiv:2010.15552).
///
/// - Parameters:
///   - s: `[n]`, overwritten.
///   - alpha: the factor α, not negative.
///   - weights: P, `[k × n]`.
///   - scores: `[k]`.
///
/// Of equal scores the first counts as the largest; of NaN the first counts before all others and
/// makes its row NaN. Exponentials that would be denormal are 0. Cost: k·n exponentials.
func iterativeTopK(
  _ s: UnsafeMutablePointer<Float>, alpha: Float, into weights: MutableMatrixView,
  scores: UnsafeMutablePointer<Float>
) {
  let n = weights.columns
  let factor = Lanes(repeating: -alpha)
  for i in 0..<weights.rows {
    let row = weights.row(i)
    let m = maximum(s, count: n)
    let top = Lanes(repeating: m)
    @inline(__always) func logit(_ s: Lanes) -> Lanes { ((s - top) * (s - top)) * factor }
    map(s, into: row, count: n, logit)
    let total = Lanes(repeating: exponentials(row, count: n, minus: 0))
    @inline(__always) func divided(_ x: Lanes) -> Lanes { x / total }
    map(row, into: row, count: n, divided)
    scores[i] = innerProduct(row, s, count: n)
    var first = 0
    while first < n && !(s[first] == m || s[first] != s[first]) { first &+= 1 }
    if first < n { s[first] = -10000 }
  }
}
