// Soft and hard top-k selection of rows: checks and battery.

internal import Tarn
internal import TarnKernelInterface

/// The checks of this file and of the fixtures.
public let topKChecks: [KernelCheck] =
  [
    KernelCheck("rank", rankSortsStably),
    KernelCheck("soft top-k", softTopKMeetsBoundAndContract),
    KernelCheck("soft top-k, gradient", softTopKGradientIsWithinTheBound),
    KernelCheck("soft top-k, central differences", softTopKOracleAgreesWithDifferences),
    KernelCheck("soft top-k, batch", softTopKOfADocumentAloneEqualsInBatch),
    KernelCheck("soft top-k, edges", softTopKEdges),
    KernelCheck("blend and spread rows", blendAndSpreadAreChains),
    KernelCheck("hard top-k", hardTopKSelects),
    KernelCheck("iterative top-k", iterativeTopKIsWithinTheBound),
    KernelCheck("iterative top-k, edges", iterativeTopKEdges),
  ] + topKFixtureChecks + topKQualityChecks

/// Distinct scores in 0 ..< 1, so that ties are not met by chance.
private func scores(_ n: Int, _ random: inout SplitMix64) -> [Float] {
  (0..<n).map { _ in random.float() * 0.5 + 0.5 }
}

private let specials: [Float] = [
  .nan, .infinity, -.infinity, 0, -0.0, 1, -1, 0x1p-149, -0x1p-149, 1e30,
]

private func rankSortsStably(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for n in [0, 1, 2, 3, 31, 32, 33, 34, 255, 256, 257, 1000] + (size == .full ? [70_000] : []) {
    for kind in 0..<4 {
      var random = SplitMix64(seed: UInt64(n + kind))
      let x: [Float] = (0..<n).map { _ in
        switch kind {
        case 0: random.float() * 1e5
        case 1: Float(random.below(5))
        case 2: specials[random.below(specials.count)]
        default: 0.5 + Float(random.below(200)) * 0x1p-24
        }
      }
      let source = GuardedMatrix(x, at: placement(kind))
      // The order is written as 32-bit numbers into memory that complains.
      let target = GuardedMatrix(rows: 1, columns: n, at: placement(kind + 1))
      var workspace = [UInt64](repeating: 0, count: SoftTopKTape.rankWorkspace(n) + 1)
      workspace[SoftTopKTape.rankWorkspace(n)] = 0x5A5A
      target.target.base.withMemoryRebound(to: Int32.self, capacity: max(1, n)) { order in
        workspace.withUnsafeMutableBufferPointer {
          if let base = $0.baseAddress {
            execution.table.topK.rank(source.view.base, n, order, base)
          }
        }
      }
      let label = "rank \(n) kind \(kind) seed \(n + kind) \(execution.label)"
      report.expectIntact(target, label)
      report.expect(workspace.last == 0x5A5A, "\(label): wrote past the workspace")
      report.expect(target.elements.map { Int($0.bitPattern) } == rankOracle(x), label)
    }
  }
}

/// The options of the checks: both pairings, both orders, several bases.
private let variants = [
  SoftTopKOptions(), SoftTopKOptions(flips: false), SoftTopKOptions(keepsOrder: true),
  SoftTopKOptions(base: 2, flips: false, keepsOrder: true), SoftTopKOptions(base: 100),
  SoftTopKOptions(base: 1.125),
]

private func softTopKMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let shapes =
    [(0, 3), (1, 3), (3, 3), (2, 1), (7, 2), (64, 4), (255, 16), (256, 16), (257, 16), (1000, 1)]
    + (size == .full ? [(5000, 20)] : [])
  for (number, (n, k)) in shapes.enumerated() {
    for (variant, options) in variants.enumerated() {
      let d = [1, 0, 15, 16, 17, 33, 64, 65, 79, 5, 3][number]
      var random = SplitMix64(seed: UInt64(n + variant))
      let x = random.floats(n * d)
      let s = scores(n, &random)
      let plan = try SoftTopKPlan(
        scores: Matrix(rows: n, columns: 1, s), over: Ragged(lengths: [n]), count: k,
        options: options, on: execution)
      var y = try Matrix(rows: k, columns: d, Array(repeating: .nan, count: k * d))
      try softTopK(Matrix(rows: n, columns: d, x), plan, into: &y, on: execution)
      let label =
        "softTopK \(n) to \(k)×\(d) variant \(variant) seed \(n + variant) \(execution.label)"

      var length = k
      while length < n { length *= 2 }
      let padded = s + Array(repeating: 1e-5, count: length - n)
      let model = execution.model
      let contract = model.softTopKRounds(padded, count: k, options: options) {
        apply(.exp, $0, on: execution)
      }
      let rounds = plan.rounds(of: 0)
      report.expect(rounds == contract.rounds, "\(label): other pairs or weights")
      report.expectSameBits(plan.scores.elements, contract.scores, "\(label), scores, contract")
      let tokens = model.softTopKTokens(contract.rounds, others: contract.others, count: k)
      report.expectSameBits(
        y.elements, tokens.flatMap { model.blend(x, rows: n, columns: d, $0) }, "\(label), contract"
      )

      let oracle = SoftTopKOracle(
        scores: padded.map(Double.init), rounds: rounds, base: options.base)
      let exact = oracle.blend(x.map(Double.init), columns: d)
      report.expectWithin(y.elements, d == 0 ? [] : exact.values, tolerance: exact.tolerance, label)
      let results = oracle.scores[rounds.count]
      report.expect(results.allSatisfy { $0.error < 1e-3 }, "\(label): the tolerance is too wide")
      report.expectWithin(plan.scores.elements, results, "\(label), scores")
    }
  }
}

private func softTopKGradientIsWithinTheBound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for (number, (n, k)) in [(0, 2), (2, 3), (2, 1), (13, 4), (64, 4), (257, 16), (600, 5)]
    .enumerated()
  {
    for (variant, options) in variants.enumerated() {
      let d = [3, 1, 15, 16, 33, 65, 130][number]
      var random = SplitMix64(seed: UInt64(n + variant))
      let x = random.floats(n * d)
      let s = scores(n, &random)
      let dy = random.floats(k * d)
      let ds = random.floats(k)
      let plan = try SoftTopKPlan(
        scores: Matrix(rows: n, columns: 1, s), over: Ragged(lengths: [n]), count: k,
        options: options, on: execution)
      let rounds = plan.rounds(of: 0)
      let padded = s + Array(repeating: 1e-5, count: (k << rounds.count) - n)
      let oracle = SoftTopKOracle(
        scores: padded.map(Double.init), rounds: rounds, base: options.base)
      for hasScores in [true, false] {
        var dx = try Matrix(rows: n, columns: d, Array(repeating: .nan, count: n * d))
        var dscores = try Matrix(rows: n, columns: 1, Array(repeating: .nan, count: n))
        try softTopKGradient(
          Matrix(rows: n, columns: d, x), plan, upstream: Matrix(rows: k, columns: d, dy),
          upstreamScores: hasScores ? Matrix(rows: k, columns: 1, ds) : nil, into: &dx,
          scores: &dscores, on: execution)
        let exact = oracle.gradient(
          x.map(Double.init), columns: d, upstream: dy.map(Double.init),
          upstreamScores: hasScores ? ds.map(Double.init) : Array(repeating: 0, count: k))
        let label =
          "softTopKGradient \(n) to \(k)×\(d) variant \(variant) seed \(n + variant) "
          + execution.label
        report.expectWithin(dx.elements, exact.x, label)
        let largest = exact.scores.reduce(1) { max($0, abs($1.value)) }
        report.expect(
          exact.scores.allSatisfy { $0.error < 1e-2 * largest },
          "\(label): the tolerance is too wide")
        report.expectWithin(dscores.elements, exact.scores, "\(label), scores")
      }
    }
  }
}

/// The oracle's gradient against central differences of its forward pass, all in Double.
private func softTopKOracleAgreesWithDifferences(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let (n, k, d) = (13, 2, 3)
  for (variant, options) in variants.enumerated() {
    var random = SplitMix64(seed: UInt64(variant))
    var x = random.floats(n * d).map(Double.init)
    let given = scores(n, &random)
    let plan = try SoftTopKPlan(
      scores: Matrix(rows: n, columns: 1, given), over: Ragged(lengths: [n]), count: k,
      options: options, on: execution)
    let rounds = plan.rounds(of: 0)
    var s = given.map(Double.init) + Array(repeating: 1e-5, count: (k << rounds.count) - n)
    let dy = random.floats(k * d).map(Double.init)
    let ds = random.floats(k).map(Double.init)
    func loss() -> Double {
      let oracle = SoftTopKOracle(scores: s, rounds: rounds, base: options.base)
      let y = oracle.blend(x, columns: d).values
      return zip(y, dy).reduce(0) { $0 + $1.0 * $1.1 }
        + zip(oracle.scores[rounds.count], ds).reduce(0) { $0 + $1.0.value * $1.1 }
    }
    let exact = SoftTopKOracle(scores: s, rounds: rounds, base: options.base).gradient(
      x, columns: d, upstream: dy, upstreamScores: ds)
    // Error h² of the third derivative, at most (b·ln b)³, and 1e-16 / h.
    let h = 1e-5
    for i in x.indices {
      let centre = x[i]
      x[i] = centre + h
      let above = loss()
      x[i] = centre - h
      let slope = (above - loss()) / (2 * h)
      x[i] = centre
      report.expect(
        abs(slope - exact.x[i].value) < 1e-8,
        "dx[\(i)] = \(exact.x[i].value), differences \(slope), variant \(variant)")
    }
    for t in 0..<n {
      let centre = s[t]
      s[t] = centre + h
      let above = loss()
      s[t] = centre - h
      let slope = (above - loss()) / (2 * h)
      s[t] = centre
      report.expect(
        abs(slope - exact.scores[t].value) < 1e-5 * max(1, abs(slope)),
        "dscores[\(t)] = \(exact.scores[t].value), differences \(slope), variant \(variant)")
    }
  }
}

private func softTopKOfADocumentAloneEqualsInBatch(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let (k, d) = (6, 40)
  let lengths = [3, 257, 0, 1, 512, 40]
  let sequences = try Ragged(lengths: lengths)
  var random = SplitMix64(seed: 41)
  // The scores are a column of a wider matrix.
  var wide = try Matrix(
    rows: sequences.rows, columns: 3, scores(sequences.rows * 3, &random))
  var x = try Matrix(rows: sequences.rows, columns: d, random.floats(sequences.rows * d))
  // NaN in the second document stays there.
  wide[lengths[0] + 7, 1] = .nan
  x[lengths[0] + 9, 3] = .nan
  let s = wide.columns(1..<2)
  let dy = try Matrix(rows: lengths.count * k, columns: d, random.floats(lengths.count * k * d))
  func run(
    _ x: Matrix, _ s: Matrix, _ sequences: Ragged, _ dy: Matrix
  ) throws -> [Matrix] {
    let plan = try SoftTopKPlan(scores: s, over: sequences, count: k, on: execution)
    var y = try Matrix(rows: dy.rows, columns: d)
    try softTopK(x, plan, into: &y, on: execution)
    var dx = try Matrix(rows: x.rows, columns: d)
    var ds = try Matrix(rows: x.rows, columns: 1)
    try softTopKGradient(x, plan, upstream: dy, into: &dx, scores: &ds, on: execution)
    let hard = try HardTopKPlan(scores: s, over: sequences, count: k, on: execution)
    var z = try Matrix(rows: dy.rows, columns: d)
    try hardTopK(x, hard, into: &z, on: execution)
    return [y, plan.scores, z, hard.scores, dx, ds]
  }
  let all = try run(x, s, sequences, dy)
  for i in 0..<sequences.count {
    let range = sequences[i]
    let results = i * k..<(i + 1) * k
    let alone = try run(
      x.rows(range), s.rows(range), Ragged(lengths: [range.count]), dy.rows(results))
    for (place, (found, expected)) in zip(all, alone).enumerated() {
      report.expectSameBits(
        found.rows(place < 4 ? results : range).elements, expected.elements,
        "softTopK of document \(i) of \(lengths) seed 41, result \(place) \(execution.label)")
    }
  }
}

private func softTopKEdges(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  func run(
    _ s: [Float], _ x: [Float], _ k: Int, _ options: SoftTopKOptions = .init()
  ) throws -> (y: [Float], scores: [Float]) {
    let plan = try SoftTopKPlan(
      scores: Matrix(rows: s.count, columns: 1, s), over: Ragged(lengths: [s.count]), count: k,
      options: options, on: execution)
    var y = try Matrix(rows: k, columns: 1, Array(repeating: .nan, count: k))
    try softTopK(Matrix(rows: s.count, columns: 1, x), plan, into: &y, on: execution)
    return (y.elements, plan.scores.elements)
  }
  let label = execution.label
  var found = try run([0.25, 0.5], [-0.0, 3], 4)
  report.expectSameBits(found.y, [-0.0, 3, 0, 0], "k above n \(label)")
  report.expectSameBits(found.scores, [0.25, 0.5, 1e-5, 1e-5], "k above n, scores \(label)")
  found = try run([], [], 2)
  report.expectSameBits(found.y, [0, 0], "nothing \(label)")
  found = try run([0.5, 0.5], [1, 2], 1)
  report.expectSameBits(found.y, [1.5], "a tie \(label)")
  report.expectSameBits(found.scores, [0.5], "a tie, score \(label)")
  found = try run([.infinity, 0.5], [1, 2], 1)
  report.expectSameBits(found.y, [1], "∞ against a number \(label)")
  report.expectSameBits(found.scores, [.infinity], "∞ against a number, score \(label)")
  found = try run([.infinity, .infinity], [1, 2], 1)
  report.expectSameBits(found.y, [1.5], "two infinite scores \(label)")
  found = try run([-.infinity, .infinity], [1, 2], 1)
  report.expectSameBits(found.scores, [.infinity], "-∞ against ∞ \(label)")
  found = try run([40, 50], [1, 2], 1)
  report.expectSameBits(found.y, [2], "powers that overflow \(label)")
  // NaN ranks last, so it meets the best and spoils that result alone.
  found = try run([0.5, .nan, 0.75, 0.625], [1, 2, 3, 4], 2)
  report.expect(found.y[0].isNaN && found.scores[0].isNaN, "NaN score: \(found) \(label)")
  report.expect(found.y[1].isFinite && found.scores[1].isFinite, "beside NaN: \(found) \(label)")
  found = try run([0.5, 0.25, 0.75, 0.625], [1, .nan, 3, 4], 2)
  report.expect(found.y[0].isNaN && found.y[1].isFinite, "NaN vector: \(found) \(label)")

  // A pair whose better score takes all passes g to it alone.
  let plan = try SoftTopKPlan(
    scores: Matrix(rows: 2, columns: 1, [50, 40]), over: Ragged(lengths: [2]), count: 1,
    on: execution)
  var dx = try Matrix(rows: 2, columns: 1)
  var ds = try Matrix(rows: 2, columns: 1)
  try softTopKGradient(
    Matrix(rows: 2, columns: 1, [1, 2]), plan, upstream: Matrix([3]), upstreamScores: Matrix([7]),
    into: &dx, scores: &ds, on: execution)
  report.expectSameBits(dx.elements, [3, 0], "gradient where one takes all \(label)")
  report.expectSameBits(ds.elements, [7, 0], "score gradient where one takes all \(label)")
  var none = try Matrix(rows: 0, columns: 5)
  let empty = try SoftTopKPlan(
    scores: Matrix(rows: 0, columns: 1), over: Ragged(), count: 3, on: execution)
  try softTopK(Matrix(rows: 0, columns: 5), empty, into: &none, on: execution)
  report.expect(empty.scores.rows == 0, "no documents \(label)")
}

private func blendAndSpreadAreChains(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let model = execution.model
  for (number, columns) in [0, 1, 15, 16, 17, 33, 63, 64, 65, 130].enumerated() {
    for group in [1, 2, 3, 4, 5, 7, 8, 9, 16, 23] {
      var random = SplitMix64(seed: UInt64(columns + group))
      let (rows, results) = (3 * group, 3)
      let x = random.floats(rows * columns)
      // A permutation; one entry in five is no row of x.
      var tokens = (0..<rows).map { Int32($0) }
      for i in tokens.indices.reversed() { tokens.swapAt(i, random.below(i + 1)) }
      for i in tokens.indices where random.below(5) == 0 {
        tokens[i] = i % 2 == 0 ? -1 : Int32(rows + i)
      }
      let weights = random.floats(rows)
      let source = GuardedMatrix(
        rows: rows, columns: columns, gap: number % 3, at: placement(number), x)
      let y = GuardedMatrix(
        rows: results, columns: columns, gap: number % 2, at: placement(number + 1))
      let dy = GuardedMatrix(
        rows: results, columns: columns, gap: 1, at: placement(number + 2),
        random.floats(results * columns))
      let dx = GuardedMatrix(
        rows: rows, columns: columns, gap: number % 2, at: placement(number + 1),
        Array(repeating: 9, count: rows * columns))
      let dots = GuardedMatrix([Float](repeating: 8, count: rows), at: placement(number))
      var places = [Int32](repeating: -1, count: rows)
      for (i, token) in tokens.enumerated() where token >= 0 && token < rows {
        places[Int(token)] = Int32(i)
      }
      tokens.withUnsafeBufferPointer { tokens in
        places.withUnsafeBufferPointer { places in
          weights.withUnsafeBufferPointer { weights in
            guard let t = tokens.baseAddress, let p = places.baseAddress,
              let w = weights.baseAddress
            else { return }
            execution.table.topK.blendRows(source.view, t, w, group, y.target)
            execution.table.topK.spreadRows(
              dy.view, source.view, p, w, group, dx.target, dots.target.base)
          }
        }
      }
      let label = "blendRows \(group)×\(columns) seed \(columns + group) \(execution.label)"
      report.expectIntact(y, label)
      report.expectIntact(dx, label)
      report.expectIntact(dots, label)
      report.expectSameBits(
        y.elements,
        (0..<results).flatMap { j in
          model.blend(
            x, rows: rows, columns: columns,
            (j * group..<(j + 1) * group).map { (Int(tokens[$0]), weights[$0]) })
        }, label)
      var gradient = [Float](repeating: 0, count: rows * columns)
      var products = [Float](repeating: 0, count: rows)
      let upstream = dy.elements
      for (i, token) in tokens.enumerated() where token >= 0 && token < rows {
        let g = Array(upstream[i / group * columns..<(i / group + 1) * columns])
        let row = Array(x[Int(token) * columns..<(Int(token) + 1) * columns])
        for j in 0..<columns { gradient[Int(token) * columns + j] = weights[i] * g[j] }
        products[Int(token)] = model.innerProduct(g, row)
      }
      report.expectSameBits(dx.elements, gradient, "\(label), spread")
      report.expectSameBits(dots.elements, products, "\(label), dots")
    }
  }
}

private func hardTopKSelects(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let lengths = [5, 0, 300, 2]
  let sequences = try Ragged(lengths: lengths)
  for (d, k) in [(1, 1), (17, 3), (64, 40), (5, 290)] {
    for keepsOrder in [false, true] {
      var random = SplitMix64(seed: UInt64(d))
      let x = random.floats(sequences.rows * d)
      let s = (0..<sequences.rows).map { _ in
        k == 290 ? specials[random.below(specials.count)] : Float(random.below(50))
      }
      let dy = random.floats(lengths.count * k * d)
      let plan = try HardTopKPlan(
        scores: Matrix(rows: s.count, columns: 1, s), over: sequences, count: k,
        keepsOrder: keepsOrder, on: execution)
      var y = try Matrix(rows: lengths.count * k, columns: d, dy.map { _ in .nan })
      try hardTopK(Matrix(rows: s.count, columns: d, x), plan, into: &y, on: execution)
      var dx = try Matrix(rows: s.count, columns: d, x.map { _ in .nan })
      try hardTopKGradient(
        plan, upstream: Matrix(rows: lengths.count * k, columns: d, dy), into: &dx, on: execution)
      var expected: [Float] = []
      var expectedScores: [Float] = []
      var gradient = [Float](repeating: 0, count: x.count)
      for i in 0..<sequences.count {
        let first = sequences[i].lowerBound
        var chosen = Array(rankOracle(Array(s[sequences[i]])).prefix(k))
        if keepsOrder { chosen.sort() }
        for (j, t) in chosen.enumerated() {
          for c in 0..<d { gradient[(first + t) * d + c] = dy[(i * k + j) * d + c] }
        }
        expected += chosen.flatMap { x[(first + $0) * d..<(first + $0 + 1) * d] }
        expected += Array(repeating: 0, count: (k - chosen.count) * d)
        expectedScores +=
          chosen.map { s[first + $0] } + Array(repeating: 0, count: k - chosen.count)
      }
      let label = "hardTopK \(k)×\(d) in order \(keepsOrder) seed \(d) \(execution.label)"
      report.expectSameBits(y.elements, expected, label)
      report.expectSameBits(plan.scores.elements, expectedScores, "\(label), scores")
      report.expectSameBits(dx.elements, gradient, "\(label), gradient")
    }
  }
  // Copies are exact: zeros keep their sign, NaN and ∞ pass.
  let plan = try HardTopKPlan(
    scores: Matrix(rows: 3, columns: 1, [.nan, 1, 2]), over: Ragged(lengths: [3]), count: 3,
    on: execution)
  var y = try Matrix(rows: 3, columns: 1)
  try hardTopK(Matrix(rows: 3, columns: 1, [.nan, -0.0, .infinity]), plan, into: &y, on: execution)
  report.expectSameBits(y.elements, [.infinity, -0.0, .nan], "hardTopK edges \(execution.label)")
}

private func iterativeTopKIsWithinTheBound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for (number, (n, k)) in [(1, 1), (2, 2), (17, 3), (300, 70)].enumerated() {
    for alpha: Float in [0, 1, 30] {
      let d = [1, 16, 17, 33][number]
      var random = SplitMix64(seed: UInt64(n))
      let x = random.floats(2 * n * d)
      let s = random.floats(2 * n)
      var y = try Matrix(rows: 2 * k, columns: d, Array(repeating: .nan, count: 2 * k * d))
      var pooled = try Matrix(rows: 2 * k, columns: 1)
      try iterativeTopK(
        Matrix(rows: 2 * n, columns: d, x), scores: Matrix(rows: 2 * n, columns: 1, s),
        over: Ragged(lengths: [n, n]), count: k, alpha: alpha, into: &y, scores: &pooled,
        on: execution)
      for i in 0..<2 {
        let exact = iterativeTopKOracle(
          x[i * n * d..<(i + 1) * n * d].map(Double.init),
          scores: s[i * n..<(i + 1) * n].map(Double.init), count: k, alpha: Double(alpha))
        let label = "iterativeTopK \(n) to \(k)×\(d) α \(alpha) seed \(n) \(execution.label)"
        report.expectWithin(
          y.rows(i * k..<(i + 1) * k).elements, exact.y, tolerance: exact.tolerance, label)
        report.expectWithin(
          pooled.rows(i * k..<(i + 1) * k).elements, exact.scores, tolerance: exact.scoreTolerance,
          "\(label), scores")
      }
    }
  }
}

/// The largest score becomes -10000: the first of equal ones, a NaN before all others.
///
/// A result is that of the scores as they then are, so the bits are those of a call with such scores.
private func iterativeTopKEdges(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let (n, k, d) = (5, 3, 20)
  var random = SplitMix64(seed: 17)
  let x = random.floats(n * d)
  /// The results of documents that share their tokens, each with its score behind it.
  func run(_ documents: [[Float]]) throws -> [[Float]] {
    let count = documents.count
    var y = try Matrix(rows: count * k, columns: d)
    var pooled = try Matrix(rows: count * k, columns: 1)
    try iterativeTopK(
      Matrix(rows: count * n, columns: d, documents.flatMap { _ in x }),
      scores: Matrix(rows: count * n, columns: 1, documents.flatMap { $0 }),
      over: Ragged(lengths: documents.map(\.count)), count: k, into: &y, scores: &pooled,
      on: execution)
    return (0..<count * k).map { y.rows($0..<$0 + 1).elements + [pooled[$0, 0]] }
  }
  func expect(_ found: [Float], _ scores: [Float], _ what: String) throws {
    report.expectSameBits(
      found, try run([scores])[0], "iterativeTopK, \(what) seed 17 \(execution.label)")
  }
  let nothing = [Float](repeating: .nan, count: d + 1)
  let taken: Float = -10000
  let ties = try run([[0.5, 2, -1, 2, 0.25]])
  try expect(ties[1], [0.5, taken, -1, 2, 0.25], "the first of two is taken")
  try expect(ties[2], [0.5, taken, -1, taken, 0.25], "then the second")
  let missing = try run([[0.5, .nan, -1, .nan, 0.25]])
  report.expectSameBits(missing[0] + missing[1], nothing + nothing, "iterativeTopK, NaN scores")
  try expect(missing[2], [0.5, taken, -1, taken, 0.25], "NaN scores are taken first")
  let infinite = try run([[0.5, .infinity, -1, 2, 0.25]])
  report.expectSameBits(infinite[0], nothing, "iterativeTopK, an infinite score")
  try expect(infinite[1], [0.5, taken, -1, 2, 0.25], "an infinite score is taken")
  let batch = try run([
    [0.5, 2, -1, 2, 0.25], [0.5, .nan, -1, .nan, 0.25], [0.5, 2, -1, 2, 0.25],
  ])
  report.expectSameBits(
    batch.flatMap { $0 }, (ties + missing + ties).flatMap { $0 },
    "iterativeTopK, NaN in a batch \(execution.label)")
}

/// The family's part of ``operatorBattery(on:)``.
func topKBattery(on execution: Execution) throws -> [BatteryResult] {
  var results: [BatteryResult] = []
  func note(_ name: String, _ matrix: Matrix) {
    results.append(BatteryResult(name: name, elements: matrix.elements))
  }
  var random = SplitMix64(seed: 88_001)
  func matrix(_ rows: Int, _ columns: Int) throws -> Matrix {
    try Matrix(rows: rows, columns: columns, random.floats(rows * columns))
  }
  let (k, d) = (7, 96)
  let sequences = try Ragged(lengths: [300, 5, 257, 64])
  let n = sequences.rows
  let x = try matrix(n, d)
  let scores = try Matrix(rows: n, columns: 1, random.floats(n).map { $0 * 0.5 + 0.5 })
  let dy = try matrix(4 * k, d)
  var y = try Matrix(rows: 4 * k, columns: d)
  var dx = try Matrix(rows: n, columns: d)
  var ds = try Matrix(rows: n, columns: 1)
  let plan = try SoftTopKPlan(scores: scores, over: sequences, count: k, on: execution)
  note("softTopK scores", plan.scores)
  try softTopK(x, plan, into: &y, on: execution)
  note("softTopK", y)
  try softTopKGradient(
    x, plan, upstream: dy, upstreamScores: matrix(4 * k, 1), into: &dx, scores: &ds, on: execution)
  note("softTopKGradient", dx)
  note("softTopKGradient scores", ds)
  let hard = try HardTopKPlan(scores: scores, over: sequences, count: k, on: execution)
  try hardTopK(x, hard, into: &y, on: execution)
  note("hardTopK", y)
  try hardTopKGradient(hard, upstream: dy, into: &dx, on: execution)
  note("hardTopKGradient", dx)
  var few = try Matrix(rows: 4 * 5, columns: d)
  var fewScores = try Matrix(rows: 4 * 5, columns: 1)
  try iterativeTopK(
    x, scores: scores, over: sequences, count: 5, into: &few, scores: &fewScores, on: execution)
  note("iterativeTopK", few)
  note("iterativeTopK scores", fewScores)
  return try results + poolingGradientBattery(on: execution)
}
