// What Embedded builds answer where others ask an operating system: there is none.

/// Nil: there is no environment.
package func environmentVariable(_ name: String) -> String? { nil }

/// One: there are no threads.
package func processorCount() -> Int { 1 }

/// Stands for the pool of threads: the caller does all the work.
package struct ThreadPool: Sendable {
  /// The only one.
  package static let shared = ThreadPool()

  /// The largest thread count that may be asked for.
  package static let limit = 1

  /// Calls `body` once for each number below `count`.
  package func run(_ count: Int, threads: Int, _ body: @Sendable (Int) -> Void) {
    for i in 0..<count { body(i) }
  }
}

/// Stands for the lock of the same name: with one thread, nobody else can be inside.
///
/// An interrupt handler must not call Tarn.
package final class Mutex<Value>: @unchecked Sendable {
  private var value: Value

  /// Holds a value.
  package init(_ value: Value) { self.value = value }

  /// Calls `body` with the value.
  package func withLock<Result, Failure>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(&value)
  }
}
