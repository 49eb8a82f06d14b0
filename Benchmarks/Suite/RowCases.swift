// Norms, softmax in its forms, elementwise functions, sums and copies: cases of the kernel benchmark.

import Tarn
import TarnKernelInterface
import TarnTestSupport

/// Layer norm, softmax and the elementwise functions.
func normAndFunctionCases(rows n: Int, columns d: Int, on execution: Execution) -> [KernelCase] {
  let pass = 4 * n * d
  var cases = [
    KernelCase("layer-norm-residual") {
      let x = try randomMatrix(n, d, seed: 3)
      let other = try randomMatrix(n, d, seed: 4)
      let gain = try randomMatrix(1, d, seed: 5)
      let bias = try randomMatrix(1, d, seed: 6)
      return PreparedKernel(
        bound: .memory(bytes: 3 * pass),
        run: { y in
          try layerNorm(
            x, residual: other, gain: gain, bias: bias, epsilon: 1e-12, into: &y, on: execution)
        }, result: try Matrix(rows: n, columns: d),
        expected: {
          (0..<n).flatMap { i in
            layerNormOracle(
              x.rows(i..<i + 1).elements, residual: other.rows(i..<i + 1).elements,
              gain: gain.elements, bias: bias.elements, epsilon: 1e-12
            ).values
          }
        }, operations: 9 * n * d)
    },
    KernelCase("softmax") {
      let x = try randomMatrix(n, d, seed: 3)
      return PreparedKernel(
        bound: .memory(bytes: 2 * pass), run: { y in try softmax(x, into: &y, on: execution) },
        result: try Matrix(rows: n, columns: d),
        expected: { (0..<n).flatMap { softmaxOracle(x.rows($0..<$0 + 1).elements, scale: 1) } },
        operations: 20 * n * d)
    },
  ]
  let functions: [(ElementwiseFunction, Int)] = [
    (.exp, 23), (.tanh, 31), (.erf, 46), (.gelu, 33), (.geluTanh, 25), (.relu, 1), (.sigmoid, 24),
    (.silu, 24),
  ]
  for (function, operations) in functions {
    cases.append(
      KernelCase("\(function)") {
        let x = try randomMatrix(n, d, seed: 3)
        return PreparedKernel(
          bound: .memory(bytes: 2 * pass),
          run: { y in try elementwise(function, x, into: &y, on: execution) },
          result: try Matrix(rows: n, columns: d),
          expected: { x.elements.map { elementwiseOracle(function, Double($0)) } },
          operations: operations * n * d)
      })
  }
  return cases
}

/// RMS norm, the other forms of softmax, sums, transposition and conversion.
func rowCases(rows n: Int, columns d: Int, on execution: Execution) -> [KernelCase] {
  let pass = 4 * n * d
  func eachRow(_ x: Matrix, _ f: @escaping ([Float]) -> [Double]) -> () -> [Double] {
    { (0..<n).flatMap { f(x.rows($0..<$0 + 1).elements) } }
  }
  let cases = [
    KernelCase("rms-norm") {
      let x = try randomMatrix(n, d, seed: 21)
      let gain = try randomMatrix(1, d, seed: 24)
      return PreparedKernel(
        bound: .memory(bytes: 2 * pass),
        run: { try rmsNorm(x, gain: gain, epsilon: 1e-6, into: &$0, on: execution) },
        result: try Matrix(rows: n, columns: d),
        expected: eachRow(x) { rmsNormOracle($0, gain: gain.elements, epsilon: 1e-6) },
        operations: 4 * n * d)
    },
    KernelCase("log-softmax") {
      let x = try randomMatrix(n, d, seed: 21)
      return PreparedKernel(
        bound: .memory(bytes: 2 * pass), run: { try logSoftmax(x, into: &$0, on: execution) },
        result: try Matrix(rows: n, columns: d),
        expected: eachRow(x) { logSoftmaxOracle($0, scale: 1) }, operations: 22 * n * d)
    },
    KernelCase("log-sum-exp") {
      let x = try randomMatrix(n, d, seed: 21)
      return PreparedKernel(
        bound: .read(bytes: pass), run: { try logSumExp(x, into: &$0, on: execution) },
        result: try Matrix(rows: n, columns: 1),
        expected: eachRow(x) { [logSumExpOracle($0, scale: 1)] }, operations: 19 * n * d)
    },
    KernelCase("add") {
      let x = try randomMatrix(n, d, seed: 21)
      let other = try randomMatrix(n, d, seed: 22)
      return PreparedKernel(
        bound: .memory(bytes: 3 * pass), run: { try add(x, other, into: &$0, on: execution) },
        result: try Matrix(rows: n, columns: d),
        expected: { zip(x.elements, other.elements).map { Double($0) + Double($1) } },
        operations: n * d)
    },
    KernelCase("add-bias") {
      let x = try randomMatrix(n, d, seed: 21)
      let bias = try randomMatrix(1, d, seed: 24)
      return PreparedKernel(
        bound: .memory(bytes: 2 * pass),
        run: { try addBias(x, bias: bias, into: &$0, on: execution) },
        result: try Matrix(rows: n, columns: d),
        expected: eachRow(x) { zip($0, bias.elements).map { Double($0) + Double($1) } },
        operations: n * d)
    },
    KernelCase("multiply-add") {
      let a = try randomMatrix(n, d, seed: 21)
      let b = try randomMatrix(n, d, seed: 22)
      let c = try randomMatrix(n, d, seed: 23)
      return PreparedKernel(
        bound: .memory(bytes: 4 * pass),
        run: { try multiplyAdd(a, b, c, into: &$0, on: execution) },
        result: try Matrix(rows: n, columns: d),
        expected: {
          let (a, b, c) = (a.elements, b.elements, c.elements)
          return a.indices.map { Double(a[$0]) * Double(b[$0]) + Double(c[$0]) }
        }, operations: 2 * n * d)
    },
    KernelCase("transpose") {
      let x = try randomMatrix(n, d, seed: 21)
      return PreparedKernel(
        bound: .memory(bytes: 2 * pass), run: { try transpose(x, into: &$0, on: execution) },
        result: try Matrix(rows: d, columns: n),
        expected: {
          let values = x.elements
          return (0..<d).flatMap { j in (0..<n).map { i in Double(values[i * d + j]) } }
        })
    },
    KernelCase("masked-softmax") {
      let x = try randomMatrix(n, d, seed: 21)
      // Lengths from 1 to all columns, half of them on average.
      let lengths = (0..<n).map { Int32(1 + $0 * 37 % d) }
      let kept = lengths.reduce(0) { $0 + Int($1) }
      return PreparedKernel(
        bound: .memory(bytes: 4 * kept + pass),
        run: { try maskedSoftmax(x, lengths: lengths, into: &$0, on: execution) },
        result: try Matrix(rows: n, columns: d),
        expected: {
          (0..<n).flatMap { i in
            let length = Int(lengths[i])
            return softmaxOracle(Array(x.rows(i..<i + 1).elements[..<length]), scale: 1)
              + [Double](repeating: 0, count: d - length)
          }
        }, operations: 20 * kept)
    },
  ]
  return cases
    + HalfPrecision.allCases.map { format in
      KernelCase("narrow-\(format)") {
        let x = try randomMatrix(n, d, seed: 21)
        var bits = [UInt16](repeating: 0, count: n * d)
        return PreparedKernel(
          // Into bits, and one row back, so that there is something to compare.
          bound: .memory(bytes: pass + pass / 2),
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
          })
      }
    }
}
