import Foundation
import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnCheckpoints

/// What can be wrong with a file before its contents are looked at.
@Suite struct FileTests {
  @Test(arguments: [Loading.mapped, .read])
  func contentsAreTheBytesOfTheFile(loading: Loading) throws {
    let path = fixturePath("ponet/cls_sentences/config.json")
    let file = try MappedFile(path: path, loading: loading)
    let bytes = try contents(path)
    #expect(file.byteCount == bytes.count)
    let found = file.withBytes { span in
      (0..<span.byteCount).map { span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
    }
    #expect(found == bytes)
    #expect(file.withBytes(in: 3..<3) { $0.byteCount } == 0)
    #expect(file.withBytes(in: bytes.count..<bytes.count) { $0.byteCount } == 0)
  }

  @Test(arguments: [Loading.mapped, .read])
  func largeFilesAreReadWhole(loading: Loading) throws {
    let directory = try TemporaryDirectory()
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let path = try directory.write("x", bytes)
    let found = try MappedFile(path: path, loading: loading).withBytes { span in
      (0..<span.byteCount).map { span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
    }
    #expect(found == bytes)
  }

  @Test(arguments: [Loading.mapped, .read])
  func filesThatCannotBeReadAreNamed(loading: Loading) throws {
    let directory = try TemporaryDirectory()
    let missing = directory.path + "/nothing"
    #expect(throws: CheckpointError.missingFile(path: missing)) {
      try MappedFile(path: missing, loading: loading)
    }
    let file = try directory.write("file", [1])
    #expect(throws: CheckpointError.missingFile(path: file + "/inside")) {
      try MappedFile(path: file + "/inside", loading: loading)
    }
    #expect(throws: CheckpointError.missingFile(path: file + "\0.json")) {
      try MappedFile(path: file + "\0.json", loading: loading)
    }
    #expect(throws: CheckpointError.missingFile(path: "")) {
      try MappedFile(path: "", loading: loading)
    }
    #expect(throws: CheckpointError.isDirectory(path: directory.path)) {
      try MappedFile(path: directory.path, loading: loading)
    }
    let empty = try directory.write("empty", [])
    #expect(throws: CheckpointError.emptyFile(path: empty)) {
      try MappedFile(path: empty, loading: loading)
    }
    let pipe = directory.path + "/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    #expect(throws: CheckpointError.notRegularFile(path: pipe)) {
      try MappedFile(path: pipe, loading: loading)
    }
    #expect(throws: CheckpointError.notRegularFile(path: "/dev/zero")) {
      try MappedFile(path: "/dev/zero", loading: loading)
    }
  }

  @Test(.enabled(if: getuid() != 0, "the superuser may read everything"))
  func filesWithoutPermissionAreNamed() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("x", [1])
    #expect(chmod(path, 0) == 0)
    #expect(throws: CheckpointError.unreadableFile(path: path, reason: SystemError(EACCES))) {
      try MappedFile(path: path)
    }
  }

  /// A sparse file claims more than any memory holds; the header is judged before it is loaded.
  @Test(arguments: [Loading.mapped, .read])
  func hugeSparseFileIsRefusedByItsHeader(loading: Loading) throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("x.safetensors", safetensors("{}"))
    #expect(truncate(path, 1 << 42) == 0)
    let rest = 1 << 42 - 10
    let elapsed = ContinuousClock().measure {
      #expect(
        throws: CheckpointError.invalidSafetensors(
          file: "x.safetensors", .trailingData(bytes: rest))
      ) {
        try SafetensorsFile(path: path, loading: loading)
      }
    }
    #expect(elapsed < .seconds(1))
  }

  @Test func descriptorsAreClosedAndPagesReleased() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("x.safetensors", safetensors("{}"))
    let broken = try directory.write("y.safetensors", [1])
    // More rounds than a process may have descriptors open.
    for _ in 0..<3000 {
      _ = try SafetensorsFile(path: path)
      #expect(throws: CheckpointError.self) { try SafetensorsFile(path: broken) }
      #expect(throws: CheckpointError.self) { try MappedFile(path: directory.path) }
    }
  }
}
