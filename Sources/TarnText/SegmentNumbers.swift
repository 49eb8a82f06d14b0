/// Segment numbers for PoNet where a text has not been split into sentences.
public enum SegmentNumbers {
  /// The numbers that PoNet derives from the special tokens of a row.
  ///
  ///     number[t] = Σ over i ≤ t of special(i) + special(i - 1), less 1 if special number one leads
  ///
  /// PoNet (arXiv:2110.02442), published code. Every special token is a segment of its own; the
  /// texts between them are one segment each. `[CLS] A A [SEP] B [SEP]` gives `0 1 1 2 3 4`, and two
  /// special tokens in a row skip a number.
  ///
  /// - Parameters:
  ///   - ids: the tokens of one row.
  ///   - cls: the opening token; 101 in every published model.
  ///   - sep: the closing token; 102 in every published model.
  /// - Returns: a number for each token, rising from 0 or, where a row starts with `sep`, from 1.
  public static func derived(from ids: [Int32], cls: Int32 = 101, sep: Int32 = 102) -> [Int32] {
    var number: Int32 = ids.first == cls ? -1 : 0
    var followsSpecial = false
    return ids.map { id in
      let isSpecial = id == cls || id == sep
      number &+= (isSpecial ? 1 : 0) + (followsSpecial ? 1 : 0)
      followsSpecial = isSpecial
      return number
    }
  }
}
