// What is compared: sixteen hexadecimal digits for the bits of a result.

/// FNV-1a over bytes, 64 bits wide.
struct BitHash {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ byte: UInt8) {
    value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
  }

  /// Adds the bytes of a number, least significant first.
  mutating func add(_ bits: UInt32) {
    for shift in [0, 8, 16, 24] as [UInt32] { add(UInt8(truncatingIfNeeded: bits >> shift)) }
  }

  /// Adds the bits of a float; all NaNs count as one, since sign and payload are not promised.
  mutating func add(_ x: Float) {
    add(x.isNaN ? 0x7FC0_0000 : x.bitPattern)
  }

  /// The value as sixteen digits.
  var digits: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}
