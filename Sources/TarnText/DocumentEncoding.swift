/// A long text as a segment-pooling model reads it: tokens, and the segment each belongs to.
public struct DocumentEncoding: Sendable, Equatable {
  /// The tokens, `[CLS] text [SEP]`.
  public let encoding: Encoding
  /// A segment number for each token.
  ///
  /// `[CLS]` has 0, the sentences count from 1, `[SEP]` has the last number plus 1. A sentence
  /// without tokens uses its number up.
  public let segmentIDs: [Int32]
}

/// How a text is cut into the segments of a ``DocumentEncoding``.
public enum DocumentSegmentation: Sendable {
  /// By the rule of ``SentenceSplitter``.
  case sentences
  /// By the rule of ``ParagraphSplitter``.
  case paragraphs
  /// Not at all: the text is one segment.
  case whole
  /// At these places, in Unicode scalars, rising. The first segment reaches back to the text's
  /// beginning, wherever it is said to start.
  case starts([Int])
}

extension WordPieceTokenizer {
  /// Encodes a long text and numbers its segments.
  ///
  /// PoNet (arXiv:2110.02442), fine-tuning on long texts: segments are tokenized one by one and keep
  /// their numbers when the end is cut off.
  ///
  /// - Parameters:
  ///   - text: the text.
  ///   - segmentation: how to find its segments.
  ///   - maxLength: the greatest number of tokens, `[CLS]` and `[SEP]` included; nil for any.
  /// - Returns: the tokens and their segment numbers.
  /// - Throws: ``TextError/maximumLengthTooSmall(found:minimum:)``,
  ///   ``TextError/invalidSegmentStart(index:found:allowed:)``,
  ///   ``TextError/textTooLong(bytes:limit:)``.
  public func encodeDocument(
    _ text: String, segmentation: DocumentSegmentation = .sentences, maxLength: Int? = nil
  ) throws(TextError) -> DocumentEncoding {
    try encodeDocument(text.utf8.span, segmentation, maxLength)
  }

  /// Encodes a long text, given as bytes that may not be UTF-8, and numbers its segments.
  ///
  /// - Parameters:
  ///   - text: the text.
  ///   - segmentation: how to find its segments.
  ///   - maxLength: the greatest number of tokens, `[CLS]` and `[SEP]` included; nil for any.
  /// - Returns: the tokens and their segment numbers.
  /// - Throws: ``TextError/invalidUTF8(offset:)`` and what
  ///   ``encodeDocument(_:segmentation:maxLength:)`` throws.
  public func encodeDocument(
    utf8 text: [UInt8], segmentation: DocumentSegmentation = .sentences, maxLength: Int? = nil
  ) throws(TextError) -> DocumentEncoding {
    try validateUTF8(text.span)
    return try encodeDocument(text.span, segmentation, maxLength)
  }

  /// Encodes a text that comes in sentences and numbers them.
  ///
  /// The offsets of a token refer to its own sentence, number `segmentIDs[token] - 1`.
  ///
  /// - Parameters:
  ///   - sentences: the text, divided by any rule.
  ///   - maxLength: the greatest number of tokens, `[CLS]` and `[SEP]` included; nil for any.
  /// - Returns: the tokens and their segment numbers.
  /// - Throws: ``TextError/maximumLengthTooSmall(found:minimum:)``,
  ///   ``TextError/textTooLong(bytes:limit:)``.
  public func encodeDocument(
    sentences: [String], maxLength: Int? = nil
  ) throws(TextError) -> DocumentEncoding {
    let room = try room(of: maxLength, template: 2)
    let bytes = sentences.reduce(0) { $0 + $1.utf8.count }
    var scanner = PieceScanner(self, template: clsID, bytes: bytes, limit: room)
    var ends: [Int] = []
    for sentence in sentences where !scanner.isFull {
      let bytes = sentence.utf8.span
      try validateLength(bytes)
      scanner.scan(bytes, 0..<bytes.count, firstScalar: 0)
      ends.append(scanner.pieces.count)
    }
    return numbered(scanner.pieces, ends: ends, room: room)
  }

  /// Encodes a pair of texts, each of which is one segment: `[CLS] A [SEP] B [SEP]`.
  ///
  /// Numbers as PoNet derives them for sentence pairs: 0 for `[CLS]`, 1 for A, then each `[SEP]` and
  /// B one more. The offsets of a token refer to its own text.
  ///
  /// - Parameters:
  ///   - text: the first text.
  ///   - pair: the second text.
  ///   - maxLength: the greatest number of tokens, those of the template included; nil for any. The
  ///     text that loses pieces is that of `truncation`.
  ///   - truncation: which text loses pieces.
  /// - Returns: the tokens and their segment numbers.
  /// - Throws: what ``encode(_:pair:maxLength:truncation:direction:)`` throws.
  public func encodeDocument(
    _ text: String, pair: String, maxLength: Int? = nil,
    truncation: TruncationStrategy = .longestFirst
  ) throws(TextError) -> DocumentEncoding {
    let encoding = try encode(text, pair: pair, maxLength: maxLength, truncation: truncation)
    return DocumentEncoding(
      encoding: encoding,
      segmentIDs: SegmentNumbers.derived(from: encoding.ids, cls: clsID, sep: sepID))
  }

  private func encodeDocument(
    _ text: borrowing Span<UInt8>, _ segmentation: DocumentSegmentation, _ maxLength: Int?
  ) throws(TextError) -> DocumentEncoding {
    let room = try room(of: maxLength, template: 2)
    try validateLength(text)
    var starts: [TextPosition]
    switch segmentation {
    case .sentences: starts = SentenceSplitter.positions(in: text)
    case .paragraphs: starts = ParagraphSplitter.positions(in: text)
    case .whole: starts = []
    case .starts(let scalars): starts = try positions(of: scalars, in: text)
    }
    if starts.isEmpty { starts = [TextPosition()] }
    starts[0] = TextPosition()

    var scanner = PieceScanner(self, template: clsID, bytes: text.count, limit: room)
    var ends: [Int] = []
    for (index, start) in starts.enumerated() where !scanner.isFull {
      let end = index + 1 < starts.count ? starts[index + 1].utf8 : text.count
      scanner.scan(text, start.utf8..<end, firstScalar: start.scalar)
      ends.append(scanner.pieces.count)
    }
    return numbered(scanner.pieces, ends: ends, room: room)
  }

  /// Where the scalars of these numbers begin in the bytes of `text`.
  private func positions(
    of scalars: [Int], in text: borrowing Span<UInt8>
  ) throws(TextError) -> [TextPosition] {
    var cursor = TextPosition()
    var positions: [TextPosition] = []
    for (index, scalar) in scalars.enumerated() {
      let least = cursor.scalar
      while cursor.scalar < scalar, cursor.utf8 < text.count { cursor.step(in: text) }
      guard cursor.scalar == scalar else {
        while cursor.utf8 < text.count { cursor.step(in: text) }
        throw .invalidSegmentStart(index: index, found: scalar, allowed: least...cursor.scalar)
      }
      positions.append(cursor)
    }
    return positions
  }

  /// Keeps the first `room` pieces after the opening token, closes them, and numbers them by the
  /// counts at which the segments end.
  private func numbered(_ pieces: Pieces, ends: [Int], room: Int) -> DocumentEncoding {
    var pieces = pieces
    let count = pieces.count - 1 > room ? room + 1 : pieces.count
    pieces.shorten(to: count)
    pieces.append(template: sepID)

    var segmentIDs: [Int32] = [0]
    segmentIDs.reserveCapacity(count + 1)
    for (index, end) in ends.enumerated() where segmentIDs.count < count {
      let number = Int32(truncatingIfNeeded: index + 1)
      segmentIDs += repeatElement(number, count: min(end, count) - segmentIDs.count)
    }
    segmentIDs.append(segmentIDs[segmentIDs.count - 1] &+ 1)
    return DocumentEncoding(
      encoding: Encoding(pieces, clsTypeID: options.clsTypeID), segmentIDs: segmentIDs)
  }
}
