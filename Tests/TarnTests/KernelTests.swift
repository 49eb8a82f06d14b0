// Every check of TarnTestSupport as a test, for each instruction set that this machine has.

import Tarn
import TarnTestSupport
import Testing

@Suite struct KernelTests {
  @Test(arguments: InstructionSet.available, KernelCheck.all)
  func kernelsKeepTheirContract(set: InstructionSet, check: KernelCheck) throws {
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
  let report = check.run(on: try Execution(instructionSet: set, threads: 3), size: .requested)
  #expect(report.failed == 0, "\(check.name): \(report.summary)")
}
