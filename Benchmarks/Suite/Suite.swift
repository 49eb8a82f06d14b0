// The door: what can be measured, with which settings, and where the words go.

package import Tarn

/// Something to measure.
package enum Measurement: String, CaseIterable, Sendable {
  /// Products: share of the multiply-add peak, and the ratio to other libraries if any are given.
  case matmul
  /// Products of many shapes against other libraries.
  case rivals
  /// Row kernels: normalisation, softmax, elementwise functions, gathering.
  case rows
  /// Pooling, windows, top-k, Fourier transforms.
  case pooling
  /// Softmax attention.
  case attention
  /// Chains of operations pass by pass, and joined.
  case fusion
  /// BERT, FNet, Funnel and PoNet, or a checkpoint, over the length.
  case models
  /// Pyramidion with pooling and without: encoder and decoding step.
  case pyramidion
  /// The soft top-k: cosines with the true one, time for more and more rows.
  case quality
  /// PoNet-base: peak memory over the length.
  case memory
  /// Weights of fewer bits: products, loading, memory of a loaded model.
  case weights
}

/// How the right operand of a product comes.
package enum ProductForm: String, Sendable {
  /// Packed before the clock runs; rivals get it row-major.
  case ahead
  /// Row-major, packed inside the call.
  case inside
  /// As `[n × k]`, packed inside the call; rivals multiply with the transpose too.
  case transposed
}

/// What the command line asks for.
package struct BenchmarkSettings: Sendable {
  /// Small sizes, few repetitions.
  package var isQuick = false
  /// Layers of models with random weights.
  package var layers = 12
  /// Where rows go as JSON.
  package var jsonPath: String?
  /// Where the pictures go; see ``picturePaths(_:)``.
  package var svgPath: String?
  /// Other libraries: `[NAME=VALUE,...:]PATH`.
  package var libraries: [String] = []
  /// How weights come to products against other libraries.
  package var form = ProductForm.ahead
  /// Threads of products against other libraries, and of loading.
  package var threads = 1
  /// Threads of models, each count by itself.
  package var modelThreads = [1]
  /// A checkpoint directory to time or load in place of models with random weights.
  package var modelDirectory: String?
  /// Tokens of the texts that models read; nil: 128, 256 … 16384.
  package var lengths: [Int]?
  /// Texts that models read in one call, each count by itself.
  package var batches = [1]
  /// Interleaved repetitions of models; nil: 3 or 5, as the length allows.
  package var modelRounds: Int?
  /// Interleaved repetitions.
  package var rounds = 9
  /// Only rows whose name contains it.
  package var filter: String?
  /// Instruction sets of kernels and products.
  package var instructionSets = InstructionSet.available
  /// The instruction set of models; nil for the library's choice.
  package var modelInstructionSet: InstructionSet?

  /// Everything, without other libraries.
  package init() {}

  /// Whether a row of that name is asked for.
  func includes(_ names: String...) -> Bool {
    guard let filter else { return true }
    return names.contains { $0.contains(filter) }
  }

  var roundCount: Int { isQuick ? min(rounds, 5) : rounds }
}

/// Numbers from 1 that stand between commas, each once, rising; nil for anything else.
package func positiveNumbers(_ text: String) -> [Int]? {
  let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
  return parts.allSatisfy { $0 > 0 } ? Set(parts).sorted() : nil
}

/// Where results and words about the progress go.
package struct BenchmarkOutput {
  /// Takes a line of a table.
  package var line: (String) -> Void
  /// Takes what is being measured now, to be written over.
  package var progress: (String) -> Void

  /// Lines and words about the progress.
  package init(line: @escaping (String) -> Void, progress: @escaping (String) -> Void) {
    self.line = line
    self.progress = progress
  }
}

/// What stops a benchmark.
package enum BenchmarkError: Error, CustomStringConvertible {
  /// A library cannot be loaded or lacks what is needed.
  case library(String, String)
  /// A file cannot be written.
  case unwritable(String, String)
  /// A result differs from the reference.
  case wrongResult(String)
  /// Nothing has a name that contains the filter.
  case nothingIncluded(String)
  /// A part of the library failed.
  case failed(String)

  /// One line.
  package var description: String {
    switch self {
    case .library(let path, let reason): "\(path): \(reason)"
    case .unwritable(let path, let reason): "\(path): cannot be written: \(reason)"
    case .wrongResult(let what): "\(what): the result differs from the reference"
    case .nothingIncluded(let filter): "filter \"\(filter)\": no benchmark's name contains it"
    case .failed(let reason): reason
    }
  }
}

/// Measures one thing after the other, prints tables, writes the files that the settings name.
///
/// Results are compared with references before they are timed; kernel and bound are timed in turn.
///
/// - Throws: ``BenchmarkError``; files are tried before anything is measured.
package func runBenchmarks(
  _ measurements: [Measurement], _ settings: BenchmarkSettings, output: BenchmarkOutput
) throws(BenchmarkError) {
  let pictures = settings.svgPath.map(picturePaths)
  let hasRoofs = measurements.contains { [.rows, .pooling, .matmul].contains($0) }
  let roofline = hasRoofs ? pictures?.roofline : nil
  for path in [settings.jsonPath, roofline, pictures?.scaling].compactMap({ $0 }) {
    try checkWritable(path)
  }
  var results = BenchmarkResults()
  do {
    if hasRoofs { try measureLimits(settings, output, &results) }
    try measure(measurements, settings, output, &results)
  } catch let error as BenchmarkError {
    throw error
  } catch {
    throw .failed("\(error)")
  }
  if let filter = settings.filter, results.rows.isEmpty { throw .nothingIncluded(filter) }
  if let path = settings.jsonPath { try write(json(results), to: path) }
  if let pictures {
    if let roofline { try write(rooflinePicture(results), to: roofline) }
    try write(scalingPicture(results), to: pictures.scaling)
    let written = [roofline, pictures.scaling].compactMap { $0 }
    output.line("pictures: " + written.joined(separator: ", "))
  }
}

/// The files of `--svg FILE`: `FILE` without `.svg`, then `-roofline.svg` and `-scaling.svg`.
///
/// Models and joined passes have no place in the first, which is not written for them alone.
package func picturePaths(_ path: String) -> (roofline: String, scaling: String) {
  let stem = path.hasSuffix(".svg") ? String(path.dropLast(4)) : path
  return (stem + "-roofline.svg", stem + "-scaling.svg")
}

/// What has been measured so far.
struct BenchmarkResults {
  var rows: [Row] = []
  /// The last instruction set's limits, which are the best one's.
  var machine: MachineLimits?
}

private func measureLimits(
  _ settings: BenchmarkSettings, _ output: BenchmarkOutput, _ results: inout BenchmarkResults
) throws {
  for set in settings.instructionSets {
    output.progress("bandwidth and peak, \(set.rawValue)")
    let limits = try MachineLimits(set, settings)
    limits.show(output)
    results.machine = limits
    results.rows += limits.rows.filter { settings.includes($0.name) }
  }
}

private func measure(
  _ measurements: [Measurement], _ settings: BenchmarkSettings, _ output: BenchmarkOutput,
  _ results: inout BenchmarkResults
) throws {
  let groups = [KernelGroup.rows, .pooling].filter { group in
    measurements.contains { $0.rawValue == group.rawValue }
  }
  if !groups.isEmpty { results.rows += try benchmarkKernels(groups, settings, output) }
  if measurements.contains(.matmul) {
    results.rows += try benchmarkMatmul(settings, output)
    results.rows += try benchmarkGeneralMatmul(settings, output)
  }
  if measurements.contains(.rivals) { results.rows += try benchmarkRivals(settings, output) }
  if measurements.contains(.attention) { results.rows += try benchmarkAttention(settings, output) }
  if measurements.contains(.fusion) { results.rows += try benchmarkFusion(settings, output) }
  if measurements.contains(.models) { results.rows += try benchmarkModels(settings, output) }
  if measurements.contains(.pyramidion) {
    results.rows += try benchmarkPyramidion(settings, output)
  }
  if measurements.contains(.quality) {
    try benchmarkTopKQuality(settings, output)
    results.rows += try benchmarkTopKLength(settings, output)
  }
  if measurements.contains(.memory) { results.rows += try benchmarkMemory(settings, output) }
  if measurements.contains(.weights) { results.rows += try benchmarkWeights(settings, output) }
}
