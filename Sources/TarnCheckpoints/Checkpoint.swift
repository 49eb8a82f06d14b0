/// A checkpoint directory as it is published: `config.json` and `model.safetensors`.
public struct Checkpoint: Sendable {
  /// The path of the directory as it was given.
  public let directory: String

  /// `config.json`.
  public let configuration: ConfigurationFile

  /// `model.safetensors`, its header checked.
  public let weights: SafetensorsFile

  /// Weights in other containers, by the names under which they are published.
  private static let otherWeights = [
    "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
    "tf_model.h5", "flax_model.msgpack",
  ]

  /// Opens a directory.
  ///
  /// - Parameters:
  ///   - directory: holds `config.json` and `model.safetensors`.
  ///   - loading: how the weights come into memory; mind the hazard of ``Loading/mapped``.
  /// - Throws: ``CheckpointError/missingFile(path:)`` with the file that is missing,
  ///   ``CheckpointError/unsupportedWeights(directory:file:)`` if the weights are there in another
  ///   container only, or what is wrong with one of the two files.
  public init(directory: String, loading: Loading = .mapped) throws(CheckpointError) {
    let base = directory.isEmpty || directory.hasSuffix("/") ? directory : directory + "/"
    self.directory = directory
    configuration = try ConfigurationFile(path: base + "config.json")
    do {
      weights = try SafetensorsFile(path: base + "model.safetensors", loading: loading)
    } catch .missingFile(let path) {
      for file in Self.otherWeights where Self.exists(base + file) {
        throw .unsupportedWeights(directory: directory, file: file)
      }
      throw .missingFile(path: path)
    }
  }

  private static func exists(_ path: String) -> Bool {
    do {
      _ = try OpenFile.open(path)
      return true
    } catch .missingFile {
      return false
    } catch {
      return true
    }
  }
}
