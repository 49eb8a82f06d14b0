// Discrete Fourier transforms: checks and battery.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

let fourierChecks: [KernelCheck] = [
  KernelCheck("fourier, oracles agree", fourierOraclesAgree),
  KernelCheck("fourier, every length", fourierMeetsBoundAndContract),
  KernelCheck("fourier, long", longFourierMeetsTheBound),
  KernelCheck("fourier, directions", fourierInverseIsTheConjugate),
  KernelCheck("fourier, column alone", fourierColumnsAreIndependent),
  KernelCheck("fourier mix", fourierMixMeetsBoundAndContract),
  KernelCheck("fourier mix, divided", dividedFourierMixMeetsBoundAndContract),
  KernelCheck("fourier mix, long", longFourierMixMeetsTheBound),
  KernelCheck("fourier mix, batch", fourierMixOfABatchIsEachAlone),
  KernelCheck("fourier mix, gradient", fourierMixIsItsOwnTranspose),
  KernelCheck("fourier mix, NaN and infinity", fourierMixLeavesNothingFinite),
  KernelCheck("fourier mix, FNet fixtures", fourierMixAgreesWithTheFixtures),
]

/// 1 … 128 in the contract; in a quick run those with something of their own.
private func shortLengths(_ size: CheckSize) -> [Int] {
  size == .quick
    ? [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 30, 31, 37, 49, 64, 77, 127] : Array(1...128)
}

private let longLengths = [
  243, 256, 257, 509, 512, 729, 768, 1000, 1021, 1024, 1536, 2048, 4093, 4096,
]

private func norm(_ x: [Double]) -> Double {
  x.reduce(0) { $0 + $1 * $1 }.squareRoot()
}

private func fourierOraclesAgree(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for n in [1, 2, 3, 8, 12, 35, 64, 90, 97] {
    var random = SplitMix64(seed: UInt64(n))
    let z = (0..<n).map { _ in ComplexValue(Double(random.float()), Double(random.float())) }
    for (fast, exact) in zip(fastFourierOracle(z), fourierOracle(z)) {
      report.expect(
        abs(fast.re - exact.re) + abs(fast.im - exact.im) < 1e-13 * Double(n),
        "fast oracle of \(n) points: \(fast), expected \(exact)")
    }
  }
}

private func scratchCount(_ plan: FourierPlanView) -> Int {
  FourierPlanView.scratchCount(
    innerLength: plan.innerLength, isConvolution: plan.chirp != nil)
}

/// Columns of a transform on guarded memory; one result for each column and part.
private func transformed(
  _ real: [Float], _ imaginary: [Float], columns: Int, _ plan: FourierPlan, number: Int,
  _ execution: Execution, _ report: inout CheckReport
) -> (real: [Float], imaginary: [Float]) {
  let n = plan.length
  let re = GuardedMatrix(
    rows: n, columns: columns, gap: number % 3, at: placement(number), real)
  let im = GuardedMatrix(
    rows: n, columns: columns, gap: number % 2, at: placement(number + 1), imaginary)
  plan.withView { plan in
    let count =
      (columns + 15) / 16 * FourierPlanView.stripStride(length: n) + scratchCount(plan)
    let workspace = GuardedMatrix(rows: 1, columns: count, at: placement(number + 2))
    execution.table.fourier.transform(re.target, im.target, plan, workspace.target.base)
    report.expectIntact(workspace, "fourier \(n) workspace \(execution.label)")
  }
  report.expectIntact(re, "fourier \(n)×\(columns) \(execution.label)")
  report.expectIntact(im, "fourier \(n)×\(columns) \(execution.label)")
  return (re.elements, im.elements)
}

private func expectTransform(
  of columns: Int, _ plan: FourierPlan, number: Int, contract: Bool, _ execution: Execution,
  _ report: inout CheckReport
) {
  let n = plan.length
  var random = SplitMix64(seed: UInt64(n))
  let real = random.floats(n * columns)
  let imaginary = random.floats(n * columns)
  let found = transformed(
    real, imaginary, columns: columns, plan, number: number, execution, &report)
  let label = "fourier \(n)×\(columns) seed \(n) \(execution.label)"
  for j in [0, columns / 2, columns - 1] {
    let at = (0..<n).map { $0 * columns + j }
    let z = at.map { ComplexValue(Double(real[$0]), Double(imaginary[$0])) }
    let exact = n <= 128 ? fourierOracle(z) : fastFourierOracle(z)
    let errors = zip(at, exact).flatMap { i, value in
      [Double(found.real[i]) - value.re, Double(found.imaginary[i]) - value.im]
    }
    let bound = unitRoundoff * fourierErrorBound(plan) * norm(exact.flatMap { [$0.re, $0.im] })
    report.expect(
      norm(errors) <= bound, "\(label) column \(j): error \(norm(errors)), expected \(bound)")
    if contract {
      let model = execution.model.fourier(
        at.map { ContractModel.Complex(re: real[$0], im: imaginary[$0]) }, plan)
      report.expectSameBits(at.map { found.real[$0] }, model.map(\.re), "\(label), real")
      report.expectSameBits(
        at.map { found.imaginary[$0] }, model.map(\.im), "\(label), imaginary")
    }
  }
}

private func fourierMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let widths = [1, 15, 16, 17, 33]
  for (number, n) in shortLengths(size).enumerated() {
    expectTransform(
      of: widths[number % widths.count], try FourierPlan(length: n), number: number,
      contract: true, execution, &report)
  }
  for n in [243, 256, 257, 512, 768, 1000] {
    expectTransform(
      of: 1, try FourierPlan(length: n), number: n, contract: true, execution, &report)
  }
  for columns in [1, 15, 16, 17, 33, 64, 65] {
    expectTransform(
      of: columns, try FourierPlan(length: 12), number: columns, contract: true, execution,
      &report)
  }
}

private func longFourierMeetsTheBound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for n in size == .quick ? [509, 768, 1000] : longLengths {
    let plan = try FourierPlan(length: n)
    expectTransform(of: 3, plan, number: n, contract: false, execution, &report)
    if plan.isConvolution {
      report.expect(
        chirpMagnification(plan) <= 2.5, "chirp of \(n): magnifies \(chirpMagnification(plan))")
    }
  }
}

/// Inverse of the inverse is the forward one on conjugates, bit for bit; both in turn give n·z.
private func fourierInverseIsTheConjugate(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for n in [1, 2, 12, 37, 60, 257] {
    let columns = 18
    let plan = try FourierPlan(length: n)
    var random = SplitMix64(seed: UInt64(n))
    let real = try Matrix(rows: n, columns: columns, random.floats(n * columns))
    let imaginary = try Matrix(rows: n, columns: columns, random.floats(n * columns))
    var (re, im) = (real, imaginary)
    try fourierTransform(&re, &im, plan, .inverse, on: execution)
    // Swapped: i·conj(z).
    var (forwardRe, forwardIm) = (imaginary, real)
    try fourierTransform(&forwardRe, &forwardIm, plan, on: execution)
    let label = "fourier \(n)×\(columns) seed \(n) \(execution.label)"
    report.expectSameBits(re.elements, forwardIm.elements, "inverse \(label), real")
    report.expectSameBits(im.elements, forwardRe.elements, "inverse \(label), imaginary")
    try fourierTransform(&re, &im, plan, on: execution)
    let bound =
      2 * unitRoundoff * fourierErrorBound(plan) * Double(n)
      * norm((real.elements + imaginary.elements).map(Double.init))
    let errors = zip(re.elements + im.elements, real.elements + imaginary.elements)
      .map { Double($0) - Double(n) * Double($1) }
    report.expect(
      norm(errors) <= bound, "there and back \(label): \(norm(errors)), expected \(bound)")
  }
}

private func fourierColumnsAreIndependent(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for n in [1, 6, 49, 41] {
    let plan = try FourierPlan(length: n)
    var random = SplitMix64(seed: UInt64(n))
    let columns = 35
    var real = try Matrix(rows: n, columns: columns, random.floats(n * columns))
    let imaginary = try Matrix(rows: n, columns: columns, random.floats(n * columns))
    let (cleanRe, cleanIm) = (real, imaginary)
    real[n / 2, 17] = .nan
    real[n / 2, 20] = .infinity
    var (re, im) = (real, imaginary)
    try fourierTransform(&re, &im, plan, on: execution)
    for j in 0..<columns {
      let label = "fourier \(n), column \(j) of \(columns) seed \(n) \(execution.label)"
      let found = re.columns(j..<j + 1).elements + im.columns(j..<j + 1).elements
      if j == 17 || j == 20 {
        report.expect(
          (0..<n).allSatisfy { !(re[$0, j].isFinite && im[$0, j].isFinite) },
          "\(label): finite beside NaN or ∞")
        continue
      }
      var aloneRe = cleanRe.columns(j..<j + 1)
      var aloneIm = cleanIm.columns(j..<j + 1)
      try fourierTransform(&aloneRe, &aloneIm, plan, on: execution)
      report.expectSameBits(found, aloneRe.elements + aloneIm.elements, label)
    }
  }
}

/// The kernels one after the other on guarded memory.
private func mixed(
  _ x: [Float], rows n: Int, columns d: Int, number: Int, _ execution: Execution,
  _ report: inout CheckReport
) throws -> [Float] {
  let tokens = try FourierPlan(length: n)
  let columns = try FourierPlan(length: d)
  let label = "fourierMix \(n)×\(d) \(execution.label)"
  let half = d / 2 + 1
  let source = GuardedMatrix(rows: n, columns: d, gap: number % 3, at: placement(number), x)
  let w = GuardedMatrix(
    rows: n, columns: FourierPlanView.rowStride(columns: half) - 16, gap: 16,
    at: placement(number + 1))
  let y = GuardedMatrix(rows: n, columns: d, gap: number % 4, at: placement(number + 2))
  let together = 32 * (1 + number % 3)
  func withWorkspace(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    let workspace = GuardedMatrix(rows: 1, columns: count, at: placement(number))
    body(workspace.target.base)
    report.expectIntact(workspace, "\(label), workspace")
  }
  let kernels = execution.table.fourier
  tokens.withView { plan in
    for part in 0..<plan.outerLength {
      for first in stride(from: 0, to: half, by: together) {
        withWorkspace(scratchCount(plan)) {
          kernels.mixTokens(
            source.view, part, first..<min(half, first + together), plan, w.target, $0)
        }
      }
    }
    report.expectIntact(w, "\(label), w")
    columns.withView { rowPlan in
      let count = FourierPlanView.stripStride(length: d) + scratchCount(rowPlan)
      if plan.outerLevels == 0 {
        for first in stride(from: 0, to: n / 2 + 1, by: together) {
          withWorkspace(count) {
            kernels.mixHidden(
              w.view, first..<min(n / 2 + 1, first + together), rowPlan, y.target, $0)
          }
        }
      } else {
        for remainder in 0...n / plan.outerLength / 2 {
          withWorkspace(count + 2 * plan.outerLength * w.view.rowStride) {
            kernels.mixRemainder(w.view, remainder, plan, rowPlan, y.target, $0)
          }
        }
      }
    }
  }
  report.expectIntact(y, label)
  return y.elements
}

private func fourierMixMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let sizes =
    size == .quick
    ? [1, 2, 15, 16, 33, 64, 65] : [1, 2, 3, 15, 16, 17, 30, 31, 32, 33, 63, 64, 65]
  var number = 0
  for n in sizes + [127, 255] {
    for d in sizes + [97] {
      number += 1
      if n + d > 200 && number % 3 != 0 { continue }
      var random = SplitMix64(seed: UInt64(n * 1000 + d))
      let x = random.floats(n * d)
      let label = "fourierMix \(n)×\(d) seed \(n * 1000 + d) \(execution.label)"
      let found = try mixed(x, rows: n, columns: d, number: number, execution, &report)
      let (tokens, columns) = try (FourierPlan(length: n), FourierPlan(length: d))
      let exact = fourierMixOracle(x.map(Double.init), rows: n, columns: d)
      let bound = fourierMixErrorBound(tokens, columns) * norm(exact)
      let error = norm(zip(found, exact).map { Double($0) - $1 })
      report.expect(error <= bound, "\(label): error \(error), expected \(bound)")
      report.expectSameBits(
        found, execution.model.fourierMix(x, rows: n, columns: d, tokens, columns),
        "\(label), contract")
    }
  }
}

/// Plans that are divided: remainder 0 with half of its rows and one, an even and an odd number of
/// remainders, so with and without one that is its own mirror image; radices 2 to 7 inside.
private func dividedFourierMixMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let sizes = [(2048, 33), (2240, 6), (3200, 16), (4096, 5)]
  for (number, (n, d)) in (size == .quick ? Array(sizes.prefix(2)) : sizes).enumerated() {
    var random = SplitMix64(seed: UInt64(n))
    let x = random.floats(n * d)
    let label = "fourierMix \(n)×\(d) seed \(n) \(execution.label)"
    let (tokens, columns) = try (FourierPlan(length: n), FourierPlan(length: d))
    report.expect(tokens.outerLevels > 0, "\(label): is not divided")
    let found = try mixed(x, rows: n, columns: d, number: number, execution, &report)
    let exact = fourierMixOracle(x.map(Double.init), rows: n, columns: d)
    let bound = fourierMixErrorBound(tokens, columns) * norm(exact)
    let error = norm(zip(found, exact).map { Double($0) - $1 })
    report.expect(error <= bound, "\(label): error \(error), expected \(bound)")
    report.expectSameBits(
      found, execution.model.fourierMix(x, rows: n, columns: d, tokens, columns),
      "\(label), contract")
  }
}

private func longFourierMixMeetsTheBound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for (n, d) in size == .quick ? [(256, 48)] : [(512, 768), (509, 48), (3072, 40), (4096, 33)] {
    var random = SplitMix64(seed: UInt64(n))
    let x = try Matrix(rows: n, columns: d, random.floats(n * d))
    var y = try Matrix(rows: n, columns: d)
    try fourierMix(x, over: Ragged(lengths: [n]), into: &y, on: execution)
    let exact = fourierMixOracle(x.elements.map(Double.init), rows: n, columns: d)
    let bound =
      try fourierMixErrorBound(FourierPlan(length: n), FourierPlan(length: d))
      * norm(exact)
    let error = norm(zip(y.elements, exact).map { Double($0) - $1 })
    report.expect(
      error <= bound,
      "fourierMix \(n)×\(d) seed \(n) \(execution.label): error \(error), expected \(bound)")
  }
}

private func fourierMixOfABatchIsEachAlone(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for d in [1, 17, 70] {
    let lengths = [64, 0, 1, 37, 64, 100, 2]
    let sequences = try Ragged(lengths: lengths)
    var random = SplitMix64(seed: UInt64(d))
    let wide = try Matrix(
      rows: sequences.rows, columns: d + 3, random.floats(sequences.rows * (d + 3)))
    let x = wide.columns(1..<d + 1)
    var y = try Matrix(rows: sequences.rows, columns: d)
    try fourierMix(x, over: sequences, into: &y, on: execution)
    var inPlace = x
    try fourierMix(inPlace, over: sequences, into: &inPlace, on: execution)
    let label = "×\(d) seed \(d) \(execution.label)"
    report.expectSameBits(inPlace.elements, y.elements, "fourierMix over its input \(label)")
    for s in 0..<sequences.count {
      let part = x.rows(sequences[s])
      var alone = try Matrix(rows: lengths[s], columns: d)
      try fourierMix(part, over: Ragged(lengths: [lengths[s]]), into: &alone, on: execution)
      report.expectSameBits(
        y.rows(sequences[s]).elements, alone.elements, "fourierMix of \(lengths[s])\(label)")
    }
  }
  for (rows, columns) in [(0, 5), (3, 0)] {
    var y = try Matrix(rows: rows, columns: columns)
    try fourierMix(y, over: Ragged(lengths: [rows]), into: &y, on: execution)
    report.expect(y.elements.isEmpty, "fourierMix of nothing")
  }
}

/// The gradient of `Σ dy·y` against central differences of the oracle, which are exact for a linear
/// map but for rounding in Double.
private func fourierMixIsItsOwnTranspose(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for lengths in [[1], [2, 5], [8, 6, 13]] {
    for d in [1, 2, 9, 16] {
      let sequences = try Ragged(lengths: lengths)
      var random = SplitMix64(seed: UInt64(d))
      let x = random.floats(sequences.rows * d)
      let dy = try Matrix(rows: sequences.rows, columns: d, random.floats(sequences.rows * d))
      var dx = try Matrix(rows: sequences.rows, columns: d)
      try fourierMixGradient(over: sequences, upstream: dy, into: &dx, on: execution)
      for s in 0..<sequences.count {
        let n = lengths[s]
        let weights = dy.rows(sequences[s]).elements.map(Double.init)
        let part = Array(x[sequences[s].lowerBound * d..<sequences[s].upperBound * d])
          .map(Double.init)
        func loss(_ x: [Double]) -> Double {
          zip(fourierMixOracle(x, rows: n, columns: d), weights).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let expected = part.indices.map { i in
          var (above, below) = (part, part)
          above[i] += 0.5
          below[i] -= 0.5
          return loss(above) - loss(below)
        }
        let bound =
          try fourierMixErrorBound(FourierPlan(length: n), FourierPlan(length: d)) * norm(expected)
          + 1e-12 * Double(n * d)
        let error = norm(
          zip(dx.rows(sequences[s]).elements, expected).map { Double($0) - $1 })
        report.expect(
          error <= bound,
          "fourierMixGradient \(n)×\(d) seed \(d) \(execution.label): error \(error), expected "
            + "\(bound)")
      }
    }
  }
}

private func fourierMixLeavesNothingFinite(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let sequences = try Ragged(lengths: [5, 40, 7])
  for value in [Float.nan, .infinity] {
    for at in [0, 3, 39] {
      let d = 34
      var random = SplitMix64(seed: 5)
      let clean = try Matrix(rows: 52, columns: d, random.floats(52 * d))
      var x = clean
      x[5 + at, at % d] = value
      var (y, expected) = (x, x)
      try fourierMix(x, over: sequences, into: &y, on: execution)
      try fourierMix(clean, over: sequences, into: &expected, on: execution)
      let label = "fourierMix with \(value) in row \(at) of 40×\(d) \(execution.label)"
      for s in [0, 2] {
        report.expectSameBits(
          y.rows(sequences[s]).elements, expected.rows(sequences[s]).elements,
          "\(label): sequence \(s)")
      }
      report.expect(
        y.rows(sequences[1]).elements.allSatisfy { !$0.isFinite }, "\(label): finite results")
    }
  }
}

/// The transforms inside the reference's layers, of hidden states of prime and composite sizes.
private func fourierMixAgreesWithTheFixtures(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for name in ["base-prime", "base-prime-hidden"] {
    let file = try SafetensorsFile(path: fixturePath("fnet/\(name)/expected.safetensors"))
    for (input, output) in [("embeddings", "fourier.1"), ("encoder.1", "fourier.2")] {
      guard let before = file[TensorName(input)], let after = file[TensorName(output)],
        before.shape.count == 3
      else {
        report.expect(false, "\(name): no \(input) or \(output)")
        continue
      }
      let (batch, n, d) = (before.shape[0], before.shape[1], before.shape[2])
      let x = try Matrix(rows: batch * n, columns: d, file.floats(of: before))
      var y = x
      try fourierMix(
        x, over: Ragged(lengths: Array(repeating: n, count: batch)), into: &y, on: execution)
      let expected = try file.floats(of: after).map(Double.init)
      // The fixtures' own input and output are rounded to Float.
      let bound =
        try norm(expected)
        * (fourierMixErrorBound(FourierPlan(length: n), FourierPlan(length: d))
          + 2 * unitRoundoff)
      let error = norm(zip(y.elements, expected).map { Double($0) - $1 })
      report.expect(
        error <= bound, "\(name) \(output) \(execution.label): error \(error), expected \(bound)")
    }
  }
}

/// The family's part of ``operatorBattery(on:)``.
func fourierBattery(on execution: Execution) throws -> [BatteryResult] {
  var random = SplitMix64(seed: 1965)
  var results: [BatteryResult] = []
  for (n, columns) in [(60, 200), (77, 100), (1024, 33), (509, 33)] {
    var real = try Matrix(rows: n, columns: columns, random.floats(n * columns))
    var imaginary = try Matrix(rows: n, columns: columns, random.floats(n * columns))
    try fourierTransform(
      &real, &imaginary, FourierPlan(length: n), n == 77 ? .inverse : .forward, on: execution)
    results.append(
      BatteryResult(name: "fourier \(n)", elements: real.elements + imaginary.elements))
  }
  let sequences = try Ragged(lengths: [300, 1, 257, 64])
  for d in [96, 131] {
    let x = try Matrix(
      rows: sequences.rows, columns: d, random.floats(sequences.rows * d))
    var y = x
    try fourierMix(x, over: sequences, into: &y, on: execution)
    results.append(BatteryResult(name: "fourierMix \(d)", elements: y.elements))
  }
  let x = try Matrix(rows: 2048, columns: 37, random.floats(2048 * 37))
  var y = x
  try fourierMix(x, over: Ragged(lengths: [2048]), into: &y, on: execution)
  results.append(BatteryResult(name: "fourierMix, divided", elements: y.elements))
  return results
}
