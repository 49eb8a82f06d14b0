// What a check found: counts, and messages from which a failure can be repeated.

/// Collects the outcome of the assertions of one check.
public struct CheckReport: Sendable {
  /// Assertions that held.
  public private(set) var passed = 0
  /// Assertions that did not hold.
  public private(set) var failed = 0
  /// The first messages of those that did not hold.
  public private(set) var messages: [String] = []

  private static let messageLimit = 8

  /// An empty report.
  public init() {}

  /// The messages, one a line.
  public var summary: String {
    (messages + (failed > messages.count ? ["… \(failed - messages.count) more"] : []))
      .joined(separator: "\n")
  }

  /// Notes whether `condition` holds.
  public mutating func expect(_ condition: Bool, _ message: @autoclosure () -> String) {
    if condition {
      passed += 1
    } else {
      failed += 1
      if messages.count < CheckReport.messageLimit { messages.append(message()) }
    }
  }

  /// Notes whether all elements have the same bits (NaN equals NaN).
  public mutating func expectSameBits(
    _ found: [Float], _ expected: [Float], _ context: @autoclosure () -> String
  ) {
    guard found.count == expected.count else {
      expect(false, "\(context()): \(found.count) elements, expected \(expected.count)")
      return
    }
    let i = found.indices.first { !sameBits(found[$0], expected[$0]) }
    expect(i == nil, "\(context()): [\(i ?? 0)] = \(found[i ?? 0]), expected \(expected[i ?? 0])")
  }

  /// Notes whether each element lies within its tolerance of the exact value.
  public mutating func expectWithin(
    _ found: [Float], _ exact: [Double], tolerance: [Double], _ context: @autoclosure () -> String
  ) {
    guard found.count == exact.count, found.count == tolerance.count else {
      expect(false, "\(context()): \(found.count) elements, expected \(exact.count)")
      return
    }
    let i = found.indices.first { i in
      let x = Double(found[i])
      if exact[i].isNaN { return !x.isNaN }
      return x != exact[i] && !(abs(x - exact[i]) <= tolerance[i])
    }
    expect(
      i == nil,
      "\(context()): [\(i ?? 0)] = \(found[i ?? 0]), expected \(exact[i ?? 0])"
        + " within \(tolerance[i ?? 0])")
  }

  /// Notes whether each element lies within the error of its exact value.
  public mutating func expectWithin(
    _ found: [Float], _ exact: [BoundedValue], _ context: @autoclosure () -> String
  ) {
    expectWithin(found, exact.map(\.value), tolerance: exact.map(\.error), context())
  }

  /// Notes whether `matrix` was written inside its elements only.
  public mutating func expectIntact(
    _ matrix: GuardedMatrix, _ context: @autoclosure () -> String
  ) {
    expect(matrix.isIntact, "\(context()): wrote outside the target")
  }
}
