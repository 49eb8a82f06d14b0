/// The part of a text that each token stands for: a collection of ranges, eight bytes each.
public struct TokenOffsets: RandomAccessCollection, Equatable, Sendable {
  private struct Bounds: Equatable {
    var lower: UInt32
    var upper: UInt32
  }

  private var bounds: [Bounds] = []

  /// No offsets.
  init() {}

  /// The place of the first token, 0.
  public var startIndex: Int { 0 }

  /// The number of tokens.
  public var endIndex: Int { bounds.count }

  /// The range of the token at `index`, which must be one of this collection's.
  public subscript(index: Int) -> Range<Int> {
    let bounds = bounds[index]
    return Int(bounds.lower)..<Int(bounds.upper)
  }

  /// Adds a range; texts have fewer than 2³² bytes, ``validateLength(_:)`` sees to it.
  @inline(__always)
  mutating func append(_ range: Range<Int>) {
    bounds.append(
      Bounds(
        lower: UInt32(truncatingIfNeeded: range.lowerBound),
        upper: UInt32(truncatingIfNeeded: range.upperBound)))
  }

  mutating func append(_ other: TokenOffsets, _ kept: Range<Int>) {
    bounds += other.bounds[kept]
  }

  mutating func removeSubrange(_ range: Range<Int>) {
    bounds.removeSubrange(range)
  }

  mutating func reserveCapacity(_ count: Int) {
    bounds.reserveCapacity(count)
  }
}
