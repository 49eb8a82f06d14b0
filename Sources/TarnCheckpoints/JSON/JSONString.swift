extension JSONScanner {
  /// A string, its escape sequences decoded.
  mutating func string() throws(JSONError) -> String {
    String(JSONStringBytes(bytes, try stringRange()))
  }

  /// What stands between the quotes of a string, which is UTF-8 with valid escape sequences.
  mutating func stringRange(expecting expected: String = "a string") throws(JSONError) -> Range<Int>
  {
    guard offset < bytes.count else {
      throw fail(.unexpectedEnd(expected: expected), at: offset)
    }
    guard bytes[offset] == UInt8(ascii: "\"") else {
      throw fail(.unexpectedByte(bytes[offset], expected: expected), at: offset)
    }
    let start = offset + 1
    let (end, hasEscapes) = try endOfString(from: start)
    do {
      _ = try UTF8Span(validating: bytes.span.extracting(start..<end))
    } catch {
      throw fail(.invalidUTF8, at: start + error.byteOffsets.lowerBound)
    }
    if hasEscapes {
      var decoded = JSONStringBytes(bytes, start..<end)
      while decoded.next() != nil {}
      if let problem = decoded.problem { throw problem }
    }
    offset = end + 1
    return start..<end
  }

  /// Where the closing quote stands.
  ///
  /// The byte after a backslash is judged by ``JSONStringBytes``.
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
}

extension String {
  /// The text of a string whose escape sequences are valid.
  init(_ decoded: JSONStringBytes) {
    guard decoded.hasEscapes else {
      self.init(decoding: decoded.source, as: UTF8.self)
      return
    }
    // No sequence is shorter than what it stands for.
    self = unsafe String(unsafeUninitializedCapacity: decoded.source.count) { buffer in
      var count = 0
      for byte in decoded {
        // SAFETY: there are at most as many bytes as in the source.
        unsafe buffer[count] = byte
        count += 1
      }
      return count
    }
  }
}

/// The bytes of a string of a JSON text, escape sequences decoded one by one.
///
/// They end at a quote, and early at a sequence that is not valid.
struct JSONStringBytes: Sequence, IteratorProtocol {
  private let bytes: [UInt8]
  private var index: Int
  private let end: Int
  /// What an escape sequence stands for, as far as it has not been handed out: the next byte lowest.
  private var pending: UInt32 = 0
  private var pendingCount = 0
  /// Why the bytes ended early.
  private(set) var problem: JSONError?

  /// The string that begins a range, which may go on behind its closing quote.
  ///
  /// It is UTF-8, and its last byte is no backslash.
  init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    index = range.lowerBound
    end = range.upperBound
  }

  /// What is left of the range.
  var source: ArraySlice<UInt8> { bytes[index..<end] }

  var hasEscapes: Bool { source.contains(UInt8(ascii: "\\")) }

  /// The next byte.
  mutating func next() -> UInt8? {
    if pendingCount > 0 {
      defer { (pending, pendingCount) = (pending >> 8, pendingCount - 1) }
      return UInt8(truncatingIfNeeded: pending)
    }
    guard index < end else { return nil }
    let byte = bytes[index]
    guard byte != UInt8(ascii: "\"") else { return nil }
    index += 1
    return byte == UInt8(ascii: "\\") ? escaped() : byte
  }

  /// The first byte of what stands behind a backslash.
  private mutating func escaped() -> UInt8? {
    let escape = index - 1
    let letter = bytes[index]
    index += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return letter
    case UInt8(ascii: "b"): return 0x08
    case UInt8(ascii: "f"): return 0x0C
    case UInt8(ascii: "n"): return 0x0A
    case UInt8(ascii: "r"): return 0x0D
    case UInt8(ascii: "t"): return 0x09
    case UInt8(ascii: "u"):
      guard let scalar = unicodeEscape(at: escape), let units = UTF8.encode(scalar) else {
        return nil
      }
      for (place, unit) in units.enumerated() {
        pending |= UInt32(unit) << (8 * place)
      }
      pendingCount = units.count
      return next()
    default:
      return fail(.invalidEscape, at: escape)
    }
  }

  private mutating func fail<Nothing>(_ problem: JSONError.Problem, at offset: Int) -> Nothing? {
    self.problem = JSONError(offset: offset, problem: problem)
    index = end
    return nil
  }

  /// The scalar of `\uXXXX`, or of two of them that form a surrogate pair.
  private mutating func unicodeEscape(at escape: Int) -> Unicode.Scalar? {
    guard let first = codeUnit() else { return fail(.invalidEscape, at: escape) }
    if let scalar = Unicode.Scalar(first) {
      return scalar
    }
    guard UTF16.isLeadSurrogate(first), index + 1 < end,
      bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
    else { return fail(.loneSurrogate, at: escape) }
    let second = index
    index += 2
    guard let last = codeUnit() else { return fail(.invalidEscape, at: second) }
    guard UTF16.isTrailSurrogate(last) else { return fail(.loneSurrogate, at: escape) }
    return Unicode.Scalar(0x10000 + (UInt32(first & 0x3FF) << 10) + UInt32(last & 0x3FF))
  }

  /// Four hexadecimal digits; strict, so neither sign nor space is let through.
  private mutating func codeUnit() -> UInt16? {
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
