// Whole numbers near a Double, for processors without an instruction for them. `rounded(_:)` would be a
// call of the very C functions that these are the bodies of.

/// The whole number between 0 and `x` that is nearest to `x`, of its sign; infinities and NaN as they are.
@inline(__always)
package func wholePart(of x: Double) -> Double {
  let exponent = Int(x.bitPattern >> 52 & 0x7FF) - 1023
  if exponent < 0 { return Double(bitPattern: x.bitPattern & 1 << 63) }
  if exponent >= 52 { return x }
  let fraction: UInt64 = (1 << UInt64(52 - exponent)) - 1
  return Double(bitPattern: x.bitPattern & ~fraction)
}

/// The largest whole number that is not above `x`.
@inline(__always)
package func roundedDown(_ x: Double) -> Double {
  let whole = wholePart(of: x)
  return whole > x ? whole - 1 : whole
}

/// The smallest whole number that is not below `x`.
@inline(__always)
package func roundedUp(_ x: Double) -> Double {
  let whole = wholePart(of: x)
  return whole < x ? whole + 1 : whole
}

/// The whole number nearest to `x`; of two, the one farther from 0.
@inline(__always)
package func roundedToNearest(_ x: Double) -> Double {
  let whole = wholePart(of: x)
  // Exact; NaN for an infinity, which is whole.
  let rest = x - whole
  if rest >= 0.5 { return whole + 1 }
  return rest <= -0.5 ? whole - 1 : whole
}

#if hasFeature(Embedded)

  /// The C function for ``wholePart(of:)``.
  @c(trunc)
  public func truncCall(_ x: Double) -> Double { wholePart(of: x) }

  /// The C function for ``roundedDown(_:)``.
  @c(floor)
  public func floorCall(_ x: Double) -> Double { roundedDown(x) }

  /// The C function for ``roundedUp(_:)``.
  @c(ceil)
  public func ceilCall(_ x: Double) -> Double { roundedUp(x) }

  /// The C function for ``roundedToNearest(_:)``.
  @c(round)
  public func roundCall(_ x: Double) -> Double { roundedToNearest(x) }

#endif
