// NaN, infinities, zeros of both signs, denormal numbers: where targets differ first.

import Tarn
import TarnKernelInterface

/// Operators on numbers that processors treat apart.
func specialValueCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  cases.start(seed: 11)
  // On 32-bit Arm, `leastNonzeroMagnitude` is the least normal number.
  let least = Float(bitPattern: 1)
  let magnitudes: [Float] = [
    0, least, 3 * least, .leastNormalMagnitude, 0x1.8p-127, 0x1p-24, 0.5, 0x1.fffffep-1, 1,
    0x1.000002p0, 87.33654, 87.6, 88.72284, 88.73, 103.9, 104, .greatestFiniteMagnitude, .infinity,
    .nan,
  ]
  let values = magnitudes + magnitudes.map { -$0 }
  let (n, d) = (values.count, 19)
  // Row i holds the values from the i-th on.
  let x = try Matrix(
    rows: n, columns: d, (0..<n * d).map { values[($0 / d + $0 % d) % n] })
  let finite = try Matrix(
    rows: n, columns: d, x.elements.map { $0.isFinite ? min(max($0, -1e30), 1e30) : -.infinity })
  let y = try cases.matrix(n, d)
  for (name, function) in functions {
    try cases.run("\(name), special values", n, d) { y throws(TarnError) in
      try elementwise(function, x, into: &y, on: execution)
    }
    try cases.run("\(name), gradient, special values", n, d) { dx throws(TarnError) in
      try elementwiseGradient(function, x, upstream: y, into: &dx, on: execution)
    }
  }
  try cases.run("softmax, special values", n, d) { y throws(TarnError) in
    try softmax(x, into: &y, on: execution)
  }
  try cases.run("softmax, minus infinity", n, d) { y throws(TarnError) in
    try softmax(finite, scale: 0.5, into: &y, on: execution)
  }
  try cases.run("logSoftmax, minus infinity", n, d) { y throws(TarnError) in
    try logSoftmax(finite, into: &y, on: execution)
  }
  try cases.run("multiplyAdd, special values", n, d) { z throws(TarnError) in
    try multiplyAdd(x, y, x, into: &z, on: execution)
  }
  let small = try Matrix(rows: n, columns: d, y.elements.map { $0 * 0x1p-75 })
  let (gain, bias) = try (cases.matrix(1, d), cases.matrix(1, d))
  // The squares are denormal numbers and less.
  try cases.run("layerNorm, small values", n, d) { z throws(TarnError) in
    try layerNorm(small, gain: gain, bias: bias, epsilon: 0x1p-149, into: &z, on: execution)
  }
  let product = try PackedMatrix(transposing: small, on: execution)
  try cases.run("matmul, denormal products", n, n) { c throws(TarnError) in
    try matmul(small, product, into: &c, on: execution)
  }
  try cases.run("matmul, special values", n, n) { c throws(TarnError) in
    try matmul(x, product, into: &c, on: execution)
  }
  let sequences = try Ragged(lengths: [n])
  for (name, reduction) in [("maximum", WindowReduction.maximum), ("minimum", .minimum)] {
    try cases.run("slidingWindow, \(name), special values", n, d) { z throws(TarnError) in
      try slidingWindow(reduction, x, over: sequences, window: 4, into: &z, on: execution)
    }
  }
  let labels = (0..<n).map { Int32($0 % 5) }
  let none = try Matrix(rows: 5, columns: d, [Float](repeating: -.infinity, count: 5 * d))
  try cases.run("segmentMax, special values", 5, d, onto: none) { z throws(TarnError) in
    try segmentMax(x, labels: labels, into: &z, on: execution)
  }
  for format in [HalfPrecision.float16, .bfloat16] {
    var bits = [UInt16](repeating: 0, count: n * d)
    try narrow(finite, to: format, into: &bits, on: execution)
    let name = format == .float16 ? "float16" : "bfloat16"
    cases.note("narrow to \(name), special values", bits.map { Int32($0) })
  }
  // Every bit pattern, in rows of 4096.
  let all = (0...UInt16.max).map { $0 }
  try cases.run("widen from float16, all", 16, 4096) { z throws(TarnError) in
    try widen(all, from: .float16, into: &z, on: execution)
  }
}
