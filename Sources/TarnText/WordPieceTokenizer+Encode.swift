extension WordPieceTokenizer {
  /// Encodes a text, or a pair of texts, as `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]`.
  ///
  /// - Parameters:
  ///   - text: the first text.
  ///   - pair: the second text; an empty one still has its `[SEP]`.
  ///   - maxLength: the greatest number of tokens, those of the template included; nil for any.
  ///   - truncation: which text loses pieces when there are more.
  ///   - direction: which end of the text loses them.
  /// - Returns: the tokens, with types, offsets into their own text, and mask.
  /// - Throws: ``TextError/maximumLengthTooSmall(found:minimum:)``,
  ///   ``TextError/sequenceTooShort(pieces:excess:)``, ``TextError/noSecondText``,
  ///   ``TextError/textTooLong(bytes:limit:)``.
  public func encode(
    _ text: String, pair: String? = nil, maxLength: Int? = nil,
    truncation: TruncationStrategy = .longestFirst, direction: TruncationDirection = .right
  ) throws(TextError) -> Encoding {
    let room = try room(of: maxLength, template: pair == nil ? 2 : 3)
    let limit = pair == nil && direction == .right ? room : .max
    var second: Pieces?
    if let pair { second = try pieces(of: pair.utf8.span) }
    return try encoding(
      of: pieces(of: text.utf8.span, after: clsID, limit: limit), second, room, truncation,
      direction)
  }

  /// Encodes a text, or a pair of texts, given as bytes that may not be UTF-8.
  ///
  /// - Parameters:
  ///   - text: the first text.
  ///   - pair: the second text; an empty one still has its `[SEP]`.
  ///   - maxLength: the greatest number of tokens, those of the template included; nil for any.
  ///   - truncation: which text loses pieces when there are more.
  ///   - direction: which end of the text loses them.
  /// - Returns: the tokens, with types, offsets into their own text, and mask.
  /// - Throws: ``TextError/invalidUTF8(offset:)`` and what
  ///   ``encode(_:pair:maxLength:truncation:direction:)`` throws.
  public func encode(
    utf8 text: [UInt8], pair: [UInt8]? = nil, maxLength: Int? = nil,
    truncation: TruncationStrategy = .longestFirst, direction: TruncationDirection = .right
  ) throws(TextError) -> Encoding {
    try validateUTF8(text.span)
    if let pair { try validateUTF8(pair.span) }
    let room = try room(of: maxLength, template: pair == nil ? 2 : 3)
    let limit = pair == nil && direction == .right ? room : .max
    var second: Pieces?
    if let pair { second = try pieces(of: pair.span) }
    return try encoding(
      of: pieces(of: text.span, after: clsID, limit: limit), second, room, truncation, direction)
  }

  /// How many pieces fit beside `template` tokens.
  func room(of maxLength: Int?, template: Int) throws(TextError) -> Int {
    guard let maxLength else { return .max }
    guard maxLength >= template else {
      throw .maximumLengthTooSmall(found: maxLength, minimum: template)
    }
    return maxLength - template
  }

  /// The pieces of a text that is UTF-8, after a token of the template if there is one.
  ///
  /// More than `limit` pieces do not matter; one more shows that there are too many.
  private func pieces(
    of text: borrowing Span<UInt8>, after template: Int32? = nil, limit: Int = .max
  ) throws(TextError) -> Pieces {
    try validateLength(text)
    var scanner = PieceScanner(self, template: template, bytes: text.count, limit: limit)
    scanner.scan(text, 0..<text.count, firstScalar: 0)
    return scanner.pieces
  }

  /// Truncates and frames `first`, which begins with the opening token, and `second`.
  private func encoding(
    of first: Pieces, _ second: Pieces?, _ room: Int, _ truncation: TruncationStrategy,
    _ direction: TruncationDirection
  ) throws(TextError) -> Encoding {
    let count = first.count - 1
    let kept = try truncatedCounts(
      first: count, second: second?.count, room: room, strategy: truncation)
    var pieces = first
    switch direction {
    case .right: pieces.shorten(to: 1 + kept.first)
    case .left: pieces.removeSubrange(1..<1 + count - kept.first)
    }
    pieces.append(template: sepID)
    guard let second else { return Encoding(pieces, clsTypeID: options.clsTypeID) }
    switch direction {
    case .right: pieces.append(second, 0..<kept.second)
    case .left: pieces.append(second, second.count - kept.second..<second.count)
    }
    pieces.append(template: sepID)
    return Encoding(pieces, second: kept.second + 1, clsTypeID: options.clsTypeID)
  }
}
