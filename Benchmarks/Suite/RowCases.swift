// RMS norm, forms of softmax, sums, gradients and copies: cases of the kernel benchmark.

import Tarn
import TarnKernelInterface
import TarnTestSupport

func rowCases(rows n: Int, columns d: Int, on execution: Execution) throws -> [KernelCase] {
  let x = try randomMatrix(n, d, seed: 21)
  let other = try randomMatrix(n, d, seed: 22)
  let dy = try randomMatrix(n, d, seed: 23)
  let gain = try randomMatrix(1, d, seed: 24)
  let square = try Matrix(rows: n, columns: d)
  let pass = 4 * n * d
  func eachRow(_ f: @escaping ([Float], [Float]) -> [Double]) -> () -> [Double] {
    { (0..<n).flatMap { f(x.rows($0..<$0 + 1).elements, dy.rows($0..<$0 + 1).elements) } }
  }
  var cases = [
    KernelCase(
      name: "rms-norm", bound: .memory(bytes: 2 * pass),
      run: { try rmsNorm(x, gain: gain, epsilon: 1e-6, into: &$0, on: execution) },
      result: square,
      expected: eachRow { x, _ in rmsNormOracle(x, gain: gain.elements, epsilon: 1e-6) }),
    KernelCase(
      name: "log-softmax", bound: .memory(bytes: 2 * pass),
      run: { try logSoftmax(x, into: &$0, on: execution) }, result: square,
      expected: eachRow { x, _ in logSoftmaxOracle(x, scale: 1) }),
    KernelCase(
      name: "log-sum-exp", bound: .read(bytes: pass),
      run: { try logSumExp(x, into: &$0, on: execution) },
      result: try Matrix(rows: n, columns: 1),
      expected: eachRow { x, _ in [logSumExpOracle(x, scale: 1)] }),
    KernelCase(
      name: "add", bound: .memory(bytes: 3 * pass),
      run: { try add(x, other, into: &$0, on: execution) }, result: square,
      expected: { zip(x.elements, other.elements).map { Double($0) + Double($1) } }),
    KernelCase(
      name: "add-bias", bound: .memory(bytes: 2 * pass),
      run: { try addBias(x, bias: gain, into: &$0, on: execution) }, result: square,
      expected: eachRow { x, _ in zip(x, gain.elements).map { Double($0) + Double($1) } }),
    KernelCase(
      name: "multiply-add", bound: .memory(bytes: 4 * pass),
      run: { try multiplyAdd(x, other, dy, into: &$0, on: execution) }, result: square,
      expected: {
        x.elements.indices.map {
          Double(x.elements[$0]) * Double(other.elements[$0]) + Double(dy.elements[$0])
        }
      }),
    KernelCase(
      name: "transpose", bound: .memory(bytes: 2 * pass),
      run: { try transpose(x, into: &$0, on: execution) },
      result: try Matrix(rows: d, columns: n),
      expected: {
        let values = x.elements
        return (0..<d).flatMap { j in (0..<n).map { i in Double(values[i * d + j]) } }
      }),
  ]
  // Lengths from 1 to all columns, half of them on average.
  let lengths = (0..<n).map { Int32(1 + $0 * 37 % d) }
  let kept = lengths.reduce(0) { $0 + Int($1) }
  cases.append(
    KernelCase(
      name: "masked-softmax", bound: .memory(bytes: 4 * kept + pass),
      run: { try maskedSoftmax(x, lengths: lengths, into: &$0, on: execution) }, result: square,
      expected: {
        (0..<n).flatMap { i in
          let length = Int(lengths[i])
          return softmaxOracle(Array(x.rows(i..<i + 1).elements[..<length]), scale: 1)
            + [Double](repeating: 0, count: d - length)
        }
      }))
  for format in HalfPrecision.allCases {
    var bits = [UInt16](repeating: 0, count: n * d)
    cases.append(
      KernelCase(
        // Into bits, and one row back, so that there is something to compare.
        name: "narrow-\(format)", bound: .memory(bytes: pass + pass / 2),
        run: { y in
          try narrow(x, to: format, into: &bits, on: execution)
          try widen(Array(bits[..<d]), from: format, into: &y, on: execution)
        }, result: try Matrix(rows: 1, columns: d),
        expected: {
          // Exact to the format; the comparison's own tolerance is finer, so the values are rounded.
          let places = format == .float16 ? 0x1p11 : 0x1p8
          return x.rows(0..<1).elements.map { element in
            guard element != 0 else { return 0 }
            let spacing =
              Double(sign: .plus, exponent: Int(element.exponent), significand: 2) / places
            return (Double(element) / spacing).rounded(.toNearestOrEven) * spacing
          }
        }))
  }
  return try (cases + gradientCases(x, dy, gain, on: execution)).map {
    var kernel = $0
    kernel.operations = operationsOfElement[kernel.name].map { $0 * n * d }
    return kernel
  }
}

/// As the kernels' source has them; see `operations` of ``KernelCase``.
///
/// The masked softmax has half of the elements to do.
private let operationsOfElement: [String: Int] = [
  "rms-norm": 5, "log-softmax": 23, "log-sum-exp": 19, "add": 1, "add-bias": 1, "multiply-add": 2,
  "masked-softmax": 10, "layer-norm-gradient": 16, "rms-norm-gradient": 12, "softmax-gradient": 5,
  "log-softmax-gradient": 26, "log-sum-exp-gradient": 21, "exp-gradient": 24, "tanh-gradient": 29,
  "erf-gradient": 27, "gelu-gradient": 60, "geluTanh-gradient": 36, "relu-gradient": 2,
  "sigmoid-gradient": 28, "silu-gradient": 30,
]

private func gradientCases(
  _ x: Matrix, _ dy: Matrix, _ gain: Matrix, on execution: Execution
) throws -> [KernelCase] {
  let (n, d) = (x.rows, x.columns)
  let square = try Matrix(rows: n, columns: d)
  let pass = 4 * n * d
  let (values, upstream) = (x.elements, dy.elements)
  func eachRow(_ f: @escaping ([Float], [Float]) -> [Double]) -> () -> [Double] {
    {
      (0..<n).flatMap { i in
        f(Array(values[i * d..<(i + 1) * d]), Array(upstream[i * d..<(i + 1) * d]))
      }
    }
  }
  var dGain = try Matrix(rows: 1, columns: d)
  var dBias = dGain
  let column = try Matrix(rows: n, columns: 1, [Float](repeating: 0.5, count: n))
  var cases = [
    KernelCase(
      name: "layer-norm-gradient", bound: .memory(bytes: 3 * pass),
      run: {
        try layerNormGradient(
          x, gain: gain, epsilon: 1e-6, upstream: dy, into: &$0, gainGradient: &dGain,
          biasGradient: &dBias, on: execution)
      }, result: square,
      expected: eachRow {
        layerNormGradientOracle($0, gain: gain.elements, epsilon: 1e-6, upstream: $1).dx
          .map(\.value)
      }),
    KernelCase(
      name: "rms-norm-gradient", bound: .memory(bytes: 3 * pass),
      run: {
        try rmsNormGradient(
          x, gain: gain, epsilon: 1e-6, upstream: dy, into: &$0, gainGradient: &dGain,
          on: execution)
      }, result: square,
      expected: eachRow {
        rmsNormGradientOracle($0, gain: gain.elements, epsilon: 1e-6, upstream: $1).dx.map(\.value)
      }),
    KernelCase(
      name: "softmax-gradient", bound: .memory(bytes: 3 * pass),
      run: { try softmaxGradient(x, upstream: dy, into: &$0, on: execution) }, result: square,
      expected: eachRow {
        softmaxGradientOracle($0.map(Double.init), scale: 1, upstream: $1.map(Double.init))
      }),
    KernelCase(
      name: "log-softmax-gradient", bound: .memory(bytes: 3 * pass),
      run: { try logSoftmaxGradient(x, upstream: dy, into: &$0, on: execution) },
      result: square,
      expected: eachRow {
        logSoftmaxGradientOracle($0.map(Double.init), scale: 1, upstream: $1.map(Double.init))
      }),
    KernelCase(
      name: "log-sum-exp-gradient", bound: .memory(bytes: 2 * pass),
      run: { try logSumExpGradient(x, upstream: column, into: &$0, on: execution) },
      result: square,
      expected: eachRow { x, _ in softmaxOracle(x, scale: 1).map { 0.5 * $0 } }),
  ]
  for function in ElementwiseFunction.allCases {
    cases.append(
      KernelCase(
        name: "\(function)-gradient", bound: .memory(bytes: 3 * pass),
        run: { try elementwiseGradient(function, x, upstream: dy, into: &$0, on: execution) },
        result: square,
        expected: {
          values.indices.map {
            elementwiseDerivativeOracle(function, Double(values[$0])) * Double(upstream[$0])
          }
        }))
  }
  return cases
}
