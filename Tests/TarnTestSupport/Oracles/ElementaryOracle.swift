// What the elementary functions are compared with: the bounds of the documentation, and the arguments at
// which things break. Values: `elementwiseOracle`.

public import TarnKernelInterface

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// `|y − exact|` in units of the last place of the float nearest to `exact`.
public func ulps(_ y: Float, from exact: Double) -> Double {
  let nearest = Float(exact)
  if !y.isFinite || !nearest.isFinite {
    return y == nearest || (y.isNaN && nearest.isNaN) ? 0 : .infinity
  }
  // 2^(exponent − 23), from the bits: `nearest.ulp` takes most of the time of an exhaustive run.
  let exponent = max(nearest.bitPattern >> 23 & 0xff, 1)
  return abs(Double(y) - exact) * Double(bitPattern: UInt64(1023 + 127 + 23 - exponent) << 52)
}

/// The documented bounds of one function: ulp on intervals, an absolute error below the lowest one.
public struct ErrorBound: Sendable {
  /// From each `start` up to the start of the interval before, or ∞; descending.
  public var intervals: [(start: Float, fused: Double, separate: Double)]
  /// Below the last interval.
  public var absolute: Double = 0

  /// Largest absolute error, in units of max(1, |x|).
  public var greatest = Double.infinity

  /// Whether `y` is as near to `exact` as promised for the argument `x`.
  public func holds(_ x: Float, _ y: Float, _ exact: Double, isFused: Bool) -> Bool {
    if x.isNaN { return y.isNaN }
    if x.isFinite && abs(Double(y) - exact) > greatest * Double(max(1, abs(x))) { return false }
    for interval in intervals where x >= interval.start {
      return ulps(y, from: exact) <= (isFused ? interval.fused : interval.separate)
    }
    return abs(Double(y) - exact) <= absolute
  }

  /// The bounds that ``ElementwiseFunction`` states.
  public static func of(_ function: ElementwiseFunction) -> ErrorBound {
    switch function {
    case .exp: ErrorBound(intervals: [(-.infinity, 1.02, 0.99)])
    case .tanh: ErrorBound(intervals: [(-.infinity, 1.46, 1.61)])
    case .erf: ErrorBound(intervals: [(-.infinity, 1.12, 1.41)])
    case .gelu:
      ErrorBound(
        intervals: [(0, 3.8, 4.1), (-1, 6.7, 7.1), (-3, 160, 160), (-5, 15_000, 15_000)],
        absolute: 1.7e-9, greatest: 1.5e-7)
    case .geluTanh:
      ErrorBound(
        intervals: [(0, 1.7, 1.9), (-1, 2.2, 2.6), (-3, 6.6, 12.8), (-5, 23, 38)], absolute: 1e-11)
    case .relu: ErrorBound(intervals: [(-.infinity, 0, 0)])
    case .sigmoid: ErrorBound(intervals: [(-87, 2.49, 2.49)], absolute: 0x1p-127)
    case .silu: ErrorBound(intervals: [(-87, 2.45, 2.45)], absolute: 0x1p-121)
    }
  }
}

/// Arguments from every binade of both signs, and the neighbourhood of every point where a function
/// changes its formula, clamps, overflows or underflows.
public func elementaryArguments(seed: UInt64) -> [Float] {
  var state = seed
  func random() -> UInt32 {
    // SplitMix64.
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return UInt32(truncatingIfNeeded: (z ^ (z >> 31)) >> 32)
  }
  var arguments: [Float] = []
  for high in UInt32(0)..<512 where high & 0xff != 0xff {
    let ends: [UInt32] = [0, 1, 0x40_0000, 0x7f_fffe, 0x7f_ffff]
    for mantissa in ends + (0..<64).map({ _ in random() & 0x7f_ffff }) {
      arguments.append(Float(bitPattern: high << 23 | mantissa))
    }
  }
  let edges: [Float] = [
    0.5, 0.625, 1, 3.95, 4, 8, 9.02, 9.5, 10.046, 10.0625, 12.94, 12.98, 13, 20, 80, 87, 87.33654,
    87.33655,
    88, 88.37626, 88.72283, 88.72284, 89, 103.27893, 103.97208, 104,
  ]
  // Where an exhaustive run found the largest errors.
  let worst: [Float] = [
    59.306038, 59.289196, 5.8570795, 5.853371, 16.288607, 0.63681453, 0.63742673, 1.0075285,
    1.0119665, 0.11363304, 0.33673608, 0.9096424, 0.9218569, 2.778463, 2.7712142, 4.942671,
    4.9483356, 0.66823745, 0.6654468, 0.68420285, 0.9767575, 2.9982965, 2.9934845, 4.66867,
    7.859211, 16.635704, 1.2651006, 16.677828, 88.376274,
  ]
  for edge in edges + worst {
    for signed in [edge, -edge] {
      var x = signed
      for _ in 0..<4 { x = x.nextDown }
      for _ in 0..<9 {
        arguments.append(x)
        x = x.nextUp
      }
    }
  }
  // The arguments at which the rounding of x·log₂ e changes, where the reduced argument is largest.
  for n in -150...150 {
    let x = Float((Double(n) + 0.5) * log(2))
    arguments += [x.nextDown, x, x.nextUp, x / 2]
  }
  return arguments + [0, -0.0, .infinity, -.infinity]
}
