// Sliding and strided pooling over the rows of a sequence, and upsampling: checks and battery.

internal import Tarn
internal import TarnKernelInterface

/// The checks of this file.
public let windowChecks: [KernelCheck] = [
  KernelCheck("sliding windows, all edges", slidingKernelsMeetTheirBounds),
  KernelCheck("sliding windows, chunks", slidingWindowsMeetBoundAndContract),
  KernelCheck("sliding windows, NaN and infinities", specialValuesStayInTheirWindows),
  KernelCheck("sliding windows, batch", aSequenceAloneEqualsInBatch),
  KernelCheck("sliding windows, gradients", slidingGradientsMeetTheirBounds),
  KernelCheck("sliding windows, differences", gradientOraclesAgreeWithDifferences),
  KernelCheck("strided pooling", stridedPoolingFollowsItsWindows),
  KernelCheck("strided pooling, gradients", stridedGradientsFollowTheirWindows),
  KernelCheck("upsampling", upsamplingRepeatsAndSums),
]

private let widths = [0, 1, 15, 16, 17, 33, 64, 65, 130]

/// Values of which many are equal, both zeros among them.
private func tied(_ count: Int, _ random: inout SplitMix64) -> [Float] {
  (0..<count).map { _ in Float(random.below(4) - 2) * (random.below(2) == 0 ? 1 : -1) }
}

/// Roundings of a sum of n terms in blocks and chunks.
private func roundings(_ n: Int) -> Double { Double(min(256, n) + n / 256) * unitRoundoff }

private func doubles(_ x: [Float]) -> [Double] { x.map(Double.init) }

/// The kernels on guarded memory: exact maxima, sums in their bound, and by the contract.
private func slidingKernelsMeetTheirBounds(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let kernels = execution.table.windows
  let counts = size == .quick ? [1, 2, 33] : [0, 1, 2, 3, 33, 90]
  for (number, columns) in widths.enumerated() {
    for n in counts {
      for window in [1, 2, 3, 4, 5, 7, 40, .max] {
        for stride in [1, 2, 3, 10, .max] {
          let ranges = slidingRanges(tokens: n, window: window, stride: stride)
          let windows = TokenWindows(
            before: (window - 1) / 2, after: window / 2, stride: stride, tokens: n)
          var random = SplitMix64(seed: UInt64(n + columns))
          let x = columns % 2 == 0 ? random.floats(n * columns) : tied(n * columns, &random)
          let source = GuardedMatrix(
            rows: n, columns: columns, gap: number % 3, at: placement(number + n), x)
          let length = min(n, windows.length)
          let scratch = GuardedMatrix(
            rows: 1,
            columns: WindowKernels.blockScratch(
              rows: n, length: windows.length, columns: columns))
          for reduction in WindowReduction.allCases {
            let label =
              "\(reduction) \(n)×\(columns) window \(window) stride \(stride) seed "
              + "\(n + columns) \(execution.label)"
            let exact = windowOracle(reduction, doubles(x), columns: columns, windows: ranges)
            let rounded = reduction == .sum || reduction == .mean
            let bound =
              rounded ? roundings(length) + (reduction == .mean ? unitRoundoff : 0) : 0
            func compare(_ y: GuardedMatrix, _ label: String, isAlone: Bool) {
              report.expectIntact(y, label)
              report.expectWithin(
                y.elements, exact.values, tolerance: exact.magnitudes.map { $0 * bound }, label)
              if !rounded { report.expectSameBits(y.elements, exact.values.map(Float.init), label) }
              let contract = execution.model.slidingWindow(
                reduction, x, columns: columns, window: window, stride: isAlone ? .max : stride,
                windows: ranges)
              if rounded { report.expectSameBits(y.elements, contract, "\(label), contract") }
            }
            func target(_ gap: Int) -> GuardedMatrix {
              GuardedMatrix(
                rows: ranges.count, columns: columns, gap: gap, at: placement(number + n + 1))
            }
            let alone = target(number % 2)
            kernels.poolAlone(
              reduction, source.view, windows, 0..<ranges.count, alone.target)
            compare(alone, "poolAlone, \(label)", isAlone: true)
            if stride <= window && window > 4 {
              let sliding = target(1)
              kernels.poolBlocks(
                reduction, source.view, windows, sliding.target, scratch.target.base)
              report.expectIntact(scratch, "poolBlocks, \(label), scratch")
              compare(sliding, "poolBlocks, \(label)", isAlone: false)
            }
          }
        }
      }
    }
  }
}

private func slidingWindowsMeetBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let columns = 5
  for n in size == .quick ? [257] : [255, 256, 257, 700] {
    for window in [255, 256, 257, 600, 1025] {
      for stride in [1, 2, 255, 300, 1200] {
        var random = SplitMix64(seed: UInt64(n + window))
        let x = random.floats(n * columns)
        let dy = random.floats((n + stride - 1) / stride * columns)
        let ranges = slidingRanges(tokens: n, window: window, stride: stride)
        for reduction in WindowReduction.allCases {
          let label =
            "slidingWindow \(reduction) \(n)×\(columns) window \(window) stride \(stride) seed "
            + "\(n + window) \(execution.label)"
          var y = try Matrix(rows: ranges.count, columns: columns)
          let matrix = try Matrix(rows: n, columns: columns, x)
          let whole = try Ragged(lengths: [n])
          try slidingWindow(
            reduction, matrix, over: whole, window: window, stride: stride, into: &y,
            on: execution)
          let exact = windowOracle(reduction, doubles(x), columns: columns, windows: ranges)
          let isSum = reduction == .sum || reduction == .mean
          let bound = isSum ? roundings(min(n, window)) + unitRoundoff : 0
          report.expectWithin(
            y.elements, exact.values, tolerance: exact.magnitudes.map { $0 * bound }, label)
          guard isSum else { continue }
          report.expectSameBits(
            y.elements,
            execution.model.slidingWindow(
              reduction, x, columns: columns, window: window, stride: stride, windows: ranges),
            "\(label), contract")
          var dx = matrix
          try slidingWindowGradient(
            reduction, of: matrix, over: whole, window: window, stride: stride,
            upstream: Matrix(rows: ranges.count, columns: columns, dy), into: &dx, on: execution)
          report.expectSameBits(
            dx.elements,
            execution.model.slidingGradient(
              reduction, tokens: n, columns: columns, window: window, stride: stride,
              windows: ranges, upstream: dy), "\(label), gradient, contract")
        }
      }
    }
  }
}

/// NaN, infinities and overflow reach the windows that hold them and no others.
private func specialValuesStayInTheirWindows(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let n = 60
  for columns in [3, 16, 70] {
    for window in [2, 3, 9, 20] {
      for special in [Float.nan, .infinity, -.infinity, 3e38, -0.0] {
        for position in [0, 8, 9, 31, 59] {
          var random = SplitMix64(seed: UInt64(position))
          var x = random.floats(n * columns)
          let column = position % columns
          x[position * columns + column] = special
          if position > 0 { x[(position - 1) * columns + column] = special == 3e38 ? 3e38 : 0 }
          let ranges = slidingRanges(tokens: n, window: window, stride: 1)
          for reduction in WindowReduction.allCases {
            var y = try Matrix(rows: n, columns: columns)
            try slidingWindow(
              reduction, Matrix(rows: n, columns: columns, x), over: Ragged(lengths: [n]),
              window: window, into: &y, on: execution)
            let label =
              "\(reduction) window \(window) with \(special) in row \(position) of "
              + "\(n)×\(columns) \(execution.label)"
            let isSum = reduction == .sum || reduction == .mean
            let expected =
              isSum
              ? execution.model.slidingWindow(
                reduction, x, columns: columns, window: window, stride: 1, windows: ranges)
              : windowOracle(reduction, doubles(x), columns: columns, windows: ranges).values
                .map(Float.init)
            report.expectSameBits(y.elements, expected, label)
            let found = y.elements
            let isConfined = found.indices.allSatisfy {
              found[$0].isFinite || ranges[$0 / columns].contains(position)
                || ranges[$0 / columns].contains(position - 1)
            }
            report.expect(isConfined, "\(label): reached another window")
          }
        }
      }
    }
  }
}

private func aSequenceAloneEqualsInBatch(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let lengths = [5, 0, 1, 70, 0, 300, 2]
  let columns = 150
  let sequences = try Ragged(lengths: lengths)
  var random = SplitMix64(seed: 13)
  let x = try Matrix(
    rows: sequences.rows, columns: columns, random.floats(sequences.rows * columns))
  for window in [1, 3, 6, 64, 400, .max] {
    for stride in [1, 2, 7, .max] {
      let outputs = try sequences.strided(by: stride)
      let dy = try Matrix(
        rows: outputs.rows, columns: columns, random.floats(outputs.rows * columns))
      for reduction in WindowReduction.allCases {
        let label =
          "slidingWindow \(reduction) over \(lengths) window \(window) stride \(stride) "
          + execution.label
        var y = try Matrix(rows: outputs.rows, columns: columns)
        try slidingWindow(
          reduction, x, over: sequences, window: window, stride: stride, into: &y, on: execution)
        var dx = x
        try slidingWindowGradient(
          reduction, of: x, over: sequences, window: window, stride: stride, upstream: dy,
          into: &dx, on: execution)
        for s in 0..<sequences.count {
          let one = try Ragged(lengths: [lengths[s]])
          var alone = try Matrix(rows: outputs[s].count, columns: columns)
          try slidingWindow(
            reduction, x.rows(sequences[s]), over: one, window: window, stride: stride,
            into: &alone, on: execution)
          report.expectSameBits(
            y.rows(outputs[s]).elements, alone.elements, "\(label), sequence \(s)")
          if reduction == .maximum && stride == 1 {
            var local = alone
            try slidingMax(
              x.rows(sequences[s]), over: one, window: window, into: &local, on: execution)
            report.expectSameBits(local.elements, alone.elements, "slidingMax, \(label)")
          }
          var gradient = try Matrix(rows: lengths[s], columns: columns)
          try slidingWindowGradient(
            reduction, of: x.rows(sequences[s]), over: one, window: window, stride: stride,
            upstream: dy.rows(outputs[s]), into: &gradient, on: execution)
          report.expectSameBits(
            dx.rows(sequences[s]).elements, gradient.elements,
            "\(label), gradient of sequence \(s)")
        }
      }
    }
  }
}

/// The kernels on guarded memory, with ties.
private func slidingGradientsMeetTheirBounds(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let kernels = execution.table.windows
  for (number, columns) in widths.enumerated() {
    for n in size == .quick ? [1, 2, 33] : [0, 1, 2, 3, 33, 90] {
      for window in [1, 2, 3, 4, 5, 7, 8, 40, .max] {
        for stride in [1, 2, 3, 5, 10, .max] {
          let ranges = slidingRanges(tokens: n, window: window, stride: stride)
          let windows = TokenWindows(
            before: (window - 1) / 2, after: window / 2, stride: stride, tokens: n)
          let seed = UInt64(n + columns)
          var random = SplitMix64(seed: seed)
          var x = tied(n * columns, &random)
          if n * columns > 40 { x[40] = .nan }
          let dy = random.floats(ranges.count * columns)
          let source = GuardedMatrix(
            rows: n, columns: columns, gap: number % 3, at: placement(number + n), x)
          let upstream = GuardedMatrix(
            rows: ranges.count, columns: columns, gap: number % 2, at: placement(number + n + 1),
            dy)
          for reduction in WindowReduction.allCases {
            let label =
              "gradient of \(reduction) \(n)×\(columns) window \(window) stride \(stride) seed "
              + "\(seed) \(execution.label)"
            let dx = GuardedMatrix(
              rows: n, columns: columns, gap: (number + 1) % 3, at: placement(number + n + 2))
            let isSum = reduction == .sum || reduction == .mean
            let length = isSum ? (windows.length - 1) / windows.stride + 1 : windows.length
            let count =
              isSum
              ? WindowKernels.blockScratch(rows: ranges.count, length: length, columns: columns)
              : WindowKernels.choiceScratch(rows: n, length: length, columns: columns)
            let scratch = GuardedMatrix(rows: 1, columns: count)
            switch (isSum, stride >= window) {
            case (true, true):
              kernels.spreadAlone(
                upstream.view, windows, reduction == .mean, false, 0..<n, dx.target)
            case (true, false):
              kernels.spreadBlocks(
                upstream.view, windows, reduction == .mean, dx.target, scratch.target.base)
            case (false, true):
              kernels.chooseAlone(
                reduction == .maximum, source.view, windows, upstream.view, dx.target)
            case (false, false):
              let short = GuardedMatrix(rows: n, columns: columns)
              let tokens = GuardedMatrix(
                rows: 1,
                columns: WindowKernels.shortChoiceScratch(
                  length: windows.length, columns: columns))
              kernels.chooseShort(
                reduction == .maximum, source.view, windows, upstream.view, short.target,
                tokens.target.base)
              report.expectIntact(short, "\(label), short")
              report.expectIntact(tokens, "\(label), short, scratch")
              kernels.chooseBlocks(
                reduction == .maximum, source.view, windows, upstream.view, dx.target,
                scratch.target.base)
              report.expectSameBits(dx.elements, short.elements, "\(label), short")
            }
            report.expectIntact(dx, label)
            report.expectIntact(scratch, "\(label), scratch")
            let exact = windowGradientOracle(
              reduction, doubles(x), columns: columns, windows: ranges, upstream: doubles(dy))
            report.expectWithin(
              dx.elements, exact.values,
              tolerance: exact.magnitudes.indices.map {
                let v = exact.terms[$0]
                let bound = isSum ? roundings(v) + 2 * unitRoundoff : Double(v) * unitRoundoff
                return exact.magnitudes[$0] * bound
              }, label)
            if isSum {
              report.expectSameBits(
                dx.elements,
                execution.model.slidingGradient(
                  reduction, tokens: n, columns: columns, window: window, stride: stride,
                  windows: ranges, upstream: dy), "\(label), contract")
            }
          }
        }
      }
    }
  }
}

/// The gradient oracle against central differences of the oracle, without ties.
private func gradientOraclesAgreeWithDifferences(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let n = 12
  let columns = 2
  var random = SplitMix64(seed: 5)
  // A permutation: distinct values, at least 1 apart.
  let x = (0..<n * columns).map { Double($0 * 7 % (n * columns)) }
  var cases = [1, 2, 3, 5, 30].flatMap { window in
    [1, 2, 4].map { slidingRanges(tokens: n, window: window, stride: $0) }
  }
  cases.append(stridedRanges(tokens: n, stride: 2, separatesFirst: true, truncates: true))
  for windows in cases {
    let dy = doubles(random.floats(windows.count * columns))
    for reduction in WindowReduction.allCases {
      func value(_ x: [Double]) -> Double {
        zip(dy, windowOracle(reduction, x, columns: columns, windows: windows).values)
          .reduce(0) { $0 + $1.0 * $1.1 }
      }
      let gradient = windowGradientOracle(
        reduction, x, columns: columns, windows: windows, upstream: dy
      ).values
      for i in x.indices {
        var up = x
        var down = x
        up[i] += 0.25
        down[i] -= 0.25
        // The function is linear between ties: only roundings of Double remain.
        let difference = (value(up) - value(down)) / 0.5
        report.expect(
          abs(difference - gradient[i]) <= 1e-11,
          "gradient of \(reduction) over \(windows) at \(i): \(gradient[i]), difference \(difference)"
        )
      }
    }
  }
}

private let poolings: [StridedPooling] = [2, 3, 300].flatMap { stride in
  [(false, false), (true, false), (true, true), (false, true)].map {
    StridedPooling(stride: stride, separatesFirst: $0.0, truncates: $0.1)
  }
}

private func ranges(_ pooling: StridedPooling, tokens: Int) -> [Range<Int>] {
  stridedRanges(
    tokens: tokens, stride: pooling.stride, separatesFirst: pooling.separatesFirst,
    truncates: pooling.truncates)
}

private func stridedPoolingFollowsItsWindows(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  // The table of the definition, n = 7 and 8.
  let table: [(Int, Bool, Bool, [Range<Int>])] = [
    (8, true, true, [0..<1, 1..<3, 3..<5, 5..<7]),
    (8, true, false, [0..<1, 1..<3, 3..<5, 5..<7, 7..<8]),
    (8, false, false, [0..<2, 2..<4, 4..<6, 6..<8]),
    (7, true, true, [0..<1, 1..<3, 3..<5, 5..<6]),
    (7, true, false, [0..<1, 1..<3, 3..<5, 5..<7]),
    (7, false, false, [0..<2, 2..<4, 4..<6, 6..<7]),
  ]
  for (n, separates, truncates, windows) in table {
    report.expect(
      stridedRanges(tokens: n, stride: 2, separatesFirst: separates, truncates: truncates)
        == windows, "windows of \(n) tokens, separate \(separates), truncated \(truncates)")
  }
  let lengths = Array(0...9) + [257, 300]
  let sequences = try Ragged(lengths: lengths)
  for columns in [0, 1, 17, 70] {
    for pooling in poolings {
      for reduction in WindowReduction.allCases {
        var random = SplitMix64(seed: UInt64(columns))
        let x = random.floats(sequences.rows * columns)
        let outputs = try pooling.pooled(sequences)
        var y = try Matrix(rows: outputs.rows, columns: columns)
        try stridedPool(
          reduction, Matrix(rows: sequences.rows, columns: columns, x), over: sequences, pooling,
          into: &y, on: execution)
        for s in 0..<sequences.count {
          let label =
            "stridedPool \(reduction) \(lengths[s])×\(columns) \(pooling) \(execution.label)"
          let windows = ranges(pooling, tokens: lengths[s])
          report.expect(outputs[s].count == windows.count, "\(label): \(outputs[s].count) rows")
          report.expect(
            windows.indices.map { pooling.window($0, of: lengths[s]) } == windows,
            "\(label): windows")
          let tokens = sequences[s]
          let part = Array(x[tokens.lowerBound * columns..<tokens.upperBound * columns])
          let exact = windowOracle(reduction, doubles(part), columns: columns, windows: windows)
          let isSum = reduction == .sum || reduction == .mean
          let bound = isSum ? roundings(pooling.stride) + unitRoundoff : 0
          let found = y.rows(outputs[s]).elements
          report.expectWithin(
            found, exact.values, tolerance: exact.magnitudes.map { $0 * bound }, label)
          if isSum {
            report.expectSameBits(
              found,
              execution.model.slidingWindow(
                reduction, part, columns: columns, window: 1, stride: 1, windows: windows),
              "\(label), contract")
          }
        }
      }
    }
  }
  // A mask: kept if all are, or if one is; a dropped NaN is not read.
  let mask = try Matrix(rows: 6, columns: 1, [1, 1, 0, 1, 1, .nan])
  let funnel = StridedPooling(separatesFirst: true, truncates: true)
  var kept = try Matrix(rows: 3, columns: 1)
  try stridedPool(
    .minimum, mask, over: Ragged(lengths: [6]), funnel, into: &kept, on: execution)
  report.expectSameBits(kept.elements, [1, 0, 1], "mask by minimum \(execution.label)")
  try stridedPool(
    .maximum, mask, over: Ragged(lengths: [6]), funnel, into: &kept, on: execution)
  report.expectSameBits(kept.elements, [1, 1, 1], "mask by maximum \(execution.label)")
}

private func stridedGradientsFollowTheirWindows(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let lengths = Array(0...9) + [257, 300]
  let sequences = try Ragged(lengths: lengths)
  for columns in [0, 1, 17, 70] {
    for pooling in poolings {
      for reduction in WindowReduction.allCases {
        var random = SplitMix64(seed: UInt64(columns))
        let x = tied(sequences.rows * columns, &random)
        let outputs = try pooling.pooled(sequences)
        let dy = random.floats(outputs.rows * columns)
        let matrix = try Matrix(rows: sequences.rows, columns: columns, x)
        var dx = try Matrix(
          rows: sequences.rows, columns: columns,
          [Float](repeating: .nan, count: sequences.rows * columns))
        try stridedPoolGradient(
          reduction, of: matrix, over: sequences, pooling,
          upstream: Matrix(rows: outputs.rows, columns: columns, dy), into: &dx, on: execution)
        for s in 0..<sequences.count {
          let tokens = sequences[s]
          let rows = outputs[s]
          let exact = windowGradientOracle(
            reduction,
            doubles(Array(x[tokens.lowerBound * columns..<tokens.upperBound * columns])),
            columns: columns, windows: ranges(pooling, tokens: lengths[s]),
            upstream: doubles(Array(dy[rows.lowerBound * columns..<rows.upperBound * columns])))
          let bound = reduction == .mean ? 2 * unitRoundoff : 0
          report.expectWithin(
            dx.rows(tokens).elements, exact.values,
            tolerance: exact.magnitudes.map { $0 * bound },
            "gradient of stridedPool \(reduction) \(lengths[s])×\(columns) \(pooling) "
              + execution.label)
        }
      }
    }
  }
}

private func upsamplingRepeatsAndSums(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let lengths = [3, 0, 1, 4, 2, 0, 150]
  let tokens = [7, 3, 9, 2, 6, 0, 500]
  let sequences = try Ragged(lengths: lengths)
  let targets = try Ragged(lengths: tokens)
  for columns in [0, 1, 17, 70] {
    for stride in [1, 2, 4, 300, .max] {
      for separatesFirst in [false, true] {
        var random = SplitMix64(seed: UInt64(columns))
        let x = try Matrix(
          rows: sequences.rows, columns: columns, random.floats(sequences.rows * columns))
        let before = try Matrix(
          rows: targets.rows, columns: columns, random.floats(targets.rows * columns))
        var copied = before
        try upsample(
          x, over: sequences, to: targets, stride: stride, separatesFirst: separatesFirst,
          into: &copied, on: execution)
        var added = before
        try upsample(
          x, over: sequences, to: targets, stride: stride, separatesFirst: separatesFirst,
          adding: true, into: &added, on: execution)
        var dx = try Matrix(
          rows: sequences.rows, columns: columns,
          [Float](repeating: .nan, count: sequences.rows * columns))
        try upsampleGradient(
          over: sequences, to: targets, stride: stride, separatesFirst: separatesFirst,
          upstream: before, into: &dx, on: execution)
        let label =
          "upsample \(lengths) to \(tokens) of \(columns) stride \(stride) separate "
          + "\(separatesFirst) \(execution.label)"
        var expected: [Float] = []
        var sums: [Float] = []
        for s in 0..<sequences.count {
          let rows = upsamplingRows(
            tokens: tokens[s], rows: lengths[s], stride: stride, separatesFirst: separatesFirst)
          for row in rows {
            expected +=
              row.map { x.rows(sequences[s]).rows($0..<$0 + 1).elements }
              ?? [Float](repeating: 0, count: columns)
          }
          let dy = before.rows(targets[s])
          for r in 0..<lengths[s] {
            let terms = rows.indices.filter { rows[$0] == r }
            for j in 0..<columns {
              let values = terms.map { dy[$0, j] }
              let sum = execution.model.chunkedSum(values)
              sums.append(sum)
              let exact = values.reduce(0) { $0 + Double($1) }
              let scale = values.reduce(0) { $0 + abs(Double($1)) }
              report.expect(
                abs(Double(sum) - exact) <= scale * roundings(values.count), "\(label): bound")
            }
          }
        }
        report.expectSameBits(copied.elements, expected, label)
        report.expectSameBits(
          added.elements, zip(before.elements, expected).map { $0 + $1 }, "\(label), adding")
        report.expectSameBits(dx.elements, sums, "\(label), gradient")
      }
    }
  }
}

/// The family's part of ``operatorBattery(on:)``.
func windowBattery(on execution: Execution) throws -> [BatteryResult] {
  var results: [BatteryResult] = []
  var random = SplitMix64(seed: 4711)
  let sequences = try Ragged(lengths: [300, 1, 0, 257, 64])
  let d = 200
  func matrix(_ rows: Int) throws -> Matrix {
    try Matrix(rows: rows, columns: d, random.floats(rows * d))
  }
  func note(_ name: String, _ matrix: Matrix) {
    results.append(BatteryResult(name: name, elements: matrix.elements))
  }
  let x = try matrix(sequences.rows)
  for (window, stride) in [(3, 1), (33, 1), (7, 3), (2, 5)] {
    let outputs = try sequences.strided(by: stride)
    let dy = try matrix(outputs.rows)
    for reduction in WindowReduction.allCases {
      var y = try Matrix(rows: outputs.rows, columns: d)
      try slidingWindow(
        reduction, x, over: sequences, window: window, stride: stride, into: &y, on: execution)
      note("slidingWindow \(reduction) \(window) by \(stride)", y)
      var dx = try Matrix(rows: x.rows, columns: d)
      try slidingWindowGradient(
        reduction, of: x, over: sequences, window: window, stride: stride, upstream: dy, into: &dx,
        on: execution)
      note("slidingWindowGradient \(reduction) \(window) by \(stride)", dx)
    }
  }
  let funnel = StridedPooling(separatesFirst: true, truncates: true)
  let pooled = try funnel.pooled(sequences)
  let dy = try matrix(pooled.rows)
  for reduction in WindowReduction.allCases {
    var y = try Matrix(rows: pooled.rows, columns: d)
    try stridedPool(reduction, x, over: sequences, funnel, into: &y, on: execution)
    note("stridedPool \(reduction)", y)
    var dx = try Matrix(rows: x.rows, columns: d)
    try stridedPoolGradient(
      reduction, of: x, over: sequences, funnel, upstream: dy, into: &dx, on: execution)
    note("stridedPoolGradient \(reduction)", dx)
  }
  var up = x
  try upsample(
    dy, over: pooled, to: sequences, stride: 2, separatesFirst: true, adding: true, into: &up,
    on: execution)
  note("upsample", up)
  var down = dy
  try upsampleGradient(
    over: pooled, to: sequences, stride: 2, separatesFirst: true, upstream: x, into: &down,
    on: execution)
  note("upsampleGradient", down)
  return results
}
