// Single precision to half and bfloat16, rounded to nearest, ties to even. Touches pointers: the target
// may be unaligned. Where the target has no instruction for it: integer steps, whose loops become vectors.

import TarnKernelInterface

/// `y[i] = bfloat16(x[i])`: the upper sixteen bits, rounded to nearest, ties to even.
///
/// - Parameters:
///   - x: `[count]`.
///   - y: `2 · count` bytes, little-endian, any alignment.
///   - count: number of elements.
///
/// Cost: one read, half a write; bound by memory. Values that round beyond the largest bfloat16 become
/// ∞, denormal numbers round like others, NaN stays a (quiet) NaN with the upper bits of its payload.
func narrowBFloat16(_ x: UnsafePointer<Float>, _ y: UnsafeMutableRawPointer, _ count: Int) {
  var whole = 0
  while whole &+ 16 <= count {
    let values = Lanes(x + whole)
    let bits = unsafeBitCast(values, to: SIMD16<UInt32>.self)
    // Half a unit less one, and one more where the last kept bit is odd.
    let rounded = bits &+ 0x7FFF &+ (bits &>> 16 & 1)
    let kept = rounded.replacing(with: bits | 0x0040_0000, where: values .!= values)
    let halves = unsafeBitCast(kept, to: SIMD32<UInt16>.self)
    (y + 2 &* whole).storeBytes(of: halves.oddHalf, as: SIMD16<UInt16>.self)
    whole &+= 16
  }
  for i in whole..<count {
    let bits = x[i].bitPattern
    let isNaN = bits & 0x7FFF_FFFF > 0x7F80_0000
    let rounded = bits &+ 0x7FFF &+ (bits &>> 16 & 1)
    let kept = isNaN ? bits | 0x0040_0000 : rounded
    (y + 2 &* i).storeBytes(
      of: UInt16(truncatingIfNeeded: kept &>> 16).littleEndian, as: UInt16.self)
  }
}

/// `y[i] = Float16(x[i])`: IEEE half precision, rounded to nearest, ties to even.
///
/// - Parameters:
///   - x: `[count]`.
///   - y: `2 · count` bytes, little-endian, any alignment.
///   - count: number of elements.
///
/// From 65520 on ±∞. Below 2⁻¹⁴ the result is denormal: adding ½ rounds to the spacing of floats there,
/// which is 2⁻²⁴, that of half precision's denormal numbers. NaN stays a (quiet) NaN with the upper bits
/// of its payload. Cost: one read, half a write; bound by memory, and by about twenty integer steps an
/// element where the target has no instruction for it, which gives the same bits.
func narrowFloat16(_ x: UnsafePointer<Float>, _ y: UnsafeMutableRawPointer, _ count: Int) {
  var whole = 0
  while whole &+ 16 <= count, Lanes(x + whole).storeFloat16(y + 2 &* whole) { whole &+= 16 }
  for i in whole..<count {
    let bits = x[i].bitPattern
    let magnitude = bits & 0x7FFF_FFFF
    // The exponent's bias goes from 127 to 15; rounding may carry into it.
    let normal = (magnitude &- 0x3800_0000 &+ 0xFFF &+ (magnitude &>> 13 & 1)) &>> 13
    let denormal = (Float(bitPattern: magnitude) + 0.5).bitPattern &- 0x3F00_0000
    let special = magnitude > 0x7F80_0000 ? 0x7E00 | (magnitude &>> 13 & 0x3FF) : 0x7C00
    let finite = magnitude < 0x3880_0000 ? denormal : normal
    let value = magnitude >= 0x4780_0000 ? special : finite
    (y + 2 &* i).storeBytes(
      of: UInt16(truncatingIfNeeded: value | (bits &>> 16 & 0x8000)).littleEndian, as: UInt16.self)
  }
}
