// The documented error bounds, for each instruction set.

import Foundation
import Tarn
import TarnKernelInterface
import TarnTestSupport
import Testing

extension Tag {
  /// Tests over all 2³² floats: minutes each, in a release build.
  @Tag static var exhaustive: Self
}

private let isExhaustive = ProcessInfo.processInfo.environment["TARN_TEST_EXHAUSTIVE"] == "1"

@Suite struct ElementaryAccuracyTests {
  @Test(arguments: InstructionSet.available, ElementwiseFunction.allCases)
  func everyBinadeIsWithinTheDocumentedBound(
    set: InstructionSet, function: ElementwiseFunction
  ) {
    let seed: UInt64 = 0x7a72
    let x = elementaryArguments(seed: seed)
    let y = evaluate(function, x, on: set)
    let bound = ErrorBound.of(function)
    var failures: [String] = []
    for i in x.indices {
      let exact = elementwiseOracle(function, Double(x[i]))
      if !bound.holds(x[i], y[i], exact, isFused: set.hasFusedMultiplyAdd) {
        failures.append("\(x[i]): \(y[i]), expected \(exact), \(ulps(y[i], from: exact)) ulp")
      }
    }
    #expect(
      failures.isEmpty,
      "\(function) \(set) seed \(seed), \(failures.count) of \(x.count): \(failures.prefix(5))")
  }

  @Test(arguments: InstructionSet.available)
  func specialValuesComeOutAsDocumented(set: InstructionSet) {
    let infinity = Float.infinity
    // Function, argument, value; the sign of a zero counts.
    let table: [(ElementwiseFunction, Float, Float)] = [
      (.exp, 0, 1), (.exp, -0.0, 1), (.exp, infinity, infinity), (.exp, -infinity, 0),
      (.exp, 88.722_84, infinity), (.exp, 88.722_83, 0x1.ffff08p+127),
      (.exp, -103.972_09, 0), (.exp, -103.972_07, .leastNonzeroMagnitude),
      (.exp, .leastNonzeroMagnitude, 1),
      (.tanh, 0, 0), (.tanh, -0.0, -0.0), (.tanh, infinity, 1), (.tanh, -infinity, -1),
      (.tanh, -.leastNonzeroMagnitude, -.leastNonzeroMagnitude), (.tanh, 9.02, 1),
      (.erf, 0, 0), (.erf, -0.0, -0.0), (.erf, infinity, 1), (.erf, -infinity, -1),
      (.erf, .leastNonzeroMagnitude, .leastNonzeroMagnitude), (.erf, -3.95, -1),
      (.gelu, 0, 0), (.gelu, -0.0, -0.0), (.gelu, infinity, infinity),
      (.gelu, -infinity, -0.0),
      (.gelu, -12.95, -0.0), (.gelu, 20, 20),
      (.gelu, .greatestFiniteMagnitude, .greatestFiniteMagnitude),
      (.gelu, -.greatestFiniteMagnitude, -0.0),
      (.geluTanh, 0, 0), (.geluTanh, -0.0, -0.0), (.geluTanh, infinity, infinity),
      (.geluTanh, -infinity, -0.0), (.geluTanh, -11, -0.0), (.geluTanh, 20, 20),
      (.geluTanh, .greatestFiniteMagnitude, .greatestFiniteMagnitude),
      (.relu, 0, 0), (.relu, -0.0, -0.0), (.relu, infinity, infinity), (.relu, -infinity, 0),
      (.relu, -.leastNonzeroMagnitude, 0), (.relu, .leastNonzeroMagnitude, .leastNonzeroMagnitude),
      (.sigmoid, 0, 0.5), (.sigmoid, infinity, 1), (.sigmoid, -infinity, 0), (.sigmoid, 20, 1),
      (.sigmoid, -89, 0),
      (.silu, 0, 0), (.silu, -0.0, -0.0), (.silu, infinity, infinity), (.silu, -infinity, -0.0),
      (.silu, -89, -0.0), (.silu, 20, 20),
    ]
    for (function, x, expected) in table {
      let y = evaluate(function, [x], on: set)[0]
      #expect(
        y.bitPattern == expected.bitPattern, "\(function) \(set): f(\(x)) = \(y), not \(expected)")
    }
  }

  @Test(arguments: InstructionSet.available, ElementwiseFunction.allCases)
  func everyKindOfNaNStaysNaN(set: InstructionSet, function: ElementwiseFunction) {
    // The payload must not reach the exponent through the bit operations.
    let patterns: [UInt32] = [
      0x7fc0_0000, 0x7f80_0001, 0x7f80_00ff, 0x7fa5_a5a5, 0x7fff_ffff, 0x7fc0_01ff, 0x7fc0_00fe,
    ]
    let x = patterns.flatMap { [Float(bitPattern: $0), Float(bitPattern: $0 | 0x8000_0000)] }
    let y = evaluate(function, x, on: set)
    #expect(y.allSatisfy { $0.isNaN }, "\(function) \(set): \(y)")
  }

  /// Softmax is the only way in to `exp2NonPositive`.
  @Test(arguments: InstructionSet.available)
  func softmaxFlushesSmallExponentialsOnly(set: InstructionSet) {
    // The other exponential of the row is 1 and the sum rounds to 1, so this one comes out as it
    // is.
    let cases: [(x: Float, isFlushed: Bool)] = [
      (-80, false), (-87.336_54, false), (-87.68, false), (-87.69, true), (-100, true),
      (-.infinity, true),
    ]
    for (x, isFlushed) in cases {
      var row: [Float] = [0, x]
      row.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        set.kernels.table.rows.softmax(
          MatrixView(base, rows: 1, columns: 2, rowStride: 2), 1,
          MutableMatrixView(base, rows: 1, columns: 2, rowStride: 2))
      }
      let exact = isFlushed ? 0 : Foundation.exp(Double(x))
      #expect(row[0] == 1)
      // The factor and the product are rounded, and 2^r has 2.6 ε; a denormal result rounds once more.
      let relative = (2.2 * min(abs(Double(x)), 88) + 2.6) * 0x1p-24
      #expect(
        abs(Double(row[1]) - exact) <= exact * relative + 0x1p-149, "\(set): e^\(x) = \(row[1])")
    }
  }

  @Test(
    .tags(.exhaustive), .enabled(if: isExhaustive, "TARN_TEST_EXHAUSTIVE=1 runs it"), .serialized,
    arguments: ElementwiseFunction.allCases)
  func everyFloatIsWithinTheDocumentedBound(function: ElementwiseFunction) {
    let sets = InstructionSet.available
    let bound = ErrorBound.of(function)
    let block = 1 << 16
    var tallies = sets.map { _ in Tally() }
    var x = [Float](repeating: 0, count: block)
    var exact = [Double](repeating: 0, count: block)
    for start in stride(from: 0, to: 1 << 32, by: block) {
      for i in 0..<block {
        x[i] = Float(bitPattern: UInt32(start + i))
        exact[i] = elementwiseOracle(function, Double(x[i]))
      }
      for (s, set) in sets.enumerated() {
        let y = evaluate(function, x, on: set)
        tallies[s].add(x, y, exact, bound, isFused: set.hasFusedMultiplyAdd)
      }
    }
    for (set, tally) in zip(sets, tallies) {
      print(tally.summary("\(function) \(set)"))
      fflush(nil)
      #expect(tally.failures == 0, "\(function) \(set): first at \(tally.firstFailure)")
    }
  }
}

/// The largest errors seen, by interval of the argument.
private struct Tally {
  var failures = 0
  var firstFailure = Float.nan
  /// Largest error in ulp and where, for x from each of these starts up to the one before.
  private static let starts: [Float] = [0, -1, -3, -5, -8, -87, -.infinity]
  private var largest = [(ulps: Double, x: Float)](repeating: (0, 0), count: starts.count)
  /// Largest absolute error for |x| ≤ 10.
  private var absolute = (error: 0.0, x: Float(0))

  mutating func add(
    _ x: [Float], _ y: [Float], _ exact: [Double], _ bound: ErrorBound, isFused: Bool
  ) {
    for i in x.indices {
      if !bound.holds(x[i], y[i], exact[i], isFused: isFused) {
        if failures == 0 { firstFailure = x[i] }
        failures += 1
      }
      let error = ulps(y[i], from: exact[i])
      for (k, start) in Tally.starts.enumerated() where x[i] >= start {
        if error > largest[k].ulps { largest[k] = (error, x[i]) }
        break
      }
      if abs(x[i]) <= 10 {
        let distance = abs(Double(y[i]) - exact[i])
        if distance > absolute.error { absolute = (distance, x[i]) }
      }
    }
  }

  func summary(_ name: String) -> String {
    let ulps = zip(Tally.starts, largest).map { start, error in
      "from \(start): \(Float(error.ulps)) ulp at \(error.x)"
    }
    return "\(name): |x| ≤ 10: \(Float(absolute.error)) at \(absolute.x); "
      + ulps.joined(separator: ", ")
  }
}
