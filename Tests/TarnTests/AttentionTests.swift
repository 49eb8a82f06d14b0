// Softmax attention: what is rejected, and the memory that it takes.

import Tarn
import TarnKernelInterface
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The largest resident size of this process so far.
private func peakResidentBytes() -> Int {
  var usage = rusage()
  #if canImport(Glibc)
    getrusage(RUSAGE_SELF.rawValue, &usage)
  #else
    getrusage(RUSAGE_SELF, &usage)
  #endif
  #if canImport(Darwin)
    return usage.ru_maxrss
  #else
    return usage.ru_maxrss * 1024
  #endif
}

private func matrix(_ rows: Int, _ columns: Int) throws -> Matrix {
  try Matrix(rows: rows, columns: columns)
}

private func packed(
  _ depth: Int, _ columns: Int, as format: WeightFormat = .float32
) throws -> PackedMatrix {
  try PackedMatrix(matrix(depth, columns), as: format, on: Execution(threads: 1))
}

private func shape(_ argument: String, _ found: [Int], _ expected: [Int]) -> TarnError {
  .shapeMismatch(operation: "attention", argument: argument, found: found, expected: expected)
}

private func value(_ argument: String, _ found: String, _ expected: String) -> TarnError {
  .invalidArgument(operation: "attention", argument: argument, found: found, expected: expected)
}

/// Two sequences of 2 and 1 queries and as many keys; whatever is not given fits.
private func attending(
  _ name: String, _ error: TarnError, q: [Int] = [3, 8], k: [Int] = [3, 8], v: [Int] = [3, 4],
  heads: Int = 2, scale: Float? = nil, lengths: [Int] = [2, 1], keyLengths: [Int]? = nil,
  keep: [Bool]? = nil, mask: AttentionMask = .full, target: [Int] = [3, 4]
) -> Rejection {
  Rejection(name: "attention, \(name)", rows: target[0], columns: target[1], error: error) {
    try attention(
      queries: matrix(q[0], q[1]), keys: matrix(k[0], k[1]), values: matrix(v[0], v[1]),
      heads: heads, scale: scale, over: Ragged(lengths: lengths),
      keySequences: keyLengths.map { try Ragged(lengths: $0) }, keep: keep, mask: mask, into: &$0,
      on: $1)
  }
}

/// As above, with relative scores for three queries and keys of two heads of four columns.
private func relating(
  _ name: String, _ error: TarnError, mask: AttentionMask = .full,
  _ change: @escaping @Sendable (inout RelativeAttention) throws -> Void = { _ in }
) -> Rejection {
  Rejection(name: "attention, \(name)", rows: 3, columns: 4, error: error) {
    var relative = try RelativeAttention(
      positions: packed(8, 4), origin: 1, shift: matrix(1, 8), types: matrix(3, 4),
      queryTypes: [0, 1, 2], keyTypes: [0, 1, 2])
    try change(&relative)
    try attention(
      queries: matrix(3, 8), keys: matrix(3, 8), values: matrix(3, 4), heads: 2,
      over: Ragged(lengths: [2, 1]), mask: mask, relative: relative, into: &$0, on: $1)
  }
}

private func distances(_ rows: Int, _ origin: Int, _ step: Int) -> TarnError {
  value(
    "positions", "\(rows) distances, origin \(origin), step \(step)",
    "one for each pair of 2 queries and 2 keys")
}

private let rejections: [Rejection] = [
  relating("no step", value("step", "0", "at least 1")) { $0.step = 0 },
  relating("columns of positions", shape("positions", [4, 6], [4, 8])) {
    $0.positions = try packed(6, 4)
  },
  relating("positions of fewer bits", value("positions", "bfloat16", "float32")) {
    $0.positions = try packed(8, 4, as: .bfloat16)
  },
  relating("shift", shape("shift", [2, 8], [1, 8])) { $0.shift = try matrix(2, 8) },
  relating("type terms", shape("types", [3, 2], [3, 4])) { $0.types = try matrix(3, 2) },
  relating("query types", shape("query types", [2], [3])) { $0.queryTypes = [0, 0] },
  relating("key types", shape("key types", [4], [3])) { $0.keyTypes = [0, 0, 0, 0] },
  relating("a third type", value("types", "3", "types 0, 1 and 2")) { $0.queryTypes = [0, 3, 0] },
  relating("a negative type", value("types", "-1", "types 0, 1 and 2")) {
    $0.keyTypes = [0, -1, 0]
  },
  relating(
    "a mask", value("mask", "causal", "a full mask with relative scores"), mask: .causal),
  relating("too low an origin", distances(4, 0, 1)) { $0.origin = 0 },
  relating("too high an origin", distances(4, 3, 1)) { $0.origin = 3 },
  relating("the highest origin", distances(4, .max, 1)) { $0.origin = .max },
  relating("too large a step", distances(4, 1, 2)) { $0.step = 2 },
  relating("no positions", distances(0, 1, 1)) { $0.positions = try packed(8, 0) },
  attending("no heads", value("heads", "0", "at least 1"), heads: 0),
  attending("negative heads", value("heads", "-2", "at least 1"), heads: -2),
  attending(
    "heads and queries", value("heads", "3", "a divisor of the 8 columns of queries"), heads: 3),
  attending(
    "heads and values", value("heads", "4", "a divisor of the 6 columns of values"),
    v: [3, 6], heads: 4),
  attending("keys' columns", shape("keys", [3, 6], [3, 8]), k: [3, 6]),
  attending("values' rows", shape("values", [2, 4], [3, 4]), v: [2, 4]),
  attending("NaN scale", value("scale", "nan", "a finite number"), scale: .nan),
  attending("infinite scale", value("scale", "inf", "a finite number"), scale: .infinity),
  attending("sequences", shape("sequences", [4], [3]), lengths: [3, 1]),
  attending("key sequences", shape("key sequences", [4], [3]), keyLengths: [2, 2]),
  attending(
    "keys of the queries' sequences", shape("key sequences", [3], [2]), k: [2, 8], v: [2, 4]),
  attending("number of sequences", shape("key sequences", [1], [2]), keyLengths: [3]),
  attending("keep", shape("keep", [2], [3]), keep: [true, false]),
  attending("target rows", shape("target", [2, 4], [3, 4]), target: [2, 4]),
  attending("target columns", shape("target", [3, 8], [3, 4]), target: [3, 8]),
  attending("no block", value("block size", "0", "at least 1"), mask: .blockLocal(size: 0)),
  attending(
    "negative block", value("block size", "-1", "at least 1"), mask: .blockLocal(size: -1)),
  attending(
    "blocks of other keys", shape("keys of sequence 0", [1], [2]), keyLengths: [1, 2],
    mask: .blockLocal(size: 1)),
]

@Suite struct AttentionTests {
  @Test(arguments: rejections)
  func anArgumentThatDoesNotFitIsRejectedBeforeWriting(_ rejection: Rejection) throws {
    let before = (0..<rejection.rows * rejection.columns).map(Float.init)
    var target = try Matrix(rows: rejection.rows, columns: rejection.columns, before)
    let execution = try Execution(threads: 2)
    #expect(throws: rejection.error) { try rejection.call(&target, execution) }
    #expect(target.elements == before)
  }

  /// 16,384 tokens: a matrix of queries × keys would be 1 GiB for each head.
  @Test func peakMemoryOfLongSequencesIsThatOfShortOnes() async {
    await #expect(processExitsWith: .success) {
      let execution = try Execution(threads: 2)
      let n = 16384
      let x = try Matrix(
        rows: n, columns: 128, (0..<n * 128).map { Float($0 * 7919 % 1013) / 1013 - 0.5 })
      var y = try Matrix(rows: n, columns: 128)
      /// The largest resident size after attention over these sequences.
      func attend(_ lengths: [Int]) throws -> Int {
        try attention(
          queries: x, keys: x, values: x, heads: 2, over: Ragged(lengths: lengths), mask: .causal,
          into: &y, on: execution)
        return peakResidentBytes()
      }
      let short = try attend(Array(repeating: 1024, count: 16))
      let long = try attend([n])
      #expect(short > 0)
      #expect(long - short < 2 << 20, "\(long - short) bytes more than for 1024 tokens")
    }
  }

  @Test func probabilitiesRejectATargetOfAnotherShape() throws {
    let execution = try Execution(threads: 1)
    var p = try Matrix(rows: 5, columns: 3, [Float](repeating: 7, count: 15))
    let before = p.elements
    #expect(
      throws: TarnError.shapeMismatch(
        operation: "attentionProbabilities", argument: "target", found: [5, 3], expected: [4, 3])
    ) {
      try attentionProbabilities(
        queries: matrix(2, 8), keys: matrix(3, 8), heads: 2, into: &p, on: execution)
    }
    #expect(p.elements == before)
  }
}
