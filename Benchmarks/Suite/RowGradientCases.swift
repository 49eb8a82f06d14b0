// Gradients of the row operators: cases of the kernel benchmark.

import Tarn
import TarnKernelInterface
import TarnTestSupport

func rowGradientCases(rows n: Int, columns d: Int, on execution: Execution) -> [KernelCase] {
  let pass = 4 * n * d
  /// A kernel that makes `dx` of x, the upstream gradient and a gain; `oracle` takes rows of x and of the
  /// upstream gradient.
  func gradient(
    _ name: String, operations: Int, upstreamColumns: Int? = nil,
    _ run:
      @escaping (_ x: Matrix, _ gain: Matrix, _ dy: Matrix, _ dx: inout Matrix) throws -> Void,
    oracle: @escaping (_ x: [Float], _ gain: [Float], _ dy: [Float]) -> [Double]
  ) -> KernelCase {
    KernelCase(name) {
      let x = try randomMatrix(n, d, seed: 21)
      let gain = try randomMatrix(1, d, seed: 24)
      let dy = try randomMatrix(n, upstreamColumns ?? d, seed: 23)
      return PreparedKernel(
        bound: .memory(bytes: 2 * pass + 4 * dy.rows * dy.columns),
        run: { try run(x, gain, dy, &$0) }, result: try Matrix(rows: n, columns: d),
        expected: {
          (0..<n).flatMap {
            oracle(x.rows($0..<$0 + 1).elements, gain.elements, dy.rows($0..<$0 + 1).elements)
          }
        }, operations: operations * n * d)
    }
  }
  var dGain = Matrix([Float](repeating: 0, count: d))
  var dBias = dGain
  let cases = [
    gradient("layer-norm-gradient", operations: 20) { x, gain, dy, dx in
      try layerNormGradient(
        x, gain: gain, epsilon: 1e-6, upstream: dy, into: &dx, gainGradient: &dGain,
        biasGradient: &dBias, on: execution)
    } oracle: { x, gain, dy in
      layerNormGradientOracle(x, gain: gain, epsilon: 1e-6, upstream: dy).dx.map(\.value)
    },
    gradient("rms-norm-gradient", operations: 13) { x, gain, dy, dx in
      try rmsNormGradient(
        x, gain: gain, epsilon: 1e-6, upstream: dy, into: &dx, gainGradient: &dGain, on: execution)
    } oracle: { x, gain, dy in
      rmsNormGradientOracle(x, gain: gain, epsilon: 1e-6, upstream: dy).dx.map(\.value)
    },
    gradient("softmax-gradient", operations: 5) { x, _, dy, dx in
      try softmaxGradient(x, upstream: dy, into: &dx, on: execution)
    } oracle: { x, _, dy in
      softmaxGradientOracle(x.map(Double.init), scale: 1, upstream: dy.map(Double.init))
    },
    gradient("log-softmax-gradient", operations: 25) { x, _, dy, dx in
      try logSoftmaxGradient(x, upstream: dy, into: &dx, on: execution)
    } oracle: { x, _, dy in
      logSoftmaxGradientOracle(x.map(Double.init), scale: 1, upstream: dy.map(Double.init))
    },
    gradient("log-sum-exp-gradient", operations: 21, upstreamColumns: 1) { x, _, dy, dx in
      try logSumExpGradient(x, upstream: dy, into: &dx, on: execution)
    } oracle: { x, _, dy in
      softmaxOracle(x, scale: 1).map { Double(dy[0]) * $0 }
    },
  ]
  let functions: [(ElementwiseFunction, Int)] = [
    (.exp, 24), (.tanh, 27), (.erf, 26), (.gelu, 68), (.geluTanh, 38), (.relu, 3), (.sigmoid, 27),
    (.silu, 31),
  ]
  return cases
    + functions.map { function, operations in
      gradient("\(function)-gradient", operations: operations) { x, _, dy, dx in
        try elementwiseGradient(function, x, upstream: dy, into: &dx, on: execution)
      } oracle: { x, _, dy in
        zip(x, dy).map { elementwiseDerivativeOracle(function, Double($0)) * Double($1) }
      }
    }
}
