// Window pooling and upsampling: what is rejected. KernelTests runs the checks.

import Tarn
import TarnKernelInterface
import TarnTestSupport
import Testing

private func matrix(_ rows: Int, _ columns: Int = 4) throws -> Matrix {
  try Matrix(rows: rows, columns: columns)
}

private func shape(
  _ operation: String, _ argument: String, _ found: [Int], _ expected: [Int]
) -> TarnError {
  .shapeMismatch(operation: operation, argument: argument, found: found, expected: expected)
}

private func positive(_ operation: String, _ argument: String, _ found: Int) -> TarnError {
  .invalidArgument(
    operation: operation, argument: argument, found: "\(found)", expected: "at least 1")
}

private func sliding(
  _ name: String, _ error: TarnError, lengths: [Int] = [2], window: Int = 3, stride: Int = 1,
  rows: Int = 2, columns: Int = 4
) -> Rejection {
  Rejection(name: "slidingWindow, \(name)", rows: 2, columns: 4, error: error) {
    try slidingWindow(
      .mean, matrix(rows, columns), over: Ragged(lengths: lengths), window: window, stride: stride,
      into: &$0, on: $1)
  }
}

private func slidingGradient(
  _ name: String, _ error: TarnError, lengths: [Int] = [2], window: Int = 3, stride: Int = 1,
  upstream: Int = 2, rows: Int = 2
) -> Rejection {
  Rejection(name: "slidingWindowGradient, \(name)", rows: 2, columns: 4, error: error) {
    try slidingWindowGradient(
      .maximum, of: matrix(rows), over: Ragged(lengths: lengths), window: window, stride: stride,
      upstream: matrix(upstream), into: &$0, on: $1)
  }
}

private func strided(
  _ name: String, _ error: TarnError, lengths: [Int] = [3], stride: Int = 2, rows: Int = 3
) -> Rejection {
  Rejection(name: "stridedPool, \(name)", rows: 2, columns: 4, error: error) {
    try stridedPool(
      .mean, matrix(rows), over: Ragged(lengths: lengths), StridedPooling(stride: stride),
      into: &$0, on: $1)
  }
}

private func stridedGradient(
  _ name: String, _ error: TarnError, lengths: [Int] = [2], stride: Int = 2, upstream: Int = 1,
  rows: Int = 2
) -> Rejection {
  Rejection(name: "stridedPoolGradient, \(name)", rows: 2, columns: 4, error: error) {
    try stridedPoolGradient(
      .mean, of: matrix(rows), over: Ragged(lengths: lengths), StridedPooling(stride: stride),
      upstream: matrix(upstream), into: &$0, on: $1)
  }
}

private func upsampling(
  _ name: String, _ error: TarnError, lengths: [Int] = [1], targets: [Int] = [2], stride: Int = 2,
  rows: Int = 1
) -> Rejection {
  Rejection(name: "upsample, \(name)", rows: 2, columns: 4, error: error) {
    try upsample(
      matrix(rows), over: Ragged(lengths: lengths), to: Ragged(lengths: targets), stride: stride,
      into: &$0, on: $1)
  }
}

private func upsamplingGradient(
  _ name: String, _ error: TarnError, lengths: [Int] = [2], targets: [Int] = [3], stride: Int = 2,
  upstream: [Int] = [3, 4]
) -> Rejection {
  Rejection(name: "upsampleGradient, \(name)", rows: 2, columns: 4, error: error) {
    try upsampleGradient(
      over: Ragged(lengths: lengths), to: Ragged(lengths: targets), stride: stride,
      upstream: matrix(upstream[0], upstream[1]), into: &$0, on: $1)
  }
}

private let slidingRejections = [
  sliding("sequences", shape("slidingWindow", "sequences", [1], [2]), lengths: [1]),
  sliding("window", positive("slidingWindow", "window", 0), window: 0),
  sliding("smallest window", positive("slidingWindow", "window", .min), window: .min),
  sliding("stride", positive("slidingWindow", "stride", 0), stride: 0),
  sliding("negative stride", positive("slidingWindow", "stride", -1), stride: -1),
  sliding("target", shape("slidingWindow", "target", [2, 4], [1, 4]), stride: 2),
  sliding("target columns", shape("slidingWindow", "target", [2, 4], [2, 5]), columns: 5),
  slidingGradient(
    "sequences", shape("slidingWindowGradient", "sequences", [3], [2]), lengths: [3]),
  slidingGradient("window", positive("slidingWindowGradient", "window", 0), window: 0),
  slidingGradient("stride", positive("slidingWindowGradient", "stride", -5), stride: -5),
  slidingGradient(
    "upstream", shape("slidingWindowGradient", "upstream", [3, 4], [2, 4]), upstream: 3),
  slidingGradient(
    "upstream of a stride", shape("slidingWindowGradient", "upstream", [2, 4], [1, 4]),
    stride: .max),
  slidingGradient(
    "target", shape("slidingWindowGradient", "target", [2, 4], [3, 4]), lengths: [3], upstream: 3,
    rows: 3),
]

private let stridedRejections = [
  strided("sequences", shape("stridedPool", "sequences", [4], [3]), lengths: [4]),
  strided("stride", positive("stridedPool", "stride", 0), stride: 0),
  strided("target", shape("stridedPool", "target", [2, 4], [1, 4]), stride: 3),
  stridedGradient(
    "sequences", shape("stridedPoolGradient", "sequences", [3], [2]), lengths: [3]),
  stridedGradient("stride", positive("stridedPoolGradient", "stride", -1), stride: -1),
  stridedGradient(
    "upstream", shape("stridedPoolGradient", "upstream", [2, 4], [1, 4]), upstream: 2),
  stridedGradient(
    "target", shape("stridedPoolGradient", "target", [2, 4], [1, 4]), lengths: [1], rows: 1),
]

private let upsamplingRejections = [
  upsampling("sequences", shape("upsample", "sequences", [2], [1]), lengths: [2]),
  upsampling("targets", shape("upsample", "targets", [2], [1]), targets: [1, 1]),
  upsampling("stride", positive("upsample", "stride", 0), stride: 0),
  upsampling("target", shape("upsample", "target", [2, 4], [3, 4]), targets: [3]),
  upsamplingGradient("targets", shape("upsampleGradient", "targets", [2], [1]), targets: [1, 2]),
  upsamplingGradient("stride", positive("upsampleGradient", "stride", .min), stride: .min),
  upsamplingGradient("upstream", shape("upsampleGradient", "upstream", [3], [4]), targets: [4]),
  upsamplingGradient(
    "target", shape("upsampleGradient", "target", [2, 4], [2, 5]), upstream: [3, 5]),
  upsamplingGradient(
    "target rows", shape("upsampleGradient", "target", [2, 4], [1, 4]), lengths: [1]),
]

@Suite struct WindowTests {
  @Test(arguments: slidingRejections + stridedRejections + upsamplingRejections)
  func anArgumentThatDoesNotFitIsRejectedBeforeWriting(_ rejection: Rejection) throws {
    let before = (0..<rejection.rows * rejection.columns).map(Float.init)
    var target = try Matrix(rows: rejection.rows, columns: rejection.columns, before)
    let execution = try Execution(threads: 2)
    #expect(throws: rejection.error) { try rejection.call(&target, execution) }
    #expect(target.elements == before)
  }

  @Test func lengthsRoundUp() throws {
    let sequences = try Ragged(lengths: [0, 1, 2, 3])
    #expect(try sequences.strided(by: 2) == Ragged(lengths: [0, 1, 1, 2]))
    #expect(try sequences.strided(by: .max) == Ragged(lengths: [0, 1, 1, 1]))
    #expect(throws: positive("Ragged", "stride", 0)) { try sequences.strided(by: 0) }
    #expect(throws: positive("StridedPooling", "stride", 0)) {
      try StridedPooling(stride: 0).pooled(sequences)
    }
  }

  @Test func sequencesWhoseTokensDoNotFitTheKernelAreRejected() throws {
    let execution = try Execution(threads: 2)
    let rows = Int(Int32.max) + 1
    let x = try Matrix(rows: rows, columns: 0)
    var dx = x
    let expected = TarnError.invalidArgument(
      operation: "slidingWindowGradient", argument: "sequences[0]", found: "\(rows) tokens",
      expected: "at most \(Int32.max)")
    for reduction in [WindowReduction.maximum, .minimum] {
      #expect(throws: expected) {
        try slidingWindowGradient(
          reduction, of: x, over: Ragged(lengths: [rows]), window: 17, upstream: x, into: &dx,
          on: execution)
      }
    }
  }

  @Test func matricesWithoutColumnsTakeNoTime() throws {
    let execution = try Execution(threads: 2)
    let rows = Int.max / 16
    let x = try Matrix(rows: rows, columns: 0)
    let one = try Ragged(lengths: [rows])
    var y = x
    // Gradients of extremes take no longer sequence.
    let most = Int(Int32.max)
    let fitting = try Matrix(rows: most, columns: 0)
    let all = try Ragged(lengths: [most])
    var dx = fitting
    for reduction in WindowReduction.allCases {
      for window in [3, 9] {
        try slidingWindow(reduction, x, over: one, window: window, into: &y, on: execution)
        try slidingWindowGradient(
          reduction, of: fitting, over: all, window: window, upstream: fitting, into: &dx,
          on: execution)
      }
      try stridedPool(reduction, x, over: one, StridedPooling(stride: 1), into: &y, on: execution)
      try stridedPoolGradient(
        reduction, of: fitting, over: all, StridedPooling(stride: 1), upstream: fitting, into: &dx,
        on: execution)
    }
    try upsample(x, over: one, to: one, stride: 1, into: &y, on: execution)
    try upsampleGradient(over: one, to: one, stride: 1, upstream: x, into: &y, on: execution)
  }
}
