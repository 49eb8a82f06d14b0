// The checks of the test suites as a plain program, for emulators and sanitizers.
//
//     TarnKernelCheck [baseline|avx2|avx512|neon] [--quick] [check name …]
//
// Without a name of an instruction set it takes TARN_ISA, else the fastest. An emulator of an older
// processor must name one, since /proc/cpuinfo shows the host's. Exit status 1 if a check fails.

internal import Tarn
internal import TarnTestSupport

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

@main
struct TarnKernelCheck {
  static func main() {
    var size = CheckSize.full
    var set: InstructionSet?
    var names: [String] = []
    for argument in CommandLine.arguments.dropFirst() {
      if argument == "--quick" {
        size = .quick
      } else if let named = InstructionSet(rawValue: argument) {
        set = named
      } else {
        names.append(argument)
      }
    }
    do throws(TarnError) {
      let execution = try Execution(instructionSet: set)
      exit(run(on: execution, size: size, names: names) ? 0 : 1)
    } catch {
      print(error)
      exit(2)
    }
  }

  private static func run(on execution: Execution, size: CheckSize, names: [String]) -> Bool {
    print("\(execution.instructionSet.rawValue), \(execution.threads) threads, \(size)")
    var passed = 0
    var failed = 0
    if let missing = missingRequiredInstructionSet() {
      print("FAIL TARN_TEST_REQUIRE: \(missing) is not available")
      failed += 1
    }
    for check in KernelCheck.all where names.isEmpty || names.contains(check.name) {
      let report = check.run(on: execution, size: size)
      if report.failed == 0 {
        passed += 1
        print("ok   \(check.name): \(report.passed)")
      } else {
        failed += 1
        print("FAIL \(check.name): \(report.failed) of \(report.passed + report.failed)")
        print(report.summary)
      }
    }
    print("\(passed) passed, \(failed) failed")
    return failed == 0 && passed > 0
  }
}
