// PoNet's pooling fusion: the three granularities meet.

import TarnKernelInterface

/// `c[t] = (v + S[label(t)]) ∘ o[t] + l[t]`, the fusion of the three poolings.
///
/// `c[t] = v ∘ o[t]` for a global-only token, 0 for a masked one. Pooling fusion of
/// arXiv:2110.02442. One pass: the segment maxima are read where they are, not broadcast back to the tokens.
///
/// - Parameters:
///   - kinds: what each token takes part in.
///   - v: `[sequences × d]`.
///   - sequences: the row of `v` for each token.
///   - maxima: `[segments × d]`.
///   - labels: the row of `maxima` for each token.
///   - o: `[tokens × d]`.
///   - local: `[tokens × d]`.
///   - c: `[tokens × d]`. May be `o` or `local`.
///
/// NaN and ∞ in what a token does not take part in do not reach it. Cost: three reads and one write
/// a token. Two roundings an element with fused multiply-add.
func fuse(
  kinds: UnsafePointer<FusionKind>, v: MatrixView, sequences: UnsafePointer<Int32>,
  maxima: MatrixView, labels: UnsafePointer<Int32>, o: MatrixView, local: MatrixView,
  into c: MutableMatrixView
) {
  let d = c.columns
  for t in 0..<c.rows {
    let target = c.row(t)
    switch kinds[t] {
    case .masked:
      for j in 0..<d { target[j] = 0 }
    case .globalOnly:
      @inline(__always) func product(_ v: Lanes, _ o: Lanes) -> Lanes { v * o }
      map(v.row(Int(sequences[t])), o.row(t), into: target, count: d, product)
    case .full:
      let global = v.row(Int(sequences[t]))
      let segment = maxima.row(Int(labels[t]))
      let output = o.row(t)
      let window = local.row(t)
      var j = 0
      while j &+ 16 <= d {
        multiplyAdd(
          Lanes(global + j) + Lanes(segment + j), Lanes(output + j), Lanes(window + j)
        ).store(target + j)
        j &+= 16
      }
      if j < d {
        let rest = d &- j
        multiplyAdd(
          Lanes(global + j, count: rest, fill: 0) + Lanes(segment + j, count: rest, fill: 0),
          Lanes(output + j, count: rest, fill: 0), Lanes(window + j, count: rest, fill: 0)
        ).store(target + j, count: rest)
      }
    }
  }
}
