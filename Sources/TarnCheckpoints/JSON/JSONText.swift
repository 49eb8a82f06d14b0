/// A value of a JSON text, where it stands in the text.
///
/// The text is checked once, as a whole, and kept; a value is the place of its first byte, and what is
/// asked for is read there. So a text of any form takes no memory but its own:
///
///     let text = try JSONText(parsing: bytes)
///     let size = text["model"]?["size"]?.int64
///
/// (A node of 12 bytes for each value would be six times the text `[0,0,0,…`.) Going to a member passes
/// over those before it; ``ConfigurationFile`` has a table of its keys.
public struct JSONText: Sendable {
  /// The kinds of value, told apart by their first byte.
  public enum Kind: Sendable {
    /// Keys with values.
    case object
    /// Values in order.
    case array
    /// A string.
    case string
    /// A number.
    case number
    /// `true` or `false`.
    case boolean
    /// `null`.
    case null
  }

  /// The whole text, which is JSON.
  let bytes: [UInt8]
  /// Where the value begins.
  let start: Int

  init(_ bytes: [UInt8], at start: Int) {
    self.bytes = bytes
    self.start = start
  }

  /// Deepest nesting that is allowed unless told otherwise.
  ///
  /// The check recurses once a level; 128 levels fit the smallest stacks that threads have.
  public static let defaultDepthLimit = 128

  /// Reads a text that holds one value (RFC 8259, UTF-8, no byte-order mark).
  ///
  /// Stricter than the RFC where it leaves a choice: a key that occurs twice in an object is an
  /// error, and so is half of a surrogate pair.
  ///
  /// - Parameters:
  ///   - bytes: the whole text.
  ///   - depthLimit: how deep arrays and objects may be nested.
  /// - Throws: ``JSONError``, with the offset of the first byte that is wrong; that a key occurs twice
  ///   is seen at the end of its object.
  /// - Complexity: linear in the number of bytes. Memory during the check: at most twice the text,
  ///   for the keys of open objects.
  public init(
    parsing bytes: [UInt8], depthLimit: Int = JSONText.defaultDepthLimit
  ) throws(JSONError) {
    let longest = Int(clamping: UInt32.max)
    guard bytes.count <= longest else {
      throw JSONError(offset: longest, problem: .tooLong(limit: longest))
    }
    var scanner = JSONScanner(bytes, depthLimit: depthLimit)
    _ = try scanner.nextKind()
    start = scanner.offset
    var keys = JSONOpenKeys()
    try scanner.checkValue(&keys)
    try scanner.finish()
    self.bytes = bytes
  }

  /// What the value is.
  public var kind: Kind { Kind(firstByte: bytes[start]) ?? .null }

  /// The number as written, if this is one.
  public var number: JSONNumber? {
    guard kind == .number else { return nil }
    return JSONNumber(verified: String(decoding: bytes[start..<end], as: UTF8.self))
  }

  /// The number as an integer, if it is written as one and fits.
  public var int64: Int64? { number?.int64 }

  /// The number, if this is one.
  public var double: Double? { number?.double }

  /// The truth value, if this is one.
  public var boolean: Bool? {
    kind == .boolean ? bytes[start] == UInt8(ascii: "t") : nil
  }

  /// The string, its escape sequences decoded, if this is one.
  public var string: String? {
    guard kind == .string else { return nil }
    return String(JSONStringBytes(bytes, content))
  }

  /// The UTF-8 bytes of the string, if this is one.
  var utf8: JSONStringBytes? {
    kind == .string ? JSONStringBytes(bytes, start + 1..<bytes.count) : nil
  }

  /// The elements, if this is an array.
  public var elements: Elements? {
    kind == .array ? Elements(self) : nil
  }

  /// Keys and values in order, if this is an object.
  public var members: Members? {
    kind == .object ? Members(self) : nil
  }

  /// The value of a key, if this is an object that has it; keys are compared by their UTF-8 bytes.
  ///
  /// - Complexity: linear in what stands before it.
  public subscript(key: String) -> JSONText? {
    guard let members else { return nil }
    for member in members where member.key.isString(key) { return member.value }
    return nil
  }

  /// Whether this is a string of the same UTF-8 bytes.
  func isString(_ text: String) -> Bool {
    utf8?.elementsEqual(text.utf8) ?? false
  }

  /// The keys of an object whose values number them from 0 without a gap: a line for each, in that
  /// order.
  ///
  /// - Returns: the lines; nil for any other value, and if a key has a line feed.
  package func keysByNumber() -> [UInt8]? {
    guard let members else { return nil }
    let starts = members.starts
    // By number; 0 is none, for a key stands behind a brace.
    var ordered = [UInt32](repeating: 0, count: starts.count)
    for start in starts {
      guard let number = JSONText(bytes, at: Int(start)).valueOfKey.int64,
        let place = Int(exactly: number), ordered.indices.contains(place), ordered[place] == 0
      else { return nil }
      ordered[place] = start
    }
    var lines: [UInt8] = []
    lines.reserveCapacity(end - start)
    for start in ordered {
      for byte in JSONStringBytes(bytes, Int(start) + 1..<bytes.count) {
        guard byte != 10 else { return nil }
        lines.append(byte)
      }
      lines.append(10)
    }
    return lines
  }

  // MARK: Places

  /// What stands between the quotes of a string.
  private var content: Range<Int> { start + 1..<JSONText.end(of: start, in: bytes) - 1 }

  /// The first byte behind the value.
  var end: Int { JSONText.end(of: start, in: bytes) }

  /// The first byte behind the value that begins at `start` of a text that is JSON.
  private static func end(of start: Int, in bytes: [UInt8]) -> Int {
    var depth = 0
    var index = start
    repeat {
      switch bytes[index] {
      case UInt8(ascii: "\""):
        index += 1
        while bytes[index] != UInt8(ascii: "\"") {
          index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        index += 1
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        index += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        depth -= 1
        index += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09, 0x0A, 0x0D:
        index += 1
      default:
        index = endOfWord(from: index, in: bytes)
      }
    } while depth > 0
    return index
  }

  /// The first byte behind a number, `true`, `false` or `null`.
  private static func endOfWord(from start: Int, in bytes: [UInt8]) -> Int {
    var index = start
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), 0x20, 0x09, 0x0A, 0x0D:
        return index
      default: index += 1
      }
    }
    return index
  }

  /// The next byte that is neither whitespace nor the sign between two parts.
  private static func skip(_ sign: UInt8, from start: Int, in bytes: [UInt8]) -> Int {
    var index = start
    while true {
      switch bytes[index] {
      case sign, 0x20, 0x09, 0x0A, 0x0D: index += 1
      default: return index
      }
    }
  }

  /// The elements of an array, found one after another.
  public struct Elements: Sequence, IteratorProtocol, Sendable {
    private let bytes: [UInt8]
    private var place: Int

    fileprivate init(_ array: JSONText) {
      bytes = array.bytes
      place = array.start + 1
    }

    /// The next element.
    public mutating func next() -> JSONText? {
      place = JSONText.skip(UInt8(ascii: ","), from: place, in: bytes)
      guard bytes[place] != UInt8(ascii: "]") else { return nil }
      let element = JSONText(bytes, at: place)
      place = element.end
      return element
    }
  }

  /// The members of an object, found one after another.
  public struct Members: Sequence, IteratorProtocol, Sendable {
    private let bytes: [UInt8]
    private var place: Int

    fileprivate init(_ object: JSONText) {
      bytes = object.bytes
      place = object.start + 1
    }

    /// Where the keys stand that are left.
    var starts: [UInt32] {
      var starts: [UInt32] = []
      for member in self { starts.append(UInt32(truncatingIfNeeded: member.key.start)) }
      return starts
    }

    /// The next key, a string, and its value.
    public mutating func next() -> (key: JSONText, value: JSONText)? {
      place = JSONText.skip(UInt8(ascii: ","), from: place, in: bytes)
      guard bytes[place] != UInt8(ascii: "}") else { return nil }
      let key = JSONText(bytes, at: place)
      let value = key.valueOfKey
      place = value.end
      return (key, value)
    }
  }

  /// The keys of an object, found one after another; none of another value.
  struct Keys: Sequence, IteratorProtocol {
    private var members: Members?

    init(_ object: JSONText) {
      members = object.members
    }

    mutating func next() -> String? { members?.next()?.key.string }
  }

  /// The value behind a key.
  var valueOfKey: JSONText {
    JSONText(bytes, at: JSONText.skip(UInt8(ascii: ":"), from: end, in: bytes))
  }
}

extension JSONText.Kind {
  init?(firstByte byte: UInt8) {
    switch byte {
    case UInt8(ascii: "{"): self = .object
    case UInt8(ascii: "["): self = .array
    case UInt8(ascii: "\""): self = .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): self = .number
    case UInt8(ascii: "t"), UInt8(ascii: "f"): self = .boolean
    case UInt8(ascii: "n"): self = .null
    default: return nil
    }
  }
}

extension JSONScanner {
  /// Passes over one value of any kind; a key that occurs twice in an object is an error.
  fileprivate mutating func checkValue(_ keys: inout JSONOpenKeys) throws(JSONError) {
    switch try nextKind() {
    case .null: try null()
    case .boolean: try boolean()
    case .number: _ = try numberRange()
    case .string: _ = try stringRange()
    case .array:
      try openArray()
      while try nextElement() { try checkValue(&keys) }
    case .object:
      let first = keys.open()
      try openObject()
      while let key = try nextKeyOffset() {
        keys.append(key)
        try checkValue(&keys)
      }
      if let twice = keys.close(from: first, in: bytes) {
        throw fail(.duplicateKey(JSONText(bytes, at: twice).string ?? ""), at: twice)
      }
    }
  }
}
