// Poolings over tokens, gather and fusion.

internal import Tarn
internal import TarnKernelInterface

/// The checks of this file.
public let poolingChecks: [KernelCheck] =
  [
    KernelCheck("masked mean", maskedMeanMeetsBoundAndContract),
    KernelCheck("masked mean, masked NaN", maskedMeanSkipsMaskedTokens),
    KernelCheck("segment max", segmentMaxIsExact),
    KernelCheck("segment max, tiles", segmentMaxTileAfterTileEqualsAtOnce),
    KernelCheck("neighbour max", neighbourMaxIsExact),
    KernelCheck("maxima, NaN and zeros", maximaPropagateNaN),
    KernelCheck("gather", gatherCopiesAndAdds),
    KernelCheck("fuse", fuseMeetsTheContract),
    KernelCheck("sum rows, accumulate, divide", sumsAreChains),
  ] + poolingGradientChecks

private let widths = [1, 15, 16, 17, 33, 64, 65]

private func maskedMeanMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let lengths = [1, 0, 255, 256, 257, 1000, 3]
  let sequences = try Ragged(lengths: lengths)
  for columns in [1, 17, 48] {
    for period in [0, 2, 7] {
      var random = SplitMix64(seed: UInt64(columns + period))
      let x = random.floats(sequences.rows * columns)
      let keep = period == 0 ? nil : random.flags(sequences.rows, oneFalseIn: period)
      var y = try Matrix(rows: lengths.count, columns: columns)
      let matrix = try Matrix(rows: sequences.rows, columns: columns, x)
      try maskedMean(matrix, over: sequences, keep: keep, into: &y, on: execution)
      for s in 0..<sequences.count {
        let range = sequences[s]
        let part = Array(x[range.lowerBound * columns..<range.upperBound * columns])
        let flags = keep.map { Array($0[range]) }
        let label =
          "maskedMean \(range.count)×\(columns) one false in \(period) seed "
          + "\(columns + period) \(execution.label)"
        let found = y.rows(s..<s + 1).elements
        report.expectSameBits(
          found,
          execution.model.mean(part, rows: range.count, columns: columns, keep: flags),
          "\(label), contract")
        let exact = meanOracle(part, rows: range.count, columns: columns, keep: flags)
        let bound = Double(min(256, range.count) + range.count / 256 + 1) * unitRoundoff
        report.expectWithin(
          found, exact.values, tolerance: exact.magnitudes.map { $0 * bound }, label)
      }
    }
  }
}

/// What is masked is not read into the sum, not even NaN; nothing kept gives NaN.
private func maskedMeanSkipsMaskedTokens(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let sequences = try Ragged(lengths: [3, 2])
  let x = try Matrix(rows: 5, columns: 1, [1, .nan, 3, 5, .infinity])
  var y = try Matrix(rows: 2, columns: 1)
  try maskedMean(
    x, over: sequences, keep: [true, false, true, false, false], into: &y, on: execution)
  report.expectSameBits(y.elements, [2, .nan], "maskedMean beside masked NaN \(execution.label)")
}

private func segmentMaxIsExact(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, columns) in widths.enumerated() {
    for tokens in [0, 1, 2, 40] {
      for segments in [1, 3, 9] {
        var random = SplitMix64(seed: UInt64(tokens))
        let x = random.floats(tokens * columns)
        let labels = (0..<tokens).map { _ in Int32(random.below(segments)) }
        let source = GuardedMatrix(
          rows: tokens, columns: columns, gap: number % 3, at: placement(number), x)
        let start = [Float](repeating: -.infinity, count: segments * columns)
        let maxima = GuardedMatrix(
          rows: segments, columns: columns, gap: number % 2, at: placement(number + 1), start)
        labels.withUnsafeBufferPointer {
          if let base = $0.baseAddress {
            execution.table.pooling.segmentMax(source.view, base, maxima.target)
          }
        }
        let label = "segmentMax \(tokens)×\(columns) \(segments) segments \(execution.label)"
        report.expectIntact(maxima, label)
        report.expectSameBits(
          maxima.elements,
          segmentMaxOracle(x, columns: columns, labels: labels, segments: segments), label)
      }
    }
  }
}

private func segmentMaxTileAfterTileEqualsAtOnce(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  var random = SplitMix64(seed: 12)
  let x = try Matrix(rows: 100, columns: 130, random.floats(100 * 130))
  let labels = (0..<100).map { _ in Int32(random.below(7)) }
  let start = try Matrix(
    rows: 8, columns: 130, [Float](repeating: -.infinity, count: 8 * 130))
  var atOnce = start
  try segmentMax(x, labels: labels, into: &atOnce, on: execution)
  report.expectSameBits(
    atOnce.elements, segmentMaxOracle(x.elements, columns: 130, labels: labels, segments: 8),
    "segmentMax 100×130 \(execution.label)")
  for tile in [1, 7, 64] {
    var maxima = start
    for first in stride(from: 0, to: 100, by: tile) {
      let range = first..<min(first + tile, 100)
      try segmentMax(x.rows(range), labels: Array(labels[range]), into: &maxima, on: execution)
    }
    report.expectSameBits(
      maxima.elements, atOnce.elements, "segmentMax in tiles of \(tile) \(execution.label)")
  }
}

/// Every combination of neighbours, on either side of the fill.
private func neighbourMaxIsExact(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let codes = (0..<8).map {
    WindowNeighbours(
      hasLeftRow: $0 & 1 != 0, hasRightRow: $0 & 2 != 0, hasFill: $0 & 4 != 0)
  }
  for (number, columns) in widths.enumerated() {
    for fill in [Float(-10000), 0.25] {
      var random = SplitMix64(seed: UInt64(columns))
      let tokens = 24
      let x = random.floats((tokens + 2) * columns)
      let neighbours = (0..<tokens).map { codes[($0 * 5) % 8] }
      let source = GuardedMatrix(
        rows: tokens + 2, columns: columns, gap: number % 3, at: placement(number), x)
      let y = GuardedMatrix(
        rows: tokens, columns: columns, gap: number % 2, at: placement(number + 1))
      neighbours.withUnsafeBufferPointer {
        if let base = $0.baseAddress {
          execution.table.pooling.neighbourMax(source.view, base, fill, y.target)
        }
      }
      let label = "neighbourMax \(tokens)×\(columns) fill \(fill) \(execution.label)"
      report.expectIntact(y, label)
      report.expectSameBits(
        y.elements, neighbourMaxOracle(x, columns: columns, neighbours: neighbours, fill: fill),
        label)
    }
  }
}

/// NaN wins on either side and in either order; of two zeros the first token's stays.
private func maximaPropagateNaN(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for columns in [3, 16, 18] {
    for position in 0..<4 {
      var elements = (0..<4).flatMap { t in (0..<columns).map { Float(t * 100 + $0) } }
      let column = position % columns
      elements[position * columns + column] = .nan
      elements[position * columns + (column + 1) % columns] = .infinity
      let x = try Matrix(rows: 4, columns: columns, elements)
      let label = "with NaN in row \(position) of 4×\(columns) \(execution.label)"
      var y = x
      try slidingMax(x, over: Ragged(lengths: [4]), window: 3, into: &y, on: execution)
      report.expectSameBits(
        y.elements, slidingMaxOracle(elements, rows: 4, columns: columns, window: 3),
        "slidingMax \(label)")
      var m = try Matrix(
        rows: 2, columns: columns, [Float](repeating: -.infinity, count: 2 * columns))
      try segmentMax(x, labels: [0, 1, 0, 1], into: &m, on: execution)
      let found = m.elements
      report.expectSameBits(
        found, segmentMaxOracle(elements, columns: columns, labels: [0, 1, 0, 1], segments: 2),
        "segmentMax \(label)")
      report.expect(
        found.filter(\.isNaN).count == 1, "segmentMax \(label): NaN in other places")
    }
    let zeros = (0..<2 * columns).map { Float($0 < columns ? -0.0 : 0) }
    let x = try Matrix(rows: 2, columns: columns, zeros)
    var y = x
    try slidingMax(x, over: Ragged(lengths: [2]), window: 3, into: &y, on: execution)
    report.expectSameBits(
      y.elements, [Float](repeating: -0.0, count: 2 * columns),
      "slidingMax of -0 and 0 \(execution.label)")
  }
}

private func gatherCopiesAndAdds(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for (number, columns) in widths.enumerated() {
    for count in [0, 1, 5, 200] {
      var random = SplitMix64(seed: UInt64(count))
      let table = random.floats(9 * columns)
      let start = random.floats(count * columns)
      let indices = (0..<count).map { _ in Int32(random.below(9)) }
      let expected = gatherOracle(table, columns: columns, indices: indices)
      let source = GuardedMatrix(
        rows: 9, columns: columns, gap: number % 2, at: placement(number), table)
      for adding in [false, true] {
        let y = GuardedMatrix(
          rows: count, columns: columns, gap: number % 3, at: placement(number + count),
          adding ? start : nil)
        indices.withUnsafeBufferPointer {
          if let base = $0.baseAddress {
            execution.table.memory.gather(source.view, base, adding, y.target)
          }
        }
        let label = "gather \(count)×\(columns) adding \(adding) \(execution.label)"
        report.expectIntact(y, label)
        report.expectSameBits(
          y.elements, adding ? expected.indices.map { start[$0] + expected[$0] } : expected, label)
      }
    }
  }
  let table = try Matrix(rows: 3, columns: 2, [0, 1, 10, 11, 20, 21])
  var y = try Matrix(rows: 4, columns: 2)
  try gather(table, [0, 2, 1][1...], into: &y, at: 1, on: execution)
  report.expectSameBits(
    y.elements, [0, 0, 20, 21, 10, 11, 0, 0], "gather a slice at row 1 \(execution.label)")
}

private func fuseMeetsTheContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let kinds: [FusionKind] = [
    .full, .globalOnly, .masked, .full, .full, .masked, .globalOnly, .full,
  ]
  for (number, columns) in widths.enumerated() {
    var random = SplitMix64(seed: UInt64(columns))
    let tokens = 40
    let plan = (0..<tokens).map { kinds[$0 % 8] }
    let sequences = (0..<tokens).map { Int32($0 / 15) }
    let labels = (0..<tokens).map { _ in Int32(random.below(6)) }
    let v = random.floats(3 * columns)
    let maxima = random.floats(6 * columns)
    let o = random.floats(tokens * columns)
    let local = random.floats(tokens * columns)
    let expected = fuseOracle(
      execution.model, kinds: plan, v: v, sequences: sequences, maxima: maxima, labels: labels,
      o: o, local: local, columns: columns)
    func memory(_ rows: Int, _ offset: Int, _ elements: [Float]?) -> GuardedMatrix {
      GuardedMatrix(
        rows: rows, columns: columns, gap: (number + offset) % 3, at: placement(number + offset),
        elements)
    }
    func fused(_ o: GuardedMatrix, _ local: GuardedMatrix, _ c: GuardedMatrix) -> [Float] {
      let global = memory(3, 0, v)
      let segments = memory(6, 1, maxima)
      plan.withUnsafeBufferPointer { plan in
        sequences.withUnsafeBufferPointer { sequences in
          labels.withUnsafeBufferPointer { labels in
            if let k = plan.baseAddress, let s = sequences.baseAddress, let l = labels.baseAddress {
              execution.table.pooling.fuse(
                k, global.view, s, segments.view, l, o.view, local.view, c.target)
            }
          }
        }
      }
      report.expectIntact(c, "fuse \(tokens)×\(columns) \(execution.label)")
      return c.elements
    }
    let label = "fuse \(tokens)×\(columns) seed \(columns) \(execution.label)"
    report.expectSameBits(
      fused(memory(tokens, 1, o), memory(tokens, 2, local), memory(tokens, 0, nil)), expected,
      label)
    let overO = memory(tokens, 1, o)
    report.expectSameBits(
      fused(overO, memory(tokens, 2, local), overO), expected, "\(label) into o")
    let overLocal = memory(tokens, 2, local)
    report.expectSameBits(
      fused(memory(tokens, 1, o), overLocal, overLocal), expected, "\(label) into local")
  }
}

/// The parts of the mean, on guarded memory.
private func sumsAreChains(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, columns) in widths.enumerated() {
    for count in [0, 1, 3, 4, 5, 9] {
      var random = SplitMix64(seed: UInt64(count))
      let x = random.floats(count * columns)
      let keep = random.flags(count, oneFalseIn: 3)
      let source = GuardedMatrix(
        rows: count, columns: columns, gap: number % 3, at: placement(number), x)
      for (flags, isNear) in [(nil, true), (nil, false), (keep, true), (keep, false)] {
        let sum = GuardedMatrix(rows: 1, columns: columns, at: placement(number + 1))
        withOptionalFlags(flags) {
          execution.table.pooling.sumRows(source.view, $0, isNear, sum.target.base)
        }
        var expected = [Float](repeating: 0, count: columns)
        for t in 0..<count where flags?[t] ?? true {
          for j in 0..<columns { expected[j] += x[t * columns + j] }
        }
        let label =
          "sumRows \(count)×\(columns) flags \(flags != nil) near \(isNear) \(execution.label)"
        report.expectIntact(sum, label)
        report.expectSameBits(sum.elements, expected, label)
      }
    }
    var random = SplitMix64(seed: 99)
    let x = random.floats(columns)
    let y = random.floats(columns)
    let source = GuardedMatrix(x, at: placement(number))
    let target = GuardedMatrix(y, at: placement(number + 1))
    execution.table.pooling.accumulate(source.view.base, 0.3, 0.7, target.target.base, columns)
    report.expectIntact(target, "accumulate \(columns)")
    report.expectSameBits(
      target.elements, x.indices.map { execution.model.multiplyAdd(y[$0], 0.7, x[$0] * 0.3) },
      "accumulate \(columns) \(execution.label)")
    execution.table.pooling.divide(target.target.base, 3, columns)
    report.expectIntact(target, "divide \(columns)")
    report.expectSameBits(
      target.elements,
      x.indices.map { execution.model.multiplyAdd(y[$0], 0.7, x[$0] * 0.3) / 3 },
      "divide \(columns) \(execution.label)")
  }
}
