// What a beam search is asked for.

internal import Tarn

/// Parameters of a beam search; the names in parentheses are fairseq's.
public struct SearchOptions: Hashable, Sendable {
  /// Prefixes that are kept of each document (`beam`); 1 is greedy search.
  public var beam = 5
  /// The exponent α in `score / length^α` (`lenpen`): above 1 longer texts win, below 1 shorter ones.
  public var lengthPenalty = 1.0
  /// Tokens before the end symbol, at least (`min_len`).
  public var minLength = 1
  /// Tokens before the end symbol, at most (`max_len_b`), as far as the decoder has positions.
  public var maxLength = 200
  /// More of them for each token of the source (`max_len_a`).
  public var maxLengthPerSourceToken = 0.0
  /// Taken from the logarithm of the unknown symbol's probability (`unkpen`).
  public var unkPenalty: Float = 0
  /// Divides the logits (`temperature`).
  public var temperature: Float = 1
  /// Whether scores are divided by a power of the length at all (`normalize_scores`).
  public var normalizesScores = true

  /// fairseq's defaults.
  public init() {}

  /// Throws ``ModelError/operation(_:)`` for a number that no search can go by.
  ///
  /// The beam must be less than half of the vocabulary: each step looks at twice as many candidates.
  func check(vocabulary: Int) throws(ModelError) {
    func require(
      _ holds: Bool, _ argument: String, _ found: String, _ expected: String
    ) throws(ModelError) {
      guard holds else { throw SearchOptions.error(argument, found, expected) }
    }
    let widest = (vocabulary - 1) / 2
    try require(
      beam >= 1 && beam <= widest, "beam", "\(beam)",
      "1 to \(widest), less than half of the \(vocabulary) symbols")
    try require(lengthPenalty.isFinite, "lengthPenalty", "\(lengthPenalty)", "a finite number")
    try require(minLength >= 0, "minLength", "\(minLength)", "at least 0")
    try require(
      maxLengthPerSourceToken >= 0 && maxLengthPerSourceToken.isFinite, "maxLengthPerSourceToken",
      "\(maxLengthPerSourceToken)", "a finite number from 0")
    try require(unkPenalty.isFinite, "unkPenalty", "\(unkPenalty)", "a finite number")
    try require(
      temperature > 0 && temperature.isFinite, "temperature", "\(temperature)",
      "a finite number above 0")
  }

  /// Tokens before the end symbol that a text for `source` tokens may have.
  ///
  ///     min(⌊maxLengthPerSourceToken · source + maxLength⌋, positions - 1)
  ///
  /// - Throws: ``ModelError/operation(_:)`` if that is none, or fewer than `minLength`.
  func longest(source: Int, positions: Int) throws(ModelError) -> Int {
    let wanted = (maxLengthPerSourceToken * Double(source) + Double(maxLength)).rounded(.down)
    let longest = Int(min(wanted, Double(positions - 1)))
    guard longest >= 1 else {
      throw SearchOptions.error(
        "maxLength", "\(longest) tokens for \(source) and \(positions) positions", "at least 1")
    }
    guard minLength <= longest else {
      throw SearchOptions.error(
        "minLength", "\(minLength)", "at most the longest, \(longest) tokens")
    }
    return longest
  }

  static func error(
    _ argument: String, _ found: String, _ expected: String
  ) -> ModelError {
    .operation(
      .invalidArgument(
        operation: "beam search", argument: argument, found: found, expected: expected))
  }
}

/// `n^exponent` for n of at least 1, from additions, multiplications and divisions alone, so that it
/// is the same everywhere.
///
/// Relative error below `(4 + |exponent · ln n|) · 2⁻⁵²` (`powersAreExactEnough`). Infinite or 0 where
/// a `Double` does not reach.
func power(_ n: Int, _ exponent: Double) -> Double {
  if exponent == 1 { return Double(n) }
  let ln2 = 0.6931471805599453
  // ln n = e · ln 2 + 2 · artanh((m - 1) / (m + 1)) with m from √½ to √2.
  var m = Double(n).significand
  var e = Double(Double(n).exponent)
  if m > 1.4142135623730951 {
    m /= 2
    e += 1
  }
  let s = (m - 1) / (m + 1)
  var term = 2 * s
  var logarithm = 0.0
  for i in 0..<16 {
    logarithm += term / Double(2 * i + 1)
    term *= s * s
  }
  let x = exponent * (e * ln2 + logarithm)
  guard x < 710 else { return .infinity }
  guard x > -745 else { return 0 }
  let k = (x / ln2).rounded()
  let r = x - k * ln2
  var sum = 1.0
  for i in stride(from: 18, to: 0, by: -1) { sum = 1 + sum * r / Double(i) }
  // In two steps, as 2^k alone may be out of range.
  let half = Int(k) / 2
  return sum * Double(sign: .plus, exponent: half, significand: 1)
    * Double(sign: .plus, exponent: Int(k) - half, significand: 1)
}
