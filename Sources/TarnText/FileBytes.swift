#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The bytes of the file at `path`, or nil when it has more than `limit`.
///
/// Reads until the end rather than asking for the size first: a pipe has none, and a file may grow
/// in between.
func readFile(_ path: String, limit: Int) throws(TextError) -> [UInt8]? {
  // A C string ends at the first NUL, so the path opened would be another one than the path given.
  guard !path.utf8.contains(0) else {
    throw .unreadableFile(path: path, reason: "the path contains a NUL character")
  }
  // SAFETY: `path` is passed as a NUL-terminated copy that lives during the call.
  let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { throw .unreadableFile(path: path, reason: systemMessage(errno)) }
  defer { close(file) }

  // Only a hint: room for the file as it is now, so that it need not grow.
  var status = stat()
  // SAFETY: `status` outlives the call, which writes one `stat` and keeps no pointer.
  let size = unsafe fstat(file, &status) == 0 ? Int(status.st_size) : 0
  var bytes: [UInt8] = []
  bytes.reserveCapacity(min(size, limit) + 1)
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while bytes.count <= limit {
    let count = unsafe chunk.withUnsafeMutableBytes { buffer in
      // SAFETY: the system writes at most `buffer.count` bytes, all inside the buffer.
      unsafe read(file, buffer.baseAddress, buffer.count)
    }
    if count == 0 { return bytes }
    if count > 0 {
      bytes.append(contentsOf: chunk[..<count])
    } else if errno != EINTR {
      throw .unreadableFile(path: path, reason: systemMessage(errno))
    }
  }
  return nil
}

private func systemMessage(_ code: Int32) -> String {
  // SAFETY: strerror gives a NUL-terminated string, which is copied at once.
  unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}
