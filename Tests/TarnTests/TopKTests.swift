// Top-k selection: what is rejected. KernelTests runs the checks.

import Tarn
import TarnTestSupport
import Testing

@Suite struct TopKTests {
  @Test(arguments: rejections)
  func whatDoesNotFitIsRejectedBeforeWriting(rejection: Rejection) throws {
    try expectRejected(rejection)
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

private func plan(
  _ lengths: [Int], _ count: Int, _ options: SoftTopKOptions = .init(), _ execution: Execution
) throws -> SoftTopKPlan {
  let sequences = try Ragged(lengths: lengths)
  return try SoftTopKPlan(
    scores: matrix(sequences.rows, 1), over: sequences, count: count, options: options,
    on: execution)
}

private func hardPlan(
  _ lengths: [Int], _ count: Int, _ execution: Execution
) throws -> HardTopKPlan {
  let sequences = try Ragged(lengths: lengths)
  return try HardTopKPlan(
    scores: matrix(sequences.rows, 1), over: sequences, count: count, on: execution)
}

private let counts = "1 to \(1 << 30)"

private let planRejections: [Rejection] = [
  Rejection(
    name: "SoftTopKPlan, scores", rows: 1, columns: 1,
    error: shape("SoftTopKPlan", "scores", [4, 2], [4, 1])
  ) {
    _ = try SoftTopKPlan(scores: matrix(4, 2), over: Ragged(lengths: [4]), count: 2, on: $1)
  },
  Rejection(
    name: "SoftTopKPlan, count 0", rows: 1, columns: 1,
    error: value("SoftTopKPlan", "count", "0", counts)
  ) { _ = try plan([4], 0, .init(), $1) },
  Rejection(
    name: "SoftTopKPlan, largest count", rows: 1, columns: 1,
    error: value("SoftTopKPlan", "count", "\(Int.max)", counts)
  ) { _ = try plan([4], .max, .init(), $1) },
  Rejection(
    name: "SoftTopKPlan, smallest count", rows: 1, columns: 1,
    error: value("SoftTopKPlan", "count", "\(Int.min)", counts)
  ) { _ = try plan([4], .min, .init(), $1) },
  Rejection(
    name: "SoftTopKPlan, base 1", rows: 1, columns: 1,
    error: value("SoftTopKPlan", "base", "1.0", "a finite number above 1")
  ) { _ = try plan([4], 2, .init(base: 1), $1) },
  Rejection(
    name: "SoftTopKPlan, NaN base", rows: 1, columns: 1,
    error: value("SoftTopKPlan", "base", "nan", "a finite number above 1")
  ) { _ = try plan([4], 2, .init(base: .nan), $1) },
  Rejection(
    name: "SoftTopKPlan, infinite base", rows: 1, columns: 1,
    error: value("SoftTopKPlan", "base", "inf", "a finite number above 1")
  ) { _ = try plan([4], 2, .init(base: .infinity), $1) },
  Rejection(
    name: "SoftTopKPlan, padded length", rows: 1, columns: 1,
    error: value(
      "SoftTopKPlan", "paddedLength", "6", "2 times a power of two, at most \(1 << 30)")
  ) { _ = try plan([4], 2, .init(paddedLength: 6), $1) },
  Rejection(
    name: "SoftTopKPlan, negative padded length", rows: 1, columns: 1,
    error: value(
      "SoftTopKPlan", "paddedLength", "-2", "2 times a power of two, at most \(1 << 30)")
  ) { _ = try plan([4], 2, .init(paddedLength: -2), $1) },
  Rejection(
    name: "SoftTopKPlan, largest padded length", rows: 1, columns: 1,
    error: value(
      "SoftTopKPlan", "paddedLength", "\(Int.max)", "2 times a power of two, at most \(1 << 30)")
  ) { _ = try plan([4], 2, .init(paddedLength: .max), $1) },
  Rejection(
    name: "SoftTopKPlan, document longer than the padded length", rows: 1, columns: 1,
    error: value("SoftTopKPlan", "sequences[1]", "5 tokens", "at most 4")
  ) { _ = try plan([4, 5], 2, .init(paddedLength: 4), $1) },
  Rejection(
    name: "HardTopKPlan, scores", rows: 1, columns: 1,
    error: shape("HardTopKPlan", "scores", [3, 1], [4, 1])
  ) {
    _ = try HardTopKPlan(scores: matrix(3, 1), over: Ragged(lengths: [4]), count: 2, on: $1)
  },
  Rejection(
    name: "HardTopKPlan, count", rows: 1, columns: 1,
    error: value("HardTopKPlan", "count", "-1", counts)
  ) { _ = try hardPlan([4], -1, $1) },
]

private let rejections: [Rejection] =
  planRejections + [
    Rejection(
      name: "softTopK, x", rows: 2, columns: 3, error: shape("softTopK", "x rows", [3], [4])
    ) { try softTopK(matrix(3, 3), plan([4], 2, .init(), $1), into: &$0, on: $1) },
    Rejection(
      name: "softTopK, target", rows: 2, columns: 3,
      error: shape("softTopK", "target", [2, 3], [4, 3])
    ) { try softTopK(matrix(4, 3), plan([2, 2], 2, .init(), $1), into: &$0, on: $1) },
    Rejection(
      name: "softTopKGradient, x", rows: 4, columns: 3,
      error: shape("softTopKGradient", "x rows", [5], [4])
    ) {
      var scores = try matrix(4, 1)
      try softTopKGradient(
        matrix(5, 3), plan([4], 2, .init(), $1), upstream: matrix(2, 3), into: &$0,
        scores: &scores, on: $1)
    },
    Rejection(
      name: "softTopKGradient, upstream", rows: 4, columns: 3,
      error: shape("softTopKGradient", "upstream", [2, 2], [2, 3])
    ) {
      var scores = try matrix(4, 1)
      try softTopKGradient(
        matrix(4, 3), plan([4], 2, .init(), $1), upstream: matrix(2, 2), into: &$0,
        scores: &scores, on: $1)
    },
    Rejection(
      name: "softTopKGradient, upstream scores", rows: 4, columns: 3,
      error: shape("softTopKGradient", "upstreamScores", [1, 2], [2, 1])
    ) {
      var scores = try matrix(4, 1)
      try softTopKGradient(
        matrix(4, 3), plan([4], 2, .init(), $1), upstream: matrix(2, 3),
        upstreamScores: matrix(1, 2), into: &$0, scores: &scores, on: $1)
    },
    Rejection(
      name: "softTopKGradient, target", rows: 3, columns: 3,
      error: shape("softTopKGradient", "target", [3, 3], [4, 3])
    ) {
      var scores = try matrix(4, 1)
      try softTopKGradient(
        matrix(4, 3), plan([4], 2, .init(), $1), upstream: matrix(2, 3), into: &$0,
        scores: &scores, on: $1)
    },
    Rejection(
      name: "softTopKGradient, scores", rows: 4, columns: 3,
      error: shape("softTopKGradient", "scores", [1, 4], [4, 1])
    ) {
      var scores = try matrix(1, 4)
      try softTopKGradient(
        matrix(4, 3), plan([4], 2, .init(), $1), upstream: matrix(2, 3), into: &$0,
        scores: &scores, on: $1)
    },
    Rejection(
      name: "hardTopK, x", rows: 2, columns: 3, error: shape("hardTopK", "x rows", [3], [4])
    ) { try hardTopK(matrix(3, 3), hardPlan([4], 2, $1), into: &$0, on: $1) },
    Rejection(
      name: "hardTopK, target", rows: 3, columns: 3,
      error: shape("hardTopK", "target", [3, 3], [2, 3])
    ) { try hardTopK(matrix(4, 3), hardPlan([4], 2, $1), into: &$0, on: $1) },
    Rejection(
      name: "hardTopKGradient, upstream", rows: 4, columns: 3,
      error: shape("hardTopKGradient", "upstream rows", [3], [2])
    ) { try hardTopKGradient(hardPlan([4], 2, $1), upstream: matrix(3, 3), into: &$0, on: $1) },
    Rejection(
      name: "hardTopKGradient, target", rows: 4, columns: 2,
      error: shape("hardTopKGradient", "target", [4, 2], [4, 3])
    ) { try hardTopKGradient(hardPlan([4], 2, $1), upstream: matrix(2, 3), into: &$0, on: $1) },
  ] + iterativeRejections

private func iterative(
  _ y: inout Matrix, x: (Int, Int) = (4, 3), scores: Int = 4, lengths: [Int] = [4],
  count: Int = 2, alpha: Float = 1, pooled: Int = 2, _ execution: Execution
) throws {
  var target = try matrix(pooled, 1)
  try iterativeTopK(
    matrix(x.0, x.1), scores: matrix(scores, 1), over: Ragged(lengths: lengths), count: count,
    alpha: alpha, into: &y, scores: &target, on: execution)
}

private let iterativeRejections: [Rejection] = [
  Rejection(
    name: "iterativeTopK, x", rows: 2, columns: 3,
    error: shape("iterativeTopK", "x rows", [5], [4])
  ) { try iterative(&$0, x: (5, 3), $1) },
  Rejection(
    name: "iterativeTopK, scores", rows: 2, columns: 3,
    error: shape("iterativeTopK", "scores", [3, 1], [4, 1])
  ) { try iterative(&$0, scores: 3, $1) },
  Rejection(
    name: "iterativeTopK, count", rows: 2, columns: 3,
    error: value("iterativeTopK", "count", "0", counts)
  ) { try iterative(&$0, count: 0, $1) },
  Rejection(
    name: "iterativeTopK, short document", rows: 10, columns: 3,
    error: value("iterativeTopK", "sequences[1]", "1 tokens", "at least 2")
  ) { try iterative(&$0, lengths: [3, 1], $1) },
  Rejection(
    name: "iterativeTopK, negative alpha", rows: 2, columns: 3,
    error: value("iterativeTopK", "alpha", "-1.0", "a finite number from 0")
  ) { try iterative(&$0, alpha: -1, $1) },
  Rejection(
    name: "iterativeTopK, NaN alpha", rows: 2, columns: 3,
    error: value("iterativeTopK", "alpha", "nan", "a finite number from 0")
  ) { try iterative(&$0, alpha: .nan, $1) },
  Rejection(
    name: "iterativeTopK, target", rows: 3, columns: 3,
    error: shape("iterativeTopK", "target", [3, 3], [2, 3])
  ) { try iterative(&$0, $1) },
  Rejection(
    name: "iterativeTopK, pooled scores", rows: 2, columns: 3,
    error: shape("iterativeTopK", "pooled scores", [3, 1], [2, 1])
  ) { try iterative(&$0, pooled: 3, $1) },
]
