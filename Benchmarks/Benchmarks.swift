// The benchmarks: a plain executable, no package. `TarnBenchmarks --help` says what it measures.

import Tarn

@main
struct Benchmarks {
  static let help = """
    TarnBenchmarks matmul            share of the measured FMA peak, each instruction set
    TarnBenchmarks kernels           row and pooling kernels: share of copy bandwidth or peak
    TarnBenchmarks ponet             PoNet-base over n = 512 ... 16384, one and two threads
    TarnBenchmarks memory            PoNet-base at n = 1k, 16k, 256k: peak memory and time
    TarnBenchmarks all               the four

      --quick          small sizes: checks that everything runs, not how fast
      --layers N       layers of PoNet-base instead of 12 (ponet, memory)
      --json FILE      the rows as JSON, Google-Benchmark field names
      --help

    Results are compared with references before they are timed. Repetitions are interleaved, the
    median is printed. TARN_ISA and TARN_NUM_THREADS hold for ponet and memory.
    """

  static func main() {
    do {
      try run(Array(CommandLine.arguments.dropFirst()))
    } catch {
      printError("TarnBenchmarks: error: \(error)")
      exitProcess(1)
    }
  }

  private static func run(_ arguments: [String]) throws {
    var settings = Settings()
    var names: [String] = []
    var i = 0
    while i < arguments.count {
      switch arguments[i] {
      case "--help", "-h":
        print(help)
        return
      case "--quick": settings.isQuick = true
      case "--layers":
        i += 1
        guard i < arguments.count, let n = Int(arguments[i]), n > 0 else {
          return usage("--layers needs a number from 1")
        }
        settings.layers = n
      case "--json":
        i += 1
        guard i < arguments.count else { return usage("--json needs a file") }
        settings.jsonPath = arguments[i]
      case let name where ["matmul", "kernels", "ponet", "memory", "all"].contains(name):
        names.append(name)
      case let other: return usage("unknown argument \(other)")
      }
      i += 1
    }
    guard !names.isEmpty else { return usage("nothing to measure") }
    var rows: [Row] = []
    if !names.isDisjoint(with: ["matmul", "all"]) { rows += try benchmarkMatmul(settings) }
    if !names.isDisjoint(with: ["kernels", "all"]) { rows += try benchmarkKernels(settings) }
    if !names.isDisjoint(with: ["ponet", "all"]) { rows += try benchmarkPoNet(settings) }
    if !names.isDisjoint(with: ["memory", "all"]) { rows += try benchmarkMemory(settings) }
    if let path = settings.jsonPath { try writeJSON(rows, to: path) }
  }

  private static func usage(_ message: String) {
    printError("TarnBenchmarks: \(message)\n\(help)")
    exitProcess(2)
  }
}

extension Array where Element == String {
  fileprivate func isDisjoint(with names: Set<String>) -> Bool { names.isDisjoint(with: self) }
}

/// What the command line asks for.
struct Settings {
  var isQuick = false
  var layers = 12
  var jsonPath: String?
}
