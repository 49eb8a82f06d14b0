// exp, tanh, erf and the activations: bounds in every binade, all arguments on request, equal bits.

import Foundation
import Tarn
import TarnKernelInterface
import Testing

extension Tag {
  /// Takes minutes: every Float. Runs with TARN_TEST_EXHAUSTIVE=1.
  @Tag static var exhaustive: Self
}

/// A function, its value in Double, and the bound that its documentation states.
struct Elementary: CustomTestStringConvertible, Sendable {
  var function: ElementwiseFunction
  /// In ulp of the result, with and without fused multiply-add; nil: absolute.
  var ulp: (fused: Double, plain: Double)?
  var absolute: (fused: Double, plain: Double) = (0, 0)
  /// Arguments for which the bound holds.
  var range: ClosedRange<Float>
  var exact: @Sendable (Double) -> Double

  var testDescription: String { "\(function)" }

  static let everywhere = -Float.greatestFiniteMagnitude...Float.greatestFiniteMagnitude

  static let all = [
    Elementary(function: .exp, ulp: (1.1, 1.1), range: everywhere) { Foundation.exp($0) },
    Elementary(function: .tanh, ulp: (1.4, 1.4), range: everywhere) { Foundation.tanh($0) },
    Elementary(function: .erf, ulp: (1.3, 1.5), range: everywhere) { Foundation.erf($0) },
    Elementary(
      function: .sigmoid, ulp: (2.5, 2.5), range: -87...Float.greatestFiniteMagnitude
    ) { 1 / (1 + Foundation.exp(-$0)) },
    Elementary(
      function: .silu, ulp: (2.5, 2.5), range: -87...Float.greatestFiniteMagnitude
    ) { $0 / (1 + Foundation.exp(-$0)) },
    Elementary(function: .gelu, absolute: (3.1e-7, 4.3e-7), range: -10...10) {
      0.5 * $0 * Foundation.erfc(-$0 / 2.0.squareRoot())
    },
    Elementary(function: .geluTanh, absolute: (5.3e-7, 5.3e-7), range: -10...10) {
      $0 / (1 + Foundation.exp(-2 * (2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
    },
    Elementary(function: .relu, ulp: (0, 0), range: everywhere) { max($0, 0) },
  ]

  /// How far `y` is from the exact value, in units of the bound.
  func excess(_ x: Float, _ y: Float, fused: Bool) -> Double {
    let value = exact(Double(x))
    if let ulp {
      let rounded = Float(value)
      if rounded.isInfinite || y.isInfinite {
        // Beside the largest number both sides of the border are right within the bound.
        return rounded == y || value.magnitude > 3.4028e38 ? 0 : .infinity
      }
      let unit = max(Double(rounded.ulp), Double(Float.leastNonzeroMagnitude))
      let bound = fused ? ulp.fused : ulp.plain
      let distance = (Double(y) - value).magnitude / unit
      return bound == 0 ? (distance == 0 ? 0 : .infinity) : distance / bound
    }
    return (Double(y) - value).magnitude / (fused ? absolute.fused : absolute.plain)
  }
}

/// Bit patterns from every binade of both signs: its ends and seeded mantissas.
private func binades(_ mantissas: Int) -> [Float] {
  var state: UInt64 = 20211002
  var values: [Float] = []
  for sign in [UInt32(0), 0x8000_0000] {
    for exponent in UInt32(0)..<255 {
      for i in 0..<mantissas {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let mantissa: UInt32 =
          i == 0 ? 0 : i == 1 ? 0x7F_FFFF : UInt32(truncatingIfNeeded: state >> 41)
        values.append(Float(bitPattern: sign | exponent << 23 | mantissa))
      }
    }
  }
  return values
}

private func values(
  _ function: ElementwiseFunction, _ x: [Float], _ set: InstructionSet
) throws -> [Float] {
  let execution = try Execution(instructionSet: set, threads: 1)
  var y = try Matrix(rows: 1, columns: x.count)
  try elementwise(function, Matrix(x), into: &y, on: execution)
  return y.elements
}

@Test(arguments: Elementary.all, InstructionSet.available)
func everyBinadeIsWithinTheStatedBound(_ elementary: Elementary, _ set: InstructionSet) throws {
  let x = binades(64).filter(elementary.range.contains)
  let y = try values(elementary.function, x, set)
  var worst = (excess: 0.0, x: Float(0), y: Float(0))
  for i in x.indices {
    let excess = elementary.excess(x[i], y[i], fused: set.hasFusedMultiplyAdd)
    if !(excess <= worst.excess) { worst = (excess, x[i], y[i]) }
  }
  #expect(
    worst.excess <= 1, "\(elementary.function) \(set.rawValue): f(\(worst.x)) = \(worst.y)")
}

@Test(
  .tags(.exhaustive),
  .enabled(if: ProcessInfo.processInfo.environment["TARN_TEST_EXHAUSTIVE"] == "1"),
  arguments: Elementary.all, [InstructionSet.best, .baseline])
func everyFloatIsWithinTheStatedBound(_ elementary: Elementary, _ set: InstructionSet) throws {
  var worst = (excess: 0.0, x: Float(0), y: Float(0))
  let block = 1 << 16
  for first in stride(from: 0, to: 1 << 32, by: block) {
    let x = (0..<block).map { Float(bitPattern: UInt32(first + $0)) }
    let y = try values(elementary.function, x, set)
    for i in x.indices {
      if x[i].isNaN {
        #expect(y[i].isNaN)
      } else if elementary.range.contains(x[i]) {
        let excess = elementary.excess(x[i], y[i], fused: set.hasFusedMultiplyAdd)
        if !(excess <= worst.excess) { worst = (excess, x[i], y[i]) }
      }
    }
  }
  #expect(
    worst.excess <= 1, "\(elementary.function) \(set.rawValue): f(\(worst.x)) = \(worst.y)")
}

@Test(arguments: InstructionSet.available)
func specialArgumentsHaveTheirStatedValues(_ set: InstructionSet) throws {
  let infinity = Float.infinity
  let cases: [(ElementwiseFunction, Float, Float)] = [
    (.exp, -infinity, 0), (.exp, infinity, infinity), (.exp, 0, 1), (.exp, 88.8, infinity),
    (.exp, -104, 0), (.tanh, infinity, 1), (.tanh, -infinity, -1), (.tanh, 20, 1),
    (.erf, infinity, 1), (.erf, -infinity, -1), (.erf, 4, 1), (.gelu, infinity, infinity),
    (.gelu, -infinity, 0), (.gelu, -50, 0), (.geluTanh, infinity, infinity),
    (.geluTanh, -infinity, 0), (.relu, -infinity, 0), (.relu, infinity, infinity),
    (.sigmoid, -infinity, 0), (.sigmoid, infinity, 1), (.silu, -infinity, 0),
    (.silu, infinity, infinity),
  ]
  for (function, x, expected) in cases {
    #expect(try values(function, [x], set)[0] == expected, "\(function)(\(x)) \(set.rawValue)")
  }
  for function in ElementwiseFunction.allCases {
    #expect(try values(function, [.nan], set)[0].isNaN, "\(function)(nan) \(set.rawValue)")
  }
  for function in [ElementwiseFunction.tanh, .erf] {
    let zeros = try values(function, [0, -0.0], set)
    #expect(zeros.map(\.sign) == [.plus, .minus], "\(function) \(set.rawValue)")
  }
}

@Test(arguments: ElementwiseFunction.allCases)
func allFusedInstructionSetsGiveTheSameValues(_ function: ElementwiseFunction) throws {
  let x = binades(16)
  let fused = InstructionSet.available.filter(\.hasFusedMultiplyAdd)
  guard let first = fused.first else { return }
  let reference = try values(function, x, first).map(\.bitPattern)
  for set in fused.dropFirst() {
    #expect(try values(function, x, set).map(\.bitPattern) == reference, "\(set.rawValue)")
  }
}
