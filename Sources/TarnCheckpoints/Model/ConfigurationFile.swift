// config.json: values by key, each checked for kind and range.

/// A JSON object in a file, whose values a model asks for one by one.
///
/// Keys that nobody asks for are ignored. A value of the wrong kind or out of range is an error that
/// names the file, the key, what was found and what was expected; nothing is converted silently.
public struct ConfigurationFile: Sendable {
  /// The largest file that is read, in bytes.
  public static let byteLimit = 16 << 20

  /// The path, as it was given.
  public let path: String
  /// All members.
  public let object: JSONObject

  /// Reads a file.
  ///
  /// - Parameter path: a JSON file.
  /// - Throws: ``CheckpointError`` for a file that is missing, unreadable, too large, no JSON, or no
  ///   JSON object.
  public init(path: String) throws(CheckpointError) {
    let opened = try OpenFile.open(path)
    guard opened.byteCount <= ConfigurationFile.byteLimit else {
      throw .fileTooLarge(
        path: path, bytes: opened.byteCount, limit: ConfigurationFile.byteLimit)
    }
    let file = try MappedFile(opened, loading: .read)
    let bytes = file.withBytes { span in
      var bytes: [UInt8] = []
      bytes.reserveCapacity(span.byteCount)
      for i in span.byteOffsets {
        unsafe bytes.append(span.unsafeLoad(fromByteOffset: i, as: UInt8.self))
      }
      return bytes
    }
    try self.init(bytes: bytes, path: path)
  }

  /// Reads bytes, under a path for messages.
  ///
  /// - Throws: as ``init(path:)``.
  public init(bytes: [UInt8], path: String) throws(CheckpointError) {
    self.path = path
    let value: JSONValue
    do {
      value = try JSONValue(parsing: bytes)
    } catch {
      throw .invalidJSON(file: path, error)
    }
    guard let object = value.object else {
      throw .notAnObject(file: path, found: ConfigurationFile.shown(value))
    }
    self.object = object
  }

  /// The error for a value that a model rejects.
  public func invalid(_ key: String, found: String?, expected: String) -> CheckpointError {
    .wrongValue(file: path, key: key, found: found, expected: expected)
  }

  /// A whole number.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - range: the values that are allowed.
  ///   - standard: the value where the key is absent; nil makes the key required.
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``, also for a number with a
  ///   fraction or an exponent.
  public func integer(
    _ key: String, in range: ClosedRange<Int>, default standard: Int? = nil
  ) throws(CheckpointError) -> Int {
    let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
    return try value(key, default: standard, expected: expected) { value in
      value.int64.flatMap { Int(exactly: $0) }.flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// A number.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - range: the values that are allowed.
  ///   - standard: the value where the key is absent; nil makes the key required.
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``.
  public func number(
    _ key: String, in range: ClosedRange<Double>, default standard: Double? = nil
  ) throws(CheckpointError) -> Double {
    let expected = "a number from \(range.lowerBound) to \(range.upperBound)"
    return try value(key, default: standard, expected: expected) { value in
      value.double.flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// `true` or `false`.
  ///
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``.
  public func boolean(_ key: String, default standard: Bool? = nil) throws(CheckpointError) -> Bool {
    try value(key, default: standard, expected: "true or false", \.boolean)
  }

  /// A string.
  ///
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``.
  public func string(
    _ key: String, default standard: String? = nil
  ) throws(CheckpointError) -> String {
    try value(key, default: standard, expected: "a string", \.string)
  }

  /// A list of strings, or nil where the key is absent or null.
  ///
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``.
  public func strings(_ key: String) throws(CheckpointError) -> [String]? {
    if isNull(key) { return nil }
    let strings: [String] = try value(key, default: nil, expected: "a list of strings") { value in
      guard let array = value.array else { return nil }
      let strings = array.compactMap(\.string)
      return strings.count == array.count ? strings : nil
    }
    return strings
  }

  /// Whether the key is absent or null.
  public func isNull(_ key: String) -> Bool {
    switch object[key] {
    case nil, .null: true
    default: false
    }
  }

  /// The labels of `id2label`, in order, or nil where the key is absent or null.
  ///
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)`` unless the keys are "0",
  ///   "1" … without a gap and the values strings.
  public func labels() throws(CheckpointError) -> [String]? {
    let key = "id2label"
    if isNull(key) { return nil }
    let expected = "an object with the keys \"0\", \"1\" … without a gap, and strings"
    let members: JSONObject = try value(key, default: nil, expected: expected, \.object)
    var labels: [String] = []
    for i in members.members.indices {
      guard let label = members["\(i)"]?.string else {
        throw invalid(key, found: "an object without a string for \"\(i)\"", expected: expected)
      }
      labels.append(label)
    }
    guard !labels.isEmpty else {
      throw invalid(key, found: "an empty object", expected: "at least one label")
    }
    return labels
  }

  private func value<T>(
    _ key: String, default standard: T?, expected: String, _ read: (JSONValue) -> T?
  ) throws(CheckpointError) -> T {
    guard let found = object[key] else {
      if let standard { return standard }
      throw invalid(key, found: nil, expected: expected)
    }
    guard let value = read(found) else {
      throw invalid(key, found: ConfigurationFile.shown(found), expected: expected)
    }
    return value
  }

  /// A value as an error shows it: short, on one line.
  private static func shown(_ value: JSONValue) -> String {
    switch value {
    case .array: return "a list"
    case .object: return "an object"
    default:
      let text = value.encoded()
      return text.utf8.count <= 60 ? text : String(text.prefix(57)) + "..."
    }
  }
}
