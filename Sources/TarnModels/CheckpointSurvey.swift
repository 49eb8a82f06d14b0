// Looking at a checkpoint without running it: what `tarn inspect` prints.

public import TarnCheckpoints

/// What a checkpoint directory holds, and how it fits the model that it says it is.
public struct CheckpointSurvey: Sendable {
  /// `config.json` and the weights.
  public let files: Checkpoint
  /// One of ``LoadedModel/typeNames``, or what config.json calls a type that is not implemented.
  public let modelType: String
  /// Names of the heads that the file has weights for; empty for a type that is not implemented.
  public let heads: [String]
  /// What the configuration asks for without effect, a sentence each.
  public let notes: [String]
  /// Why tensors that the model needs cannot be had: missing, of another shape or another type.
  public let problems: [CheckpointError]
  /// Tensors that the model does not know; all for a type that is not implemented.
  public let unknown: [TensorInfo]

  /// Whether this library implements the type.
  public var isSupported: Bool { LoadedModel.typeNames.contains(modelType) }

  /// Looks at a directory.
  ///
  /// The model is built as for a call, but without weights: only the header of the file is read.
  ///
  /// - Parameters:
  ///   - directory: holds `config.json` and weights.
  ///   - options: of which ``ModelOptions/modelType`` and ``ModelOptions/loading`` matter.
  /// - Throws: ``ModelError`` for files that cannot be read and for values of config.json that are
  ///   out of range.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    files = try checkpoint { () throws(CheckpointError) in
      try Checkpoint(directory: directory, loading: options.loading)
    }
    modelType = try LoadedModel.typeName(files.configuration, options)
    let use = TensorUse(isSurvey: true)
    if LoadedModel.typeNames.contains(modelType) {
      let model = try LoadedModel(
        files, type: modelType, weights: WeightScope(files.weights, recording: use),
        options: options)
      heads = model.headNames
      if case .pyramidion(let model) = model {
        notes = model.configuration.notes
      } else {
        notes = []
      }
    } else {
      heads = []
      notes = []
    }
    problems = use.problems
    unknown = files.weights.tensors(notIn: use.names)
  }
}
