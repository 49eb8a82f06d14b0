// Whole models from buffers: token numbers to hidden states and logits.

import Tarn
import TarnCheckpoints
import TarnKernelInterface
import TarnModels

/// The files of a fixture.
struct ModelFiles {
  var configuration: [UInt8]
  var weights: [UInt8]
  var inputs: [UInt8]

  /// The rows of an integer tensor of the inputs, or nil if they have none of that name.
  func rows(_ name: String) throws(ModelError) -> [[Int]]? {
    do throws(CheckpointError) {
      let file = try SafetensorsFile(bytes: inputs, named: "inputs.safetensors")
      guard let info = file[TensorName(name)], info.shape.count == 2 else { return nil }
      let (count, length) = (info.shape[0], info.shape[1])
      let values = try file.integers(of: info)
      return (0..<count).map { Array(values[$0 * length..<($0 + 1) * length]) }
    } catch {
      throw .checkpoint(error)
    }
  }

  func weightScope() throws(ModelError) -> WeightScope {
    do throws(CheckpointError) {
      return WeightScope(try SafetensorsFile(bytes: weights, named: "model.safetensors"))
    } catch {
      throw .checkpoint(error)
    }
  }

  func configurationFile() throws(ModelError) -> ConfigurationFile {
    do throws(CheckpointError) {
      return try ConfigurationFile(bytes: configuration)
    } catch {
      throw .checkpoint(error)
    }
  }
}

/// PoNet with a classifier, its weights held in each format.
func poNetCases(_ cases: inout Cases, _ files: ModelFiles) throws(ModelError) {
  let ids = try files.rows("input_ids") ?? []
  let segments = try files.rows("segment_ids")
  let mask = try files.rows("attention_mask")
  let inputs = ids.indices.map { s in
    PoNetInput(ids: ids[s], segments: segments?[s], mask: mask?[s].map { $0 != 0 })
  }
  for (name, format) in formats {
    let model = try PoNetModel(
      weights: files.weightScope(), configuration: PoNetConfiguration(files.configurationFile()),
      directory: "", options: cases.options(weights: format))
    cases.note("PoNet, \(name), hidden states", try model.states(inputs).rows)
    cases.note("PoNet, \(name), logits", try model.sequenceLogits(inputs))
  }
}

/// BERT with a classifier, its weights held in each format.
func bertCases(_ cases: inout Cases, _ files: ModelFiles) throws(ModelError) {
  let ids = try files.rows("input_ids") ?? []
  let types = try files.rows("token_type_ids")
  let mask = try files.rows("attention_mask")
  let inputs = ids.indices.map { s in
    TokenInput(ids: ids[s], tokenTypes: types?[s], mask: mask?[s].map { $0 != 0 })
  }
  for (name, format) in formats {
    let model = try BERTModel(
      weights: files.weightScope(), configuration: BERTConfiguration(files.configurationFile()),
      directory: "", options: cases.options(weights: format))
    cases.note("BERT, \(name), hidden states", try model.states(inputs).rows)
    cases.note("BERT, \(name), logits", try model.sequenceLogits(inputs))
  }
}

extension Cases {
  /// The options that load a model for the kernels and threads of these cases.
  fileprivate func options(weights: WeightFormat) -> ModelOptions {
    ModelOptions(
      weights: weights, instructionSet: execution.instructionSet, threads: execution.threads)
  }
}
