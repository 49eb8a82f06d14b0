// Ragged batches: sequences one after another, no padding.

/// Sequences of different lengths that lie one after another in the rows of a matrix.
///
/// Sequence `i` has rows `offsets[i] ..< offsets[i + 1]`. Nothing is padded, so nothing is computed
/// for padding and nothing can leak from it.
public struct Ragged: Sendable, Equatable {
  /// `count + 1` rising row numbers; the first is 0, the last the number of rows.
  public let offsets: [Int]

  /// No sequences.
  public init() {
    offsets = [0]
  }

  /// Sequences with the given lengths.
  ///
  /// - Throws: ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a negative
  ///   length or a total that overflows.
  public init(lengths: [Int]) throws(TarnError) {
    var offsets = [0]
    offsets.reserveCapacity(lengths.count + 1)
    var total = 0
    for (i, length) in lengths.enumerated() {
      let (sum, overflow) = total.addingReportingOverflow(length)
      guard length >= 0, !overflow else {
        throw .invalidArgument(
          operation: "Ragged", argument: "lengths[\(i)]", found: "\(length)",
          expected: "lengths from 0 with a sum that fits an Int")
      }
      total = sum
      offsets.append(total)
    }
    self.offsets = offsets
  }

  /// Number of sequences.
  public var count: Int { offsets.count - 1 }

  /// Number of rows of all sequences together.
  public var rows: Int { offsets[offsets.count - 1] }

  /// Rows of the longest sequence; 0 if there is none.
  package var longest: Int { zip(offsets, offsets.dropFirst()).lazy.map { $1 - $0 }.max() ?? 0 }

  /// Rows of sequence `i`.
  ///
  /// - Precondition: `i` lies within the sequences, as for an array.
  public subscript(i: Int) -> Range<Int> { offsets[i]..<offsets[i + 1] }
}
