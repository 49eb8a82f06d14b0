// How much memory matrices and scratch take, and have taken.

internal import Synchronization

/// Bytes of the blocks that ``Memory`` has handed out.
package enum MemoryUse {
  private static let inUse = Atomic<Int>(0)
  private static let most = Atomic<Int>(0)

  /// Bytes of blocks that are in use now.
  package static var bytes: Int { inUse.load(ordering: .relaxed) }

  /// The most that ``bytes`` has been since the last call of ``restartPeak()``.
  package static var peak: Int { most.load(ordering: .relaxed) }

  /// Lets ``peak`` begin again at what is in use.
  package static func restartPeak() { most.store(bytes, ordering: .relaxed) }

  static func add(_ byteCount: Int) {
    let now = inUse.wrappingAdd(byteCount, ordering: .relaxed).newValue
    _ = most.max(now, ordering: .relaxed)
  }

  static func remove(_ byteCount: Int) {
    inUse.wrappingSubtract(byteCount, ordering: .relaxed)
  }
}
