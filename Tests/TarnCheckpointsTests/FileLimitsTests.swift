import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnCheckpoints

/// Each limit, set to what a small file needs and to one less.
@Suite struct FileLimitsTests {
  /// Opens a file with a limit and with one less; the second gives the error.
  private func expectLimit(
    _ limit: WritableKeyPath<FileLimits, Int>, _ value: Int, in path: String,
    _ error: CheckpointError
  ) {
    for loading in [Loading.mapped, .read] {
      var limits = FileLimits()
      limits[keyPath: limit] = value
      #expect(throws: Never.self) {
        try openTensorFile(path: path, loading: loading.limited(by: limits))
      }
      for small in [value - 1, -1] {
        limits[keyPath: limit] = small
        let found = #expect(throws: CheckpointError.self) {
          try openTensorFile(path: path, loading: loading.limited(by: limits))
        }
        if small >= 0 { #expect(found == error) }
      }
    }
  }

  @Test func safetensorsFilesAskForNoMore() throws {
    let folder = try TemporaryDirectory()
    let header = """
      {"__metadata__":{"a":"1","b":"2"},\
      "t":{"dtype":"U8","shape":[1,1,1],"data_offsets":[0,1]},\
      "u":{"dtype":"U8","shape":[],"data_offsets":[1,2]}}
      """
    let path = try folder.write("x.safetensors", safetensors(header, data: [1, 2]))
    let count = header.utf8.count
    let file = "x.safetensors"
    expectLimit(
      \.headerBytes, count, in: path,
      .invalidSafetensors(file: file, .headerTooLarge(bytes: UInt64(count), limit: count - 1)))
    expectLimit(\.tensors, 2, in: path, .invalidSafetensors(file: file, .tooManyTensors(limit: 1)))
    expectLimit(
      \.metadataEntries, 2, in: path,
      .invalidSafetensors(file: file, .tooManyMetadataEntries(limit: 1)))
    expectLimit(
      \.dimensions, 3, in: path, .invalidSafetensors(file: file, .tooManyDimensions("t", limit: 2)))
  }

  @Test func archivesAskForNoMore() throws {
    let folder = try TemporaryDirectory()
    let pickle = PickleWriter.pair()
    let path = try folder.write("x.bin", torchArchive(pickle).bytes)
    expectLimit(
      \.archiveEntries, 2, in: path, .invalidPyTorch(file: "x.bin", .tooManyEntries(limit: 1)))
    expectLimit(
      \.pickleBytes, pickle.count, in: path,
      .invalidPyTorch(
        file: "x.bin", .pickleTooLarge(bytes: pickle.count, limit: pickle.count - 1)))
  }

  @Test func picklesAskForNoMore() throws {
    let folder = try TemporaryDirectory()
    let bytes = LegacyWriter().bytes
    let path = try folder.write("x.bin", bytes)
    // Two marks: around the arguments of the tensor and around those of its storage.
    var limits = FileLimits()
    limits.pickleNesting = 1
    let nested = #expect(throws: CheckpointError.self) {
      try openTensorFile(path: path, loading: .read.limited(by: limits))
    }
    guard case .invalidPyTorch(_, .nestingTooDeep(limit: 1, _))? = nested else {
      Issue.record("\(String(describing: nested))")
      return
    }
    limits = FileLimits()
    limits.pickleMemory = 0
    let large = #expect(throws: CheckpointError.self) {
      try openTensorFile(path: path, loading: .read.limited(by: limits))
    }
    guard case .invalidPyTorch(_, .tooMuchMemory(limit: bytes.count, _))? = large else {
      Issue.record("\(String(describing: large))")
      return
    }
    // A stream's own end is found within the limit, or not at all.
    limits = FileLimits()
    limits.pickleBytes = 100
    #expect(
      throws: CheckpointError.invalidPyTorch(file: "x.bin", .pickleTooLarge(bytes: 100, limit: 100))
    ) { try openTensorFile(path: path, loading: .mapped.limited(by: limits)) }
  }

  @Test func indicesAskForNoMore() throws {
    let folder = try TemporaryDirectory()
    let fixture = fixturePath("ponet/cls_sentences/model.safetensors")
    let source = try SafetensorsFile(path: fixture)
    try writeShards(of: source, count: 3, to: folder)
    let index = "model.safetensors.index.json"
    let path = folder.path + "/" + index
    let bytes = try contents(path).count
    expectLimit(
      \.indexBytes, bytes, in: path, .fileTooLarge(path: path, bytes: bytes, limit: bytes - 1))
    expectLimit(\.shards, 3, in: path, .invalidShardIndex(file: index, .tooManyShards(limit: 2)))
    let count = source.tensors.count
    expectLimit(
      \.tensors, count, in: path,
      .invalidShardIndex(file: index, .tooManyTensors(limit: count - 1)))
  }

  @Test func configurationsAreReadWithinTheLimitOfTheirDirectory() throws {
    let folder = try TemporaryDirectory()
    let fixture = fixturePath("ponet/cls_sentences")
    for name in ["config.json", "model.safetensors"] { try folder.copy(name, from: fixture) }
    let path = folder.path + "/config.json"
    let bytes = try contents(path).count
    var limits = FileLimits()
    limits.configurationBytes = bytes
    let loading = Loading.read.limited(by: limits)
    #expect(throws: Never.self) { try Checkpoint(directory: folder.path, loading: loading) }
    limits.configurationBytes = bytes - 1
    #expect(throws: CheckpointError.fileTooLarge(path: path, bytes: bytes, limit: bytes - 1)) {
      try Checkpoint(directory: folder.path, loading: loading.limited(by: limits))
    }
  }
}
