// What the gradients of the poolings reject.

import Tarn
import Testing

@Suite struct PoolingGradientErrorTests {
  @Test(arguments: rejections + aggregationRejections)
  func whatDoesNotFitIsRejectedBeforeWriting(rejection: Rejection) throws {
    try expectRejected(rejection)
  }

  @Test func aLabelOutsideLeavesTheTokensAlone() throws {
    var maxima = try matrix(2, 4)
    var tokens: [Int32] = [5]
    #expect(throws: TarnError.self) {
      try segmentMax(
        matrix(1, 4), labels: [2], into: &maxima, tokens: &tokens, on: Execution(threads: 1))
    }
    #expect(tokens == [5])
  }
}

/// A call that must throw this error and leave its target alone.
func expectRejected(_ rejection: Rejection) throws {
  let execution = try Execution(threads: 2)
  let start = [Float](repeating: 7, count: rejection.rows * rejection.columns)
  var target = try Matrix(rows: rejection.rows, columns: rejection.columns, start)
  #expect(throws: rejection.error) { try rejection.call(&target, execution) }
  #expect(target.elements == start, "\(rejection.name): the target was written")
}

private func matrix(_ rows: Int, _ columns: Int) throws -> Matrix {
  try Matrix(rows: rows, columns: columns)
}

private func shape(
  _ operation: String, _ argument: String, _ found: [Int], _ expected: [Int]
) -> TarnError {
  .shapeMismatch(operation: operation, argument: argument, found: found, expected: expected)
}

private func index(
  _ operation: String, _ argument: String, _ position: Int, _ found: Int, _ count: Int
) -> TarnError {
  .indexOutOfRange(
    operation: operation, argument: argument, position: position, found: found, count: count)
}

private let rejections: [Rejection] = [
  Rejection(
    name: "segmentMax with tokens, labels", rows: 2, columns: 4,
    error: shape("segmentMax", "labels", [1], [2])
  ) {
    var tokens: [Int32] = []
    try segmentMax(matrix(2, 4), labels: [0], into: &$0, tokens: &tokens, on: $1)
  },
  Rejection(
    name: "segmentMax with tokens, columns", rows: 2, columns: 4,
    error: shape("segmentMax", "target columns", [4], [3])
  ) {
    var tokens: [Int32] = []
    try segmentMax(matrix(1, 3), labels: [0], into: &$0, tokens: &tokens, on: $1)
  },
  Rejection(
    name: "segmentMax with tokens, label", rows: 2, columns: 4,
    error: index("segmentMax", "labels", 1, 2, 2)
  ) {
    var tokens: [Int32] = []
    try segmentMax(matrix(2, 4), labels: [0, 2], into: &$0, tokens: &tokens, on: $1)
  },
  Rejection(
    name: "segmentMaxGradient, labels", rows: 2, columns: 4,
    error: shape("segmentMaxGradient", "labels", [1], [2])
  ) {
    try segmentMaxGradient(
      labels: [0], tokens: [0, 0, 0, 0], upstream: matrix(1, 4), into: &$0, on: $1)
  },
  Rejection(
    name: "segmentMaxGradient, columns", rows: 2, columns: 4,
    error: shape("segmentMaxGradient", "target columns", [4], [3])
  ) {
    try segmentMaxGradient(
      labels: [0, 0], tokens: [0, 0, 0], upstream: matrix(1, 3), into: &$0, on: $1)
  },
  Rejection(
    name: "segmentMaxGradient, tokens", rows: 2, columns: 4,
    error: shape("segmentMaxGradient", "tokens", [3], [4])
  ) {
    try segmentMaxGradient(
      labels: [0, 0], tokens: [0, 0, 0], upstream: matrix(1, 4), into: &$0, on: $1)
  },
  Rejection(
    name: "segmentMaxGradient, label", rows: 2, columns: 4,
    error: index("segmentMaxGradient", "labels", 0, -1, 1)
  ) {
    try segmentMaxGradient(
      labels: [-1, 0], tokens: [0, 0, 0, 0], upstream: matrix(1, 4), into: &$0, on: $1)
  },
  Rejection(
    name: "gatherGradient, indices", rows: 2, columns: 4,
    error: shape("gatherGradient", "indices", [2], [3])
  ) { try gatherGradient([0, 1], upstream: matrix(3, 4), into: &$0, on: $1) },
  Rejection(
    name: "gatherGradient, columns", rows: 2, columns: 4,
    error: shape("gatherGradient", "target columns", [4], [5])
  ) { try gatherGradient([0, 1], upstream: matrix(2, 5), into: &$0, on: $1) },
  Rejection(
    name: "gatherGradient, index", rows: 2, columns: 4,
    error: index("gatherGradient", "indices", 1, 2, 2)
  ) { try gatherGradient([0, 2], upstream: matrix(2, 4), into: &$0, on: $1) },
  Rejection(
    name: "maskedMeanGradient, keep", rows: 2, columns: 4,
    error: shape("maskedMeanGradient", "keep", [1], [2])
  ) {
    try maskedMeanGradient(
      over: Ragged(lengths: [2]), keep: [true], upstream: matrix(1, 4), into: &$0, on: $1)
  },
  Rejection(
    name: "maskedMeanGradient, upstream", rows: 2, columns: 4,
    error: shape("maskedMeanGradient", "upstream rows", [2], [1])
  ) {
    try maskedMeanGradient(
      over: Ragged(lengths: [2]), upstream: matrix(2, 4), into: &$0, on: $1)
  },
  Rejection(
    name: "maskedMeanGradient, target", rows: 2, columns: 4,
    error: shape("maskedMeanGradient", "target", [2, 4], [2, 3])
  ) {
    try maskedMeanGradient(
      over: Ragged(lengths: [2]), upstream: matrix(1, 3), into: &$0, on: $1)
  },
]

/// A gradient of three tokens, d = 4, two heads, with one shape changed.
private func gradient(
  _ dx: inout Matrix, tokens: Int = 3, queries: Int = 1, heads: Int = 2, upstream: Int = 1,
  dqueries: Int = 1, keyWeight: Int = 4, keyBias: Int = 4, _ execution: Execution
) throws {
  var target = try matrix(dqueries, 4)
  var weight: Matrix? = try matrix(keyWeight, 4)
  var bias: Matrix? = try matrix(1, keyBias)
  try globalAggregationGradient(
    matrix(tokens, 4), over: Ragged(lengths: [3]), queries: matrix(queries, 4),
    keys: AggregationKeys(weight: matrix(4, 4), bias: matrix(1, 4), heads: 2, on: execution),
    probabilities: matrix(heads, 3), upstream: matrix(upstream, 4), into: &dx, queries: &target,
    keyWeight: &weight, keyBias: &bias, on: execution)
}

private let name = "globalAggregationGradient"

private let aggregationRejections: [Rejection] = [
  Rejection(name: "\(name), x", rows: 3, columns: 4, error: shape(name, "x", [2, 4], [3, 4])) {
    try gradient(&$0, tokens: 2, $1)
  },
  Rejection(
    name: "\(name), queries", rows: 3, columns: 4, error: shape(name, "queries", [2, 4], [1, 4])
  ) { try gradient(&$0, queries: 2, $1) },
  Rejection(
    name: "\(name), probabilities", rows: 3, columns: 4,
    error: shape(name, "probabilities", [1, 3], [2, 3])
  ) { try gradient(&$0, heads: 1, $1) },
  Rejection(
    name: "\(name), upstream", rows: 3, columns: 4, error: shape(name, "upstream", [0, 4], [1, 4])
  ) { try gradient(&$0, upstream: 0, $1) },
  Rejection(
    name: "\(name), target", rows: 2, columns: 4, error: shape(name, "target", [2, 4], [3, 4])
  ) { try gradient(&$0, $1) },
  Rejection(
    name: "\(name), target queries", rows: 3, columns: 4,
    error: shape(name, "target queries", [3, 4], [1, 4])
  ) { try gradient(&$0, dqueries: 3, $1) },
  Rejection(
    name: "\(name), key weight", rows: 3, columns: 4,
    error: shape(name, "keyWeight", [3, 4], [4, 4])
  ) { try gradient(&$0, keyWeight: 3, $1) },
  Rejection(
    name: "\(name), key bias", rows: 3, columns: 4, error: shape(name, "keyBias", [1, 3], [1, 4])
  ) { try gradient(&$0, keyBias: 3, $1) },
]
