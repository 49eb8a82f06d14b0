// Attention with its masks, and with scores of distances.

import Tarn

/// Plain, causal, block-local and relative attention, over one and two blocks of 256 keys.
func attentionCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  cases.start(seed: 9)
  let sequences = try batch()
  let (n, heads) = (sequences.rows, 2)
  let keep = (0..<n).map { $0 % 37 == 0 || $0 % 5 != 3 }
  let masks: [(name: String, mask: AttentionMask, keep: [Bool]?)] = [
    ("full", .full, nil), ("full, not all kept", .full, keep), ("causal", .causal, keep),
    ("block-local", .blockLocal(size: 100), nil),
  ]
  for (size, (name, mask, keep)) in zip([16, 20, 16, 33], masks) {
    let d = heads * size
    let (q, k) = try (cases.matrix(n, d, scale: 2), cases.matrix(n, d, scale: 2))
    let v = try cases.matrix(n, d)
    try cases.run("attention, \(name)", n, d) { y throws(TarnError) in
      try attention(
        queries: q, keys: k, values: v, heads: heads, over: sequences, keep: keep, mask: mask,
        into: &y, on: execution)
    }
  }
  let d = heads * 16
  let others = try Ragged(lengths: [3, 5, 1])
  let (q, k) = try (cases.matrix(others.rows, d, scale: 2), cases.matrix(n, d, scale: 2))
  let v = try cases.matrix(n, heads * 12)
  try cases.run("attention, other keys", others.rows, v.columns) { y throws(TarnError) in
    try attention(
      queries: q, keys: k, values: v, heads: heads, scale: 0.3, over: others,
      keySequences: sequences, into: &y, on: execution)
  }
  let first = q.rows(0..<3)
  try cases.run("attentionProbabilities", heads * 3, 37) { p throws(TarnError) in
    try attentionProbabilities(
      queries: first, keys: k.rows(0..<37), heads: heads, into: &p, on: execution)
  }
  try relativeCases(&cases)
}

private func relativeCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  let (heads, size) = (2, 12)
  let d = heads * size
  let keys = try batch()
  let n = keys.rows
  for (queryLengths, step) in [([37, 1, 259], 1), ([19, 1, 130], 2)] {
    let queries = try Ragged(lengths: queryLengths)
    let m = queries.rows
    let origin = step * (queryLengths[2] - 1) + 2
    let (q, k) = try (cases.matrix(m, d, scale: 2), cases.matrix(n, d, scale: 2))
    let v = try cases.matrix(n, d)
    let relative = try RelativeAttention(
      positions: PackedMatrix(transposing: cases.matrix(origin + 260, d), on: execution),
      origin: origin, step: step, shift: cases.matrix(1, d),
      types: cases.matrix(m, 2 * heads), queryTypes: (0..<m).map { Int32($0 * 7 % 11 % 3) },
      keyTypes: (0..<n).map { Int32($0 * 5 % 13 % 3) }, firstIsApart: step == 2)
    try cases.run("attention, relative, step \(step)", m, d) { y throws(TarnError) in
      try attention(
        queries: q, keys: k, values: v, heads: heads, over: queries, keySequences: keys,
        relative: relative, into: &y, on: execution)
    }
  }
}
