// Layer norm, softmax and elementwise functions.

internal import Tarn
internal import TarnKernelInterface

/// The checks of this file.
public let rowChecks: [KernelCheck] = [
  KernelCheck("layer norm", layerNormMeetsBoundAndContract),
  KernelCheck("layer norm, in place", layerNormInPlaceEqualsApart),
  KernelCheck("layer norm, edges", layerNormEdges),
  KernelCheck("softmax", softmaxMeetsBoundAndContract),
  KernelCheck("softmax, edges", softmaxEdges),
  KernelCheck("elementwise, any position", elementwiseDoesNotDependOnPosition),
]

private let widths = [1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 79, 80, 127, 129, 768, 769]

private func layerNormMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, d) in widths.enumerated() {
    for hasResidual in [false, true] {
      var random = SplitMix64(seed: UInt64(d))
      let count = size == .quick ? 2 : 5
      let offset = random.float() * 4
      let x = random.floats(count * d).map { $0 + offset }
      let residual = random.floats(count * d)
      let gain = random.floats(d)
      let bias = random.floats(d)
      let label = "layerNorm \(count)×\(d) residual \(hasResidual) seed \(d) \(execution.label)"
      let gap = number % 3
      let source = GuardedMatrix(
        rows: count, columns: d, gap: gap, at: placement(number), x)
      let other = GuardedMatrix(
        rows: count, columns: d, gap: gap + 1, at: placement(number + 1), residual)
      let gains = GuardedMatrix(gain, at: placement(number + 2))
      let biases = GuardedMatrix(bias, at: placement(number))
      let y = GuardedMatrix(rows: count, columns: d, gap: gap, at: placement(number + 1))
      execution.table.rows.layerNorm(
        source.view, hasResidual ? other.view : nil, gains.view.base, biases.view.base, 1e-12,
        y.target)
      report.expectIntact(y, label)
      let found = rows(y.elements, columns: d)
      for i in 0..<count {
        let row = Array(x[i * d..<(i + 1) * d])
        let plus = hasResidual ? Array(residual[i * d..<(i + 1) * d]) : nil
        let exact = layerNormOracle(row, residual: plus, gain: gain, bias: bias, epsilon: 1e-12)
        if d > 1 {
          report.expectWithin(found[i], exact.values, tolerance: exact.tolerances, label)
        }
        let sums = plus.map { plus in row.indices.map { row[$0] + plus[$0] } } ?? row
        report.expectSameBits(
          found[i],
          execution.model.layerNorm(sums, gain: gain, bias: bias, epsilon: 1e-12),
          "\(label), contract")
      }
    }
  }
}

private func layerNormInPlaceEqualsApart(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for d in [5, 16, 67, 130] {
    var random = SplitMix64(seed: UInt64(d))
    let x = random.floats(3 * d)
    let r = random.floats(3 * d)
    let gain = GuardedMatrix(random.floats(d))
    let bias = GuardedMatrix(random.floats(d))
    func memory(_ elements: [Float]?) -> GuardedMatrix {
      GuardedMatrix(rows: 3, columns: d, gap: 1, elements)
    }
    func run(_ x: GuardedMatrix, _ r: GuardedMatrix?, _ y: GuardedMatrix) {
      execution.table.rows.layerNorm(
        x.view, r?.view, gain.view.base, bias.view.base, 1e-5, y.target)
      report.expectIntact(y, "layerNorm in place \(d)")
    }
    let apart = memory(nil)
    run(memory(x), nil, apart)
    let inX = memory(x)
    run(inX, nil, inX)
    report.expectSameBits(inX.elements, apart.elements, "layerNorm into x, d = \(d)")
    let sum = memory(nil)
    run(memory(x), memory(r), sum)
    let overX = memory(x)
    run(overX, memory(r), overX)
    report.expectSameBits(overX.elements, sum.elements, "layerNorm + residual into x, d = \(d)")
    let overR = memory(r)
    run(memory(x), overR, overR)
    report.expectSameBits(
      overR.elements, sum.elements, "layerNorm + residual into residual, d = \(d)")
  }
}

/// Equal elements give the bias exactly where their mean is exact; NaN and ∞ stay in their row.
private func layerNormEdges(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let d = 64
  var random = SplitMix64(seed: 3)
  var x = random.floats(4 * d)
  for j in 0..<d { x[j] = 3 }
  x[d + 17] = .nan
  x[2 * d + 63] = .infinity
  let gain = GuardedMatrix(random.floats(d))
  let bias = GuardedMatrix(random.floats(d))
  let source = GuardedMatrix(rows: 4, columns: d, x)
  let y = GuardedMatrix(rows: 4, columns: d)
  execution.table.rows.layerNorm(source.view, nil, gain.view.base, bias.view.base, 1e-12, y.target)
  let found = rows(y.elements, columns: d)
  report.expectSameBits(found[0], bias.elements, "layerNorm of a constant row \(execution.label)")
  report.expect(found[1].allSatisfy(\.isNaN), "layerNorm of a row with NaN \(execution.label)")
  report.expect(found[2].allSatisfy(\.isNaN), "layerNorm of a row with ∞ \(execution.label)")
  report.expect(found[3].allSatisfy(\.isFinite), "layerNorm beside NaN \(execution.label)")
  let empty = GuardedMatrix(rows: 0, columns: d)
  execution.table.rows.layerNorm(
    empty.view, nil, gain.view.base, bias.view.base, 1e-12, empty.target)
  report.expectIntact(empty, "layerNorm of no rows")
  let narrow = GuardedMatrix(rows: 2, columns: 0)
  execution.table.rows.layerNorm(
    narrow.view, nil, gain.view.base, bias.view.base, 1e-12, narrow.target)
  report.expectIntact(narrow, "layerNorm of no columns")
}

/// Each probability is within two exponentials of `2.6 ε` each, the roundings of difference, factor and
/// product (an absolute error of 3.3 · 2 max|s·x| ε), the sum, its reciprocal and the product with it.
private func softmaxMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, n) in widths.enumerated() {
    for scale in [Float(1), 0.125, 20] {
      var random = SplitMix64(seed: UInt64(n))
      var x = random.floats(2 * n, scale: 5)
      if n > 3 { x[n / 2] = -.infinity }
      let label = "softmax 2×\(n) scale \(scale) seed \(n) \(execution.label)"
      let source = GuardedMatrix(rows: 2, columns: n, gap: number % 3, at: placement(number), x)
      let y = GuardedMatrix(rows: 2, columns: n, gap: number % 2, at: placement(number + 1))
      execution.table.rows.softmax(source.view, scale, y.target)
      report.expectIntact(y, label)
      for (i, found) in rows(y.elements, columns: n).enumerated() {
        let row = Array(x[i * n..<(i + 1) * n])
        let exact = softmaxOracle(row, scale: scale)
        let reach = row.reduce(0) { $1.isFinite ? max($0, abs(Double($1 * scale))) : $0 }
        let relative = (8 * reach + Double(n) / 16 + 32) * unitRoundoff
        report.expectWithin(
          found, exact, tolerance: exact.map { $0 * relative + 0x1p-126 }, label)
        report.expectSameBits(
          found, execution.model.softmax(row, scale: scale), "\(label), contract")
      }
      execution.table.rows.softmax(source.view, scale, source.target)
      report.expectSameBits(source.elements, y.elements, "\(label), in place")
    }
  }
}

private func softmaxEdges(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  func softmax(_ row: [Float], _ scale: Float = 1) -> [Float] {
    let source = GuardedMatrix(row, at: .beforeUnreadablePage)
    let y = GuardedMatrix(rows: 1, columns: row.count)
    execution.table.rows.softmax(source.view, scale, y.target)
    report.expectIntact(y, "softmax of \(row)")
    return y.elements
  }
  let label = execution.label
  report.expectSameBits(softmax([3e38, 3e38, -3e38]), [0.5, 0.5, 0], "softmax of 3e38 \(label)")
  report.expectSameBits(softmax([-3e38]), [1], "softmax of one element \(label)")
  report.expectSameBits(
    softmax([-.infinity, 0, -.infinity]), [0, 1, 0], "softmax with -∞ \(label)")
  report.expectSameBits(softmax([]), [], "softmax of nothing \(label)")
  report.expectSameBits(
    softmax([1, 7, -2, 100], 0), [0.25, 0.25, 0.25, 0.25], "softmax, scale 0 \(label)")
  for n in [3, 16, 20] {
    var row = [Float](repeating: -.infinity, count: n)
    report.expect(softmax(row).allSatisfy(\.isNaN), "softmax of \(n) times -∞ \(label)")
    row = [Float](repeating: 1, count: n)
    row[n - 1] = .nan
    report.expect(softmax(row).allSatisfy(\.isNaN), "softmax of \(n) with NaN \(label)")
    row[n - 1] = .infinity
    report.expect(softmax(row).allSatisfy(\.isNaN), "softmax of \(n) with ∞ \(label)")
  }
}

/// The value at a position depends on the argument alone: whole vectors, tails, in place.
private func elementwiseDoesNotDependOnPosition(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  var random = SplitMix64(seed: 8)
  let x =
    random.floats(70, scale: 6) + [0, -0.0, 90, -110, 1e-30, -0x1p-140, .infinity, -.infinity]
  for f in ElementwiseFunction.allCases {
    let whole = apply(f, x, on: execution)
    let exact = x.map { elementwiseOracle(f, Double($0)) }
    for i in x.indices where x[i].isFinite && exact[i].magnitude < 1e38 {
      let error = abs(Double(whole[i]) - exact[i])
      report.expect(
        error <= 10 * unitRoundoff
          * max(abs(exact[i]), f == .exp ? 0x1p-126 : min(1, abs(Double(x[i])))) + 0x1p-149,
        "\(f)(\(x[i])) = \(whole[i]), expected \(exact[i]) \(execution.label)")
    }
    for n in 0...34 {
      let source = GuardedMatrix(Array(x.suffix(n)), at: placement(n))
      let y = GuardedMatrix(rows: 1, columns: n, at: placement(n + 1))
      execution.table.rows.elementwise(f, source.view.base, y.target.base, n)
      report.expectIntact(y, "\(f) of \(n)")
      report.expectSameBits(
        y.elements, Array(whole.suffix(n)), "\(f) of \(n) elements \(execution.label)")
      execution.table.rows.elementwise(f, source.view.base, source.target.base, n)
      report.expectSameBits(source.elements, y.elements, "\(f) in place \(execution.label)")
    }
  }
}
