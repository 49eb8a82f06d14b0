// Discrete Fourier transforms in Double, the bounds of the method, and the contract.

public import Tarn

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A complex number in Double.
public struct ComplexValue: Sendable {
  /// The real part.
  public var re: Double
  /// The imaginary part.
  public var im: Double

  /// `re + i·im`.
  public init(_ re: Double, _ im: Double) {
    self.re = re
    self.im = im
  }

  static func + (a: ComplexValue, b: ComplexValue) -> ComplexValue {
    ComplexValue(a.re + b.re, a.im + b.im)
  }

  static func * (a: ComplexValue, b: ComplexValue) -> ComplexValue {
    ComplexValue(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)
  }
}

/// `e^(-2πi·k/n)`, k = 0 ..< n, by the C library.
private func roots(_ n: Int) -> [ComplexValue] {
  (0..<n).map {
    let angle = 2 * Double.pi * Double($0) / Double(n)
    return ComplexValue(cos(angle), -sin(angle))
  }
}

/// `Z[k] = Σ z[p]·e^(-2πi·kp/n)` by definition.
public func fourierOracle(_ z: [ComplexValue]) -> [ComplexValue] {
  let n = z.count
  let roots = roots(n)
  return (0..<n).map { k in
    var sum = ComplexValue(0, 0)
    for p in 0..<n { sum = sum + z[p] * roots[k * p % n] }
    return sum
  }
}

/// The same by the smallest prime factor, for lengths at which the definition takes too long.
///
/// "fourier, oracles agree" compares the two.
public func fastFourierOracle(_ z: [ComplexValue]) -> [ComplexValue] {
  let n = z.count
  guard let r = (2...max(2, n)).first(where: { n % $0 == 0 }), r < n else {
    return fourierOracle(z)
  }
  let m = n / r
  let parts = (0..<r).map { t in fastFourierOracle((0..<m).map { z[t + r * $0] }) }
  let roots = roots(n)
  return (0..<n).map { k in
    var sum = parts[0][k % m]
    for t in 1..<r { sum = sum + parts[t][k % m] * roots[k * t % n] }
    return sum
  }
}

/// `Re F_n x F_d`: one axis after the other in Double.
public func fourierMixOracle(_ x: [Double], rows n: Int, columns d: Int) -> [Double] {
  guard n > 0, d > 0 else { return [] }
  let rows = (0..<n).map { p in
    fastFourierOracle((0..<d).map { ComplexValue(x[p * d + $0], 0) })
  }
  var y = [Double](repeating: 0, count: n * d)
  for k in 0..<d {
    for (j, value) in fastFourierOracle((0..<n).map { rows[$0][k] }).enumerated() {
      y[j * d + k] = value.re
    }
  }
  return y
}

/// e(n): the 2-norm of a transform's error is at most `2⁻²⁴·e(n)` times that of the transform.
///
/// To first order, for each level of radix r:
/// - twiddle factors: rounded to Float, off by at most u/√2; a product of complex numbers is off by
///   at most 2√2·u: together below 4u.
/// - the r-point transform: r = 2 and 4 are one and two additions deep, norm by norm u and 2u. An odd
///   r adds (r-1)/2 products of rounded constants to a sum, `(r/2 + 4)·u` of `√2·Σ|z|` at each of r
///   points, and `Σ|z| ≤ √r·‖z‖`: `(r/2 + 4)·√(2r)·u`.
///
/// Bluestein's algorithm over m points has three products and two such transforms, and what is lost
/// before the last product is magnified by `κ = max |B| / √n`, B the transform of the chirp.
public func fourierErrorBound(_ plan: FourierPlan) -> Double {
  let levels = plan.radices.reduce(0.0) { sum, r in
    let r = Double(r)
    return sum + 4 + (r == 2 ? 1 : r == 4 ? 2 : (r / 2 + 4) * (2 * r).squareRoot())
  }
  if !plan.isConvolution { return levels }
  return chirpMagnification(plan) * (2 * levels + 8) + 4
}

/// κ of ``fourierErrorBound(_:)``.
public func chirpMagnification(_ plan: FourierPlan) -> Double {
  let n = plan.length
  let m = plan.innerLength
  var chirp = [ComplexValue](repeating: ComplexValue(0, 0), count: m)
  for k in 0..<n {
    let angle = Double.pi * Double(k * k % (2 * n)) / Double(n)
    chirp[k] = ComplexValue(cos(angle), sin(angle))
    chirp[(m - k) % m] = chirp[k]
  }
  let largest = fastFourierOracle(chirp).map { $0.re * $0.re + $0.im * $0.im }.max() ?? 0
  return (largest / Double(n)).squareRoot()
}

/// The bound of the mixing's error relative to the result, both in the Frobenius norm.
///
/// Two Hartley transforms, each with the error of the complex one of its length; one rounding to fold
/// and three to part two columns, `2√2·u` at most, at either end; √2 since the half that is computed
/// may hold all of the error and half of the norm.
public func fourierMixErrorBound(_ tokens: FourierPlan, _ columns: FourierPlan) -> Double {
  2.0.squareRoot() * unitRoundoff * (fourierErrorBound(tokens) + fourierErrorBound(columns) + 8)
}

/// The contract of the transforms: every rounding, one scalar at a time.
extension ContractModel {
  struct Complex {
    var re: Float
    var im: Float

    static func + (a: Complex, b: Complex) -> Complex { Complex(re: a.re + b.re, im: a.im + b.im) }
    static func - (a: Complex, b: Complex) -> Complex { Complex(re: a.re - b.re, im: a.im - b.im) }
    var swapped: Complex { Complex(re: im, im: re) }
    var minusI: Complex { Complex(re: im, im: -re) }
  }

  private func product(_ z: Complex, _ w: ComplexValue) -> Complex {
    let (c, s) = (Float(w.re), Float(w.im))
    return Complex(
      re: multiplyAdd(z.re, c, -(z.im * s)), im: multiplyAdd(z.re, s, z.im * c))
  }

  private func timesPlus(_ z: Complex, _ x: Float, _ a: Complex) -> Complex {
    Complex(re: multiplyAdd(z.re, x, a.re), im: multiplyAdd(z.im, x, a.im))
  }

  /// The transform down one column; the sign of the exponent is minus.
  func fourier(_ z: [Complex], _ plan: FourierPlan) -> [Complex] {
    if !plan.isConvolution { return levels(z, plan.radices[...]) }
    let n = plan.length
    let m = plan.innerLength
    var chirp: [ComplexValue] = []
    var wave = [ComplexDouble](repeating: ComplexDouble(re: 0, im: 0), count: m)
    for k in 0..<n {
      let root = unitRoot(k * k % (2 * n), of: 2 * n)
      chirp.append(ComplexValue(root.cosine, -root.sine))
      wave[k] = ComplexDouble(re: root.cosine / Double(m), im: root.sine / Double(m))
      wave[(m - k) % m] = wave[k]
    }
    let spectrum = tableTransform(wave, factors: plan.radices[...])
      .map { ComplexValue($0.re, $0.im) }
    var padded = [Complex](repeating: Complex(re: 0, im: 0), count: m)
    for p in 0..<n { padded[p] = product(z[p], chirp[p]) }
    let first = levels(padded, plan.radices[...])
    let second = levels((0..<m).map { product(first[$0], spectrum[$0]).swapped }, plan.radices[...])
    return (0..<n).map { product(second[$0].swapped, chirp[$0]) }
  }

  /// One level: r transforms of every r-th point, twiddle factors, butterflies.
  private func levels(_ z: [Complex], _ radices: ArraySlice<Int>) -> [Complex] {
    guard let r = radices.first else { return z }
    let n = z.count
    let m = n / r
    let parts = (0..<r).map { t in
      levels((0..<m).map { z[t + r * $0] }, radices.dropFirst())
    }
    var result = z
    for k in 0..<m {
      let points = (0..<r).map { t in
        let root = unitRoot(k * t, of: n)
        return k == 0 || t == 0
          ? parts[t][k] : product(parts[t][k], ComplexValue(root.cosine, -root.sine))
      }
      for (t, value) in butterfly(points).enumerated() { result[k + t * m] = value }
    }
    return result
  }

  private func butterfly(_ z: [Complex]) -> [Complex] {
    let r = z.count
    if r == 2 { return [z[0] + z[1], z[0] - z[1]] }
    if r == 4 {
      let (e, f) = (z[0] + z[2], z[0] - z[2])
      let (g, h) = (z[1] + z[3], z[1] - z[3])
      return [e + g, f + h.minusI, e - g, f - h.minusI]
    }
    let pairs = 1...(r / 2)
    let sums = pairs.map { z[$0] + z[r - $0] }
    let differences = pairs.map { z[$0] - z[r - $0] }
    var x = z
    x[0] = sums.reduce(z[0], +)
    for k in pairs {
      // Radices 3 and 5 add the sines to the sum of cosines, larger ones apart; 3 and 5 take the
      // pairs of the second output in the order of the first.
      var even = z[0]
      var odd = Complex(re: 0, im: 0)
      var (minus, plus) = (even, even)
      for j in pairs { even = timesPlus(sums[j - 1], root(j * k, r).cosine, even) }
      if r <= 5 {
        (minus, plus) = (even, even)
        for j in pairs {
          let sine = root(j * k, r).sine
          minus = timesPlus(differences[j - 1].minusI, sine, minus)
          plus = timesPlus(differences[j - 1].minusI, -sine, plus)
        }
      } else {
        for j in pairs { odd = timesPlus(differences[j - 1], root(j * k, r).sine, odd) }
        minus = even + odd.minusI
        plus = even - odd.minusI
      }
      x[k] = minus
      x[r - k] = plus
    }
    return x
  }

  private func root(_ k: Int, _ n: Int) -> (cosine: Float, sine: Float) {
    let root = unitRoot(k % n, of: n)
    return (Float(root.cosine), Float(root.sine))
  }

  /// The mixing of one sequence.
  func fourierMix(
    _ x: [Float], rows n: Int, columns d: Int, _ tokens: FourierPlan, _ columns: FourierPlan
  ) -> [Float] {
    let half = d / 2 + 1
    // Columns of the folded matrix, then rows of the result of the token axis.
    let folded = (0..<half).map { q in
      (0..<n).map { p in x[(n - p) % n * d + q] + x[p * d + (d - q) % d] }
    }
    let u = hartley(folded, tokens, scale: 0.25)
    // Rows that are transformed together: all, or those behind one remainder of a divided plan.
    let m = tokens.outerLevels == 0 ? n : tokens.outerLength
    var y = [Float](repeating: 0, count: n * d)
    for remainder in 0...n / m / 2 {
      let group = stride(from: remainder, to: n, by: n / m)
        .filter { 2 * remainder != n / m && remainder > 0 || 2 * $0 <= n }
      let rows = hartley(
        group.map { j in
          (0..<d).map { q in q < half ? u[q][j] : u[d - q][(n - j) % n] }
        }, columns, scale: 0.5)
      for (j, row) in zip(group, rows) {
        for k in 0..<d {
          y[j * d + k] = row[k]
          if j > 0, 2 * j != n { y[(n - j) * d + (d - k) % d] = row[k] }
        }
      }
    }
    return y
  }

  /// Real Hartley transforms, two in one complex transform: i and i + 16 in each strip of 32.
  private func hartley(_ x: [[Float]], _ plan: FourierPlan, scale: Float) -> [[Float]] {
    let n = plan.length
    var y = x
    for i in x.indices where i % 32 < 16 {
      let other = i + 16 < x.count ? x[i + 16] : [Float](repeating: 0, count: n)
      let z = fourier((0..<n).map { Complex(re: x[i][$0], im: other[$0]) }, plan)
      for j in 0..<n {
        let (a, b) = (z[j], z[(n - j) % n])
        y[i][j] = ((a.re + b.re) - (a.im - b.im)) * scale
        if i + 16 < x.count { y[i + 16][j] = ((a.im + b.im) + (a.re - b.re)) * scale }
      }
    }
    return y
  }
}
