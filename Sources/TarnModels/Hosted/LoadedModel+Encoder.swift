// An encoder of a type that only the checkpoint knows.

internal import TarnText

extension LoadedModel {
  /// The model as an encoder; nil for PoNet of the Long Range Arena and for Pyramidion, which have
  /// other frames.
  public var encoder: (any EncoderModel)? {
    switch self {
    case .bert(let model): model
    case .fNet(let model): model
    case .funnel(let model): model
    case .poNet(let model): model
    case .longRangeArena, .pyramidion: nil
    }
  }

  /// Reads a checkpoint directory that must hold an encoder.
  ///
  /// - Parameters:
  ///   - directory: holds `config.json` and weights.
  ///   - options: model type, instruction set, threads, positions.
  /// - Returns: the encoder.
  /// - Throws: ``ModelError``; ``ModelError/unknownModelType(directory:found:expected:)`` for a model
  ///   that is none.
  public static func encoder(
    directory: String, options: ModelOptions = ModelOptions()
  ) throws(ModelError) -> any EncoderModel {
    let model = try LoadedModel(directory: directory, options: options)
    guard let encoder = model.encoder else {
      let others = ["ponet-lra", "pyramidion"]
      var found = others[0]
      if case .pyramidion = model { found = others[1] }
      throw .unknownModelType(
        directory: directory, found: "\"\(found)\"",
        expected: typeNames.filter { !others.contains($0) })
    }
    return encoder
  }
}
