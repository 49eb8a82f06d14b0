// Successive-halving soft top-k: rounds on scores alone, then one weighted sum for each result.

internal import TarnKernelInterface

/// How a soft top-k ranks, pairs and weighs.
public struct SoftTopKOptions: Sendable, Equatable {
  /// The base b of the weights: above 1 and finite.
  public var base: Float
  /// Whether the best meets the worst; otherwise the upper half meets the lower half in order.
  public var flips: Bool
  /// Whether results keep the order of their better members in the sequence.
  ///
  /// Otherwise they stand by their better members' rank.
  public var keepsOrder: Bool
  /// The length to which each document is filled up with zero vectors of score 1e-5: k · 2^R.
  ///
  /// nil: the smallest such length that holds the document.
  public var paddedLength: Int?

  /// The published choice by default: base 20, flipped, by rank.
  public init(
    base: Float = 20, flips: Bool = true, keepsOrder: Bool = false, paddedLength: Int? = nil
  ) {
    self.base = base
    self.flips = flips
    self.keepsOrder = keepsOrder
    self.paddedLength = paddedLength
  }
}

/// One pair of a round of a soft top-k.
public struct SoftTopKPair: Sendable, Equatable {
  /// The better candidate, a number in its round.
  public var left: Int
  /// The other candidate.
  public var right: Int
  /// The weight of the better one; the other has the rest.
  public var weight: Float

  /// A pair of two candidates of a round.
  public init(left: Int, right: Int, weight: Float) {
    self.left = left
    self.right = right
    self.weight = weight
  }
}

/// The rounds of a soft top-k over a ragged batch: all that depends on the scores alone.
///
///     N = k·2^R candidates, R rounds; in each the candidates are ranked and paired:
///     w = 1 / (1 + exp(b^q - b^p))        p ≥ q the scores of the pair
///     score = w·p + (1 - w)·q             vector = w·x_left + (1 - w)·x_right
///
/// Successive halving (Pietruszka, Borchmann, Garncarek 2020, arXiv:2010.15552) as in Pyramidion
/// (arXiv:2009.05169). Ranks go by descending score, ties by ascending number. A document shorter
/// than N is filled up with zero vectors of score 1e-5; N is the smallest k·2^R that holds it, so
/// one of at most k tokens is returned as it is, zero vectors after it.
///
/// Since a pair's weight does not depend on its vectors, the rounds run on scores alone, and a
/// result is a weighted sum of 2^R tokens. Kept for the gradient: for each pair two numbers and two
/// weights, the scores of all rounds, for each token a number and a weight; 32 bytes a candidate,
/// none of them a vector.
public struct SoftTopKPlan: Sendable {
  /// The documents.
  public let sequences: Ragged
  /// Results of each document: k.
  public let count: Int
  /// `[sequences · k × 1]`: the scores of the results.
  public let scores: Matrix

  fileprivate let lnBase: Float
  /// Where each document's part begins, in candidates: N of the documents before it.
  fileprivate let starts: [Int]
  // For each document left, right [N - k] and tokens [N]; leftWeights, rightWeights [N - k],
  // scores [2N - k] and weights [N].
  private let integers: [Int32]
  private let floats: [Float]

  /// Ranks, pairs and weighs.
  ///
  /// - Parameters:
  ///   - scores: `[tokens × 1]`.
  ///   - sequences: the documents that the tokens belong to.
  ///   - count: k, at least 1.
  ///   - options: base, pairing, order, length.
  ///   - execution: kernels and threads. Documents are divided among threads.
  /// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` for the scores,
  ///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a count below 1, a base
  ///   that is not above 1 or no number, a padded length that is not k·2^R or shorter than a document,
  ///   and more than 2³⁰ candidates in a document.
  /// - Complexity: linear in the scores: a radix sort and three exponentials a pair in each round.
  ///
  /// Equal scores weigh ½ each, also infinite ones; +∞ takes all from a smaller score. A NaN score
  /// ranks last and makes one result NaN. With g = b^p - b^q a weight is off by
  /// `w(1 - w)·g·(2·|p|·ln b + 14)·2⁻²⁴` and three roundings from one round, beside what the errors of
  /// its scores bring; the bound over all rounds is that of `SoftTopKOracle`.
  public init(
    scores: Matrix, over sequences: Ragged, count: Int, options: SoftTopKOptions = .init(),
    on execution: Execution
  ) throws(TarnError) {
    let name = "SoftTopKPlan"
    try checkShape(name, "scores", [scores.rows, scores.columns], [sequences.rows, 1])
    try checkCount(name, count)
    guard options.base > 1, options.base.isFinite else {
      throw .invalidArgument(
        operation: name, argument: "base", found: "\(options.base)",
        expected: "a finite number above 1")
    }
    self.sequences = sequences
    self.count = count
    lnBase = naturalLogarithm(options.base)
    if let length = options.paddedLength {
      guard length <= candidateLimit, SoftTopKPlan.length(atLeast: length, count) == length else {
        throw .invalidArgument(
          operation: name, argument: "paddedLength", found: "\(length)",
          expected: "\(count) times a power of two, at most \(candidateLimit)")
      }
    }
    var starts = [0]
    starts.reserveCapacity(sequences.count + 1)
    for s in 0..<sequences.count {
      let tokens = sequences[s].count
      let length = options.paddedLength ?? SoftTopKPlan.length(atLeast: tokens, count)
      guard tokens <= length, length <= candidateLimit, starts[s] <= Int.max / 64 - length else {
        throw .invalidArgument(
          operation: name, argument: "sequences[\(s)]", found: "\(tokens) tokens",
          expected: "at most \(min(options.paddedLength ?? candidateLimit, candidateLimit))")
      }
      starts.append(starts[s] + length)
    }
    self.starts = starts
    let places = starts

    let total = starts[sequences.count]
    var integers = [Int32](repeating: 0, count: 3 * total - 2 * count * sequences.count)
    var floats = [Float](repeating: 0, count: 5 * total - 3 * count * sequences.count)
    var results = try Matrix(rows: sequences.count * count, columns: 1)
    let given = scores.elements
    let kernels = execution.table.topK
    let lnBase = lnBase
    results.withMutableView { results in
      unsafe given.withUnsafeBufferPointer { given in
        unsafe integers.withUnsafeMutableBufferPointer { integers in
          unsafe floats.withUnsafeMutableBufferPointer { floats in
            guard let integers = integers.baseAddress, let floats = floats.baseAddress else {
              return
            }
            nonisolated(unsafe) let given = given.baseAddress
            nonisolated(unsafe) let i = unsafe integers
            nonisolated(unsafe) let f = unsafe floats
            execution.forEach(sequences.count) { s in
              // SAFETY: each document has parts of its own, laid out by `tape`; its tokens lie
              // within the scores.
              let tape = unsafe SoftTopKPlan.tape(s, places, count, i, f)
              let rows = sequences[s]
              for t in 0..<tape.length {
                unsafe tape.scores[t] =
                  t < rows.count ? given?[rows.lowerBound + t] ?? 0 : SoftTopKPlan.paddingScore
              }
              unsafe withScratch(Int32.self, 2 * tape.length) { order in
                unsafe withScratch(UInt64.self, SoftTopKTape.rankWorkspace(tape.length)) {
                  unsafe kernels.planSoftTopK(
                    tape, lnBase, options.flips, options.keepsOrder, order, $0)
                }
              }
              unsafe results.row(s * count).update(
                from: tape.scores + 2 * (tape.length - count), count: count)
            }
          }
        }
      }
    }
    self.integers = integers
    self.floats = floats
    self.scores = results
  }

  /// The score of a zero vector that fills up a document.
  public static var paddingScore: Float { 1e-5 }

  /// The rounds of a document, each with its pairs in the order of their results.
  ///
  /// - Precondition: `sequence` lies within the sequences, as for an array.
  public func rounds(of sequence: Int) -> [[SoftTopKPair]] {
    var rounds: [[SoftTopKPair]] = []
    withTape(sequence) { tape in
      var candidates = tape.length
      var first = 0
      while candidates > tape.count {
        candidates /= 2
        // SAFETY: the tape holds N - k pairs.
        rounds.append(
          (first..<first + candidates).map {
            unsafe SoftTopKPair(
              left: Int(tape.left[$0]), right: Int(tape.right[$0]), weight: tape.leftWeights[$0])
          })
        first += candidates
      }
    }
    return rounds
  }

  /// The smallest `count · 2^R` that is at least `length`; more than the limit if there is none.
  private static func length(atLeast length: Int, _ count: Int) -> Int {
    var candidates = count
    while candidates < length && candidates <= candidateLimit { candidates *= 2 }
    return candidates
  }

  /// Elements between the first candidates of two documents, and the places within.
  private static func tape(
    _ s: Int, _ starts: [Int], _ count: Int, _ integers: UnsafeMutablePointer<Int32>,
    _ floats: UnsafeMutablePointer<Float>
  ) -> SoftTopKTape {
    let n = starts[s + 1] - starts[s]
    let pairs = n - count
    // SAFETY: both hold the parts of all documents one after another.
    let i = unsafe integers + 3 * starts[s] - 2 * count * s
    let f = unsafe floats + 5 * starts[s] - 3 * count * s
    return unsafe SoftTopKTape(
      length: n, count: count, left: i, right: i + pairs, leftWeights: f, rightWeights: f + pairs,
      scores: f + 2 * pairs, tokens: i + 2 * pairs, weights: f + 3 * pairs + n)
  }

  /// Calls `body` with the tape of a document, which is only read and must not outlive the call.
  fileprivate func withTape(_ s: Int, _ body: (SoftTopKTape) -> Void) {
    unsafe integers.withUnsafeBufferPointer { integers in
      unsafe floats.withUnsafeBufferPointer { floats in
        guard let i = integers.baseAddress, let f = floats.baseAddress else { return }
        // SAFETY: laid out as when it was made; what gets it only reads.
        unsafe body(
          SoftTopKPlan.tape(
            s, starts, count, UnsafeMutablePointer(mutating: i), UnsafeMutablePointer(mutating: f)))
      }
    }
  }
}

/// `y[s·k + j] = Σ_i weight[j, i] · x[token[j, i]]`: the soft top-k of each document s.
///
/// Each result is the sum over its 2^R tokens in the order of its tree, the better half of each
/// pair first, one chain of multiply-adds (Docs: Numerics).
///
/// - Parameters:
///   - x: `[tokens × d]`.
///   - plan: pairs and weights.
///   - y: `[sequences · k × d]`.
///   - execution: kernels and threads. Results are divided among threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `y` is touched.
/// - Complexity: one read of `x`, one write of `y`, `2·n·d` operations; no allocation.
///
/// Given the plan's weights within `(2^R + 2·R)·2⁻²⁴·Σ weight·|x|` of the exact value
/// (`softTopKMeetsBoundAndContract`). NaN and ∞ in a token reach the one result that the token is
/// in; a document's rows do not depend on the others.
public func softTopK(
  _ x: Matrix, _ plan: SoftTopKPlan, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  let k = plan.count
  try checkShape("softTopK", "x rows", [x.rows], [plan.sequences.rows])
  try checkShape(
    "softTopK", "target", [y.rows, y.columns], [plan.sequences.count * k, x.columns])
  let kernels = execution.table.topK
  x.withView { x in
    y.withMutableView { y in
      for s in 0..<plan.sequences.count {
        plan.withTape(s) { tape in
          let group = tape.length / k
          execution.forEachRange(k, grain: max(1, 64 / group)) { range in
            // SAFETY: the tape holds k · group entries; ranges write different rows.
            unsafe kernels.blendRows(
              x[rows: plan.sequences[s]], tape.tokens + range.lowerBound * group,
              tape.weights + range.lowerBound * group, group,
              y[rows: s * k + range.lowerBound..<s * k + range.upperBound])
          }
        }
      }
    }
  }
}

/// The vector-Jacobian product of ``softTopK(_:_:into:on:)`` and of the plan's scores.
///
///     dx[t] = weight(t) · dy[j]                        t a token of result j
///     h     = (g·(p - q) + ⟨g_x, x_left - x_right⟩) · w(1 - w) · ln b       for each pair
///     dp    = g·w + h·b^p            dq = g·(1 - w) - h·b^q
///
/// g and g_x are the gradients to the pair's score and vector; rounds are undone last to first,
/// orders and pairs are constants. ⟨g_x, x_left - x_right⟩ comes from the inner products
/// ⟨dy[j], x[t]⟩ of the tokens, which are joined as the vectors are, so no vector of a round is
/// stored or formed again.
///
/// - Parameters:
///   - x: `[tokens × d]`, as in the forward pass.
///   - plan: the rounds of the forward pass.
///   - dy: `[sequences · k × d]`: the gradient to the results.
///   - upstreamScores: `[sequences · k × 1]`: the gradient to the plan's scores, or nil for zeros.
///   - dx: `[tokens × d]`, written.
///   - dscores: `[tokens × 1]`, written.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before anything is
///   written.
/// - Complexity: one read of `x`, one write of `dx`, `4·n·d` operations. Scratch: 28 bytes a
///   candidate.
///
/// What reaches a zero vector that fills up is dropped. A pair with 1 - w = 0 passes g to the better
/// one alone.
public func softTopKGradient(
  _ x: Matrix, _ plan: SoftTopKPlan, upstream dy: Matrix, upstreamScores: Matrix? = nil,
  into dx: inout Matrix, scores dscores: inout Matrix, on execution: Execution
) throws(TarnError) {
  let name = "softTopKGradient"
  let k = plan.count
  let sequences = plan.sequences
  try checkShape(name, "x rows", [x.rows], [sequences.rows])
  try checkShape(name, "upstream", [dy.rows, dy.columns], [sequences.count * k, x.columns])
  if let upstreamScores {
    try checkShape(
      name, "upstreamScores", [upstreamScores.rows, upstreamScores.columns],
      [sequences.count * k, 1])
  }
  try checkShape(name, "target", [dx.rows, dx.columns], [x.rows, x.columns])
  try checkShape(name, "scores", [dscores.rows, dscores.columns], [x.rows, 1])
  let kernels = execution.table.topK
  // Three parts of 2N - k for each document: dots, weights, gradients.
  @Sendable func scratch(_ s: Int) -> Int { 6 * plan.starts[s] - 3 * k * s }
  var parts = try Matrix(rows: 1, columns: scratch(sequences.count))
  x.withView { x in
    dy.withView { dy in
      dx.withMutableView { dx in
        parts.withMutableView { parts in
          for s in 0..<sequences.count {
            plan.withTape(s) { tape in
              let rows = sequences[s]
              unsafe withScratch(Int32.self, rows.count) { places in
                for i in 0..<tape.length {
                  // SAFETY: each candidate stands in one of the N entries; those past the tokens
                  // are padding.
                  let token = unsafe Int(tape.tokens[i])
                  if token < rows.count { unsafe places[token] = Int32(truncatingIfNeeded: i) }
                }
                nonisolated(unsafe) let places = unsafe places
                execution.forEachRange(rows.count, grain: 64) { range in
                  let first = rows.lowerBound + range.lowerBound
                  // SAFETY: each token has a place among the N entries; ranges write different
                  // rows and dots.
                  unsafe kernels.spreadRows(
                    dy[rows: s * k..<(s + 1) * k], x[rows: first..<first + range.count],
                    places + range.lowerBound, tape.weights, tape.length / k,
                    dx[rows: first..<first + range.count],
                    parts.base + scratch(s) + range.lowerBound)
                }
              }
            }
          }
        }
      }
    }
  }
  let upstream = upstreamScores?.elements
  parts.withMutableView { parts in
    dscores.withMutableView { dscores in
      execution.forEach(sequences.count) { s in
        plan.withTape(s) { tape in
          let size = 2 * tape.length - k
          // SAFETY: each document has its own three parts; upstream holds k scores for each.
          let dots = unsafe parts.base + scratch(s)
          func run(_ upstream: UnsafePointer<Float>?) {
            unsafe kernels.softTopKScoreGradient(
              tape, plan.lnBase, upstream, dots, dots + size, dots + 2 * size)
          }
          if let upstream {
            unsafe upstream.withUnsafeBufferPointer {
              unsafe run($0.baseAddress.map { unsafe $0 + s * k })
            }
          } else {
            run(nil)
          }
          for t in 0..<sequences[s].count {
            unsafe dscores.row(sequences[s].lowerBound + t)[0] = dots[2 * size + t]
          }
        }
      }
    }
  }
}

/// Candidates that a document may have: their numbers and twice that many fit 32 bits.
let candidateLimit = 1 << 30

/// Throws unless 1 ≤ k ≤ ``candidateLimit``.
func checkCount(_ operation: String, _ count: Int) throws(TarnError) {
  guard (1...candidateLimit).contains(count) else {
    throw .invalidArgument(
      operation: operation, argument: "count", found: "\(count)",
      expected: "1 to \(candidateLimit)")
  }
}

/// ln x for a finite x ≥ 1, rounded from Double.
///
/// `x = 2^e·m`, `ln m = 2·artanh((m - 1)/(m + 1))` by its series, m from √½ to √2: at most 0.1716
/// in the argument, so twelve terms leave 1e-20. Only sums, products and quotients, so the bits are
/// the same everywhere.
func naturalLogarithm(_ x: Float) -> Float {
  var exponent = Double(x.exponent)
  var m = Double(x.significand)
  if m > 2.0.squareRoot() {
    m /= 2
    exponent += 1
  }
  let s = (m - 1) / (m + 1)
  var sum = 0.0
  for term in stride(from: 23, through: 1, by: -2) { sum = sum * (s * s) + 1 / Double(term) }
  return Float(exponent * 0x1.62e42fefa39efp-1 + 2 * s * sum)
}
