// Memory for matrices and scratch, straight from the system.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Blocks of memory that start at a multiple of 64 bytes.
///
/// Large ones are mappings of their own, in pages of 2 MB where Linux gives them to those who ask. A page
/// has one entry in the processor's address tables, whatever its size: with large ones, 13 to 50 MB are
/// read and written 1.2 to 1.4 times as fast. Memory that an allocator has had before keeps its small
/// pages.
package enum Memory {
  private static var pageBytes: Int { 2 << 20 }

  /// Whether a block of so many bytes is a mapping of its own, which holds zeros.
  package static func isZero(_ byteCount: Int) -> Bool {
    #if os(Linux)
      byteCount >= 2 * pageBytes
    #else
      false
    #endif
  }

  /// A block of some bytes; nil where there are not so many.
  package static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    if isZero(byteCount) { return unsafe largePages(byteCount) }
    var base: UnsafeMutableRawPointer?
    // SAFETY: writes one pointer, and nothing if it fails.
    guard unsafe posix_memalign(&base, 64, max(1, byteCount)) == 0 else { return nil }
    return unsafe base
  }

  /// Gives back a block of so many bytes; nobody may use it any more.
  package static func deallocate(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
    // SAFETY: a mapping is whole, and the caller was the block's only owner.
    if isZero(byteCount) {
      unsafe munmap(base, mappedBytes(byteCount))
    } else {
      unsafe free(base)
    }
  }

  /// Zeros, aligned to a large page.
  private static func largePages(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    #if os(Linux)
      // One page more than is needed; what lies outside of the aligned part is given back.
      let needed = mappedBytes(byteCount)
      let (whole, overflow) = needed.addingReportingOverflow(pageBytes)
      guard !overflow,
        let start = unsafe mmap(
          nil, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        unsafe start != MAP_FAILED
      else { return nil }
      let before = -Int(bitPattern: start) & (pageBytes - 1)
      let memory = unsafe start + before
      // SAFETY: these parts belong to the mapping, and nobody knows them.
      if before > 0 { unsafe munmap(start, before) }
      unsafe munmap(memory + needed, pageBytes - before)
      // Without large pages it is memory all the same. The end of the last page stays in small ones.
      _ = unsafe madvise(memory, byteCount & -pageBytes, MADV_HUGEPAGE)
      return unsafe memory
    #else
      return nil
    #endif
  }

  /// Small pages that hold so many bytes.
  private static func mappedBytes(_ byteCount: Int) -> Int { (byteCount + 0xFFFF) & ~0xFFFF }
}
