// What row operators reject, and narrowing of all 2³² floats. KernelTests runs the checks.

import Foundation
import Tarn
import TarnKernelInterface
import TarnTestSupport
import Testing

private let isExhaustive = ProcessInfo.processInfo.environment["TARN_TEST_EXHAUSTIVE"] == "1"

@Suite struct RowKernelTests {
  @Test(
    .tags(.exhaustive), .enabled(if: isExhaustive, "TARN_TEST_EXHAUSTIVE=1 runs it"), .serialized,
    arguments: HalfPrecision.allCases)
  func everyFloatIsNarrowedToTheNearest(format: HalfPrecision) {
    let block = 1 << 16
    var x = [Float](repeating: 0, count: block)
    var bits = [UInt16](repeating: 0, count: block)
    for set in InstructionSet.available {
      let memory = set.kernels.table.memory
      let kernel = format == .float16 ? memory.narrowFloat16 : memory.narrowBFloat16
      var failures = 0
      var first = Float.nan
      for start in stride(from: 0, to: 1 << 32, by: block) {
        for i in 0..<block { x[i] = Float(bitPattern: UInt32(start + i)) }
        x.withUnsafeBufferPointer { x in
          bits.withUnsafeMutableBytes { bits in
            guard let source = x.baseAddress, let target = bits.baseAddress else { return }
            kernel(source, target, block)
          }
        }
        for i in 0..<block where !isNarrowed(UInt16(littleEndian: bits[i]), x[i], format) {
          if failures == 0 { first = x[i] }
          failures += 1
        }
      }
      #expect(failures == 0, "\(format) \(set): \(failures), first at \(first)")
    }
  }
}

private func matrix(_ rows: Int, _ columns: Int) throws -> Matrix {
  try Matrix(rows: rows, columns: columns)
}

private func shape(
  _ operation: String, _ argument: String, _ found: [Int], _ expected: [Int]
) -> TarnError {
  .shapeMismatch(operation: operation, argument: argument, found: found, expected: expected)
}

private func value(
  _ operation: String, _ argument: String, _ found: String, _ expected: String
) -> TarnError {
  .invalidArgument(operation: operation, argument: argument, found: found, expected: expected)
}

private let formRejections: [Rejection] = [
  Rejection(
    name: "add, operand", rows: 2, columns: 4,
    error: shape("add", "second operand", [2, 3], [2, 4])
  ) { try add(matrix(2, 4), matrix(2, 3), into: &$0, on: $1) },
  Rejection(
    name: "add, target", rows: 2, columns: 4, error: shape("add", "target", [2, 4], [3, 4])
  ) { try add(matrix(3, 4), matrix(3, 4), into: &$0, on: $1) },
  Rejection(
    name: "addBias, bias", rows: 2, columns: 4,
    error: shape("addBias", "bias", [2, 4], [1, 4])
  ) { try addBias(matrix(2, 4), bias: matrix(2, 4), into: &$0, on: $1) },
  Rejection(
    name: "addBias, target", rows: 2, columns: 4,
    error: shape("addBias", "target", [2, 4], [2, 5])
  ) { try addBias(matrix(2, 5), bias: matrix(1, 5), into: &$0, on: $1) },
  Rejection(
    name: "multiplyAdd, factor", rows: 2, columns: 4,
    error: shape("multiplyAdd", "second factor", [1, 4], [2, 4])
  ) { try multiplyAdd(matrix(2, 4), matrix(1, 4), matrix(2, 4), into: &$0, on: $1) },
  Rejection(
    name: "multiplyAdd, summand", rows: 2, columns: 4,
    error: shape("multiplyAdd", "summand", [4, 2], [2, 4])
  ) { try multiplyAdd(matrix(2, 4), matrix(2, 4), matrix(4, 2), into: &$0, on: $1) },
  Rejection(
    name: "multiplyAdd, target", rows: 2, columns: 4,
    error: shape("multiplyAdd", "target", [2, 4], [0, 4])
  ) { try multiplyAdd(matrix(0, 4), matrix(0, 4), matrix(0, 4), into: &$0, on: $1) },
  Rejection(
    name: "rmsNorm, gain", rows: 2, columns: 4, error: shape("rmsNorm", "gain", [1, 3], [1, 4])
  ) { try rmsNorm(matrix(2, 4), gain: matrix(1, 3), epsilon: 0, into: &$0, on: $1) },
  Rejection(
    name: "rmsNorm, negative epsilon", rows: 2, columns: 4,
    error: value("rmsNorm", "epsilon", "-1.0", "at least 0")
  ) { try rmsNorm(matrix(2, 4), gain: matrix(1, 4), epsilon: -1, into: &$0, on: $1) },
  Rejection(
    name: "rmsNorm, NaN epsilon", rows: 2, columns: 4,
    error: value("rmsNorm", "epsilon", "nan", "at least 0")
  ) { try rmsNorm(matrix(2, 4), gain: matrix(1, 4), epsilon: .nan, into: &$0, on: $1) },
  Rejection(
    name: "rmsNorm, target", rows: 2, columns: 4,
    error: shape("rmsNorm", "target", [2, 4], [3, 4])
  ) { try rmsNorm(matrix(3, 4), gain: matrix(1, 4), epsilon: 0, into: &$0, on: $1) },
  Rejection(
    name: "maskedSoftmax, target", rows: 2, columns: 4,
    error: shape("maskedSoftmax", "target", [2, 4], [2, 3])
  ) { try maskedSoftmax(matrix(2, 3), lengths: [1, 1], into: &$0, on: $1) },
  Rejection(
    name: "maskedSoftmax, lengths", rows: 2, columns: 4,
    error: shape("maskedSoftmax", "lengths", [1], [2])
  ) { try maskedSoftmax(matrix(2, 4), lengths: [1], into: &$0, on: $1) },
  Rejection(
    name: "maskedSoftmax, negative length", rows: 2, columns: 4,
    error: value("maskedSoftmax", "lengths[1]", "-1", "0 to 4")
  ) { try maskedSoftmax(matrix(2, 4), lengths: [4, -1], into: &$0, on: $1) },
  Rejection(
    name: "maskedSoftmax, length beyond the row", rows: 2, columns: 4,
    error: value("maskedSoftmax", "lengths[0]", "5", "0 to 4")
  ) { try maskedSoftmax(matrix(2, 4), lengths: [5, 0], into: &$0, on: $1) },
  Rejection(
    name: "logSoftmax, target", rows: 2, columns: 4,
    error: shape("logSoftmax", "target", [2, 4], [2, 3])
  ) { try logSoftmax(matrix(2, 3), into: &$0, on: $1) },
  Rejection(
    name: "logSumExp, target", rows: 2, columns: 4,
    error: shape("logSumExp", "target", [2, 4], [2, 1])
  ) { try logSumExp(matrix(2, 4), into: &$0, on: $1) },
  Rejection(
    name: "transpose, target", rows: 2, columns: 4,
    error: shape("transpose", "target", [2, 4], [4, 2])
  ) { try transpose(matrix(2, 4), into: &$0, on: $1) },
  Rejection(
    name: "widen, bits", rows: 2, columns: 4, error: shape("widen", "bits", [7], [8])
  ) {
    try widen([UInt16](repeating: 0, count: 7), from: .float16, into: &$0, on: $1)
  },
]

private let gradientRejections: [Rejection] = [
  Rejection(
    name: "softmaxGradient, upstream", rows: 2, columns: 4,
    error: shape("softmaxGradient", "upstream", [2, 3], [2, 4])
  ) { try softmaxGradient(matrix(2, 4), upstream: matrix(2, 3), into: &$0, on: $1) },
  Rejection(
    name: "softmaxGradient, target", rows: 2, columns: 4,
    error: shape("softmaxGradient", "target", [2, 4], [1, 4])
  ) { try softmaxGradient(matrix(1, 4), upstream: matrix(1, 4), into: &$0, on: $1) },
  Rejection(
    name: "softmaxGradient, length", rows: 2, columns: 4,
    error: value("softmaxGradient", "lengths[1]", "5", "0 to 4")
  ) {
    try softmaxGradient(
      matrix(2, 4), lengths: [4, 5], upstream: matrix(2, 4), into: &$0, on: $1)
  },
  Rejection(
    name: "logSoftmaxGradient, upstream", rows: 2, columns: 4,
    error: shape("logSoftmaxGradient", "upstream", [2, 3], [2, 4])
  ) { try logSoftmaxGradient(matrix(2, 4), upstream: matrix(2, 3), into: &$0, on: $1) },
  Rejection(
    name: "logSoftmaxGradient, target", rows: 2, columns: 4,
    error: shape("logSoftmaxGradient", "target", [2, 4], [1, 4])
  ) { try logSoftmaxGradient(matrix(1, 4), upstream: matrix(1, 4), into: &$0, on: $1) },
  Rejection(
    name: "logSumExpGradient, upstream", rows: 2, columns: 4,
    error: shape("logSumExpGradient", "upstream", [2, 4], [2, 1])
  ) { try logSumExpGradient(matrix(2, 4), upstream: matrix(2, 4), into: &$0, on: $1) },
  Rejection(
    name: "logSumExpGradient, target", rows: 2, columns: 4,
    error: shape("logSumExpGradient", "target", [2, 4], [1, 4])
  ) { try logSumExpGradient(matrix(1, 4), upstream: matrix(1, 1), into: &$0, on: $1) },
  Rejection(
    name: "elementwiseGradient, upstream", rows: 2, columns: 4,
    error: shape("elementwiseGradient", "upstream", [2, 3], [2, 4])
  ) { try elementwiseGradient(.relu, matrix(2, 4), upstream: matrix(2, 3), into: &$0, on: $1) },
  Rejection(
    name: "elementwiseGradient, target", rows: 2, columns: 4,
    error: shape("elementwiseGradient", "target", [2, 4], [1, 4])
  ) { try elementwiseGradient(.relu, matrix(1, 4), upstream: matrix(1, 4), into: &$0, on: $1) },
]

/// A call of a norm's gradient: sizes of gain, upstream and the parameters' gradients, and ε.
private struct NormGradientCase: Sendable {
  var gain = (1, 4)
  var epsilon: Float = 0
  var upstream = (2, 4)
  var target = (2, 4)
  var gainGradient = (1, 4)
  var biasGradient = (1, 4)
  var argument: String
  var found: [Int] = []
  var expected: [Int] = []

  func error(_ operation: String) -> TarnError {
    argument == "epsilon"
      ? value(operation, argument, "\(epsilon)", "at least 0")
      : shape(operation, argument, found, expected)
  }
}

private let normGradientCases: [NormGradientCase] = [
  NormGradientCase(gain: (1, 3), argument: "gain", found: [1, 3], expected: [1, 4]),
  NormGradientCase(epsilon: -1, argument: "epsilon"),
  NormGradientCase(epsilon: .nan, argument: "epsilon"),
  NormGradientCase(upstream: (3, 4), argument: "upstream", found: [3, 4], expected: [2, 4]),
  NormGradientCase(target: (2, 5), argument: "target", found: [2, 5], expected: [2, 4]),
  NormGradientCase(
    gainGradient: (2, 4), argument: "gain gradient", found: [2, 4], expected: [1, 4]),
  NormGradientCase(
    biasGradient: (1, 5), argument: "bias gradient", found: [1, 5], expected: [1, 4]),
]

@Suite struct RowOperatorErrorTests {
  @Test(arguments: formRejections + gradientRejections)
  func anArgumentThatDoesNotFitIsRejectedBeforeWriting(_ rejection: Rejection) throws {
    let before = (0..<rejection.rows * rejection.columns).map(Float.init)
    var target = try Matrix(rows: rejection.rows, columns: rejection.columns, before)
    let execution = try Execution(threads: 2)
    #expect(throws: rejection.error) { try rejection.call(&target, execution) }
    #expect(target.elements == before)
  }

  @Test(arguments: normGradientCases.indices)
  func normGradientsRejectBeforeWriting(_ number: Int) throws {
    let call = normGradientCases[number]
    let execution = try Execution(threads: 2)
    func filled(_ size: (Int, Int)) throws -> Matrix {
      try Matrix(
        rows: size.0, columns: size.1, [Float](repeating: 7, count: size.0 * size.1))
    }
    var dx = try filled(call.target)
    var dGain = try filled(call.gainGradient)
    var dBias = try filled(call.biasGradient)
    #expect(throws: call.error("layerNormGradient")) {
      try layerNormGradient(
        matrix(2, 4), gain: filled(call.gain), epsilon: call.epsilon,
        upstream: filled(call.upstream), into: &dx, gainGradient: &dGain, biasGradient: &dBias,
        on: execution)
    }
    if call.argument != "bias gradient" {
      #expect(throws: call.error("rmsNormGradient")) {
        try rmsNormGradient(
          matrix(2, 4), gain: filled(call.gain), epsilon: call.epsilon,
          upstream: filled(call.upstream), into: &dx, gainGradient: &dGain, on: execution)
      }
    }
    for target in [dx, dGain, dBias] { #expect(target.elements.allSatisfy { $0 == 7 }) }
  }

  @Test func narrowingRejectsATargetOfAnotherSize() throws {
    let execution = try Execution(threads: 2)
    var bits: [UInt16] = [1, 2, 3]
    #expect(throws: shape("narrow", "target", [3], [4])) {
      try narrow(matrix(2, 2), to: .bfloat16, into: &bits, on: execution)
    }
    #expect(bits == [1, 2, 3])
  }
}
