// Sizes of the attention kernel.

/// Sizes of attention: one that results depend on, others that scratch memory depends on.
public enum AttentionBlocking {
  /// Keys in a block, counted from the first key that a sequence keeps; results depend on it.
  @inlinable @inline(__always)
  public static var keys: Int { 256 }

  /// The most queries of one call that share a packed block of keys.
  ///
  /// Results do not depend on it.
  @inlinable @inline(__always)
  public static var queries: Int { 512 }

  /// The most queries whose scores for a block of keys exist at a time, and the fewest that may.
  ///
  /// Results do not depend on it.
  @inlinable @inline(__always)
  public static var panel: Int { 16 }

  /// Distance between the scores of two queries: rows of a power of two would share cache sets.
  @inlinable @inline(__always)
  public static var scoreStride: Int { keys &+ 16 }

  /// Columns of values rounded up to whole vectors.
  @inlinable @inline(__always)
  public static func paddedColumns(_ columns: Int) -> Int { (columns &+ 15) & ~15 }

  /// Elements that hold the queries and running sums of a head.
  @inlinable @inline(__always)
  public static func state(queries: Int, headSize e: Int, valueSize: Int) -> Int {
    queries &* (e &+ paddedColumns(valueSize) &+ 18) &+ 32
  }

  /// Elements of scratch that one call needs.
  ///
  ///     heads · (queries · (e + f + 18) + 32) + 256 · (e + f) + 4896      f: padded columns of values
  @inlinable @inline(__always)
  public static func scratch(heads: Int, queries: Int, headSize e: Int, valueSize: Int) -> Int {
    heads &* state(queries: queries, headSize: e, valueSize: valueSize)
      &+ keys &* (e &+ paddedColumns(valueSize)) &+ panel &* scoreStride &+ 544
  }
}
