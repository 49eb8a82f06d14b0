// Scratch memory: of products whose operands are packed inside the call, and of other kernels.

internal import Synchronization
internal import TarnKernelInterface

/// Blocks of memory that calls use one after another, so that no call pays for fresh pages.
///
/// All blocks have one size. At most ``kept`` are kept between calls; when more calls run at once,
/// the others allocate and free their own.
@safe enum Workspace {
  /// Columns of B that are packed at a time.
  static let columns = 1536

  /// Elements of a block: a k-block of that many columns.
  static let count = Blocking.depth * columns

  private static let kept = 8

  /// Addresses of blocks that nobody uses; 0 where there is none.
  private static let slots = Slots()

  @safe private final class Slots: Sendable {
    nonisolated(unsafe) let base: UnsafeMutablePointer<Atomic<UInt>>

    init() {
      // SAFETY: as many as are allocated, and never freed.
      unsafe base = .allocate(capacity: kept)
      for i in 0..<kept { unsafe (base + i).initialize(to: Atomic(0)) }
    }
  }

  /// Calls `body` with ``count`` elements of scratch memory, aligned to a cache line.
  static func with(_ body: (UnsafeMutablePointer<Float>) -> Void) {
    let block = unsafe take()
    unsafe body(block)
    unsafe giveBack(block)
  }

  private static func take() -> UnsafeMutablePointer<Float> {
    for i in 0..<kept {
      // SAFETY: i is below the number of slots; what a slot holds is a block's address, and the
      // exchange makes this call its only user.
      let address = unsafe slots.base[i].exchange(0, ordering: .acquiring)
      if let block = unsafe UnsafeMutablePointer<Float>(bitPattern: address) { return unsafe block }
    }
    return unsafe UnsafeMutableRawPointer.allocate(byteCount: count * 4, alignment: 64)
      .bindMemory(to: Float.self, capacity: count)
  }

  private static func giveBack(_ block: UnsafeMutablePointer<Float>) {
    for i in 0..<kept {
      // SAFETY: as in take.
      let result = unsafe slots.base[i].compareExchange(
        expected: 0, desired: UInt(bitPattern: block), ordering: .releasing)
      if result.exchanged { return }
    }
    // SAFETY: allocated in take and used by nobody any more.
    unsafe block.deallocate()
  }
}

/// Calls `body` with room for `count` elements, not initialised.
///
/// A few elements lie on the stack, more in a block of ``Workspace``, what is larger still is allocated.
func withScratch<T: BitwiseCopyable>(
  _ type: T.Type, _ count: Int, _ body: (UnsafeMutablePointer<T>) -> Void
) {
  let bytes = max(1, count) * MemoryLayout<T>.stride
  if bytes <= 1024 {
    unsafe withUnsafeTemporaryAllocation(of: T.self, capacity: max(1, count)) {
      // SAFETY: a temporary allocation of more than zero elements has an address.
      if let base = $0.baseAddress { unsafe body(base) }
    }
  } else if bytes <= Workspace.count * MemoryLayout<Float>.stride {
    unsafe Workspace.with {
      // SAFETY: large enough, aligned to a cache line, and of trivial type like what it held.
      unsafe body(UnsafeMutableRawPointer($0).bindMemory(to: T.self, capacity: count))
      _ = unsafe UnsafeMutableRawPointer($0).bindMemory(to: Float.self, capacity: Workspace.count)
    }
  } else {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    // SAFETY: allocated for count elements, freed after the only use.
    unsafe body(memory.bindMemory(to: T.self, capacity: count))
    unsafe memory.deallocate()
  }
}
