/// A long text as a segment-pooling model reads it: tokens, and the segment each belongs to.
public struct DocumentEncoding: Sendable, Equatable {
  /// The tokens, `[CLS] text [SEP]`.
  public internal(set) var encoding: Encoding
  /// A segment number for each token: 0 for `[CLS]`, from 1 for the sentences, last plus 1 for
  /// `[SEP]`. A sentence without tokens uses its number up.
  public internal(set) var segmentIDs: [Int32]
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
  /// - Throws: ``TextError/maximumLengthTooSmall(found:minimum:)``,
  ///   ``TextError/invalidSegmentStart(index:found:allowed:)``.
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
  /// - Throws: ``TextError/maximumLengthTooSmall(found:minimum:)``.
  public func encodeDocument(
    sentences: [String], maxLength: Int? = nil
  ) throws(TextError) -> DocumentEncoding {
    let room = try room(of: maxLength, template: 2) ?? .max
    var scanner = PieceScanner(self)
    var ends: [Int] = []
    for sentence in sentences where scanner.pieces.count <= room {
      let bytes = sentence.utf8.span
      scanner.scan(bytes, 0..<bytes.count, firstScalar: 0, limit: room)
      ends.append(scanner.pieces.count)
    }
    return numbered(scanner.pieces, ends: ends, room: room)
  }

  private func encodeDocument(
    _ text: borrowing Span<UInt8>, _ segmentation: DocumentSegmentation, _ maxLength: Int?
  ) throws(TextError) -> DocumentEncoding {
    let room = try room(of: maxLength, template: 2) ?? .max
    var starts: [TextPosition]
    switch segmentation {
    case .sentences: starts = SentenceSplitter.positions(in: text)
    case .paragraphs: starts = ParagraphSplitter.positions(in: text)
    case .whole: starts = []
    case .starts(let scalars): starts = try positions(of: scalars, in: text)
    }
    if starts.isEmpty { starts = [TextPosition()] }
    starts[0] = TextPosition()

    var scanner = PieceScanner(self)
    var ends: [Int] = []
    for (index, start) in starts.enumerated() where scanner.pieces.count <= room {
      let end = index + 1 < starts.count ? starts[index + 1].utf8 : text.count
      scanner.scan(text, start.utf8..<end, firstScalar: start.scalar, limit: room)
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

  /// Frames the first `room` pieces and numbers them by the piece at which each segment ends.
  private func numbered(_ pieces: Pieces, ends: [Int], room: Int) -> DocumentEncoding {
    let count = min(pieces.count, room)
    var encoding = Encoding(capacity: count + 2)
    encoding.append(template: clsID, typeID: options.clsTypeID)
    encoding.append(pieces, 0..<count, typeID: 0)
    encoding.append(template: sepID, typeID: 0)

    var segmentIDs: [Int32] = [0]
    segmentIDs.reserveCapacity(count + 2)
    for (index, end) in ends.enumerated() where segmentIDs.count <= count {
      let number = Int32(truncatingIfNeeded: index + 1)
      segmentIDs += repeatElement(number, count: min(end, count) + 1 - segmentIDs.count)
    }
    segmentIDs.append(segmentIDs[segmentIDs.count - 1] &+ 1)
    return DocumentEncoding(encoding: encoding, segmentIDs: segmentIDs)
  }
}
