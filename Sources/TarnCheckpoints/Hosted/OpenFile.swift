#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A regular file that is open for reading; closed when the value ends.
struct OpenFile: ~Copyable {
  let path: String
  let byteCount: Int
  fileprivate let descriptor: Int32

  private init(path: String, byteCount: Int, descriptor: Int32) {
    self.path = path
    self.byteCount = byteCount
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
  }

  static func open(_ path: String) throws(CheckpointError) -> OpenFile {
    // The system would stop reading the path at a zero byte and open another file.
    guard !path.utf8.contains(0) else {
      throw .missingFile(path: path)
    }
    // Without O_NONBLOCK, opening a pipe waits for a writer.
    let descriptor = retrying { systemOpen(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else {
      let code = errno
      throw code == ENOENT || code == ENOTDIR
        ? .missingFile(path: path) : .unreadableFile(path: path, reason: SystemError(code))
    }
    var status = stat()
    // SAFETY: `status` outlives the call, which writes one `stat` and keeps no pointer.
    guard unsafe fstat(descriptor, &status) == 0 else {
      let code = errno
      close(descriptor)
      throw .unreadableFile(path: path, reason: SystemError(code))
    }
    let file = OpenFile(path: path, byteCount: Int(status.st_size), descriptor: descriptor)
    switch status.st_mode & S_IFMT {
    case S_IFREG: return file
    case S_IFDIR: throw .isDirectory(path: path)
    default: throw .notRegularFile(path: path)
    }
  }

  /// Copies the bytes at a range that lies inside the file.
  func bytes(in range: Range<Int>) throws(CheckpointError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    var span = bytes.mutableSpan
    try unsafe span.withUnsafeMutableBytes { (buffer) throws(CheckpointError) in
      // SAFETY: the buffer is valid inside this closure, and nothing keeps it.
      try unsafe read(into: buffer, at: range.lowerBound)
    }
    return bytes
  }

  /// Copies all bytes, if they are not more than a limit.
  func bytes(atMost limit: Int) throws(CheckpointError) -> [UInt8] {
    guard byteCount <= limit else {
      throw .fileTooLarge(path: path, bytes: byteCount, limit: limit)
    }
    return try bytes(in: 0..<byteCount)
  }

  /// Fills a buffer with the bytes from an offset on.
  ///
  /// ## Safety
  /// The buffer must be writable for its whole length.
  func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int
  ) throws(CheckpointError) {
    var done = 0
    while done < buffer.count {
      // SAFETY: the slice lies inside the buffer, and `pread` writes no more than its length.
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      // Darwin refuses more than 2^31 - 1 bytes in one call.
      let length = min(rest.count, 1 << 30)
      let count = retrying {
        unsafe pread(descriptor, rest.baseAddress, length, off_t(offset + done))
      }
      if count < 0 {
        throw .unreadableFile(path: path, reason: SystemError(errno))
      }
      // The size was taken when the file was opened.
      guard count > 0 else {
        throw .changedWhileReading(path: path)
      }
      done += count
    }
  }
}

extension MappedFile {
  /// Maps a whole file of at least one byte, or copies it into memory of its own.
  ///
  /// Copies live in anonymous mappings too: a size that does not fit gives an error, where the
  /// allocator would trap, and the start is aligned to a page in both modes.
  static func pages(
    of file: borrowing OpenFile, loading: Loading
  ) throws(CheckpointError) -> UnsafeRawBufferPointer {
    guard loading.isMapped else {
      let buffer = unsafe try memory(file.byteCount, for: file.path)
      do {
        // SAFETY: the buffer was just mapped writable, and nobody else knows it.
        unsafe try file.read(into: buffer, at: 0)
      } catch {
        unsafe munmap(buffer.baseAddress, buffer.count)
        throw error
      }
      return UnsafeRawBufferPointer(buffer)
    }
    let pages = unsafe mmap(nil, file.byteCount, PROT_READ, MAP_PRIVATE, file.descriptor, 0)
    guard let pages = unsafe mapped(pages) else {
      throw .unreadableFile(path: file.path, reason: SystemError(errno))
    }
    return unsafe UnsafeRawBufferPointer(start: pages, count: file.byteCount)
  }

  /// Zeroed memory in whole pages, to be released with `munmap`.
  static func memory(
    _ byteCount: Int, for path: String
  ) throws(CheckpointError) -> UnsafeMutableRawBufferPointer {
    let flags = MAP_PRIVATE | MAP_ANON
    let pages = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0)
    guard let pages = unsafe mapped(pages) else {
      throw .unreadableFile(path: path, reason: SystemError(errno))
    }
    return unsafe UnsafeMutableRawBufferPointer(start: pages, count: byteCount)
  }

  /// The result of `mmap`, or nil for MAP_FAILED, an address with all bits set.
  private static func mapped(_ pages: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    unsafe pages == UnsafeMutableRawPointer(bitPattern: -1) ? nil : pages
  }
}

/// Repeats a system call for as long as a signal interrupts it.
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR {
      return result
    }
  }
}

private func systemOpen(_ path: String, _ flags: Int32) -> Int32 {
  // SAFETY: the string is passed as a C string that lives for the call.
  unsafe open(path, flags)
}
