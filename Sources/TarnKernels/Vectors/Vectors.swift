// What BLAS calls level 1, for vectors without gaps. A vector with a stride is copied part by part; sums
// go on from part to part, so that the stride changes no bit.

import TarnKernelInterface

/// Adds `Σ x[i]·y[i]` to four vectors of sums, in the order of Rows.swift.
///
/// - Parameters:
///   - x: `[count]`.
///   - y: `[count]`.
///   - count: a multiple of 64 for all parts of a sum but the last.
///   - sums: 64 elements: the four accumulators.
func addProducts(
  _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int,
  to sums: UnsafeMutablePointer<Float>
) {
  var held = laneSums(sums)
  addProducts(to: &held, x, y, count: count)
  store(held, sums)
}

/// Adds `Σ |x[i]|` to four vectors of sums; parameters as those of the products.
func addMagnitudes(
  _ x: UnsafePointer<Float>, count: Int, to sums: UnsafeMutablePointer<Float>
) {
  var held = laneSums(sums)
  @inline(__always) func vector(_ i: Int) -> Lanes { magnitude(Lanes(x + i)) }
  @inline(__always) func tail(_ i: Int, _ rest: Int) -> Lanes {
    magnitude(Lanes(x + i, count: rest, fill: 0))
  }
  addVectors(to: &held, from: 0, count: count, vector, tail: tail)
  store(held, sums)
}

/// The four accumulators joined: (0 + 1) + (2 + 3), then the lanes by halving.
func joined(_ sums: UnsafePointer<Float>) -> Float { joined(laneSums(sums)) }

/// Adds `Σ x[i]²` to sixteen sums in Double.
///
/// - Parameters:
///   - x: `[count]`.
///   - count: a multiple of 16 for all parts of a sum but the last.
///   - sums: 16 elements: element i is added to sum i mod 16.
///
/// A square of two Floats is exact in Double, neither too large nor too small for it; so all instruction
/// sets have the same bits, fused or not.
func addSquares(
  _ x: UnsafePointer<Float>, count: Int, to sums: UnsafeMutablePointer<Double>
) {
  let memory = UnsafeMutableRawPointer(sums)
  var low = memory.loadUnaligned(as: SIMD8<Double>.self)
  var high = memory.loadUnaligned(fromByteOffset: 64, as: SIMD8<Double>.self)
  var i = 0
  while i < count {
    let part = columns(x, at: i, count: min(16, count &- i))
    var a = SIMD8<Double>()
    var b = SIMD8<Double>()
    for lane in 0..<8 {
      a[lane] = Double(part[lane])
      b[lane] = Double(part[lane &+ 8])
    }
    low += a * a
    high += b * b
    i &+= 16
  }
  memory.storeBytes(of: low, as: SIMD8<Double>.self)
  memory.storeBytes(of: high, toByteOffset: 64, as: SIMD8<Double>.self)
}

/// `y = alpha·x + y`, one multiply-add an element.
///
/// `y` may be `x`.
func addScaled(
  _ alpha: Float, _ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, count: Int
) {
  let alphas = Lanes(repeating: alpha)
  @inline(__always) func added(_ x: Lanes, _ y: Lanes) -> Lanes { multiplyAdd(alphas, x, y) }
  map(x, y, into: y, count: count, added)
}

/// The largest `|x[i]|` of those that are no NaN; 0 if there is none.
func largestMagnitude(_ x: UnsafePointer<Float>, count: Int) -> Float {
  var m = Lanes.zero
  var i = 0
  while i < count {
    let next = magnitude(columns(x, at: i, count: min(16, count &- i)))
    m = m.replacing(with: next, where: next .> m)
    i &+= 16
  }
  return m.joinedMaximum()
}

/// The first `i` with `|x[i]| = m`; `count` if there is none.
func firstMagnitude(_ m: Float, _ x: UnsafePointer<Float>, count: Int) -> Int {
  let wanted = Lanes(repeating: m)
  let one = SIMD16<Int32>(repeating: 1)
  var i = 0
  while i &+ 16 <= count {
    let found = SIMD16<Int32>.zero.replacing(
      with: one, where: magnitude(Lanes(x + i)) .== wanted)
    if found.hasNonzeroLane { break }
    i &+= 16
  }
  while i < count && x[i].magnitude != m { i &+= 1 }
  return i
}

@inline(__always)
private func magnitude(_ x: Lanes) -> Lanes {
  unsafeBitCast(
    unsafeBitCast(x, to: SIMD16<UInt32>.self) & SIMD16<UInt32>(repeating: 0x7FFF_FFFF),
    to: Lanes.self)
}

@inline(__always)
private func laneSums(_ p: UnsafePointer<Float>) -> LaneSums {
  (Lanes(p), Lanes(p + 16), Lanes(p + 32), Lanes(p + 48))
}

@inline(__always)
private func store(_ sums: LaneSums, _ p: UnsafeMutablePointer<Float>) {
  sums.0.store(p)
  sums.1.store(p + 16)
  sums.2.store(p + 32)
  sums.3.store(p + 48)
}
