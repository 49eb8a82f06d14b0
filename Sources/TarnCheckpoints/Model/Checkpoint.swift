// A checkpoint directory as it is published.

/// The configuration and the weights of a model: `config.json` and `model.safetensors`.
public struct Checkpoint: Sendable {
  /// The directory, as it was given.
  public let directory: String
  /// `config.json`.
  public let configuration: ConfigurationFile
  /// `model.safetensors`.
  public let weights: SafetensorsFile

  /// Opens the files of a directory and checks their form.
  ///
  /// - Parameters:
  ///   - directory: a path.
  ///   - loading: mapped or copied; mind the hazard of ``Loading/mapped``.
  /// - Throws: ``CheckpointError`` for a file that is missing or malformed;
  ///   ``CheckpointError/unsupportedWeights(directory:file:)`` where weights lie only in a form that
  ///   is not read.
  public init(directory: String, loading: Loading = .mapped) throws(CheckpointError) {
    self.directory = directory
    configuration = try ConfigurationFile(path: directory + "/config.json")
    do {
      weights = try SafetensorsFile(path: directory + "/model.safetensors", loading: loading)
    } catch .missingFile(let path) {
      for other in ["model.safetensors.index.json", "pytorch_model.bin"] {
        if (try? MappedFile(path: directory + "/" + other)) != nil {
          throw .unsupportedWeights(directory: directory, file: other)
        }
      }
      throw .missingFile(path: path)
    }
  }
}
