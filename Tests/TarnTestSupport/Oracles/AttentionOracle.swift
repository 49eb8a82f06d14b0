// Softmax attention of one head: plain loops in Double, and the contract one scalar at a time.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// One head of one sequence.
public struct AttentionHead: Sendable {
  /// `[queries × e]`, row by row.
  public var q: [[Float]]
  /// `[keys × e]`.
  public var k: [[Float]]
  /// `[keys × f]`.
  public var v: [[Float]]
  /// Columns of the values: f.
  public var valueSize: Int
  /// nil for 1/√e.
  public var scale: Float?
  /// The keys that each query sees, rising.
  public var seen: [[Int]]
  /// What is added to the scores.
  public var relative: RelativeHead?

  /// A head of these queries, keys and values; see the properties.
  public init(
    q: [[Float]], k: [[Float]], v: [[Float]], valueSize: Int, scale: Float?, seen: [[Int]]
  ) {
    self.q = q
    self.k = k
    self.v = v
    self.valueSize = valueSize
    self.scale = scale
    self.seen = seen
  }
}

/// The relative terms of one head of one sequence; see `RelativeAttention`.
public struct RelativeHead: Sendable {
  /// `[distances × e]`.
  public var positions: [[Float]]
  /// The row of the positions for query and key 0.
  public var origin: Int
  /// Rows from a query to the next.
  public var step: Int
  /// `[e]`.
  public var shift: [Float]
  /// For each query the term of the other type and of the same.
  public var types: [[Float]]
  /// For each query its type.
  public var queryTypes: [Int32]
  /// For each key its type.
  public var keyTypes: [Int32]
  /// Whether pairs with the first get nothing.
  public var firstIsApart: Bool

  /// Terms of these; see the properties.
  public init(
    positions: [[Float]], origin: Int, step: Int, shift: [Float], types: [[Float]],
    queryTypes: [Int32], keyTypes: [Int32], firstIsApart: Bool
  ) {
    self.positions = positions
    self.origin = origin
    self.step = step
    self.shift = shift
    self.types = types
    self.queryTypes = queryTypes
    self.keyTypes = keyTypes
    self.firstIsApart = firstIsApart
  }

  /// The position and the term of the type for query i and key j; nil if nothing is added.
  func terms(_ i: Int, _ j: Int) -> (position: [Float], type: Float)? {
    if firstIsApart && (i == 0 || j == 0) { return nil }
    let isSame = queryTypes[i] == keyTypes[j] || max(queryTypes[i], keyTypes[j]) == 2
    return (positions[origin + j - step * i], types[i][isSame ? 1 : 0])
  }
}

/// `y[i] = Σ_j softmax_j(scale · q[i]·k[j]) v[j]` over the keys that query i sees, with the weights.
///
/// The tolerance is the error of online softmax to first order, ε the unit roundoff. A score
/// is off by `δ = (e + 9) ε · scale · max Σ|q||k|`: e for the chain, 5 for factor and scaled query, 4
/// for two differences to running maxima. A weight also by 4 ε for its exponential, and by 6 ε for
/// each block in which it is rescaled: exponential, product, sum. That counts twice, for Σ p v and for Σ p, which
/// also add up: min(n, 256) in a block's chain, and 14 for the sixteen lanes, join and division.
/// Exponentials below 2^-126.5 are 0.
///
/// Relative terms add to a score one more chain, of which shift and factor round each query once more,
/// and two sums.
public func attentionOracle(
  _ head: AttentionHead
) -> (values: [[Double]], tolerances: [[Double]], probabilities: [[Double]]) {
  let f = head.valueSize
  var values: [[Double]] = []
  var tolerances = values
  var probabilities = values
  for (i, q) in head.q.enumerated() {
    let seen = head.seen[i]
    let scale = head.scale.map(Double.init) ?? 1 / Double(max(1, q.count)).squareRoot()
    var scores: [Double] = []
    var magnitude = 0.0
    for j in seen {
      var score = 0.0
      var sum = 0.0
      for c in q.indices {
        let term = Double(q[c]) * Double(head.k[j][c])
        score += term
        sum += abs(term)
      }
      if let terms = head.relative?.terms(i, j), let shift = head.relative?.shift {
        for c in q.indices {
          let term = (Double(q[c]) + Double(shift[c])) * Double(terms.position[c])
          score += term
          sum += (abs(Double(q[c])) + abs(Double(shift[c]))) * abs(Double(terms.position[c]))
        }
        score += Double(terms.type)
        sum += abs(Double(terms.type))
      }
      scores.append(scale * score)
      magnitude = max(magnitude, abs(scale) * sum)
    }
    let top = scores.max() ?? 0
    let terms = scores.map { exp($0 - top) }
    let total = terms.reduce(0, +)
    var y = [Double](repeating: 0, count: f)
    var reach = y
    var largest = 0.0
    var row = [Double](repeating: 0, count: head.k.count)
    for (term, j) in zip(terms, seen) {
      row[j] = term / total
      for c in 0..<f {
        y[c] += term / total * Double(head.v[j][c])
        reach[c] += term / total * abs(Double(head.v[j][c]))
        largest = max(largest, abs(Double(head.v[j][c])))
      }
    }
    let n = Double(seen.count)
    let blocks = (Double(head.relative == nil ? seen.count : head.k.count) / 256).rounded(.up)
    let relative =
      2 * Double(q.count + (head.relative == nil ? 9 : 13)) * magnitude + 2 * (4 + 6 * blocks)
      + min(n, 256) + blocks + 14
    values.append(y)
    probabilities.append(row)
    tolerances.append(reach.map { relative * unitRoundoff * $0 + n * largest * 0x1p-120 })
  }
  return (values, tolerances, probabilities)
}

extension ContractModel {
  /// Attention of one head: chains in order of columns and keys, blocks of 256 seen keys in order,
  /// sixteen lanes of sums; with relative terms blocks of 256 keys, seen or not.
  public func attention(_ head: AttentionHead) -> [[Float]] {
    head.q.indices.map { i in
      let seen = head.seen[i]
      let f = head.valueSize
      guard !seen.isEmpty else { return [Float](repeating: 0, count: f) }
      let e = head.q[i].count
      let scale = head.scale ?? 1 / Float(max(1, e)).squareRoot()
      let factor = scale * 0x1.715476p+0
      let q = head.q[i].map { $0 * factor }
      var top = -Float.infinity
      var lanes = [Float](repeating: 0, count: 16)
      var o = [Float](repeating: 0, count: f)
      let places = head.relative == nil ? seen : Array(head.k.indices)
      for first in stride(from: 0, to: places.count, by: 256) {
        let keys = places[first..<min(first + 256, places.count)].map {
          seen.contains($0) ? $0 : nil
        }
        let scores = keys.map { j in
          guard let j else { return -Float.infinity }
          var s: Float = 0
          for c in 0..<e { s = multiplyAdd(q[c], head.k[j][c], s) }
          if let terms = head.relative?.terms(i, j), let shift = head.relative?.shift {
            var b: Float = 0
            for c in 0..<e {
              b = multiplyAdd((head.q[i][c] + shift[c]) * factor, terms.position[c], b)
            }
            s += b + factor * terms.type
          }
          return s
        }
        let before = top
        for s in scores where s > top { top = s }
        let shift = top == -.infinity ? 0 : top
        let a = powerOfTwo(before - shift)
        let p = scores.map { powerOfTwo($0 - shift) }
        var accumulators = [Float](repeating: 0, count: 64)
        for (j, value) in p.enumerated() { accumulators[j % 64] += value }
        for lane in 0..<16 {
          let low = accumulators[lane] + accumulators[16 + lane]
          let high = accumulators[32 + lane] + accumulators[48 + lane]
          lanes[lane] = multiplyAdd(lanes[lane], a, low + high)
        }
        for c in 0..<f {
          var z: Float = 0
          for (value, j) in zip(p, keys) {
            if let j { z = multiplyAdd(value, head.v[j][c], z) }
          }
          o[c] = o[c] * a + z
        }
      }
      for half in [8, 4, 2, 1] {
        for lane in 0..<half { lanes[lane] += lanes[half + lane] }
      }
      return o.map { $0 / lanes[0] + 0 }
    }
  }
}
