internal import TarnSystem

/// Writes tensors to a safetensors file, in the order in which they are added.
///
///     var writer = SafetensorsWriter()
///     try writer.append("embeddings", shape: [rows, 768], floats: values)
///     try writer.write(to: "embeddings.safetensors")
///
/// What it writes passes every check of ``SafetensorsFile``.
public struct SafetensorsWriter {
  struct Entry {
    let name: TensorName
    let elementType: ElementType
    let shape: [Int]
    let byteCount: Int
    let contents: () throws(CheckpointError) -> [UInt8]
  }

  private(set) var entries: [Entry] = []
  private var names: Set<TensorName> = []
  private var metadata = JSONObject()

  /// A file without tensors.
  ///
  /// - Parameter metadata: strings for `__metadata__`; of a key that occurs twice the last counts.
  public init(metadata: KeyValuePairs<String, String> = [:]) {
    for (key, value) in metadata {
      self.metadata[key] = .string(value)
    }
  }

  /// A file without tensors.
  ///
  /// - Parameter metadata: of which the strings go to `__metadata__`.
  public init(copying metadata: JSONObject) {
    for member in metadata.members where member.value.string != nil {
      self.metadata[member.key] = member.value
    }
  }

  /// Adds a tensor whose bytes are made when the file is written.
  ///
  /// So a converter holds one tensor in memory at a time.
  ///
  /// - Parameters:
  ///   - name: not added before, and not `__metadata__`.
  ///   - elementType: the type of the elements.
  ///   - shape: the dimensions, none negative.
  ///   - contents: makes the elements, row-major and little-endian.
  /// - Throws: ``CheckpointError/unwritableTensor(name:found:expected:)``.
  public mutating func append(
    _ name: TensorName, elementType: ElementType, shape: [Int],
    contents: @escaping () throws(CheckpointError) -> [UInt8]
  ) throws(CheckpointError) {
    guard name != "__metadata__" else {
      throw .unwritableTensor(
        name: name, found: "the name that the format reserves", expected: "another name")
    }
    guard !names.contains(name) else {
      throw .unwritableTensor(
        name: name, found: "a name that was added before", expected: "another name")
    }
    guard shape.allSatisfy({ $0 >= 0 }), shape.count <= FileLimits().dimensions else {
      throw .unwritableTensor(
        name: name, found: "shape \(listed(shape))",
        expected: "at most \(FileLimits().dimensions) dimensions, none negative")
    }
    let byteCount: Int
    do {
      byteCount = try elementType.byteCount(shape: shape)
    } catch {
      throw .unwritableTensor(
        name: name, found: "shape \(listed(shape)) of \(elementType)",
        expected: "a whole number of bytes that fits 64 bits")
    }
    names.insert(name)
    entries.append(
      Entry(
        name: name, elementType: elementType, shape: shape, byteCount: byteCount,
        contents: contents))
  }

  /// Adds a tensor of any type.
  ///
  /// - Parameters:
  ///   - name: not added before, and not `__metadata__`.
  ///   - elementType: the type of the elements.
  ///   - shape: the dimensions, none negative.
  ///   - bytes: the elements, row-major and little-endian.
  /// - Throws: ``CheckpointError/unwritableTensor(name:found:expected:)``.
  public mutating func append(
    _ name: TensorName, elementType: ElementType, shape: [Int], bytes: [UInt8]
  ) throws(CheckpointError) {
    let expected = try? elementType.byteCount(shape: shape)
    if let expected, expected != bytes.count {
      throw wrongCount(name, found: bytes.count, expected: expected, of: "bytes")
    }
    try append(name, elementType: elementType, shape: shape) { bytes }
  }

  /// Adds a tensor of F32.
  ///
  /// - Parameters:
  ///   - name: not added before, and not `__metadata__`.
  ///   - shape: the dimensions, none negative.
  ///   - floats: as many elements as the shape has, row-major.
  /// - Throws: ``CheckpointError/unwritableTensor(name:found:expected:)``.
  public mutating func append(
    _ name: TensorName, shape: [Int], floats: [Float]
  ) throws(CheckpointError) {
    try append(name, .float32, shape: shape, elements: floats, bits: { $0.bitPattern })
  }

  /// Adds a tensor of I64.
  ///
  /// - Parameters:
  ///   - name: not added before, and not `__metadata__`.
  ///   - shape: the dimensions, none negative.
  ///   - integers: as many elements as the shape has, row-major.
  /// - Throws: ``CheckpointError/unwritableTensor(name:found:expected:)``.
  public mutating func append(
    _ name: TensorName, shape: [Int], integers: [Int64]
  ) throws(CheckpointError) {
    try append(name, .int64, shape: shape, elements: integers, bits: { $0 })
  }

  private mutating func append<Element, Bits: FixedWidthInteger>(
    _ name: TensorName, _ elementType: ElementType, shape: [Int], elements: [Element],
    bits: @escaping (Element) -> Bits
  ) throws(CheckpointError) {
    let size = MemoryLayout<Bits>.size
    let expected = try? elementType.byteCount(shape: shape)
    if let expected, expected / size != elements.count {
      throw wrongCount(name, found: elements.count, expected: expected / size, of: "elements")
    }
    try append(name, elementType: elementType, shape: shape) {
      var bytes: [UInt8] = []
      bytes.reserveCapacity(elements.count * size)
      for element in elements {
        var rest = bits(element)
        for _ in 0..<size {
          bytes.append(UInt8(truncatingIfNeeded: rest))
          rest >>= 8
        }
      }
      return bytes
    }
  }

  private func wrongCount(
    _ name: TensorName, found: Int, expected: Int, of things: String
  ) -> CheckpointError {
    .unwritableTensor(name: name, found: "\(found) \(things)", expected: "\(expected) \(things)")
  }

  /// The file as bytes.
  public func encoded() throws(CheckpointError) -> [UInt8] {
    var bytes = try header()
    for entry in entries {
      bytes += try contents(of: entry)
    }
    return bytes
  }

  func contents(of entry: Entry) throws(CheckpointError) -> [UInt8] {
    let bytes = try entry.contents()
    guard bytes.count == entry.byteCount else {
      throw wrongCount(
        entry.name, found: bytes.count, expected: entry.byteCount, of: "bytes")
    }
    return bytes
  }

  /// The header with its length before it, padded so that the data start at a multiple of 8.
  func header() throws(CheckpointError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: SafetensorsHeader.prefixByteCount)
    bytes.append(UInt8(ascii: "{"))
    if !metadata.members.isEmpty {
      bytes += Array("\"__metadata__\":".utf8)
      JSONValue.object(metadata).encode(into: &bytes)
    }
    var offset = 0
    for entry in entries {
      if bytes.last != UInt8(ascii: "{") {
        bytes.append(UInt8(ascii: ","))
      }
      encodeJSONString(entry.name.text, into: &bytes)
      let (end, overflow) = offset.addingReportingOverflow(entry.byteCount)
      guard !overflow else {
        throw .unwritableTensor(
          name: entry.name, found: "\(entry.byteCount) bytes after \(offset) others",
          expected: "a file whose size fits 64 bits")
      }
      let shape = entry.shape.map(String.init).joined(separator: ",")
      bytes += Array(
        ":{\"dtype\":\"\(entry.elementType)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
          .utf8)
      offset = end
    }
    bytes.append(UInt8(ascii: "}"))
    while bytes.count % 8 != 0 {
      bytes.append(UInt8(ascii: " "))
    }
    var length = UInt64(bytes.count - SafetensorsHeader.prefixByteCount)
    let limit = FileLimits().headerBytes
    guard length <= UInt64(limit) else {
      throw .invalidSafetensors(
        file: "the file to be written", .headerTooLarge(bytes: length, limit: limit))
    }
    for position in 0..<SafetensorsHeader.prefixByteCount {
      bytes[position] = UInt8(truncatingIfNeeded: length)
      length >>= 8
    }
    return bytes
  }
}
