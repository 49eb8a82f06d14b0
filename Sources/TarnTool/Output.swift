// Standard output and standard error.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Writes lines to a descriptor; a reader that has gone ends the process quietly.
enum Output {
  /// Writes one line to standard output.
  static func line(_ text: String) { write(text + "\n", to: 1) }

  /// Writes one line to standard error.
  static func message(_ text: String) { write(text + "\n", to: 2) }

  private static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      // SAFETY: `done` is below the count, so the range lies within the buffer, which lives here.
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe systemWrite(descriptor, UnsafeRawBufferPointer(rebasing: buffer[done...]))
      }
      if count < 0 {
        if errno == EINTR { continue }
        exit(errno == EPIPE ? 0 : 1)
      }
      done += count
    }
  }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  // SAFETY: the buffer's own address and count.
  unsafe write(descriptor, bytes.baseAddress, bytes.count)
}
