/// Why a text is not JSON, and the byte at which that shows.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Problem: Hashable, Sendable {
    /// A byte that cannot stand here.
    case unexpectedByte(UInt8, expected: String)
    /// The text ends in the middle of a value.
    case unexpectedEnd(expected: String)
    /// Something follows the value.
    case trailingContent(UInt8)
    /// An object has one key twice.
    case duplicateKey(String)
    /// A control character that is not escaped stands in a string.
    case controlCharacter(UInt8)
    /// A backslash is followed by something that is not an escape sequence.
    case invalidEscape
    /// An escape sequence is half of a surrogate pair.
    case loneSurrogate
    /// The bytes of a string are not UTF-8.
    case invalidUTF8
    /// Arrays and objects are nested deeper than the reader allows.
    case nestingTooDeep(limit: Int)
    /// The text has more bytes than the reader can name.
    case tooLong(limit: Int)
  }

  /// Distance from the start of the text, in bytes.
  public let offset: Int

  /// What is wrong there.
  public let problem: Problem

  /// One sentence that names the offset, what was found and what was expected.
  public var description: String {
    "byte \(offset): " + sentence
  }

  private var sentence: String {
    switch problem {
    case .unexpectedByte(let byte, let expected):
      "found \(shown(byte)), expected \(expected)"
    case .unexpectedEnd(let expected):
      "the text ends, expected \(expected)"
    case .trailingContent(let byte):
      "found \(shown(byte)) after the value, expected the end"
    case .duplicateKey(let key):
      "key \(quoted(key)) occurs twice in one object"
    case .controlCharacter(let byte):
      "found control character \(shown(byte)) in a string, expected an escape sequence"
    case .invalidEscape:
      "found a backslash without a valid escape sequence"
    case .loneSurrogate:
      "found half of a surrogate pair, expected a Unicode scalar"
    case .invalidUTF8:
      "found bytes that are not UTF-8"
    case .nestingTooDeep(let limit):
      "values are nested deeper than \(limit) levels"
    case .tooLong(let limit):
      "the text has more than \(limit) bytes"
    }
  }
}

/// A byte as it is shown in messages: the character if it is printable, else its number.
func shown(_ byte: UInt8) -> String {
  if (0x21..<0x7F).contains(byte) {
    return "'" + String(Unicode.Scalar(byte)) + "'"
  }
  let digits = String(byte, radix: 16, uppercase: true)
  return "0x" + (digits.utf8.count == 1 ? "0" + digits : digits)
}
