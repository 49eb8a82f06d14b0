// Distances between floats.

/// Number of floats from `a` to `b`; `Int.max` if just one is NaN, 0 if both are.
public func ulpDistance(_ a: Float, _ b: Float) -> Int {
  if a.isNaN || b.isNaN { return a.isNaN && b.isNaN ? 0 : .max }
  return abs(position(a) - position(b))
}

/// Distance of `a` from the exact value `b`, in units of the last place of `b` as a Float.
public func ulpError(_ a: Float, exact b: Double) -> Double {
  if a.isNaN || b.isNaN { return a.isNaN && b.isNaN ? 0 : .infinity }
  let nearest = Float(b)
  if a == nearest { return nearest.isFinite ? abs(Double(a) - b) / Double(nearest.ulp) : 0 }
  guard a.isFinite, nearest.isFinite else { return .infinity }
  return abs(Double(a) - b) / Double(nearest.ulp)
}

/// Whether the bits agree; any NaN equals any other, since targets make different ones.
public func sameBits(_ a: Float, _ b: Float) -> Bool {
  a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN)
}

/// The place of `x` in the order of all floats; both zeros have place 0.
private func position(_ x: Float) -> Int {
  let magnitude = Int(x.bitPattern & 0x7FFF_FFFF)
  return x.sign == .minus ? -magnitude : magnitude
}
