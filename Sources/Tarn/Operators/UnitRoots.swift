// Roots of unity in Double without a mathematical library, so that tables have the same bits
// everywhere.

/// A complex number in Double.
package struct ComplexDouble {
  package var re: Double
  package var im: Double

  package init(re: Double, im: Double) {
    self.re = re
    self.im = im
  }

  package static func + (a: ComplexDouble, b: ComplexDouble) -> ComplexDouble {
    ComplexDouble(re: a.re + b.re, im: a.im + b.im)
  }

  package static func * (a: ComplexDouble, b: ComplexDouble) -> ComplexDouble {
    ComplexDouble(re: a.re * b.re - a.im * b.im, im: a.re * b.im + a.im * b.re)
  }
}

/// `e^(2πi·k/n)`, each part within 2⁻⁵¹.
///
/// The angle is taken to the first octant in whole numbers, so quarters of a turn are exact and
/// symmetric roots have equal parts.
///
/// - Parameters:
///   - k: at least 0 and below 2⁵⁹.
///   - n: at least 1.
/// - Returns: the two parts.
package func unitRoot(_ k: Int, of n: Int) -> (cosine: Double, sine: Double) {
  let eighths = (k % n) * 8
  let octant = eighths / n
  let rest = eighths % n
  let (c, s) = cosineAndSine(Double(octant % 2 == 0 ? rest : n - rest) / Double(n) * (.pi / 4))
  return switch octant {
  case 0: (c, s)
  case 1: (s, c)
  case 2: (-s, c)
  case 3: (-c, s)
  case 4: (-c, -s)
  case 5: (-s, -c)
  case 6: (s, -c)
  default: (c, -s)
  }
}

/// `cos x` and `sin x` for x from 0 to 1, each within 2⁻⁵².
///
/// Taylor polynomials of degree 18 and 17: truncation errors below 10⁻¹⁷, up to π/4 below 10⁻¹⁹.
package func cosineAndSine(_ x: Double) -> (cosine: Double, sine: Double) {
  let square = x * x
  var s = 0.0
  for i in stride(from: 16, through: 2, by: -2) { s = (1 - s) * square / Double(i * (i + 1)) }
  var c = 0.0
  for i in stride(from: 17, through: 1, by: -2) { c = (1 - c) * square / Double(i * (i + 1)) }
  return (1 - c, x - x * s)
}

/// The forward transform of `z` in Double, for tables: mixed radix by definition at each level.
///
/// - Complexity: n·Σ factors.
package func tableTransform(_ z: [ComplexDouble], factors: ArraySlice<Int>) -> [ComplexDouble] {
  guard let r = factors.first else { return z }
  let n = z.count
  let m = n / r
  let parts = (0..<r).map { t in
    tableTransform((0..<m).map { z[t + $0 * r] }, factors: factors.dropFirst())
  }
  let roots = (0..<n).map { k in
    let root = unitRoot(k, of: n)
    return ComplexDouble(re: root.cosine, im: -root.sine)
  }
  return (0..<n).map { k in
    var sum = parts[0][k % m]
    for t in 1..<r { sum = sum + parts[t][k % m] * roots[k * t % n] }
    return sum
  }
}
