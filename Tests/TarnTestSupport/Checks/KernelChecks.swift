// The list of checks that prove kernels and operators right. The test suites run it in the test
// process, TarnKernelCheck runs it under an emulator.

public import Tarn
internal import TarnSystem

/// How much a check does.
public enum CheckSize: Sendable {
  /// The smallest set of sizes that meets every edge; for emulators and sanitizers.
  case quick
  /// All sizes.
  case full

  /// All sizes, unless `TARN_TEST_QUICK=1` asks for few.
  public static let requested: CheckSize =
    environmentVariable("TARN_TEST_QUICK") == "1" ? .quick : .full
}

/// One check: a name, and what it does with kernels and threads.
public struct KernelCheck: Sendable, CustomStringConvertible {
  /// A few words in the field's terms.
  public let name: String
  private let body: @Sendable (Execution, CheckSize, inout CheckReport) throws -> Void

  init(
    _ name: String,
    _ body: @escaping @Sendable (Execution, CheckSize, inout CheckReport) throws -> Void
  ) {
    self.name = name
    self.body = body
  }

  /// The name.
  public var description: String { name }

  /// Runs the check; an error that it throws is a failure.
  public func run(on execution: Execution, size: CheckSize) -> CheckReport {
    var report = CheckReport()
    do {
      try body(execution, size, &report)
    } catch {
      report.expect(false, "\(name): threw \(error)")
    }
    report.expect(report.passed + report.failed > 0, "\(name): checked nothing")
    return report
  }

  /// All checks, in the order of the kernels.
  public static let all: [KernelCheck] =
    matmulChecks + generalMatmulChecks + weightFormatChecks + rowChecks + poolingChecks
    + aggregationChecks + windowChecks
    + topKChecks
    + fourierChecks + attentionChecks
    + rowFormChecks + rowGradientChecks + copyChecks
    + conversionChecks + invarianceChecks
}

/// Where inputs and outputs lie, in turn: each kind of memory is met at each kind of size.
func placement(_ number: Int) -> GuardedMatrix.Placement {
  let all = GuardedMatrix.Placement.allCases
  return all[number % all.count]
}

/// Splits row-major elements into rows.
func rows(_ x: [Float], columns: Int) -> [[Float]] {
  columns == 0 ? [] : stride(from: 0, to: x.count, by: columns).map { Array(x[$0..<$0 + columns]) }
}

extension Execution {
  /// "avx2, 3 threads", for messages.
  var label: String { "\(instructionSet.rawValue), \(threads) threads" }

  /// The contract of this instruction set.
  var model: ContractModel { ContractModel(fused: instructionSet.hasFusedMultiplyAdd) }
}

/// The name in TARN_TEST_REQUIRE if that instruction set is missing here, else nil.
///
/// A run that claims to test AVX-512 sets it, so that it fails rather than tests less.
public func missingRequiredInstructionSet() -> String? {
  guard let name = environmentVariable("TARN_TEST_REQUIRE"), !name.isEmpty else { return nil }
  return InstructionSet.available.contains { $0.rawValue == name } ? nil : name
}
