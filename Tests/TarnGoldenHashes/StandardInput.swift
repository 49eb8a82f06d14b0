// The parts of standard input: there are no files on a bare target.

/// Files that come one after another, behind a line with their sizes.
///
///     23 4567 89\n<23 bytes><4567 bytes><89 bytes>
struct InputParts {
  private var bytes: [UInt8]
  private var sizes: [Int] = []
  private var start: Int

  /// Reads all of standard input; nil if it is not of that form.
  init?() {
    bytes = readStandardInput()
    guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    start = end + 1
    for word in bytes[..<end].split(separator: UInt8(ascii: " ")) {
      guard let size = Int(String(decoding: word, as: UTF8.self)), size >= 0 else { return nil }
      sizes.append(size)
    }
    guard sizes.reduce(start, +) == bytes.count else { return nil }
  }

  /// How many are left.
  var count: Int { sizes.count }

  /// Takes the first part that is left.
  mutating func next() -> [UInt8] {
    let size = sizes.removeFirst()
    defer { start += size }
    return Array(bytes[start..<start + size])
  }
}

/// All bytes up to the end of standard input.
private func readStandardInput() -> [UInt8] {
  var bytes: [UInt8] = []
  while true {
    let part = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
      count = systemRead(buffer)
    }
    if part.isEmpty { return bytes }
    bytes += part
  }
}
