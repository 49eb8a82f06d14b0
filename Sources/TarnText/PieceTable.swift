/// The pieces of a vocabulary: one buffer of bytes, a place for each line, and an open-addressing
/// table that finds them by a hash.
///
/// The hash of a piece b[0] … b[n - 1] grows byte by byte, so that one pass over a text has the hash of
/// each prefix:
///
///     h[0] = s,  h[i + 1] = (h[i]·r + b[i]) mod (2⁶¹ - 1)
///
/// s and r are random and known to nobody: two pieces
/// of n bytes collide with a probability of n / 2⁶¹, whatever a file holds. Bytes are compared
/// as they are; `String` would take canonically equivalent pieces for one.
///
/// Memory: the file's bytes, 8 bytes a line, and at most 22 more a line for the table.
struct PieceTable: Sendable {
  /// Where a piece lies.
  private struct Place {
    var start: UInt32
    var count: UInt32
  }

  /// A line with a part of its hash; lines below 0 mark a free slot.
  private struct Slot {
    var tag: UInt32 = 0
    var line: Int32 = -1
  }

  private let bytes: [UInt8]
  private var places: [Place] = []
  private var slots: [Slot]
  private let shift: UInt64
  /// Bytes of the longest piece that begins a word, and of the longest one that continues a word,
  /// without its `##`.
  private var longest = (beginning: 0, continuing: 0)

  private let hash = PrefixHash()

  /// The pieces that lie at `ranges` of `bytes`; the last of equal ones is found.
  init(_ bytes: [UInt8], at ranges: some Sequence<Range<Int>>, count: Int) {
    self.bytes = bytes
    // At least a quarter of the slots stays free.
    var logarithm: UInt64 = 4
    while 1 << logarithm < count + count / 3 + 1 { logarithm += 1 }
    slots = [Slot](repeating: Slot(), count: 1 << logarithm)
    shift = 64 - logarithm
    places.reserveCapacity(count)
    for range in ranges { append(range) }
  }

  /// Lines, blank ones included.
  var count: Int { places.count }

  /// The bytes of the piece of a line.
  subscript(line: Int) -> ArraySlice<UInt8> {
    let place = places[line]
    return bytes[Int(place.start)..<Int(place.start) + Int(place.count)]
  }

  private mutating func append(_ range: Range<Int>) {
    let line = Int32(truncatingIfNeeded: places.count)
    places.append(
      Place(
        start: UInt32(truncatingIfNeeded: range.lowerBound),
        count: UInt32(truncatingIfNeeded: range.count)))
    guard !range.isEmpty else { return }
    let piece = bytes[range]
    let hash = hash(of: piece)
    var slot = firstSlot(of: hash)
    let tag = tag(of: hash)
    while slots[slot].line >= 0 {
      if slots[slot].tag == tag, self[Int(slots[slot].line)] == piece { break }
      slot = (slot + 1) & (slots.count - 1)
    }
    slots[slot] = Slot(tag: tag, line: line)
    longest.beginning = max(longest.beginning, range.count)
    let mark = UInt8(ascii: "#")
    if range.count > 2, piece.starts(with: [mark, mark]) {
      longest.continuing = max(longest.continuing, range.count - 2)
    }
  }

  /// The line of exactly this piece.
  func line(of piece: some Sequence<UInt8>) -> Int32? {
    let hash = hash(of: piece)
    var slot = firstSlot(of: hash)
    while slots[slot].line >= 0 {
      if self[Int(slots[slot].line)].elementsEqual(piece) { return slots[slot].line }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// The longest piece that begins the bytes of `range`, and where it ends; nil when none does.
  ///
  /// What stands for each byte is in `folding`, see ``ASCIIClasses``. With `continuing` the piece is
  /// one of those that are written with `##` in front.
  @inline(__always)
  func longestPiece(
    in text: borrowing Span<UInt8>, _ range: Range<Int>, folding: [UInt8], continuing: Bool
  ) -> (id: Int32, end: Int)? {
    var limit = min(
      range.upperBound,
      range.lowerBound + (continuing ? longest.continuing : longest.beginning))
    while true {
      var hash = continuing ? self.hash.continuation : self.hash.start
      var found: Int32 = -1
      var end = range.lowerBound
      var index = range.lowerBound
      while index < limit {
        hash = self.hash.appending(folding[Int(text[index])], to: hash)
        index += 1
        let line = candidate(of: hash)
        if line >= 0 { (found, end) = (line, index) }
      }
      if found < 0 { return nil }
      // Only the longest is compared byte by byte: that another text has its hash is as good as
      // impossible, but would then be seen here.
      if isPiece(found, text, range.lowerBound..<end, folding, skipping: continuing ? 2 : 0) {
        return (found, end)
      }
      limit = end - 1
    }
  }

  private func hash(of piece: some Sequence<UInt8>) -> UInt64 {
    piece.reduce(hash.start) { hash.appending($1, to: $0) }
  }

  /// A line whose piece has this hash, as far as the table tells, or -1.
  @inline(__always)
  private func candidate(of hash: UInt64) -> Int32 {
    var slot = firstSlot(of: hash)
    let tag = tag(of: hash)
    while slots[slot].line >= 0, slots[slot].tag != tag {
      slot = (slot + 1) & (slots.count - 1)
    }
    return slots[slot].line
  }

  /// Whether the piece of a line is `skipping` bytes and the folded bytes of `range`.
  @inline(__always)
  private func isPiece(
    _ line: Int32, _ text: borrowing Span<UInt8>, _ range: Range<Int>, _ folding: [UInt8],
    skipping: Int
  ) -> Bool {
    let place = places[Int(line)]
    guard Int(place.count) == range.count + skipping else { return false }
    var position = Int(place.start) + skipping
    for index in range {
      guard bytes[position] == folding[Int(text[index])] else { return false }
      position += 1
    }
    return true
  }

  /// Fibonacci hashing: the high bits of the product depend on all bits of the hash.
  @inline(__always)
  private func firstSlot(of hash: UInt64) -> Int {
    Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> shift)
  }

  @inline(__always)
  private func tag(of hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash) }
}

/// A polynomial over the field of 2⁶¹ - 1 elements, evaluated at a random place.
private struct PrefixHash: Sendable {
  private static let prime: UInt64 = 1 << 61 - 1

  /// The hash of no byte.
  let start: UInt64
  /// The hash of `##`.
  private(set) var continuation: UInt64
  private let factor: UInt64

  init() {
    start = .random(in: 1..<Self.prime)
    factor = .random(in: 1..<Self.prime)
    continuation = start
    for _ in 0..<2 { continuation = appending(UInt8(ascii: "#"), to: continuation) }
  }

  /// The hash of one byte more.
  ///
  /// At most 2⁶¹ + 2: it may be the prime or a little more, but equal bytes have equal hashes.
  @inline(__always)
  func appending(_ byte: UInt8, to hash: UInt64) -> UInt64 {
    let product = hash.multipliedFullWidth(by: factor)
    let sum =
      (product.low & Self.prime) &+ (product.high << 3 | product.low >> 61) &+ UInt64(byte)
    return (sum & Self.prime) &+ (sum >> 61)
  }
}
