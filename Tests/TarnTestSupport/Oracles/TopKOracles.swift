// Soft top-k in Double with its rounding error to first order, its order in Float, and the iterative
// baseline.

public import Tarn

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Numbers 0 ..< n by descending score, ties by ascending number, NaN last.
public func rankOracle(_ scores: [Float]) -> [Int] {
  scores.indices.sorted { a, b in
    let (x, y) = (scores[a], scores[b])
    if x.isNaN || y.isNaN { return x.isNaN == y.isNaN ? a < b : y.isNaN }
    return x == y ? a < b : x > y
  }
}

extension ContractModel {
  /// The rounds of a soft top-k as the kernel computes them, one scalar at a time.
  ///
  /// - Parameters:
  ///   - scores: of all candidates, padding included.
  ///   - count: k.
  ///   - options: base, pairing, order.
  ///   - exp: the exponential that the kernels use.
  /// - Returns: the pairs, and the scores of the results.
  public func softTopKRounds(
    _ scores: [Float], count: Int, options: SoftTopKOptions, exp: ([Float]) -> [Float]
  ) -> (rounds: [[SoftTopKPair]], others: [[Float]], scores: [Float]) {
    let lnBase = Float(log(Double(options.base)))
    var scores = scores
    var rounds: [[SoftTopKPair]] = []
    var others: [[Float]] = []
    while scores.count > count {
      let order = rankOracle(scores)
      let half = order.count / 2
      var pairs = (0..<half).map {
        (order[$0], order[options.flips ? order.count - 1 - $0 : half + $0])
      }
      if options.keepsOrder { pairs.sort { $0.0 < $1.0 } }
      let p = pairs.map { scores[$0.0] }
      let q = pairs.map { scores[$0.1] }
      let x = p.indices.map { (q[$0] - p[$0]) * lnBase }
      let high = exp(p.map { $0 * lnBase })
      let far = exp(x)
      let e = exp(
        p.indices.map { high[$0] * (x[$0] > -0x1.62e43p-2 ? near(x[$0]) : far[$0] - 1) })
      let w = p.indices.map { p[$0] == q[$0] ? 0.5 : 1 / (1 + e[$0]) }
      let v = p.indices.map { (p[$0] == q[$0] ? 1 : e[$0]) * w[$0] }
      scores = p.indices.map { v[$0] == 0 ? p[$0] : multiplyAdd(w[$0], p[$0], v[$0] * q[$0]) }
      rounds.append(
        pairs.indices.map {
          SoftTopKPair(left: pairs[$0].0, right: pairs[$0].1, weight: w[$0])
        })
      others.append(v)
    }
    return (rounds, others, scores)
  }

  /// e^x - 1 for -0.3466 < x ≤ 0, by the polynomial of the exponential.
  private func near(_ x: Float) -> Float {
    var q: Float = 0x1.6a5134p-10
    for next: Float in [0x1.12397cp-7, 0x1.5558acp-5, 0x1.555492p-3, 0x1.fffffcp-2] {
      q = multiplyAdd(q, x, next)
    }
    return multiplyAdd(x * x, q, x)
  }

  /// The tokens of each result with their weights, in the order of the sums.
  public func softTopKTokens(
    _ rounds: [[SoftTopKPair]], others: [[Float]], count: Int
  ) -> [[(token: Int, weight: Float)]] {
    var results = (0..<count).map { [(token: $0, weight: Float(1))] }
    for (pairs, others) in zip(rounds, others).reversed() {
      results = results.map {
        $0.flatMap { entry in
          [
            (pairs[entry.token].left, entry.weight * pairs[entry.token].weight),
            (pairs[entry.token].right, entry.weight * others[entry.token]),
          ]
        }
      }
    }
    return results
  }

  /// One chain of multiply-adds; entries past the rows are left out.
  public func blend(
    _ x: [Float], rows: Int, columns: Int, _ entries: [(token: Int, weight: Float)]
  ) -> [Float] {
    var y = [Float](repeating: 0, count: columns)
    for (i, entry) in entries.filter({ (0..<rows).contains($0.token) }).enumerated() {
      for j in 0..<columns {
        let value = x[entry.token * columns + j]
        y[j] = i == 0 ? entry.weight * value : multiplyAdd(entry.weight, value, y[j])
      }
    }
    return y
  }
}

/// A soft top-k of one document in Double, with running error bounds, and its gradient.
///
/// Each operation of the method adds its rounding, 2⁻²⁴ of the result, to what the errors of its
/// operands bring (`BoundedValue`): a bound to first order. Orders and pairs are given.
public struct SoftTopKOracle {
  /// Candidates, padding included.
  let n: Int
  let rounds: [[SoftTopKPair]]
  let lnBase: BoundedValue
  /// The scores of each round's candidates, then those of the results.
  public private(set) var scores: [[BoundedValue]]
  private(set) var left: [[BoundedValue]] = []
  private(set) var right: [[BoundedValue]] = []

  /// Runs the rounds; a given score may be off by `scoreError` of itself.
  public init(
    scores: [Double], rounds: [[SoftTopKPair]], base: Float, scoreError: Double = 0
  ) {
    n = scores.count
    self.rounds = rounds
    let lnBase = BoundedValue(log(Double(base)), log(Double(base)) * unitRoundoff)
    self.lnBase = lnBase
    self.scores = [scores.map { BoundedValue($0, abs($0) * scoreError) }]
    for (r, pairs) in rounds.enumerated() {
      var blended: [BoundedValue] = []
      var left: [BoundedValue] = []
      var right: [BoundedValue] = []
      for pair in pairs {
        let p = self.scores[r][pair.left]
        let q = self.scores[r][pair.right]
        // e^x - 1 is good to six roundings: 2.04·e^x / (1 - e^x) + 1 at e^x = √½, less above.
        let x = (q - p) * lnBase
        let ratio = expm1(x.value)
        let e = BoundedValue.exp(
          .exp(p * lnBase)
            * BoundedValue(ratio, x.error * (ratio + 1) + 6 * unitRoundoff * abs(ratio)))
        // dw = -w·v·de/e, and the sum and the quotient; v = e·w.
        let w = 1 / (1 + e.value)
        let v = e.value * w
        let relative = e.error / e.value
        let weight = BoundedValue(w, w * (v * relative + 2 * unitRoundoff))
        let other = BoundedValue(v, v * (w * relative + 3 * unitRoundoff))
        left.append(weight)
        right.append(other)
        // p and q move together where both are off by the same; the weights only by |p - q|.
        let score = w * p.value + v * q.value
        blended.append(
          BoundedValue(
            score,
            w * p.error + v * q.error + abs(p.value - q.value) * w * v * relative
              + 5 * unitRoundoff * (abs(w * p.value) + abs(v * q.value))))
      }
      self.left.append(left)
      self.right.append(right)
      self.scores.append(blended)
    }
  }

  /// `y`, `[results × columns]`; candidates past the rows are zeros.
  public func blend(
    _ x: [Double], columns: Int, inputError: Double = 0
  ) -> (values: [Double], tolerance: [Double]) {
    let rows = columns == 0 ? 0 : x.count / columns
    var results = (0..<scores[rounds.count].count).map { [($0, BoundedValue(1))] }
    for r in rounds.indices.reversed() {
      results = results.map {
        $0.flatMap { i, weight in
          [
            (rounds[r][i].left, weight * left[r][i]), (rounds[r][i].right, weight * right[r][i]),
          ]
        }
      }
    }
    var values: [Double] = []
    var tolerance: [Double] = []
    for entries in results {
      for j in 0..<columns {
        var sum = 0.0
        var error = 0.0
        for (t, weight) in entries where t < rows {
          let value = x[t * columns + j]
          sum += weight.value * value
          error +=
            weight.error * abs(value)
            + (Double(entries.count + 1) * unitRoundoff + inputError) * abs(weight.value * value)
        }
        values.append(sum)
        tolerance.append(error)
      }
    }
    return (values, tolerance)
  }

  /// The gradients to the vectors `[rows × columns]` and to the scores `[rows]`.
  public func gradient(
    _ x: [Double], columns: Int, upstream: [Double], upstreamScores: [Double],
    inputError: Double = 0
  ) -> (x: [BoundedValue], scores: [BoundedValue]) {
    let rows = x.count / max(1, columns)
    let k = upstreamScores.count
    // Which result a candidate is in, and its weight.
    var owner = [[Int]](repeating: [], count: rounds.count + 1)
    var weights = [[BoundedValue]](repeating: [], count: rounds.count + 1)
    owner[rounds.count] = Array(0..<k)
    weights[rounds.count] = Array(repeating: BoundedValue(1), count: k)
    for r in rounds.indices.reversed() {
      owner[r] = Array(repeating: 0, count: 2 * rounds[r].count)
      weights[r] = Array(repeating: BoundedValue(0), count: 2 * rounds[r].count)
      for (i, pair) in rounds[r].enumerated() {
        owner[r][pair.left] = owner[r + 1][i]
        owner[r][pair.right] = owner[r + 1][i]
        weights[r][pair.left] = weights[r + 1][i] * left[r][i]
        weights[r][pair.right] = weights[r + 1][i] * right[r][i]
      }
    }
    var dx: [BoundedValue] = []
    var dots = [[BoundedValue]](repeating: [], count: rounds.count + 1)
    for t in 0..<n {
      guard t < rows else {
        dots[0].append(BoundedValue(0))
        continue
      }
      var sum = 0.0
      var magnitude = 0.0
      for j in 0..<columns {
        let g = upstream[owner[0][t] * columns + j]
        dx.append(weights[0][t] * BoundedValue(g, abs(g) * inputError))
        sum += g * x[t * columns + j]
        magnitude += abs(g * x[t * columns + j])
      }
      dots[0].append(
        BoundedValue(sum, (Double(columns + 2) * unitRoundoff + 2 * inputError) * magnitude))
    }
    for r in rounds.indices {
      dots[r + 1] = rounds[r].enumerated().map { i, pair in
        left[r][i] * dots[r][pair.left] + right[r][i] * dots[r][pair.right]
      }
    }
    var gradient = upstreamScores.map { BoundedValue($0, abs($0) * inputError) }
    for r in rounds.indices.reversed() {
      var next = [BoundedValue](repeating: BoundedValue(0), count: 2 * rounds[r].count)
      for (i, pair) in rounds[r].enumerated() {
        let (p, q) = (scores[r][pair.left], scores[r][pair.right])
        let (w, v) = (left[r][i], right[r][i])
        let delta =
          gradient[i] * (p - q)
          + weights[r + 1][i] * (dots[r][pair.left] - dots[r][pair.right])
        let h = delta * (w * v) * lnBase
        next[pair.left] = gradient[i] * w + h * .exp(p * lnBase)
        next[pair.right] = gradient[i] * v - h * .exp(q * lnBase)
      }
      gradient = next
    }
    return (dx, Array(gradient[0..<rows]))
  }
}

/// The iterative soft top-k of one document: `y` `[k × columns]`, scores `[k]`, and tolerances.
///
/// A weight is off by `8·α·r² + n/16 + 32` roundings, r the distance of scores that matter (a weight
/// below e^-88 is nothing); the sums by n.
public func iterativeTopKOracle(
  _ x: [Double], scores: [Double], count: Int, alpha: Double
) -> (y: [Double], scores: [Double], tolerance: [Double], scoreTolerance: [Double]) {
  let n = scores.count
  let columns = n == 0 ? 0 : x.count / n
  var s = scores
  var result: (y: [Double], scores: [Double], tolerance: [Double], scoreTolerance: [Double]) = (
    [], [], [], []
  )
  for _ in 0..<count {
    let top = s.indices.max { s[$0] == s[$1] ? $0 > $1 : s[$0] < s[$1] } ?? 0
    let terms = s.map { exp(-alpha * ($0 - s[top]) * ($0 - s[top])) }
    let total = terms.reduce(0, +)
    let reach = s.reduce(0) { max($0, min(88, alpha * ($1 - s[top]) * ($1 - s[top]))) }
    let relative = (8 * reach + Double(n) / 16 + 32 + Double(n)) * unitRoundoff
    for j in 0..<columns {
      result.y.append((0..<n).reduce(0) { $0 + terms[$1] / total * x[$1 * columns + j] })
      result.tolerance.append(
        (0..<n).reduce(0) { $0 + terms[$1] / total * abs(x[$1 * columns + j]) } * relative)
    }
    result.scores.append((0..<n).reduce(0) { $0 + terms[$1] / total * s[$1] })
    result.scoreTolerance.append(
      (0..<n).reduce(0) { $0 + terms[$1] / total * abs(s[$1]) } * relative)
    s[top] = -10000
  }
  return result
}

/// b^x.
public func powerOracle(_ base: Double, _ x: Double) -> Double { pow(base, x) }
