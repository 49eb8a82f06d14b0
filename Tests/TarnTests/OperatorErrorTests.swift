// Arguments that do not fit are named in the error, and the target keeps its elements.

import Tarn
import TarnKernelInterface
import Testing

/// A call that must be rejected, with a target of the given size.
struct Rejection: Sendable, CustomTestStringConvertible {
  let name: String
  let rows: Int
  let columns: Int
  let error: TarnError
  let call: @Sendable (inout Matrix, Execution) throws -> Void

  var testDescription: String { name }
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

private let matmulRejections: [Rejection] = [
  Rejection(
    name: "matmul, depth", rows: 2, columns: 5, error: shape("matmul", "a", [2, 3], [2, 4])
  ) { try matmul(matrix(2, 3), PackedMatrix(matrix(4, 5), on: $1), into: &$0, on: $1) },
  Rejection(
    name: "matmul, bias", rows: 2, columns: 5, error: shape("matmul", "bias", [1, 4], [1, 5])
  ) {
    try matmul(
      matrix(2, 4), PackedMatrix(matrix(4, 5), on: $1), epilogue: Epilogue(bias: matrix(1, 4)),
      into: &$0, on: $1)
  },
  Rejection(
    name: "matmul, residual", rows: 2, columns: 5,
    error: shape("matmul", "residual", [3, 5], [2, 5])
  ) {
    try matmul(
      matrix(2, 4), PackedMatrix(matrix(4, 5), on: $1),
      epilogue: Epilogue(residual: matrix(3, 5)), into: &$0, on: $1)
  },
  Rejection(
    name: "matmul, target columns", rows: 2, columns: 6,
    error: shape("matmul", "target columns", [6], [5])
  ) { try matmul(matrix(2, 4), PackedMatrix(matrix(4, 5), on: $1), into: &$0, on: $1) },
  Rejection(
    name: "matmul, target rows", rows: 2, columns: 5,
    error: value("matmul", "first row", "1", "2 rows from it within the target's 2")
  ) { try matmul(matrix(2, 4), PackedMatrix(matrix(4, 5), on: $1), into: &$0, at: 1, on: $1) },
  Rejection(
    name: "matmul, negative first row", rows: 2, columns: 5,
    error: value("matmul", "first row", "-1", "1 rows from it within the target's 2")
  ) { try matmul(matrix(1, 4), PackedMatrix(matrix(4, 5), on: $1), into: &$0, at: -1, on: $1) },
  Rejection(
    name: "matmul, largest first row", rows: 2, columns: 5,
    error: value("matmul", "first row", "\(Int.max)", "1 rows from it within the target's 2")
  ) { try matmul(matrix(1, 4), PackedMatrix(matrix(4, 5), on: $1), into: &$0, at: .max, on: $1) },
  Rejection(
    name: "matmul in place, depth", rows: 2, columns: 5,
    error: shape("matmul", "a", [2, 3], [2, 4])
  ) { try matmul(matrix(2, 3), matrix(4, 5), into: &$0, on: $1) },
  Rejection(
    name: "matmul in place, depth of the transpose", rows: 2, columns: 5,
    error: shape("matmul", "a", [2, 5], [2, 4])
  ) { try matmul(matrix(2, 5), matrix(5, 4), transposingB: true, into: &$0, on: $1) },
  Rejection(
    name: "matmul in place, bias", rows: 2, columns: 5,
    error: shape("matmul", "bias", [2, 5], [1, 5])
  ) {
    try matmul(
      matrix(2, 4), matrix(4, 5), epilogue: Epilogue(bias: matrix(2, 5)), into: &$0, on: $1)
  },
  Rejection(
    name: "matmul in place, target", rows: 2, columns: 5,
    error: value("matmul", "first row", "1", "2 rows from it within the target's 2")
  ) { try matmul(matrix(2, 4), matrix(4, 5), into: &$0, at: 1, on: $1) },
]

private let rowRejections: [Rejection] = [
  Rejection(
    name: "layerNorm, gain", rows: 2, columns: 4,
    error: shape("layerNorm", "gain", [1, 3], [1, 4])
  ) {
    try layerNorm(
      matrix(2, 4), gain: matrix(1, 3), bias: matrix(1, 4), epsilon: 0, into: &$0, on: $1)
  },
  Rejection(
    name: "layerNorm, bias", rows: 2, columns: 4,
    error: shape("layerNorm", "bias", [2, 4], [1, 4])
  ) {
    try layerNorm(
      matrix(2, 4), gain: matrix(1, 4), bias: matrix(2, 4), epsilon: 0, into: &$0, on: $1)
  },
  Rejection(
    name: "layerNorm, residual", rows: 2, columns: 4,
    error: shape("layerNorm", "residual", [1, 4], [2, 4])
  ) {
    try layerNorm(
      matrix(2, 4), residual: matrix(1, 4), gain: matrix(1, 4), bias: matrix(1, 4), epsilon: 0,
      into: &$0, on: $1)
  },
  Rejection(
    name: "layerNorm, negative epsilon", rows: 2, columns: 4,
    error: value("layerNorm", "epsilon", "-1.0", "at least 0")
  ) {
    try layerNorm(
      matrix(2, 4), gain: matrix(1, 4), bias: matrix(1, 4), epsilon: -1, into: &$0, on: $1)
  },
  Rejection(
    name: "layerNorm, NaN epsilon", rows: 2, columns: 4,
    error: value("layerNorm", "epsilon", "nan", "at least 0")
  ) {
    try layerNorm(
      matrix(2, 4), gain: matrix(1, 4), bias: matrix(1, 4), epsilon: .nan, into: &$0, on: $1)
  },
  Rejection(
    name: "layerNorm, target", rows: 2, columns: 4,
    error: value("layerNorm", "first row", "0", "3 rows from it within the target's 2")
  ) {
    try layerNorm(
      matrix(3, 4), gain: matrix(1, 4), bias: matrix(1, 4), epsilon: 0, into: &$0, on: $1)
  },
  Rejection(
    name: "softmax, target", rows: 2, columns: 4,
    error: shape("softmax", "target", [2, 4], [2, 3])
  ) { try softmax(matrix(2, 3), into: &$0, on: $1) },
  Rejection(
    name: "elementwise, target", rows: 2, columns: 4,
    error: shape("elementwise", "target", [2, 4], [4, 2])
  ) { try elementwise(.relu, matrix(4, 2), into: &$0, on: $1) },
]

private let poolingRejections: [Rejection] = [
  Rejection(
    name: "maskedMean, sequences", rows: 1, columns: 4,
    error: shape("maskedMean", "sequences", [3], [2])
  ) { try maskedMean(matrix(2, 4), over: Ragged(lengths: [3]), into: &$0, on: $1) },
  Rejection(
    name: "maskedMean, keep", rows: 1, columns: 4, error: shape("maskedMean", "keep", [1], [2])
  ) { try maskedMean(matrix(2, 4), over: Ragged(lengths: [2]), keep: [true], into: &$0, on: $1) },
  Rejection(
    name: "maskedMean, target", rows: 2, columns: 4,
    error: shape("maskedMean", "target", [2, 4], [1, 4])
  ) { try maskedMean(matrix(2, 4), over: Ragged(lengths: [2]), into: &$0, on: $1) },
  Rejection(
    name: "segmentMax, labels", rows: 2, columns: 4, error: shape("segmentMax", "labels", [1], [2])
  ) { try segmentMax(matrix(2, 4), labels: [0], into: &$0, on: $1) },
  Rejection(
    name: "segmentMax, columns", rows: 2, columns: 4,
    error: shape("segmentMax", "target columns", [4], [3])
  ) { try segmentMax(matrix(1, 3), labels: [0], into: &$0, on: $1) },
  Rejection(
    name: "segmentMax, label", rows: 2, columns: 4,
    error: .indexOutOfRange(
      operation: "segmentMax", argument: "labels", position: 1, found: 2, count: 2)
  ) { try segmentMax(matrix(2, 4), labels: [0, 2], into: &$0, on: $1) },
  Rejection(
    name: "segmentMax, negative label", rows: 2, columns: 4,
    error: .indexOutOfRange(
      operation: "segmentMax", argument: "labels", position: 0, found: -1, count: 2)
  ) { try segmentMax(matrix(2, 4), labels: [-1, 1], into: &$0, on: $1) },
  Rejection(
    name: "slidingMax, sequences", rows: 2, columns: 4,
    error: shape("slidingMax", "sequences", [1], [2])
  ) { try slidingMax(matrix(2, 4), over: Ragged(lengths: [1]), window: 3, into: &$0, on: $1) },
  Rejection(
    name: "slidingMax, target", rows: 2, columns: 4,
    error: shape("slidingMax", "target", [2, 4], [2, 5])
  ) { try slidingMax(matrix(2, 5), over: Ragged(lengths: [2]), window: 3, into: &$0, on: $1) },
  Rejection(
    name: "slidingMax, window", rows: 2, columns: 4,
    error: value("slidingMax", "window", "0", "at least 1")
  ) { try slidingMax(matrix(2, 4), over: Ragged(lengths: [2]), window: 0, into: &$0, on: $1) },
  Rejection(
    name: "neighbourMax, x", rows: 1, columns: 4,
    error: shape("neighbourMax", "x", [2, 4], [3, 4])
  ) {
    let one = WindowNeighbours(hasLeftRow: true, hasRightRow: true, hasFill: false)
    try neighbourMax(matrix(2, 4), [one], fill: 0, into: &$0, on: $1)
  },
  Rejection(
    name: "neighbourMax, target", rows: 1, columns: 4,
    error: shape("neighbourMax", "target columns", [4], [5])
  ) {
    let one = WindowNeighbours(hasLeftRow: true, hasRightRow: true, hasFill: false)
    try neighbourMax(matrix(3, 5), [one], fill: 0, into: &$0, on: $1)
  },
  Rejection(
    name: "gather, index", rows: 2, columns: 4,
    error: .indexOutOfRange(
      operation: "gather", argument: "indices", position: 1, found: 3, count: 3)
  ) { try gather(matrix(3, 4), [0, 3], into: &$0, on: $1) },
  Rejection(
    name: "gather, index in a slice", rows: 2, columns: 4,
    error: .indexOutOfRange(
      operation: "gather", argument: "indices", position: 2, found: -7, count: 3)
  ) { try gather(matrix(3, 4), [9, 0, -7][1...], into: &$0, on: $1) },
  Rejection(
    name: "gather, empty table", rows: 2, columns: 4,
    error: .indexOutOfRange(
      operation: "gather", argument: "indices", position: 0, found: 0, count: 0)
  ) { try gather(matrix(0, 4), [0], into: &$0, on: $1) },
  Rejection(
    name: "gather, target", rows: 2, columns: 4,
    error: value("gather", "first row", "1", "2 rows from it within the target's 2")
  ) { try gather(matrix(3, 4), [0, 1], into: &$0, at: 1, on: $1) },
]

private let fusionRejections: [Rejection] = [
  fusion("kinds", shape("fuse", "kinds", [1], [2])) { $0.kinds.removeLast() },
  fusion("sequences", shape("fuse", "sequences", [3], [2])) { $0.sequences.append(0) },
  fusion(
    "sequence",
    .indexOutOfRange(
      operation: "fuse", argument: "sequences", position: 1, found: 1, count: 1)
  ) { $0.sequences[1] = 1 },
  fusion(
    "label",
    .indexOutOfRange(operation: "fuse", argument: "labels", position: 0, found: -1, count: 3)
  ) { $0.labels[0] = -1 },
  fusion("maxima", shape("fuse", "maxima columns", [5], [4]), maximaColumns: 5) { _ in },
  fusion("local", shape("fuse", "target columns", [3], [4]), localColumns: 3) { _ in },
  fusion(
    "tokens", value("fuse", "tokens", "0..<3", "a range within the plan's 2"), tokens: 0..<3
  ) { _ in },
]

private func fusion(
  _ name: String, _ error: TarnError, tokens: Range<Int> = 0..<2, maximaColumns: Int = 4,
  localColumns: Int = 4, _ spoil: @escaping @Sendable (inout FusionPlan) -> Void
) -> Rejection {
  Rejection(name: "fuse, \(name)", rows: 3, columns: 4, error: error) {
    var plan = FusionPlan(kinds: [.full, .full], sequences: [0, 0], labels: [0, 2])
    spoil(&plan)
    try fuse(
      plan, tokens, global: matrix(1, 4), maxima: matrix(3, maximaColumns),
      local: matrix(3, localColumns), into: &$0, on: $1)
  }
}

private let aggregationRejections: [Rejection] = [
  aggregation("x", shape("globalAggregation", "x", [3, 4], [2, 4]), x: [3, 4]),
  aggregation("x columns", shape("globalAggregation", "x", [2, 5], [2, 4]), x: [2, 5]),
  aggregation("keep", shape("globalAggregation", "keep", [1], [2]), keep: [true]),
  aggregation(
    "queries", shape("globalAggregation", "queries", [2, 4], [1, 4]), queries: [2, 4]),
  aggregation("target", shape("globalAggregation", "target", [2, 4], [1, 4]), rows: 2),
  aggregation(
    "probabilities", shape("globalAggregation", "probabilities", [1, 2], [2, 2]),
    probabilities: [1, 2]),
]

private func aggregation(
  _ name: String, _ error: TarnError, x: [Int] = [2, 4], keep: [Bool]? = nil,
  queries: [Int] = [1, 4], rows: Int = 1, probabilities: [Int]? = nil
) -> Rejection {
  Rejection(name: "globalAggregation, \(name)", rows: rows, columns: 4, error: error) {
    let keys = try AggregationKeys(weight: matrix(4, 4), bias: matrix(1, 4), heads: 2, on: $1)
    var p: Matrix? = try probabilities.map { try matrix($0[0], $0[1]) }
    try globalAggregation(
      matrix(x[0], x[1]), over: Ragged(lengths: [2]), keep: keep,
      queries: matrix(queries[0], queries[1]), keys: keys, into: &$0, probabilities: &p, on: $1)
  }
}

@Suite struct OperatorErrorTests {
  @Test(
    arguments: matmulRejections + rowRejections + poolingRejections + fusionRejections
      + aggregationRejections)
  func anArgumentThatDoesNotFitIsRejectedBeforeWriting(_ rejection: Rejection) throws {
    let before = (0..<rejection.rows * rejection.columns).map(Float.init)
    var target = try Matrix(rows: rejection.rows, columns: rejection.columns, before)
    let execution = try Execution(threads: 2)
    #expect(throws: rejection.error) { try rejection.call(&target, execution) }
    #expect(target.elements == before)
  }

  @Test func keysRejectHeadsThatDoNotDivide() throws {
    let execution = try Execution(threads: 1)
    for heads in [0, -1, 3, 5] {
      #expect(throws: value("AggregationKeys", "heads", "\(heads)", "a divisor of 4")) {
        try AggregationKeys(weight: matrix(4, 4), bias: matrix(1, 4), heads: heads, on: execution)
      }
    }
    #expect(throws: shape("AggregationKeys", "weight", [3, 4], [4, 4])) {
      try AggregationKeys(weight: matrix(3, 4), bias: matrix(1, 4), heads: 2, on: execution)
    }
    #expect(throws: shape("AggregationKeys", "bias", [1, 3], [1, 4])) {
      try AggregationKeys(weight: matrix(4, 4), bias: matrix(1, 3), heads: 2, on: execution)
    }
  }

  @Test(arguments: [(-1, 2), (2, -1), (Int.max, 2), (1 << 40, 1 << 40), (Int.max, 0), (0, Int.max)])
  func aMatrixOfImpossibleSizeIsRejected(rows: Int, columns: Int) {
    let expected = value(
      "Matrix", "size", "\(rows) × \(columns)", "sizes from 0 whose bytes fit an Int")
    #expect(throws: expected) { try Matrix(rows: rows, columns: columns) }
    #expect(throws: expected) { try Matrix(rows: rows, columns: columns, []) }
  }

  /// More than the addresses of any processor.
  @Test func aMatrixBeyondTheMemoryIsRejected() {
    #expect(throws: TarnError.outOfMemory(operation: "Matrix", bytes: 1 << 58)) {
      try Matrix(rows: 1 << 28, columns: 1 << 28)
    }
  }

  @Test func elementsThatAreTooFewAreRejected() {
    #expect(throws: shape("Matrix", "elements", [3], [4])) {
      try Matrix(rows: 2, columns: 2, [1, 2, 3])
    }
  }

  @Test func lengthsThatAreNegativeOrOverflowAreRejected() {
    let expected = "lengths from 0 with a sum that fits an Int"
    #expect(throws: value("Ragged", "lengths[1]", "-1", expected)) {
      try Ragged(lengths: [2, -1])
    }
    #expect(throws: value("Ragged", "lengths[2]", "1", expected)) {
      try Ragged(lengths: [.max, 0, 1])
    }
  }
}

@Suite struct ExternalMatrixTests {
  @Test func layoutsWhoseStridesDoNotFitAreRejected() throws {
    let most = Int.max / 64
    let rejections: [(TarnError, () throws -> MatrixLayout)] = [
      (
        value("MatrixLayout", "rows", "-1", "0 to \(most)"),
        { try MatrixLayout(rows: -1, columns: 2) }
      ),
      (
        value("MatrixLayout", "columns", "-2", "0 to \(most)"),
        { try MatrixLayout(rows: 1, columns: -2) }
      ),
      (
        value("MatrixLayout", "rowStride", "3", "4 to \(most)"),
        { try MatrixLayout(rows: 2, columns: 4, rowStride: 3) }
      ),
      (
        value("MatrixLayout", "count", "-1", "0 to \(most)"),
        { try MatrixLayout(rows: 2, columns: 4, count: -1) }
      ),
      (
        value("MatrixLayout", "matrixStride", "-8", "0 to \(most)"),
        { try MatrixLayout(rows: 2, columns: 4, count: 2, matrixStride: -8) }
      ),
      (
        value(
          "MatrixLayout", "size", "\(1 << 40) rows of stride \(1 << 40)",
          "a size whose bytes fit an Int"),
        { try MatrixLayout(rows: 1 << 40, columns: 1 << 40) }
      ),
      (
        value(
          "MatrixLayout", "size", "\(1 << 40) matrices of stride \(1 << 40)",
          "a size whose bytes fit an Int"),
        { try MatrixLayout(rows: 1, columns: 1, count: 1 << 40, matrixStride: 1 << 40) }
      ),
    ]
    for (error, make) in rejections { #expect(throws: error) { try make() } }
    #expect(try MatrixLayout(rows: 3, columns: 2, rowStride: 5).extent == 12)
    #expect(try MatrixLayout(rows: 0, columns: .max / 64).extent == 0)
    #expect(try MatrixLayout(rows: 2, columns: 3, count: 4).extent == 24)
  }

  @Test func memoryThatIsTooSmallOrSharedIsRejectedBeforeWriting() throws {
    let execution = try Execution(threads: 1)
    var memory = [Float](repeating: 1, count: 40)
    let before = memory
    try memory.withUnsafeMutableBufferPointer { memory in
      let all = UnsafeBufferPointer(memory)
      let square = try MatrixLayout(rows: 3, columns: 3)
      #expect(throws: shape("ExternalMatrix", "buffer", [8], [9])) {
        try ExternalMatrix(UnsafeBufferPointer(rebasing: all[..<8]), square)
      }
      #expect(throws: shape("ExternalMutableMatrix", "buffer", [8], [9])) {
        try ExternalMutableMatrix(UnsafeMutableBufferPointer(rebasing: memory[..<8]), square)
      }
      let touching = try MatrixLayout(rows: 3, columns: 3, count: 2, matrixStride: 8)
      #expect(
        throws: value(
          "ExternalMutableMatrix", "matrixStride", "8", "matrices that share no element")
      ) { try ExternalMutableMatrix(memory, touching) }

      let a = try ExternalMatrix(all, square)
      let b = try ExternalMatrix(UnsafeBufferPointer(rebasing: all[20...]), square)
      let c = try ExternalMutableMatrix(UnsafeMutableBufferPointer(rebasing: memory[8...]), square)
      #expect(throws: value("matmul", "c", "memory that is part of a", "memory of its own")) {
        try matmul(a, b, into: c, on: execution)
      }
      #expect(throws: value("matmul", "c", "memory that is part of b", "memory of its own")) {
        try matmul(b, a, into: c, on: execution)
      }
      let wide = try ExternalMatrix(all, MatrixLayout(rows: 3, columns: 4))
      let target = try ExternalMutableMatrix(
        UnsafeMutableBufferPointer(rebasing: memory[30...]), square)
      #expect(throws: shape("matmul", "a", [3, 4], [3, 3])) {
        try matmul(wide, a, into: target, on: execution)
      }
      #expect(throws: shape("matmul", "b columns", [4], [3])) {
        try matmul(a, wide, into: target, on: execution)
      }
      let two = try ExternalMatrix(all, MatrixLayout(rows: 3, columns: 3, count: 2))
      #expect(throws: shape("matmul", "a count", [2], [1])) {
        try matmul(two, a, into: target, on: execution)
      }
      #expect(throws: shape("matmul", "b count", [2], [1])) {
        try matmul(a, two, into: target, on: execution)
      }
    }
    #expect(memory == before)
  }

  @Test func matricesWithoutElementsNeedNoMemory() throws {
    let execution = try Execution(threads: 2)
    var c: [Float] = [7, 7, 7, 7]
    let none = UnsafeBufferPointer<Float>(start: nil, count: 0)
    try c.withUnsafeMutableBufferPointer { c in
      // Depth 0: the epilogue of zero.
      try matmul(
        ExternalMatrix(none, MatrixLayout(rows: 2, columns: 0)),
        ExternalMatrix(none, MatrixLayout(rows: 0, columns: 2)),
        epilogue: Epilogue(bias: Matrix([1, 2])),
        into: ExternalMutableMatrix(c, MatrixLayout(rows: 2, columns: 2)), on: execution)
      // No batch, no rows: nothing is written.
      try matmul(
        ExternalMatrix(none, MatrixLayout(rows: 2, columns: 0, count: 0)),
        ExternalMatrix(none, MatrixLayout(rows: 0, columns: 2, count: 0)),
        into: ExternalMutableMatrix(c, MatrixLayout(rows: 2, columns: 2, count: 0)),
        on: execution)
    }
    #expect(c == [1, 2, 1, 2])
  }
}

@Suite struct MatrixTests {
  /// Memory from the allocator, and from 4 MB up mapped.
  @Test(arguments: [0, 2, 1000, 1 << 20, 1 << 20 + 1, 3 << 20])
  func aMatrixHoldsZerosThenItsOwnElements(count: Int) throws {
    var x = try Matrix(rows: 1, columns: count)
    #expect(x.elements.allSatisfy { $0 == 0 })
    guard count > 0 else { return }
    x[0, count - 1] = 3
    let copy = x
    x[0, 0] = 2
    #expect(copy[0, 0] == 0 && copy[0, count - 1] == 3)
    #expect(x[0, 0] == 2 && x[0, count - 1] == 3)
    let values = (0..<count).map { Float($0 & 0xFFFF) }
    #expect(try Matrix(rows: 1, columns: count, values).elements == values)
  }

  /// Nothing that is freed comes back with old elements in it.
  @Test func freedMemoryIsNotSeenAgain() throws {
    for _ in 0..<8 {
      var x = try Matrix(rows: 1024, columns: 1100)
      #expect(x[0, 0] == 0 && x[1023, 1099] == 0)
      x[0, 0] = 1
      x[1023, 1099] = 1
    }
  }

  @Test func copiesShareUntilOneIsWritten() throws {
    let original = try Matrix(rows: 3, columns: 2, [0, 1, 2, 3, 4, 5])
    var copy = original
    copy[1, 1] = 9
    var slice = original.rows(1..<3)
    slice[0, 0] = 8
    #expect(original.elements == [0, 1, 2, 3, 4, 5])
    #expect(copy.elements == [0, 1, 2, 9, 4, 5])
    #expect(slice.elements == [8, 3, 4, 5])
  }

  @Test func columnsShareUntilOneIsWritten() throws {
    let execution = try Execution(threads: 2)
    let original = try Matrix(rows: 3, columns: 4, (0..<12).map(Float.init))
    var part = original.columns(1..<3)
    #expect(part.rowStride == 4)
    #expect(part.elements == [1, 2, 5, 6, 9, 10])
    #expect(part.rows(1..<3).elements == [5, 6, 9, 10])
    #expect(part.rows(2..<3).columns(1..<2)[0, 0] == 10)
    part[1, 1] = -6
    #expect(part.rowStride == 2)
    #expect(part.elements == [1, 2, 5, -6, 9, 10])
    #expect(original[1, 2] == 6)
    // Operators read and write parts as they lie.
    var y = try Matrix(rows: 3, columns: 2)
    try elementwise(.relu, original.columns(2..<4), into: &y, on: execution)
    #expect(y.elements == [2, 3, 6, 7, 10, 11])
    var alone = try Matrix(rows: 3, columns: 4, (0..<12).map { -Float($0) }).columns(0..<2)
    try elementwise(.relu, alone, into: &alone, on: execution)
    #expect(alone.elements == [0, 0, 0, 0, 0, 0])
    let b = try PackedMatrix(Matrix(rows: 2, columns: 2, [0, 1, 1, 0]), on: execution)
    try matmul(original.columns(2..<4), b, into: &y, on: execution)
    #expect(y.elements == [3, 2, 7, 6, 11, 10])
    #expect(original.columns(4..<4).elements == [])
    #expect(original.rows(3..<3).columns(1..<2).elements == [])
  }

  @Test func fusionTakesItsFactorFromTheTargetOrFromElsewhere() throws {
    let execution = try Execution(threads: 2)
    let plan = FusionPlan(kinds: [.full, .globalOnly], sequences: [0, 0], labels: [0, 0])
    let wide = try Matrix(rows: 2, columns: 4, [0, 2, 3, 0, 0, 5, 7, 0])
    let v = Matrix([1, 10])
    let local = try Matrix(rows: 2, columns: 2, [100, 200, 300, 400])
    var inPlace = try Matrix(rows: 2, columns: 2, [2, 3, 5, 7])
    try fuse(
      plan, 0..<2, global: v, maxima: Matrix([4, 5]), local: local, into: &inPlace, on: execution)
    var apart = try Matrix(rows: 2, columns: 2)
    try fuse(
      plan, 0..<2, global: v, maxima: Matrix([4, 5]), output: wide.columns(1..<3), local: local,
      into: &apart, on: execution)
    #expect(inPlace.elements == [110, 245, 5, 70])
    #expect(apart.elements == inPlace.elements)
    #expect(throws: TarnError.self) {
      try fuse(
        plan, 0..<2, global: v, maxima: Matrix([4, 5]), output: wide, local: local, into: &apart,
        on: execution)
    }
  }

  @Test func weightsThatCannotBePackedAreRejected() throws {
    let execution = try Execution(threads: 2)
    #expect(throws: shape("PackedMatrix", "depth", [3], [2])) {
      try PackedMatrix(joining: [
        PackedMatrix(matrix(2, 4), on: execution), PackedMatrix(matrix(3, 4), on: execution),
      ])
    }
    #expect(throws: value("PackedMatrix", "format", "int8", "bfloat16 as the first part's")) {
      try PackedMatrix(joining: [
        PackedMatrix(matrix(2, 4), as: .bfloat16, on: execution),
        PackedMatrix(matrix(2, 4), as: .int8, on: execution),
      ])
    }
    for bad in [Float.nan, .infinity, -.infinity] {
      var weights = try matrix(70, 90)
      weights[3, 60] = bad
      func error(_ column: Int) -> TarnError {
        value(
          "PackedMatrix", "column \(column)", "a column with NaN or ∞",
          "finite weights for eight bits")
      }
      #expect(throws: error(60)) { try PackedMatrix(weights, as: .int8, on: execution) }
      #expect(throws: error(3)) {
        try PackedMatrix(transposing: weights, as: .int8, on: execution)
      }
    }
  }

  @Test func anOperatorMayWriteOverItsInput() throws {
    let execution = try Execution(threads: 2)
    var x = try Matrix(rows: 2, columns: 2, [1, 2, 3, 4])
    let before = x
    let b = try PackedMatrix(Matrix(rows: 2, columns: 2, [0, 1, 1, 0]), on: execution)
    try matmul(x, b, epilogue: Epilogue(residual: x), into: &x, on: execution)
    #expect(x.elements == [3, 3, 7, 7])
    #expect(before.elements == [1, 2, 3, 4])
  }

  @Test func rowsAreCopiedWithinAndBetweenMatrices() throws {
    var x = try Matrix(rows: 2, columns: 2, [1, 2, 3, 4])
    try x.copyRow(0, to: 1)
    #expect(x.elements == [1, 2, 1, 2])
    #expect(throws: TarnError.self) { try x.copyRow(2, to: 0) }
    #expect(throws: TarnError.self) { try x.copyRow(0, to: -1) }
    try x.fillRows([5, 6])
    #expect(x.elements == [5, 5, 6, 6])
    #expect(throws: shape("fillRows", "values", [1], [2])) { try x.fillRows([1]) }
  }
}
