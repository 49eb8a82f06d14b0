// What a window is, and what is made of its rows.

/// What becomes of the rows of a window, column by column.
public enum WindowReduction: String, Sendable, CaseIterable {
  /// The largest; NaN if one is NaN; of two zeros the first token's.
  case maximum
  /// The smallest; NaN if one is NaN; of two zeros the first token's.
  case minimum
  /// Their sum.
  case sum
  /// Their sum, divided by the number of tokens in the window.
  case mean
}

/// Windows over the tokens of one sequence.
///
/// Window i holds the tokens `i · stride - before … i · stride + after` that lie in the sequence.
/// Positions outside are left out; they are not zero.
public struct TokenWindows: Sendable, Equatable {
  /// Tokens before the window's own; at most those of the sequence.
  public var before: Int
  /// Tokens after the window's own; at most those of the sequence.
  public var after: Int
  /// Distance of a window's token to the next window's; at most twice the sequence's tokens.
  public var stride: Int

  /// Windows over a sequence of `tokens`; larger sizes are cut to it, which changes no window.
  ///
  /// All sizes are at least 0, the stride at least 1.
  @inlinable
  public init(before: Int, after: Int, stride: Int, tokens: Int) {
    self.before = min(before, tokens)
    self.after = min(after, tokens)
    // Twice the tokens: windows that were disjoint stay so.
    self.stride = max(1, min(stride, 2 &* tokens))
  }

  /// The tokens of a full window.
  @inlinable @inline(__always)
  public var length: Int { before &+ after &+ 1 }

  /// The first token of window `i`; below 0 where the sequence cuts it.
  @inlinable @inline(__always)
  public func first(_ i: Int) -> Int { i &* stride &- before }

  /// The last token of window `i`; past the sequence where that cuts it.
  @inlinable @inline(__always)
  public func last(_ i: Int) -> Int { i &* stride &+ after }

  /// Tokens of window `i` that lie in a sequence of `tokens`.
  @inlinable @inline(__always)
  public func count(_ i: Int, tokens: Int) -> Int {
    max(0, min(last(i), tokens &- 1) &- max(first(i), 0) &+ 1)
  }

  /// The first window that holds token `t`; not cut to the number of windows.
  @inlinable @inline(__always)
  public func firstWindow(of t: Int) -> Int {
    // (t - after) / stride rounded up; t - after is above -tokens - 1.
    if stride == 1 { return t &- after }
    return t > after ? (t &- after &+ stride &- 1) / stride : -((after &- t) / stride)
  }

  /// The last window that holds token `t`; not cut to the number of windows.
  @inlinable @inline(__always)
  public func lastWindow(of t: Int) -> Int {
    stride == 1 ? t &+ before : (t &+ before) / stride
  }
}
