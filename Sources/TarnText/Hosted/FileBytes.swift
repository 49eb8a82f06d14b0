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

/// The names in a directory in the order of their bytes; none if it cannot be read.
func fileNames(in directory: String) -> [String] {
  // SAFETY: `directory` is passed as a NUL-terminated copy that lives during the call.
  guard !directory.utf8.contains(0), let stream = unsafe opendir(directory) else { return [] }
  // SAFETY: the stream is open until here.
  defer { _ = unsafe closedir(stream) }
  var names: [String] = []
  // SAFETY: an entry lives until the next call for this stream; its name ends with NUL.
  while let entry = unsafe readdir(stream) {
    let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      unsafe Array(bytes.prefix { $0 != 0 })
    }
    names.append(String(decoding: name, as: UTF8.self))
  }
  return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
}

private func systemMessage(_ code: Int32) -> String {
  // SAFETY: strerror gives a NUL-terminated string, which is copied at once.
  unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}
