/// Bytes that can be copied out piece by piece: a file that is open, or contents in memory.
protocol ByteSource: ~Copyable {
  var byteCount: Int { get }

  /// Copies the bytes at a range that lies inside the source.
  func bytes(in range: Range<Int>) throws(CheckpointError) -> [UInt8]
}

extension OpenFile: ByteSource {}

extension [UInt8]: ByteSource {
  var byteCount: Int { count }

  func bytes(in range: Range<Int>) -> [UInt8] { Array(self[range]) }
}

extension MappedFile: ByteSource {
  func bytes(in range: Range<Int>) throws(CheckpointError) -> [UInt8] {
    withBytes(in: range) { span in
      // SAFETY: the buffer is valid inside the closure, and the array copies it.
      unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
    }
  }
}
