#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The contents of a file, read-only, for as long as the object lives.
///
/// The first byte lies at the start of a page.
@safe public final class MappedFile: Sendable {
  /// The path as it was given.
  public let path: String

  /// Number of bytes; at least one.
  public var byteCount: Int { unsafe contents.count }

  /// Whole pages from `mmap`, never written to after `init`.
  ///
  /// SAFETY: owned by this object, released in `deinit` only, so that sharing it is sharing
  /// constants.
  private nonisolated(unsafe) let contents: UnsafeRawBufferPointer

  /// Opens a file.
  ///
  /// - Parameters:
  ///   - path: a regular file, not empty.
  ///   - loading: mapped or copied; mind the hazard of ``Loading/mapped``.
  /// - Throws: ``CheckpointError`` for a file that is missing, unreadable, a directory, no regular
  ///   file, or empty.
  public convenience init(path: String, loading: Loading = .mapped) throws(CheckpointError) {
    try self.init(OpenFile.open(path), loading: loading)
  }

  init(_ file: borrowing OpenFile, loading: Loading) throws(CheckpointError) {
    guard file.byteCount > 0 else {
      throw .emptyFile(path: file.path)
    }
    path = file.path
    unsafe contents = try MappedFile.pages(of: file, loading: loading)
  }

  /// A copy of bytes that are in memory already, under a name for messages.
  init(bytes: [UInt8], named name: String) throws(CheckpointError) {
    guard !bytes.isEmpty else {
      throw .emptyFile(path: name)
    }
    path = name
    let buffer = unsafe try MappedFile.memory(bytes.count, for: name)
    // SAFETY: the buffer was just mapped writable with exactly this length.
    unsafe buffer.copyBytes(from: bytes)
    unsafe contents = UnsafeRawBufferPointer(buffer)
  }

  deinit {
    // SAFETY: the pages came from `mmap` with this length; spans over them cannot outlive `self`.
    unsafe munmap(UnsafeMutableRawPointer(mutating: contents.baseAddress), contents.count)
  }

  /// Calls a closure with the bytes of a range.
  ///
  /// - Parameters:
  ///   - range: offsets in the file; traps unless it lies inside the file.
  ///   - body: receives the bytes, which are valid inside the closure only.
  /// - Returns: What the closure returns.
  /// - Throws: What the closure throws.
  public func withBytes<Result, Failure>(
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
  ///
  /// - Parameter body: receives the bytes, which are valid inside the closure only.
  /// - Returns: What the closure returns.
  /// - Throws: What the closure throws.
  public func withBytes<Result, Failure>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withBytes(in: 0..<byteCount, body)
  }
}
