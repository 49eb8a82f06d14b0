// Fork-join: each chunk once, on no more threads than asked for, from anywhere.

import Foundation
import Synchronization
import Tarn
import TarnTestSupport
import Testing

/// A value behind a lock of the system: the thread sanitizer does not see that `Mutex` locks.
private final class Locked<Value>: @unchecked Sendable {
  private var value: Value
  private let lock = NSLock()

  init(_ value: Value) { self.value = value }

  func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
    lock.withLock { body(&value) }
  }
}

@Suite struct ThreadPoolTests {
  @Test(arguments: [1, 2, 3, 7, 16])
  func eachChunkRunsOnce(threads: Int) throws {
    let execution = try Execution(threads: threads)
    for count in [0, 1, 2, 3, 8, 100] {
      let runs = Locked([Int](repeating: 0, count: count))
      execution.forEach(count) { i in runs.withLock { $0[i] += 1 } }
      #expect(runs.withLock { $0 } == [Int](repeating: 1, count: count))
    }
  }

  @Test(arguments: [1, 2, 3, 7])
  func rangesCoverAllAndStartAtMultiplesOfTheGrain(threads: Int) throws {
    let execution = try Execution(threads: threads)
    for count in [0, 1, 15, 16, 17, 100, 1000] {
      for grain in [1, 7, 16, 2000] {
        let found = Locked<[Range<Int>]>([])
        execution.forEachRange(count, grain: grain) { range in
          found.withLock { $0.append(range) }
        }
        let ranges = found.withLock { $0.sorted { $0.lowerBound < $1.lowerBound } }
        #expect(ranges.flatMap { Array($0) } == Array(0..<count))
        #expect(ranges.allSatisfy { $0.lowerBound % grain == 0 })
        #expect(threads > 1 || ranges.count <= 1)
      }
    }
  }

  @Test func aNestedCallRunsOnItsCallersThread() throws {
    let execution = try Execution(threads: 4)
    let strays = Atomic(0)
    let runs = Atomic(0)
    execution.forEach(8) { _ in
      let outer = pthread_self()
      execution.forEach(8) { _ in
        runs.wrappingAdd(1, ordering: .relaxed)
        if pthread_equal(outer, pthread_self()) == 0 {
          strays.wrappingAdd(1, ordering: .relaxed)
        }
      }
    }
    #expect(runs.load(ordering: .relaxed) == 64)
    // The outer loop may itself have run serially beside another test; its chunks then own no
    // workers, and an inner call may have taken them.
    #expect(strays.load(ordering: .relaxed) < 64)
  }

  /// In a process of its own, so that the workers are free: two chunks that wait for one another
  /// finish only if a worker takes one of them, and nested calls stay where they are.
  @Test func workersTakePartAgainAndAgain() async {
    await #expect(processExitsWith: .success) {
      let execution = try Execution(threads: 2)
      for round in 0..<200 {
        let inside = Atomic(0)
        let strays = Atomic(0)
        execution.forEach(2) { _ in
          inside.wrappingAdd(1, ordering: .sequentiallyConsistent)
          while inside.load(ordering: .sequentiallyConsistent) < 2 { sched_yield() }
          let outer = pthread_self()
          execution.forEach(3) { _ in
            if pthread_equal(outer, pthread_self()) == 0 {
              strays.wrappingAdd(1, ordering: .relaxed)
            }
          }
        }
        #expect(strays.load(ordering: .relaxed) == 0)
        // Long enough, now and then, for the worker to go to sleep and need waking.
        if round % 20 == 0 { usleep(20_000) }
      }
    }
  }

  @Test func noMoreThreadsThanAskedForTakePart() async {
    await #expect(processExitsWith: .success) {
      try Execution(threads: 7).forEach(100) { _ in usleep(100) }
      let seen = Locked<Set<UInt>>([])
      try Execution(threads: 3).forEach(200) { _ in
        let thread = UInt(pthread_self())
        seen.withLock { _ = $0.insert(thread) }
        usleep(100)
      }
      #expect(seen.withLock { $0.count } <= 3)
      #expect(seen.withLock { $0.count } >= 2)
    }
  }

  @Test func aThousandTinyForkJoinsFinish() throws {
    let execution = try Execution(threads: 4)
    let runs = Atomic(0)
    for _ in 0..<1000 {
      execution.forEach(4) { _ in runs.wrappingAdd(1, ordering: .relaxed) }
    }
    #expect(runs.load(ordering: .relaxed) == 4000)
  }

  /// More calls at once than scratch blocks are kept.
  @Test func twelveTasksAtOncePackTheirOperandsApart() async throws {
    let (m, k, n) = (9, 400, 200)
    var random = SplitMix64(seed: 12)
    let a = try Matrix(rows: m, columns: k, random.floats(m * k))
    let factors = try (0..<12).map { _ in
      try Matrix(rows: n, columns: k, random.floats(n * k))
    }
    let product = { @Sendable (b: Matrix, threads: Int) throws -> [Float] in
      var c = try Matrix(rows: m, columns: n)
      try matmul(a, b, transposingB: true, into: &c, on: Execution(threads: threads))
      return c.elements
    }
    let alone = try factors.map { try product($0, 1) }
    try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
      for round in 0..<5 {
        for (i, b) in factors.enumerated() {
          group.addTask { (i, try product(b, 1 + (i + round) % 3)) }
        }
      }
      for try await (i, c) in group { #expect(c == alone[i]) }
    }
  }

  @Test func sixteenTasksAtOnceGetTheBitsOfOne() async throws {
    let alone = try operatorBattery(on: Execution(threads: 1)).map(\.hash)
    try await withThrowingTaskGroup(of: [UInt64].self) { group in
      for _ in 0..<16 {
        group.addTask { try operatorBattery(on: Execution(threads: 4)).map(\.hash) }
      }
      for try await hashes in group { #expect(hashes == alone) }
    }
  }
}
