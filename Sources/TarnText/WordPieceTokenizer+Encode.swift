extension WordPieceTokenizer {
  /// Encodes a text, or a pair of texts, as `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]`.
  ///
  /// - Parameters:
  ///   - text: the first text.
  ///   - pair: the second text; an empty one still has its `[SEP]`.
  ///   - maxLength: the greatest number of tokens, those of the template included; nil for any.
  ///   - truncation: which text loses pieces when there are more.
  ///   - direction: which end of the text loses them.
  /// - Throws: ``TextError/maximumLengthTooSmall(found:minimum:)``,
  ///   ``TextError/sequenceTooShort(pieces:excess:)``, ``TextError/noSecondText``.
  public func encode(
    _ text: String, pair: String? = nil, maxLength: Int? = nil,
    truncation: TruncationStrategy = .longestFirst, direction: TruncationDirection = .right
  ) throws(TextError) -> Encoding {
    let room = try room(of: maxLength, template: pair == nil ? 2 : 3)
    let limit = pair == nil && direction == .right ? room : nil
    return try encoding(
      of: pieces(of: text.utf8.span, limit: limit), pair.map { pieces(of: $0.utf8.span) },
      room: room, truncation, direction)
  }

  /// Encodes a text, or a pair of texts, given as bytes that may not be UTF-8.
  ///
  /// - Parameters:
  ///   - text: the first text.
  ///   - pair: the second text; an empty one still has its `[SEP]`.
  ///   - maxLength: the greatest number of tokens, those of the template included; nil for any.
  ///   - truncation: which text loses pieces when there are more.
  ///   - direction: which end of the text loses them.
  /// - Throws: ``TextError/invalidUTF8(offset:)`` and what
  ///   ``encode(_:pair:maxLength:truncation:direction:)`` throws.
  public func encode(
    utf8 text: [UInt8], pair: [UInt8]? = nil, maxLength: Int? = nil,
    truncation: TruncationStrategy = .longestFirst, direction: TruncationDirection = .right
  ) throws(TextError) -> Encoding {
    try validateUTF8(text.span)
    if let pair { try validateUTF8(pair.span) }
    let room = try room(of: maxLength, template: pair == nil ? 2 : 3)
    let limit = pair == nil && direction == .right ? room : nil
    return try encoding(
      of: pieces(of: text.span, limit: limit), pair.map { pieces(of: $0.span) },
      room: room, truncation, direction)
  }

  /// How many pieces fit beside `template` tokens, nil when any number does.
  func room(of maxLength: Int?, template: Int) throws(TextError) -> Int? {
    guard let maxLength else { return nil }
    guard maxLength >= template else {
      throw .maximumLengthTooSmall(found: maxLength, minimum: template)
    }
    return maxLength - template
  }

  /// The pieces of a text that is UTF-8; `limit` and one more are enough for the caller.
  private func pieces(of text: borrowing Span<UInt8>, limit: Int? = nil) -> Pieces {
    var scanner = PieceScanner(self)
    scanner.scan(text, 0..<text.count, firstScalar: 0, limit: limit ?? .max)
    return scanner.pieces
  }

  private func encoding(
    of first: Pieces, _ second: Pieces?, room: Int?, _ truncation: TruncationStrategy,
    _ direction: TruncationDirection
  ) throws(TextError) -> Encoding {
    let kept = try truncatedCounts(
      first: first.count, second: second?.count, room: room ?? .max, strategy: truncation)
    var result = Encoding(capacity: kept.first + kept.second + 3)
    result.append(template: clsID, typeID: options.clsTypeID)
    result.append(first, direction.range(keeping: kept.first, of: first.count), typeID: 0)
    result.append(template: sepID, typeID: 0)
    if let second {
      result.append(second, direction.range(keeping: kept.second, of: second.count), typeID: 1)
      result.append(template: sepID, typeID: 1)
    }
    return result
  }
}
