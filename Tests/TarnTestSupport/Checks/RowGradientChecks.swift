// The gradients of the row operators against Double, the contract, and central differences.

internal import Tarn
internal import TarnKernelInterface

/// The checks of this file.
public let rowGradientChecks: [KernelCheck] = [
  KernelCheck("gradient oracles", oraclesEqualCentralDifferences),
  KernelCheck("layer norm gradient", layerNormGradientMeetsBoundAndContract),
  KernelCheck("rms norm gradient", rmsNormGradientMeetsBoundAndContract),
  KernelCheck("norm gradients, tokens", parameterGradientsKeepTheirOrder),
  KernelCheck("norm gradients, edges", normGradientEdges),
  KernelCheck("softmax gradient", softmaxGradientMeetsBound),
  KernelCheck("log-softmax gradient", logSoftmaxGradientMeetsBound),
  KernelCheck("log-sum-exp gradient", logSumExpGradientIsScaledSoftmax),
  KernelCheck("elementwise gradient", elementwiseGradientMeetsBound),
  KernelCheck("elementwise gradient, edges", elementwiseGradientEdges),
]

/// The oracles of the gradients are the derivatives of the oracles of the forward direction.
private func oraclesEqualCentralDifferences(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for n in [1, 2, 17, 33] {
    var random = SplitMix64(seed: UInt64(n))
    let x = random.floats(n, scale: 2)
    let dy = random.floats(n)
    let gain = random.floats(n)
    let wide = (x: x.map(Double.init), dy: dy.map(Double.init), gain: gain.map(Double.init))
    func expect(_ found: [Double], _ name: String, _ f: ([Double]) -> [Double]) {
      let expected = centralDifferences(wide.x, upstream: wide.dy, f)
      for i in found.indices {
        report.expect(
          abs(found[i] - expected[i]) <= 1e-8,
          "\(name) \(n) seed \(n): [\(i)] = \(found[i]), expected \(expected[i])")
      }
    }
    let epsilon: Float = 0.5
    expect(
      layerNormGradientOracle(x, gain: gain, epsilon: epsilon, upstream: dy).dx.map(\.value),
      "layer norm"
    ) {
      layerNormInDouble($0, gain: wide.gain, bias: wide.gain, epsilon: Double(epsilon))
    }
    expect(
      rmsNormGradientOracle(x, gain: gain, epsilon: epsilon, upstream: dy).dx.map(\.value),
      "rms norm"
    ) {
      rmsNormInDouble($0, gain: wide.gain, epsilon: Double(epsilon))
    }
    for scale in [1.0, -1.5] {
      let y = softmaxInDouble(wide.x, scale: scale)
      expect(softmaxGradientOracle(y, scale: scale, upstream: wide.dy), "softmax") {
        softmaxInDouble($0, scale: scale)
      }
      expect(
        logSoftmaxGradientOracle(y.map { logarithm($0) }, scale: scale, upstream: wide.dy),
        "log-softmax"
      ) { softmaxInDouble($0, scale: scale).map { logarithm($0) } }
      let total = wide.dy.reduce(0, +)
      expect(y.map { scale * total * $0 }, "log-sum-exp") { x in
        x.map { _ in
          logSumExpInDouble(x, scale: scale)
        }
      }
    }
    for f in ElementwiseFunction.allCases {
      expect(
        wide.x.indices.map { wide.dy[$0] * elementwiseDerivativeOracle(f, wide.x[$0]) }, "\(f)"
      ) { $0.map { elementwiseOracle(f, $0) } }
    }
  }
}

private func layerNormGradientMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, d) in rowWidths.enumerated() {
    for count in [1, 3] {
      var random = SplitMix64(seed: UInt64(d))
      let offset = random.float() * 2
      let x = random.floats(count * d).map { $0 + offset }
      let dy = random.floats(count * d)
      let gain = random.floats(d)
      let label = "layerNormGradient \(count)×\(d) seed \(d) \(execution.label)"
      let source = GuardedMatrix(
        rows: count, columns: d, gap: number % 3, at: placement(number), x)
      let upstream = GuardedMatrix(
        rows: count, columns: d, gap: number % 2, at: placement(number + 1), dy)
      let gains = GuardedMatrix(gain, at: placement(number + 2))
      let dx = GuardedMatrix(rows: count, columns: d, gap: number % 3, at: placement(number))
      let dGain = GuardedMatrix(rows: 1, columns: d, at: placement(number + 1))
      let dBias = GuardedMatrix(rows: 1, columns: d, at: placement(number + 2))
      let table = execution.table.rows
      table.layerNormGradient(
        source.view, gains.view.base, 1e-3, upstream.view, dx.target, dGain.target.base,
        dBias.target.base)
      for target in [dx, dGain, dBias] { report.expectIntact(target, label) }
      for (i, found) in rows(dx.elements, columns: d).enumerated() {
        let row = Array(x[i * d..<(i + 1) * d])
        let from = Array(dy[i * d..<(i + 1) * d])
        let exact = layerNormGradientOracle(row, gain: gain, epsilon: 1e-3, upstream: from).dx
        report.expectWithin(found, exact, label)
        report.expectSameBits(
          found,
          execution.model.layerNormGradient(row, gain: gain, epsilon: 1e-3, upstream: from).dx,
          "\(label), contract")
      }
      table.layerNormGradient(
        source.view, gains.view.base, 1e-3, upstream.view, upstream.target, dGain.target.base,
        dBias.target.base)
      report.expectSameBits(upstream.elements, dx.elements, "\(label), in place")
    }
  }
}

private func rmsNormGradientMeetsBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, d) in rowWidths.enumerated() {
    for count in [1, 3] {
      var random = SplitMix64(seed: UInt64(d))
      let x = random.floats(count * d, scale: 3)
      let dy = random.floats(count * d)
      let gain = random.floats(d)
      let label = "rmsNormGradient \(count)×\(d) seed \(d) \(execution.label)"
      let source = GuardedMatrix(
        rows: count, columns: d, gap: number % 3, at: placement(number), x)
      let upstream = GuardedMatrix(
        rows: count, columns: d, gap: number % 2, at: placement(number + 1), dy)
      let gains = GuardedMatrix(gain, at: placement(number + 2))
      let dx = GuardedMatrix(rows: count, columns: d, gap: number % 3, at: placement(number))
      let dGain = GuardedMatrix(rows: 1, columns: d, at: placement(number + 1))
      let table = execution.table.rows
      table.rmsNormGradient(
        source.view, gains.view.base, 1e-3, upstream.view, dx.target, dGain.target.base)
      for target in [dx, dGain] { report.expectIntact(target, label) }
      for (i, found) in rows(dx.elements, columns: d).enumerated() {
        let row = Array(x[i * d..<(i + 1) * d])
        let from = Array(dy[i * d..<(i + 1) * d])
        let exact = rmsNormGradientOracle(row, gain: gain, epsilon: 1e-3, upstream: from).dx
        report.expectWithin(found, exact, label)
        report.expectSameBits(
          found,
          execution.model.rmsNormGradient(row, gain: gain, epsilon: 1e-3, upstream: from).dx,
          "\(label), contract")
      }
      table.rmsNormGradient(
        source.view, gains.view.base, 1e-3, upstream.view, upstream.target, dGain.target.base)
      report.expectSameBits(upstream.elements, dx.elements, "\(label), in place")
    }
  }
}

/// The sums over tokens: within `(min(256, n) + n/256 + 2) ε Σ|dy|·|x̂|` and what x̂ itself is off by, and
/// the bits of chains over chunks of 256 joined in order.
private func parameterGradientsKeepTheirOrder(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let d = 19
  for n in size == .quick ? [0, 1, 257] : [0, 1, 2, 255, 256, 257, 512, 5000] {
    var random = SplitMix64(seed: UInt64(n))
    let x = random.floats(n * d)
    let dy = random.floats(n * d)
    let gain = random.floats(d)
    let model = execution.model
    let input = try Matrix(rows: n, columns: d, x)
    let upstream = try Matrix(rows: n, columns: d, dy)
    var dx = try Matrix(rows: n, columns: d)
    // What is there already counts for nothing.
    var dGain = try Matrix(rows: 1, columns: d, [Float](repeating: 7, count: d))
    var dBias = dGain
    let label = "\(n)×\(d) seed \(n) \(execution.label)"

    func expect(
      _ dGain: Matrix, _ name: String,
      _ contract: ([Float], [Float]) -> (dx: [Float], normal: [Float]),
      _ oracle: ([Float], [Float]) -> [BoundedValue]
    ) {
      let normal = rows(x, columns: d).indices.flatMap {
        contract(Array(x[$0 * d..<($0 + 1) * d]), Array(dy[$0 * d..<($0 + 1) * d])).normal
      }
      let sums = model.tokenSums(rows: n, columns: d) {
        model.multiplyAdd(dy[$1 * d + $2], normal[$1 * d + $2], $0)
      }
      report.expectSameBits(dGain.elements, sums, "\(name) gain \(label), contract")
      var exact = [Double](repeating: 0, count: d)
      var tolerance = exact
      let roundings = Double(min(256, n) + n / 256 + 2) * unitRoundoff
      for t in 0..<n {
        let row = oracle(Array(x[t * d..<(t + 1) * d]), Array(dy[t * d..<(t + 1) * d]))
        for j in 0..<d {
          let factor = Double(dy[t * d + j])
          exact[j] += factor * row[j].value
          tolerance[j] += abs(factor) * (roundings * abs(row[j].value) + row[j].error)
        }
      }
      report.expectWithin(dGain.elements, exact, tolerance: tolerance, "\(name) gain \(label)")
    }

    let gains = Matrix(gain)
    try layerNormGradient(
      input, gain: gains, epsilon: 1e-3, upstream: upstream, into: &dx, gainGradient: &dGain,
      biasGradient: &dBias, on: execution)
    expect(dGain, "layerNormGradient") {
      model.layerNormGradient($0, gain: gain, epsilon: 1e-3, upstream: $1)
    } _: {
      layerNormGradientOracle($0, gain: gain, epsilon: 1e-3, upstream: $1).normal
    }
    report.expectSameBits(
      dBias.elements, model.tokenSums(rows: n, columns: d) { $0 + dy[$1 * d + $2] },
      "layerNormGradient bias \(label), contract")
    try rmsNormGradient(
      input, gain: gains, epsilon: 1e-3, upstream: upstream, into: &dx, gainGradient: &dGain,
      on: execution)
    expect(dGain, "rmsNormGradient") {
      model.rmsNormGradient($0, gain: gain, epsilon: 1e-3, upstream: $1)
    } _: {
      rmsNormGradientOracle($0, gain: gain, epsilon: 1e-3, upstream: $1).normal
    }
  }
}

/// NaN stays in its row of dx; no columns and no rows write nothing but zeros.
private func normGradientEdges(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let table = execution.table.rows
  let d = 20
  var random = SplitMix64(seed: 4)
  var x = random.floats(3 * d)
  x[d + 3] = .nan
  let source = GuardedMatrix(rows: 3, columns: d, x)
  let upstream = GuardedMatrix(rows: 3, columns: d, random.floats(3 * d))
  let gain = GuardedMatrix(random.floats(d))
  let dx = GuardedMatrix(rows: 3, columns: d)
  let dGain = GuardedMatrix(rows: 1, columns: d)
  let dBias = GuardedMatrix(rows: 1, columns: d)
  func expectNaNInRowOne(_ name: String) {
    for (i, row) in rows(dx.elements, columns: d).enumerated() {
      report.expect(
        row.allSatisfy { $0.isNaN == (i == 1) }, "\(name), NaN, row \(i) \(execution.label)")
    }
    report.expect(dGain.elements.allSatisfy(\.isNaN), "\(name) gain, NaN \(execution.label)")
  }
  table.layerNormGradient(
    source.view, gain.view.base, 1e-5, upstream.view, dx.target, dGain.target.base,
    dBias.target.base)
  expectNaNInRowOne("layerNormGradient")
  report.expect(dBias.elements.allSatisfy(\.isFinite), "layerNormGradient bias beside NaN")
  table.rmsNormGradient(
    source.view, gain.view.base, 1e-5, upstream.view, dx.target, dGain.target.base)
  expectNaNInRowOne("rmsNormGradient")
  for (r, c) in [(0, 5), (2, 0)] {
    let empty = GuardedMatrix(rows: r, columns: c)
    let sums = GuardedMatrix(rows: 1, columns: c)
    table.layerNormGradient(
      empty.view, gain.view.base, 1e-5, empty.view, empty.target, sums.target.base,
      sums.target.base)
    table.rmsNormGradient(
      empty.view, gain.view.base, 1e-5, empty.view, empty.target, sums.target.base)
    report.expectIntact(empty, "norm gradients of \(r)×\(c)")
    report.expectIntact(sums, "norm gradients of \(r)×\(c)")
    report.expect(sums.elements.allSatisfy { $0 == 0 }, "norm gradients of \(r)×\(c)")
  }
}

/// See `softmaxGradient` for the bound; y and dy are taken as they are.
private func softmaxGradientMeetsBound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let table = execution.table.rows
  for (number, n) in rowWidths.enumerated() {
    for scale in [Float(1), -0.25] {
      var random = SplitMix64(seed: UInt64(n))
      let lengths = [n, 0, n / 2, n].map(Int32.init)
      let count = lengths.count
      var y = (0..<count).flatMap { _ in
        softmaxOracle(random.floats(n, scale: 4), scale: 1).map { Float($0) }
      }
      var dy = random.floats(count * n)
      for isMasked in [false, true] {
        if isMasked {
          for i in 0..<count {
            for j in Int(lengths[i])..<n {
              y[i * n + j] = .nan
              dy[i * n + j] = .nan
            }
          }
        }
        let label = "softmaxGradient \(count)×\(n) masked \(isMasked) seed \(n) \(execution.label)"
        let source = GuardedMatrix(
          rows: count, columns: n, gap: number % 3, at: placement(number), y)
        let upstream = GuardedMatrix(
          rows: count, columns: n, gap: number % 2, at: placement(number + 1), dy)
        let dx = GuardedMatrix(rows: count, columns: n, gap: 1, at: placement(number + 2))
        func run(_ target: MutableMatrixView) {
          lengths.withUnsafeBufferPointer {
            table.softmaxGradient(
              source.view, isMasked ? $0.baseAddress : nil, scale, upstream.view, target)
          }
        }
        run(dx.target)
        report.expectIntact(dx, label)
        for (i, found) in rows(dx.elements, columns: n).enumerated() {
          let length = isMasked ? Int(lengths[i]) : n
          let range = i * n..<i * n + length
          let zeros = [Float](repeating: 0, count: n - length)
          let wide = (y: y[range].map(Double.init), dy: dy[range].map(Double.init))
          let reach = zip(wide.y, wide.dy).reduce(0) { $0 + $1.0 * abs($1.1) }
          let bound = (Double(length) / 16 + 12) * unitRoundoff * abs(Double(scale))
          report.expectWithin(
            found,
            softmaxGradientOracle(wide.y, scale: Double(scale), upstream: wide.dy)
              + zeros.map(Double.init),
            tolerance: wide.y.indices.map { bound * wide.y[$0] * (abs(wide.dy[$0]) + reach) }
              + zeros.map(Double.init), label)
          report.expectSameBits(
            found,
            execution.model.softmaxGradient(
              Array(y[range]), scale: scale, upstream: Array(dy[range])) + zeros,
            "\(label), contract")
        }
        run(upstream.target)
        report.expectSameBits(upstream.elements, dx.elements, "\(label), in place")
      }
    }
  }
}

/// See `logSoftmaxGradient` for the bound; a denormal exponential counts as 0.
private func logSoftmaxGradientMeetsBound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, n) in rowWidths.enumerated() {
    for scale in [Float(1), -0.25] {
      var random = SplitMix64(seed: UInt64(n))
      let y = logSoftmaxOracle(random.floats(n, scale: 60), scale: 1).map { Float($0) }
      let dy = random.floats(n)
      let label = "logSoftmaxGradient \(n) scale \(scale) seed \(n) \(execution.label)"
      let source = GuardedMatrix(y, at: placement(number))
      let upstream = GuardedMatrix(dy, at: placement(number + 1))
      let dx = GuardedMatrix(rows: 1, columns: n, at: placement(number + 2))
      execution.table.rows.logSoftmaxGradient(source.view, scale, upstream.view, dx.target)
      report.expectIntact(dx, label)
      let wide = (y: y.map(Double.init), dy: dy.map(Double.init))
      let reach = wide.dy.reduce(0) { $0 + abs($1) }
      let bound = (Double(n) / 16 + 16) * unitRoundoff
      report.expectWithin(
        dx.elements,
        logSoftmaxGradientOracle(wide.y, scale: Double(scale), upstream: wide.dy),
        tolerance: wide.y.indices.map {
          abs(Double(scale))
            * (bound * (abs(wide.dy[$0]) + exponential(wide.y[$0]) * reach) + 0x1p-125 * reach)
        }, label)
      execution.table.rows.logSoftmaxGradient(
        source.view, scale, upstream.view, upstream.target)
      report.expectSameBits(upstream.elements, dx.elements, "\(label), in place")
    }
  }
}

/// The bits of softmax times `dy · scale`.
private func logSumExpGradientIsScaledSoftmax(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, n) in rowWidths.enumerated() {
    for count in [1, 8, 9] {
      var random = SplitMix64(seed: UInt64(n))
      let x = random.floats(count * n, scale: 5)
      let dy = random.floats(count)
      let label = "logSumExpGradient \(count)×\(n) seed \(n) \(execution.label)"
      let source = GuardedMatrix(
        rows: count, columns: n, gap: number % 3, at: placement(number), x)
      let upstream = GuardedMatrix(
        rows: count, columns: 1, gap: number % 2, at: placement(number + 1), dy)
      let y = GuardedMatrix(rows: count, columns: n)
      execution.table.rows.softmax(source.view, 0.5, y.target)
      let dx = GuardedMatrix(rows: count, columns: n, gap: 1, at: placement(number + 2))
      execution.table.rows.logSumExpGradient(source.view, 0.5, upstream.view, dx.target)
      report.expectIntact(dx, label)
      let expected = y.elements.indices.map { y.elements[$0] * (dy[$0 / n] * 0.5) }
      report.expectSameBits(dx.elements, expected, label)
      execution.table.rows.logSumExpGradient(source.view, 0.5, upstream.view, source.target)
      report.expectSameBits(source.elements, expected, "\(label), in place")
    }
  }
}

/// The bounds of `elementwiseGradient`: roundings of the derivative, relative or absolute.
private func elementwiseGradientMeetsBound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  var random = SplitMix64(seed: 9)
  var x = [Float(0), -0.0, 1e-30, -1e-30, 0.625, 1, 3.95, 8, 13, 14, 20, 88, 104, 1e30]
  x += x.map { -$0 }
  let each = size == .quick ? 200 : 20_000
  x +=
    random.floats(each, scale: 1) + random.floats(each, scale: 8) + random.floats(each, scale: 80)
  let dy = random.floats(x.count, scale: 3)
  for f in ElementwiseFunction.allCases {
    let source = GuardedMatrix(x)
    let upstream = GuardedMatrix(dy)
    let dx = GuardedMatrix(rows: 1, columns: x.count)
    execution.table.rows.elementwiseGradient(
      f, source.view.base, upstream.view.base, dx.target.base, x.count)
    let found = dx.elements
    for i in x.indices {
      let factor = Double(dy[i])
      let derivative = elementwiseDerivativeOracle(f, Double(x[i]))
      if abs(derivative * factor) > 3e38 { continue }
      let roundings: Double
      switch f {
      case .exp, .tanh, .sigmoid: roundings = 12 * derivative
      case .erf: roundings = (2 * Double(x[i]) * Double(x[i]) + 8) * derivative
      case .gelu, .silu: roundings = 12
      case .geluTanh: roundings = 20
      case .relu: roundings = 0
      }
      let tolerance =
        abs(factor) * ((roundings.isFinite ? roundings : 0) * unitRoundoff + 0x1p-122) + 0x1p-149
      report.expect(
        abs(Double(found[i]) - derivative * factor) <= tolerance,
        "\(f)'(\(x[i])) · \(dy[i]) = \(found[i]), expected \(derivative * factor) within"
          + " \(tolerance) \(execution.label)")
    }
    for n in 0...34 {
      let source = GuardedMatrix(Array(x.suffix(n)), at: placement(n))
      let upstream = GuardedMatrix(Array(dy.suffix(n)), at: placement(n + 1))
      let dx = GuardedMatrix(rows: 1, columns: n, at: placement(n + 2))
      execution.table.rows.elementwiseGradient(
        f, source.view.base, upstream.view.base, dx.target.base, n)
      report.expectIntact(dx, "\(f) gradient of \(n)")
      report.expectSameBits(
        dx.elements, Array(found.suffix(n)), "\(f) gradient of \(n) elements \(execution.label)")
      execution.table.rows.elementwiseGradient(
        f, source.view.base, upstream.view.base, source.target.base, n)
      report.expectSameBits(source.elements, dx.elements, "\(f) gradient in place")
    }
  }
}

/// NaN, infinities and both zeros.
private func elementwiseGradientEdges(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let infinity = Float.infinity
  // Function, argument, derivative.
  let table: [(ElementwiseFunction, Float, Float)] = [
    (.exp, -infinity, 0), (.exp, infinity, infinity), (.exp, 0, 1),
    (.tanh, 0, 1), (.tanh, infinity, 0), (.tanh, -infinity, 0),
    (.erf, infinity, 0), (.erf, -infinity, 0), (.erf, 0, 0x1.20dd76p+0),
    (.gelu, infinity, 1), (.gelu, -infinity, 0), (.gelu, 0, 0.5),
    (.geluTanh, infinity, 1), (.geluTanh, -infinity, 0), (.geluTanh, 0, 0.5),
    (.relu, 0, 0), (.relu, -0.0, 0), (.relu, infinity, 1), (.relu, -infinity, 0),
    (.relu, .leastNonzeroMagnitude, 1),
    (.sigmoid, 0, 0.25), (.sigmoid, infinity, 0), (.sigmoid, -infinity, 0),
    (.silu, 0, 0.5), (.silu, infinity, 1), (.silu, -infinity, 0),
  ]
  func gradient(_ f: ElementwiseFunction, _ x: Float, _ dy: Float) -> Float {
    let source = GuardedMatrix([x])
    let upstream = GuardedMatrix([dy])
    let dx = GuardedMatrix(rows: 1, columns: 1)
    execution.table.rows.elementwiseGradient(
      f, source.view.base, upstream.view.base, dx.target.base, 1)
    return dx.elements[0]
  }
  for (f, x, expected) in table {
    let found = gradient(f, x, 1)
    report.expect(found == expected, "\(f)'(\(x)) = \(found), expected \(expected)")
  }
  for f in ElementwiseFunction.allCases {
    report.expect(gradient(f, .nan, 1).isNaN, "\(f)'(nan) \(execution.label)")
    report.expect(gradient(f, 0.5, .nan).isNaN, "\(f)'(0.5) · nan \(execution.label)")
  }
}
