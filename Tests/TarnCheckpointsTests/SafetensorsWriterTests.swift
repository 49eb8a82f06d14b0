import Foundation
import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnCheckpoints

@Suite struct SafetensorsWriterTests {
  @Test func writtenFileReadsBackToTheSameBits() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/x.safetensors"
    let floats: [Float] = [1, -0.0, .nan, .infinity, .leastNonzeroMagnitude, 0.1]
    let integers: [Int64] = [.min, -1, 0, .max]
    var writer = SafetensorsWriter(metadata: ["format": "pt", "by": "a \"name\"\n"])
    try writer.append("bytes", elementType: .bfloat16, shape: [3], bytes: [1, 2, 3, 4, 5, 6])
    try writer.append("floats \u{e9}", shape: [2, 3], floats: floats)
    try writer.append("floats e\u{301}", shape: [], floats: [7])
    try writer.append("integers", shape: [4], integers: integers)
    try writer.append("empty", shape: [0, 5], floats: [])
    try writer.write(to: path)

    let bytes = try contents(path)
    #expect(try bytes == writer.encoded())
    let file = try SafetensorsFile(path: path)
    #expect(
      file.tensors.map(\.name)
        == ["bytes", "floats \u{e9}", "floats e\u{301}", "integers", "empty"])
    #expect(file.tensors.map(\.shape) == [[3], [2, 3], [], [4], [0, 5]])
    #expect(file.metadata["by"]?.string == "a \"name\"\n")
    #expect((try #require(file.tensors.first)).byteRange.lowerBound % 8 == 0)
    let found = try file.floats(of: #require(file["floats \u{e9}"]))
    #expect(found.map(\.bitPattern) == floats.map(\.bitPattern))
    #expect(try file.floats(of: #require(file["floats e\u{301}"])) == [7])
    let values = try file.integers(of: #require(file["integers"]))
    #expect(values == integers.map { Int($0) })
    let raw = try #require(file["bytes"])
    #expect(Array(bytes[raw.byteRange]) == [1, 2, 3, 4, 5, 6])
  }

  @Test(arguments: ponetFixtures)
  func copiedFixtureHasTheSameTensors(fixture: String) throws {
    let source = try SafetensorsFile(path: fixturePath("ponet/\(fixture)/model.safetensors"))
    let bytes = try contents(source.path)
    var writer = SafetensorsWriter()
    for tensor in source.tensors {
      try writer.append(tensor.name, elementType: tensor.elementType, shape: tensor.shape) {
        Array(bytes[tensor.byteRange])
      }
    }
    let encoded = try writer.encoded()
    let copy = try SafetensorsFile(bytes: encoded, named: "copy")
    #expect(copy.tensors.count == source.tensors.count)
    for tensor in source.tensors {
      let other = try #require(copy[tensor.name])
      #expect(other.shape == tensor.shape)
      #expect(encoded[other.byteRange] == bytes[tensor.byteRange])
    }
  }

  @Test func emptyFileIsWritten() throws {
    let bytes = try SafetensorsWriter().encoded()
    #expect(bytes == safetensors("{}      "))
    #expect(try SafetensorsFile(bytes: bytes, named: "x").tensors.isEmpty)
  }

  @Test func tensorsThatDoNotFitAreRefused() throws {
    var writer = SafetensorsWriter()
    try writer.append("a", shape: [1], floats: [1])
    #expect(throws: CheckpointError.self) { try writer.append("a", shape: [1], floats: [1]) }
    #expect(throws: CheckpointError.self) {
      try writer.append("__metadata__", shape: [1], floats: [1])
    }
    #expect(
      throws: CheckpointError.unwritableTensor(
        name: "b", found: "3 elements", expected: "4 elements")
    ) { try writer.append("b", shape: [2, 2], floats: [1, 2, 3]) }
    #expect(
      throws: CheckpointError.unwritableTensor(name: "b", found: "3 bytes", expected: "4 bytes")
    ) { try writer.append("b", elementType: .float16, shape: [2], bytes: [1, 2, 3]) }
    for shape in [[-1], [-1, -1], [1 << 40, 1 << 40], [Int](repeating: 1, count: 65)] {
      #expect(throws: CheckpointError.self) {
        try writer.append("b", shape: shape, floats: [1])
      }
      #expect(throws: CheckpointError.self) {
        try writer.append("b", elementType: .uint8, shape: shape, bytes: [1])
      }
    }
    #expect(throws: CheckpointError.self) {
      try writer.append("b", elementType: .float4, shape: [3], bytes: [1, 2])
    }
    // What was refused has left no trace.
    #expect(try SafetensorsFile(bytes: writer.encoded(), named: "x").tensors.map(\.name) == ["a"])
  }

  @Test func failureLeavesTheOldFileAndNoOther() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("x.safetensors", [1, 2, 3])
    var writer = SafetensorsWriter()
    try writer.append("a", shape: [1], floats: [1])
    try writer.append("b", elementType: .uint8, shape: [4]) { [1] }
    #expect(
      throws: CheckpointError.unwritableTensor(name: "b", found: "1 bytes", expected: "4 bytes")
    ) { try writer.write(to: path) }
    #expect(try contents(path) == [1, 2, 3])
    #expect(directory.contents == ["x.safetensors"])
  }

  @Test func successReplacesTheOldFileAndLeavesNoOther() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("x.safetensors", [1, 2, 3])
    let mapped = try MappedFile(path: path)
    try SafetensorsWriter().write(to: path)
    #expect(try SafetensorsFile(path: path).tensors.isEmpty)
    #expect(directory.contents == ["x.safetensors"])
    // A reader of the old file keeps it.
    #expect(mapped.withBytes { $0.unsafeLoad(fromByteOffset: 2, as: UInt8.self) } == 3)
  }

  @Test func pathsThatCannotBeWrittenAreNamed() throws {
    let directory = try TemporaryDirectory()
    for path in [directory.path + "/no/x", "", "a\0b"] {
      #expect(throws: CheckpointError.unwritableFile(path: path, reason: SystemError(ENOENT))) {
        try SafetensorsWriter().write(to: path)
      }
    }
    #expect(throws: CheckpointError.self) { try SafetensorsWriter().write(to: directory.path) }
    #expect(directory.contents.isEmpty)
  }
}
