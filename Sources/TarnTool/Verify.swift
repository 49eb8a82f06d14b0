// tarn verify: kernels against Double, and beside a BLAS library.

import Tarn
import TarnBenchmarkSuite
import TarnCheckpoints
import TarnSystem

enum Verify {
  static let command = Command(
    name: "verify", summary: "results against double precision, and beside a BLAS library",
    examples: [
      "tarn verify --quick", "tarn verify --blas libopenblas.so.0",
      "tarn verify --blas OPENBLAS_CORETYPE=Haswell:libopenblas.so.0 --json",
    ],
    details: """
      Multiplies matrices of many shapes (edges, one row, long, tall, wide; transposed, with strides,
      with factors) and kinds (well and badly scaled, cancelling, denormal, with infinities and NaN),
      and prints the largest componentwise error in units of u·Σ|a||b|, u = 2^-24, beside the bound that
      is proven for it. Functions, reductions and poolings follow with the share of their bounds and
      a histogram of their distance from double precision in ulp. Last, in how many products the bits
      are equal for any number of threads, any instruction set, and for a row alone or among others.

      --blas PATH does the same products with a library that is loaded from PATH: OpenBLAS, BLIS, MKL,
      the reference of netlib, any with cblas_sgemm, or oneDNN; integers of 32 or of 64 bits, which
      the names of the symbols and a probe tell. NAME=VALUE,...: before the path sets variables first.

      --json prints {"instruction_set","threads","library":{"name","kernel","integer_bits"},
      "operators":[{"name","shape","operands","unit","tarn":{"max_error","bound"},
      "blas":{"max_error","bound"},"max_difference","ulp_histogram","ulp_limits"}],
      "bits":[{"side","property","equal","shapes","among"}]}.

      Exit code 1 if an error of Tarn exceeds its bound, or its bits differ.
      """,
    options: [
      Option("--blas", "PATH", "a library with cblas_sgemm or dnnl_sgemm"),
      Option("--quick", "few shapes: some seconds"),
    ],
    run: run)

  @Sendable private static func run(_ arguments: Arguments) throws(ToolError) -> Bool {
    guard arguments.operands.isEmpty else {
      throw .usage("found operand \"\(arguments.operands[0])\", expected options only")
    }
    if arguments.values["--blas"] == "" {
      throw .usage("option --blas: found \"\", expected a value")
    }
    var settings = VerificationSettings(on: try arguments.execution(), tool: Executable.path)
    settings.isQuick = arguments.has("--quick")
    settings.library = arguments.values["--blas"]
    if let library = settings.library, environmentVariable(bitsOfLibraryVariable) != nil {
      try failing { () throws(BenchmarkError) in
        try printBits(
          ofLibrary: library, threads: settings.execution.threads, isQuick: settings.isQuick
        ) { Output.line($0) }
      }
      return true
    }
    let isJSON = arguments.has("--json")
    var progress = Progress(isShown: !arguments.has("--quiet") && !isJSON)
    let result = try failing { () throws(BenchmarkError) in
      try verify(settings) { progress.show($0) }
    }
    progress.clear()
    if isJSON {
      Output.line(result.json.encoded())
    } else {
      for line in result.lines { Output.line(line) }
    }
    return result.isGood
  }
}
