/// A piece of a normalised text: its id and where it ends.
struct Segment {
  var id: Int32
  var end: UInt32
}

extension SentencePieceTokenizer {
  /// Cuts a text into pieces.
  ///
  /// What no piece covers becomes one unknown token for each run of characters, or a token for each
  /// of its bytes if the model has them.
  ///
  /// - Throws: ``TextError/textTooLong(bytes:limit:)``.
  public func encode(_ text: String) throws(TextError) -> SentencePieceEncoding {
    try encode(text.utf8.span)
  }

  /// Cuts a text, given as bytes, into pieces; each byte that begins no UTF-8 is U+FFFD, as in the
  /// reference.
  ///
  /// - Throws: ``TextError/textTooLong(bytes:limit:)``.
  public func encode(utf8 text: [UInt8]) throws(TextError) -> SentencePieceEncoding {
    try encode(text.span)
  }

  private func encode(_ text: borrowing Span<UInt8>) throws(TextError) -> SentencePieceEncoding {
    try validateLength(text)
    let normalized = normalizer.normalize(text)
    // BPE numbers characters by 31 bits.
    let limit = Int(Int32.max)
    guard normalized.bytes.count <= limit else {
      throw .textTooLong(bytes: normalized.bytes.count, limit: limit)
    }
    let segments =
      switch algorithm {
      case .unigram: bestSegments(of: normalized.bytes.span)
      case .bpe: mergedSegments(of: normalized.bytes.span)
      }
    var encoding = SentencePieceEncoding(
      normalized: normalized.bytes, capacity: segments.count)
    var start = 0
    var followsUnknown = false
    for segment in segments {
      let end = Int(segment.end)
      let lower = Int(normalized.origins[start])
      let upper = Int(normalized.origins[end])
      let isUnknown = segment.id == unkID
      if isUnknown, !byteIDs.isEmpty {
        for place in start..<end {
          encoding.append(
            byteIDs[Int(normalized.bytes[place])],
            utf8Offsets: lower..<(place == end - 1 ? upper : lower), place: 0..<0)
        }
      } else if isUnknown, followsUnknown {
        encoding.extendLast(utf8End: upper, placeEnd: end)
      } else {
        encoding.append(segment.id, utf8Offsets: lower..<upper, place: start..<end)
      }
      followsUnknown = isUnknown
      start = end
    }
    encoding.countScalars(of: text)
    return encoding
  }

  // MARK: Unigram

  /// The last piece of the best way to reach a place.
  private struct Best {
    var score: Float = 0
    var start: UInt32 = .max
    var id: Int32 = -1
  }

  /// The pieces with the largest sum of scores.
  ///
  ///     best[0] = 0,  best[j] = max over pieces t[i..<j] of best[i] + score(piece)
  ///
  /// Viterbi's algorithm over the places between characters, each place's pieces by one walk through
  /// the tree. A character that is no piece costs the least score of all and 10 more. A user's piece
  /// of n bytes has n · the greatest score - 0.1. Of equal sums the first stays, from the left and
  /// from the shortest piece on. Sums are rounded to Float one by one, as in the reference of
  /// 0.2.3; 0.2.1 compared unrounded ones, and rare ties went the other way.
  private func bestSegments(of text: borrowing Span<UInt8>) -> [Segment] {
    let unknown = extremeScores.lowerBound - 10
    var best = [Best](repeating: Best(), count: text.count + 1)
    var start = 0
    while start < text.count {
      let here = best[start].score
      let length = min(leadLength(text[start]), text.count - start)
      var coversCharacter = false
      var node = PieceTrie.root
      var at = start
      while at < text.count {
        node = trie.child(of: node, by: text[at])
        if node == PieceTrie.root { break }
        at += 1
        guard let id = trie.id(at: node) else { continue }
        let score: Float
        switch kinds[Int(id)] {
        case .unused: continue
        case .userDefined:
          score = Float(Double(Float(at - start) * extremeScores.upperBound) - 0.1)
        default: score = self.score(at: id)
        }
        let sum = score + here
        if best[at].start == .max || sum > best[at].score {
          best[at] = Best(score: sum, start: UInt32(truncatingIfNeeded: start), id: id)
        }
        if at - start == length { coversCharacter = true }
      }
      if !coversCharacter {
        let sum = unknown + here
        let end = start + length
        if best[end].start == .max || sum > best[end].score {
          best[end] = Best(score: sum, start: UInt32(truncatingIfNeeded: start), id: unkID)
        }
      }
      start += length
    }
    var segments: [Segment] = []
    var end = text.count
    while end > 0 {
      segments.append(Segment(id: best[end].id, end: UInt32(truncatingIfNeeded: end)))
      end = Int(best[end].start)
    }
    segments.reverse()
    return segments
  }

  // MARK: BPE

  /// A part of the text that no merge has divided further.
  private struct Symbol {
    var start: UInt32
    /// 0 once it is part of its predecessor.
    var length: UInt32
    var previous: Int32
    var next: Int32
    /// Its node in the tree; the root where no piece begins like it.
    var node: UInt32
    /// A piece of the user, which is not merged.
    var isFrozen: Bool
  }

  /// Characters, merged pair by pair: of the pairs that are pieces the one with the best score first,
  /// of equal ones the leftmost.
  ///
  /// Where no piece goes on past white space, words are merged one by one, with the same result.
  private func mergedSegments(of text: borrowing Span<UInt8>) -> [Segment] {
    var segments: [Segment] = []
    var symbols: [Symbol] = []
    var heap = MergeHeap()
    var start = 0
    while start < text.count {
      var end = text.count
      if wordsAreIndependent {
        end = start + 1
        while end < text.count, !startsSpace(text, at: end) { end += 1 }
      }
      merge(start..<end, of: text, &symbols, &heap, into: &segments)
      start = end
    }
    return segments
  }

  /// Whether U+2581 stands at a place.
  @inline(__always)
  private func startsSpace(_ text: borrowing Span<UInt8>, at place: Int) -> Bool {
    text[place] == 0xE2 && place + 2 < text.count && text[place + 1] == 0x96
      && text[place + 2] == 0x81
  }

  /// Merges the characters of a part of the text and appends what they become.
  ///
  /// Candidates wait in a heap. One whose symbols have changed since is found by its length and
  /// dropped. Each merge removes a symbol and adds two candidates at most, so there are fewer than 3n.
  private func merge(
    _ part: Range<Int>, of text: borrowing Span<UInt8>, _ symbols: inout [Symbol],
    _ heap: inout MergeHeap, into segments: inout [Segment]
  ) {
    symbols.removeAll(keepingCapacity: true)
    var start = part.lowerBound
    while start < part.upperBound {
      let frozen = self.symbols.isEmpty ? nil : self.symbols.longestPrefix(of: text, at: start)
      let length = frozen ?? min(leadLength(text[start]), text.count - start)
      let node = trie.node(after: PieceTrie.root, text, start..<start + length)
      let count = Int32(truncatingIfNeeded: symbols.count)
      symbols.append(
        Symbol(
          start: UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: length),
          previous: count - 1, next: count + 1, node: node, isFrozen: frozen != nil))
      start += length
    }
    symbols[symbols.count - 1].next = -1
    /// For unused pieces the length of the left half, as last seen.
    var halves: [Int32: UInt32] = [:]
    var index = 1
    while index < symbols.count {
      propose(index - 1, index, symbols, text, &heap, &halves)
      index += 1
    }
    while let merge = heap.popBest() {
      let (left, right) = (Int(merge.left), Int(merge.right))
      guard symbols[left].length > 0, symbols[right].length > 0,
        symbols[left].length + symbols[right].length == merge.length
      else { continue }
      let (previous, next) = (Int(symbols[left].previous), Int(symbols[right].next))
      symbols[left].length = merge.length
      symbols[left].node = merge.node
      symbols[left].next = symbols[right].next
      symbols[right].length = 0
      if previous >= 0 { propose(previous, left, symbols, text, &heap, &halves) }
      if next >= 0 {
        symbols[next].previous = merge.left
        propose(left, next, symbols, text, &heap, &halves)
      }
    }
    index = 0
    while index >= 0 {
      let symbol = symbols[index]
      let start = Int(symbol.start)
      append(start..<start + Int(symbol.length), text, halves, to: &segments)
      index = Int(symbol.next)
    }
  }

  /// Adds the merge of two neighbours to the heap, if they make a piece.
  @inline(__always)
  private func propose(
    _ left: Int, _ right: Int, _ symbols: [Symbol], _ text: borrowing Span<UInt8>,
    _ heap: inout MergeHeap, _ halves: inout [Int32: UInt32]
  ) {
    let (first, second) = (symbols[left], symbols[right])
    guard !first.isFrozen, !second.isFrozen, first.node != PieceTrie.root else { return }
    let start = Int(second.start)
    let node = trie.node(after: first.node, text, start..<start + Int(second.length))
    guard node != PieceTrie.root, let id = trie.id(at: node) else { return }
    heap.insert(
      Merge(
        score: score(at: id), left: Int32(truncatingIfNeeded: left),
        right: Int32(truncatingIfNeeded: right), length: first.length + second.length, node: node))
    if hasUnusedPieces, kinds[Int(id)] == .unused { halves[id] = first.length }
  }

  /// Appends a part of the text; unused pieces are taken apart as they were put together.
  private func append(
    _ part: Range<Int>, _ text: borrowing Span<UInt8>, _ halves: [Int32: UInt32],
    to segments: inout [Segment]
  ) {
    let whole = trie.id(at: trie.node(after: PieceTrie.root, text, part)) ?? unkID
    guard kinds[Int(whole)] == .unused else {
      segments.append(Segment(id: whole, end: UInt32(truncatingIfNeeded: part.upperBound)))
      return
    }
    var parts = [part]
    while let part = parts.popLast() {
      let id = trie.id(at: trie.node(after: PieceTrie.root, text, part)) ?? unkID
      if kinds[Int(id)] == .unused, let half = halves[id] {
        let middle = part.lowerBound + Int(half)
        parts.append(middle..<part.upperBound)
        parts.append(part.lowerBound..<middle)
      } else {
        segments.append(Segment(id: id, end: UInt32(truncatingIfNeeded: part.upperBound)))
      }
    }
  }
}

/// Two neighbours that make a piece.
private struct Merge {
  var score: Float
  var left: Int32
  var right: Int32
  /// The length of both together.
  var length: UInt32
  /// The node of both together.
  var node: UInt32

  /// Whether this merge comes first.
  @inline(__always)
  func isBefore(_ other: Merge) -> Bool {
    score > other.score || (score == other.score && left < other.left)
  }
}

/// Merges, the first of them on top.
private struct MergeHeap {
  private var merges: [Merge] = []

  mutating func insert(_ merge: Merge) {
    merges.append(merge)
    var place = merges.count - 1
    while place > 0 {
      let parent = (place - 1) / 2
      guard merge.isBefore(merges[parent]) else { break }
      merges[place] = merges[parent]
      place = parent
    }
    merges[place] = merge
  }

  mutating func popBest() -> Merge? {
    guard let best = merges.first, let last = merges.popLast() else { return nil }
    guard !merges.isEmpty else { return best }
    var place = 0
    while true {
      var child = 2 * place + 1
      guard child < merges.count else { break }
      if child + 1 < merges.count, merges[child + 1].isBefore(merges[child]) { child += 1 }
      guard merges[child].isBefore(last) else { break }
      merges[place] = merges[child]
      place = child
    }
    merges[place] = last
    return best
  }
}

/// The length of a UTF-8 sequence by its first byte.
@inline(__always)
func leadLength(_ byte: UInt8) -> Int {
  switch byte {
  case ..<0xC0: 1
  case ..<0xE0: 2
  case ..<0xF0: 3
  default: 4
  }
}
