/// What a file may ask for before it is refused; no published file comes near the defaults.
///
///     var limits = FileLimits()
///     limits.tensors = 1000
///     let file = try openTensorFile(path: path, loading: .read.limited(by: limits))
///
/// A file that asks for more gives an error that holds the limit. Negative limits are like 0.
public struct FileLimits: Hashable, Sendable {
  /// Longest header of a safetensors file, in bytes; the default is the published format's.
  public var headerBytes = 100_000_000
  /// Most tensors of a safetensors file, or of an index of shards.
  public var tensors = 1 << 18
  /// Most entries of `__metadata__`.
  public var metadataEntries = 1 << 16
  /// Most dimensions of a tensor.
  public var dimensions = 64
  /// Most entries of a zip archive.
  public var archiveEntries = 1 << 18
  /// Longest pickle, in bytes; more than 2³² − 1 has no effect.
  public var pickleBytes = 100_000_000
  /// Most containers of a pickle inside one another while they are filled.
  public var pickleNesting = 1024
  /// Memory that the values of a pickle may take where the file is smaller, in bytes.
  public var pickleMemory = 4 << 20
  /// Longest index of shards, in bytes.
  public var indexBytes = 64 << 20
  /// Most shards.
  public var shards = 1 << 12
  /// Longest `config.json` or other JSON file of a checkpoint but the following, in bytes.
  public var configurationBytes = 4 << 20
  /// Longest `tokenizer.json`, in bytes.
  public var tokenizerBytes = 12 << 20

  /// The defaults.
  public init() {}

  /// ``pickleBytes`` as far as places in a pickle reach.
  var longestPickle: Int { Int(UInt32(clamping: pickleBytes)) }
}
