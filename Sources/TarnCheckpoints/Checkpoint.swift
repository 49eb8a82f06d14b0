/// A checkpoint directory as it is published: `config.json` and weights.
public struct Checkpoint: Sendable {
  /// The path of the directory as it was given.
  public let directory: String

  /// `config.json`, or ``TensorFile/arguments`` of the weights as its `args`.
  public let configuration: ConfigurationFile

  /// The weights, checked: the first of ``weightFiles`` that the directory has.
  public let weights: TensorFile

  /// Names under which weights are looked for, in this order.
  ///
  /// The order of the libraries that publish them: safetensors before PyTorch, one file before
  /// shards; then the names that fairseq gives.
  public static let weightFiles = [
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
    "pytorch_model.bin.index.json", "model.pt", "checkpoint_best.pt", "checkpoint_last.pt",
  ]

  /// Weights in other containers, by the names under which they are published.
  private static let otherWeights = ["tf_model.h5", "flax_model.msgpack"]

  /// Opens a directory.
  ///
  /// - Parameters:
  ///   - directory: holds one of ``weightFiles``, and `config.json` unless the weights hold their
  ///     arguments.
  ///   - loading: how the weights come into memory; mind the hazard of ``Loading/mapped``.
  /// - Throws: ``CheckpointError/missingFile(path:)`` for a missing `config.json`, or what
  ///   ``weights(in:loading:)`` throws.
  public init(directory: String, loading: Loading = .mapped) throws(CheckpointError) {
    self.directory = directory
    let path = Self.base(directory) + "config.json"
    let file: ConfigurationFile?
    do {
      file = try ConfigurationFile(path: path, limits: loading.limits)
    } catch .missingFile {
      file = nil
    }
    do {
      weights = try Self.weights(in: directory, loading: loading)
    } catch .missingFile where file == nil {
      throw .missingFile(path: path)
    }
    if let file {
      configuration = file
    } else if let arguments = weights.arguments {
      let text = JSONValue.object(["args": .object(arguments)]).encoded()
      configuration = try ConfigurationFile(bytes: Array(text.utf8), named: weights.name)
    } else {
      throw .missingFile(path: path)
    }
  }

  /// Opens the weights of a directory.
  ///
  /// - Parameters:
  ///   - directory: holds one of ``weightFiles``.
  ///   - loading: how the weights come into memory; mind the hazard of ``Loading/mapped``.
  /// - Returns: The first of ``weightFiles`` that is there, checked. If that is wrong, the others are
  ///   not tried.
  /// - Throws: ``CheckpointError/missingFile(path:)`` with the first of ``weightFiles`` if none is
  ///   there, ``CheckpointError/unsupportedWeights(directory:file:)`` if there is another container
  ///   instead, or what is wrong with the file.
  public static func weights(
    in directory: String, loading: Loading = .mapped
  ) throws(CheckpointError) -> TensorFile {
    let base = base(directory)
    if let file = weightFiles.first(where: { exists(base + $0) }) {
      return try openTensorFile(path: base + file, loading: loading)
    }
    for file in otherWeights where exists(base + file) {
      throw .unsupportedWeights(directory: directory, file: file)
    }
    throw .missingFile(path: base + weightFiles[0])
  }

  private static func base(_ directory: String) -> String {
    directory.isEmpty || directory.hasSuffix("/") ? directory : directory + "/"
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
