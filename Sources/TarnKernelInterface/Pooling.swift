// What a token takes part in, and what lies beside it.

/// The neighbours of a token in a window of three.
public struct WindowNeighbours: Sendable {
  /// The row before takes part.
  public var hasLeftRow: Bool
  /// The row after takes part.
  public var hasRightRow: Bool
  /// A neighbour takes part with the fill constant.
  public var hasFill: Bool

  /// Neighbours by the three flags; all false leaves the token alone in its window.
  @inlinable @inline(__always)
  public init(hasLeftRow: Bool, hasRightRow: Bool, hasFill: Bool) {
    self.hasLeftRow = hasLeftRow
    self.hasRightRow = hasRightRow
    self.hasFill = hasFill
  }
}

/// What PoNet's fusion adds up for a token.
public enum FusionKind: UInt8, Sendable {
  /// Nothing: the mixed row is zero.
  case masked
  /// The global value alone: special tokens.
  case globalOnly
  /// Global, segment and local values.
  case full
}
