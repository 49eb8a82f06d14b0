// Softmax attention: share of the multiply-add peak measured in the same run.

import Tarn
import TarnKernelInterface
import TarnTestSupport

/// Attention of one sequence, or of several of one length.
private struct AttentionCase {
  var name = "attention"
  /// Queries and keys of a sequence.
  var queries: Int
  var keys: Int
  var sequences = 1
  var heads = 12
  var headSize = 64
  var mask = AttentionMask.full

  var shape: String {
    (sequences > 1 ? "\(sequences)x" : "") + (queries == keys ? "\(keys)" : "\(queries)x\(keys)")
      + "x\(heads)x\(headSize)"
  }

  /// Pairs of a query and a key that it sees, in one sequence.
  var pairs: Int {
    switch mask {
    case .full: queries * keys
    case .causal: (0..<queries).reduce(0) { $0 + max(0, keys - queries + $1 + 1) }
    case .blockLocal(let size): (0..<queries).reduce(0) { $0 + min(size, keys - $1 / size * size) }
    }
  }

  /// Both products; the softmax is not counted.
  var operations: Double { 4 * Double(sequences * pairs * heads * headSize) }
  /// Queries, keys and values are read, the result is written.
  var bytes: Int { 8 * sequences * (queries + keys) * heads * headSize }

  /// BERT-base over the length, other head sizes, a batch, and the forms that decoders need.
  static let all: [AttentionCase] =
    [128, 512, 2048, 4096].map { AttentionCase(queries: $0, keys: $0) }
    + [AttentionCase(queries: 128, keys: 128, sequences: 16)]
    + [(24, 32), (12, 80), (6, 128)].map {
      AttentionCase(queries: 512, keys: 512, heads: $0, headSize: $1)
    }
    + [512, 2048].map {
      AttentionCase(name: "attention-causal", queries: $0, keys: $0, mask: .causal)
    }
    + [
      AttentionCase(
        name: "attention-blocks-512", queries: 4096, keys: 4096, mask: .blockLocal(size: 512)),
      AttentionCase(name: "attention-decoding", queries: 1, keys: 512, mask: .causal),
      AttentionCase(name: "attention-decoding", queries: 1, keys: 4096, mask: .causal),
      AttentionCase(name: "attention-decoding", queries: 1, keys: 512, sequences: 16),
    ]

  static let tiny: [AttentionCase] = [
    AttentionCase(queries: 128, keys: 128, heads: 2),
    AttentionCase(name: "attention-causal", queries: 40, keys: 40, heads: 2, mask: .causal),
    AttentionCase(
      name: "attention-blocks-16", queries: 40, keys: 40, heads: 2, mask: .blockLocal(size: 16)),
    AttentionCase(name: "attention-decoding", queries: 1, keys: 70, heads: 2, mask: .causal),
  ]
}

/// Queries, keys and values side by side, as a joined product leaves them.
private struct AttentionInputs {
  let q: Matrix
  let k: Matrix
  let v: Matrix
  let sequences: Ragged
  let keySequences: Ragged

  init(_ attention: AttentionCase) throws {
    let d = attention.heads * attention.headSize
    let count = attention.sequences
    sequences = try Ragged(lengths: Array(repeating: attention.queries, count: count))
    keySequences = try Ragged(lengths: Array(repeating: attention.keys, count: count))
    let joined = try randomMatrix(keySequences.rows, 3 * d, seed: 30)
    q =
      attention.queries == attention.keys
      ? joined.columns(0..<d) : try randomMatrix(sequences.rows, d, seed: 31)
    // A cache has its keys and values by themselves.
    let isJoined = attention.queries == attention.keys
    k = isJoined ? joined.columns(d..<2 * d) : try randomMatrix(keySequences.rows, d, seed: 32)
    v = isJoined ? joined.columns(2 * d..<3 * d) : try randomMatrix(keySequences.rows, d, seed: 33)
  }

  func run(_ attention: AttentionCase, into y: inout Matrix, on execution: Execution) throws {
    try Tarn.attention(
      queries: q, keys: k, values: v, heads: attention.heads, over: sequences,
      keySequences: keySequences, mask: attention.mask, into: &y, on: execution)
  }
}

/// Each instruction set on one thread, and the best on two; peak, reading and kernel in turn.
func benchmarkAttention(_ settings: BenchmarkSettings, _ output: BenchmarkOutput) throws -> [Row] {
  output.line(
    "attention, both products and the softmax; tokens x heads x head size, medians of interleaved "
      + "runs, share of the bound: the peak of all threads, or reading queries, keys and values")
  output.line(Row.heading)
  var rows: [Row] = []
  for set in settings.instructionSets {
    for threads in settings.modelThreads where threads == 1 || set == settings.instructionSets.last
    {
      let execution = try Execution(instructionSet: set, threads: threads)
      let suffix = "-f32-\(set.rawValue)" + (threads == 1 ? "" : "-\(threads)-threads")
      for attention in settings.isQuick ? AttentionCase.tiny : AttentionCase.all
      where settings.includes("\(attention.name)\(suffix)/\(attention.shape)") {
        output.progress("\(attention.name)\(suffix)/\(attention.shape)")
        try check(attention, on: execution)
        let row = try measure(attention, attention.name + suffix, on: execution, settings)
        output.line(row.line)
        rows.append(row)
      }
    }
  }
  return rows
}

private func measure(
  _ attention: AttentionCase, _ variant: String, on execution: Execution,
  _ settings: BenchmarkSettings
) throws -> Row {
  let inputs = try AttentionInputs(attention)
  var y = try Matrix(rows: inputs.q.rows, columns: inputs.q.columns)
  let probe = try BandwidthProbe(execution, bytes: attention.bytes)
  var operations = 0
  var times = InterleavedTimes(settings, shortest: 0.01)
  try times.measure([
    { try inputs.run(attention, into: &y, on: execution) },
    { operations = execution.table.machine.multiplyAddPeak(100_000).operations },
    { probe.read(attention.bytes) },
  ])
  let timing = times.timings[0]
  let peakTime =
    times.medians[1] / Double(operations) * attention.operations / Double(execution.threads)
  let limit = max(peakTime, times.medians[2])
  return Row(
    variant: variant, shape: attention.shape, group: .attention, operation: attention.name,
    instructionSet: execution.instructionSet, timing: timing, threads: execution.threads,
    operations: attention.operations, bytes: Double(attention.bytes),
    bound: limit == peakTime ? "peak" : "read", share: limit / timing.median,
    length: attention.keys,
    counters: [
      ("peak_share", peakTime / timing.median),
      ("best_peak_share", peakTime / times.medians[1] * times.timings[1].best / timing.best),
    ])
}

/// Compares a shorter case of the same form with the oracle.
private func check(_ attention: AttentionCase, on execution: Execution) throws {
  var small = attention
  small.keys = min(attention.keys, 290)
  small.queries = min(attention.queries, small.keys)
  small.sequences = min(attention.sequences, 2)
  small.heads = 2
  if case .blockLocal(let size) = attention.mask { small.mask = .blockLocal(size: min(size, 200)) }
  let inputs = try AttentionInputs(small)
  var y = try Matrix(rows: inputs.q.rows, columns: inputs.q.columns)
  try inputs.run(small, into: &y, on: execution)
  for s in 0..<small.sequences {
    for h in 0..<small.heads {
      let columns = h * small.headSize..<(h + 1) * small.headSize
      func rows(_ x: Matrix, _ range: Range<Int>) -> [[Float]] {
        range.map { x.rows($0..<$0 + 1).columns(columns).elements }
      }
      let seen = (0..<small.queries).map { i in
        (0..<small.keys).filter { j in
          switch small.mask {
          case .full: true
          case .causal: j <= i + small.keys - small.queries
          case .blockLocal(let size): i / size == j / size
          }
        }
      }
      let exact = attentionOracle(
        AttentionHead(
          q: rows(inputs.q, inputs.sequences[s]), k: rows(inputs.k, inputs.keySequences[s]),
          v: rows(inputs.v, inputs.keySequences[s]), valueSize: small.headSize, scale: nil,
          seen: seen))
      for (i, found) in rows(y, inputs.sequences[s]).enumerated() {
        for (j, value) in found.enumerated()
        where !(abs(Double(value) - exact.values[i][j]) <= exact.tolerances[i][j]) {
          throw BenchmarkError.wrongResult(
            "\(attention.name) on \(execution.instructionSet.rawValue), query \(i) of head \(h)")
        }
      }
    }
  }
}
