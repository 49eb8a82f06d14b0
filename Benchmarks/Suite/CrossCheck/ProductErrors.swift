// Products of a grid of shapes and kinds of operands: componentwise backward errors and their bounds.

import Tarn
import TarnTestSupport

/// What the elements of the factors are like.
enum Operands: String, CaseIterable {
  /// Uniform in ±1.
  case well = "well scaled"
  /// Rows, columns and terms scaled by powers of two, over 2^±50; terms of a sum over 2^±30.
  case badly = "badly scaled"
  /// The second half of each sum nearly undoes the first.
  case cancelling
  /// Factors and results below the normal numbers.
  case denormal
  /// Infinities and NaN among the elements, and zeros that meet them.
  case special = "inf and NaN"
}

/// One product: how it is called and what is multiplied.
struct ProductCase {
  var name = "matmul"
  var m: Int
  var k: Int
  var n: Int
  var operands = Operands.well
  var transposesA = false
  var transposesB = false
  /// Elements between rows, as a wider matrix has them.
  var gap = 0
  var alpha: Float = 1
  var beta: Float = 0

  var shape: String { "\(m)×\(k)×\(n)" }

  /// The logical factors, dense.
  private func factors() -> (a: [Float], b: [Float]) {
    var random = SplitMix64(seed: UInt64(m * 1_000_003 + k * 1009 + n))
    var a = random.floats(m * k)
    var b = random.floats(k * n)
    func power(_ exponent: Int) -> Float { Float(sign: .plus, exponent: exponent, significand: 1) }
    switch operands {
    case .well: break
    case .badly:
      for i in 0..<m {
        for p in 0..<k { a[i * k + p] *= power(i * 7 % 61 - 30 + p * 11 % 41 - 20) }
      }
      for p in 0..<k {
        for j in 0..<n { b[p * n + j] *= power(j * 13 % 61 - 30 + p * 17 % 21 - 10) }
      }
    case .cancelling:
      for p in 0..<k / 2 {
        let other = p + k / 2
        for i in 0..<m { a[i * k + other] = -a[i * k + p] }
        for j in 0..<n { b[other * n + j] = b[p * n + j] * (1 + 0x1p-20 * random.float()) }
      }
    case .denormal:
      for i in 0..<m { for p in 0..<k { a[i * k + p] *= power(i % 2 == 0 ? -130 : -120) } }
      for i in b.indices { b[i] *= 0x1p-14 }
    case .special:
      for i in stride(from: 0, to: m, by: 3) { a[i * k + i % k] = .infinity }
      for i in stride(from: 1, to: m, by: 5) { a[i * k + i % k] = .nan }
      for j in stride(from: 0, to: n, by: 4) { b[(j % k) * n + j] = 0 }
      for j in stride(from: 2, to: n, by: 7) { b[(j % k) * n + j] = -.infinity }
    }
    return (a, b)
  }

  /// As it is stored: row-major, transposed if asked for, with gaps of NaN.
  private func stored(
    _ x: [Float], _ rows: Int, _ columns: Int, transposed: Bool
  ) -> (elements: [Float], stride: Int) {
    let (height, width) = transposed ? (columns, rows) : (rows, columns)
    var elements = [Float](repeating: .nan, count: height * (width + gap))
    for i in 0..<rows {
      for j in 0..<columns {
        let (r, c) = transposed ? (j, i) : (i, j)
        elements[r * (width + gap) + c] = x[i * columns + j]
      }
    }
    return (elements, width + gap)
  }

  /// The errors of Tarn and of a library.
  ///
  /// In units of `u·scale + 2^-150·max(1, |alpha|)`, where `scale` is `|alpha|·Σ|a||b| + |beta·c|` and the
  /// second term one rounding below the normal numbers. Docs: CrossChecking.
  func verified(_ execution: Execution, _ library: Rival?) throws -> VerifiedOperator {
    let (a, b) = factors()
    var random = SplitMix64(seed: 77)
    let magnitude: Float = operands == .denormal ? 0x1p-130 : 1
    let old = random.floats(m * n, scale: magnitude)
    // With beta 0 nothing of C is read: NaN would show it.
    let before = beta == 0 ? [Float](repeating: .nan, count: m * n) : old
    let left = stored(a, m, k, transposed: transposesA)
    let right = stored(b, k, n, transposed: transposesB)
    let target = stored(before, m, n, transposed: false)
    var found = target.elements
    try multiply(left, right, &found, target.stride, on: execution)

    let exact = matmulOracle(a, b, rows: m, depth: k, columns: n)
    var values: [Double] = []
    var units: [Double] = []
    for i in exact.values.indices {
      let kept = beta == 0 ? 0 : Double(beta) * Double(old[i])
      values.append(Double(alpha) * exact.values[i] + kept)
      let scale = abs(Double(alpha)) * exact.magnitudes[i] + abs(kept)
      units.append(unitRoundoff * scale + 0x1p-150 * max(1, abs(Double(alpha))))
    }
    func dense(_ x: [Float]) -> [Float] {
      (0..<m).flatMap { i in x[i * target.stride..<i * target.stride + n] }
    }
    let tarn = dense(found)
    let last = (alpha == 1 ? 0 : 1) + (beta == 0 ? 0 : 2)
    var row = VerifiedOperator(
      name: name, shape: shape, operands: operands.rawValue, unit: "u·Σ|a||b|",
      tarn: ErrorFigure(
        error: largestError(tarn, values, units),
        bound: gamma(min(k, 384) + max(0, (k - 1) / 384) + last)))
    if let library {
      var others = target.elements
      multiply(left, right, &others, target.stride, by: library)
      let theirs = dense(others)
      row.library = ErrorFigure(
        error: largestError(theirs, values, units), bound: gamma(k + last))
      row.difference = largestError(theirs, tarn.map(Double.init), units)
    }
    return row
  }

  /// `n·u / (1 - n·u)` in units of u: Higham's γ.
  private func gamma(_ roundings: Int) -> Double {
    // The oracle's own rounding is far below the last factor.
    Double(roundings) / (1 - Double(roundings) * unitRoundoff) * (1 + 0x1p-20)
  }

  /// ∞ where NaN or an infinity is missing, or stands where none belongs.
  private func largestError(_ found: [Float], _ exact: [Double], _ units: [Double]) -> Double {
    var largest = 0.0
    for i in found.indices {
      let x = Double(found[i])
      if exact[i].isFinite && x.isFinite {
        largest = max(largest, abs(x - exact[i]) / units[i])
      } else if !(x == exact[i] || x.isNaN && exact[i].isNaN) {
        return .infinity
      }
    }
    return largest
  }

  private func multiply(
    _ left: (elements: [Float], stride: Int), _ right: (elements: [Float], stride: Int),
    _ c: inout [Float], _ strideC: Int, on execution: Execution
  ) throws {
    // SAFETY: the matrices check that their elements lie in the arrays, which live through the call.
    try unsafe left.elements.withUnsafeBufferPointer { a throws(TarnError) in
      try unsafe right.elements.withUnsafeBufferPointer { b throws(TarnError) in
        try unsafe c.withUnsafeMutableBufferPointer { c throws(TarnError) in
          let x = try unsafe StridedMatrix(
            a, rows: m, columns: k, rowStride: transposesA ? 1 : left.stride,
            columnStride: transposesA ? left.stride : 1)
          let y = try unsafe StridedMatrix(
            b, rows: k, columns: n, rowStride: transposesB ? 1 : right.stride,
            columnStride: transposesB ? right.stride : 1)
          try unsafe matmul(
            x, y, alpha: alpha, beta: beta,
            into: StridedMutableMatrix(c, rows: m, columns: n, rowStride: strideC), on: execution)
        }
      }
    }
  }

  private func multiply(
    _ left: (elements: [Float], stride: Int), _ right: (elements: [Float], stride: Int),
    _ c: inout [Float], _ strideC: Int, by library: Rival
  ) {
    unsafe left.elements.withUnsafeBufferPointer { a in
      unsafe right.elements.withUnsafeBufferPointer { b in
        unsafe c.withUnsafeMutableBufferPointer { c in
          guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
          // SAFETY: the arrays hold the elements of shapes and strides.
          unsafe library.multiply(
            m, n, k, alpha: alpha, Rival.Stored(a, stride: left.stride, transposesA),
            Rival.Stored(b, stride: right.stride, transposesB), beta: beta, c, strideC)
        }
      }
    }
  }
}

/// The grid: each shape with each kind of operands; then transposes, gaps and factors.
func productCases(isQuick: Bool) -> [ProductCase] {
  let shapes =
    isQuick
    ? [(1, 1, 1), (1, 500, 90), (7, 900, 9), (60, 17, 8), (17, 385, 49)]
    : [
      (1, 1, 1), (1, 768, 768), (7, 5000, 9), (1000, 33, 8), (8, 33, 1000), (17, 385, 49),
      (128, 128, 128), (300, 400, 60),
    ]
  var cases = shapes.flatMap { m, k, n in
    Operands.allCases.map { ProductCase(m: m, k: k, n: n, operands: $0) }
  }
  for (name, left, right) in [
    ("A·B, strides", false, false), ("A·Bᵀ, strides", false, true), ("Aᵀ·B, strides", true, false),
    ("Aᵀ·Bᵀ, strides", true, true),
  ] {
    for operands in isQuick ? [Operands.well] : [.well, .cancelling, .special] {
      cases.append(
        ProductCase(
          name: name, m: 33, k: 390, n: 47, operands: operands, transposesA: left,
          transposesB: right, gap: 5))
    }
  }
  for (alpha, beta): (Float, Float) in [(0.7, 0), (1, 1), (-1.3, 0.9)] {
    for operands in isQuick ? [Operands.well] : [.well, .badly, .cancelling, .denormal] {
      cases.append(
        ProductCase(
          name: "\(alpha)·A·B + \(beta)·C", m: 33, k: 390, n: 47, operands: operands, alpha: alpha,
          beta: beta))
    }
  }
  return cases
}
