// tarn cpu: what the machine offers and what is chosen.

import Tarn
import TarnCheckpoints
import TarnKernelInterface
import TarnSystem

enum CPU {
  static let command = Command(
    name: "cpu", summary: "instruction sets, threads, caches, measured peak and bandwidth",
    examples: ["tarn cpu", "TARN_ISA=avx2 tarn cpu --json"],
    details: """
      Prints the instruction sets that the machine offers, the one that is chosen, threads, caches,
      and two figures measured in about a second: the multiply-add peak of one core for each set, in
      10⁹ operations a second, and the bandwidth of copying 256 MB on one core, in 10⁹ bytes read and
      written a second.

      --json prints {"offered","chosen","threads","caches":[{"level","type","bytes"}],
      "peak_gflops":{set:x},"copy_gb_per_s"}. The figures differ from run to run.
      """,
    options: [],
    run: run)

  @Sendable private static func run(_ arguments: Arguments) throws(ToolError) -> Bool {
    guard arguments.operands.isEmpty else {
      throw .usage("found operand \"\(arguments.operands[0])\", expected options only")
    }
    let execution = try arguments.execution()
    let offered = InstructionSet.available
    let peaks = offered.map(peak)
    let bandwidth = copyBandwidth()
    let caches = Cache.all()
    let chosen = execution.instructionSet.rawValue
    if arguments.has("--json") {
      var peakObject = JSONObject()
      for (set, peak) in zip(offered, peaks) { peakObject[set.rawValue] = .double(peak) }
      let document: JSONObject = [
        "offered": .array(offered.map { .string($0.rawValue) }), "chosen": .string(chosen),
        "threads": .integer(execution.threads),
        "caches": .array(
          caches.map { cache in
            .object([
              "level": .integer(cache.level), "type": .string(cache.type),
              "bytes": .integer(cache.bytes),
            ])
          }),
        "peak_gflops": .object(peakObject), "copy_gb_per_s": .double(bandwidth),
      ]
      Output.line(JSONValue.object(document).encoded())
      return true
    }
    Output.line("chosen     \(chosen)")
    Output.line("threads    \(execution.threads)")
    for cache in caches {
      Output.line("cache      L\(cache.level) \(cache.type), \(cache.bytes >> 10) KiB")
    }
    for (set, peak) in zip(offered, peaks) {
      Output.line("peak       \(set.rawValue): \(Int(peak.rounded())) GFLOP/s on one core")
    }
    Output.line("copy       \(Int(bandwidth.rounded())) GB/s on one core")
    return true
  }

  /// Multiply-adds on registers alone, two operations each; the best of five runs, in 10⁹ a second.
  private static func peak(_ set: InstructionSet) -> Double {
    (0..<5).map { _ in
      let clock = ContinuousClock()
      let start = clock.now
      let done = set.kernels.table.machine.multiplyAddPeak(500_000).operations
      return Double(done) / seconds(clock.now - start) / 1e9
    }.max() ?? 0
  }

  /// Bytes read and written by a copy that no cache holds; the best of five, in 10⁹ a second.
  private static func copyBandwidth() -> Double {
    let count = 1 << 28
    let source = [UInt8](repeating: 1, count: count)
    var target = [UInt8](repeating: 0, count: count)
    return (0..<5).map { _ in
      let clock = ContinuousClock()
      let start = clock.now
      // SAFETY: both arrays have that many bytes, and they are two arrays.
      unsafe target.withUnsafeMutableBytes { to in
        unsafe source.withUnsafeBytes { from in unsafe to.copyMemory(from: from) }
      }
      return 2 * Double(count) / seconds(clock.now - start) / 1e9
    }.max() ?? 0
  }

  private static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }
}
