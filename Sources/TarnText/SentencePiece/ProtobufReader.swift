/// A message in the wire format of protobuf, read field by field.
///
///     field   = tag value
///     tag     = varint: number << 3 | wire type
///     value   = varint | 8 bytes | varint n, n bytes | 4 bytes      (wire types 0, 1, 2, 5)
///     varint  = bytes of 7 bits, lowest first; the highest bit is set in all but the last
struct ProtobufReader {
  /// A field and where its tag stands in the file.
  struct Field {
    var number: UInt64
    var offset: Int
    var value: Value
  }

  /// What follows a tag; bytes by their place in the file.
  enum Value {
    case integer(UInt64)
    case fourBytes(UInt32)
    case eightBytes
    case bytes(Range<Int>)
  }

  let bytes: [UInt8]
  let file: String
  /// What messages of errors call this message.
  let name: String
  private var at: Int
  private let end: Int

  /// The message in `range` of a file.
  init(_ bytes: [UInt8], _ range: Range<Int>, file: String, name: String) {
    self.bytes = bytes
    self.file = file
    self.name = name
    at = range.lowerBound
    end = range.upperBound
  }

  /// The next field, nil at the end of the message.
  mutating func next() throws(TextError) -> Field? {
    guard at < end else { return nil }
    let offset = at
    let tag = try varint(offset)
    let value: Value
    switch tag & 7 {
    case 0: value = .integer(try varint(offset))
    case 1:
      _ = try take(8, offset)
      value = .eightBytes
    case 2:
      let count = try varint(offset)
      value = .bytes(try take(count, offset))
    case 5:
      let place = try take(4, offset)
      value = .fourBytes(littleEndian(bytes, at: place.lowerBound))
    default:
      throw error(offset, "wire type \(tag & 7)", "wire type 0, 1, 2 or 5")
    }
    return Field(number: tag >> 3, offset: offset, value: value)
  }

  /// The value of a field that must be a varint.
  func integer(_ field: Field, _ label: StaticString) throws(TextError) -> UInt64 {
    guard case .integer(let value) = field.value else {
      throw wrongType(field, label, expected: "wire type 0")
    }
    return value
  }

  /// The value of a field that must be of a varint: whether it is not 0.
  func boolean(_ field: Field, _ label: StaticString) throws(TextError) -> Bool {
    try integer(field, label) != 0
  }

  /// The value of a field that must be a finite number of four bytes.
  func float(_ field: Field, _ label: StaticString) throws(TextError) -> Float {
    guard case .fourBytes(let bits) = field.value else {
      throw wrongType(field, label, expected: "wire type 5")
    }
    let value = Float(bitPattern: bits)
    guard value.isFinite else {
      throw error(field.offset, "\(value)", "a finite number", in: label)
    }
    return value
  }

  /// Where the bytes of a field lie.
  func range(_ field: Field, _ label: StaticString) throws(TextError) -> Range<Int> {
    guard case .bytes(let range) = field.value else {
      throw wrongType(field, label, expected: "wire type 2")
    }
    return range
  }

  /// The bytes of a field that must be UTF-8 without U+0000.
  func text(_ field: Field, _ label: StaticString) throws(TextError) -> Range<Int> {
    let range = try range(field, label)
    do throws(TextError) {
      try validateUTF8(bytes.span.extracting(range))
    } catch {
      throw self.error(field.offset, "bytes that are not UTF-8", "UTF-8", in: label)
    }
    guard !bytes[range].contains(0) else {
      throw error(field.offset, "the character U+0000", "text without it", in: label)
    }
    return range
  }

  /// What is wrong at `offset` with this message or a field of it.
  func error(
    _ offset: Int, _ found: String, _ expected: String, in label: StaticString? = nil
  ) -> TextError {
    let field = label.map { name.isEmpty ? "\($0)" : "\(name).\($0)" } ?? name
    return .invalidSentencePieceModel(
      file: file, offset: offset, field: field.isEmpty ? "model" : field, found: found,
      expected: expected)
  }

  private func wrongType(
    _ field: Field, _ label: StaticString, expected: String
  ) -> TextError {
    let found =
      switch field.value {
      case .integer: 0
      case .eightBytes: 1
      case .bytes: 2
      case .fourBytes: 5
      }
    return error(field.offset, "wire type \(found)", expected, in: label)
  }

  private mutating func varint(_ offset: Int) throws(TextError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while at < end {
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 0x7F) &<< shift
      if byte < 0x80 { return value }
      shift += 7
      guard shift < 70 else {
        throw error(offset, "an integer of more than 10 bytes", "at most 10")
      }
    }
    throw error(offset, "the end inside a field", "\(at - offset + 1) bytes or more")
  }

  private mutating func take(_ count: UInt64, _ offset: Int) throws(TextError) -> Range<Int> {
    guard count <= UInt64(end - at) else {
      throw error(offset, "a field of \(count) bytes", "at most the \(end - at) that are left")
    }
    let range = at..<at + Int(truncatingIfNeeded: count)
    at = range.upperBound
    return range
  }
}

/// The number of 32 bits at a place.
func littleEndian(_ bytes: [UInt8], at place: Int) -> UInt32 {
  UInt32(bytes[place]) | UInt32(bytes[place + 1]) << 8 | UInt32(bytes[place + 2]) << 16
    | UInt32(bytes[place + 3]) << 24
}
