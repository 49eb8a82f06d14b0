// Functions, reductions and poolings against Double: shares of their bounds, and ulp histograms.

import Tarn
import TarnKernelInterface
import TarnTestSupport

/// Every elementwise function at arguments of all binades and at the edges of its formulas.
func verifiedFunctions(_ settings: VerificationSettings) throws -> [VerifiedOperator] {
  let execution = settings.execution
  let all = elementaryArguments(seed: 0x7a72)
  let arguments =
    settings.isQuick ? all.enumerated().filter { $0.offset % 8 == 0 }.map(\.element) : all
  let x = try Matrix(rows: 1, columns: arguments.count, arguments)
  return try ElementwiseFunction.allCases.map { function in
    var y = try Matrix(rows: 1, columns: arguments.count)
    try elementwise(function, x, into: &y, on: execution)
    let results = y.elements
    let bound = ErrorBound.of(function)
    var isWithin = true
    var shares = 0.0
    let errors = arguments.indices.map { i in
      let exact = elementwiseOracle(function, Double(arguments[i]))
      let isFused = execution.instructionSet.hasFusedMultiplyAdd
      if !bound.holds(arguments[i], results[i], exact, isFused: isFused) { isWithin = false }
      let error = ulps(results[i], from: exact)
      if let interval = bound.intervals.first(where: { arguments[i] >= $0.start }) {
        let most = isFused ? interval.fused : interval.separate
        if most > 0 { shares = max(shares, error / most) }
      }
      return error
    }
    return VerifiedOperator(
      name: "\(function)", shape: "\(arguments.count)", operands: "all binades",
      unit: "share of the bound",
      tarn: ErrorFigure(error: isWithin ? min(shares, 1) : .infinity, bound: 1),
      histogram: VerifiedOperator.histogram(errors))
  }
}

/// Results of one operator beside exact values and the errors that are allowed.
struct Comparison {
  var name: String
  var shape: String
  var operands = "well scaled"

  func verified(_ found: [Float], _ exact: [Double], _ tolerances: [Double]) -> VerifiedOperator {
    var share = 0.0
    for i in found.indices {
      let error = abs(Double(found[i]) - exact[i])
      if error > 0 { share = max(share, tolerances[i] > 0 ? error / tolerances[i] : .infinity) }
      if error.isNaN && !exact[i].isNaN { share = .infinity }
    }
    return VerifiedOperator(
      name: name, shape: shape, operands: operands, unit: "share of the bound",
      tarn: ErrorFigure(error: share, bound: 1),
      histogram: VerifiedOperator.histogram(found.indices.map { ulps(found[$0], from: exact[$0]) }))
  }
}

/// Normalisation, the forms of softmax, means and windows; the bounds of Docs: Numerics.
func verifiedRows(_ settings: VerificationSettings) throws -> [VerifiedOperator] {
  let execution = settings.execution
  var results: [VerifiedOperator] = []
  for (rows, columns) in settings.isQuick ? [(9, 130)] : [(9, 130), (4, 1), (7, 1027), (3, 3072)] {
    for scale: Float in [1, 30] {
      var random = SplitMix64(seed: UInt64(columns))
      let elements = random.floats(rows * columns, scale: scale)
      let (gain, bias) = (random.floats(columns), random.floats(columns))
      let x = try Matrix(rows: rows, columns: columns, elements)
      let each = (0..<rows).map { Array(elements[$0 * columns..<($0 + 1) * columns]) }
      var y = try Matrix(rows: rows, columns: columns)
      let (shape, kind) = ("\(rows)×\(columns)", "uniform ±\(Int(scale))")
      let u = unitRoundoff
      let terms = Double(columns) / 16

      try layerNorm(
        x, gain: Matrix(gain), bias: Matrix(bias), epsilon: 1e-5, into: &y, on: execution)
      let norms = each.map {
        layerNormOracle($0, residual: nil, gain: gain, bias: bias, epsilon: 1e-5)
      }
      results.append(
        Comparison(name: "layerNorm", shape: shape, operands: kind).verified(
          y.elements, norms.flatMap(\.values), norms.flatMap(\.tolerances)))

      try rmsNorm(x, gain: Matrix(gain), epsilon: 1e-5, into: &y, on: execution)
      let rms = each.flatMap { rmsNormOracle($0, gain: gain, epsilon: 1e-5) }
      results.append(
        Comparison(name: "rmsNorm", shape: shape, operands: kind).verified(
          y.elements, rms, rms.map { abs($0) * (Double(columns) / 32 + 10) * u }))

      let reach = Double(scale)
      try softmax(x, into: &y, on: execution)
      let weights = each.flatMap { softmaxOracle($0, scale: 1) }
      results.append(
        Comparison(name: "softmax", shape: shape, operands: kind).verified(
          y.elements, weights, weights.map { $0 * (8 * reach + terms + 32) * u + 0x1p-126 }))

      try logSoftmax(x, into: &y, on: execution)
      let logarithms = each.flatMap { logSoftmaxOracle($0, scale: 1) }
      results.append(
        Comparison(name: "logSoftmax", shape: shape, operands: kind).verified(
          y.elements, logarithms, logarithms.map { (8 * reach + terms + 16 + 4 * abs($0)) * u }))

      var sums = try Matrix(rows: rows, columns: 1)
      try logSumExp(x, into: &sums, on: execution)
      let totals = each.map { logSumExpOracle($0, scale: 1) }
      results.append(
        Comparison(name: "logSumExp", shape: shape, operands: kind).verified(
          sums.elements, totals, totals.map { (8 * reach + terms + 16 + 4 * abs($0)) * u }))
    }
  }
  return try results + verifiedPoolings(settings)
}

private func verifiedPoolings(_ settings: VerificationSettings) throws -> [VerifiedOperator] {
  let execution = settings.execution
  let d = 17
  let n = settings.isQuick ? 300 : 700
  let sequences = try Ragged(lengths: [n])
  var random = SplitMix64(seed: 5)
  let elements = random.floats(n * d)
  let x = try Matrix(rows: n, columns: d, elements)
  let exactly = elements.map(Double.init)
  let u = unitRoundoff
  var results: [VerifiedOperator] = []

  var mean = try Matrix(rows: 1, columns: d)
  try maskedMean(x, over: sequences, into: &mean, on: execution)
  let means = meanOracle(elements, rows: n, columns: d, keep: nil)
  results.append(
    Comparison(name: "maskedMean", shape: "\(n)×\(d)").verified(
      mean.elements, means.values,
      means.magnitudes.map { $0 * Double(min(256, n) + n / 256 + 1) * u }))

  for (reduction, window) in [
    (WindowReduction.maximum, 5), (.minimum, 5), (.sum, 3), (.sum, 300), (.mean, 3), (.mean, 300),
  ] {
    var y = try Matrix(rows: n, columns: d)
    try slidingWindow(reduction, x, over: sequences, window: window, into: &y, on: execution)
    let exact = windowOracle(
      reduction, exactly, columns: d,
      windows: slidingRanges(tokens: n, window: window, stride: 1))
    let roundings = Double(min(256, window) + window / 256 + 1) * u
    let isExact = reduction == .maximum || reduction == .minimum
    results.append(
      Comparison(name: "slidingWindow \(reduction) \(window)", shape: "\(n)×\(d)").verified(
        y.elements, exact.values, exact.magnitudes.map { isExact ? 0 : $0 * roundings }))
  }
  for reduction in [WindowReduction.maximum, .minimum, .mean] {
    let pooling = StridedPooling(stride: 3)
    var y = try Matrix(rows: pooling.pooled(sequences).rows, columns: d)
    try stridedPool(reduction, x, over: sequences, pooling, into: &y, on: execution)
    let exact = windowOracle(
      reduction, exactly, columns: d,
      windows: stridedRanges(tokens: n, stride: 3, separatesFirst: false, truncates: false))
    results.append(
      Comparison(name: "stridedPool \(reduction)", shape: "\(n)×\(d)").verified(
        y.elements, exact.values, exact.magnitudes.map { reduction == .mean ? $0 * 4 * u : 0 }))
  }
  return results
}
