// RMS norm, masked softmax, log-softmax, log-sum-exp, sums and multiply-adds of rows.

internal import Tarn
internal import TarnKernelInterface

/// The checks of this file.
public let rowFormChecks: [KernelCheck] = [
  KernelCheck("rms norm", rmsNormMeetsBoundAndContract),
  KernelCheck("rms norm, edges", rmsNormEdges),
  KernelCheck("masked softmax", maskedSoftmaxIsSoftmaxOfThePrefix),
  KernelCheck("log-softmax", logSoftmaxMeetsBound),
  KernelCheck("log-softmax, edges", logSoftmaxEdges),
  KernelCheck("log-sum-exp", logSumExpMeetsBound),
  KernelCheck("log-sum-exp, edges", logSumExpEdges),
  KernelCheck("add, bias, multiply-add", sumsAreExactlyRounded),
  KernelCheck("rows, many", manyRowsEqualEachAlone),
]

let rowWidths = [1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 79, 80, 127, 129, 768]

private func rmsNormMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, d) in rowWidths.enumerated() {
    var random = SplitMix64(seed: UInt64(d))
    let count = 1 + number % 4
    let x = random.floats(count * d, scale: 3)
    let gain = random.floats(d)
    let label = "rmsNorm \(count)×\(d) seed \(d) \(execution.label)"
    let source = GuardedMatrix(
      rows: count, columns: d, gap: number % 3, at: placement(number), x)
    let gains = GuardedMatrix(gain, at: placement(number + 2))
    let y = GuardedMatrix(rows: count, columns: d, gap: number % 2, at: placement(number + 1))
    execution.table.rows.rmsNorm(source.view, gains.view.base, 1e-6, y.target)
    report.expectIntact(y, label)
    for (i, found) in rows(y.elements, columns: d).enumerated() {
      let row = Array(x[i * d..<(i + 1) * d])
      let exact = rmsNormOracle(row, gain: gain, epsilon: 1e-6)
      let relative = (Double(d) / 32 + 10) * unitRoundoff
      report.expectWithin(found, exact, tolerance: exact.map { abs($0) * relative }, label)
      report.expectSameBits(
        found, execution.model.rmsNorm(row, gain: gain, epsilon: 1e-6), "\(label), contract")
    }
    execution.table.rows.rmsNorm(source.view, gains.view.base, 1e-6, source.target)
    report.expectSameBits(source.elements, y.elements, "\(label), in place")
  }
}

private func rmsNormEdges(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let d = 33
  var random = SplitMix64(seed: 3)
  var x = random.floats(5 * d)
  for j in 0..<d { x[j] = 0 }
  x[d + 17] = .nan
  x[2 * d + 32] = .infinity
  for j in 0..<d { x[3 * d + j] = 1e30 }
  let gain = GuardedMatrix([Float](repeating: 1, count: d))
  let source = GuardedMatrix(rows: 5, columns: d, x)
  let y = GuardedMatrix(rows: 5, columns: d)
  execution.table.rows.rmsNorm(source.view, gain.view.base, 1e-6, y.target)
  let found = rows(y.elements, columns: d)
  let zeros = [Float](repeating: 0, count: d)
  report.expectSameBits(found[0], zeros, "rmsNorm of zeros \(execution.label)")
  report.expect(found[1].allSatisfy(\.isNaN), "rmsNorm of a row with NaN \(execution.label)")
  report.expect(
    found[2].enumerated().allSatisfy { $0 == 32 ? $1.isNaN : $1 == 0 },
    "rmsNorm of a row with ∞ \(execution.label)")
  report.expectSameBits(found[3], zeros, "rmsNorm that overflows \(execution.label)")
  report.expect(found[4].allSatisfy(\.isFinite), "rmsNorm beside NaN \(execution.label)")
  execution.table.rows.rmsNorm(source.view, gain.view.base, 0, y.target)
  report.expect(
    rows(y.elements, columns: d)[0].allSatisfy(\.isNaN), "rmsNorm of zeros, ε = 0")
  for (r, c) in [(0, d), (2, 0), (0, 0)] {
    let empty = GuardedMatrix(rows: r, columns: c)
    execution.table.rows.rmsNorm(empty.view, gain.view.base, 1e-6, empty.target)
    report.expectIntact(empty, "rmsNorm of \(r)×\(c)")
  }
}

/// Bits of softmax on the prefix alone, zeros behind it, and nothing behind it is read.
private func maskedSoftmaxIsSoftmaxOfThePrefix(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let table = execution.table.rows
  for (number, n) in rowWidths.enumerated() {
    var random = SplitMix64(seed: UInt64(n))
    let lengths = [n, 0, 1, n / 2, n, max(0, n - 1), min(n, 16), min(n, 64), n].map(Int32.init)
    var x = random.floats(lengths.count * n, scale: 5)
    for (i, length) in lengths.enumerated() {
      for j in Int(length)..<n { x[i * n + j] = .nan }
    }
    for scale in [Float(1), 0.25, -2] {
      let label = "maskedSoftmax \(lengths.count)×\(n) scale \(scale) seed \(n) \(execution.label)"
      let source = GuardedMatrix(
        rows: lengths.count, columns: n, gap: number % 3, at: placement(number), x)
      let y = GuardedMatrix(
        rows: lengths.count, columns: n, gap: number % 2, at: placement(number + 1))
      lengths.withUnsafeBufferPointer {
        if let base = $0.baseAddress { table.maskedSoftmax(source.view, base, scale, y.target) }
      }
      report.expectIntact(y, label)
      for (i, found) in rows(y.elements, columns: n).enumerated() {
        let length = Int(lengths[i])
        let prefix = Array(x[i * n..<i * n + length])
        let expected = execution.model.softmax(prefix, scale: scale)
        report.expectSameBits(
          found, expected + [Float](repeating: 0, count: n - length), "\(label), row \(i)")
      }
      lengths.withUnsafeBufferPointer {
        if let base = $0.baseAddress {
          table.maskedSoftmax(source.view, base, scale, source.target)
        }
      }
      report.expectSameBits(source.elements, y.elements, "\(label), in place")
    }
  }
}

/// See `logSoftmax` for the bound: 6 max|s·x| ε from the rounded argument and differences, n/16 + 11 from
/// exponentials and their sum, 2 ε of the logarithm, the last subtraction.
private func logBound(_ row: [Float], scale: Float) -> (Double) -> Double {
  let reach = row.reduce(0) { $1.isFinite ? max($0, abs(Double($1) * Double(scale))) : $0 }
  let count = Double(row.count)
  return { (8 * reach + count / 16 + 16 + 4 * abs($0)) * unitRoundoff }
}

private func logSoftmaxMeetsBound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, n) in rowWidths.enumerated() {
    for scale in [Float(1), 0.125, 20, -1] {
      var random = SplitMix64(seed: UInt64(n))
      var x = random.floats(3 * n, scale: 5)
      if n > 3 && scale > 0 { x[n / 2] = -.infinity }
      let label = "logSoftmax 3×\(n) scale \(scale) seed \(n) \(execution.label)"
      let source = GuardedMatrix(rows: 3, columns: n, gap: number % 3, at: placement(number), x)
      let y = GuardedMatrix(rows: 3, columns: n, gap: number % 2, at: placement(number + 1))
      execution.table.rows.logSoftmax(source.view, scale, y.target)
      report.expectIntact(y, label)
      for (i, found) in rows(y.elements, columns: n).enumerated() {
        let row = Array(x[i * n..<(i + 1) * n])
        report.expectWithin(
          found, logSoftmaxOracle(row, scale: scale),
          tolerance: logSoftmaxOracle(row, scale: scale).map(logBound(row, scale: scale)), label)
      }
      execution.table.rows.logSoftmax(source.view, scale, source.target)
      report.expectSameBits(source.elements, y.elements, "\(label), in place")
    }
  }
}

private func logSoftmaxEdges(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let infinity = Float.infinity
  let cases: [([Float], (Float) -> Bool)] = [
    ([-infinity, -infinity], \.isNaN), ([1, .nan, 3], \.isNaN), ([infinity, 0], \.isNaN),
    ([7], { $0 == 0 }), ([], { _ in false }), ([3e38], { $0 == 0 }),
  ]
  for (row, holds) in cases {
    let source = GuardedMatrix(row, at: .beforeUnreadablePage)
    let y = GuardedMatrix(rows: 1, columns: row.count)
    execution.table.rows.logSoftmax(source.view, 1, y.target)
    report.expectIntact(y, "logSoftmax of \(row)")
    report.expect(
      y.elements.allSatisfy(holds), "logSoftmax of \(row) = \(y.elements) \(execution.label)")
  }
  let source = GuardedMatrix([-infinity, 0])
  execution.table.rows.logSoftmax(source.view, 1, source.target)
  report.expectSameBits(source.elements, [-infinity, 0], "logSoftmax of -∞ and 0")
}

private func logSumExpMeetsBound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, n) in rowWidths.enumerated() {
    for scale in [Float(1), 0.125, 20, -1] {
      var random = SplitMix64(seed: UInt64(n))
      let offset = random.float() * 300
      let x = random.floats(3 * n, scale: 5).map { $0 + offset }
      let label = "logSumExp 3×\(n) scale \(scale) seed \(n) \(execution.label)"
      let source = GuardedMatrix(rows: 3, columns: n, gap: number % 3, at: placement(number), x)
      let y = GuardedMatrix(rows: 3, columns: 1, gap: number % 3, at: placement(number + 1))
      execution.table.rows.logSumExp(source.view, scale, y.target)
      report.expectIntact(y, label)
      for i in 0..<3 {
        let row = Array(x[i * n..<(i + 1) * n])
        let exact = logSumExpOracle(row, scale: scale)
        report.expectWithin(
          [y.elements[i]], [exact], tolerance: [logBound(row, scale: scale)(exact)], label)
      }
    }
  }
}

private func logSumExpEdges(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let infinity = Float.infinity
  let cases: [([Float], Float, Float)] = [
    ([], 1, -infinity), ([-infinity], 1, -infinity),
    ([Float](repeating: -infinity, count: 20), 1, -infinity), ([infinity, 0], 1, infinity),
    ([infinity, -infinity], 1, infinity), ([infinity, .nan], 1, .nan), ([.nan, 1], 1, .nan),
    ([.nan], 1, .nan), ([-infinity, .nan], 1, .nan), ([5], 1, 5), ([3e38, -3e38], 1, 3e38),
    ([infinity, 1], -1, -1), ([-infinity, 1], -1, infinity), ([7, 7], 0, 0x1.62e43p-1),
  ]
  for (row, scale, expected) in cases {
    let source = GuardedMatrix(row, at: .beforeUnreadablePage)
    let y = GuardedMatrix(rows: 1, columns: 1)
    execution.table.rows.logSumExp(source.view, scale, y.target)
    report.expectIntact(y, "logSumExp of \(row)")
    report.expectSameBits(
      y.elements, [expected], "logSumExp of \(row), scale \(scale) \(execution.label)")
  }
}

/// Sums equal the contract's scalar bit for bit, apart and in place.
private func sumsAreExactlyRounded(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let table = execution.table.rows
  for (number, n) in ([0] + rowWidths).enumerated() {
    for count in [0, 1, 3] {
      var random = SplitMix64(seed: UInt64(n))
      func memory(_ seed: Int, _ elements: [Float]?) -> GuardedMatrix {
        GuardedMatrix(
          rows: count, columns: n, gap: (number + seed) % 3, at: placement(number + seed), elements)
      }
      let a = random.floats(count * n)
      let b = random.floats(count * n)
      let c = random.floats(count * n)
      let row = random.floats(n)
      let label = "\(count)×\(n) seed \(n) \(execution.label)"
      let z = memory(0, nil)
      let first = memory(1, a)
      let second = memory(2, b)
      let third = memory(3, c)
      table.add(first.view, second.view, z.target)
      report.expectIntact(z, "add \(label)")
      report.expectSameBits(z.elements, a.indices.map { a[$0] + b[$0] }, "add \(label)")
      let bias = GuardedMatrix(row, at: placement(number))
      table.add(
        first.view, MatrixView(bias.view.base, rows: count, columns: n, rowStride: 0), z.target)
      report.expectSameBits(z.elements, a.indices.map { a[$0] + row[$0 % n] }, "bias \(label)")
      let fused = a.indices.map { execution.model.multiplyAdd(a[$0], b[$0], c[$0]) }
      table.multiplyAdd(first.view, second.view, third.view, z.target)
      report.expectIntact(z, "multiplyAdd \(label)")
      report.expectSameBits(z.elements, fused, "multiplyAdd \(label)")
      table.multiplyAdd(first.view, second.view, third.view, third.target)
      report.expectSameBits(third.elements, fused, "multiplyAdd \(label), in place")
      table.add(third.view, second.view, third.target)
      report.expectSameBits(
        third.elements, fused.indices.map { fused[$0] + b[$0] }, "add \(label), in place")
    }
  }
}

/// Kernels that take several rows at once give each row the bits that it has alone.
private func manyRowsEqualEachAlone(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let table = execution.table.rows
  for count in 1...9 {
    for d in [3, 16, 70, 144] {
      var random = SplitMix64(seed: UInt64(100 * count + d))
      let x = GuardedMatrix(rows: count, columns: d, gap: 1, random.floats(count * d))
      let r = GuardedMatrix(rows: count, columns: d, random.floats(count * d))
      let gain = GuardedMatrix(random.floats(d))
      let kernels: [(String, (Range<Int>, MutableMatrixView) -> Void)] = [
        (
          "layerNorm",
          { table.layerNorm(x.view[rows: $0], nil, gain.view.base, gain.view.base, 1e-5, $1) }
        ),
        (
          "layerNorm + residual",
          {
            table.layerNorm(
              x.view[rows: $0], r.view[rows: $0], gain.view.base, gain.view.base, 1e-5, $1)
          }
        ),
        ("rmsNorm", { table.rmsNorm(x.view[rows: $0], gain.view.base, 1e-5, $1) }),
        ("softmax", { table.softmax(x.view[rows: $0], 2, $1) }),
        ("logSoftmax", { table.logSoftmax(x.view[rows: $0], 2, $1) }),
      ]
      for (name, kernel) in kernels {
        let together = GuardedMatrix(rows: count, columns: d, gap: 2)
        let alone = GuardedMatrix(rows: count, columns: d, gap: 2)
        kernel(0..<count, together.target)
        for i in 0..<count { kernel(i..<i + 1, alone.target[rows: i..<i + 1]) }
        report.expectIntact(together, "\(name) \(count)×\(d)")
        report.expectSameBits(
          together.elements, alone.elements, "\(name) \(count)×\(d) \(execution.label)")
      }
    }
  }
}
