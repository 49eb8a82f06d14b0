// From the options that several commands share to the library's.

import Tarn
import TarnCheckpoints
import TarnKernelInterface
import TarnModels

extension ModelOptions {
  /// The options of a command line; TARN_ISA and TARN_NUM_THREADS are read by the library.
  init(_ arguments: Arguments) throws(ToolError) {
    self.init()
    threads = try arguments.positive("--threads")
    maxPositions = try arguments.positive("--max-positions")
    modelType = arguments.values["--type"]
    loading = arguments.has("--no-mmap") ? .read : .mapped
    if let modelType, !LoadedModel.typeNames.contains(modelType) {
      let names = LoadedModel.typeNames.joined(separator: " or ")
      throw .usage("option --type: found \"\(modelType)\", expected \(names)")
    }
    if let name = arguments.values["--isa"] {
      do { instructionSet = try InstructionSet(name: name, source: "--isa") } catch {
        throw .usage(error.description)
      }
    }
    if let name = arguments.values["--weights"] {
      guard let format = ModelOptions.weightFormats[name] else {
        throw .usage("option --weights: found \"\(name)\", expected f32, bf16, f16 or int8")
      }
      weights = format
    }
    // A count that is positive but beyond the library's limit is wrong usage as well.
    if let threads {
      do { _ = try Execution(instructionSet: .baseline, threads: threads) } catch {
        if case .invalidThreadCount = error { throw .usage(error.description) }
      }
    }
  }
}

extension ModelOptions {
  /// What `--weights` takes.
  fileprivate static let weightFormats: [String: WeightFormat] = [
    "f32": .float32, "bf16": .bfloat16, "f16": .float16, "int8": .int8,
  ]
}

extension Arguments {
  /// Kernels and threads as the options and the environment choose them.
  func execution() throws(ToolError) -> Execution {
    let options = try ModelOptions(self)
    return try failing { () throws(TarnError) in
      try Execution(instructionSet: options.instructionSet, threads: options.threads)
    }
  }

  /// What happens to texts with more tokens than positions.
  var longText: LongText { has("--truncate") ? .isTruncated : .isRejected }
}
