// The product of two words in two words, from products of half words.

/// All 128 bits of a product: what `multipliedFullWidth` would call, where it is a call.
@inline(__always)
package func fullProduct(_ a: UInt64, _ b: UInt64) -> (high: UInt64, low: UInt64) {
  let (a0, a1) = (a & 0xFFFF_FFFF, a >> 32)
  let (b0, b1) = (b & 0xFFFF_FFFF, b >> 32)
  let low = a0 &* b0
  // Neither sum overflows: (2^32 - 1)^2 + 2 (2^32 - 1) = 2^64 - 1.
  let first = a1 &* b0 &+ low >> 32
  let second = a0 &* b1 &+ first & 0xFFFF_FFFF
  return (a1 &* b1 &+ first >> 32 &+ second >> 32, second << 32 | low & 0xFFFF_FFFF)
}
