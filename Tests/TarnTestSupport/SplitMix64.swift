// Random inputs that any machine can repeat from a seed.

/// SplitMix64 of Steele, Lea and Flood 2014: small, seedable, the same everywhere.
public struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  /// A generator whose numbers are a function of `seed` alone.
  public init(seed: UInt64) {
    state = seed
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A multiple of 2⁻²³ in -1 ..< 1; exact, so equal on all machines.
  public mutating func float() -> Float {
    Float(Int32(truncatingIfNeeded: next() >> 40) - (1 << 23)) * 0x1p-23
  }

  /// `count` values of ``float()`` times `scale`.
  public mutating func floats(_ count: Int, scale: Float = 1) -> [Float] {
    (0..<count).map { _ in float() * scale }
  }

  /// A number below `bound`, from 0.
  ///
  /// The slight bias of the remainder does not matter here.
  public mutating func below(_ bound: Int) -> Int {
    Int(next() >> 1) % bound
  }

  /// Flags of which about one in `period` is false.
  public mutating func flags(_ count: Int, oneFalseIn period: Int) -> [Bool] {
    (0..<count).map { _ in below(period) != 0 }
  }
}
