/// Opens a file of tensors, whatever the container.
///
/// A name that ends in `.index.json` is an index of shards. Otherwise the first bytes decide: a zip
/// archive or a pickle is a PyTorch file, everything else a safetensors file.
///
/// - Parameters:
///   - path: a safetensors file, a PyTorch file or an index of shards.
///   - loading: mapped or copied; mind the hazard of ``Loading/mapped``.
/// - Returns: The file, checked.
/// - Throws: ``CheckpointError`` with the rule that is broken, or the reason why the file cannot be
///   read.
public func openTensorFile(
  path: String, loading: Loading = .mapped
) throws(CheckpointError) -> TensorFile {
  if path.hasSuffix(".index.json") {
    return try ShardedFile(path: path, loading: loading)
  }
  return try openShard(path: path, loading: loading)
}

/// Opens a file that is no index, by its first bytes.
func openShard(path: String, loading: Loading) throws(CheckpointError) -> TensorFile {
  let file = try OpenFile.open(path)
  let prefix = try file.bytes(in: 0..<min(9, file.byteCount))
  // The length of a safetensors header may begin with the byte of a pickle.
  let isSafetensors =
    prefix.count == 9 && prefix[4..<8].allSatisfy { $0 == 0 } && prefix[8] == UInt8(ascii: "{")
  if ZipDirectory.begins(prefix)
    || prefix.first == PickleOpcode.proto.rawValue && !isSafetensors
  {
    return try PyTorchFile(path: path, loading: loading)
  }
  return try SafetensorsFile(path: path, loading: loading)
}
