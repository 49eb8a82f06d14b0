// Standard output and standard error.

import Synchronization
import Tarn
import TarnSystem

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Writes lines; a reader that has gone ends the process quietly.
///
/// Lines for standard output are collected and go out when there are many, before the tool waits for
/// input, before a message, and at the end.
enum Output {
  private static let pending = Mutex<[UInt8]>([])

  /// Writes one line to standard output, sooner or later.
  static func line(_ text: String) {
    let isFull = pending.withLock { bytes in
      bytes += text.utf8
      bytes.append(10)
      return bytes.count >= 1 << 16
    }
    if isFull { flush() }
  }

  /// Writes out what is still held back.
  static func flush() {
    let bytes = pending.withLock { bytes in
      defer { bytes = [] }
      return bytes
    }
    write(bytes, to: 1)
  }

  /// Writes one line to standard error, after all earlier results.
  static func message(_ text: String) {
    flush()
    write(Array((text + "\n").utf8), to: 2)
  }

  /// Writes to standard error without an end of line.
  static func status(_ text: String) { write(Array(text.utf8), to: 2) }

  /// Whether a descriptor (0 input, 1 output, 2 error) is a terminal.
  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// A colour of the terminal.
  enum Color: Int {
    case red = 31
    case green = 32
  }

  /// The text in a colour, if standard output is a terminal and NO_COLOR is not set.
  static func colored(_ text: String, _ color: Color) -> String {
    guard isTerminal(1), environmentVariable("NO_COLOR") ?? "" == "" else { return text }
    return "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m"
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var done = 0
    while done < bytes.count {
      // SAFETY: `done` is below the count, so the range lies within the buffer, which lives here.
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe systemWrite(descriptor, UnsafeRawBufferPointer(rebasing: buffer[done...]))
      }
      if count < 0 {
        if errno == EINTR { continue }
        if errno == EPIPE { exit(0) }
        // SAFETY: strerror returns a valid C string.
        let reason = unsafe String(cString: strerror(errno))
        if descriptor == 1 { message("tarn: error: standard output: cannot be written: \(reason)") }
        exit(1)
      }
      done += count
    }
  }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  // SAFETY: the buffer's own address and count.
  unsafe write(descriptor, bytes.baseAddress, bytes.count)
}
