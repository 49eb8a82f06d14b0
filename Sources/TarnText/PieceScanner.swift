/// One pass over a text: normalises, splits into words, and looks up their pieces.
///
/// Memory besides the pieces does not grow with the text, and no call recurses.
struct PieceScanner {
  private let tokenizer: WordPieceTokenizer
  private let options: WordPieceOptions
  private let tables = UnicodeTables.shared
  private let classes: [UInt8]
  private let folding: [UInt8]
  private let stripsAccents: Bool
  private var word: Word
  /// The bytes of a finished word, and where each of its scalars ends in them.
  private var wordBytes: [UInt8] = []
  private var wordEnds: [Int] = []

  private let limit: Int

  /// What has been found, after the template's token if there is one.
  private(set) var pieces = Pieces()

  /// A scanner for texts of `bytes` altogether.
  ///
  /// The token `template` will stand before all pieces. Reading may stop once there are more pieces
  /// than `limit`.
  init(_ tokenizer: WordPieceTokenizer, template: Int32?, bytes: Int, limit: Int) {
    self.tokenizer = tokenizer
    options = tokenizer.options
    classes = tokenizer.ascii.classes
    folding = tokenizer.ascii.folding
    stripsAccents = options.stripsAccents ?? options.lowercases
    word = Word(limit: options.maximumWordLength)
    let offset = template == nil ? 0 : 1
    self.limit = limit < .max ? limit + offset : limit
    // English has four to five bytes a piece. Growing later costs more than the room left over.
    pieces.reserveCapacity(min(bytes / 4, limit) + 4)
    if let template { pieces.append(template: template) }
  }

  /// Appends the pieces of a part of `text`, which must be UTF-8.
  ///
  /// Both ends of `range` lie between scalars; `firstScalar` is the number of scalars before it.
  mutating func scan(_ text: borrowing Span<UInt8>, _ range: Range<Int>, firstScalar: Int) {
    var at = range.lowerBound
    var scalar = firstScalar
    while at < range.upperBound, !isFull {
      let kind = classes[Int(text[at])]
      if kind & ASCIIClasses.special != 0 {
        if let token = tokenizer.specialToken(in: text, at..<range.upperBound) {
          endWord()
          let scalars = scalar..<scalar + token.scalarCount
          let bytes = at..<at + token.bytes.count
          pieces.append(token.id, offsets: scalars, utf8Offsets: bytes)
          (at, scalar) = (bytes.upperBound, scalars.upperBound)
          continue
        }
      }
      if kind & ASCIIClasses.boundary != 0 {
        endWord()
        if kind & ASCIIClasses.punctuation != 0 {
          appendPlainWord(text, at..<at + 1, firstScalar: scalar)
        }
        at += 1
        scalar += 1
        continue
      }
      if kind == ASCIIClasses.letter, word.isEmpty {
        let end = endOfLetters(text, at..<range.upperBound)
        if end == range.upperBound || classes[Int(text[end])] & ASCIIClasses.boundary != 0 {
          appendPlainWord(text, at..<end, firstScalar: scalar)
          scalar += end - at
          at = end
          continue
        }
      }
      let (value, length) = text.scalar(at: at)
      let position = TextPosition(scalar: scalar, utf8: at)
      normalize(WordScalar(value, at: position, length: length))
      at += length
      scalar += 1
    }
    endWord()
  }

  /// More pieces have been found than anybody wants.
  var isFull: Bool { pieces.count > limit }

  @inline(__always)
  private func endOfLetters(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> Int {
    var end = range.lowerBound
    while end < range.upperBound, classes[Int(text[end])] == ASCIIClasses.letter { end += 1 }
    return end
  }

  // MARK: Normalisation

  /// Clean, isolate Chinese characters, decompose and strip, lower: the reference's order.
  private mutating func normalize(_ scalar: WordScalar) {
    let classes = tables.classes(of: scalar.value)
    if options.cleansText {
      if classes.contains(.removed) { return }
      if classes.contains(.space) {
        endWord()
        return
      }
    }
    let isIsolated = options.handlesChineseCharacters && classes.contains(.chinese)
    if isIsolated { endWord() }
    if stripsAccents, classes.contains(.decomposes) {
      let parts = tables.decomposition(of: scalar.value)
      for index in 0..<parts.count {
        var part = scalar
        part.value = parts[index]
        strip(part, tables.classes(of: part.value))
      }
    } else {
      strip(scalar, classes)
    }
    if isIsolated { endWord() }
  }

  @inline(__always)
  private mutating func strip(_ scalar: WordScalar, _ classes: UnicodeTables.Classes) {
    var scalar = scalar
    if stripsAccents {
      if classes.contains(.strippedMark) { return }
      if classes.contains(.reorders) {
        scalar.combiningClass = tables.combiningClass(of: scalar.value)
      }
    }
    if options.lowercases, classes.contains(.lowercases) {
      let parts = tables.lowercase(of: scalar.value)
      for index in 0..<parts.count {
        scalar.value = parts[index]
        split(scalar, tables.classes(of: scalar.value))
      }
    } else {
      split(scalar, classes)
    }
  }

  @inline(__always)
  private mutating func split(_ scalar: WordScalar, _ classes: UnicodeTables.Classes) {
    if classes.contains(.wordSpace) {
      endWord()
    } else if classes.contains(.punctuation) {
      endWord()
      word.append(scalar)
      endWord()
    } else {
      word.append(scalar)
    }
  }

  // MARK: Pieces

  /// Appends the pieces of a word that is ASCII and was changed by nothing but folding.
  @inline(__always)
  private mutating func appendPlainWord(
    _ text: borrowing Span<UInt8>, _ range: Range<Int>, firstScalar: Int
  ) {
    let count = pieces.count
    let shift = firstScalar - range.lowerBound
    var start = range.lowerBound
    if range.count <= options.maximumWordLength {
      while let piece = tokenizer.vocabulary.pieces.longestPiece(
        in: text, start..<range.upperBound, folding: folding, continuing: start > range.lowerBound)
      {
        pieces.append(
          piece.id, offsets: start + shift..<piece.end + shift, utf8Offsets: start..<piece.end)
        start = piece.end
        if start == range.upperBound { return }
      }
    }
    pieces.shorten(to: count)
    pieces.append(
      tokenizer.unkID, offsets: firstScalar..<firstScalar + range.count, utf8Offsets: range)
  }

  /// Appends the pieces of the word under construction, if there is one.
  @inline(__always)
  private mutating func endWord() {
    if !word.isEmpty { appendWord() }
  }

  private mutating func appendWord() {
    word.finish()
    defer { word.removeAll() }
    let count = pieces.count
    if !word.isOverlong, appendPieces() { return }
    pieces.shorten(to: count)
    append(tokenizer.unkID, from: word.first, through: word.last)
  }

  /// False when the vocabulary cannot spell the whole word.
  private mutating func appendPieces() -> Bool {
    wordBytes.removeAll(keepingCapacity: true)
    wordEnds.removeAll(keepingCapacity: true)
    for scalar in word.scalars {
      appendUTF8(scalar.value, to: &wordBytes)
      wordEnds.append(wordBytes.count)
    }
    var start = 0
    var first = 0
    while start < wordBytes.count {
      guard
        let piece = tokenizer.vocabulary.pieces.longestPiece(
          in: wordBytes.span, start..<wordBytes.count, folding: folding, continuing: start > 0)
      else { return false }
      // Pieces and word are UTF-8, so a piece ends where a scalar does.
      var last = first
      while wordEnds[last] < piece.end { last += 1 }
      append(piece.id, from: word.scalars[first], through: word.scalars[last])
      start = piece.end
      first = last + 1
    }
    return true
  }

  /// Appends a piece from the start of its first scalar to the end of its last.
  ///
  /// Canonical order can put a later mark before an earlier one, so that a piece would end before it
  /// starts; it then spans the two and all between.
  private mutating func append(_ id: Int32, from first: WordScalar, through last: WordScalar) {
    let isInOrder = Int(first.scalar) <= Int(last.scalar) + 1
    let (low, high) = isInOrder ? (first, last) : (last, first)
    pieces.append(
      id, offsets: Int(low.scalar)..<Int(high.scalar) + 1,
      utf8Offsets: Int(low.utf8Start)..<Int(high.utf8Start) + Int(high.utf8Length))
  }
}
