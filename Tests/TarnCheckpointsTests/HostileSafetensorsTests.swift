// Files that break one rule of the safetensors format each: every one has its own named error.

import TarnTestSupport
import Testing

@testable import TarnCheckpoints

/// A file in memory: the length of the header, the header, the data.
private func file(_ header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
  file(Array(header.utf8), data: data, length: length)
}

private func file(_ header: [UInt8], data: Int = 0, length: UInt64? = nil) -> [UInt8] {
  let length = length ?? UInt64(header.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) } + header
    + Array(repeating: 0, count: data)
}

/// One tensor "a" with these fields.
private func tensor(_ fields: String, data: Int = 4) -> [UInt8] {
  file("{\"a\":{\(fields)}}", data: data)
}

private let name = TensorName("a")
private let good = "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]"

struct HostileFile: CustomTestStringConvertible, Sendable {
  var testDescription: String
  var bytes: [UInt8]
  var isExpected: @Sendable (SafetensorsProblem) -> Bool

  init(
    _ description: String, _ bytes: [UInt8],
    _ isExpected: @escaping @Sendable (SafetensorsProblem) -> Bool
  ) {
    testDescription = description
    self.bytes = bytes
    self.isExpected = isExpected
  }

  init(_ description: String, _ bytes: [UInt8], _ expected: SafetensorsProblem) {
    self.init(description, bytes) { $0 == expected }
  }

  private static let isNotJSON: @Sendable (SafetensorsProblem) -> Bool = {
    if case .headerNotJSON = $0 { true } else { false }
  }

  static let all: [HostileFile] = [
    HostileFile("one byte", [1], .fileTooShort(bytes: 1)),
    HostileFile("seven bytes", Array(repeating: 0, count: 7), .fileTooShort(bytes: 7)),
    HostileFile(
      "header length 2^63", file("{}", length: 1 << 63), .headerTooLarge(bytes: 1 << 63)),
    HostileFile(
      "header length 2^63-1", file("{}", length: (1 << 63) - 1),
      .headerTooLarge(bytes: (1 << 63) - 1)),
    HostileFile(
      "header length 2^64-1", file("{}", length: .max), .headerTooLarge(bytes: .max)),
    HostileFile(
      "header over 100 MB", file("{}", length: 100_000_001),
      .headerTooLarge(bytes: 100_000_001)),
    HostileFile(
      "header behind the file", file("{}", length: 3),
      .headerBeyondFile(bytes: 3, available: 2)),
    HostileFile("empty header", file(""), .headerDoesNotBeginWithBrace(found: nil)),
    HostileFile("header is a list", file("[]"), .headerDoesNotBeginWithBrace(found: 0x5B)),
    HostileFile("space first", file(" {}"), .headerDoesNotBeginWithBrace(found: 0x20)),
    HostileFile("open brace alone", file("{"), isNotJSON),
    HostileFile("not JSON", file("{a}"), isNotJSON),
    HostileFile("trailing comma", file("{\"a\":{\(good)},}", data: 4), isNotJSON),
    HostileFile("invalid UTF-8", file(Array("{\"".utf8) + [0xFF] + Array("\":1}".utf8)), isNotJSON),
    HostileFile("lone surrogate", file("{\"\\ud800\":1}"), isNotJSON),
    HostileFile(
      "text after the header", file("{} x"), .headerTrailingBytes(found: 0x78, offset: 3)),
    HostileFile(
      "NUL after the header", file(Array("{}".utf8) + [0]),
      .headerTrailingBytes(found: 0, offset: 2)),
    HostileFile(
      "duplicate tensor", file("{\"a\":{\(good)},\"a\":{\(good)}}", data: 4),
      .duplicateTensor(name)),
    HostileFile(
      "duplicate tensor by escape",
      file("{\"a\":{\(good)},\"\\u0061\":{\(good)}}", data: 4), .duplicateTensor(name)),
    HostileFile(
      "duplicate metadata", file("{\"__metadata__\":{},\"__metadata__\":{}}"),
      .duplicateMetadata),
    HostileFile("metadata no object", file("{\"__metadata__\":[]}"), .metadataNotObject),
    HostileFile(
      "metadata value a number", file("{\"__metadata__\":{\"k\":1}}"),
      .metadataValueNotString(key: "k")),
    HostileFile(
      "metadata key twice", file("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}"),
      .duplicateMetadataKey("k")),
    HostileFile("tensor no object", file("{\"a\":1}"), .tensorNotObject(name)),
    HostileFile(
      "no dtype", tensor("\"shape\":[1],\"data_offsets\":[0,4]"),
      .missingField(name, field: "dtype")),
    HostileFile(
      "no shape", tensor("\"dtype\":\"F32\",\"data_offsets\":[0,4]"),
      .missingField(name, field: "shape")),
    HostileFile(
      "no offsets", tensor("\"dtype\":\"F32\",\"shape\":[1]"),
      .missingField(name, field: "data_offsets")),
    HostileFile(
      "shape twice", tensor(good + ",\"shape\":[1]"), .duplicateField(name, field: "shape")),
    HostileFile("unknown field", tensor(good + ",\"x\":1"), .unknownField(name, field: "x")),
    HostileFile(
      "dtype a number", tensor("\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]")
    ) { if case .wrongField(name, "dtype", _) = $0 { true } else { false } },
    HostileFile(
      "shape a string", tensor("\"dtype\":\"F32\",\"shape\":\"1\",\"data_offsets\":[0,4]")
    ) { if case .wrongField(name, "shape", _) = $0 { true } else { false } },
    HostileFile(
      "unknown dtype", tensor("\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]"),
      .unknownElementType(name, found: "F99")),
    HostileFile(
      "negative dimension", tensor("\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]"),
      .invalidDimension(name, found: "-1")),
    HostileFile(
      "fractional dimension",
      tensor("\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]"),
      .invalidDimension(name, found: "1.5")),
    HostileFile(
      "dimension with exponent",
      tensor("\"dtype\":\"F32\",\"shape\":[1e0],\"data_offsets\":[0,4]"),
      .invalidDimension(name, found: "1e0")),
    HostileFile(
      "dimension 2^63",
      tensor("\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,4]"),
      .invalidDimension(name, found: "9223372036854775808")),
    HostileFile(
      "too many dimensions",
      tensor(
        "\"dtype\":\"F32\",\"shape\":[\(Array(repeating: "1", count: 65).joined(separator: ","))],"
          + "\"data_offsets\":[0,4]"), .tooManyDimensions(name, limit: 64)),
    HostileFile(
      "product overflows",
      tensor(
        "\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]"),
      .sizeOverflow(name, shape: [4_294_967_296, 4_294_967_296])),
    HostileFile(
      "bytes overflow",
      tensor("\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,4]"),
      .sizeOverflow(name, shape: [4_611_686_018_427_387_904])),
    HostileFile(
      "one offset", tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]"),
      .wrongOffsetCount(name, count: 1)),
    HostileFile(
      "three offsets", tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]"),
      .wrongOffsetCount(name, count: 3)),
    HostileFile(
      "negative offset", tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]"),
      .invalidOffset(name, found: "-4")),
    HostileFile(
      "offsets reversed", tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]"),
      .offsetsReversed(name, begin: 4, end: 0)),
    HostileFile(
      "reversed, the gap closed by another tensor",
      file(
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,4]},"
          + "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", data: 8),
      .offsetsReversed(name, begin: 8, end: 4)),
    HostileFile(
      "data behind the file", tensor(good, data: 3),
      .offsetsBeyondFile(name, end: 4, available: 3)),
    HostileFile(
      "data far behind the file",
      tensor(
        "\"dtype\":\"U8\",\"shape\":[9223372036854775807],"
          + "\"data_offsets\":[0,9223372036854775807]"),
      .offsetsBeyondFile(name, end: .max, available: 4)),
    HostileFile(
      "shape asks for more", tensor("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]"),
      .sizeMismatch(name, found: 4, expected: 8)),
    HostileFile(
      "shape asks for less", tensor("\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]"),
      .sizeMismatch(name, found: 4, expected: 2)),
    HostileFile(
      "half a byte", tensor("\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,1]", data: 1),
      .partialByte(name, shape: [1], bitWidth: 4)),
    HostileFile(
      "overlap",
      file(
        "{\"a\":{\(good)},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
        data: 6), .overlap("b", begin: 2, expected: 4)),
    HostileFile(
      "the same bytes twice", file("{\"a\":{\(good)},\"b\":{\(good)}}", data: 4)
    ) { if case .overlap = $0 { true } else { false } },
    HostileFile(
      "hole at the beginning",
      tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]", data: 8),
      .hole(name, begin: 4, expected: 0)),
    HostileFile(
      "hole between tensors",
      file(
        "{\"a\":{\(good)},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
        data: 12), .hole("b", begin: 8, expected: 4)),
    HostileFile("bytes after the data", tensor(good, data: 5), .trailingData(bytes: 1)),
    HostileFile("data without a tensor", file("{}", data: 1), .trailingData(bytes: 1)),
    HostileFile(
      "deep nesting", file("{\"a\":" + String(repeating: "[", count: 200_000))
    ) { if case .headerNotJSON = $0 { true } else if case .tensorNotObject = $0 { true } else { false } },
  ]
}

@Test(arguments: HostileFile.all)
func aHostileFileHasItsNamedError(_ hostile: HostileFile) {
  let error = #expect(throws: CheckpointError.self) {
    try SafetensorsFile(bytes: hostile.bytes, named: "x.safetensors")
  }
  guard case .invalidSafetensors(let file, let problem)? = error else {
    Issue.record("\(hostile.testDescription): \(String(describing: error))")
    return
  }
  #expect(file == "x.safetensors")
  #expect(hostile.isExpected(problem), "\(hostile.testDescription): \(problem)")
  #expect(error?.description.contains("\n") == false)
}

@Test func theTableHasAtLeastFortyFiles() {
  #expect(HostileFile.all.count >= 40)
}

@Test func whatTheFormatAllowsIsRead() throws {
  let cases: [(String, [UInt8], Int)] = [
    ("no tensors", file("{}"), 0),
    ("trailing spaces", file("{}      "), 0),
    ("metadata alone", file("{\"__metadata__\":{\"format\":\"pt\"}}"), 0),
    ("a number", tensor("\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]"), 1),
    ("no elements", tensor("\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[0,0]", data: 0), 1),
    (
      "tensors in any order",
      file(
        "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},\"a\":{\(good)}}",
        data: 8), 2
    ),
    (
      "names that are equal but for their normal form",
      file(
        "{\"\u{E9}\":{\(good)},\"e\u{301}\":{\"dtype\":\"I32\",\"shape\":[1],"
          + "\"data_offsets\":[4,8]}}", data: 8), 2
    ),
  ]
  for (description, bytes, count) in cases {
    let file = try SafetensorsFile(bytes: bytes, named: "x")
    #expect(file.tensors.count == count, "\(description)")
  }
}

@Test func everyTruncationOfAFileIsAnError() throws {
  let bytes = file("{\"a\":{\(good)}}   ", data: 4)
  _ = try SafetensorsFile(bytes: bytes, named: "x")
  for count in 1..<bytes.count {
    #expect(throws: CheckpointError.self) {
      try SafetensorsFile(bytes: Array(bytes[..<count]), named: "x")
    }
  }
}

/// Bytes of a fixture.
private func fixtureBytes(_ name: String) throws -> [UInt8] {
  let file = try MappedFile(path: fixturePath(name))
  return file.withBytes { span in
    span.byteOffsets.map { unsafe span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
  }
}

@Test(arguments: [UInt64(1), 2, 3])
func mutatedFilesEndInAValueOrATypedError(seed: UInt64) throws {
  let original = try fixtureBytes("ponet/fill_constant/inputs.safetensors")
  let headerEnd = 8 + Int(original[0]) + Int(original[1]) << 8
  var random = SplitMix64(seed: seed)
  var errors = 0
  for _ in 0..<2000 {
    var bytes = original
    for _ in 0..<(1 + random.next() % 3) {
      let at = Int(random.next() % UInt64(headerEnd))
      switch random.next() % 4 {
      case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
      case 1: bytes[at] ^= 1 << UInt8(random.next() % 8)
      case 2: bytes.remove(at: at)
      default: bytes.insert(bytes[Int(random.next() % UInt64(headerEnd))], at: at)
      }
    }
    do {
      let file = try SafetensorsFile(bytes: bytes, named: "seed \(seed)")
      for tensor in file.tensors {
        _ = try? file.floats(of: tensor)
        _ = try? file.integers(of: tensor)
      }
    } catch {
      errors += 1
      #expect(!error.description.isEmpty)
    }
  }
  #expect(errors > 1000, "seed \(seed)")
}
