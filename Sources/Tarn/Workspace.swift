// Scratch memory: of products whose operands are packed inside the call, and of other kernels.

internal import Synchronization
internal import TarnKernelInterface
internal import TarnSystem

/// Blocks of memory that calls use one after another, so that no call pays for fresh pages.
///
/// All blocks have one size. At most ``kept`` are kept between calls; when more calls run at once,
/// the others allocate and free their own.
@safe enum Workspace {
  /// Columns of B that are packed at a time; a multiple of a panel's.
  ///
  /// Results do not depend on it. Embedded builds have 147 kB of scratch in place of 2.4 MB.
  static var columns: Int {
    #if hasFeature(Embedded)
      2 * PackedView.panelWidth
    #else
      32 * PackedView.panelWidth
    #endif
  }

  /// Elements of a block: a k-block of that many columns.
  static var count: Int { Blocking.depth * columns }

  private static var kept: Int { min(8, ThreadPool.limit) }

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
    return unsafe allocate(count * 4).bindMemory(to: Float.self, capacity: count)
  }

  private static func giveBack(_ block: UnsafeMutablePointer<Float>) {
    for i in 0..<kept {
      // SAFETY: as in take.
      let result = unsafe slots.base[i].compareExchange(
        expected: 0, desired: UInt(bitPattern: block), ordering: .releasing)
      if result.exchanged { return }
    }
    // SAFETY: allocated in take and used by nobody any more.
    unsafe Memory.deallocate(block, count * 4)
  }

  /// Memory for scratch of so many bytes; traps where there is none.
  ///
  /// Scratch is needed where work has begun and nothing can be thrown any more.
  fileprivate static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    guard let memory = unsafe Memory.allocate(byteCount) else {
      fatalError("no memory for \(byteCount) bytes of scratch")
    }
    return unsafe memory
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
    let memory = unsafe Workspace.allocate(bytes)
    // SAFETY: allocated for count elements, freed after the only use.
    unsafe body(memory.bindMemory(to: T.self, capacity: count))
    unsafe Memory.deallocate(memory, bytes)
  }
}
