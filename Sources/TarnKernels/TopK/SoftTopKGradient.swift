// The gradient of the soft top-k to the scores, from one inner product a token.

import TarnKernelInterface

/// The gradient to the scores of round 0, the orders and pairs being constants.
///
///     D = w·D_left + (1 - w)·D_right                      ⟨dy, x⟩ of a result, forwards
///     h = (g·(p - q) + W·(D_left - D_right)) · w·(1 - w) · ln b
///     g_left  = g·w       + h·b^p        W_left  = W·w           backwards
///     g_right = g·(1 - w) - h·b^q        W_right = W·(1 - w)
///
/// The published form takes ⟨g_x, x_left - x_right⟩ of the vectors of each round (Pyramidion,
/// arXiv:2009.05169). There g_x = W·dy with one dy for all tokens of a result, so the product is
/// linear in the tokens' own inner products and no vector of a round is needed.
///
/// - Parameters:
///   - tape: the rounds.
///   - lnBase: ln b.
///   - upstream: `[k]`: the gradient to the scores of the results, or nil for zeros.
///   - dots: `[2N - k]`: its first N are ⟨dy, x⟩ of each candidate, 0 for padding; the rest is
///     written.
///   - weights: `[2N - k]` scratch.
///   - gradient: `[2N - k]`, of which the first N are the result.
///
/// Where 1 - w is 0 the pair passes g to the better candidate alone. NaN reaches the candidates of
/// its result. Cost: two exponentials a pair; linear in N.
func softTopKScoreGradient(
  _ tape: SoftTopKTape, lnBase: Float, upstream: UnsafePointer<Float>?,
  dots: UnsafeMutablePointer<Float>, weights: UnsafeMutablePointer<Float>,
  into gradient: UnsafeMutablePointer<Float>
) {
  var candidates = tape.length
  var start = 0
  var pair = 0
  while candidates > tape.count {
    let half = candidates / 2
    var i = 0
    while i < half {
      let rest = min(16, half &- i)
      let place = pair &+ i
      let joined = multiplyAdd(
        Lanes(tape.leftWeights + place, upTo: rest),
        Lanes(dots + start, at: tape.left + place, count: rest),
        Lanes(tape.rightWeights + place, upTo: rest)
          * Lanes(dots + start, at: tape.right + place, count: rest))
      joined.store(dots + start + candidates + i, upTo: rest)
      i &+= 16
    }
    start &+= candidates
    pair &+= half
    candidates = half
  }
  // Two loops: of one the compiler makes masked loads from nil, which an emulator does not bear.
  if let upstream {
    for i in 0..<tape.count { gradient[start &+ i] = upstream[i] }
  } else {
    for i in 0..<tape.count { gradient[start &+ i] = 0 }
  }
  for i in 0..<tape.count { weights[start &+ i] = 1 }
  let lnBase = Lanes(repeating: lnBase)
  while candidates < tape.length {
    let half = candidates
    candidates &*= 2
    let results = start
    start &-= candidates
    pair &-= half
    var i = 0
    while i < half {
      let rest = min(16, half &- i)
      let left = tape.left + pair + i
      let right = tape.right + pair + i
      let w = Lanes(tape.leftWeights + pair + i, upTo: rest)
      let v = Lanes(tape.rightWeights + pair + i, upTo: rest)
      let p = Lanes(tape.scores + start, at: left, count: rest)
      let q = Lanes(tape.scores + start, at: right, count: rest)
      let g = Lanes(gradient + results + i, upTo: rest)
      let weight = Lanes(weights + results + i, upTo: rest)
      let gap =
        Lanes(dots + start, at: left, count: rest) - Lanes(dots + start, at: right, count: rest)
      let h = (multiplyAdd(g, p - q, weight * gap) * (w * v)) * lnBase
      let isOne = v .== .broadcast(0)
      let toLeft = multiplyAdd(h, exp(p * lnBase), g * w).replacing(with: g, where: isOne)
      let toRight = multiplyAdd(-h, exp(q * lnBase), g * v)
        .replacing(with: .broadcast(0), where: isOne)
      let weightLeft = weight * w
      let weightRight = weight * v
      for lane in 0..<rest {
        let l = start &+ Int(left[lane])
        let r = start &+ Int(right[lane])
        gradient[l] = toLeft[lane]
        gradient[r] = toRight[lane]
        weights[l] = weightLeft[lane]
        weights[r] = weightRight[lane]
      }
      i &+= 16
    }
  }
}
