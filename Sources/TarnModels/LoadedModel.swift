// Which model a directory holds.

public import Tarn
public import TarnCheckpoints

/// A model of any type that this library implements, chosen by its config.json.
public enum LoadedModel: Sendable {
  /// PoNet in the published layout.
  case poNet(PoNetModel)
  /// PoNet of the Long Range Arena experiments.
  case longRangeArena(LongRangeArenaModel)

  /// Names that ``init(directory:type:options:)`` takes for a type.
  public static let typeNames = ["ponet", "ponet-lra"]

  /// Reads a checkpoint directory.
  ///
  /// - Parameters:
  ///   - directory: holds `config.json` and `model.safetensors`.
  ///   - type: one of ``typeNames``, or nil to go by `model_type`, `architectures` and `attn_type`.
  ///   - options: instruction set, threads, positions.
  /// - Throws: ``ModelError``; ``ModelError/unknownModelType(directory:found:expected:)`` for a type
  ///   that is not implemented.
  public init(
    directory: String, type: String? = nil, options: ModelOptions = ModelOptions()
  ) throws(ModelError) {
    let files = try checkpoint { () throws(CheckpointError) in
      try Checkpoint(directory: directory, loading: options.loading)
    }
    let name: String
    if let type { name = type } else { name = try LoadedModel.typeName(files) }
    switch name {
    case "ponet":
      let model = try PoNetModel(
        weights: WeightScope(files.weights),
        configuration: PoNetConfiguration(files.configuration), directory: files.directory,
        options: options)
      self = .poNet(model)
    case "ponet-lra": self = .longRangeArena(try LongRangeArenaModel(files, options: options))
    default:
      throw .unknownModelType(
        directory: directory, found: "\"\(name)\"", expected: LoadedModel.typeNames)
    }
  }

  /// The type's name by config.json: one of ``typeNames``, or what the file calls itself.
  ///
  /// - Throws: ``ModelError/checkpoint(_:)`` for values of the wrong kind.
  public static func typeName(_ files: Checkpoint) throws(ModelError) -> String {
    if try PoNetModel.isPoNet(files) { return "ponet" }
    return try checkpoint { () throws(CheckpointError) in
      if try files.configuration.string("attn_type", default: "") == "ponet" {
        return "ponet-lra"
      }
      return try files.configuration.string("model_type", default: "absent")
    }
  }

  /// Kernels and threads.
  public var execution: Execution {
    switch self {
    case .poNet(let model): model.execution
    case .longRangeArena(let model): model.execution
    }
  }
}
