/// A text as a SentencePiece model cuts it: one entry a token in each of the lists.
///
/// Nothing is added at the ends.
public struct SentencePieceEncoding: Sendable, Equatable {
  /// The numbers of the pieces.
  public private(set) var ids: [Int32] = []
  /// What a token stands for in the text, in Unicode scalars; a byte that is none counts as one.
  public private(set) var offsets = TokenOffsets()
  /// The same in bytes of the text.
  ///
  /// Of a character that became several bytes, the last token stands for all of it.
  public private(set) var utf8Offsets = TokenOffsets()
  /// What a token stands for in the normalised text; nothing for a byte.
  private var places = TokenOffsets()
  private let normalized: [UInt8]

  /// The number of tokens.
  public var count: Int { ids.count }

  /// The tokens as text; `tokenizer` must be the one that made them.
  ///
  /// A token for something unknown is that something.
  public func pieces(in tokenizer: SentencePieceTokenizer) -> [String] {
    ids.indices.map { index in
      let place = places[index]
      return place.isEmpty
        ? tokenizer.piece(of: ids[index]) ?? ""
        : String(decoding: normalized[place], as: UTF8.self)
    }
  }

  init(normalized: [UInt8], capacity: Int) {
    self.normalized = normalized
    ids.reserveCapacity(capacity)
    offsets.reserveCapacity(capacity)
    utf8Offsets.reserveCapacity(capacity)
    places.reserveCapacity(capacity)
  }

  @inline(__always)
  mutating func append(_ id: Int32, utf8Offsets: Range<Int>, place: Range<Int>) {
    ids.append(id)
    self.utf8Offsets.append(utf8Offsets)
    places.append(place)
  }

  /// Makes the last token reach further.
  mutating func extendLast(utf8End: Int, placeEnd: Int) {
    let last = count - 1
    let bytes = utf8Offsets[last].lowerBound..<utf8End
    let place = places[last].lowerBound..<placeEnd
    utf8Offsets.removeSubrange(last..<count)
    places.removeSubrange(last..<count)
    utf8Offsets.append(bytes)
    places.append(place)
  }

  /// Counts the scalars before the ends of each token, which do not go back.
  mutating func countScalars(of text: borrowing Span<UInt8>) {
    var (at, scalars) = (0, 0)
    /// The scalars that begin before `place`.
    func count(_ place: Int) -> Int {
      while at < place {
        at += characterLength(text, at: at) ?? 1
        scalars += 1
      }
      return scalars
    }
    for bytes in utf8Offsets {
      let lower = count(bytes.lowerBound)
      offsets.append(lower..<count(bytes.upperBound))
    }
  }
}
