/// A safetensors file: named tensors, checked when it is opened.
///
/// A file is a suspect. After `init` has returned, each ``TensorInfo`` is known to lie inside the
/// file, to have as many bytes as its shape asks for, and to share none with another. The rules
/// are those of the published format, plus ``FileLimits``.
///
/// Contents are not judged: NaN and infinities are values like others.
public final class SafetensorsFile: TensorFile, @unchecked Sendable {
  private let contents: MappedFile

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
    self.contents = contents
    super.init(
      path: path, format: "safetensors", tensors: header.tensors, index: header.index,
      metadata: header.metadata)
  }

  override func visitBytes(of tensor: TensorInfo, _ body: (RawSpan) -> Void) {
    contents.withBytes(in: tensor.byteRange, body)
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
