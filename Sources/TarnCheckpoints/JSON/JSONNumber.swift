/// A number as it stands in the text, so that nothing is rounded before it is known what for.
public struct JSONNumber: Sendable, CustomStringConvertible {
  /// The digits as written.
  public let text: String

  /// A text that the caller has matched against the grammar of numbers.
  init(verified text: String) {
    self.text = text
  }

  /// An integer.
  public init(_ value: some BinaryInteger) {
    text = String(value)
  }

  /// The shortest text that reads back as this float; nil for infinities and NaN.
  public init?(_ value: Float) {
    guard value.isFinite else { return nil }
    text = value.description
  }

  /// The shortest text that reads back as this float; nil for infinities and NaN.
  public init?(_ value: Double) {
    guard value.isFinite else { return nil }
    text = value.description
  }

  /// The number if it is written as an integer and fits; `2.0` and `1e3` are not integers.
  public var int64: Int64? {
    Int64(text)
  }

  /// The nearest `Double`, or nil beyond its range.
  public var double: Double? {
    guard let value = Double(text), value.isFinite else { return nil }
    return value
  }

  /// The digits as written.
  public var description: String { text }
}
