// Which model a directory holds.

public import Tarn
package import TarnCheckpoints

/// A model of any type that this library implements, chosen by its config.json.
public enum LoadedModel: Sendable {
  /// BERT.
  case bert(BERTModel)
  /// FNet.
  case fNet(FNetModel)
  /// Funnel-Transformer.
  case funnel(FunnelModel)
  /// PoNet in the published layout.
  case poNet(PoNetModel)
  /// Pyramidion, and the Transformers that its code is compared with.
  case pyramidion(PyramidionModel)
  /// PoNet of the Long Range Arena experiments.
  case longRangeArena(LongRangeArenaModel)

  /// Names of the types, as ``ModelOptions/modelType`` takes them.
  public static let typeNames = [
    "bert", "fnet", "funnel", "ponet", "ponet-lra", "pyramidion",
  ]

  /// Reads a checkpoint directory.
  ///
  /// - Parameters:
  ///   - directory: holds `config.json` and weights.
  ///   - options: model type, instruction set, threads, positions.
  /// - Throws: ``ModelError``; ``ModelError/unknownModelType(directory:found:expected:)`` for a type
  ///   that is not implemented.
  public init(
    directory: String, options: ModelOptions = ModelOptions()
  ) throws(ModelError) {
    let files = try checkpoint { () throws(CheckpointError) in
      try Checkpoint(directory: directory, loading: options.loading)
    }
    try self.init(
      files, type: LoadedModel.typeName(files.configuration, options),
      weights: WeightScope(files.weights),
      options: options)
  }

  init(
    _ files: Checkpoint, type: String, weights: WeightScope, options: ModelOptions
  ) throws(ModelError) {
    switch type {
    case "bert":
      let model = try BERTModel(
        weights: weights, configuration: BERTConfiguration(files.configuration),
        directory: files.directory, options: options)
      self = .bert(model)
    case "fnet":
      let model = try FNetModel(
        weights: weights, configuration: FNetConfiguration(files.configuration),
        directory: files.directory, options: options)
      self = .fNet(model)
    case "funnel":
      let model = try FunnelModel(
        weights: weights, configuration: FunnelConfiguration(files.configuration),
        directory: files.directory, options: options)
      self = .funnel(model)
    case "ponet":
      let model = try PoNetModel(
        weights: weights, configuration: PoNetConfiguration(files.configuration),
        directory: files.directory, options: options)
      self = .poNet(model)
    case "ponet-lra":
      let model = try LongRangeArenaModel(
        weights: weights, configuration: LongRangeArenaConfiguration(files.configuration),
        options: options)
      self = .longRangeArena(model)
    case "pyramidion":
      let model = try PyramidionModel(
        weights: weights, configuration: PyramidionConfiguration(files.configuration),
        directory: files.directory, options: options)
      self = .pyramidion(model)
    default:
      throw .unknownModelType(
        directory: files.directory, found: quoted(type), expected: LoadedModel.typeNames)
    }
  }

  /// What the options or, failing that, config.json call the type: one of ``typeNames``, or what the
  /// file calls itself.
  ///
  /// The first release of PoNet calls itself `bert`, so `architectures` decides before `model_type`.
  package static func typeName(
    _ configuration: ConfigurationFile, _ options: ModelOptions
  ) throws(ModelError) -> String {
    if let type = options.modelType { return type }
    return try checkpoint { () throws(CheckpointError) in
      let type = try configuration.string("model_type", default: "absent")
      let architectures = try configuration.strings("architectures", default: [])
      if type == "ponet" || architectures.contains(where: { $0.hasPrefix("PoNet") }) {
        return "ponet"
      }
      if try configuration.string("attn_type", default: "") == "ponet" { return "ponet-lra" }
      if let args = try configuration.section("args") {
        // fairseq writes either, and both.
        let names = [args["arch"]?.string, args["_name"]?.string]
        if names.contains(where: { $0?.hasPrefix("pyramidion") == true }) { return "pyramidion" }
      }
      return type
    }
  }

  /// Kernels and threads.
  public var execution: Execution {
    switch self {
    case .bert(let model): model.execution
    case .fNet(let model): model.execution
    case .funnel(let model): model.execution
    case .poNet(let model): model.execution
    case .longRangeArena(let model): model.execution
    case .pyramidion(let model): model.execution
    }
  }

  /// Names of the heads that the checkpoint has weights for.
  public var headNames: [String] {
    switch self {
    case .bert(let model): model.headNames
    case .fNet(let model): model.headNames
    case .funnel(let model): model.headNames
    case .poNet(let model): model.headNames
    case .longRangeArena(let model):
      [model.isDual ? "pair-classification" : "sequence-classification"]
    case .pyramidion(let model): model.hasDecoder ? ["decoder"] : []
    }
  }
}

extension Checkpoint {
  /// Opens a directory that must hold a model of one type.
  ///
  /// - Throws: ``ModelError/unknownModelType(directory:found:expected:)`` for another.
  init(
    directory: String, of expected: String, _ options: ModelOptions
  ) throws(ModelError) {
    self = try checkpoint { () throws(CheckpointError) in
      try Checkpoint(directory: directory, loading: options.loading)
    }
    let type = try LoadedModel.typeName(configuration, options)
    guard type == expected else {
      throw .unknownModelType(directory: directory, found: quoted(type), expected: [expected])
    }
  }
}
