// tarn bench: how fast kernels and models are here, against what the machine allows.

import Tarn
import TarnBenchmarkSuite
import TarnModels

enum Bench {
  static let command = Command(
    name: "bench", summary: "how fast kernels and models are, against what the machine allows",
    examples: [
      "tarn bench --quick", "tarn bench pooling --filter segment-max",
      "tarn bench models --model DIR --lengths 128,512 --batch 1,32",
      "tarn bench all --json rows.json --svg bench.svg",
    ],
    operands: "[matmul|pooling|rows|attention|weights|models|pyramidion|all]",
    details: """
      Prints, for each operation, shape and variant, the median and the best time, nanoseconds for an
      element, GB/s and GFLOP/s, the bound that applies and the share of it that is reached: `copy`
      and `read` are the bandwidth of copying or reading as many bytes, `peak` is the peak of
      multiply-adds. Bounds are measured in the same run, in turn with what they bound. Results are
      compared with references before they are timed.

        rows       layer norm, softmax, elementwise functions, gathering
        pooling    means, maxima, windows, top-k, Fourier transforms, global aggregation
        attention  softmax attention of 12 heads of 64, and its other forms
        matmul     products with packed weights; --blas adds a library's GFLOP/s and the ratio to it
        weights    products with weights in f32, bf16, f16 and int8, in turn; loading BERT-base with
                   each: time and memory
        models     BERT-base, FNet-base and PoNet-base with random weights, or a checkpoint: time and
                   memory for the hidden states of texts of growing length, where PoNet passes BERT
        pyramidion Pyramidion with random weights, 6 + 6 layers: time and memory of the encoder, and
                   time of a decoding step of four beams, with pooling and without
        all        all of these; so does no word at all

      Kernels run on one thread, attention and models on one and on --threads. Kernels are those of
      --isa. Without --quick, kernels take 512, 4096 and 16384 rows of 768, texts have up to 16384
      tokens, and all of it takes half an hour.

      --json FILE writes {"context":{...},"benchmarks":[...]} with the field names of Google
      Benchmark, times in nanoseconds (real_time is the median). --svg NAME.svg writes two pictures:
      NAME-roofline.svg, operations a byte against operations a second under the measured roofs, and
      NAME-scaling.svg, time for a token against the length. Models alone have no roofline.
      """,
    options: [
      Option("--quick", "small sizes and few repetitions: under a minute"),
      Option("--model", "DIR", "time this checkpoint instead of random weights, for models"),
      Option("--lengths", "N,...", "tokens of a text, for models and pyramidion"),
      Option("--batch", "N,...", "texts in one call, for models"),
      Option("--blas", "PATH", "a library with cblas_sgemm or dnnl_sgemm, for matmul"),
      Option("--filter", "TEXT", "only rows whose name contains it"),
      Option("--json", "FILE", "write the rows as JSON"),
      Option("--svg", "FILE", "write pictures"),
    ],
    run: run)

  private static let measurements: [String: [Measurement]] = [
    "rows": [.rows], "pooling": [.pooling], "attention": [.attention], "matmul": [.matmul],
    "weights": [.weights], "models": [.models], "pyramidion": [.pyramidion],
    "all": [.rows, .pooling, .attention, .matmul, .weights, .models, .pyramidion],
  ]

  @Sendable private static func run(_ arguments: Arguments) throws(ToolError) -> Bool {
    guard arguments.operands.count <= 1 else {
      throw .usage("found \(arguments.operands.count) operands, expected at most one")
    }
    let name = arguments.operands.first ?? "all"
    guard let measured = measurements[name] else {
      throw .usage(
        "found \"\(name)\", expected matmul, pooling, rows, attention, weights, models, "
          + "pyramidion or all")
    }
    for option in ["--filter", "--json", "--svg", "--blas", "--model"]
    where arguments.values[option] == "" {
      throw .usage("option \(option): found \"\", expected a value")
    }
    var settings = BenchmarkSettings()
    let execution = try arguments.execution()
    settings.instructionSets = [execution.instructionSet]
    settings.modelInstructionSet = execution.instructionSet
    settings.modelThreads = execution.threads == 1 ? [1] : [1, execution.threads]
    settings.isQuick = arguments.has("--quick")
    settings.filter = arguments.values["--filter"]
    settings.jsonPath = arguments.values["--json"]
    settings.svgPath = arguments.values["--svg"]
    for option in ["--model", "--lengths", "--batch"] where arguments.values[option] != nil {
      let takes = measured.contains(.models) || option == "--lengths" && name == "pyramidion"
      guard takes else {
        throw .usage("option \(option): found \(name), expected models or all")
      }
    }
    settings.modelDirectory = arguments.values["--model"]
    settings.lengths = try numbers("--lengths", arguments)
    settings.batches = try numbers("--batch", arguments) ?? settings.batches
    if let library = arguments.values["--blas"] {
      guard measured.contains(.matmul) else {
        throw .usage("option --blas: found \(name), expected matmul or all")
      }
      settings.libraries = [library]
    }
    var progress = Progress(isShown: !arguments.has("--quiet") && settings.jsonPath == nil)
    let output = BenchmarkOutput(
      line: { text in
        progress.clear()
        Output.line(text)
        // Somebody waits for each line.
        if Output.isTerminal(1) { Output.flush() }
      },
      progress: { progress.show($0) })
    defer { progress.clear() }
    try failing { () throws(BenchmarkError) in
      try runBenchmarks(measured, settings, output: output)
    }
    return true
  }

  private static func numbers(
    _ option: String, _ arguments: Arguments
  ) throws(ToolError) -> [Int]? {
    guard let text = arguments.values[option] else { return nil }
    guard let numbers = positiveNumbers(text) else {
      throw .usage(
        "option \(option): found \"\(text)\", expected integers of at least 1, as 128,512")
    }
    return numbers
  }
}
