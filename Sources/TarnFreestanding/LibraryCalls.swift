// The C functions that compiled Swift calls, for targets without a C library. Elsewhere this file is empty.

#if hasFeature(Embedded)

  /// `count` bytes from `source` to `destination`, which do not overlap.
  @c(memcpy)
  @unsafe
  public func copyMemory(
    _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
  ) -> UnsafeMutableRawPointer {
    // SAFETY: as the C standard says of memcpy.
    unsafe copyBytes(from: source, to: destination, count: count)
    return unsafe destination
  }

  /// `count` bytes from `source` to `destination`, which may overlap.
  @c(memmove)
  @unsafe
  public func moveMemory(
    _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
  ) -> UnsafeMutableRawPointer {
    // SAFETY: as the C standard says of memmove.
    unsafe moveBytes(from: source, to: destination, count: count)
    return unsafe destination
  }

  /// `value`, as a byte, to `count` bytes.
  @c(memset)
  @unsafe
  public func setMemory(
    _ destination: UnsafeMutableRawPointer, _ value: Int32, _ count: Int
  ) -> UnsafeMutableRawPointer {
    // SAFETY: as the C standard says of memset.
    unsafe fillBytes(destination, with: UInt8(truncatingIfNeeded: value), count: count)
    return unsafe destination
  }

  /// Below, at or above 0 as `a` is less than, equal to or greater than `b`.
  @c(memcmp)
  @unsafe
  public func compareMemory(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Int32 {
    // SAFETY: as the C standard says of memcmp.
    unsafe compareBytes(a, b, count: count)
  }

  // MARK: Arithmetic

  /// What `Double(text)` calls: the number to `result`, and where it ends; nil if there is none.
  @c(_swift_stdlib_strtod_clocale)
  @unsafe
  public func parseDouble(
    _ text: UnsafePointer<CChar>, _ result: UnsafeMutablePointer<Double>
  ) -> UnsafePointer<CChar>? {
    var count = 0
    // SAFETY: a C string, which a 0 ends.
    while unsafe text[count] != 0 { count += 1 }
    let bytes = unsafe UnsafeRawBufferPointer(start: text, count: count)
    guard let (value, end) = unsafe parseDecimal(bytes) else { return nil }
    // SAFETY: the caller's variable.
    unsafe result.pointee = value
    return unsafe text + end
  }

  #if arch(wasm32)
    /// The lower 128 bits of a product, which WebAssembly has no instruction for.
    @c(__multi3)
    @unsafe
    public func multiply128(
      _ result: UnsafeMutablePointer<UInt64>, _ a: UInt64, _ aHigh: UInt64, _ b: UInt64,
      _ bHigh: UInt64
    ) {
      let (high, low) = fullProduct(a, b)
      // SAFETY: room for 128 bits, as the compiler has it.
      unsafe result[0] = low
      unsafe result[1] = high &+ a &* bHigh &+ aHigh &* b
    }
  #endif

  // MARK: Stack protection

  /// What a function with a buffer puts behind it, and finds there when it returns.
  ///
  /// Fixed: the check finds accidents, it does not keep an attacker out. Bytes that end strings are in it.
  @_silgen_name("__stack_chk_guard")
  public let stackGuard: UInt = 0x000A_FF0D

  /// Called where the guard has changed: the stack was overwritten, so nothing can go on.
  @c(__stack_chk_fail)
  public func stackWasOverwritten() -> Never { fatalError() }

  // MARK: Standard output and chance

  /// What `print` gives its bytes to, one by one; nil drops them.
  nonisolated(unsafe) public var standardOutput: (@convention(c) (UInt8) -> Void)?

  /// The C function that `print` calls.
  @c(putchar)
  public func putCharacter(_ character: Int32) -> Int32 {
    let byte = UInt8(truncatingIfNeeded: character)
    // SAFETY: set before the first line is printed, or never.
    unsafe standardOutput?(byte)
    return Int32(byte)
  }

  /// What the seeds of dictionaries and sets begin with.
  ///
  /// Fixed, so that every run is the same. Where keys come from strangers who might choose them to
  /// collide, set it from a source of chance before the first dictionary is made.
  nonisolated(unsafe) public var hashSeed: UInt64 = 0x7461_726E_6861_7368

  /// Fills `count` bytes from a sequence that begins with ``hashSeed``.
  ///
  /// Not random: SplitMix64 (Steele, Lea, Flood 2014), the same each time it is called.
  @c(arc4random_buf)
  @unsafe
  public func fillWithChance(_ destination: UnsafeMutableRawPointer, _ count: Int) {
    // SAFETY: set before the first dictionary, or never.
    var state = unsafe hashSeed
    var bits: UInt64 = 0
    for i in 0..<count {
      if i % 8 == 0 {
        state &+= 0x9E37_79B9_7F4A_7C15
        bits = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        bits ^= bits >> 31
      }
      // SAFETY: i is below count.
      unsafe destination.storeBytes(
        of: UInt8(truncatingIfNeeded: bits), toByteOffset: i, as: UInt8.self)
      bits >>= 8
    }
  }

#endif
