/// Weights in several files, of which an index says where each tensor is.
///
/// Published as `model.safetensors.index.json` beside `model-00001-of-00002.safetensors` and so on,
/// or as `pytorch_model.bin.index.json` beside PyTorch files. Every tensor of the index must be in
/// its shard, and every tensor of a shard in the index; the shards lie beside the index.
///
/// ``TensorInfo/byteRange`` counts in the shard; the names of the shards are in the metadata, under
/// `shards`.
public final class ShardedFile: TensorFile, @unchecked Sendable {
  private let index: ShardIndex
  private let shards: [TensorFile]

  /// Opens an index and all its shards.
  ///
  /// - Parameters:
  ///   - path: the index.
  ///   - loading: mapped or copied; mind the hazard of ``Loading/mapped``.
  /// - Throws: ``CheckpointError/invalidShardIndex(file:_:)`` with the rule that is broken, or what
  ///   is wrong with a shard.
  public init(path: String, loading: Loading = .mapped) throws(CheckpointError) {
    let bytes = try OpenFile.open(path).bytes(atMost: loading.limits.indexBytes)
    let name = fileName(path)
    do throws(ShardProblem) {
      index = try ShardIndex(bytes, loading.limits)
    } catch {
      throw .invalidShardIndex(file: name, error)
    }
    let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    var shards: [TensorFile] = []
    for shard in index.shards {
      shards.append(try openShard(path: directory + shard, loading: loading))
    }
    self.shards = shards
    let tensors: [TensorInfo]
    do throws(ShardProblem) {
      tensors = try index.tensors(in: shards)
    } catch {
      throw .invalidShardIndex(file: name, error)
    }
    let formats = Set(shards.map({ $0.format })).sorted().joined(separator: ", ")
    let format = formats + (shards.count == 1 ? " in 1 shard" : " in \(shards.count) shards")
    super.init(
      path: path, format: format, tensors: tensors, index: index.index,
      metadata: ["shards": .array(index.shards.map { .string($0) })])
  }

  override func visitBytes(of tensor: TensorInfo, _ body: (RawSpan) -> Void) {
    guard let position = index.index[tensor.name] else {
      preconditionFailure("the caller must ask for a tensor of this file")
    }
    shards[index.tensors[position].shard].visitBytes(of: tensor, body)
  }
}

extension ShardIndex {
  /// The tensors of the index, each from its shard, after index and shards have been compared.
  fileprivate func tensors(in files: [TensorFile]) throws(ShardProblem) -> [TensorInfo] {
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
