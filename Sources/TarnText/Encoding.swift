/// A text, or a pair of texts, as a model reads it: one entry a token in each of the arrays.
public struct Encoding: Sendable, Equatable {
  /// The lines of the tokens in the vocabulary.
  public internal(set) var ids: [Int32]
  /// 0 for the first text and its separator, 1 for the second and its separator.
  public internal(set) var typeIDs: [Int32]
  /// True for the tokens of the template, which stand for no text.
  public internal(set) var specialTokensMask: [Bool]
  /// What a token stands for in its own text, in Unicode scalars; `0..<0` for the template's.
  public internal(set) var offsets: [Range<Int>]
  /// The same in UTF-8 bytes of the text.
  public internal(set) var utf8Offsets: [Range<Int>]

  /// The number of tokens.
  public var count: Int { ids.count }

  /// The tokens as text; `vocabulary` must be the tokenizer's.
  public func tokens(in vocabulary: Vocabulary) -> [String] {
    ids.map { vocabulary.piece(of: $0) ?? "" }
  }

  /// Starts an encoding with room for `capacity` tokens.
  init(capacity: Int) {
    ids = []
    typeIDs = []
    specialTokensMask = []
    offsets = []
    utf8Offsets = []
    ids.reserveCapacity(capacity)
    typeIDs.reserveCapacity(capacity)
    specialTokensMask.reserveCapacity(capacity)
    offsets.reserveCapacity(capacity)
    utf8Offsets.reserveCapacity(capacity)
  }

  /// Appends a token of the template.
  mutating func append(template id: Int32, typeID: Int32) {
    ids.append(id)
    typeIDs.append(typeID)
    specialTokensMask.append(true)
    offsets.append(0..<0)
    utf8Offsets.append(0..<0)
  }

  /// Appends those pieces of a text that `kept` names.
  mutating func append(_ pieces: Pieces, _ kept: Range<Int>, typeID: Int32) {
    ids += pieces.ids[kept]
    typeIDs += repeatElement(typeID, count: kept.count)
    specialTokensMask += repeatElement(false, count: kept.count)
    offsets += pieces.offsets[kept]
    utf8Offsets += pieces.utf8Offsets[kept]
  }
}

/// The pieces of one text, before template and truncation.
struct Pieces {
  private(set) var ids: [Int32] = []
  private(set) var offsets: [Range<Int>] = []
  private(set) var utf8Offsets: [Range<Int>] = []

  var count: Int { ids.count }

  @inline(__always)
  mutating func append(_ id: Int32, offsets: Range<Int>, utf8Offsets: Range<Int>) {
    ids.append(id)
    self.offsets.append(offsets)
    self.utf8Offsets.append(utf8Offsets)
  }

  /// Takes back all pieces from number `count` on.
  mutating func shorten(to count: Int) {
    ids.removeLast(ids.count - count)
    offsets.removeLast(offsets.count - count)
    utf8Offsets.removeLast(utf8Offsets.count - count)
  }
}
