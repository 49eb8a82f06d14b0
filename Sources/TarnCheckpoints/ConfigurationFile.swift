/// A `config.json`: each number is checked against a range before anything is sized by it.
///
/// A key that is there must have the right kind of value; `null` is a wrong value like any other.
/// A key that is missing gives the default, or an error if there is none.
public struct ConfigurationFile: Sendable {
  /// The name by which messages call the file.
  public let name: String

  /// The whole configuration, an object.
  public let root: JSONText
  private let table: JSONKeyTable

  /// Most labels that ``labels(default:)`` returns.
  public static let mostLabels = 1 << 16
  /// Most elements of an array of integers or strings.
  public static let mostElements = 1 << 16

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - path: a JSON file that holds an object.
  ///   - limits: of which ``FileLimits/configurationBytes`` matters.
  /// - Throws: ``CheckpointError``.
  public init(path: String, limits: FileLimits = FileLimits()) throws(CheckpointError) {
    try self.init(Self.value(path: path, limits: limits), named: fileName(path))
  }

  /// The JSON value in a file, of any kind.
  ///
  /// - Parameters:
  ///   - path: a JSON file.
  ///   - limits: of which ``FileLimits/configurationBytes`` matters.
  /// - Returns: the value.
  /// - Throws: ``CheckpointError``.
  public static func value(
    path: String, limits: FileLimits = FileLimits()
  ) throws(CheckpointError) -> JSONText {
    let bytes = try OpenFile.open(path).bytes(atMost: limits.configurationBytes)
    return try value(bytes, named: fileName(path))
  }

  private static func value(
    _ bytes: [UInt8], named name: String
  ) throws(CheckpointError) -> JSONText {
    do {
      return try JSONText(parsing: bytes)
    } catch {
      throw .invalidJSON(file: name, error)
    }
  }

  /// Reads a file that is in memory already.
  ///
  /// - Parameters:
  ///   - bytes: JSON text that holds an object.
  ///   - name: stands for the file in messages.
  /// - Throws: ``CheckpointError``.
  public init(bytes: [UInt8], named name: String = "config.json") throws(CheckpointError) {
    try self.init(Self.value(bytes, named: name), named: name)
  }

  /// Takes a value that has been read already.
  ///
  /// - Parameters:
  ///   - value: an object.
  ///   - name: stands for the file in messages.
  /// - Throws: ``CheckpointError/notAnObject(file:found:)``.
  public init(_ value: JSONText, named name: String) throws(CheckpointError) {
    guard let members = value.members else {
      throw .notAnObject(file: name, found: value.kindForMessages)
    }
    self.name = name
    root = value
    let starts = members.starts
    var table = JSONKeyTable(count: starts.count)
    for start in starts { _ = table.insert(Int(start), in: value.bytes) }
    self.table = table
  }

  /// The keys in the order of the file, found one after another.
  public var keys: some Sequence<String> {
    JSONText.Keys(root)
  }

  /// The value of a key; nil if there is no such key.
  public subscript(key: String) -> JSONText? {
    table.offset(of: key.utf8, in: root.bytes).map { JSONText(root.bytes, at: $0).valueOfKey }
  }

  /// The object at a key, as a file of its own; nil if the key is missing or `null`.
  ///
  /// - Parameter key: the key.
  /// - Returns: the object; messages call it by the file and the key.
  /// - Throws: ``CheckpointError/notAnObject(file:found:)``.
  public func section(_ key: String) throws(CheckpointError) -> ConfigurationFile? {
    guard has(key), let value = self[key] else { return nil }
    return try ConfigurationFile(value, named: "\(name), \(key)")
  }

  /// The objects of an array at a key, each as a file of its own; none if the key is missing.
  ///
  /// - Parameter key: the key.
  /// - Returns: the objects; messages call them by the file, the key and their number.
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)`` for what is no array,
  ///   ``CheckpointError/notAnObject(file:found:)`` for an element that is no object.
  public func sections(_ key: String) throws(CheckpointError) -> [ConfigurationFile] {
    let values = try value(key, default: [], expected: "an array of objects") { value in
      value.fewElements { $0 }
    }
    var sections: [ConfigurationFile] = []
    for (i, value) in values.enumerated() {
      sections.append(try ConfigurationFile(value, named: "\(name), \(key), \(i)"))
    }
    return sections
  }

  /// Whether the key is there with a value other than `null`.
  public func has(_ key: String) -> Bool {
    self[key].map { $0.kind != .null } ?? false
  }

  /// An error that says what is wrong with a key, for checks that concern several of them.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - expected: what would be right, in words that follow "expected".
  /// - Returns: The error with the value that was found.
  public func wrongValue(_ key: String, expected: String) -> CheckpointError {
    .wrongValue(file: name, key: key, found: self[key]?.shownInMessages, expected: expected)
  }

  /// The value of a key, converted; the default if the key is missing.
  private func value<Value>(
    _ key: String, default fallback: Value?, expected: @autoclosure () -> String,
    _ convert: (JSONText) -> Value?
  ) throws(CheckpointError) -> Value {
    guard let value = self[key] else {
      guard let fallback else { throw wrongValue(key, expected: expected()) }
      return fallback
    }
    guard let converted = convert(value) else {
      throw wrongValue(key, expected: expected())
    }
    return converted
  }

  /// An integer.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - range: the values that are allowed.
  ///   - fallback: the value if the key is missing; nil makes the key required.
  /// - Returns: The value. Only numbers that are written as integers are taken, so not `2.0`.
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``.
  public func integer(
    _ key: String, in range: ClosedRange<Int>, default fallback: Int? = nil
  ) throws(CheckpointError) -> Int {
    try value(
      key, default: fallback,
      expected: "an integer from \(range.lowerBound) to \(range.upperBound)"
    ) { value in
      value.int64.flatMap { Int(exactly: $0) }.flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// An array of integers.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - range: the values that are allowed.
  ///   - fallback: the value if the key is missing; nil makes the key required.
  /// - Returns: The value.
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``.
  public func integers(
    _ key: String, in range: ClosedRange<Int>, default fallback: [Int]? = nil
  ) throws(CheckpointError) -> [Int] {
    try value(
      key, default: fallback,
      expected: "an array of integers from \(range.lowerBound) to \(range.upperBound)"
    ) { value in
      value.fewElements { element in
        element.int64.flatMap { Int(exactly: $0) }.flatMap { range.contains($0) ? $0 : nil }
      }
    }
  }

  /// A number.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - range: the values that are allowed.
  ///   - fallback: the value if the key is missing; nil makes the key required.
  /// - Returns: The value.
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``.
  public func number(
    _ key: String, in range: ClosedRange<Double>, default fallback: Double? = nil
  ) throws(CheckpointError) -> Double {
    try value(
      key, default: fallback,
      expected: "a number from \(range.lowerBound) to \(range.upperBound)"
    ) { value in
      value.double.flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// A truth value.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - fallback: the value if the key is missing; nil makes the key required.
  /// - Returns: The value.
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``.
  public func boolean(
    _ key: String, default fallback: Bool? = nil
  ) throws(CheckpointError) -> Bool {
    try value(key, default: fallback, expected: "true or false") { $0.boolean }
  }

  /// A string.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - fallback: the value if the key is missing; nil makes the key required.
  /// - Returns: The value.
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``.
  public func string(
    _ key: String, default fallback: String? = nil
  ) throws(CheckpointError) -> String {
    try value(key, default: fallback, expected: "a string") { $0.string }
  }

  /// One of several strings.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - choices: the values that are allowed.
  ///   - fallback: the value if the key is missing; nil makes the key required.
  /// - Returns: The value.
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``.
  public func string(
    _ key: String, oneOf choices: [String], default fallback: String? = nil
  ) throws(CheckpointError) -> String {
    try value(key, default: fallback, expected: alternatives(choices.map { quoted($0) })) { value in
      guard let text = value.string else { return nil }
      return choices.first { $0.hasSameBytes(as: text) }
    }
  }

  /// An array of strings.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - fallback: the value if the key is missing; nil makes the key required.
  /// - Returns: The value.
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``.
  public func strings(
    _ key: String, default fallback: [String]? = nil
  ) throws(CheckpointError) -> [String] {
    try value(key, default: fallback, expected: "an array of strings") { value in
      value.fewElements { $0.string }
    }
  }

  /// The names of the classes, in the order of their numbers.
  ///
  /// They come from `id2label`, whose keys must be "0", "1" and so on without a gap. Without it
  /// they are `LABEL_0`, `LABEL_1` … as many as `num_labels` says, and without that the default.
  ///
  /// - Parameter fallback: the names if the file has neither key.
  /// - Returns: One name for each class.
  /// - Throws: ``CheckpointError/wrongValue(file:key:found:expected:)``.
  public func labels(
    default fallback: [String] = ["LABEL_0", "LABEL_1"]
  ) throws(CheckpointError) -> [String] {
    guard self["id2label"] != nil else {
      guard self["num_labels"] != nil else { return fallback }
      return (0..<(try integer("num_labels", in: 1...Self.mostLabels))).map { "LABEL_\($0)" }
    }
    return try value(
      "id2label", default: nil,
      expected: "an object with a string for each of \"0\", \"1\" … up to the number of labels"
    ) { value in
      guard let members = value.members else { return nil }
      var labels: [Int: String] = [:]
      for (key, label) in members {
        // As it is written, so neither "00" nor "-0".
        guard labels.count < Self.mostLabels, let number = key.string.flatMap({ Int($0) }),
          key.isString(String(number)), let label = label.string
        else { return nil }
        labels[number] = label
      }
      // No key is there twice, so that as many labels as numbers leave no gap.
      let ordered = (0..<labels.count).compactMap { labels[$0] }
      return ordered.isEmpty || ordered.count < labels.count ? nil : ordered
    }
  }
}

extension JSONText {
  /// The elements of an array, converted; nil if one cannot be, or if there are too many.
  fileprivate func fewElements<Value>(_ convert: (JSONText) -> Value?) -> [Value]? {
    guard let elements else { return nil }
    var values: [Value] = []
    for element in elements {
      guard values.count < ConfigurationFile.mostElements, let value = convert(element) else {
        return nil
      }
      values.append(value)
    }
    return values
  }

  fileprivate var kindForMessages: String {
    switch kind {
    case .null: "null"
    case .boolean: "true or false"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  /// Scalars as they are written, larger things by their kind: the message stays one line.
  fileprivate var shownInMessages: String {
    func count(_ items: some Sequence) -> Int { items.reduce(0) { count, _ in count + 1 } }
    return switch kind {
    case .null: "null"
    case .boolean: boolean == true ? "true" : "false"
    case .number: number.map { String($0.text.prefix(40)) } ?? ""
    case .string: quoted(string ?? "")
    case .array: "an array of \(elements.map { count($0) } ?? 0)"
    case .object: "an object of \(members.map { count($0) } ?? 0)"
    }
  }
}
