/// A scalar of a normalised text, and the scalar of the original text that it comes from.
struct WordScalar {
  var value: UInt32
  /// Canonical combining class; 0 also where marks are left in their order.
  var combiningClass: UInt8
  /// The length of the original scalar in bytes.
  var utf8Length: UInt8
  /// The index of the original scalar; 32 bits are enough, see ``validateLength(_:)``.
  var scalar: UInt32
  /// Where the original scalar starts, in bytes.
  var utf8Start: UInt32

  /// The scalar `value` of a text, as it stands there.
  init(_ value: UInt32, at position: TextPosition, length: Int) {
    self.value = value
    combiningClass = 0
    utf8Length = UInt8(truncatingIfNeeded: length)
    scalar = UInt32(truncatingIfNeeded: position.scalar)
    utf8Start = UInt32(truncatingIfNeeded: position.utf8)
  }
}

/// A word under construction, its marks brought into canonical order.
///
/// A word over `limit` becomes one token whatever it holds, so of the scalars past the limit only
/// those are remembered that would come first or last: a word of any length takes bounded space.
struct Word {
  private let limit: Int
  private(set) var scalars: [WordScalar] = []
  /// More than `limit` scalars; then only `first` and `last` have a meaning.
  private(set) var isOverlong = false
  private var hasMarks = false
  private(set) var first: WordScalar
  private(set) var last: WordScalar
  /// No scalar but marks so far, so a mark of a lower class would still come first.
  private var startsWithMarks = false

  init(limit: Int) {
    self.limit = limit
    first = WordScalar(0, at: TextPosition(), length: 0)
    last = first
  }

  var isEmpty: Bool { scalars.isEmpty }

  @inline(__always)
  mutating func append(_ scalar: WordScalar) {
    if isOverlong {
      note(scalar)
      return
    }
    scalars.append(scalar)
    if scalar.combiningClass != 0 { hasMarks = true }
    if scalars.count > limit {
      finish()
      startsWithMarks = scalars.allSatisfy { $0.combiningClass != 0 }
      isOverlong = true
    }
  }

  /// Sorts runs of marks by combining class and finds the ends; the word must not be empty.
  mutating func finish() {
    if isOverlong { return }
    if hasMarks { sortMarks() }
    first = scalars[0]
    last = scalars[scalars.count - 1]
  }

  mutating func removeAll() {
    scalars.removeAll(keepingCapacity: true)
    isOverlong = false
    hasMarks = false
    startsWithMarks = false
  }

  /// Takes notice of a scalar past the limit as a stable sort of the marks would.
  private mutating func note(_ scalar: WordScalar) {
    if scalar.combiningClass == 0 {
      startsWithMarks = false
      last = scalar
      return
    }
    if startsWithMarks, scalar.combiningClass < first.combiningClass { first = scalar }
    // A scalar of class 0 is less than any mark: the mark begins a new run.
    if scalar.combiningClass >= last.combiningClass { last = scalar }
  }

  private mutating func sortMarks() {
    var start = 0
    while start < scalars.count {
      guard scalars[start].combiningClass != 0 else {
        start += 1
        continue
      }
      let end = scalars[start...].firstIndex { $0.combiningClass == 0 } ?? scalars.count
      // Stable, as the standard library guarantees and canonical order demands.
      scalars[start..<end].sort { $0.combiningClass < $1.combiningClass }
      start = end
    }
  }
}
