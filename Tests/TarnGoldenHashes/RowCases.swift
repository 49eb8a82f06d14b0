// Norms, softmax, elementwise functions, sums, copies, and their gradients.

import Tarn
import TarnKernelInterface

/// The operators whose results have the rows of their argument.
func rowCases(_ cases: inout Cases) throws(TarnError) {
  try normCases(&cases)
  try softmaxCases(&cases)
  try elementwiseCases(&cases)
  try copyCases(&cases)
}

private func normCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  cases.start(seed: 2)
  for (n, d) in [(23, 90), (3, 1), (2, 64)] {
    let size = "\(n)x\(d)"
    let (x, other) = try (cases.matrix(n, d, scale: 3), cases.matrix(n, d))
    let (gain, bias) = try (cases.matrix(1, d), cases.matrix(1, d))
    let dy = try cases.matrix(n, d)
    try cases.run("layerNorm \(size)", n, d) { y throws(TarnError) in
      try layerNorm(x, gain: gain, bias: bias, epsilon: 1e-12, into: &y, on: execution)
    }
    try cases.run("layerNorm \(size), residual", n, d) { y throws(TarnError) in
      try layerNorm(
        x, residual: other, gain: gain, bias: bias, epsilon: 1e-5, into: &y, on: execution)
    }
    try cases.run("rmsNorm \(size)", n, d) { y throws(TarnError) in
      try rmsNorm(x, gain: gain, epsilon: 1e-6, into: &y, on: execution)
    }
    var dx = try Matrix(rows: n, columns: d)
    var dGain = try Matrix(rows: 1, columns: d)
    var dBias = dGain
    try layerNormGradient(
      x, gain: gain, epsilon: 1e-6, upstream: dy, into: &dx, gainGradient: &dGain,
      biasGradient: &dBias, on: execution)
    cases.note("layerNormGradient \(size)", dx)
    cases.note("layerNormGradient \(size), gain", dGain)
    cases.note("layerNormGradient \(size), bias", dBias)
    try rmsNormGradient(
      x, gain: gain, epsilon: 1e-6, upstream: dy, into: &dx, gainGradient: &dGain, on: execution)
    cases.note("rmsNormGradient \(size)", dx)
    cases.note("rmsNormGradient \(size), gain", dGain)
  }
}

private func softmaxCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  cases.start(seed: 3)
  for (n, d) in [(23, 90), (3, 1), (2, 64)] {
    let size = "\(n)x\(d)"
    let (x, dy) = try (cases.matrix(n, d, scale: 3), cases.matrix(n, d))
    let lengths = (0..<n).map { Int32($0 * 37 % (d + 1)) }
    var y = try Matrix(rows: n, columns: d)
    try softmax(x, scale: 2, into: &y, on: execution)
    cases.note("softmax \(size)", y)
    try cases.run("softmaxGradient \(size)", n, d) { dx throws(TarnError) in
      try softmaxGradient(y, scale: 2, upstream: dy, into: &dx, on: execution)
    }
    try maskedSoftmax(x, lengths: lengths, scale: 2, into: &y, on: execution)
    cases.note("maskedSoftmax \(size)", y)
    try cases.run("softmaxGradient \(size), masked", n, d) { dx throws(TarnError) in
      try softmaxGradient(y, scale: 2, lengths: lengths, upstream: dy, into: &dx, on: execution)
    }
    try logSoftmax(x, scale: 2, into: &y, on: execution)
    cases.note("logSoftmax \(size)", y)
    try cases.run("logSoftmaxGradient \(size)", n, d) { dx throws(TarnError) in
      try logSoftmaxGradient(y, scale: 2, upstream: dy, into: &dx, on: execution)
    }
    var sums = try Matrix(rows: n, columns: 1)
    try logSumExp(x, scale: 2, into: &sums, on: execution)
    cases.note("logSumExp \(size)", sums)
    try cases.run("logSumExpGradient \(size)", n, d) { dx throws(TarnError) in
      try logSumExpGradient(x, scale: 2, upstream: sums, into: &dx, on: execution)
    }
  }
}

private func elementwiseCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  cases.start(seed: 4)
  let (n, d) = (7, 301)
  let (x, dy) = try (cases.matrix(n, d, scale: 12), cases.matrix(n, d))
  for (name, function) in functions {
    try cases.run(name, n, d) { y throws(TarnError) in
      try elementwise(function, x, into: &y, on: execution)
    }
    try cases.run("\(name), gradient", n, d) { dx throws(TarnError) in
      try elementwiseGradient(function, x, upstream: dy, into: &dx, on: execution)
    }
  }
  let (other, row) = try (cases.matrix(n, d), cases.matrix(1, d))
  try cases.run("add", n, d) { y throws(TarnError) in
    try add(x, other, into: &y, on: execution)
  }
  try cases.run("addBias", n, d) { y throws(TarnError) in
    try addBias(x, bias: row, into: &y, on: execution)
  }
  try cases.run("multiplyAdd", n, d) { y throws(TarnError) in
    try multiplyAdd(x, other, dy, into: &y, on: execution)
  }
}

private func copyCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  cases.start(seed: 5)
  let (n, d) = (37, 21)
  // From 2⁻³¹ to 2³¹: what float16 holds as a number, as a denormal one, as 0 and as ∞.
  let powers = (0..<n * d).map { Float(sign: .plus, exponent: $0 % 63 - 31, significand: 1) }
  let random = cases.floats(n * d)
  let x = try Matrix(rows: n, columns: d, powers.indices.map { powers[$0] * random[$0] })
  try cases.run("transpose", d, n) { y throws(TarnError) in
    try transpose(x, into: &y, on: execution)
  }
  for format in [HalfPrecision.float16, .bfloat16] {
    let name = format == .float16 ? "float16" : "bfloat16"
    var bits = [UInt16](repeating: 0, count: n * d)
    try narrow(x, to: format, into: &bits, on: execution)
    cases.note("narrow to \(name)", bits.map { Int32($0) })
    try cases.run("widen from \(name)", n, d) { y throws(TarnError) in
      try widen(bits, from: format, into: &y, on: execution)
    }
  }
}
