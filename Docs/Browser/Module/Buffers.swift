// Memory that the host writes and a call takes over.

import TarnFreestanding

/// Memory with an address and a size.
@safe struct Buffer {
  let bytes: UnsafeMutableRawBufferPointer

  var address: Int { unsafe Int(bitPattern: bytes.baseAddress) }

  func deallocate() { unsafe bytes.deallocate() }
}

/// The buffers that the host has and no call has taken yet.
///
/// What the host names must be one of them, and have the size that it says: no other memory is read.
struct Buffers {
  private var owned: [Buffer] = []

  /// The address of a new buffer, 0 if the heap has no room for it.
  mutating func allocate(_ byteCount: Int) -> Int {
    guard byteCount >= 0, byteCount <= heapLargestFreeBlock() else { return 0 }
    let buffer = unsafe Buffer(bytes: .allocate(byteCount: max(1, byteCount), alignment: 16))
    owned.append(buffer)
    return buffer.address
  }

  /// Takes a buffer over; the caller deallocates it.
  mutating func take(_ address: Int, _ byteCount: Int) throws(BrowserError) -> Buffer {
    guard let index = owned.firstIndex(where: { $0.address == address }) else {
      throw .unknownBuffer(address: address)
    }
    let buffer = owned.remove(at: index)
    guard unsafe max(1, byteCount) == buffer.bytes.count else {
      let size = unsafe buffer.bytes.count
      buffer.deallocate()
      throw .bufferSize(found: byteCount, expected: size)
    }
    return buffer
  }

  /// A text in a buffer, which is given back; ill-formed UTF-8 is repaired as Swift does.
  mutating func takeText(_ address: Int, _ byteCount: Int) throws(BrowserError) -> String {
    let buffer = try take(address, byteCount)
    defer { buffer.deallocate() }
    // SAFETY: `take` has compared the count with the buffer's own.
    return unsafe String(decoding: buffer.bytes.prefix(byteCount), as: UTF8.self)
  }
}
