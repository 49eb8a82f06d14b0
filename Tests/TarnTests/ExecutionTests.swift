// The choice of instruction set and threads, by option and by environment.

import Foundation
import Tarn
import TarnKernelInterface
import Testing

@Suite struct ExecutionTests {
  @Test func optionsAreTaken() throws {
    for set in InstructionSet.available {
      let execution = try Execution(instructionSet: set, threads: 5)
      #expect(execution.instructionSet == set)
      #expect(execution.threads == 5)
      #expect(execution.table.hasFusedMultiplyAdd == set.hasFusedMultiplyAdd)
    }
    try #expect(Execution(threads: 1024).threads == 1024)
  }

  @Test(arguments: [0, -1, 1025, .min, .max])
  func aThreadCountOutOfRangeIsRejected(threads: Int) {
    #expect(throws: TarnError.invalidThreadCount(found: "\(threads)", source: "threads")) {
      try Execution(threads: threads)
    }
  }

  @Test func anInstructionSetThatIsMissingIsRejected() {
    for set in InstructionSet.allCases where !InstructionSet.available.contains(set) {
      #expect(
        throws: TarnError.unavailableInstructionSet(
          name: set.rawValue, source: "instructionSet",
          available: InstructionSet.available.map(\.rawValue))
      ) { try Execution(instructionSet: set, threads: 1) }
    }
  }

  @Test func theBestSetIsTheLastAndOrderIsBySpeed() {
    #expect(InstructionSet.available.sorted() == InstructionSet.available)
    #expect(InstructionSet.best == InstructionSet.available.last)
    #expect(InstructionSet.baseline < .avx2 && InstructionSet.avx2 < .avx512)
  }

  @Test func theEnvironmentForcesAnInstructionSet() async {
    await #expect(processExitsWith: .success) {
      for set in InstructionSet.available {
        setenv("TARN_ISA", set.rawValue, 1)
        try #expect(Execution(threads: 1).instructionSet == set)
      }
      setenv("TARN_ISA", "", 1)
      try #expect(Execution(threads: 1).instructionSet == .best)
      for name in ["avx3", "AVX2", " avx2", "0"] {
        setenv("TARN_ISA", name, 1)
        #expect(throws: TarnError.unknownInstructionSet(name: name, source: "TARN_ISA")) {
          try Execution(threads: 1)
        }
        try #expect(Execution(instructionSet: .best, threads: 1).instructionSet == .best)
      }
      for set in InstructionSet.allCases where !InstructionSet.available.contains(set) {
        setenv("TARN_ISA", set.rawValue, 1)
        #expect(
          throws: TarnError.unavailableInstructionSet(
            name: set.rawValue, source: "TARN_ISA",
            available: InstructionSet.available.map(\.rawValue))
        ) { try Execution(threads: 1) }
      }
    }
  }

  @Test func theEnvironmentSetsTheThreads() async {
    await #expect(processExitsWith: .success) {
      unsetenv("TARN_ISA")
      for (text, threads) in [("1", 1), ("7", 7), ("1024", 1024)] {
        setenv("TARN_NUM_THREADS", text, 1)
        try #expect(Execution().threads == threads)
      }
      setenv("TARN_NUM_THREADS", "", 1)
      try #expect(Execution().threads >= 1)
      for text in ["0", "-1", "abc", "1025", "99999999999999999999", "2.5", " 4", "4 "] {
        setenv("TARN_NUM_THREADS", text, 1)
        #expect(
          throws: TarnError.invalidThreadCount(found: "\"\(text)\"", source: "TARN_NUM_THREADS")
        ) { try Execution() }
        try #expect(Execution(threads: 2).threads == 2)
      }
    }
  }

  @Test(arguments: [
    (
      TarnError.unknownInstructionSet(name: "avx3", source: "TARN_ISA"),
      "TARN_ISA: \"avx3\" is no instruction set, expected baseline, avx2, avx512, neon, vfpv4"
    ),
    (
      .unavailableInstructionSet(
        name: "neon", source: "TARN_ISA", available: ["baseline", "avx2"]),
      "TARN_ISA: instruction set neon is not available here, expected baseline, avx2"
    ),
    (
      .invalidThreadCount(found: "\"abc\"", source: "TARN_NUM_THREADS"),
      "TARN_NUM_THREADS: thread count is \"abc\", expected a number from 1 to 1024"
    ),
    (
      .shapeMismatch(operation: "matmul", argument: "a", found: [2, 3], expected: [2, 4]),
      "matmul: a has shape [2, 3], expected [2, 4]"
    ),
    (
      .invalidArgument(
        operation: "slidingMax", argument: "window", found: "0", expected: "at least 1"),
      "slidingMax: window is 0, expected at least 1"
    ),
    (
      .indexOutOfRange(
        operation: "gather", argument: "indices", position: 3, found: 9, count: 9),
      "gather: indices[3] is 9, expected 0 to 8"
    ),
    (
      .indexOutOfRange(
        operation: "gather", argument: "indices", position: 0, found: 0, count: 0),
      "gather: indices[0] is 0, but there is nothing to select from"
    ),
    (
      .outOfMemory(operation: "Matrix", bytes: 4096),
      "Matrix: no memory for 4096 bytes"
    ),
  ])
  func anErrorIsOneSentence(error: TarnError, sentence: String) {
    #expect(error.description == sentence)
  }
}
