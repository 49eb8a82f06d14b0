// The benchmarks: a plain executable, no package. `TarnBenchmarks --help` says what it measures.

import Tarn

@main
struct Benchmarks {
  static let help = """
    TarnBenchmarks matmul            share of the measured FMA peak, each instruction set
    TarnBenchmarks rivals            matmul against other libraries, given by --blas
    TarnBenchmarks kernels           row and pooling kernels: share of copy bandwidth or peak
    TarnBenchmarks topk              soft top-k at n = 1k ... 64k: growth with length
    TarnBenchmarks ponet             PoNet-base over n = 512 ... 16384, one and two threads
    TarnBenchmarks memory            PoNet-base at n = 1k, 16k, 256k: peak memory and time
    TarnBenchmarks all               everything

      --quick          small sizes: checks that everything runs, not how fast
      --layers N       layers of PoNet-base instead of 12 (ponet, memory)
      --blas [NAME=VALUE,...:]PATH   a library with cblas_sgemm or dnnl_sgemm; the variables are
                      set while it is loaded; may be repeated (rivals)
      --form FORM     ahead: weights packed ahead (without it); inside: A·B, packed inside the call;
                      transposed: A·Bᵀ, packed inside the call (rivals)
      --threads N     threads, 1 without it (rivals)
      --rounds N      interleaved repetitions, 9 without it (matmul, rivals)
      --filter TEXT   only shapes whose name contains it (rivals)
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
      case "--form":
        i += 1
        guard i < arguments.count, let form = ProductForm(rawValue: arguments[i]) else {
          return usage("--form needs ahead, inside or transposed")
        }
        settings.form = form
      case "--blas", "--filter":
        i += 1
        guard i < arguments.count else { return usage("\(arguments[i - 1]) needs a value") }
        if arguments[i - 1] == "--blas" {
          settings.libraries.append(arguments[i])
        } else {
          settings.filter = arguments[i]
        }
      case "--threads", "--rounds":
        i += 1
        guard i < arguments.count, let n = Int(arguments[i]), n > 0 else {
          return usage("\(arguments[i - 1]) needs a number from 1")
        }
        if arguments[i - 1] == "--threads" { settings.threads = n } else { settings.rounds = n }
      case "--json":
        i += 1
        guard i < arguments.count else { return usage("--json needs a file") }
        settings.jsonPath = arguments[i]
      case let name
      where ["matmul", "rivals", "kernels", "topk", "ponet", "memory", "all"].contains(name):
        names.append(name)
      case let other: return usage("unknown argument \(other)")
      }
      i += 1
    }
    guard !names.isEmpty else { return usage("nothing to measure") }
    var rows: [Row] = []
    if !names.isDisjoint(with: ["matmul", "all"]) { rows += try benchmarkMatmul(settings) }
    if !names.isDisjoint(with: ["rivals", "all"]) { rows += try benchmarkRivals(settings) }
    if !names.isDisjoint(with: ["kernels", "all"]) { rows += try benchmarkKernels(settings) }
    if !names.isDisjoint(with: ["topk", "all"]) { rows += try benchmarkTopK(settings) }
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
  var libraries: [String] = []
  var form = ProductForm.ahead
  var threads = 1
  var rounds = 9
  var filter: String?
}
