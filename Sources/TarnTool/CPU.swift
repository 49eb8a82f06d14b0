// tarn cpu: what the machine offers and what is chosen.

import Tarn
import TarnCheckpoints
import TarnKernelInterface
import TarnModels

enum CPU {
  static let usage = "tarn cpu [--isa NAME] [--threads N] [--json]"

  static func run(_ words: [String]) throws(ToolError) -> Bool {
    let arguments = try Arguments(words, OptionNames.common)
    guard arguments.operands.isEmpty else { throw .usage("cpu takes no operands") }
    let options = try ModelOptions(arguments)
    let execution = try failing { () throws(TarnError) in
      try Execution(instructionSet: options.instructionSet, threads: options.threads)
    }
    var peaks: JSONObject = [:]
    for set in InstructionSet.available {
      peaks[set.rawValue] = .double(peak(set))
    }
    let chosen = execution.instructionSet.rawValue
    if arguments.has("--json") {
      let document: JSONObject = [
        "offered": .array(InstructionSet.available.map { .string($0.rawValue) }),
        "chosen": .string(chosen), "threads": .integer(execution.threads),
        "peak_gflops": .object(peaks),
      ]
      Output.line(JSONValue.object(document).encoded())
      return true
    }
    Output.line("chosen   \(chosen)")
    Output.line("threads  \(execution.threads)")
    for member in peaks.members {
      Output.line("\(member.key): \(Int((member.value.double ?? 0).rounded())) GFLOP/s on one core")
    }
    return true
  }

  /// Multiply-adds on registers alone, two operations each; the best of five runs, in 10⁹ a second.
  private static func peak(_ set: InstructionSet) -> Double {
    let clock = ContinuousClock()
    var best = 0.0
    for _ in 0..<5 {
      let start = clock.now
      let done = set.kernels.table.multiplyAddPeak(500_000).operations
      let (whole, attoseconds) = (clock.now - start).components
      best = max(best, Double(done) / (Double(whole) * 1e9 + Double(attoseconds) * 1e-9))
    }
    return best
  }
}
