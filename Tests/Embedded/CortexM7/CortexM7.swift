// Start and system calls of a program on a Cortex-M7 under Arm's semihosting, whose calls are numbered in
// "Semihosting for AArch32 and AArch64", section 6. Swift with a heap, and nothing below it.

import TarnFreestanding

@_extern(c, "semihost")
private func semihost(_ operation: Int32, _ argument: UnsafeRawPointer?) -> Int32

@_extern(c, "main")
private func main(_ count: Int32, _ arguments: UnsafePointer<UnsafePointer<CChar>>?) -> Int32

/// Symbols of memory.ld, whose addresses are what they say.
@_extern(c, "__heap_start") private func heapStart()
@_extern(c, "__heap_size") private func heapSize()
@_extern(c, "__stack_bottom") private func stackBottom()
@_extern(c, "__stack_top") private func stackTop()

private func address(_ symbol: @convention(c) () -> Void) -> Int {
  // The lowest bit of a function's address says Thumb; these are no functions.
  Int(bitPattern: unsafeBitCast(symbol, to: UnsafeRawPointer.self))
}

/// The host's file that `read` reads, -1 before it is open.
nonisolated(unsafe) private var input: Int32 = -1

/// What the reset routine calls.
@c(start_program)
public func startProgram() {
  guard let heap = UnsafeMutableRawPointer(bitPattern: address(heapStart)),
    startHeap(heap, address(heapSize))
  else { exit(3) }
  standardOutput = { byte in
    var byte = byte
    // SYS_WRITEC.
    _ = semihost(0x03, &byte)
  }
  _ = main(0, nil)
  report()
  exit(0)
}

/// What every exception calls, a trap of Swift's among them.
@c(report_fault)
public func reportFault(_ place: UInt) -> Never {
  print("fault at 0x" + String(place, radix: 16))
  report()
  exit(134)
}

/// Prints how deep the stack and how large the heap were.
private func report() {
  let painted = UnsafePointer<UInt32>(bitPattern: address(stackBottom))
  var untouched = 0
  while let painted, painted[untouched] == 0xA5A5_A5A5 { untouched += 1 }
  let deepest = address(stackTop) - address(stackBottom) - 4 * untouched
  print("stack: \(deepest) bytes, heap: \(heapHighWaterMark()) bytes")
}

/// Reads the file that the second word of the command line names; 0 at its end.
@c(read)
public func read(_ file: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
  if input < 0 { input = openArgument() }
  let request: (Int32, UnsafeMutableRawPointer?, Int) = (input, buffer, count)
  // SYS_READ answers the number of bytes that it did not read.
  return withUnsafeBytes(of: request) { count - Int(semihost(0x06, $0.baseAddress)) }
}

private func openArgument() -> Int32 {
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { line in
    let room: (UnsafeMutablePointer<UInt8>?, Int) = (line.baseAddress, line.count)
    // SYS_GET_CMDLINE.
    guard withUnsafeBytes(of: room, { semihost(0x15, $0.baseAddress) }) == 0,
      let space = line.firstIndex(of: UInt8(ascii: " ")),
      let end = line[space...].firstIndex(of: 0)
    else { exit(2) }
    // SYS_OPEN, mode 1: a binary file, to read.
    let request: (UnsafeMutablePointer<UInt8>?, Int32, Int) = (
      line.baseAddress.map { $0 + space + 1 }, 1, end - space - 1
    )
    return withUnsafeBytes(of: request) { semihost(0x01, $0.baseAddress) }
  }
}

/// Ends the emulator with a status.
@c(exit)
public func exit(_ status: Int32) -> Never {
  // SYS_EXIT_EXTENDED, reason "application exit".
  let reason: (Int, Int32) = (0x20026, status)
  _ = withUnsafeBytes(of: reason) { semihost(0x20, $0.baseAddress) }
  while true {}
}
