// The checks of TarnTestSupport as tests, for each instruction set that this machine has.

import Tarn
import TarnTestSupport
import Testing

@Suite struct KernelTests {
  @Test(arguments: InstructionSet.available, matmulChecks)
  func matmulKeepsItsContract(set: InstructionSet, check: KernelCheck) throws {
    try expectPasses(check, set)
  }

  @Test(arguments: InstructionSet.available, rowChecks)
  func rowOperatorsKeepTheirContract(set: InstructionSet, check: KernelCheck) throws {
    try expectPasses(check, set)
  }

  @Test(arguments: InstructionSet.available, poolingChecks)
  func poolingsKeepTheirContract(set: InstructionSet, check: KernelCheck) throws {
    try expectPasses(check, set)
  }

  @Test(arguments: InstructionSet.available, aggregationChecks)
  func globalAggregationAgreesWithThePublishedForm(
    set: InstructionSet, check: KernelCheck
  ) throws {
    try expectPasses(check, set)
  }

  @Test(arguments: InstructionSet.available, conversionChecks)
  func halfPrecisionWidensExactly(set: InstructionSet, check: KernelCheck) throws {
    try expectPasses(check, set)
  }

  @Test(arguments: InstructionSet.available, invarianceChecks)
  func nothingChangesABit(set: InstructionSet, check: KernelCheck) throws {
    try expectPasses(check, set)
  }

  /// Beside other tests a call often finds the workers taken and runs serially; here it has them.
  @Test func threadsChangeNoBitInAProcessOfTheirOwn() async {
    await #expect(processExitsWith: .success) {
      for set in InstructionSet.available {
        for check in invarianceChecks { try expectPasses(check, set) }
      }
    }
  }

  @Test func theRequiredInstructionSetIsAvailable() {
    #expect(missingRequiredInstructionSet() == nil, "TARN_TEST_REQUIRE is not available here")
  }
}

private func expectPasses(_ check: KernelCheck, _ set: InstructionSet) throws {
  let report = check.run(on: try Execution(instructionSet: set, threads: 3), size: .full)
  #expect(report.failed == 0, "\(check.name): \(report.summary)")
}
