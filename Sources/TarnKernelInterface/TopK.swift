// What the rounds of the soft top-k leave behind for the blend and its gradient.

/// The rounds of a successive-halving soft top-k over one document.
///
/// `N` candidates are halved to k in R rounds, `N = k · 2^R`. The pairs of round 0 come first, then
/// those of round 1, and so on; a pair's place in its round is the place of its result.
///
/// ## Safety
/// The pointers must hold the counts below while the tape is used, and share no element.
public struct SoftTopKTape: @unchecked Sendable {
  /// Candidates of round 0: N.
  public var length: Int
  /// Results of the last round: k, at least 1.
  public var count: Int
  /// `[N - k]`: the better candidate of each pair, a number in its round.
  public var left: UnsafeMutablePointer<Int32>
  /// `[N - k]`: the other candidate.
  public var right: UnsafeMutablePointer<Int32>
  /// `[N - k]`: the weight w of the better one.
  public var leftWeights: UnsafeMutablePointer<Float>
  /// `[N - k]`: 1 - w.
  public var rightWeights: UnsafeMutablePointer<Float>
  /// `[2N - k]`: the scores of round 0, then those of each round's results.
  public var scores: UnsafeMutablePointer<Float>
  /// `[N]`: the candidates of round 0 that make up each result, 2^R after another.
  public var tokens: UnsafeMutablePointer<Int32>
  /// `[N]`: the weight of each of them, the product along its rounds.
  public var weights: UnsafeMutablePointer<Float>

  /// A tape in memory that the caller owns.
  @inlinable @inline(__always)
  public init(
    length: Int, count: Int, left: UnsafeMutablePointer<Int32>,
    right: UnsafeMutablePointer<Int32>, leftWeights: UnsafeMutablePointer<Float>,
    rightWeights: UnsafeMutablePointer<Float>, scores: UnsafeMutablePointer<Float>,
    tokens: UnsafeMutablePointer<Int32>, weights: UnsafeMutablePointer<Float>
  ) {
    self.length = length
    self.count = count
    self.left = left
    self.right = right
    self.leftWeights = leftWeights
    self.rightWeights = rightWeights
    self.scores = scores
    self.tokens = tokens
    self.weights = weights
  }

  /// Elements of workspace, 64 bits each, that ranking `count` scores needs.
  @inlinable @inline(__always)
  public static func rankWorkspace(_ count: Int) -> Int { 2 &* count &+ 1024 }
}
