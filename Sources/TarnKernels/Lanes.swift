// The vector that every kernel is written over, and the few operations that Swift's own vocabulary
// lacks or compiles badly. Pointers are touched here, in Rows.swift, and in Matmul; nowhere else.

/// Sixteen virtual lanes: one zmm, two ymm, four xmm or four NEON registers.
///
/// The width is part of the reproducibility contract: sums run over sixteen lanes on every target.
typealias Lanes = SIMD16<Float>

/// The number of lanes.
let laneCount = 16

/// `a·b + c`, rounded once where the target has fused multiply-add, else rounded twice.
///
/// One of the two places where the arithmetic of instruction sets differs (the other is the register
/// tile; Table.swift and Peak.swift only name them). Without the
/// instruction `addingProduct` would call `fmaf` from libm for each lane.
@inline(__always)
func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
  #if TARN_FMA || arch(arm64)
    c.addingProduct(a, b)
  #else
    a * b + c
  #endif
}

extension SIMD16<Float> {
  /// `x` in every lane.
  @inline(__always)
  static func broadcast(_ x: Float) -> Lanes { Lanes(repeating: x) }

  /// Sixteen elements from `p`, any alignment.
  @inline(__always)
  init(_ p: UnsafePointer<Float>) {
    self = UnsafeRawPointer(p).loadUnaligned(as: Lanes.self)
  }

  /// The first `count` (1…15) elements from `p`, the other lanes `fill`.
  ///
  /// Reads nothing else.
  @inline(__always)
  init(_ p: UnsafePointer<Float>, count: Int, fill: Float) {
    var v = Lanes(repeating: fill)
    for i in 0..<count { v[i] = p[i] }
    self = v
  }

  /// The first `count` (0…16) lanes, the others `fill`.
  @inline(__always)
  func kept(_ count: Int, fill: Float = 0) -> Lanes {
    let lane = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    return Lanes(repeating: fill).replacing(
      with: self, where: lane .< SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: count)))
  }

  /// Stores the sixteen lanes, any alignment.
  @inline(__always)
  func store(_ p: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(p).storeBytes(of: self, as: Lanes.self)
  }

  /// Sixteen numbers in half precision from `p`, any alignment, exactly.
  @inline(__always)
  init(float16 p: UnsafeRawPointer) {
    let halves = p.loadUnaligned(as: SIMD16<UInt16>.self)
    #if (TARN_FMA && !os(macOS)) || arch(arm64)
      var x = Lanes()
      for i in 0..<16 { x[i] = Float(Float16(bitPattern: UInt16(littleEndian: halves[i]))) }
      self = x
    #else
      var bits = SIMD16<Int32>()
      for i in 0..<16 { bits[i] = Int32(UInt16(littleEndian: halves[i])) }
      // Exponent and mantissa in place, times 2¹¹²: exact, and denormal numbers become normal. What
      // was all ones in the exponent gets all ones again.
      let magnitude = bits & 0x7FFF
      let scaled = unsafeBitCast(magnitude &<< 13, to: Lanes.self) * 0x1p112
      let special = (0x7BFF &- magnitude) &>> 31 & 0x7F80_0000
      self = unsafeBitCast(
        unsafeBitCast(scaled, to: SIMD16<Int32>.self) | special | (bits & 0x8000) &<< 16,
        to: Lanes.self)
    #endif
  }

  /// Stores the lanes at `p`, any alignment, rounded to half precision, if the target has an instruction
  /// for it; else stores nothing and is false.
  ///
  /// Ties go to even; a NaN becomes quiet and keeps the upper bits of its payload. `Float16` does not exist
  /// on Intel Macs.
  @inline(__always)
  func storeFloat16(_ p: UnsafeMutableRawPointer) -> Bool {
    #if (TARN_FMA && !os(macOS)) || arch(arm64)
      var halves = SIMD16<UInt16>()
      for i in 0..<16 { halves[i] = Float16(self[i]).bitPattern.littleEndian }
      p.storeBytes(of: halves, as: SIMD16<UInt16>.self)
      return true
    #else
      return false
    #endif
  }

  /// Stores the first `count` (1…15) lanes.
  ///
  /// Writes nothing else.
  @inline(__always)
  func store(_ p: UnsafeMutablePointer<Float>, count: Int) {
    for i in 0..<count { p[i] = self[i] }
  }

  /// The lane-wise larger value; NaN if either is NaN.
  ///
  /// Of two zeros the first is kept. Three instructions: the maximum, and what finds and takes a
  /// NaN of `other`, beside a chain of maxima rather than in it.
  @inline(__always)
  func maximum(_ other: Lanes) -> Lanes {
    replacing(with: other, where: other .> self).replacing(with: other, where: other .!= other)
  }

  /// The sum of the lanes by halving: low half plus high half, four times.
  ///
  /// The tree is part of the reproducibility contract. (`sum()` adds left to right, sixteen steps.)
  @inline(__always)
  func joined() -> Float {
    let eight = lowHalf + highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two[0] + two[1]
  }

  /// The largest lane by halving; NaN if any lane is NaN.
  @inline(__always)
  func joinedMaximum() -> Float {
    let eight = lowHalf.maximum(highHalf)
    let four = eight.lowHalf.maximum(eight.highHalf)
    let a = four[0].maximum(four[1])
    let b = four[2].maximum(four[3])
    return a.maximum(b)
  }
}

extension SIMD8<Float> {
  @inline(__always)
  func maximum(_ other: SIMD8<Float>) -> SIMD8<Float> {
    replacing(with: other, where: (other .> self) .| (other .!= other))
  }
}

extension SIMD16<Int32> {
  /// Whether a lane is not 0.
  ///
  /// (`any` of a mask stays a call that takes a vector.)
  @inline(__always)
  var hasNonzeroLane: Bool {
    let eight = lowHalf | highHalf
    let two = unsafeBitCast(eight.lowHalf | eight.highHalf, to: SIMD2<UInt64>.self)
    return two[0] | two[1] != 0
  }
}

extension SIMD4<Float> {
  @inline(__always)
  func maximum(_ other: SIMD4<Float>) -> SIMD4<Float> {
    replacing(with: other, where: (other .> self) .| (other .!= other))
  }
}

extension Float {
  /// The larger value; NaN if either is NaN.
  ///
  /// Of two zeros the first is kept.
  @inline(__always)
  func maximum(_ other: Float) -> Float { (other > self || other != other) ? other : self }
}
