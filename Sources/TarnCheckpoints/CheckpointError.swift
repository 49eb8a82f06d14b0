internal import TarnSystem

/// Why a checkpoint cannot be read or written.
///
/// Each case holds the facts; ``description`` is one sentence that names the file, the item, what
/// was found and what was expected.
public enum CheckpointError: Error, Hashable, Sendable {
  // MARK: Files

  /// Nothing exists at the path.
  case missingFile(path: String)
  /// The system refuses to open or to read the file.
  case unreadableFile(path: String, reason: SystemError)
  /// The path leads to a directory.
  case isDirectory(path: String)
  /// The path leads to a pipe, a device or a socket.
  case notRegularFile(path: String)
  /// The file has no bytes.
  case emptyFile(path: String)
  /// The file is larger than any file of its kind needs to be.
  case fileTooLarge(path: String, bytes: Int, limit: Int)
  /// The file became shorter while it was read.
  case changedWhileReading(path: String)
  /// The system refuses to write the file.
  case unwritableFile(path: String, reason: SystemError)
  /// A directory holds weights only in a form that is not read.
  case unsupportedWeights(directory: String, file: String)

  // MARK: safetensors

  /// The file breaks a rule of the safetensors format.
  case invalidSafetensors(file: String, SafetensorsProblem)
  /// A tensor to be written does not fit its own description.
  case unwritableTensor(name: TensorName, found: String, expected: String)

  // MARK: PyTorch

  /// The file breaks a rule for PyTorch files.
  case invalidPyTorch(file: String, PyTorchProblem)

  // MARK: Shards

  /// An index of shards, or a shard, breaks a rule.
  case invalidShardIndex(file: String, ShardProblem)

  // MARK: Tensors that a model asks for

  /// The file has no tensor of that name.
  case missingTensor(file: String, name: TensorName)
  /// The tensor has another shape.
  case wrongShape(file: String, name: TensorName, found: [Int], expected: [Int])
  /// The elements are of another type.
  case wrongElementType(
    file: String, name: TensorName, found: ElementType, expected: [ElementType])
  /// An element does not fit `Int`.
  case integerTooLarge(file: String, name: TensorName, index: Int, found: UInt64)

  // MARK: Configuration

  /// The file is not JSON.
  case invalidJSON(file: String, JSONError)
  /// The file is JSON, but not an object.
  case notAnObject(file: String, found: String)
  /// A key of the configuration is missing (`found` is nil) or has a value out of range.
  case wrongValue(file: String, key: String, found: String?, expected: String)
}

extension CheckpointError: CustomStringConvertible {
  /// One sentence that names the file, the item, what was found and what was expected.
  public var description: String {
    switch self {
    case .missingFile(let path):
      "\(printable(path)): no such file"
    case .unreadableFile(let path, let reason):
      "\(printable(path)): cannot be read: \(reason)"
    case .isDirectory(let path):
      "\(printable(path)): is a directory, expected a file"
    case .notRegularFile(let path):
      "\(printable(path)): is a pipe or a device, expected a regular file"
    case .emptyFile(let path):
      "\(printable(path)): the file is empty"
    case .fileTooLarge(let path, let bytes, let limit):
      "\(printable(path)): the file has \(bytes) bytes, expected at most \(limit)"
    case .changedWhileReading(let path):
      "\(printable(path)): the file became shorter while it was read"
    case .unwritableFile(let path, let reason):
      "\(printable(path)): cannot be written: \(reason)"
    case .unsupportedWeights(let directory, let file):
      "\(printable(directory)): found \(file), which is not supported, expected "
        + alternatives(Checkpoint.weightFiles) + "; convert the weights to safetensors"
    case .invalidSafetensors(let file, let problem):
      "\(printable(file)): \(problem)"
    case .invalidPyTorch(let file, let problem):
      "\(printable(file)): \(problem)"
    case .invalidShardIndex(let file, let problem):
      "\(printable(file)): \(problem)"
    case .unwritableTensor(let name, let found, let expected):
      "tensor \(quoted(name.text)) to be written has \(found), expected \(expected)"
    case .missingTensor(let file, let name):
      "\(printable(file)): tensor \(quoted(name.text)) is missing"
    case .wrongShape(let file, let name, let found, let expected):
      "\(printable(file)): tensor \(quoted(name.text)) has shape \(listed(found)), "
        + "expected \(listed(expected))"
    case .wrongElementType(let file, let name, let found, let expected):
      "\(printable(file)): tensor \(quoted(name.text)) has element type \(found), expected "
        + alternatives(expected.map { $0.description })
    case .integerTooLarge(let file, let name, let index, let found):
      "\(printable(file)): tensor \(quoted(name.text)) has \(found) at index \(index), expected at"
        + " most \(Int.max)"
    case .invalidJSON(let file, let error):
      "\(printable(file)): not valid JSON: \(error)"
    case .notAnObject(let file, let found):
      "\(printable(file)): found \(found), expected a JSON object"
    case .wrongValue(let file, let key, let found?, let expected):
      "\(printable(file)): key \(quoted(key)) is \(found), expected \(expected)"
    case .wrongValue(let file, let key, nil, let expected):
      "\(printable(file)): key \(quoted(key)) is missing, expected \(expected)"
    }
  }
}

/// "a", "a or b", "a, b or c".
func alternatives(_ items: [String]) -> String {
  guard let last = items.last, items.count > 1 else { return items.first ?? "nothing" }
  return items.dropLast().joined(separator: ", ") + " or " + last
}

/// The part of a path after the last slash: the name by which messages call a file.
func fileName(_ path: String) -> String {
  path.split(separator: "/").last.map { String($0) } ?? path
}
