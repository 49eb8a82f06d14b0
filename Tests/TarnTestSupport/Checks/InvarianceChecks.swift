// The reproducibility contract: threads, instruction sets and time change no bit.

internal import Tarn

/// The checks of this file.
public let invarianceChecks: [KernelCheck] = [
  KernelCheck("bits, threads", threadCountsChangeNoBit),
  KernelCheck("bits, instruction sets", instructionSetsChangeNoBit),
  KernelCheck("bits, golden", bitsEqualTheGoldenHashes),
]

private func expectSame(
  _ found: [BatteryResult], _ expected: [BatteryResult], _ label: String,
  _ report: inout CheckReport
) {
  report.expect(found.map(\.name) == expected.map(\.name), "\(label): other operators")
  for (found, expected) in zip(found, expected) {
    report.expectSameBits(found.elements, expected.elements, "\(found.name) \(label)")
  }
}

private func threadCountsChangeNoBit(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let set = execution.instructionSet
  let alone = try operatorBattery(on: Execution(instructionSet: set, threads: 1))
  for threads in [2, 3, 4, 7] {
    let several = try Execution(instructionSet: set, threads: threads)
    expectSame(
      try operatorBattery(on: several), alone, "\(several.label), expected as 1 thread", &report)
  }
}

/// Compares with each lower instruction set that has fused multiply-add: an emulator runs no higher.
private func instructionSetsChangeNoBit(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let set = execution.instructionSet
  let results = try operatorBattery(on: execution)
  report.expect(
    results.allSatisfy { $0.elements.allSatisfy { !$0.isNaN } }, "NaN in \(execution.label)")
  for other in InstructionSet.available
  where other < set && other.hasFusedMultiplyAdd == set.hasFusedMultiplyAdd {
    let lower = try Execution(instructionSet: other, threads: execution.threads)
    expectSame(
      results, try operatorBattery(on: lower), "\(set), expected as \(other)", &report)
  }
}

private func bitsEqualTheGoldenHashes(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let fused = execution.instructionSet.hasFusedMultiplyAdd
  for result in try operatorBattery(on: execution) {
    let expected = goldenHashes[result.name].map { fused ? $0.fused : $0.separate }
    report.expect(
      result.hash == expected,
      "\(result.name) \(execution.label): hash \(hexadecimal(result.hash)), expected "
        + (expected.map(hexadecimal) ?? "one"))
  }
}

private func hexadecimal(_ x: UInt64) -> String {
  let digits = String(x, radix: 16, uppercase: true)
  return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
}
