// Files and standard input, whole or line by line, with memory for one piece at a time.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Reads a file, or standard input for the path `-`.
struct InputBytes: ~Copyable {
  let name: String
  /// Whether reading can wait for somebody to write.
  let mayWait: Bool
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  /// Bytes of the buffer that have been handed out, and those known to hold no end of line.
  private var taken = 0
  private var searched = 0
  private var isAtEnd = false
  private static let chunk = 1 << 16

  init(_ path: String) throws(ToolError) {
    name = path == "-" ? "standard input" : path
    // SAFETY: `path` is passed as a C string that lives for the call.
    descriptor = path == "-" ? 0 : unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      // SAFETY: strerror returns a valid C string.
      throw .failed("\(name): cannot be opened: \(unsafe String(cString: strerror(errno)))")
    }
    var status = stat()
    // SAFETY: fstat fills the structure or fails.
    mayWait = unsafe fstat(descriptor, &status) != 0 || status.st_mode & S_IFMT != S_IFREG
  }

  deinit { if descriptor > 0 { close(descriptor) } }

  /// Whether the next line, or the end, is known without reading.
  var hasLine: Bool {
    mutating get { isAtEnd || lineEnd() != nil }
  }

  private mutating func lineEnd() -> Int? {
    let end = buffer[max(searched, taken)...].firstIndex(of: 10)
    searched = end ?? buffer.count
    return end
  }

  private mutating func fill() throws(ToolError) {
    // What waits for its reader must not wait for our next input.
    if mayWait { Output.flush() }
    if taken > 0 {
      buffer.removeFirst(taken)
      searched -= min(searched, taken)
      taken = 0
    }
    var piece = [UInt8](repeating: 0, count: Self.chunk)
    // SAFETY: the buffer's own address and count.
    let count = unsafe piece.withUnsafeMutableBytes { bytes in
      unsafe read(descriptor, bytes.baseAddress, bytes.count)
    }
    if count < 0 {
      if errno == EINTR { return }
      // SAFETY: strerror returns a valid C string.
      throw .failed("\(name): cannot be read: \(unsafe String(cString: strerror(errno)))")
    }
    isAtEnd = count == 0
    buffer += piece[..<count]
  }

  /// The next line without its end, or nil after the last.
  mutating func line() throws(ToolError) -> [UInt8]? {
    while true {
      if let end = lineEnd() {
        defer { taken = end + 1 }
        return Array(buffer[taken..<end])
      }
      if isAtEnd {
        guard taken < buffer.count else { return nil }
        defer { taken = buffer.count }
        return Array(buffer[taken...])
      }
      try fill()
    }
  }

  /// Everything that is left, which must be UTF-8.
  mutating func text() throws(ToolError) -> String {
    while !isAtEnd { try fill() }
    guard let text = String(validating: buffer[taken...], as: UTF8.self) else {
      throw .failed("\(name): is not valid UTF-8, expected UTF-8 throughout")
    }
    return text
  }
}
