// From the options that several commands share to the library's.

import Tarn
import TarnCheckpoints
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
    if let weights = arguments.values["--weights"], weights != "f32" {
      guard ["bf16", "f16", "int8"].contains(weights) else {
        throw .usage("option --weights: found \"\(weights)\", expected f32, bf16, f16 or int8")
      }
      throw .failed("option --weights: \(weights) is not supported yet, expected f32")
    }
    // A count that is positive but beyond the library's limit is wrong usage as well.
    if let threads {
      do { _ = try Execution(instructionSet: .baseline, threads: threads) } catch {
        if case .invalidThreadCount = error { throw .usage(error.description) }
      }
    }
  }
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
