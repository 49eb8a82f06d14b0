// Half and bfloat16 to single precision, exactly. Touches pointers: the source may be unaligned.

/// `y[i] = Float(x[i])` for bfloat16: the sixteen bits become the upper half.
///
/// - Parameters:
///   - x: `2 · count` bytes, little-endian, any alignment.
///   - y: `[count]`.
///   - count: number of elements.
///
/// Cost: one read, one write; bound by memory. Infinities and NaN keep their bits.
func widenBFloat16(_ x: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  for i in 0..<count {
    let bits = (x + 2 &* i).loadUnaligned(as: UInt16.self)
    y[i] = Float(bitPattern: UInt32(UInt16(littleEndian: bits)) &<< 16)
  }
}

/// `y[i] = Float(x[i])` for IEEE half precision, subnormals, infinities and NaN included.
///
/// The exponent and mantissa are moved into place and multiplied by 2¹¹², which is exact and also
/// normalises subnormals; what was all ones in the exponent gets all ones again. No conversion
/// instruction is used, so that each target runs the same steps.
///
/// - Parameters:
///   - x: `2 · count` bytes, little-endian, any alignment.
///   - y: `[count]`.
///   - count: number of elements.
///
/// Cost: one read, one write, a multiplication an element.
func widenFloat16(_ x: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  let scale = Float(bitPattern: 0x7780_0000)  // 2¹¹²
  for i in 0..<count {
    let bits = UInt32(UInt16(littleEndian: (x + 2 &* i).loadUnaligned(as: UInt16.self)))
    let magnitude = bits & 0x7FFF
    let scaled = Float(bitPattern: magnitude &<< 13) * scale
    let special = magnitude >= 0x7C00 ? UInt32(0x7F80_0000) : 0
    y[i] = Float(bitPattern: scaled.bitPattern | special | ((bits & 0x8000) &<< 16))
  }
}
