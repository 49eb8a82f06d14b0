// What the run-time ABI for the Arm architecture (RTABI, section 4.3.4) has the compiler call for memory.
// Arguments of the fills come in an order of their own: address, bytes, value.

#if hasFeature(Embedded) && arch(arm)

  /// memcpy without an answer.
  @c(__aeabi_memcpy)
  @unsafe
  public func armCopy(
    _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
  ) {
    // SAFETY: as memcpy's.
    unsafe copyBytes(from: source, to: destination, count: count)
  }

  /// memcpy, both addresses multiples of 4.
  @c(__aeabi_memcpy4)
  @unsafe
  public func armCopy4(
    _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
  ) {
    // SAFETY: as memcpy's.
    unsafe armCopy(destination, source, count)
  }

  /// memcpy, both addresses multiples of 8.
  @c(__aeabi_memcpy8)
  @unsafe
  public func armCopy8(
    _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
  ) {
    // SAFETY: as memcpy's.
    unsafe armCopy(destination, source, count)
  }

  /// memmove without an answer.
  @c(__aeabi_memmove)
  @unsafe
  public func armMove(
    _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
  ) {
    // SAFETY: as memmove's.
    unsafe moveBytes(from: source, to: destination, count: count)
  }

  /// memmove, both addresses multiples of 4.
  @c(__aeabi_memmove4)
  @unsafe
  public func armMove4(
    _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
  ) {
    // SAFETY: as memmove's.
    unsafe armMove(destination, source, count)
  }

  /// memmove, both addresses multiples of 8.
  @c(__aeabi_memmove8)
  @unsafe
  public func armMove8(
    _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
  ) {
    // SAFETY: as memmove's.
    unsafe armMove(destination, source, count)
  }

  /// memset, its last two arguments exchanged.
  @c(__aeabi_memset)
  @unsafe
  public func armFill(_ destination: UnsafeMutableRawPointer, _ count: Int, _ value: Int32) {
    // SAFETY: as memset's.
    unsafe fillBytes(destination, with: UInt8(truncatingIfNeeded: value), count: count)
  }

  /// memset of an address that is a multiple of 4.
  @c(__aeabi_memset4)
  @unsafe
  public func armFill4(_ destination: UnsafeMutableRawPointer, _ count: Int, _ value: Int32) {
    // SAFETY: as memset's.
    unsafe armFill(destination, count, value)
  }

  /// memset of an address that is a multiple of 8.
  @c(__aeabi_memset8)
  @unsafe
  public func armFill8(_ destination: UnsafeMutableRawPointer, _ count: Int, _ value: Int32) {
    // SAFETY: as memset's.
    unsafe armFill(destination, count, value)
  }

  /// `count` zero bytes.
  @c(__aeabi_memclr)
  @unsafe
  public func armClear(_ destination: UnsafeMutableRawPointer, _ count: Int) {
    // SAFETY: as memset's.
    unsafe armFill(destination, count, 0)
  }

  /// `count` zero bytes from a multiple of 4.
  @c(__aeabi_memclr4)
  @unsafe
  public func armClear4(_ destination: UnsafeMutableRawPointer, _ count: Int) {
    // SAFETY: as memset's.
    unsafe armFill(destination, count, 0)
  }

  /// `count` zero bytes from a multiple of 8.
  @c(__aeabi_memclr8)
  @unsafe
  public func armClear8(_ destination: UnsafeMutableRawPointer, _ count: Int) {
    // SAFETY: as memset's.
    unsafe armFill(destination, count, 0)
  }

#endif
