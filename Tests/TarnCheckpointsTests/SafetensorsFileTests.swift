import Foundation
import TarnTestSupport
import Testing

@testable import TarnCheckpoints

@Suite struct SafetensorsFileTests {
  /// Fixture directory, and the number of tensors in its model, inputs and expected file.
  static let counts: [(fixture: String, model: Int, inputs: Int, expected: Int)] = [
    ("cls_sentences", 49, 3, 7), ("fill_constant", 47, 4, 6), ("long_2000", 47, 3, 4),
    ("lra_dual", 48, 4, 11), ("lra_sc_cls_tied", 28, 2, 7), ("lra_sc_mean", 48, 2, 6),
    ("masks_edges", 67, 3, 5), ("position_tiling", 49, 3, 5), ("pretrain_pairs", 75, 4, 16),
    ("segments_irregular", 47, 4, 6), ("tokencls_no_clsgsepg", 47, 4, 6),
    ("weights_legacy", 47, 3, 4), ("weights_zip", 54, 3, 6),
  ]

  @Test(arguments: counts, [Loading.mapped, .read])
  func fixturesAreReadable(
    row: (fixture: String, model: Int, inputs: Int, expected: Int), loading: Loading
  ) throws {
    let files = [("model", row.model), ("inputs", row.inputs), ("expected", row.expected)]
    for (name, count) in files {
      let path = fixturePath("ponet/\(row.fixture)/\(name).safetensors")
      let file = try SafetensorsFile(path: path, loading: loading)
      #expect(file.tensors.count == count, "\(path)")
      #expect(file.name == "\(name).safetensors")
      for tensor in file.tensors {
        #expect(file[tensor.name] == tensor)
        if tensor.elementType == .int64 {
          #expect(try file.integers(of: tensor).count == tensor.elementCount)
        } else {
          #expect(try file.floats(of: tensor).allSatisfy(\.isFinite))
        }
      }
    }
  }

  @Test func allFixtureDirectoriesAreInTheTable() throws {
    let directories = try FileManager.default.contentsOfDirectory(atPath: fixturePath("ponet"))
    let checkpoints = directories.filter {
      FileManager.default.fileExists(atPath: fixturePath("ponet/\($0)/model.safetensors"))
    }
    #expect(checkpoints.sorted() == Self.counts.map(\.fixture))
    #expect(checkpoints.sorted() == ponetFixtures)
  }

  @Test func mappedReadAndInMemoryGiveTheSameBytes() throws {
    let path = fixturePath("ponet/pretrain_pairs/model.safetensors")
    let files = [
      try SafetensorsFile(path: path, loading: .mapped),
      try SafetensorsFile(path: path, loading: .read),
      try SafetensorsFile(bytes: contents(path), named: path),
    ]
    let bytes = try contents(path)
    for file in files {
      #expect(file.tensors == files[0].tensors)
      #expect(file.path == path)
      for tensor in file.tensors {
        let found = file.withBytes(of: tensor) { span in
          (0..<span.byteCount).map { span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
        }
        #expect(found == Array(bytes[tensor.byteRange]))
      }
    }
  }

  @Test func trailingSpacesAndAnyOrderOfTensorsAreAllowed() throws {
    let header = """
      {"b":{"data_offsets":[1,3],"shape":[2],"dtype":"U8"},"empty":{"dtype":"F32","shape":[0,768],\
      "data_offsets":[1,1]},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}, "__metadata__" :\
      {"format":"pt","é":""}}
      """
    let file = try SafetensorsFile(
      bytes: safetensors(header + "     ", data: [7, 8, 9]), named: "directory/x.safetensors")
    #expect(file.tensors.map(\.name) == ["b", "empty", "a"])
    #expect(file.name == "x.safetensors")
    #expect(file.metadata["format"]?.string == "pt")
    #expect(file.metadata.members.count == 2)
    #expect(file["c"] == nil)
    let a = try #require(file["a"])
    #expect(a.shape.isEmpty)
    #expect(a.elementCount == 1)
    #expect(try file.integers(of: a) == [7])
    #expect(try file.integers(of: #require(file["b"])) == [8, 9])
    #expect(try file.floats(of: #require(file["empty"])) == [])
  }

  @Test func fileWithoutTensorsIsAllowed() throws {
    for header in ["{}", "{}   ", "{ \n }", "{\"__metadata__\":{}}"] {
      #expect(try SafetensorsFile(bytes: safetensors(header), named: "x").tensors.isEmpty)
    }
  }

  @Test(arguments: 0..<9)
  func integersOfEachTypeAreReadAtAnyAlignment(padding: Int) throws {
    let cases: [(ElementType, [UInt8], [Int])] = [
      (
        .int64, [0, 0, 0, 0, 0, 0, 0, 0x80] + [0xFE] + [UInt8](repeating: 0xFF, count: 7),
        [.min, -2]
      ),
      (.int32, [0, 0, 0, 0x80, 1, 2, 3, 4], [Int(Int32.min), 0x0403_0201]),
      (.int16, [0, 0x80, 1, 2], [Int(Int16.min), 0x0201]),
      (.int8, [0x80, 0x7F], [-128, 127]),
      (.uint64, [UInt8](repeating: 0xFF, count: 7) + [0x7F], [.max]),
      (.uint32, [0xFF, 0xFF, 0xFF, 0xFF], [Int(UInt32.max)]),
      (.uint16, [0xFF, 0xFF], [65535]), (.uint8, [0x80, 0], [128, 0]),
      (.bool, [0, 1, 2, 255], [0, 1, 1, 1]),
    ]
    for (type, data, expected) in cases {
      var writer = SafetensorsWriter()
      try writer.append("padding", elementType: .uint8, shape: [padding], bytes: zeros(padding))
      try writer.append("x", elementType: type, shape: [expected.count], bytes: data)
      let file = try SafetensorsFile(bytes: writer.encoded(), named: "x")
      #expect(try file.integers(of: #require(file["x"])) == expected, "\(type)")
      #expect(throws: CheckpointError.self) { try file.floats(of: #require(file["x"])) }
    }
  }

  @Test(arguments: 0..<9)
  func floatsOfEachTypeAreReadAtAnyAlignment(padding: Int) throws {
    let cases: [(ElementType, [UInt8], [UInt32])] = [
      (.float32, [0, 0, 0x80, 0x3F, 1, 0, 0xC0, 0xFF], [0x3F80_0000, 0xFFC0_0001]),
      (.bfloat16, [0x80, 0x3F, 0x80, 0xFF], [0x3F80_0000, 0xFF80_0000]),
      (.float16, [0, 0x3C, 1, 0x80], [0x3F80_0000, 0xB380_0000]),
      (.float64, [0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0x3F], [Float(0.1).bitPattern]),
    ]
    for (type, data, expected) in cases {
      var writer = SafetensorsWriter()
      try writer.append("padding", elementType: .uint8, shape: [padding], bytes: zeros(padding))
      try writer.append("x", elementType: type, shape: [expected.count], bytes: data)
      let file = try SafetensorsFile(bytes: writer.encoded(), named: "x")
      #expect(try file.floats(of: #require(file["x"])).map(\.bitPattern) == expected, "\(type)")
      #expect(throws: CheckpointError.self) { try file.integers(of: #require(file["x"])) }
    }
  }

  #if !(os(macOS) && arch(x86_64))
    @Test func everyBinary16IsConvertedExactly() {
      var wrong: [UInt16] = []
      for bits in UInt16.min...UInt16.max {
        let expected = Float(Float16(bitPattern: bits))
        let found = float(binary16: bits)
        if found.bitPattern != expected.bitPattern && !(found.isNaN && expected.isNaN) {
          wrong.append(bits)
        }
      }
      #expect(wrong.isEmpty, "first \(wrong.first ?? 0)")
    }
  #endif

  @Test func unsignedIntegersThatDoNotFitAreNamed() throws {
    var writer = SafetensorsWriter()
    let bytes = zeros(8) + [UInt8](repeating: 0xFF, count: 8)
    try writer.append("x", elementType: .uint64, shape: [2], bytes: bytes)
    let file = try SafetensorsFile(bytes: writer.encoded(), named: "x.safetensors")
    let error = #expect(throws: CheckpointError.self) {
      try file.integers(of: #require(file["x"]))
    }
    #expect(
      error == .integerTooLarge(file: "x.safetensors", name: "x", index: 1, found: .max))
  }

  @Test func theErrorsOfTheBodyComeThrough() throws {
    struct Stop: Error {}
    let path = fixturePath("ponet/weights_zip/model.safetensors")
    let file = try SafetensorsFile(path: path)
    let tensor = try #require(file.tensors.first)
    #expect(throws: Stop.self) { try file.withBytes(of: tensor) { _ in throw Stop() } }
  }

  @Test func theSizeRuleKnowsEveryType() throws {
    for type in ElementType.allCases {
      let header = """
        {"t":{"dtype":"\(type)","shape":[2,4],"data_offsets":[0,\(type.bitWidth)]}}
        """
      let file = try SafetensorsFile(
        bytes: safetensors(header, data: zeros(type.bitWidth)), named: "x")
      #expect(file["t"]?.elementType == type)
    }
    let widths = ElementType.allCases.map(\.bitWidth)
    #expect(Set(widths) == [4, 6, 8, 16, 32, 64])
  }
}
