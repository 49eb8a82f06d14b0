// What the program asks of a system, without its modules: the C library's functions, or WASI's.

#if !arch(wasm32)

  @_extern(c, "read") private func read(
    _ file: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int
  ) -> Int
  @_extern(c, "exit") private func exit(_ status: Int32)

  #if !arch(arm)
    @_extern(c, "strtod") private func strtod(
      _ text: UnsafePointer<CChar>, _ end: UnsafeMutablePointer<UnsafePointer<CChar>?>
    ) -> Double

    /// What `Double(_:)` calls, where TarnFreestanding is not linked: the number, and where it ends.
    @c(_swift_stdlib_strtod_clocale)
    public func readDouble(
      _ text: UnsafePointer<CChar>, _ result: UnsafeMutablePointer<Double>
    ) -> UnsafePointer<CChar>? {
      var end: UnsafePointer<CChar>?
      result.pointee = strtod(text, &end)
      return end
    }
  #endif

#else

  import TarnFreestanding

  @_extern(wasm, module: "wasi_snapshot_preview1", name: "fd_read")
  @_extern(c)
  private func fd_read(
    _ file: Int32, _ parts: UnsafeRawPointer, _ count: Int32,
    _ done: UnsafeMutablePointer<Int>
  ) -> Int32
  @_extern(wasm, module: "wasi_snapshot_preview1", name: "fd_write")
  @_extern(c)
  private func fd_write(
    _ file: Int32, _ parts: UnsafeRawPointer, _ count: Int32,
    _ done: UnsafeMutablePointer<Int>
  ) -> Int32
  @_extern(wasm, module: "wasi_snapshot_preview1", name: "proc_exit")
  @_extern(c)
  private func exit(_ status: Int32)

  /// The instruction `memory.grow`: the number of pages that there were, or -1.
  @_extern(c, "llvm.wasm.memory.grow.i32")
  private func growMemory(_ memory: Int32, _ pages: Int32) -> Int32

  /// A piece of memory as WASI's calls take it.
  private struct WASIPart {
    var base: UnsafeMutablePointer<UInt8>?
    var count: Int
  }

  private func read(_ file: Int32, _ buffer: UnsafeMutablePointer<UInt8>?, _ count: Int) -> Int {
    var part = WASIPart(base: buffer, count: count)
    var done = 0
    return fd_read(file, &part, 1, &done) == 0 ? done : 0
  }

  /// Where a host of WASI begins: memory first, then the program.
  @c(_start)
  public func start() {
    let pages: Int32 = 1024
    let first = growMemory(0, pages)
    let base = UnsafeMutableRawPointer(bitPattern: Int(first) << 16)
    guard first > 0, let base, startHeap(base, Int(pages) << 16) else { exit(3); return }
    standardOutput = { byte in
      var byte = byte
      withUnsafeMutablePointer(to: &byte) { byte in
        var part = WASIPart(base: byte, count: 1)
        var done = 0
        _ = fd_write(1, &part, 1, &done)
      }
    }
    TarnGoldenHashes.main()
  }

#endif

/// Reads into a buffer; 0 at the end of standard input and on an error.
func systemRead(_ buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
  max(0, read(0, buffer.baseAddress, buffer.count))
}

/// Ends the program.
func leave(status: Int32) -> Never {
  exit(status)
  // The call does not return, which its type cannot say.
  fatalError()
}

/// Nil: nothing follows the program's name.
func expectedLines() -> [String]? { nil }
