// The allocation that compiled Swift calls, over one heap for the program, for targets without a C library.
//
// The compiler keeps the name `free` for such a library and warns of ours, which is the one where there is
// none; hence the exception in Package.swift. malloc, calloc and realloc are C's: Swift calls none of them.

#if hasFeature(Embedded)

  /// The program's heap, nil until `startHeap` is called.
  nonisolated(unsafe) private var heap: FreestandingHeap?

  /// Gives the program the memory that Swift's classes, arrays and strings live in.
  ///
  /// Call it before anything else of the program runs, once. Also the C function `tarn_start_heap`, for
  /// a start-up routine or a host that is not written in Swift. Answers whether the memory is a heap
  /// now: it is not where it has fewer than 544 bytes, or where there was one already.
  @c(tarn_start_heap)
  @unsafe
  public func startHeap(_ start: UnsafeMutableRawPointer, _ bytes: Int) -> Bool {
    // SAFETY: the one heap is used by one caller at a time, here and below, as the type's comment asks.
    guard unsafe heap == nil else { return false }
    unsafe heap = FreestandingHeap(UnsafeMutableRawBufferPointer(start: start, count: bytes))
    return unsafe heap != nil
  }

  /// Gives the program `bytes` bytes more, behind what ``startHeap(_:_:)`` gave.
  ///
  /// Also the C function `tarn_grow_heap`: a WebAssembly host calls it after `memory.grow`.
  @c(tarn_grow_heap)
  public func growHeap(_ bytes: Int) { unsafe heap?.grow(by: bytes) }

  /// Bytes of all blocks in use, with their headers.
  @c(tarn_heap_in_use)
  public func heapBytesInUse() -> Int { unsafe heap?.bytesInUse ?? 0 }

  /// The most that ``heapBytesInUse()`` has been.
  @c(tarn_heap_high_water)
  public func heapHighWaterMark() -> Int { unsafe heap?.highWaterMark ?? 0 }

  /// The most bytes that one allocation could get now.
  @c(tarn_heap_largest_free)
  public func heapLargestFreeBlock() -> Int { unsafe heap?.largestFreeBlock ?? 0 }

  /// Stores the address of a block to `result`; 12, C's ENOMEM, where there is none.
  @c(posix_memalign)
  @unsafe
  public func allocateAligned(
    _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ bytes: Int
  ) -> Int32 {
    guard let block = unsafe heap?.allocate(bytes: bytes, alignment: alignment) else { return 12 }
    // SAFETY: the caller's variable, as POSIX has it.
    unsafe result.pointee = block
    return 0
  }

  /// Gives a block back; nil is none.
  @c(free)
  @unsafe
  public func freeBlock(_ block: UnsafeMutableRawPointer?) {
    if let block = unsafe block { unsafe heap?.deallocate(block) }
  }

#endif
