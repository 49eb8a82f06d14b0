/// Bytes that somebody has found to be UTF-8; ``validateUTF8(_:)`` does.
extension Span where Element == UInt8 {
  /// The scalar that starts at `index`, and its length in bytes.
  @inline(__always)
  func scalar(at index: Int) -> (value: UInt32, length: Int) {
    let first = UInt32(self[index])
    if first < 0x80 { return (first, 1) }
    let second = UInt32(self[index + 1] & 0x3F)
    if first < 0xE0 { return ((first & 0x1F) << 6 | second, 2) }
    let third = UInt32(self[index + 2] & 0x3F)
    if first < 0xF0 { return ((first & 0x0F) << 12 | second << 6 | third, 3) }
    let fourth = UInt32(self[index + 3] & 0x3F)
    return ((first & 0x07) << 18 | second << 12 | third << 6 | fourth, 4)
  }
}

/// Throws where `text` stops being UTF-8: surrogates, overlong forms and cut sequences included.
func validateUTF8(_ text: borrowing Span<UInt8>) throws(TextError) {
  do throws(UTF8.ValidationError) {
    _ = try UTF8Span(validating: copy text)
  } catch {
    throw .invalidUTF8(offset: error.byteOffsets.lowerBound)
  }
}

/// Throws where offsets would not fit into 32 bits.
func validateLength(_ text: borrowing Span<UInt8>) throws(TextError) {
  let limit = Int(clamping: UInt32.max)
  guard text.count <= limit else { throw .textTooLong(bytes: text.count, limit: limit) }
}

/// Appends the UTF-8 form of a scalar value.
func appendUTF8(_ value: UInt32, to bytes: inout [UInt8]) {
  func tail(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: value >> shift) & 0x3F }
  switch value {
  case ..<0x80:
    bytes.append(UInt8(truncatingIfNeeded: value))
  case ..<0x800:
    bytes.append(0xC0 | UInt8(truncatingIfNeeded: value >> 6))
    bytes.append(tail(0))
  case ..<0x10000:
    bytes.append(0xE0 | UInt8(truncatingIfNeeded: value >> 12))
    bytes.append(tail(6))
    bytes.append(tail(0))
  default:
    bytes.append(0xF0 | UInt8(truncatingIfNeeded: value >> 18))
    bytes.append(tail(12))
    bytes.append(tail(6))
    bytes.append(tail(0))
  }
}
