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
  private let descriptor: Int32
  private var buffer: [UInt8] = []
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
  }

  deinit { if descriptor > 0 { close(descriptor) } }

  private mutating func fill() throws(ToolError) {
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
    var searched = 0
    while true {
      if let end = buffer[searched...].firstIndex(of: 10) {
        let line = Array(buffer[..<end])
        buffer.removeSubrange(...end)
        return line
      }
      searched = buffer.count
      if isAtEnd {
        guard !buffer.isEmpty else { return nil }
        defer { buffer = [] }
        return buffer
      }
      try fill()
    }
  }

  /// Everything that is left, which must be UTF-8.
  mutating func text() throws(ToolError) -> String {
    while !isAtEnd { try fill() }
    guard let text = String(validating: buffer, as: UTF8.self) else {
      throw .failed("\(name): is not valid UTF-8, expected UTF-8 throughout")
    }
    return text
  }
}
