/// Walks through a JSON text without building values.
///
/// The caller says what it expects next. A reader of a known format therefore needs no memory but
/// for what it keeps, whatever a hostile file contains:
///
///     try scanner.openObject()
///     while let member = try scanner.nextKey() {
///       …exactly one value…
///     }
///
/// Each byte is looked at a bounded number of times. The grammar is RFC 8259: no comments, no
/// byte-order mark, no trailing commas, no leading zeros.
struct JSONScanner {
  typealias Kind = JSONText.Kind

  let bytes: [UInt8]
  let depthLimit: Int
  var offset = 0
  private var depth = 0
  /// The last thing read was an opening bracket, so a comma would be wrong.
  private var justOpened = false

  init(_ bytes: [UInt8], depthLimit: Int) {
    self.bytes = bytes
    self.depthLimit = depthLimit
  }

  // MARK: Bytes

  func fail(_ problem: JSONError.Problem, at offset: Int) -> JSONError {
    JSONError(offset: offset, problem: problem)
  }

  private mutating func skipWhitespace() {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x09, 0x0A, 0x0D: offset += 1
      default: return
      }
    }
  }

  /// The next byte that is not whitespace; it is not consumed.
  private mutating func nextByte(expecting expected: String) throws(JSONError) -> UInt8 {
    skipWhitespace()
    guard offset < bytes.count else {
      throw fail(.unexpectedEnd(expected: expected), at: offset)
    }
    return bytes[offset]
  }

  private mutating func consume(_ byte: UInt8, expecting expected: String) throws(JSONError) {
    let found = try nextByte(expecting: expected)
    guard found == byte else {
      throw fail(.unexpectedByte(found, expected: expected), at: offset)
    }
    offset += 1
  }

  /// Requires that nothing but whitespace is left.
  mutating func finish() throws(JSONError) {
    skipWhitespace()
    guard offset == bytes.count else {
      throw fail(.trailingContent(bytes[offset]), at: offset)
    }
  }

  // MARK: Structure

  /// The kind of the value that comes next; nothing is consumed but whitespace.
  mutating func nextKind() throws(JSONError) -> Kind {
    let byte = try nextByte(expecting: "a value")
    guard let kind = Kind(firstByte: byte) else {
      throw fail(.unexpectedByte(byte, expected: "a value"), at: offset)
    }
    return kind
  }

  mutating func openObject() throws(JSONError) {
    try open(UInt8(ascii: "{"), expecting: "'{'")
  }

  mutating func openArray() throws(JSONError) {
    try open(UInt8(ascii: "["), expecting: "'['")
  }

  private mutating func open(_ bracket: UInt8, expecting expected: String) throws(JSONError) {
    try consume(bracket, expecting: expected)
    guard depth < depthLimit else {
      throw fail(.nestingTooDeep(limit: depthLimit), at: offset - 1)
    }
    depth += 1
    justOpened = true
  }

  /// The next key of the open object, or nil at the closing brace.
  mutating func nextKey() throws(JSONError) -> String? {
    guard let start = try nextKeyOffset() else { return nil }
    return JSONText(bytes, at: start).string
  }

  /// Where the next key of the open object stands, or nil at the closing brace.
  mutating func nextKeyOffset() throws(JSONError) -> Int? {
    guard try !closes(UInt8(ascii: "}"), expecting: "',' or '}'") else { return nil }
    skipWhitespace()
    let start = offset
    _ = try stringRange(expecting: "a key in quotes")
    try consume(UInt8(ascii: ":"), expecting: "':'")
    return start
  }

  /// Whether the open array has another element; the closing bracket is consumed.
  mutating func nextElement() throws(JSONError) -> Bool {
    try !closes(UInt8(ascii: "]"), expecting: "',' or ']'")
  }

  /// Consumes the closing bracket, or else the comma before all items but the first.
  private mutating func closes(_ bracket: UInt8, expecting: String) throws(JSONError) -> Bool {
    let byte = try nextByte(expecting: expecting)
    if byte == bracket {
      offset += 1
      depth -= 1
      justOpened = false
      return true
    }
    if justOpened {
      justOpened = false
    } else {
      try consume(UInt8(ascii: ","), expecting: expecting)
    }
    return false
  }

  // MARK: Scalars

  mutating func boolean() throws(JSONError) {
    let isTrue = try nextByte(expecting: "true or false") == UInt8(ascii: "t")
    try word(isTrue ? "true" : "false")
  }

  mutating func null() throws(JSONError) {
    skipWhitespace()
    try word("null")
  }

  private mutating func word(_ word: StaticString) throws(JSONError) {
    for expected in word.description.utf8 {
      guard offset < bytes.count else {
        throw fail(.unexpectedEnd(expected: word.description), at: offset)
      }
      guard bytes[offset] == expected else {
        throw fail(.unexpectedByte(bytes[offset], expected: word.description), at: offset)
      }
      offset += 1
    }
  }

  mutating func number() throws(JSONError) -> JSONNumber {
    let range = try numberRange()
    return JSONNumber(verified: String(decoding: bytes[range], as: UTF8.self))
  }

  /// Where the digits of a number stand.
  mutating func numberRange() throws(JSONError) -> Range<Int> {
    skipWhitespace()
    let start = offset
    skip(UInt8(ascii: "-"))
    // A zero stands alone: in "01" the 1 is left over, and the caller refuses it.
    if !skip(UInt8(ascii: "0")) {
      try digits()
    }
    if skip(UInt8(ascii: ".")) {
      try digits()
    }
    if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
      if !skip(UInt8(ascii: "+")) {
        skip(UInt8(ascii: "-"))
      }
      try digits()
    }
    return start..<offset
  }

  @discardableResult
  private mutating func skip(_ byte: UInt8) -> Bool {
    guard offset < bytes.count, bytes[offset] == byte else { return false }
    offset += 1
    return true
  }

  /// One digit or more.
  private mutating func digits() throws(JSONError) {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard offset < bytes.count else {
      throw fail(.unexpectedEnd(expected: "a digit"), at: offset)
    }
    guard digits.contains(bytes[offset]) else {
      throw fail(.unexpectedByte(bytes[offset], expected: "a digit"), at: offset)
    }
    while offset < bytes.count, digits.contains(bytes[offset]) {
      offset += 1
    }
  }
}
