/// The members of a JSON object in the order of the text, found by the bytes of their keys.
public struct JSONObject: Sendable, ExpressibleByDictionaryLiteral {
  /// A key with its value.
  public struct Member: Sendable {
    /// The key.
    public let key: String
    /// The value.
    public var value: JSONValue
  }

  /// All members, in order.
  public private(set) var members: [Member] = []

  /// Positions by key, from the ninth member on: a short object is searched faster in a line.
  private var index: [ByteKey: Int] = [:]

  private static let longestLine = 8

  /// An object without members.
  public init() {}

  /// An object with these members; a later value replaces an earlier one of the same key.
  public init(dictionaryLiteral members: (String, JSONValue)...) {
    for (key, value) in members {
      self[key] = value
    }
  }

  /// An object with these members; a later value replaces an earlier one of the same key.
  public init(_ members: KeyValuePairs<String, JSONValue>) {
    for (key, value) in members {
      self[key] = value
    }
  }

  private func position(of key: String) -> Int? {
    if members.count > Self.longestLine {
      return index[ByteKey(text: key)]
    }
    return members.firstIndex { $0.key.hasSameBytes(as: key) }
  }

  /// Adds a member at the end, unless the key is there already.
  ///
  /// - Returns: Whether the member was added.
  public mutating func append(_ key: String, _ value: JSONValue) -> Bool {
    guard position(of: key) == nil else { return false }
    members.append(Member(key: key, value: value))
    if members.count == Self.longestLine + 1 {
      for (position, member) in members.enumerated() {
        index[ByteKey(text: member.key)] = position
      }
    } else if members.count > Self.longestLine {
      index[ByteKey(text: key)] = members.count - 1
    }
    return true
  }

  /// The value of a key, or nil; keys are the same only if their UTF-8 bytes are.
  ///
  /// Setting replaces the value in its place, adds a new key at the end, and with nil removes the
  /// member.
  public subscript(key: String) -> JSONValue? {
    get {
      position(of: key).map { members[$0].value }
    }
    set {
      guard let newValue else {
        remove(key)
        return
      }
      if let position = position(of: key) {
        members[position].value = newValue
      } else {
        _ = append(key, newValue)
      }
    }
  }

  private mutating func remove(_ key: String) {
    guard let position = position(of: key) else { return }
    var rest = JSONObject()
    for (other, member) in members.enumerated() where other != position {
      _ = rest.append(member.key, member.value)
    }
    self = rest
  }
}
