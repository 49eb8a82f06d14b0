/// A PyTorch checkpoint, `torch.save`'s zip form or its older stream: named tensors, checked when it
/// is opened.
///
/// A file is a suspect. Its pickle is followed by a machine that makes data and calls nothing: any
/// instruction or function outside a short list is refused by name and offset, and objects of other
/// classes stay names. After `init` has returned, each ``TensorInfo`` is known to lie inside its
/// storage and each storage inside the file. See ``PyTorchProblem`` for the rules and
/// ``FileLimits`` for the limits.
///
/// Tensors may share storages, and may lie in them with gaps or transposed; ``TensorFile/withBytes(of:_:)``
/// brings those into row-major order. Contents are not judged.
public final class PyTorchFile: TensorFile, @unchecked Sendable {
  /// Keys under which a dictionary of tensors is looked for, in this order, before the root is tried.
  public static let stateDictionaryKeys = ["model", "state_dict", "model_state_dict", "module"]

  private let contents: MappedFile

  /// Opens a file and checks it.
  ///
  /// - Parameters:
  ///   - path: a file that `torch.save` has written.
  ///   - loading: mapped or copied; mind the hazard of ``Loading/mapped``.
  ///   - stateDictionary: the keys that lead from the root to the dictionary of tensors; nil: the
  ///     first of ``stateDictionaryKeys`` that holds one, failing that the root itself.
  /// - Throws: ``CheckpointError/invalidPyTorch(file:_:)`` with the rule that is broken, or the
  ///   reason why the file cannot be read. Of the elements nothing has been read by then.
  public convenience init(
    path: String, loading: Loading = .mapped, stateDictionary: [String]? = nil
  ) throws(CheckpointError) {
    let file = try OpenFile.open(path)
    let parts = try PyTorchParts(
      file, named: fileName(path), stateDictionary, loading.limits)
    self.init(path: path, parts, try MappedFile(file, loading: loading))
  }

  /// Reads a file that is in memory already.
  ///
  /// - Parameters:
  ///   - bytes: the whole file; copied.
  ///   - name: stands for the path in messages.
  ///   - stateDictionary: as for a path.
  ///   - limits: what the file may ask for.
  /// - Throws: ``CheckpointError/invalidPyTorch(file:_:)`` with the rule that is broken.
  public convenience init(
    bytes: [UInt8], named name: String, stateDictionary: [String]? = nil,
    limits: FileLimits = FileLimits()
  ) throws(CheckpointError) {
    let contents = try MappedFile(bytes: bytes, named: name)
    let parts = try PyTorchParts(contents, named: fileName(name), stateDictionary, limits)
    self.init(path: name, parts, contents)
  }

  private init(path: String, _ parts: PyTorchParts, _ contents: MappedFile) {
    self.contents = contents
    super.init(
      path: path, format: parts.format, tensors: parts.tensors, index: parts.index,
      metadata: parts.metadata, arguments: parts.arguments)
  }

  override func visitBytes(of tensor: TensorInfo, _ body: (RawSpan) -> Void) {
    guard let strides = tensor.strides else {
      contents.withBytes(in: tensor.byteRange, body)
      return
    }
    let gathered = contents.withBytes(in: tensor.byteRange) { bytes in
      rowMajor(
        bytes, shape: tensor.shape, strides: strides, size: tensor.elementType.bitWidth / 8)
    }
    // SAFETY: bytes have no padding, and the array lives until the closure has returned.
    unsafe body(gathered.span.bytes)
  }
}

/// The elements of a tensor, each of `size` bytes, in row-major order.
///
/// The tensor has at least one element, and none of them lies outside `bytes`.
private func rowMajor(
  _ bytes: RawSpan, shape: [Int], strides: [Int], size: Int
) -> [UInt8] {
  let count = shape.reduce(1, *)
  let columns = shape.last ?? 1
  let columnStride = (strides.last ?? 1) * size
  var result: [UInt8] = []
  result.reserveCapacity(count * size)
  // Of all dimensions but the last.
  var place = [Int](repeating: 0, count: max(0, shape.count - 1))
  var row = 0
  for _ in 0..<count / columns {
    var source = row
    for _ in 0..<columns {
      for byte in source..<source + size {
        // SAFETY: the place of each element was checked against the range when the file was opened.
        result.append(unsafe bytes.unsafeLoad(fromByteOffset: byte, as: UInt8.self))
      }
      source += columnStride
    }
    for dimension in place.indices.reversed() {
      place[dimension] += 1
      row += strides[dimension] * size
      if place[dimension] < shape[dimension] { break }
      row -= shape[dimension] * strides[dimension] * size
      place[dimension] = 0
    }
  }
  return result
}
