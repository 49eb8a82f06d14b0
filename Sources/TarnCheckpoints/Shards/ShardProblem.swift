/// A rule for the index of sharded weights, and how an index or a shard breaks it.
public enum ShardProblem: Error, Hashable, Sendable {
  /// The index is not JSON.
  case indexNotJSON(JSONError)
  /// The index has no key `weight_map`.
  case missingWeightMap
  /// The index has a key twice.
  case duplicateKey(String)
  /// `weight_map` is not an object.
  case weightMapNotObject
  /// `weight_map` names no tensor.
  case emptyWeightMap
  /// `weight_map` names more tensors than ``FileLimits/tensors``.
  case tooManyTensors(limit: Int)
  /// `weight_map` names more files than ``FileLimits/shards``.
  case tooManyShards(limit: Int)
  /// `weight_map` has a tensor twice.
  case duplicateTensor(TensorName)
  /// The file of a tensor is not named by a string.
  case fileNotString(TensorName)
  /// The file of a tensor is not named by a plain name: it is empty, leads to another directory, or
  /// has a separator or a control character.
  case fileOutsideDirectory(TensorName, found: String)
  /// A shard lacks a tensor that the index says it has.
  case missingTensor(TensorName, shard: String)
  /// A shard has a tensor that the index does not name.
  case unlistedTensor(TensorName, shard: String)
  /// A shard has a tensor that the index places in another.
  case tensorInTwoShards(TensorName, shard: String, listed: String)
}

extension ShardProblem: CustomStringConvertible {
  /// What was found and what was expected, without the name of the index.
  public var description: String {
    switch self {
    case .indexNotJSON(let error):
      "not valid JSON: \(error)"
    case .missingWeightMap:
      "key \"weight_map\" is missing"
    case .duplicateKey(let key):
      "key \(quoted(key)) occurs twice"
    case .weightMapNotObject:
      "key \"weight_map\" is not an object"
    case .emptyWeightMap:
      "key \"weight_map\" names no tensor"
    case .tooManyTensors(let limit):
      "key \"weight_map\" names more than \(limit) tensors"
    case .tooManyShards(let limit):
      "key \"weight_map\" names more than \(limit) files"
    case .duplicateTensor(let name):
      "tensor \(quoted(name.text)) occurs twice"
    case .fileNotString(let name):
      "tensor \(quoted(name.text)) has a file that is not a string"
    case .fileOutsideDirectory(let name, let found):
      "tensor \(quoted(name.text)) has file \(quoted(found)), expected the plain name of a file"
        + " beside the index"
    case .missingTensor(let name, let shard):
      "tensor \(quoted(name.text)) is missing in \(quoted(shard)), where the index places it"
    case .unlistedTensor(let name, let shard):
      "tensor \(quoted(name.text)) of \(quoted(shard)) is not in the index"
    case .tensorInTwoShards(let name, let shard, let listed):
      "tensor \(quoted(name.text)) is in \(quoted(shard)) too, but the index places it in"
        + " \(quoted(listed))"
    }
  }
}
