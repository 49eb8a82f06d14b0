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

  /// Distance between the rows of position scores of a panel, whose queries are `step` distances
  /// apart; 0 without relative scores.
  @inlinable @inline(__always)
  public static func positionStride(step: Int) -> Int {
    step == 0 ? 0 : (keys &+ step &* panel &+ 47) & ~15
  }

  /// Elements that hold the queries and running sums of a head.
  @inlinable @inline(__always)
  public static func state(queries: Int, headSize e: Int, valueSize: Int, step: Int) -> Int {
    queries &* ((step == 0 ? e : 2 &* e) &+ paddedColumns(valueSize) &+ 18) &+ 32
  }

  /// Elements of scratch that one call needs.
  ///
  ///     heads · (queries · (e + f + 18) + 32) + 256 · (e + f) + 4896      f: padded columns of values
  ///
  /// With relative scores of a step other than 0 queries take e more, and there are
  /// `16 · (16 · step + 303)` at most for those of a panel.
  @inlinable @inline(__always)
  public static func scratch(
    heads: Int, queries: Int, headSize e: Int, valueSize: Int, step: Int = 0
  ) -> Int {
    heads &* state(queries: queries, headSize: e, valueSize: valueSize, step: step)
      &+ keys &* (e &+ paddedColumns(valueSize)) &+ panel &* scoreStride &+ 544
      &+ panel &* positionStride(step: step)
  }
}

/// What relative attention adds to the scores of a call.
///
///     firstIsApart and query or key the first: nothing; else
///     scale · ((q[i] + shift)·positions[origin + j - step·i] + types[i, same or other])
///
/// ## Safety
/// All rows that the formula names exist; `keyTypes` is readable for fifteen elements more.
public struct RelativeScores: @unchecked Sendable {
  /// The type of a key that is not kept.
  @inlinable @inline(__always)
  public static var notKept: Float { -1 }

  /// `[distances × heads·e]`, transposed and packed as weights are: strips of sixteen distances, in
  /// each the columns one after another; strip 0 from the call's first column on.
  public var positions: UnsafePointer<Float>
  /// Elements from a strip to the next: sixteen for each column that is packed.
  public var positionStep: Int
  /// `[heads·e]`.
  public var shift: UnsafePointer<Float>
  /// The distance, counted from the first that is packed, of the call's first query and key.
  public var origin: Int
  /// Keys between the positions of a query and the next; at least 1.
  public var step: Int
  /// `[queries × 2·heads]`: for each head the term of keys of the other type, and of the same.
  public var types: MatrixView
  /// For each query the type of key that differs from its own.
  public var otherTypes: UnsafePointer<Float>
  /// The type of each key, or ``notKept``.
  public var keyTypes: UnsafePointer<Float>
  /// Whether the sequence's first query and key get nothing added.
  public var firstIsApart: Bool
  /// The number of the call's first query in its sequence.
  public var firstQuery: Int

  /// Relative scores of these; see the properties.
  @inlinable
  public init(
    positions: UnsafePointer<Float>, positionStep: Int, shift: UnsafePointer<Float>, origin: Int,
    step: Int, types: MatrixView, otherTypes: UnsafePointer<Float>, keyTypes: UnsafePointer<Float>,
    firstIsApart: Bool, firstQuery: Int
  ) {
    self.positions = positions
    self.positionStep = positionStep
    self.shift = shift
    self.origin = origin
    self.step = step
    self.types = types
    self.otherTypes = otherTypes
    self.keyTypes = keyTypes
    self.firstIsApart = firstIsApart
    self.firstQuery = firstQuery
  }

  /// Whether key `j` of the call is kept.
  @inlinable @inline(__always)
  public func isKept(_ j: Int) -> Bool { keyTypes[j] != RelativeScores.notKept }
}
