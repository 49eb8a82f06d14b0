extension JSONScanner {
  /// A string, its escape sequences decoded.
  mutating func string(expecting expected: String = "a string") throws(JSONError) -> String {
    guard offset < bytes.count else {
      throw fail(.unexpectedEnd(expected: expected), at: offset)
    }
    guard bytes[offset] == UInt8(ascii: "\"") else {
      throw fail(.unexpectedByte(bytes[offset], expected: expected), at: offset)
    }
    let start = offset + 1
    let (end, hasEscapes) = try endOfString(from: start)
    let text = try validated(start..<end)
    offset = end + 1
    return hasEscapes ? try unescaped(start..<end) : text
  }

  /// Where the closing quote stands.
  ///
  /// The byte after a backslash is judged by ``unescaped(_:)``.
  private func endOfString(from start: Int) throws(JSONError) -> (end: Int, hasEscapes: Bool) {
    var index = start
    var hasEscapes = false
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") {
        return (index, hasEscapes)
      }
      guard byte >= 0x20 else {
        throw fail(.controlCharacter(byte), at: index)
      }
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        index += 1
      }
      index += 1
    }
    throw fail(.unexpectedEnd(expected: "the end of a string"), at: bytes.count)
  }

  private func validated(_ range: Range<Int>) throws(JSONError) -> String {
    do {
      return String(copying: try UTF8Span(validating: bytes.span.extracting(range)))
    } catch {
      throw fail(.invalidUTF8, at: range.lowerBound + error.byteOffsets.lowerBound)
    }
  }

  /// Decodes a range that is known to be UTF-8 and to end after a whole escape sequence or before.
  private func unescaped(_ range: Range<Int>) throws(JSONError) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      let byte = bytes[index]
      guard byte == UInt8(ascii: "\\") else {
        text.append(byte)
        index += 1
        continue
      }
      let escape = index
      // The closing quote ended the search, so a byte follows each backslash.
      let letter = bytes[index + 1]
      index += 2
      switch letter {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "u"):
        let scalar = try unicodeEscape(at: escape, next: &index, end: range.upperBound)
        text.append(contentsOf: String(scalar).utf8)
      default:
        throw fail(.invalidEscape, at: escape)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The scalar of `\uXXXX`, or of two of them that form a surrogate pair.
  private func unicodeEscape(
    at escape: Int, next index: inout Int, end: Int
  ) throws(JSONError) -> Unicode.Scalar {
    guard let first = codeUnit(at: &index, end: end) else {
      throw fail(.invalidEscape, at: escape)
    }
    if let scalar = Unicode.Scalar(first) {
      return scalar
    }
    guard UTF16.isLeadSurrogate(first), index + 1 < end,
      bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
    else {
      throw fail(.loneSurrogate, at: escape)
    }
    let second = index
    index += 2
    guard let last = codeUnit(at: &index, end: end) else {
      throw fail(.invalidEscape, at: second)
    }
    guard UTF16.isTrailSurrogate(last) else {
      throw fail(.loneSurrogate, at: escape)
    }
    let value = 0x10000 + (UInt32(first & 0x3FF) << 10) + UInt32(last & 0x3FF)
    guard let scalar = Unicode.Scalar(value) else {
      throw fail(.loneSurrogate, at: escape)
    }
    return scalar
  }

  /// Four hexadecimal digits; strict, so neither sign nor space is let through.
  private func codeUnit(at index: inout Int, end: Int) -> UInt16? {
    guard end - index >= 4 else { return nil }
    var value: UInt16 = 0
    for byte in bytes[index..<index + 4] {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: return nil
      }
      value = value << 4 | UInt16(digit)
    }
    index += 4
    return value
  }
}
