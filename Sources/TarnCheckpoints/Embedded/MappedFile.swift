// Files from memory that the caller has given a path: there is no file system.

internal import TarnSystem

/// Memory that stands for files, by the paths under which models look for them.
///
///     unsafe CheckpointMemory.put(configuration, at: "ponet/config.json")
///     unsafe CheckpointMemory.put(weights, at: "ponet/model.safetensors")
///     unsafe CheckpointMemory.put(vocabulary, at: "ponet/vocab.txt")
///     let model = try PoNetClassifier(directory: "ponet")
///
/// Embedded builds only. Everything that opens a file by its path finds what was put there.
public enum CheckpointMemory {
  /// Puts bytes at a path, in place of what is there; nothing is copied.
  ///
  /// ## Safety
  /// They must stay readable and unchanged until the path is removed and nothing that was opened
  /// there is in use. A model that has been loaded holds copies of its weights.
  @unsafe public static func put(_ bytes: UnsafeRawBufferPointer, at path: String) {
    unsafe MemoryFiles.put(bytes, at: path)
  }

  /// Takes the bytes at a path away.
  public static func remove(_ path: String) {
    MemoryFiles.remove(path)
  }
}

/// The contents of a file, read-only, for as long as the object lives.
@safe final class MappedFile: Sendable {
  let path: String

  /// Number of bytes; at least one.
  var byteCount: Int { unsafe contents.count }

  /// SAFETY: never written to after `init`.
  private nonisolated(unsafe) let contents: UnsafeRawBufferPointer
  private let isOwned: Bool

  init(_ file: borrowing OpenFile, loading: Loading) throws(CheckpointError) {
    guard file.byteCount > 0 else {
      throw .emptyFile(path: file.path)
    }
    path = file.path
    isOwned = !loading.isMapped
    unsafe contents =
      loading.isMapped ? file.contents : try MappedFile.copy(file.contents, for: file.path)
  }

  /// A copy of bytes that are in memory already, under a name for messages.
  init(bytes: [UInt8], named name: String) throws(CheckpointError) {
    guard !bytes.isEmpty else {
      throw .emptyFile(path: name)
    }
    path = name
    isOwned = true
    let copy = unsafe bytes.withUnsafeBytes { source in
      unsafe Result { () throws(CheckpointError) in
        unsafe try MappedFile.copy(source, for: name)
      }
    }
    unsafe contents = try copy.get()
  }

  deinit {
    // SAFETY: allocated with this size; spans over it cannot outlive `self`.
    if isOwned, let base = unsafe contents.baseAddress {
      unsafe Memory.deallocate(UnsafeMutableRawPointer(mutating: base), contents.count)
    }
  }

  private static func copy(
    _ source: UnsafeRawBufferPointer, for path: String
  ) throws(CheckpointError) -> UnsafeRawBufferPointer {
    guard let memory = unsafe Memory.allocate(source.count) else {
      throw .unreadableFile(path: path, reason: SystemError(SystemError.noMemory))
    }
    let copy = unsafe UnsafeMutableRawBufferPointer(start: memory, count: source.count)
    // SAFETY: as long as the source.
    unsafe copy.copyMemory(from: source)
    return UnsafeRawBufferPointer(copy)
  }

  /// Calls a closure with the bytes of a range, which lies inside the file.
  func withBytes<Result, Failure>(
    in range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= byteCount,
      "the caller must ask for a range inside the file")
    // SAFETY: the range was checked above, and `self` lives until the closure has returned.
    let slice = unsafe UnsafeRawBufferPointer(rebasing: contents[range])
    return try withExtendedLifetime(self) { () throws(Failure) in
      try unsafe body(slice.bytes)
    }
  }

  /// Calls a closure with all bytes.
  func withBytes<Result, Failure>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withBytes(in: 0..<byteCount, body)
  }
}

/// Memory at a path.
@safe struct OpenFile {
  let path: String
  fileprivate let contents: UnsafeRawBufferPointer

  var byteCount: Int { unsafe contents.count }

  static func open(_ path: String) throws(CheckpointError) -> OpenFile {
    guard let bytes = unsafe MemoryFiles.bytes(at: path) else {
      throw .missingFile(path: path)
    }
    return unsafe OpenFile(path: path, contents: bytes)
  }

  /// Copies the bytes at a range that lies inside the file.
  func bytes(in range: Range<Int>) throws(CheckpointError) -> [UInt8] {
    // SAFETY: whoever put them there keeps them readable; the range is checked by the slice.
    unsafe [UInt8](contents[range])
  }

  /// Copies all bytes, if they are not more than a limit.
  func bytes(atMost limit: Int) throws(CheckpointError) -> [UInt8] {
    guard byteCount <= limit else {
      throw .fileTooLarge(path: path, bytes: byteCount, limit: limit)
    }
    return try bytes(in: 0..<byteCount)
  }
}

/// Why a file cannot be read where no system could refuse it.
public struct SystemError: Hashable, Sendable, CustomStringConvertible {
  /// The number that POSIX gives to the reason.
  public let code: Int32

  static let noMemory: Int32 = 12

  init(_ code: Int32) {
    self.code = code
  }

  /// A few words, else the number.
  public var description: String {
    code == SystemError.noMemory ? "not enough memory" : "system error \(code)"
  }
}
