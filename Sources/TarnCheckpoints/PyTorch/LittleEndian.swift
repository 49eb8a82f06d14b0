extension Collection where Element == UInt8, Index == Int {
  /// The integer of a few bytes, least significant first.
  func littleEndian<Integer: FixedWidthInteger & UnsignedInteger>(
    at offset: Int, as type: Integer.Type = Integer.self
  ) -> Integer {
    var value: Integer = 0
    for position in (0..<MemoryLayout<Integer>.size).reversed() {
      value = value << 8 | Integer(self[startIndex + offset + position])
    }
    return value
  }
}
