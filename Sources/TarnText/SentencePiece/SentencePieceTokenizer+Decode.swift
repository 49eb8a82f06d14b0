extension SentencePieceTokenizer {
  /// The text of ids.
  ///
  /// U+2581 becomes a space, but for the one at the beginning. Control pieces are left out, unknown
  /// ones become what the model says (usually U+2047). Bytes are put together; those that are no
  /// UTF-8 become U+FFFD, one each.
  ///
  /// - Throws: ``TextError/unknownID(index:found:count:)``.
  public func decode(_ ids: some Collection<Int32>) throws(TextError) -> String {
    var text: [UInt8] = []
    var bytes: [UInt8] = []
    let dropsSpaces = specification.addsDummyPrefix || specification.removesExtraSpaces
    var isAtStart = true
    var hasDroppedSpace = false
    for (index, id) in ids.enumerated() {
      guard 0..<count ~= Int(id) else {
        throw .unknownID(index: index, found: id, count: count)
      }
      let piece = self.bytes(of: Int(id))
      let kind = kinds[Int(id)]
      if kind == .byte, let byte = bytePieceValue(piece) {
        bytes.append(byte)
        continue
      }
      append(&bytes, to: &text)
      if hasDroppedSpace || !text.isEmpty { isAtStart = false }
      hasDroppedSpace = false
      switch kind {
      case .control: break
      case .unknown: text += unkSurface
      default:
        var rest = piece
        if isAtStart, dropsSpaces, rest.starts(with: SentencePieceNormalizer.space) {
          rest = rest.dropFirst(SentencePieceNormalizer.space.count)
          // Where white space at the ends is removed, all of it is.
          hasDroppedSpace = !specification.removesExtraSpaces
        }
        appendUnescaped(rest, to: &text)
      }
    }
    append(&bytes, to: &text)
    if let denormalizer {
      try validateLength(text.span)
      text = denormalizer.normalize(text.span).bytes
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Appends bytes as characters, and forgets them.
  private func append(_ bytes: inout [UInt8], to text: inout [UInt8]) {
    var at = 0
    while at < bytes.count {
      if let length = characterLength(bytes.span, at: at) {
        text += bytes[at..<at + length]
        at += length
      } else {
        text += SentencePieceNormalizer.replacement
        at += 1
      }
    }
    bytes.removeAll(keepingCapacity: true)
  }

  /// Appends a piece, U+2581 as a space.
  private func appendUnescaped(_ piece: ArraySlice<UInt8>, to text: inout [UInt8]) {
    var rest = piece
    while !rest.isEmpty {
      if rest.starts(with: SentencePieceNormalizer.space) {
        text.append(0x20)
        rest = rest.dropFirst(SentencePieceNormalizer.space.count)
      } else {
        text.append(rest[rest.startIndex])
        rest = rest.dropFirst()
      }
    }
  }
}
