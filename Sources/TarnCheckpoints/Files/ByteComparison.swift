// Swift compares strings by canonical equivalence: "é" as one scalar equals "e" with a combining
// accent. Two tensors or two configuration keys may differ in just that, so names that come from
// files are compared, ordered and hashed by their UTF-8 bytes.

extension String {
  /// Whether both strings are the same sequence of UTF-8 bytes.
  package func hasSameBytes(as other: String) -> Bool {
    utf8.elementsEqual(other.utf8)
  }

  /// Feeds the UTF-8 bytes to a hasher, followed by a byte that no UTF-8 text contains.
  package func hashBytes(into hasher: inout Hasher) {
    let hashed: Void? = unsafe utf8.withContiguousStorageIfAvailable { bytes in
      // SAFETY: the buffer is valid inside this closure, and the hasher keeps no reference to it.
      unsafe hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
    }
    if hashed == nil {
      for byte in utf8 {
        hasher.combine(byte)
      }
    }
    hasher.combine(0xFF as UInt8)
  }
}

/// A string as dictionary key, compared by its UTF-8 bytes.
struct ByteKey: Hashable, Sendable {
  let text: String

  static func == (left: ByteKey, right: ByteKey) -> Bool {
    left.text.hasSameBytes(as: right.text)
  }

  func hash(into hasher: inout Hasher) {
    text.hashBytes(into: &hasher)
  }
}

/// Text from a file or a path as it is, but quoted if it holds characters that would disturb the line.
package func printable(_ text: String) -> String {
  let disturbs = text.unicodeScalars.contains { $0.value < 0x20 || 0x7F...0x9F ~= $0.value }
  return disturbs ? quoted(text) : text
}

/// Text from a file, quoted for one line of an error message.
///
/// Control characters are escaped, so that a file cannot write to the reader's terminal, and text
/// of more than 120 scalars is cut.
package func quoted(_ text: String) -> String {
  var result = "\""
  for (count, scalar) in text.unicodeScalars.enumerated() {
    if count == 120 {
      return result + "…\""
    }
    if scalar == "\"" || scalar == "\\" {
      result += "\\"
      result.unicodeScalars.append(scalar)
    } else if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
      result += "\\u{" + String(scalar.value, radix: 16) + "}"
    } else {
      result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
