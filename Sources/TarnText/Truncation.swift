/// Which text of a pair is cut when an encoding is longer than allowed.
public enum TruncationStrategy: Sendable {
  /// The longer one until both are as long, then both; the second counts as longer on a tie.
  case longestFirst
  /// The first, or an error when that is not enough.
  case onlyFirst
  /// The second, or an error when that is not enough.
  case onlySecond
}

/// Which end of a text is cut.
public enum TruncationDirection: Sendable {
  /// The end is cut, the beginning stays.
  case right
  /// The beginning is cut, the end stays.
  case left
}

/// How many pieces of each text stay when both together may have `room`.
///
/// The rule for the odd piece is that of the `tokenizers` library. Python BERT pops one piece at a
/// time and leaves it to the other text. When there is only one text, `second` is nil.
func truncatedCounts(
  first: Int, second: Int?, room: Int, strategy: TruncationStrategy
) throws(TextError) -> (first: Int, second: Int) {
  let total = first + (second ?? 0)
  if total <= room { return (first, second ?? 0) }
  if room == 0 { return (0, 0) }
  let excess = total - room
  switch strategy {
  case .longestFirst:
    guard let second else { return (room, 0) }
    var small = min(first, second)
    var large = small > room ? small : max(small, room - small)
    if small + large > room {
      small = room / 2
      large = small + room % 2
    }
    return first > second ? (large, small) : (small, large)
  case .onlyFirst:
    guard first > excess else { throw .sequenceTooShort(pieces: first, excess: excess) }
    return (first - excess, second ?? 0)
  case .onlySecond:
    guard let second else { throw .noSecondText }
    guard second > excess else { throw .sequenceTooShort(pieces: second, excess: excess) }
    return (first, second - excess)
  }
}
