/// The header of a safetensors file, every rule of the format checked.
///
/// The header is walked once, without a tree of JSON values in between: what is kept is one
/// ``TensorInfo`` for each tensor, so that memory stays in proportion to the header, whatever a
/// hostile file puts there.
struct SafetensorsHeader {
  /// Tensors in the order of the header.
  private(set) var tensors: [TensorInfo] = []
  /// Position of each tensor by name.
  private(set) var index: [TensorName: Int] = [:]
  private(set) var metadata = JSONObject()

  private var scanner: JSONScanner
  private let limits: FileLimits
  /// Offset in the file of the first byte of data.
  private let dataStart: Int
  /// Number of bytes of data.
  private let dataCount: Int
  private var hasMetadata = false

  /// Number of bytes before the header: its length.
  static let prefixByteCount = 8

  /// Objects in the header lie one in the other, with an array inside; 4 leaves one to spare.
  private static let depthLimit = 4

  /// Checks the length of a header against the limit and the file.
  static func byteCount(
    prefix: [UInt8], fileByteCount: Int, _ limits: FileLimits
  ) throws(SafetensorsProblem) -> Int {
    guard prefix.count == prefixByteCount, fileByteCount >= prefixByteCount else {
      throw .fileTooShort(bytes: fileByteCount)
    }
    let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(clamping: limits.headerBytes) else {
      throw .headerTooLarge(bytes: length, limit: limits.headerBytes)
    }
    let available = fileByteCount - prefixByteCount
    guard Int(length) <= available else {
      throw .headerBeyondFile(bytes: Int(length), available: available)
    }
    return Int(length)
  }

  /// Reads a header.
  ///
  /// - Parameters:
  ///   - bytes: the header without the length before it.
  ///   - fileByteCount: the size of the file, at least the header and its length.
  ///   - limits: what it may ask for.
  /// - Throws: The first rule that is broken.
  init(
    _ bytes: [UInt8], fileByteCount: Int, _ limits: FileLimits
  ) throws(SafetensorsProblem) {
    self.limits = limits
    dataStart = Self.prefixByteCount + bytes.count
    dataCount = fileByteCount - dataStart
    scanner = JSONScanner(bytes, depthLimit: Self.depthLimit)
    guard bytes.first == UInt8(ascii: "{") else {
      throw .headerDoesNotBeginWithBrace(found: bytes.first)
    }
    try readMembers()
    // Spaces only: other whitespace would be JSON, but not the padding of this format.
    if let rest = bytes[scanner.offset...].firstIndex(where: { $0 != UInt8(ascii: " ") }) {
      throw .headerTrailingBytes(found: bytes[rest], offset: rest)
    }
    try checkCoverage()
    // What is kept lives longer than the bytes that it came from.
    scanner = JSONScanner([], depthLimit: 0)
  }

  /// Runs one step of the scanner.
  private mutating func scan<Result>(
    _ step: (inout JSONScanner) throws(JSONError) -> Result
  ) throws(SafetensorsProblem) -> Result {
    do {
      return try step(&scanner)
    } catch {
      throw .headerNotJSON(error)
    }
  }

  private mutating func nextKey() throws(SafetensorsProblem) -> String? {
    try scan { (scanner) throws(JSONError) in try scanner.nextKey() }
  }

  private mutating func nextKind() throws(SafetensorsProblem) -> JSONScanner.Kind {
    try scan { (scanner) throws(JSONError) in try scanner.nextKind() }
  }

  private mutating func readMembers() throws(SafetensorsProblem) {
    try scan { (scanner) throws(JSONError) in try scanner.openObject() }
    while let key = try nextKey() {
      if key.hasSameBytes(as: "__metadata__") {
        guard !hasMetadata else { throw .duplicateMetadata }
        hasMetadata = true
        try readMetadata()
      } else {
        try readTensor(TensorName(key))
      }
    }
  }

  private mutating func readMetadata() throws(SafetensorsProblem) {
    guard try nextKind() == .object else { throw .metadataNotObject }
    try scan { (scanner) throws(JSONError) in try scanner.openObject() }
    while let key = try nextKey() {
      guard try nextKind() == .string else { throw .metadataValueNotString(key: key) }
      guard metadata.members.count < limits.metadataEntries else {
        throw .tooManyMetadataEntries(limit: limits.metadataEntries)
      }
      let text = try scan { (scanner) throws(JSONError) in try scanner.string() }
      guard metadata.append(key, .string(text)) else { throw .duplicateMetadataKey(key) }
    }
  }

  // MARK: One tensor

  private mutating func readTensor(_ name: TensorName) throws(SafetensorsProblem) {
    guard index[name] == nil else { throw .duplicateTensor(name) }
    guard tensors.count < limits.tensors else {
      throw .tooManyTensors(limit: limits.tensors)
    }
    guard try nextKind() == .object else { throw .tensorNotObject(name) }
    var elementType: ElementType?
    var shape: [Int]?
    var offsets: Range<Int>?
    try scan { (scanner) throws(JSONError) in try scanner.openObject() }
    while let field = try nextKey() {
      switch field {
      case "dtype":
        guard elementType == nil else { throw .duplicateField(name, field: field) }
        elementType = try readElementType(of: name)
      case "shape":
        guard shape == nil else { throw .duplicateField(name, field: field) }
        shape = try readShape(of: name)
      case "data_offsets":
        guard offsets == nil else { throw .duplicateField(name, field: field) }
        offsets = try readOffsets(of: name)
      default:
        throw .unknownField(name, field: field)
      }
    }
    guard let elementType else { throw .missingField(name, field: "dtype") }
    guard let shape else { throw .missingField(name, field: "shape") }
    guard let offsets else { throw .missingField(name, field: "data_offsets") }
    try checkSize(of: name, elementType: elementType, shape: shape, byteCount: offsets.count)
    index[name] = tensors.count
    // The end of the data is at most the size of the file, so adding the start cannot overflow.
    tensors.append(
      TensorInfo(
        name: name, elementType: elementType, shape: shape,
        byteRange: dataStart + offsets.lowerBound..<dataStart + offsets.upperBound))
  }

  private mutating func readElementType(
    of name: TensorName
  ) throws(SafetensorsProblem) -> ElementType {
    guard try nextKind() == .string else {
      throw .wrongField(name, field: "dtype", expected: "a string")
    }
    let text = try scan { (scanner) throws(JSONError) in try scanner.string() }
    guard let type = ElementType(rawValue: text) else {
      throw .unknownElementType(name, found: text)
    }
    return type
  }

  private mutating func readShape(of name: TensorName) throws(SafetensorsProblem) -> [Int] {
    guard try nextKind() == .array else {
      throw .wrongField(name, field: "shape", expected: "an array of integers")
    }
    var shape: [Int] = []
    try scan { (scanner) throws(JSONError) in try scanner.openArray() }
    while try scan({ (scanner) throws(JSONError) in try scanner.nextElement() }) {
      guard shape.count < limits.dimensions else {
        throw .tooManyDimensions(name, limit: limits.dimensions)
      }
      guard try nextKind() == .number else {
        throw .wrongField(name, field: "shape", expected: "an array of integers")
      }
      let number = try scan { (scanner) throws(JSONError) in try scanner.number() }
      guard let dimension = natural(number) else {
        throw .invalidDimension(name, found: String(number.text.prefix(40)))
      }
      shape.append(dimension)
    }
    return shape
  }

  private mutating func readOffsets(of name: TensorName) throws(SafetensorsProblem) -> Range<Int> {
    guard try nextKind() == .array else {
      throw .wrongField(name, field: "data_offsets", expected: "an array of two integers")
    }
    var offsets: [Int] = []
    try scan { (scanner) throws(JSONError) in try scanner.openArray() }
    while try scan({ (scanner) throws(JSONError) in try scanner.nextElement() }) {
      guard offsets.count < 2 else { throw .wrongOffsetCount(name, count: 3) }
      guard try nextKind() == .number else {
        throw .wrongField(name, field: "data_offsets", expected: "an array of two integers")
      }
      let number = try scan { (scanner) throws(JSONError) in try scanner.number() }
      guard let offset = natural(number) else {
        throw .invalidOffset(name, found: String(number.text.prefix(40)))
      }
      offsets.append(offset)
    }
    guard offsets.count == 2 else { throw .wrongOffsetCount(name, count: offsets.count) }
    let (begin, end) = (offsets[0], offsets[1])
    guard begin <= end else { throw .offsetsReversed(name, begin: begin, end: end) }
    guard end <= dataCount else {
      throw .offsetsBeyondFile(name, end: end, available: dataCount)
    }
    return begin..<end
  }

  /// An integer from 0 on that fits `Int`; "-0" is refused like every sign.
  private func natural(_ number: JSONNumber) -> Int? {
    guard number.text.utf8.first != UInt8(ascii: "-"), let value = number.int64 else { return nil }
    return Int(exactly: value)
  }

  private func checkSize(
    of name: TensorName, elementType: ElementType, shape: [Int], byteCount: Int
  ) throws(SafetensorsProblem) {
    let expected: Int
    do {
      expected = try elementType.byteCount(shape: shape)
    } catch .overflow {
      throw .sizeOverflow(name, shape: shape)
    } catch {
      throw .partialByte(name, shape: shape, bitWidth: elementType.bitWidth)
    }
    guard byteCount == expected else {
      throw .sizeMismatch(name, found: byteCount, expected: expected)
    }
  }

  // MARK: All tensors

  /// Each byte of data must belong to exactly one tensor: no overlap, no hole, nothing behind.
  private func checkCoverage() throws(SafetensorsProblem) {
    let inOrder = tensors.indices.sorted {
      let (left, right) = (tensors[$0].byteRange, tensors[$1].byteRange)
      return (left.lowerBound, left.upperBound) < (right.lowerBound, right.upperBound)
    }
    var covered = 0
    for tensor in inOrder.lazy.map({ tensors[$0] }) {
      let begin = tensor.byteRange.lowerBound - dataStart
      guard begin >= covered else {
        throw .overlap(tensor.name, begin: begin, expected: covered)
      }
      guard begin == covered else {
        throw .hole(tensor.name, begin: begin, expected: covered)
      }
      covered = tensor.byteRange.upperBound - dataStart
    }
    guard covered == dataCount else {
      throw .trailingData(bytes: dataCount - covered)
    }
  }
}
