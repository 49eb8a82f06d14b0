/// A safetensors file: named tensors, checked when it is opened.
///
/// A file is a suspect. After `init` has returned, each ``TensorInfo`` is known to lie inside the
/// file, to have as many bytes as its shape asks for, and to share none with another. The rules
/// are those of the published format, plus ``FileLimits``.
///
/// Contents are not judged: NaN and infinities are values like others.
public final class SafetensorsFile: TensorFile {
  /// The path as it was given.
  public let path: String

  /// All tensors, in the order of the header.
  public let tensors: [TensorInfo]

  /// The strings under `__metadata__`; empty if the file has none.
  public let metadata: JSONObject

  private let index: [TensorName: Int]
  private let contents: MappedFile

  /// `safetensors`.
  public var format: String { "safetensors" }

  /// Opens a file and checks its header.
  ///
  /// - Parameters:
  ///   - path: a safetensors file.
  ///   - loading: mapped or copied; mind the hazard of ``Loading/mapped``.
  /// - Throws: ``CheckpointError/invalidSafetensors(file:_:)`` with the rule that is broken, or the
  ///   reason why the file cannot be read. Nothing but the header has been read by then.
  public convenience init(path: String, loading: Loading = .mapped) throws(CheckpointError) {
    let file = try OpenFile.open(path)
    let header = try header(of: file, named: fileName(path), loading.limits)
    self.init(path: path, header: header, contents: try MappedFile(file, loading: loading))
  }

  /// Reads a file that is in memory already.
  ///
  /// - Parameters:
  ///   - bytes: the whole file; copied.
  ///   - name: stands for the path in messages.
  ///   - limits: what the file may ask for.
  /// - Throws: ``CheckpointError/invalidSafetensors(file:_:)`` with the rule that is broken.
  public convenience init(
    bytes: [UInt8], named name: String, limits: FileLimits = FileLimits()
  ) throws(CheckpointError) {
    let header = try header(of: bytes, named: fileName(name), limits)
    self.init(path: name, header: header, contents: try MappedFile(bytes: bytes, named: name))
  }

  private init(path: String, header: SafetensorsHeader, contents: MappedFile) {
    self.path = path
    self.tensors = header.tensors
    self.metadata = header.metadata
    self.index = header.index
    self.contents = contents
  }

  /// The tensor of a name, or nil.
  public subscript(name: TensorName) -> TensorInfo? {
    index[name].map { tensors[$0] }
  }

  /// Calls a closure with the elements of a tensor as they lie in the file.
  ///
  /// The elements are row-major and little-endian. Their first byte may lie at any address.
  ///
  /// - Parameters:
  ///   - tensor: one of this file's tensors; traps if its range is not inside the file.
  ///   - body: receives the bytes, which are valid inside the closure only.
  /// - Returns: What the closure returns.
  /// - Throws: What the closure throws.
  public func withBytes<Result, Failure>(
    of tensor: TensorInfo, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try contents.withBytes(in: tensor.byteRange, body)
  }
}

/// Reads the header from a copy that nobody can change meanwhile, and that is gone afterwards.
private func header(
  of source: borrowing some ByteSource & ~Copyable, named name: String, _ limits: FileLimits
) throws(CheckpointError) -> SafetensorsHeader {
  let byteCount = source.byteCount
  let start = min(byteCount, SafetensorsHeader.prefixByteCount)
  let prefix = try source.bytes(in: 0..<start)
  let count = try checked(name) { () throws(SafetensorsProblem) in
    try SafetensorsHeader.byteCount(prefix: prefix, fileByteCount: byteCount, limits)
  }
  let bytes = try source.bytes(in: start..<start + count)
  return try checked(name) { () throws(SafetensorsProblem) in
    try SafetensorsHeader(bytes, fileByteCount: byteCount, limits)
  }
}

/// Runs a check of the format and adds the name of the file to what it throws.
private func checked<Result>(
  _ file: String, _ check: () throws(SafetensorsProblem) -> Result
) throws(CheckpointError) -> Result {
  do {
    return try check()
  } catch {
    throw .invalidSafetensors(file: file, error)
  }
}
