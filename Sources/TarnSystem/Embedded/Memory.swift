// Memory for matrices and scratch, from the functions that Embedded Swift itself asks for.

@_extern(c, "posix_memalign")
private func alignedMemory(
  _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ byteCount: Int
) -> Int32

/// Blocks of memory that start at a multiple of 64 bytes.
package enum Memory {
  /// Whether a block of so many bytes is known to hold zeros.
  package static func isZero(_ byteCount: Int) -> Bool { false }

  /// A block of some bytes; nil where there are not so many.
  package static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    var base: UnsafeMutableRawPointer?
    // SAFETY: writes one pointer, and nothing if it fails.
    guard unsafe alignedMemory(&base, 64, max(1, byteCount)) == 0 else { return nil }
    return unsafe base
  }

  /// Gives back a block of so many bytes; nobody may use it any more.
  package static func deallocate(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
    // SAFETY: the caller was the block's only owner; this calls `free`, which cannot be named here.
    unsafe base.deallocate()
  }
}
