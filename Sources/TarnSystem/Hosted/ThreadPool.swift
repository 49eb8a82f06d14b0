// One pool of worker threads for the process: fork-join over numbered chunks.

internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Worker threads that are started when first needed and then kept.
///
/// `run` hands out chunk numbers from a counter; the caller works too. Who computes a chunk never
/// changes a result, so thread counts do not either. While one caller has the workers, others (and
/// calls from inside a chunk) run their chunks themselves: nobody waits, nothing can deadlock.
///
/// The workers spin for some microseconds after a job, then sleep. A process that forks must not
/// use Tarn in the child before it calls exec.
@safe package final class ThreadPool: @unchecked Sendable {
  /// The pool of the process.
  package static let shared = ThreadPool()

  /// The largest thread count that may be asked for.
  package static let limit = 1024

  /// Rounds of looking for work before a worker sleeps.
  private static let spins = 20_000

  // One word tells the state of the job: its number, whether it can be entered, workers inside.
  private static let openBit: UInt64 = 1 << 16
  private static let insideMask: UInt64 = (1 << 16) - 1
  private static let number: UInt64 = 1 << 17

  private let owned = Atomic<Bool>(false)
  private let state = Atomic<UInt64>(0)
  private let next = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)

  // Written by the owner before the job opens, read by workers that have entered it.
  private var body: (@Sendable (Int) -> Void)?
  private var count = 0
  private var helpers = 0

  private var workers = 0
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  private init() {
    // SAFETY: allocated once for the life of the process, initialised before any thread sees them.
    unsafe mutex = .allocate(capacity: 1)
    unsafe condition = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(condition, nil)
  }

  /// Calls `body` once for each number below `count`, on at most `threads` threads.
  package func run(_ count: Int, threads: Int, _ body: @Sendable (Int) -> Void) {
    let helpers = min(threads, count) - 1
    guard helpers > 0,
      owned.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    else {
      for i in 0..<count { body(i) }
      return
    }
    defer { owned.store(false, ordering: .releasing) }
    startWorkers(helpers)
    withoutActuallyEscaping(body) { body in
      self.body = body
      self.count = count
      self.helpers = helpers
      next.store(0, ordering: .relaxed)
      let closed = state.load(ordering: .relaxed)
      state.store(
        (closed / Self.number + 1) * Self.number | Self.openBit, ordering: .sequentiallyConsistent)
      if sleepers.load(ordering: .sequentiallyConsistent) > 0 { wake() }
      work(body, count)
      state.bitwiseAnd(~Self.openBit, ordering: .acquiringAndReleasing)
      var rounds = 0
      while state.load(ordering: .acquiring) & Self.insideMask != 0 {
        rounds += 1
        if rounds % 1024 == 0 { sched_yield() }
      }
      self.body = nil
    }
  }

  private func work(_ body: @Sendable (Int) -> Void, _ count: Int) {
    while true {
      let i = next.wrappingAdd(1, ordering: .relaxed).oldValue
      if i >= count { return }
      body(i)
    }
  }

  /// A worker's life: enter each job once, if it is still open and wants this many helpers.
  private func serve(_ index: Int) {
    var seen: UInt64 = 0
    while true {
      var word = waitForJob(after: seen)
      seen = word / Self.number
      var entered = false
      while word & Self.openBit != 0 && word / Self.number == seen {
        let result = state.compareExchange(
          expected: word, desired: word + 1, ordering: .acquiringAndReleasing)
        if result.exchanged {
          entered = true
          break
        }
        word = result.original
      }
      guard entered else { continue }
      if index < helpers { help() }
      state.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    }
  }

  /// Works on the open job.
  ///
  /// A function of its own: the reference to the body must be gone before the worker leaves the
  /// job. Bound in the loop of `serve`, a debug build of Swift 6.3.1 never released it.
  @inline(never)
  private func help() {
    guard let body else { return }
    work(body, count)
  }

  private func isNew(_ word: UInt64, _ seen: UInt64) -> Bool {
    word & Self.openBit != 0 && word / Self.number != seen
  }

  /// Spins, then sleeps, until a job is open that this worker has not seen.
  private func waitForJob(after seen: UInt64) -> UInt64 {
    for round in 1...Self.spins {
      let word = state.load(ordering: .acquiring)
      if isNew(word, seen) { return word }
      if round % 1024 == 0 { sched_yield() }
    }
    // SAFETY: both were initialised in init and are never destroyed.
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
    defer { sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
    while true {
      let word = state.load(ordering: .sequentiallyConsistent)
      if isNew(word, seen) { return word }
      unsafe pthread_cond_wait(condition, mutex)
    }
  }

  private func wake() {
    // SAFETY: as in waitForJob.
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_broadcast(condition)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Starts workers until there are `wanted`.
  ///
  /// Only the owner calls it. Fewer is no error.
  private func startWorkers(_ wanted: Int) {
    while workers < wanted {
      let start = WorkerStart(pool: self, index: workers)
      // SAFETY: the reference is retained here and released by the new thread, or below.
      let argument = unsafe Unmanaged.passRetained(start)
      if unsafe !startThread(argument.toOpaque()) {
        unsafe argument.release()
        return
      }
      workers += 1
    }
  }

  private func startThread(_ argument: UnsafeMutableRawPointer) -> Bool {
    var attributes = pthread_attr_t()
    // SAFETY: attributes are initialised before use and destroyed after; musl's default stack is
    // too small to rely on.
    guard unsafe pthread_attr_init(&attributes) == 0 else { return false }
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setstacksize(&attributes, 1 << 20)
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    #if canImport(Darwin)
      var thread: pthread_t?
      return unsafe pthread_create(
        &thread, &attributes,
        { argument in
          unsafe ThreadPool.enter(argument)
          return nil
        }, argument) == 0
    #else
      var thread = pthread_t()
      return unsafe pthread_create(
        &thread, &attributes,
        { argument in
          if let argument = unsafe argument { unsafe ThreadPool.enter(argument) }
          return nil
        }, argument) == 0
    #endif
  }

  private static func enter(_ argument: UnsafeMutableRawPointer) {
    // SAFETY: the pointer is the retained WorkerStart of startWorkers.
    let start = unsafe Unmanaged<WorkerStart>.fromOpaque(argument).takeRetainedValue()
    start.pool.serve(start.index)
  }
}

/// What a new worker is told.
private final class WorkerStart: Sendable {
  let pool: ThreadPool
  let index: Int

  init(pool: ThreadPool, index: Int) {
    self.pool = pool
    self.index = index
  }
}
