/// A JSON value.
public enum JSONValue: Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case boolean(Bool)
  /// A number, as written.
  case number(JSONNumber)
  /// A string, escape sequences decoded.
  case string(String)
  /// Values in order.
  case array([JSONValue])
  /// Keys with values, in order; no key twice.
  case object(JSONObject)

  /// An integer.
  public static func integer(_ value: some BinaryInteger) -> JSONValue {
    .number(JSONNumber(value))
  }

  /// A number, or `null` for infinities and NaN, which JSON cannot write.
  public static func float(_ value: Float) -> JSONValue {
    JSONNumber(value).map { .number($0) } ?? .null
  }

  /// A number, or `null` for infinities and NaN, which JSON cannot write.
  public static func double(_ value: Double) -> JSONValue {
    JSONNumber(value).map { .number($0) } ?? .null
  }

  /// The number as an integer, if it is written as one.
  public var int64: Int64? {
    if case .number(let number) = self { number.int64 } else { nil }
  }

  /// The number, if this is one.
  public var double: Double? {
    if case .number(let number) = self { number.double } else { nil }
  }

  /// The truth value, if this is one.
  public var boolean: Bool? {
    if case .boolean(let value) = self { value } else { nil }
  }

  /// The string, if this is one.
  public var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The elements, if this is an array.
  public var array: [JSONValue]? {
    if case .array(let elements) = self { elements } else { nil }
  }

  /// The object, if this is one.
  public var object: JSONObject? {
    if case .object(let object) = self { object } else { nil }
  }
}

extension JSONValue {
  /// Deepest nesting that readers allow unless told otherwise.
  ///
  /// The reader recurses once a level, and so does the release of a value; 128 levels fit the
  /// smallest stacks that threads have.
  public static let defaultDepthLimit = 128

  /// Reads a text that holds one value (RFC 8259, UTF-8, no byte-order mark).
  ///
  /// Stricter than the RFC where it leaves a choice: a key that occurs twice in an object is an
  /// error, and so is half of a surrogate pair.
  ///
  /// - Parameters:
  ///   - bytes: the whole text.
  ///   - depthLimit: how deep arrays and objects may be nested.
  /// - Throws: ``JSONError``, with the offset of the first byte that is wrong.
  /// - Complexity: linear in the number of bytes.
  public init(
    parsing bytes: [UInt8], depthLimit: Int = JSONValue.defaultDepthLimit
  ) throws(JSONError) {
    var scanner = JSONScanner(bytes, depthLimit: depthLimit)
    self = try scanner.value()
    try scanner.finish()
  }

  /// Reads a text that holds one value; see ``init(parsing:depthLimit:)-([UInt8],_)``.
  ///
  /// - Parameters:
  ///   - text: the whole text.
  ///   - depthLimit: how deep arrays and objects may be nested.
  /// - Throws: ``JSONError``, with the offset in UTF-8 bytes.
  public init(
    parsing text: String, depthLimit: Int = JSONValue.defaultDepthLimit
  ) throws(JSONError) {
    try self.init(parsing: Array(text.utf8), depthLimit: depthLimit)
  }
}

extension JSONScanner {
  /// Reads one value of any kind.
  mutating func value() throws(JSONError) -> JSONValue {
    switch try nextKind() {
    case .null:
      try null()
      return .null
    case .boolean:
      return .boolean(try boolean())
    case .number:
      return .number(try number())
    case .string:
      return .string(try string())
    case .array:
      var elements: [JSONValue] = []
      try openArray()
      while try nextElement() {
        elements.append(try value())
      }
      return .array(elements)
    case .object:
      var object = JSONObject()
      try openObject()
      while let key = try nextKey() {
        guard object.append(key.name, try value()) else {
          throw fail(.duplicateKey(key.name), at: key.offset)
        }
      }
      return .object(object)
    }
  }
}
