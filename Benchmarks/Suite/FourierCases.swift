// Discrete Fourier transforms: cases of the kernel benchmark.

import Tarn
import TarnTestSupport

/// The complex transform and FNet's mixing, by FFT and by products with matrices of cosines.
///
/// With 512 rows also other lengths, and mixing of other columns, which the name says. An operation of a
/// complex transform is one of `5·n·log₂ n`; the mixing needs half of the half.
func fourierCases(rows n: Int, columns d: Int, on execution: Execution) -> [KernelCase] {
  var cases: [KernelCase] = []
  for length in n == 512 ? [512, 509, 768, 1024, 4096, 4093] : [n] {
    cases.append(
      KernelCase("fourier" + (length == n ? "" : "-\(length)")) {
        try transform(length, d, on: execution)
      })
  }
  for length in n == 512 ? [128, 512, 509, 2048, 4096, 4093] : [n] {
    let suffix = length == n ? "" : "-\(length)"
    cases.append(KernelCase("fourier-mix" + suffix) { try mix(length, d, on: execution) })
    if length <= 4096, length % 2 == 0 || n < 512 {
      cases.append(
        KernelCase("fourier-mix-matmul" + suffix) { try mixByProducts(length, d, on: execution) })
    }
  }
  // Small squares, for the border between both ways.
  for size in n == 512 ? [8, 16, 32, 64] : [] {
    let suffix = "-\(size)x\(size)"
    cases.append(KernelCase("fourier-mix" + suffix) { try mix(size, size, on: execution) })
    cases.append(
      KernelCase("fourier-mix-matmul" + suffix) { try mixByProducts(size, size, on: execution) })
  }
  return cases
}

/// `d` columns of complex numbers, in place: the input at first, zeros in all later runs.
private func transform(
  _ length: Int, _ d: Int, on execution: Execution
) throws -> PreparedKernel {
  let plan = try FourierPlan(length: length)
  let x = try randomMatrix(length, d, seed: 20)
  var imaginary = try Matrix(rows: length, columns: d)
  let zeros = imaginary
  var runs = 0
  let operations = 5 * Double(length) * binaryLogarithm(Double(length)) * Double(d)
  return PreparedKernel(
    bound: .arithmetic(operations: Int(operations)),
    run: { real in
      runs += 1
      if runs == 2 { (real, imaginary) = (zeros, zeros) }
      try fourierTransform(&real, &imaginary, plan, on: execution)
    }, result: x,
    expected: {
      var expected = [Double](repeating: 0, count: length * d)
      for j in 0..<d {
        let z = (0..<length).map { ComplexValue(Double(x[$0, j]), 0) }
        for (k, value) in fastFourierOracle(z).enumerated() { expected[k * d + j] = value.re }
      }
      return expected
    },
    // Real and imaginary part.
    bytes: 16 * length * d, elements: length * d)
}

private func mix(_ length: Int, _ d: Int, on execution: Execution) throws -> PreparedKernel {
  let x = try randomMatrix(length, d, seed: 21)
  let one = try Ragged(lengths: [length])
  let operations =
    1.25 * Double(length * d)
    * (binaryLogarithm(Double(length)) + binaryLogarithm(Double(d)))
  return PreparedKernel(
    bound: .arithmetic(operations: Int(operations)),
    run: { y in try fourierMix(x, over: one, into: &y, on: execution) },
    result: try Matrix(rows: length, columns: d),
    expected: { fourierMixOracle(doubles(x), rows: length, columns: d) },
    bytes: 8 * length * d, elements: length * d)
}

/// The same mixing by two products with matrices of `cos + sin`, `H_n·x'` for half
/// of the columns, then half of the rows by `H_d`, packed ahead.
///
/// Folding and mirroring, which only copy, are left out of the time: the second product takes what
/// the first gave before.
private func mixByProducts(
  _ length: Int, _ d: Int, on execution: Execution
) throws -> PreparedKernel {
  func hartley(_ n: Int) throws -> Matrix {
    let roots = (0..<n).map { k in
      let root = unitRoot(k, of: n)
      return Float(root.cosine + root.sine)
    }
    return try Matrix(
      rows: n, columns: n, (0..<n * n).map { roots[$0 / n * ($0 % n) % n] })
  }
  let x = try randomMatrix(length, d, seed: 21)
  let half = d / 2 + 1
  let rows = length / 2 + 1
  let left = try hartley(length)
  let right = try PackedMatrix(hartley(d), on: execution)
  let folded = try Matrix(
    rows: length, columns: half,
    (0..<length * half).map { i in
      let (p, q) = (i / half, i % half)
      return (x[p, (d - q) % d] + x[(length - p) % length, q]) / 2
    })
  var u = try Matrix(rows: length, columns: half)
  try matmul(left, folded, into: &u, on: execution)
  let whole = try Matrix(
    rows: rows, columns: d,
    (0..<rows * d).map { i in
      let (j, q) = (i / d, i % d)
      return q < half ? u[j, q] : u[(length - j) % length, d - q]
    })
  return PreparedKernel(
    bound: .arithmetic(operations: 2 * length * length * half + 2 * rows * d * d),
    run: { y in
      try matmul(left, folded, into: &u, on: execution)
      try matmul(whole, right, into: &y, on: execution)
    }, result: try Matrix(rows: rows, columns: d),
    expected: {
      Array(fourierMixOracle(doubles(x), rows: length, columns: d).prefix(rows * d))
    }, elements: length * d)
}
