/// Weights in several files, of which an index says where each tensor is.
///
/// Published as `model.safetensors.index.json` beside `model-00001-of-00002.safetensors` and so on,
/// or as `pytorch_model.bin.index.json` beside PyTorch files. Every tensor of the index must be in
/// its shard, and every tensor of a shard in the index; the shards lie beside the index.
public final class ShardedFile: TensorFile {
  /// The path of the index as it was given.
  public let path: String

  /// The container of the shards, and how many there are.
  public let format: String

  /// All tensors, in the order of the index.
  ///
  /// ``TensorInfo/byteRange`` counts in the shard.
  public let tensors: [TensorInfo]

  /// The names of the shards, under `shards`.
  public let metadata: JSONObject

  private let index: ShardIndex
  private let shards: [any TensorFile]

  /// Opens an index and all its shards.
  ///
  /// - Parameters:
  ///   - path: the index.
  ///   - loading: mapped or copied; mind the hazard of ``Loading/mapped``.
  /// - Throws: ``CheckpointError/invalidShardIndex(file:_:)`` with the rule that is broken, or what
  ///   is wrong with a shard.
  public init(path: String, loading: Loading = .mapped) throws(CheckpointError) {
    self.path = path
    let bytes = try OpenFile.open(path).bytes(atMost: loading.limits.indexBytes)
    let name = fileName(path)
    do throws(ShardProblem) {
      index = try ShardIndex(bytes, loading.limits)
    } catch {
      throw .invalidShardIndex(file: name, error)
    }
    let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    var shards: [any TensorFile] = []
    for shard in index.shards {
      shards.append(try openShard(path: directory + shard, loading: loading))
    }
    self.shards = shards
    do throws(ShardProblem) {
      tensors = try index.tensors(in: shards)
    } catch {
      throw .invalidShardIndex(file: name, error)
    }
    let formats = Set(shards.map(\.format)).sorted().joined(separator: ", ")
    format = formats + (shards.count == 1 ? " in 1 shard" : " in \(shards.count) shards")
    metadata = ["shards": .array(index.shards.map { .string($0) })]
  }

  /// The tensor of a name, or nil.
  public subscript(name: TensorName) -> TensorInfo? {
    index.index[name].map { tensors[$0] }
  }

  /// Calls a closure with the elements of a tensor, row-major and little-endian.
  ///
  /// - Parameters:
  ///   - tensor: one of this file's tensors; traps for a name that is none.
  ///   - body: receives the bytes, which are valid inside the closure only.
  /// - Returns: What the closure returns.
  /// - Throws: What the closure throws.
  public func withBytes<Result, Failure>(
    of tensor: TensorInfo, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard let position = index.index[tensor.name] else {
      preconditionFailure("the caller must ask for a tensor of this file")
    }
    return try shards[index.tensors[position].shard].withBytes(of: tensor, body)
  }
}

extension ShardIndex {
  /// The tensors of the index, each from its shard, after index and shards have been compared.
  fileprivate func tensors(in files: [any TensorFile]) throws(ShardProblem) -> [TensorInfo] {
    for (position, file) in files.enumerated() {
      for tensor in file.tensors {
        guard let listed = index[tensor.name] else {
          throw .unlistedTensor(tensor.name, shard: shards[position])
        }
        let shard = tensors[listed].shard
        guard shard == position else {
          throw .tensorInTwoShards(
            tensor.name, shard: shards[position], listed: shards[shard])
        }
      }
    }
    var found: [TensorInfo] = []
    for (name, shard) in tensors {
      guard let tensor = files[shard][name] else {
        throw .missingTensor(name, shard: shards[shard])
      }
      found.append(tensor)
    }
    return found
  }
}
