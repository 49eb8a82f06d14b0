// Softmax attention: checks and battery.

internal import Tarn
internal import TarnKernelInterface

/// The checks of this file.
public let attentionChecks: [KernelCheck] = [
  KernelCheck("attention, all edges", attentionKernelMeetsBoundAndContract),
  KernelCheck("attention, masks", attentionMeetsBoundAndContract),
  KernelCheck("attention, batch", attentionOfASequenceAloneEqualsInBatch),
  KernelCheck("attention, decoding", decodingStepsEqualTheCausalRows),
  KernelCheck("attention, NaN and infinities", specialValuesReachWhoSeesThem),
  KernelCheck("attention, probabilities", probabilitiesAreTheWeights),
  KernelCheck("relative attention", relativeAttentionMeetsBoundAndContract),
  KernelCheck("relative attention, padding", paddingAddsNothingToRelativeAttention),
]

/// Sequences, what is kept, how it is masked, and random queries, keys and values.
private struct AttentionInput {
  var queryLengths: [Int]
  var keyLengths: [Int]
  var heads = 1
  var e: Int
  var f: Int
  var scale: Float?
  /// One flag in so many is false; 0: all are kept; 1: none is.
  var keepPeriod = 0
  var mask = AttentionMask.full
  /// How many keys a query lies behind the one before; 0: no relative terms.
  var step = 0
  var firstIsApart = false
  var seed: UInt64

  var q: [Float] = []
  var k: [Float] = []
  var v: [Float] = []
  var keep: [Bool]?
  var relative: RelativeAttention?
  /// `[distances × heads·e]`: the positions of `relative`.
  var positions: [Float] = []

  init(
    _ queryLengths: [Int], _ keyLengths: [Int]? = nil, heads: Int = 1, e: Int, f: Int? = nil,
    scale: Float? = nil, keepPeriod: Int = 0, mask: AttentionMask = .full, step: Int = 0,
    firstIsApart: Bool = false, growth: Float = 1, seed: UInt64
  ) {
    self.queryLengths = queryLengths
    self.keyLengths = keyLengths ?? queryLengths
    self.heads = heads
    self.e = e
    self.f = f ?? e
    self.scale = scale
    self.keepPeriod = keepPeriod
    self.mask = mask
    self.step = step
    self.firstIsApart = firstIsApart
    self.seed = seed
    var random = SplitMix64(seed: seed)
    let n = self.keyLengths.reduce(0, +)
    q = random.floats(queryLengths.reduce(0, +) * heads * e, scale: 2)
    k = random.floats(n * heads * e, scale: 2)
    v = random.floats(n * heads * self.f)
    if keepPeriod > 0 { keep = random.flags(n, oneFalseIn: keepPeriod) }
    // Keys that grow along the batch: a later block has the larger scores, so that it rescales.
    for j in 0..<n {
      let factor = 1 + (growth - 1) * Float(j) / Float(n)
      for c in 0..<heads * e { k[j * heads * e + c] *= factor }
    }
    if step > 0 { relative = try? randomTerms(&random) }
  }

  private mutating func randomTerms(_ random: inout SplitMix64) throws -> RelativeAttention {
    let m = queryLengths.reduce(0, +)
    let n = keyLengths.reduce(0, +)
    let origin = step * max(0, (queryLengths.max() ?? 0) - 1) + 2
    let rows = origin + (keyLengths.max() ?? 0) + 1
    positions = random.floats(rows * heads * e)
    return RelativeAttention(
      positions: try PackedMatrix(
        transposing: Matrix(rows: rows, columns: heads * e, positions),
        // Under emulation the best set is the machine's, which is not there.
        on: Execution(instructionSet: InstructionSet.available.first, threads: 1)),
      origin: origin, step: step, shift: Matrix(random.floats(heads * e)),
      types: try Matrix(rows: m, columns: 2 * heads, random.floats(m * 2 * heads)),
      queryTypes: (0..<m).map { Int32($0 * 7 % 11 % 3) },
      keyTypes: (0..<n).map { Int32($0 * 5 % 13 % 3) }, firstIsApart: firstIsApart)
  }

  var label: String {
    "attention \(queryLengths) × \(keyLengths) heads \(heads) sizes \(e), \(f) scale "
      + "\(scale.map { "\($0)" } ?? "1/√e") one false in \(keepPeriod) \(mask) step \(step) "
      + "apart \(firstIsApart) seed \(seed)"
  }

  func sequences() throws -> Ragged { try Ragged(lengths: queryLengths) }
  func keySequences() throws -> Ragged { try Ragged(lengths: keyLengths) }

  /// Head h of sequence s, for the oracle.
  func head(_ h: Int, of s: Int) -> AttentionHead {
    let firstQuery = queryLengths[..<s].reduce(0, +)
    let firstKey = keyLengths[..<s].reduce(0, +)
    let (m, n) = (queryLengths[s], keyLengths[s])
    func rows(_ x: [Float], _ first: Int, _ count: Int, _ size: Int) -> [[Float]] {
      (first..<first + count).map { i in
        let start = (i * heads + h) * size
        return Array(x[start..<start + size])
      }
    }
    let seen = (0..<m).map { i in
      (0..<n).filter { j in
        guard keep?[firstKey + j] ?? true else { return false }
        switch mask {
        case .full: return true
        case .causal: return j <= i + n - m
        case .blockLocal(let size): return i / size == j / size
        }
      }
    }
    var head = AttentionHead(
      q: rows(q, firstQuery, m, e), k: rows(k, firstKey, n, e), v: rows(v, firstKey, n, f),
      valueSize: f, scale: scale, seen: seen)
    head.relative = relative.map { terms in
      RelativeHead(
        positions: rows(positions, 0, terms.positions.columns, e),
        origin: terms.origin, step: terms.step,
        shift: Array(terms.shift.elements[h * e..<(h + 1) * e]),
        types: rows(terms.types.elements, firstQuery, m, 2),
        queryTypes: Array(terms.queryTypes[firstQuery..<firstQuery + m]),
        keyTypes: Array(terms.keyTypes[firstKey..<firstKey + n]),
        firstIsApart: terms.firstIsApart)
    }
    return head
  }

  /// The operator's result; queries, keys and values are columns of one matrix if they fit.
  func run(on execution: Execution) throws -> [Float] {
    let (m, n) = (queryLengths.reduce(0, +), keyLengths.reduce(0, +))
    let (d, g) = (heads * e, heads * f)
    var (qs, ks, vs) = try (
      Matrix(rows: m, columns: d, q), Matrix(rows: n, columns: d, k), Matrix(rows: n, columns: g, v)
    )
    if m == n {
      var joined: [Float] = []
      for i in 0..<n {
        joined += q[i * d..<(i + 1) * d]
        joined += k[i * d..<(i + 1) * d]
        joined += v[i * g..<(i + 1) * g]
      }
      let all = try Matrix(rows: n, columns: 2 * d + g, joined)
      qs = all.columns(0..<d)
      ks = all.columns(d..<2 * d)
      vs = all.columns(2 * d..<2 * d + g)
    }
    var y = try Matrix(rows: m, columns: g, [Float](repeating: .nan, count: m * g))
    try attention(
      queries: qs, keys: ks, values: vs, heads: heads, scale: scale, over: sequences(),
      keySequences: queryLengths == keyLengths ? nil : keySequences(), keep: keep, mask: mask,
      relative: relative, into: &y, on: execution)
    return y.elements
  }

  /// Whether the operator's result lies in its bound and has the contract's bits.
  func expectMeetsBoundAndContract(
    on execution: Execution, _ report: inout CheckReport
  ) throws {
    let found = try run(on: execution)
    for s in queryLengths.indices {
      let firstQuery = queryLengths[..<s].reduce(0, +)
      for h in 0..<heads {
        let head = head(h, of: s)
        let y = (0..<queryLengths[s]).flatMap { i in
          let start = ((firstQuery + i) * heads + h) * f
          return found[start..<start + f]
        }
        let label = "\(label) sequence \(s) head \(h) \(execution.label)"
        let exact = attentionOracle(head)
        report.expectWithin(
          y, exact.values.flatMap { $0 }, tolerance: exact.tolerances.flatMap { $0 }, label)
        report.expectSameBits(
          y, execution.model.attention(head).flatMap { $0 }, "\(label), contract")
      }
    }
  }
}

/// The kernel on guarded memory.
private func attentionKernelMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let sizes = [1, 7, 16, 24, 32, 64, 80, 128, 130]
  let counts: [(Int, Int)] =
    size == .quick
    ? [(1, 1), (2, 17), (9, 16), (25, 257)]
    : [
      (0, 5), (1, 0), (1, 1), (1, 300), (2, 2), (2, 17), (3, 15), (5, 16), (6, 47), (7, 48),
      (8, 49), (9, 255), (15, 256), (16, 257), (17, 31), (23, 513), (25, 64), (33, 520),
    ]
  var number = 0
  for e in sizes {
    for (m, n) in counts {
      number += 1
      let f = number % 3 == 0 ? sizes[number % sizes.count] : e
      let heads = number % 5 == 0 ? 3 : 1
      let input = AttentionInput(
        [m], [n], heads: heads, e: e, f: f, scale: number % 2 == 0 ? nil : 0.25, growth: 3,
        seed: UInt64(number))
      // Rising numbers of keys, none for the first query of some.
      let seen = number % 4 == 0 ? (0..<m).map { n * ($0 + number / 4 % 2) / max(1, m) } : nil
      let q = GuardedMatrix(
        rows: m, columns: heads * e, gap: number % 3, at: placement(number), input.q)
      let k = GuardedMatrix(
        rows: n, columns: heads * e, gap: number % 4, at: placement(number + 1), input.k)
      let v = GuardedMatrix(
        rows: n, columns: heads * f, gap: number % 2, at: placement(number + 2), input.v)
      let y = GuardedMatrix(
        rows: m, columns: heads * f, gap: number % 3, at: placement(number + 1))
      let scratch = GuardedMatrix(
        rows: 1,
        columns: AttentionBlocking.scratch(
          heads: heads, queries: m, headSize: e, valueSize: f),
        at: placement(number))
      let scale = input.scale ?? 1 / Float(e).squareRoot()
      func run(_ seen: UnsafePointer<Int>?) {
        execution.table.attention.attend(
          q.view, k.view, v.view, heads, nil, n, seen, scale * 0x1.715476p+0, nil, y.target,
          scratch.target.base)
      }
      if let seen {
        seen.withUnsafeBufferPointer { run($0.baseAddress) }
      } else {
        run(nil)
      }
      let label = "\(input.label) seen \(seen ?? [n]) \(execution.label)"
      report.expectIntact(y, label)
      report.expectIntact(scratch, "\(label), scratch")
      for h in 0..<heads {
        var head = input.head(h, of: 0)
        if let seen { head.seen = seen.map { Array(0..<$0) } }
        let exact = attentionOracle(head)
        let elements = y.elements
        let found = (0..<m).flatMap { i in
          let start = (i * heads + h) * f
          return elements[start..<start + f]
        }
        report.expectWithin(
          found, exact.values.flatMap { $0 }, tolerance: exact.tolerances.flatMap { $0 },
          "\(label) head \(h)")
        report.expectSameBits(
          found, execution.model.attention(head).flatMap { $0 }, "\(label) head \(h), contract")
      }
    }
  }
}

/// Ragged batches, flags, masks, heads: the operator.
private func attentionMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let masks: [AttentionMask] = [
    .full, .causal, .blockLocal(size: 1), .blockLocal(size: 3), .blockLocal(size: 64),
    .blockLocal(size: .max),
  ]
  let lengths = size == .quick ? [3, 0, 65] : [3, 0, 1, 65, 257, 2, 300]
  var seed: UInt64 = 100
  for mask in masks {
    for keepPeriod in [0, 1, 2, 9] {
      for (heads, e, f) in [(1, 16, 16), (3, 7, 5), (12, 8, 8)] {
        seed += 1
        try AttentionInput(
          lengths, heads: heads, e: e, f: f, keepPeriod: keepPeriod, mask: mask, growth: 2,
          seed: seed
        ).expectMeetsBoundAndContract(on: execution, &report)
      }
    }
  }
  // Cross attention and caches: fewer and more queries than keys.
  for mask in [AttentionMask.full, .causal] {
    for keepPeriod in [0, 3] {
      seed += 1
      try AttentionInput(
        [1, 4, 0, 7, 20], [300, 2, 3, 0, 21], heads: 2, e: 24, keepPeriod: keepPeriod, mask: mask,
        seed: seed
      ).expectMeetsBoundAndContract(on: execution, &report)
    }
  }
  // More queries than share packed keys.
  if size == .full {
    for mask in [AttentionMask.full, .causal] {
      try AttentionInput([513], e: 16, mask: mask, seed: 7)
        .expectMeetsBoundAndContract(on: execution, &report)
    }
  }
  // Heads without columns: nothing to write, or equal weights.
  try AttentionInput([3], e: 2, f: 0, seed: 8).expectMeetsBoundAndContract(on: execution, &report)
  try AttentionInput([3], e: 0, f: 2, seed: 9).expectMeetsBoundAndContract(on: execution, &report)
}

private func attentionOfASequenceAloneEqualsInBatch(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let lengths = [40, 0, 257, 1, 300, 66]
  let forms: [(AttentionMask, step: Int)] = [
    (.full, 0), (.causal, 0), (.blockLocal(size: 50), 0), (.full, 1), (.full, 2),
  ]
  for (number, (mask, step)) in forms.enumerated() {
    let input = AttentionInput(
      lengths, heads: 3, e: 20, keepPeriod: 5, mask: mask, step: step, firstIsApart: step == 1,
      seed: UInt64(number + 20))
    let d = input.heads * input.e
    let all = try input.run(on: execution)
    for s in lengths.indices {
      let first = lengths[..<s].reduce(0, +)
      var alone = input
      alone.queryLengths = [lengths[s]]
      alone.keyLengths = [lengths[s]]
      let range = first * d..<(first + lengths[s]) * d
      alone.q = Array(input.q[range])
      alone.k = Array(input.k[range])
      alone.v = Array(input.v[range])
      alone.keep = input.keep.map { Array($0[first..<first + lengths[s]]) }
      alone.relative?.types = input.relative?.types.rows(first..<first + lengths[s]) ?? Matrix([])
      alone.relative?.queryTypes = Array(
        input.relative?.queryTypes[first..<first + lengths[s]] ?? [])
      alone.relative?.keyTypes = Array(input.relative?.keyTypes[first..<first + lengths[s]] ?? [])
      report.expectSameBits(
        Array(all[range]), try alone.run(on: execution),
        "\(input.label) sequence \(s) alone \(execution.label)")
    }
  }
}

/// With keys added one by one to a cache each step has the bits of its row of causal attention.
private func decodingStepsEqualTheCausalRows(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let n = size == .quick ? 40 : 270
  let input = AttentionInput([n], heads: 2, e: 24, mask: .causal, seed: 31)
  let d = 48
  let together = try input.run(on: execution)
  for i in 0..<n where i < 20 || i > n - 20 {
    var step = input
    step.queryLengths = [1]
    step.keyLengths = [i + 1]
    step.q = Array(input.q[i * d..<(i + 1) * d])
    step.k = Array(input.k[..<((i + 1) * d)])
    step.v = Array(input.v[..<((i + 1) * d)])
    report.expectSameBits(
      try step.run(on: execution), Array(together[i * d..<(i + 1) * d]),
      "\(input.label) step \(i) \(execution.label)")
  }
}

/// NaN and ∞ reach the queries that see them and no others.
private func specialValuesReachWhoSeesThem(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let n = 290
  for mask in [AttentionMask.full, .causal, .blockLocal(size: 100)] {
    for value in [Float.nan, .infinity, -.infinity] {
      for at in [0, 150, 289] {
        let clean = AttentionInput([n, 3], e: 18, keepPeriod: 6, mask: mask, seed: 41)
        for (part, path) in [\AttentionInput.k, \.v].enumerated() {
          for isKept in [false, true] {
            var input = clean
            input.keep?[at] = isKept
            var spoilt = input
            for c in 0..<18 { spoilt[keyPath: path][at * 18 + c] = value }
            let label =
              "\(input.label) with \(value) in \(part == 0 ? "key" : "value") \(at), kept "
              + "\(isKept) \(execution.label)"
            let before = rows(try input.run(on: execution), columns: 18)
            let after = rows(try spoilt.run(on: execution), columns: 18)
            let seen = input.head(0, of: 0).seen
            for i in 0..<n + 3 {
              if i < n && seen[i].contains(at) {
                // An infinite key has a score of -∞ for some queries, +∞ or NaN for the others.
                report.expect(
                  after[i].allSatisfy { !$0.isFinite }
                    || part == 0 && value.isInfinite && after[i].allSatisfy(\.isFinite),
                  "\(label): row \(i) is \(after[i])")
              } else {
                report.expectSameBits(after[i], before[i], "\(label): row \(i)")
              }
            }
          }
        }
        // A query that is not finite spoils its own row alone.
        var spoilt = clean
        spoilt.q[at * 18 + 3] = value
        let before = rows(try clean.run(on: execution), columns: 18)
        let after = rows(try spoilt.run(on: execution), columns: 18)
        let label = "\(clean.label) with \(value) in query \(at) \(execution.label)"
        let seesNothing = clean.head(0, of: 0).seen[at].isEmpty
        report.expect(
          after[at].allSatisfy { $0.isNaN || seesNothing }, "\(label): row is \(after[at])")
        for i in 0..<n + 3 where i != at {
          report.expectSameBits(after[i], before[i], "\(label): row \(i)")
        }
      }
    }
  }
  // Scores: -∞ weighs nothing, also where a whole block has no other; alone it gives NaN.
  let q = try Matrix(rows: 2, columns: 1, [1, -1])
  for n in [2, 300] {
    var keys = [Float](repeating: -.infinity, count: n)
    let k = try Matrix(rows: n, columns: 1, keys)
    keys[n - 1] = 0
    let mixed = try Matrix(rows: n, columns: 1, keys)
    let v = try Matrix(rows: n, columns: 1, (0..<n).map(Float.init))
    let batch = try (Ragged(lengths: [2]), Ragged(lengths: [n]))
    var y = try Matrix(rows: 2, columns: 1)
    try attention(
      queries: q, keys: k, values: v, heads: 1, over: batch.0, keySequences: batch.1, into: &y,
      on: execution)
    report.expect(
      y[0, 0].isNaN && y[1, 0].isNaN, "\(n) infinite scores \(execution.label): \(y.elements)")
    try attention(
      queries: q, keys: mixed, values: v, heads: 1, over: batch.0, keySequences: batch.1, into: &y,
      on: execution)
    report.expect(
      y[0, 0] == Float(n - 1) && y[1, 0].isNaN,
      "\(n) scores, one of them finite \(execution.label): \(y.elements)")
  }
}

private func probabilitiesAreTheWeights(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let cases: [(Int, Int, AttentionMask, Int, step: Int)] = [
    (20, 20, .full, 0, 0), (20, 20, .full, 3, 0), (5, 30, .causal, 4, 0), (30, 5, .causal, 0, 0),
    (23, 23, .blockLocal(size: 7), 4, 0), (4, 0, .full, 0, 0), (4, 6, .full, 1, 0),
    (20, 20, .full, 3, 1), (9, 20, .full, 4, 2), (4, 6, .full, 1, 1),
  ]
  for (m, n, mask, keepPeriod, step) in cases {
    let heads = 3
    let e = 10
    let input = AttentionInput(
      [m], [n], heads: heads, e: e, keepPeriod: keepPeriod, mask: mask, step: step,
      firstIsApart: step == 1, seed: 51)
    var p = try Matrix(
      rows: heads * m, columns: n, [Float](repeating: .nan, count: heads * m * n))
    try attentionProbabilities(
      queries: Matrix(rows: m, columns: heads * e, input.q),
      keys: Matrix(rows: n, columns: heads * e, input.k), heads: heads, keep: input.keep,
      mask: mask, relative: input.relative, into: &p, on: execution)
    for h in 0..<heads {
      let head = input.head(h, of: 0)
      let exact = attentionOracle(head).probabilities
      for i in 0..<m {
        let tolerance = exact[i].map { $0 * 400 * unitRoundoff }
        report.expectWithin(
          p.rows(h * m + i..<h * m + i + 1).elements, exact[i], tolerance: tolerance,
          "\(input.label) probabilities of head \(h), query \(i) \(execution.label)")
      }
    }
  }
}

/// Distances, types and the first apart: ragged batches, pooled queries, flags; kernel and operator.
private func relativeAttentionMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let batches: [([Int], [Int], step: Int)] =
    [([5, 0, 2, 1], [5, 0, 2, 1], 1), ([34], [67], 2), ([1, 3], [3, 8], 2)]
    + (size == .quick
      ? []
      : [
        ([17, 300, 1, 33], [17, 300, 1, 33], 1), ([150, 1, 16], [300, 2, 31], 2),
        ([100, 7], [300, 20], 3), ([520], [520], 1), ([260], [520], 2),
      ])
  var seed: UInt64 = 300
  for (queries, keys, step) in batches {
    for keepPeriod in [0, 1, 3] {
      for (heads, e, f) in [(1, 16, 16), (3, 7, 5), (2, 64, 64), (2, 24, 40)] {
        seed += 1
        try AttentionInput(
          queries, keys, heads: heads, e: e, f: f, scale: seed % 3 == 0 ? 0.5 : nil,
          keepPeriod: keepPeriod, step: step, firstIsApart: seed % 2 == 0, growth: 2, seed: seed
        ).expectMeetsBoundAndContract(on: execution, &report)
      }
    }
  }
  // Scratch and target on guarded memory.
  for (m, n, step) in [(1, 1, 1), (17, 17, 1), (20, 40, 2), (130, 257, 2), (25, 300, 5)] {
    let (heads, e, f) = (2, 20, 12)
    let input = AttentionInput(
      [m], [n], heads: heads, e: e, f: f, step: step, seed: UInt64(m))
    guard let terms = input.relative else { continue }
    let q = GuardedMatrix(rows: m, columns: heads * e, gap: 1, at: placement(m), input.q)
    let k = GuardedMatrix(rows: n, columns: heads * e, gap: 2, at: placement(n), input.k)
    let v = GuardedMatrix(rows: n, columns: heads * f, gap: 0, at: placement(n), input.v)
    let y = GuardedMatrix(rows: m, columns: heads * f, gap: 1, at: placement(m))
    // Strips of sixteen distances, farther apart than they need be.
    let (strips, width) = ((terms.positions.columns + 15) / 16, 16 * heads * e)
    let packed = (0..<strips * width).map { i in
      let distance = i / width * 16 + i % 16
      return distance < terms.positions.columns
        ? input.positions[distance * heads * e + i % width / 16] : 0
    }
    let positions = GuardedMatrix(
      rows: strips, columns: width, gap: 3, at: placement(m), packed)
    let types = GuardedMatrix(
      rows: m, columns: 2 * heads, gap: 1, at: placement(n), terms.types.elements)
    let scratch = GuardedMatrix(
      rows: 1,
      columns: AttentionBlocking.scratch(
        heads: heads, queries: m, headSize: e, valueSize: f, step: step),
      at: placement(m))
    let others = terms.queryTypes.map { $0 == 2 ? 3 : 1 - Float($0) }
    let keyTypes = terms.keyTypes.map(Float.init) + Array(repeating: 0, count: 15)
    terms.shift.elements.withUnsafeBufferPointer { shift in
      others.withUnsafeBufferPointer { others in
        keyTypes.withUnsafeBufferPointer { keyTypes in
          guard let shift = shift.baseAddress, let others = others.baseAddress,
            let keyTypes = keyTypes.baseAddress
          else { return }
          execution.table.attention.attend(
            q.view, k.view, v.view, heads, nil, n, nil, 0x1.715476p+0 / Float(e).squareRoot(),
            RelativeScores(
              positions: positions.view.base, positionStep: width + 3, shift: shift,
              origin: terms.origin, step: step, types: types.view, otherTypes: others,
              keyTypes: keyTypes, firstIsApart: false, firstQuery: 0), y.target,
            scratch.target.base)
        }
      }
    }
    let label = "\(input.label) \(execution.label)"
    report.expectIntact(y, label)
    report.expectIntact(scratch, "\(label), scratch")
    for h in 0..<heads {
      let elements = y.elements
      let found = (0..<m).flatMap { i in
        let start = (i * heads + h) * f
        return elements[start..<start + f]
      }
      let exact = attentionOracle(input.head(h, of: 0))
      report.expectWithin(
        found, exact.values.flatMap { $0 }, tolerance: exact.tolerances.flatMap { $0 },
        "\(label) head \(h)")
    }
  }
}

/// Keys that are not kept behind a sequence's end change no bit, whatever they hold.
private func paddingAddsNothingToRelativeAttention(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for (n, padding) in [(1, 3), (30, 5), (40, 300), (256, 1), (300, 20)] {
    var padded = AttentionInput(
      [20], [n + padding], heads: 2, e: 24, step: 1, firstIsApart: n % 2 == 0, seed: UInt64(n))
    padded.keep = (0..<n + padding).map { $0 < n }
    for j in n * 48..<(n + padding) * 48 {
      padded.k[j] = j % 2 == 0 ? .nan : .infinity
      padded.v[j] = j % 2 == 0 ? .infinity : .nan
    }
    var alone = padded
    alone.keyLengths = [n]
    alone.k = Array(padded.k[..<(n * 48)])
    alone.v = Array(padded.v[..<(n * 48)])
    alone.keep = nil
    alone.relative?.keyTypes.removeLast(padding)
    report.expectSameBits(
      try padded.run(on: execution), try alone.run(on: execution),
      "\(padded.label) with \(padding) more \(execution.label)")
  }
}

/// The family's part of ``operatorBattery(on:)``.
func attentionBattery(on execution: Execution) throws -> [BatteryResult] {
  let lengths = [300, 1, 257, 64]
  var results: [BatteryResult] = []
  for (number, (e, mask)) in [
    (64, AttentionMask.full), (24, .causal), (33, .blockLocal(size: 100)),
  ].enumerated() {
    let input = AttentionInput(
      lengths, heads: 3, e: e, keepPeriod: number == 0 ? 0 : 7, mask: mask, growth: 2,
      seed: UInt64(1700 + number))
    results.append(
      BatteryResult(name: "attention \(e) \(mask)", elements: try input.run(on: execution)))
  }
  let cross = AttentionInput([1, 40, 5], [520, 300, 7], heads: 2, e: 64, seed: 1800)
  results.append(BatteryResult(name: "attention cross", elements: try cross.run(on: execution)))
  for (queries, keys, step) in [(lengths, lengths, 1), ([150, 1, 129, 32], lengths, 2)] {
    let relative = AttentionInput(
      queries, keys, heads: 3, e: 40, keepPeriod: 7, step: step, firstIsApart: step == 2,
      growth: 2, seed: UInt64(1800 + step))
    results.append(
      BatteryResult(
        name: "attention relative \(step)", elements: try relative.run(on: execution)))
  }
  return results
}
