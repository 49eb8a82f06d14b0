/// A text, or a pair of texts, as a model reads it: one entry a token in each of the arrays.
public struct Encoding: Sendable, Equatable {
  private let pieces: Pieces
  /// 0 for the first text and its separator, 1 for the second and its separator.
  public let typeIDs: [Int32]
  /// True for the tokens of the template, which stand for no text.
  public let specialTokensMask: [Bool]

  /// The lines of the tokens in the vocabulary.
  public var ids: [Int32] { pieces.ids }
  /// What a token stands for in its own text, in Unicode scalars; `0..<0` for the template's.
  public var offsets: TokenOffsets { pieces.offsets }
  /// The same in UTF-8 bytes of the text.
  public var utf8Offsets: TokenOffsets { pieces.utf8Offsets }
  /// The number of tokens.
  public var count: Int { pieces.count }

  /// The tokens as text; `vocabulary` must be the tokenizer's.
  public func tokens(in vocabulary: Vocabulary) -> [String] {
    ids.map { vocabulary.piece(of: $0) ?? "" }
  }

  /// An encoding of one text whose pieces stand between the tokens of the template, or of two texts
  /// with `second` pieces, the last separator included.
  init(_ pieces: Pieces, second: Int = 0, clsTypeID: Int32) {
    self.pieces = pieces
    let first = pieces.count - second
    var typeIDs = [Int32](repeating: 0, count: pieces.count)
    var mask = [Bool](repeating: false, count: pieces.count)
    typeIDs[0] = clsTypeID
    mask[0] = true
    mask[first - 1] = true
    mask[pieces.count - 1] = true
    for index in first..<pieces.count { typeIDs[index] = 1 }
    self.typeIDs = typeIDs
    specialTokensMask = mask
  }
}

/// Tokens and what they stand for.
struct Pieces: Sendable, Equatable {
  private(set) var ids: [Int32] = []
  private(set) var offsets = TokenOffsets()
  private(set) var utf8Offsets = TokenOffsets()

  var count: Int { ids.count }

  @inline(__always)
  mutating func append(_ id: Int32, offsets: Range<Int>, utf8Offsets: Range<Int>) {
    ids.append(id)
    self.offsets.append(offsets)
    self.utf8Offsets.append(utf8Offsets)
  }

  /// Appends a token of the template.
  mutating func append(template id: Int32) {
    append(id, offsets: 0..<0, utf8Offsets: 0..<0)
  }

  mutating func append(_ other: Pieces, _ kept: Range<Int>) {
    ids += other.ids[kept]
    offsets.append(other.offsets, kept)
    utf8Offsets.append(other.utf8Offsets, kept)
  }

  mutating func removeSubrange(_ range: Range<Int>) {
    ids.removeSubrange(range)
    offsets.removeSubrange(range)
    utf8Offsets.removeSubrange(range)
  }

  /// Takes back all pieces from number `count` on.
  mutating func shorten(to count: Int) {
    removeSubrange(count..<self.count)
  }

  mutating func reserveCapacity(_ count: Int) {
    ids.reserveCapacity(count)
    offsets.reserveCapacity(count)
    utf8Offsets.reserveCapacity(count)
  }
}
