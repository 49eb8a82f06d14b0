/// A JSON value on its own, for texts that are written or changed.
///
/// What is only read stays a ``JSONText``: a value takes up to 30 times the memory of its text.
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
  /// Reads a text that holds one value; see ``JSONText/init(parsing:depthLimit:)``.
  ///
  /// - Parameters:
  ///   - bytes: the whole text.
  ///   - depthLimit: how deep arrays and objects may be nested; what uses a value recurses once a level.
  /// - Throws: ``JSONError``.
  /// - Complexity: linear in the number of bytes.
  public init(
    parsing bytes: [UInt8], depthLimit: Int = JSONText.defaultDepthLimit
  ) throws(JSONError) {
    self.init(try JSONText(parsing: bytes, depthLimit: depthLimit))
  }

  /// Reads a text that holds one value; see ``init(parsing:depthLimit:)-([UInt8],_)``.
  ///
  /// - Parameters:
  ///   - text: the whole text.
  ///   - depthLimit: how deep arrays and objects may be nested.
  /// - Throws: ``JSONError``, with the offset in UTF-8 bytes.
  public init(
    parsing text: String, depthLimit: Int = JSONText.defaultDepthLimit
  ) throws(JSONError) {
    try self.init(parsing: Array(text.utf8), depthLimit: depthLimit)
  }

  /// A copy of a value of a text.
  public init(_ text: JSONText) {
    switch text.kind {
    case .null: self = .null
    case .boolean: self = .boolean(text.boolean ?? false)
    case .number: self = text.number.map { .number($0) } ?? .null
    case .string: self = .string(text.string ?? "")
    case .array: self = .array(text.elements?.map { JSONValue($0) } ?? [])
    case .object:
      var object = JSONObject()
      if let members = text.members {
        for (key, value) in members { _ = object.append(key.string ?? "", JSONValue(value)) }
      }
      self = .object(object)
    }
  }
}
