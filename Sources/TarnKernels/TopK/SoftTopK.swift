// The rounds of the successive-halving soft top-k, on scores alone.

import TarnKernelInterface

/// Pairs, weights and scores of all rounds, then each result's tokens and weights.
///
///     w = 1 / (1 + exp(b^q - b^p))         p ≥ q the scores of a pair
///     new score = w·p + (1 - w)·q
///
/// A round on m candidates ranks them by score (``rank(_:count:into:workspace:)``). Rank i meets
/// rank m - 1 - i, or without `flips` rank i + m/2. Results stay in the order of their better
/// member's rank, or with `keepsOrder` of its number. Successive halving of Pietruszka, Borchmann,
/// Garncarek 2020 (arXiv:2010.15552), as in Pyramidion (arXiv:2009.05169).
///
/// - Parameters:
///   - tape: its first N scores are read, all else is written.
///   - lnBase: ln b, positive.
///   - flips: whether the best meets the worst.
///   - keepsOrder: whether results keep the order of the sequence.
///   - order: `[2N]` scratch.
///   - workspace: ``SoftTopKTape/rankWorkspace(_:)`` elements for N.
///
/// p = q gives w = ½, also where both powers overflow; b^p = ∞ alone gives w = 1. Where 1 - w is 0
/// the score is p. NaN ranks last and makes the one result that it ends up in NaN. Cost: three
/// exponentials a pair, N - k pairs, and the ranking; linear in N.
func planSoftTopK(
  _ tape: SoftTopKTape, lnBase: Float, flips: Bool, keepsOrder: Bool,
  order: UnsafeMutablePointer<Int32>, workspace: UnsafeMutablePointer<UInt64>
) {
  var candidates = tape.length
  var scores = tape.scores
  var pair = 0
  while candidates > tape.count {
    let half = candidates / 2
    rank(scores, count: candidates, into: order, workspace: workspace)
    let left = tape.left + pair
    let right = tape.right + pair
    if keepsOrder {
      let places = order + tape.length
      for i in 0..<candidates { places[i] = -1 }
      for i in 0..<half { places[Int(order[i])] = Int32(truncatingIfNeeded: i) }
      var result = 0
      for candidate in 0..<candidates where places[candidate] >= 0 {
        let i = Int(places[candidate])
        left[result] = Int32(truncatingIfNeeded: candidate)
        right[result] = order[flips ? candidates &- 1 &- i : half &+ i]
        result &+= 1
      }
    } else {
      for i in 0..<half {
        left[i] = order[i]
        right[i] = order[flips ? candidates &- 1 &- i : half &+ i]
      }
    }
    blendScores(
      scores, left: left, right: right, count: half, lnBase: lnBase,
      leftWeights: tape.leftWeights + pair, rightWeights: tape.rightWeights + pair,
      into: scores + candidates)
    scores += candidates
    pair &+= half
    candidates = half
  }
  expand(tape)
}

/// Weights and new scores of the pairs of one round.
private func blendScores(
  _ scores: UnsafePointer<Float>, left: UnsafePointer<Int32>, right: UnsafePointer<Int32>,
  count: Int, lnBase: Float, leftWeights: UnsafeMutablePointer<Float>,
  rightWeights: UnsafeMutablePointer<Float>, into blended: UnsafeMutablePointer<Float>
) {
  let lnBase = Lanes(repeating: lnBase)
  var i = 0
  while i < count {
    let rest = min(16, count &- i)
    let p = Lanes(scores, at: left + i, count: rest)
    let q = Lanes(scores, at: right + i, count: rest)
    // b^q - b^p = b^p·(e^x - 1), so that close scores lose nothing; -∞ where b^p overflows.
    let x = (q - p) * lnBase
    let ratio = (exp(x) - .broadcast(1))
      .replacing(with: expMinusOneOfReduced(x), where: x .> .broadcast(-0x1.62e43p-2))
    let e = exp(exp(p * lnBase) * ratio).replacing(with: .broadcast(1), where: p .== q)
    let w = .broadcast(1) / (.broadcast(1) + e)
    let v = e * w
    let score = multiplyAdd(w, p, v * q).replacing(with: p, where: v .== .broadcast(0))
    w.store(leftWeights + i, upTo: rest)
    v.store(rightWeights + i, upTo: rest)
    score.store(blended + i, upTo: rest)
    i &+= 16
  }
}

/// Replaces results by their pairs, round by round from the last, until they are tokens.
private func expand(_ tape: SoftTopKTape) {
  var results = tape.count
  var pair = tape.length &- tape.count
  for i in 0..<results {
    tape.tokens[i] = Int32(truncatingIfNeeded: i)
    tape.weights[i] = 1
  }
  while results < tape.length {
    // The pairs of the round that made these results. Backwards, so that nothing is overwritten
    // before it is read.
    pair &-= results
    var i = results &- 1
    while i >= 0 {
      let place = pair &+ Int(tape.tokens[i])
      let weight = tape.weights[i]
      tape.tokens[2 &* i] = tape.left[place]
      tape.weights[2 &* i] = weight * tape.leftWeights[place]
      tape.tokens[2 &* i &+ 1] = tape.right[place]
      tape.weights[2 &* i &+ 1] = weight * tape.rightWeights[place]
      i &-= 1
    }
    results &*= 2
  }
}
