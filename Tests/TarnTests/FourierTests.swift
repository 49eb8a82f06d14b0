// Fourier plans, roots of unity, and arguments that do not fit.

import Foundation
import Tarn
import TarnTestSupport
import Testing

@Suite struct FourierPlanTests {
  @Test func radicesMultiplyToTheInnerLength() throws {
    for n in Array(1...200) + [4093, 4096, 1 << 16, 3 * 17 * 31] {
      let plan = try FourierPlan(length: n)
      #expect(plan.radices.reduce(1, *) == plan.innerLength)
      var rest = n
      for p in 2...31 {
        while rest % p == 0 { rest /= p }
      }
      #expect(plan.isConvolution == (rest > 1))
      if plan.isConvolution {
        #expect(plan.innerLength >= 2 * n - 1)
        #expect(plan.radices.allSatisfy { $0 <= 5 })
      } else {
        #expect(plan.innerLength == n)
      }
    }
    #expect(try FourierPlan(length: 768).radices == [4, 4, 4, 4, 3])
    #expect(try FourierPlan(length: 512).radices == [4, 4, 4, 4, 2])
    #expect(try FourierPlan(length: 31 * 29).isConvolution == false)
    #expect(try FourierPlan(length: 37).innerLength == 75)
    #expect(try FourierPlan(length: 509).innerLength == 1024)
  }

  @Test func longLengthsAreDividedAtAboutTheirSquareRoot() throws {
    for (n, m) in [
      (1536, 1), (2047, 1), (2048, 64), (3072, 64), (4096, 64), (16384, 64), (65536, 256),
      (4000, 32), (5000, 1), (4093, 1), (2049, 1),
    ] {
      let plan = try FourierPlan(length: n)
      #expect(plan.outerLength == m, "length \(n)")
      #expect(plan.radices[..<plan.outerLevels].reduce(1, *) == m)
    }
  }

  @Test func lengthsOutsideTheRangeAreRejected() {
    for length in [0, -1, Int.min, FourierPlan.largestLength + 1, .max] {
      #expect(
        throws: TarnError.invalidArgument(
          operation: "FourierPlan", argument: "length", found: "\(length)",
          expected: "1 to \(FourierPlan.largestLength)")
      ) { try FourierPlan(length: length) }
    }
  }

  /// The angle for the C library is itself off by up to 2⁻⁵¹; quarters of a turn are exact.
  @Test func unitRootsAreAsExactAsTheyCanBe() {
    for n in Array(1...300) + [509, 768, 1021, 4093, 4096, 65536, 1 << 24] {
      for k in n <= 4096 ? Array(0..<n) : (0..<1000).map({ $0 * 7919 % n }) {
        let root = unitRoot(k, of: n)
        let angle = 2 * Double.pi * Double(2 * k > n ? k - n : k) / Double(n)
        #expect(abs(root.cosine - cos(angle)) <= 0x1p-50, "cos 2π·\(k)/\(n)")
        #expect(abs(root.sine - sin(angle)) <= 0x1p-50, "sin 2π·\(k)/\(n)")
      }
    }
    for (k, cosine, sine) in [(0, 1.0, 0.0), (2, 0, 1), (4, -1, 0), (6, 0, -1), (10, 0, 1)] {
      let root = unitRoot(k, of: 8)
      #expect(root.cosine == cosine && root.sine == sine)
    }
    let diagonal = unitRoot(1, of: 8)
    #expect(Float(diagonal.cosine) == Float(0.5.squareRoot()))
    #expect(Float(diagonal.sine) == Float(0.5.squareRoot()))
  }

  /// The roots of the first octant as they stand in the tables; all others are these by symmetry.
  @Test func roundedRootsAreWithinAnUlp() {
    for n in [9, 12, 509, 768, 4096, 65536] {
      for k in 1...n / 8 {
        let angle = 2 * Double.pi * Double(k) / Double(n)
        let root = unitRoot(k, of: n)
        #expect(ulpError(Float(root.cosine), exact: cos(angle)) <= 0.501)
        #expect(ulpError(Float(root.sine), exact: sin(angle)) <= 0.501)
      }
    }
  }
}

private let fourierRejections: [Rejection] = [
  Rejection(
    name: "fourierTransform, rows", rows: 3, columns: 2,
    error: .shapeMismatch(
      operation: "fourierTransform", argument: "real rows", found: [3], expected: [4])
  ) {
    var imaginary = try Matrix(rows: 3, columns: 2)
    try fourierTransform(&$0, &imaginary, FourierPlan(length: 4), on: $1)
  },
  Rejection(
    name: "fourierTransform, imaginary", rows: 3, columns: 2,
    error: .shapeMismatch(
      operation: "fourierTransform", argument: "imaginary", found: [3, 1], expected: [3, 2])
  ) {
    var imaginary = try Matrix(rows: 3, columns: 1)
    try fourierTransform(&$0, &imaginary, FourierPlan(length: 3), .inverse, on: $1)
  },
  Rejection(
    name: "fourierMix, sequences", rows: 3, columns: 2,
    error: .shapeMismatch(
      operation: "fourierMix", argument: "sequences", found: [4], expected: [3])
  ) {
    try fourierMix(
      Matrix(rows: 3, columns: 2), over: Ragged(lengths: [1, 3]), into: &$0, on: $1)
  },
  Rejection(
    name: "fourierMix, target", rows: 3, columns: 2,
    error: .shapeMismatch(
      operation: "fourierMix", argument: "target", found: [3, 2], expected: [3, 1])
  ) {
    try fourierMix(Matrix(rows: 3, columns: 1), over: Ragged(lengths: [3]), into: &$0, on: $1)
  },
  Rejection(
    name: "fourierMixGradient, target", rows: 3, columns: 2,
    error: .shapeMismatch(
      operation: "fourierMixGradient", argument: "target", found: [3, 2], expected: [2, 2])
  ) {
    try fourierMixGradient(
      over: Ragged(lengths: [2]), upstream: Matrix(rows: 2, columns: 2), into: &$0, on: $1)
  },
  Rejection(
    name: "fourierMix, columns", rows: 1, columns: FourierPlan.largestLength + 1,
    error: .invalidArgument(
      operation: "fourierMix", argument: "x columns", found: "\(FourierPlan.largestLength + 1)",
      expected: "1 to \(FourierPlan.largestLength)")
  ) { try fourierMix($0, over: Ragged(lengths: [1]), into: &$0, on: $1) },
  Rejection(
    name: "fourierMix, longest sequence", rows: FourierPlan.largestLength + 1, columns: 1,
    error: .invalidArgument(
      operation: "fourierMix", argument: "longest sequence",
      found: "\(FourierPlan.largestLength + 1)", expected: "1 to \(FourierPlan.largestLength)")
  ) {
    try fourierMix(
      $0, over: Ragged(lengths: [FourierPlan.largestLength + 1]), into: &$0, on: $1)
  },
]

@Suite struct FourierErrorTests {
  @Test(arguments: fourierRejections)
  func anArgumentThatDoesNotFitIsRejectedBeforeWriting(_ rejection: Rejection) throws {
    let before = [Float](repeating: 0.5, count: rejection.rows * rejection.columns)
    var target = try Matrix(rows: rejection.rows, columns: rejection.columns, before)
    let execution = try Execution(threads: 2)
    #expect(throws: rejection.error) { try rejection.call(&target, execution) }
    #expect(target.elements == before)
  }
}
