@testable import TarnCheckpoints
import TarnTestSupport
import Testing

/// Files that break one rule each, with the error that names the rule.
@Suite struct HostileSafetensorsTests {
  typealias Hostile = HostileFile<SafetensorsProblem>

  /// A header with one tensor "t" described by these members.
  private static func tensor(_ members: String) -> String {
    "{\"t\":{\(members)}}"
  }

  private static func f32(_ shape: String, _ offsets: String) -> String {
    tensor("\"dtype\":\"F32\",\"shape\":\(shape),\"data_offsets\":\(offsets)")
  }

  /// Tensors of U8, one for each pair of offsets, named by their numbers.
  private static func bytes(_ offsets: [(Int, Int)]) -> String {
    let members = offsets.enumerated().map { position, range in
      """
      "\(position)":{"dtype":"U8","shape":[\(range.1 - range.0)],\
      "data_offsets":[\(range.0),\(range.1)]}
      """
    }
    return "{" + members.joined(separator: ",") + "}"
  }

  static let frames: [Hostile] = [
    Hostile("empty file", [], .fileTooShort(bytes: 0)),
    Hostile("one byte", [0x7B], .fileTooShort(bytes: 1)),
    Hostile("seven bytes", zeros(7), .fileTooShort(bytes: 7)),
    Hostile("header of no bytes", zeros(8), .headerDoesNotBeginWithBrace(found: nil)),
    Hostile(
      "header of no bytes before data", zeros(8) + Array("{}".utf8),
      .headerDoesNotBeginWithBrace(found: nil)),
    Hostile(
      "length 2^64 - 1", safetensors([0x7B, 0x7D], length: .max),
      .headerTooLarge(bytes: .max, limit: 100_000_000)),
    Hostile(
      "length 2^63", safetensors([0x7B, 0x7D], length: 1 << 63),
      .headerTooLarge(bytes: 1 << 63, limit: 100_000_000)),
    Hostile(
      "length 2^63 - 1", safetensors([0x7B, 0x7D], length: 1 << 63 - 1),
      .headerTooLarge(bytes: 1 << 63 - 1, limit: 100_000_000)),
    Hostile(
      "length one above the limit", safetensors([0x7B, 0x7D], length: 100_000_001),
      .headerTooLarge(bytes: 100_000_001, limit: 100_000_000)),
    Hostile(
      "length at the limit, file shorter", safetensors([0x7B, 0x7D], length: 100_000_000),
      .headerBeyondFile(bytes: 100_000_000, available: 2)),
    Hostile(
      "length one above the file", safetensors([0x7B, 0x7D], length: 3),
      .headerBeyondFile(bytes: 3, available: 2)),
    Hostile(
      "big-endian length", [0, 0, 0, 0, 0, 0, 0, 2, 0x7B, 0x7D],
      .headerTooLarge(bytes: 2 << 56, limit: 100_000_000)),
    Hostile(
      "header begins with a space", safetensors(" {}"), .headerDoesNotBeginWithBrace(found: 0x20)),
    Hostile("header is an array", safetensors("[]"), .headerDoesNotBeginWithBrace(found: 0x5B)),
    Hostile(
      "byte-order mark", safetensors("\u{FEFF}{}"), .headerDoesNotBeginWithBrace(found: 0xEF)),
    Hostile(
      "newline after the header", safetensors("{}\n"), .headerTrailingBytes(found: 0x0A, offset: 2)),
    Hostile(
      "zero after the header", safetensors("{} \0"), .headerTrailingBytes(found: 0, offset: 3)),
    Hostile(
      "second value after the header", safetensors("{}{}"),
      .headerTrailingBytes(found: 0x7B, offset: 2)),
    Hostile(
      "length ends inside the JSON text", safetensors(Array("{}".utf8), length: 1),
      .headerNotJSON(JSONError(offset: 1, problem: .unexpectedEnd(expected: "',' or '}'")))),
    Hostile(
      "header ends in a name", safetensors("{\"t"),
      .headerNotJSON(JSONError(offset: 3, problem: .unexpectedEnd(expected: "the end of a string")))
    ),
    Hostile(
      "name is not UTF-8", safetensors(Array("{\"".utf8) + [0xC3, 0x28] + Array("\":{}}".utf8)),
      .headerNotJSON(JSONError(offset: 2, problem: .invalidUTF8))),
    Hostile(
      "name is half of a surrogate pair", safetensors(#"{"\ud800":{}}"#),
      .headerNotJSON(JSONError(offset: 2, problem: .loneSurrogate))),
    Hostile(
      "trailing comma", safetensors("{\"__metadata__\":{},}"),
      .headerNotJSON(
        JSONError(offset: 19, problem: .unexpectedByte(0x7D, expected: "a key in quotes")))),
    Hostile("data without a tensor", safetensors("{}", data: [1]), .trailingData(bytes: 1)),
  ]

  static let members: [Hostile] = [
    Hostile(
      "the same name twice",
      safetensors(#"{"0":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"0":{}}"#),
      .duplicateTensor("0")),
    Hostile(
      "the same name twice, once escaped",
      safetensors(#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\u0061":{}}"#),
      .duplicateTensor("a")),
    Hostile(
      "metadata twice", safetensors(#"{"__metadata__":{},"__metadata__":{}}"#), .duplicateMetadata),
    Hostile("metadata is null", safetensors(#"{"__metadata__":null}"#), .metadataNotObject),
    Hostile("metadata is an array", safetensors(#"{"__metadata__":["a"]}"#), .metadataNotObject),
    Hostile(
      "metadata holds a number", safetensors(#"{"__metadata__":{"a":1}}"#),
      .metadataValueNotString(key: "a")),
    Hostile(
      "metadata holds null", safetensors(#"{"__metadata__":{"a":null}}"#),
      .metadataValueNotString(key: "a")),
    Hostile(
      "metadata is nested", safetensors(#"{"__metadata__":{"a":{}}}"#),
      .metadataValueNotString(key: "a")),
    Hostile(
      "metadata key twice", safetensors(#"{"__metadata__":{"a":"","b":"","a":""}}"#),
      .duplicateMetadataKey("a")),
    Hostile("tensor is null", safetensors(#"{"t":null}"#), .tensorNotObject("t")),
    Hostile("tensor is an array", safetensors(#"{"t":["F32",[1],[0,4]]}"#), .tensorNotObject("t")),
    Hostile("tensor is a string", safetensors(#"{"t":"F32"}"#), .tensorNotObject("t")),
    Hostile("tensor without fields", safetensors(#"{"t":{}}"#), .missingField("t", field: "dtype")),
    Hostile(
      "no shape", safetensors(tensor(#""dtype":"F32","data_offsets":[0,0]"#)),
      .missingField("t", field: "shape")),
    Hostile(
      "no data_offsets", safetensors(tensor(#""dtype":"F32","shape":[0]"#)),
      .missingField("t", field: "data_offsets")),
    Hostile(
      "no dtype", safetensors(tensor(#""shape":[0],"data_offsets":[0,0]"#)),
      .missingField("t", field: "dtype")),
    Hostile(
      "dtype twice", safetensors(tensor(#""dtype":"F32","dtype":"F32""#)),
      .duplicateField("t", field: "dtype")),
    Hostile(
      "shape twice", safetensors(tensor(#""shape":[],"shape":[]"#)),
      .duplicateField("t", field: "shape")),
    Hostile(
      "data_offsets twice", safetensors(tensor(#""data_offsets":[0,0],"data_offsets":[0,0]"#)),
      .duplicateField("t", field: "data_offsets")),
    Hostile(
      "unknown field", safetensors(tensor(#""strides":[1]"#)), .unknownField("t", field: "strides")),
    Hostile(
      "field in capitals", safetensors(tensor(#""DTYPE":"F32""#)),
      .unknownField("t", field: "DTYPE")),
    Hostile(
      "dtype is a number", safetensors(tensor(#""dtype":4"#)),
      .wrongField("t", field: "dtype", expected: "a string")),
    Hostile(
      "unknown dtype", safetensors(tensor(#""dtype":"F128""#)),
      .unknownElementType("t", found: "F128")),
    Hostile(
      "dtype in small letters", safetensors(tensor(#""dtype":"f32""#)),
      .unknownElementType("t", found: "f32")),
    Hostile(
      "dtype is empty", safetensors(tensor(#""dtype":"""#)), .unknownElementType("t", found: "")),
  ]

  static let shapes: [Hostile] = [
    Hostile(
      "shape is a number", safetensors(f32("4", "[0,4]")),
      .wrongField("t", field: "shape", expected: "an array of integers")),
    Hostile(
      "shape is null", safetensors(f32("null", "[0,4]")),
      .wrongField("t", field: "shape", expected: "an array of integers")),
    Hostile(
      "dimension is a string", safetensors(f32("[\"1\"]", "[0,4]")),
      .wrongField("t", field: "shape", expected: "an array of integers")),
    Hostile(
      "dimension is an array", safetensors(f32("[[1]]", "[0,4]")),
      .wrongField("t", field: "shape", expected: "an array of integers")),
    Hostile(
      "dimension is negative", safetensors(f32("[-1]", "[0,4]")),
      .invalidDimension("t", found: "-1")),
    Hostile(
      "dimension is minus zero", safetensors(f32("[-0]", "[0,0]")),
      .invalidDimension("t", found: "-0")),
    Hostile(
      "dimension has a fraction", safetensors(f32("[1.0]", "[0,4]")),
      .invalidDimension("t", found: "1.0")),
    Hostile(
      "dimension has an exponent", safetensors(f32("[1e0]", "[0,4]")),
      .invalidDimension("t", found: "1e0")),
    Hostile(
      "dimension is 2^63", safetensors(f32("[9223372036854775808]", "[0,4]")),
      .invalidDimension("t", found: "9223372036854775808")),
    Hostile(
      "dimension has thousands of digits",
      safetensors(f32("[\(String(repeating: "9", count: 5000))]", "[0,4]")),
      .invalidDimension("t", found: String(repeating: "9", count: 40))),
    Hostile(
      "a million dimensions",
      safetensors(f32("[\(String(repeating: "1,", count: 1_000_000))1]", "[0,4]")),
      .tooManyDimensions("t", limit: 64)),
    Hostile(
      "size overflows", safetensors(f32("[4294967296,4294967296]", "[0,0]")),
      .sizeOverflow("t", shape: [1 << 32, 1 << 32])),
    Hostile(
      "size in bits overflows", safetensors(f32("[9223372036854775807]", "[0,0]")),
      .sizeOverflow("t", shape: [.max])),
    Hostile(
      "size wraps to the right one",
      safetensors(f32("[4611686018427387905]", "[0,4]"), data: zeros(4)),
      .sizeOverflow("t", shape: [1 << 62 + 1])),
    Hostile(
      "overflow hidden behind a zero", safetensors(f32("[0,4294967296,4294967296]", "[0,0]")),
      .sizeOverflow("t", shape: [0, 1 << 32, 1 << 32])),
    Hostile(
      "shape asks for more than the offsets", safetensors(f32("[2]", "[0,4]"), data: zeros(4)),
      .sizeMismatch("t", found: 4, expected: 8)),
    Hostile(
      "shape asks for less than the offsets", safetensors(f32("[1]", "[0,8]"), data: zeros(8)),
      .sizeMismatch("t", found: 8, expected: 4)),
    Hostile(
      "one number without data", safetensors(f32("[]", "[0,0]")),
      .sizeMismatch("t", found: 0, expected: 4)),
    Hostile(
      "empty tensor with data", safetensors(f32("[0]", "[0,4]"), data: zeros(4)),
      .sizeMismatch("t", found: 4, expected: 0)),
    Hostile(
      "half a byte",
      safetensors(tensor(#""dtype":"F4","shape":[3],"data_offsets":[0,2]"#), data: zeros(2)),
      .partialByte("t", shape: [3], bitWidth: 4)),
    Hostile(
      "six bits",
      safetensors(tensor(#""dtype":"F6_E2M3","shape":[2],"data_offsets":[0,2]"#), data: zeros(2)),
      .partialByte("t", shape: [2], bitWidth: 6)),
    Hostile(
      "nested deeper than the header may be",
      safetensors(f32("[" + String(repeating: "[", count: 200_000), "[0,4]")),
      .wrongField("t", field: "shape", expected: "an array of integers")),
  ]

  static let offsets: [Hostile] = [
    Hostile(
      "offsets are a number", safetensors(f32("[1]", "4")),
      .wrongField("t", field: "data_offsets", expected: "an array of two integers")),
    Hostile(
      "offset is a string", safetensors(f32("[1]", "[\"0\",4]")),
      .wrongField("t", field: "data_offsets", expected: "an array of two integers")),
    Hostile("no offset", safetensors(f32("[1]", "[]")), .wrongOffsetCount("t", count: 0)),
    Hostile("one offset", safetensors(f32("[1]", "[0]")), .wrongOffsetCount("t", count: 1)),
    Hostile("three offsets", safetensors(f32("[1]", "[0,4,8]")), .wrongOffsetCount("t", count: 3)),
    Hostile(
      "a million offsets",
      safetensors(f32("[1]", "[\(String(repeating: "0,", count: 1_000_000))0]")),
      .wrongOffsetCount("t", count: 3)),
    Hostile(
      "offset is negative", safetensors(f32("[1]", "[-4,0]")), .invalidOffset("t", found: "-4")),
    Hostile(
      "offset has a fraction", safetensors(f32("[1]", "[0,4.0]")), .invalidOffset("t", found: "4.0")
    ),
    Hostile(
      "offset is 2^63", safetensors(f32("[1]", "[0,9223372036854775808]")),
      .invalidOffset("t", found: "9223372036854775808")),
    Hostile(
      "offset is 2^63 - 1", safetensors(f32("[1]", "[0,9223372036854775807]")),
      .offsetsBeyondFile("t", end: .max, available: 0)),
    Hostile(
      "both offsets are 2^63 - 1",
      safetensors(f32("[0]", "[9223372036854775807,9223372036854775807]")),
      .offsetsBeyondFile("t", end: .max, available: 0)),
    Hostile(
      "end before begin", safetensors(f32("[1]", "[4,0]"), data: zeros(4)),
      .offsetsReversed("t", begin: 4, end: 0)),
    Hostile(
      "end behind the file", safetensors(f32("[2]", "[0,8]"), data: zeros(7)),
      .offsetsBeyondFile("t", end: 8, available: 7)),
    Hostile(
      "offsets counted from the start of the file",
      safetensors(f32("[1]", "[60,64]"), data: zeros(4)),
      .offsetsBeyondFile("t", end: 64, available: 4)),
    Hostile(
      "data begin behind a hole", safetensors(f32("[1]", "[4,8]"), data: zeros(8)),
      .hole("t", begin: 4, expected: 0)),
    Hostile(
      "data after the last tensor", safetensors(f32("[1]", "[0,4]"), data: zeros(5)),
      .trailingData(bytes: 1)),
    Hostile(
      "hole between two tensors", safetensors(bytes([(0, 4), (5, 8)]), data: zeros(8)),
      .hole("1", begin: 5, expected: 4)),
    Hostile(
      "two tensors overlap", safetensors(bytes([(0, 5), (4, 8)]), data: zeros(8)),
      .overlap("1", begin: 4, expected: 5)),
    Hostile(
      "two tensors share all bytes", safetensors(bytes([(0, 4), (0, 4)]), data: zeros(4)),
      .overlap("1", begin: 0, expected: 4)),
    Hostile(
      "one tensor inside another", safetensors(bytes([(0, 8), (2, 4)]), data: zeros(8)),
      .overlap("1", begin: 2, expected: 8)),
    Hostile(
      "empty tensor inside another", safetensors(bytes([(0, 8), (4, 4)]), data: zeros(8)),
      .overlap("1", begin: 4, expected: 8)),
    Hostile(
      "overlap balanced by a hole", safetensors(bytes([(0, 4), (2, 6), (8, 10)]), data: zeros(10)),
      .overlap("1", begin: 2, expected: 4)),
    Hostile(
      "reversed range balanced by its neighbours",
      safetensors(
        #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[8,4]}}"#,
        data: zeros(8)),
      .offsetsReversed("b", begin: 8, end: 4)),
  ]

  static let all = [frames, members, shapes, offsets].flatMap(\.self)

  @Test(arguments: all)
  func hostileFileGivesItsNamedError(_ hostile: Hostile) throws {
    let name = "x.safetensors"
    try hostile.expectRefusal(
      .invalidSafetensors(file: name, hostile.problem), named: name
    ) { (bytes) throws(CheckpointError) in
      try SafetensorsFile(bytes: bytes, named: "directory/" + name)
    } _: { (path, loading) throws(CheckpointError) in
      try SafetensorsFile(path: path, loading: loading)
    }
  }

  @Test func theNumberOfMetadataEntriesIsLimited() {
    let limit = FileLimits().metadataEntries
    let entries = (0...limit).map { "\"\($0)\":\"\"" }.joined(separator: ",")
    #expect(
      problem(safetensors("{\"__metadata__\":{\(entries)}}"))
        == .invalidSafetensors(file: "x.safetensors", .tooManyMetadataEntries(limit: limit)))
  }

  @Test func theNumberOfTensorsIsLimited() {
    let limit = FileLimits().tensors
    let rest = "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"
    var header: [UInt8] = []
    for number in 0..<limit {
      header += Array((number == 0 ? "{\"" : ",\"").utf8) + Array("\(number)\(rest)".utf8)
    }
    #expect(problem(safetensors(header + Array("}".utf8))) == nil)
    #expect(
      problem(safetensors(header + Array(",\"x\(rest)}".utf8)))
        == .invalidSafetensors(file: "x.safetensors", .tooManyTensors(limit: limit)))
  }

  @Test func namesThatOnlyLookEqualAreTwoTensors() throws {
    let names = ["\u{e9}", "e\u{301}", "\u{212B}", "\u{C5}", "A\u{30A}"]
    let members = names.enumerated().map { position, name in
      """
      "\(name)":{"dtype":"U8","shape":[1],"data_offsets":[\(position),\(position + 1)]}
      """
    }
    let header = "{" + members.joined(separator: ",") + "}"
    let bytes = safetensors(header, data: [10, 11, 12, 13, 14])
    let file = try SafetensorsFile(bytes: bytes, named: "x")
    #expect(file.tensors.count == names.count)
    for (position, name) in names.enumerated() {
      let tensor = try #require(file[TensorName(name)])
      #expect(try file.integers(of: tensor) == [10 + position])
    }
    #expect(Set(names.map { TensorName($0) }).count == names.count)
  }

  @Test func everyPrefixOfAValidFileIsRefused() throws {
    var writer = SafetensorsWriter(metadata: ["format": "pt"])
    try writer.append("a", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6])
    try writer.append("b", shape: [2], integers: [7, 8])
    let bytes = try writer.encoded()
    #expect(problem(bytes) == nil)
    for count in 0..<bytes.count {
      #expect(problem(Array(bytes[..<count])) != nil, "\(count) of \(bytes.count) bytes")
    }
    #expect(
      problem(bytes + [0]) == .invalidSafetensors(file: "x.safetensors", .trailingData(bytes: 1)))
  }
}
