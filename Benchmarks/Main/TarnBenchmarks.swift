// The benchmarks without the tool: a plain executable. `TarnBenchmarks --help` says what it measures.

import Tarn
import TarnBenchmarkSuite
import TarnSystem

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@main
struct TarnBenchmarks {
  static let help = """
    TarnBenchmarks matmul            share of the measured FMA peak, each instruction set
    TarnBenchmarks rivals            matmul against other libraries, given by --blas
    TarnBenchmarks kernels           row and pooling kernels: share of bandwidth or peak
    TarnBenchmarks attention         softmax attention: share of the peak, one and two threads
    TarnBenchmarks fusion            chains of operations pass by pass, and joined
    TarnBenchmarks models            BERT-base, FNet-base and PoNet-base over n = 128 ... 16384, one and
                                     two threads: time and memory; and what pyramidion does
    TarnBenchmarks models --model DIR   a checkpoint in place of them
    TarnBenchmarks pyramidion        Pyramidion, 6 + 6 layers, n = 2048 and 8192: encoder and decoding
                                     step with pooling and without
    TarnBenchmarks quality           the soft top-k: mean cosines with the true one; time for 1k to 1M rows
    TarnBenchmarks weights           products with weights in f32, bf16, f16 and int8; loading BERT-base,
                                     or a checkpoint, in each: time and memory
    TarnBenchmarks memory            PoNet-base at n = 1k, 16k, 256k: peak memory and time
    TarnBenchmarks all               everything

      --quick          small sizes: checks that everything runs, not how fast
      --layers N       layers of models with random weights instead of 12 (models, memory)
      --model DIR      a checkpoint directory (models, weights)
      --lengths N,...  tokens of a text (models)
      --batch N,...    texts in one call, 1 without it (models)
      --blas [NAME=VALUE,...:]PATH   a library with cblas_sgemm or dnnl_sgemm; the variables are
                      set while it is loaded; may be repeated (matmul, rivals)
      --form FORM     ahead: weights packed ahead (without it); inside: A·B, packed inside the call;
                      transposed: A·Bᵀ, packed inside the call (rivals)
      --threads N     threads, 1 without it (rivals, loading); one number of threads only (models); on N as
                      well as on one, with the gain (kernels)
      --rounds N      interleaved repetitions: 9 without it (matmul, rivals, kernels), or 3 or 5
                      (models)
      --isa NAME      only that instruction set
      --filter TEXT   only rows whose name contains it
      --json FILE      the rows as JSON, Google-Benchmark field names
      --svg FILE.svg   FILE-roofline.svg and FILE-scaling.svg
      --help

    Results are compared with references before they are timed. Repetitions are interleaved, the
    median is printed. TARN_ISA and TARN_NUM_THREADS hold for memory, the
    first for models too.
    """

  static let measurements: [String: [Measurement]] = [
    "matmul": [.matmul], "rivals": [.rivals], "kernels": [.rows, .pooling],
    "attention": [.attention], "fusion": [.fusion], "models": [.models, .pyramidion],
    "pyramidion": [.pyramidion],
    "quality": [.quality], "memory": [.memory], "weights": [.weights],
    "all": [
      .matmul, .rivals, .rows, .pooling, .attention, .fusion, .models, .pyramidion, .quality,
      .memory, .weights,
    ],
  ]

  static func main() {
    do {
      try run(Array(CommandLine.arguments.dropFirst()))
    } catch {
      printError("TarnBenchmarks: error: \(error)")
      exit(1)
    }
  }

  private static func run(_ arguments: [String]) throws {
    var settings = BenchmarkSettings()
    settings.modelThreads = processorCount() > 1 ? [1, 2] : [1]
    var measurements: [Measurement] = []
    var words = arguments[...]
    while let word = words.popFirst() {
      switch word {
      case "--help", "-h":
        print(help)
        return
      case "--quick": settings.isQuick = true
      case "--layers", "--threads", "--rounds":
        guard let n = words.popFirst().flatMap({ Int($0) }), n > 0 else {
          return usage("\(word) needs a number from 1")
        }
        if word == "--layers" { settings.layers = n }
        if word == "--threads" { (settings.threads, settings.modelThreads) = (n, [n]) }
        if word == "--rounds" { (settings.rounds, settings.modelRounds) = (n, n) }
      case "--lengths", "--batch":
        guard let list = words.popFirst().flatMap({ positiveNumbers($0) }) else {
          return usage("\(word) needs numbers from 1, with commas between them")
        }
        if word == "--lengths" { settings.lengths = list } else { settings.batches = list }
      case "--form":
        guard let form = words.popFirst().flatMap({ ProductForm(rawValue: $0) }) else {
          return usage("--form needs ahead, inside or transposed")
        }
        settings.form = form
      case "--blas", "--filter", "--json", "--svg", "--isa", "--model":
        guard let value = words.popFirst() else { return usage("\(word) needs a value") }
        switch word {
        case "--blas": settings.libraries.append(value)
        case "--filter": settings.filter = value
        case "--json": settings.jsonPath = value
        case "--svg": settings.svgPath = value
        case "--model": settings.modelDirectory = value
        default:
          let set = try InstructionSet(name: value, source: "--isa")
          settings.instructionSets = [set]
          settings.modelInstructionSet = set
        }
      case let name:
        guard let found = Self.measurements[name] else { return usage("unknown argument \(name)") }
        measurements += found
      }
    }
    guard !measurements.isEmpty else { return usage("nothing to measure") }
    if settings.modelDirectory != nil { measurements.removeAll { $0 == .pyramidion } }
    if settings.modelDirectory != nil, !measurements.contains(.models),
      !measurements.contains(.weights)
    {
      return usage("--model needs models or weights")
    }
    let output = BenchmarkOutput(line: { print($0) }, progress: { _ in })
    try runBenchmarks(measurements, settings, output: output)
  }

  private static func usage(_ message: String) {
    printError("TarnBenchmarks: \(message)\n\(help)")
    exit(2)
  }

  private static func printError(_ message: String) {
    let bytes = Array((message + "\n").utf8)
    // SAFETY: the array holds that many bytes.
    unsafe bytes.withUnsafeBytes { _ = unsafe write(2, $0.baseAddress, $0.count) }
  }
}
