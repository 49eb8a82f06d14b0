// How operators run: which kernels, how many threads.

package import TarnKernelInterface
internal import TarnSystem

/// The instruction set and the number of threads that operators use.
///
/// Neither changes a result: all instruction sets with fused multiply-add give the same bits, and
/// so do all thread counts. The baseline has bits of its own.
public struct Execution: Sendable {
  /// The kernels that run.
  public let instructionSet: InstructionSet

  /// At most this many threads work on one call.
  public let threads: Int

  package let kernels: Kernels

  /// Chooses kernels and threads.
  ///
  /// - Parameters:
  ///   - instructionSet: nil takes TARN_ISA if it is set, else the fastest available.
  ///   - threads: nil takes TARN_NUM_THREADS if it is set, else the processors of this process.
  /// - Throws: ``TarnError/unknownInstructionSet(name:source:)``,
  ///   ``TarnError/unavailableInstructionSet(name:source:available:)``,
  ///   ``TarnError/invalidThreadCount(found:source:)``.
  public init(instructionSet: InstructionSet? = nil, threads: Int? = nil) throws(TarnError) {
    if let instructionSet {
      self.instructionSet = try InstructionSet(
        name: instructionSet.rawValue, source: "instructionSet")
    } else if let name = environmentVariable("TARN_ISA"), !name.isEmpty {
      self.instructionSet = try InstructionSet(name: name, source: "TARN_ISA")
    } else {
      self.instructionSet = .best
    }
    if let threads {
      self.threads = try Execution.checkedThreads(threads, "\(threads)", "threads")
    } else if let text = environmentVariable("TARN_NUM_THREADS"), !text.isEmpty {
      self.threads = try Execution.checkedThreads(Int(text), "\"\(text)\"", "TARN_NUM_THREADS")
    } else {
      self.threads = min(processorCount(), ThreadPool.limit)
    }
    kernels = self.instructionSet.kernels
  }

  /// The same kernels on so many threads, from 1 to ``ThreadPool/limit``.
  package init(_ other: Execution, threads: Int) {
    instructionSet = other.instructionSet
    kernels = other.kernels
    self.threads = threads
  }

  private static func checkedThreads(
    _ value: Int?, _ found: String, _ source: String
  ) throws(TarnError) -> Int {
    guard let value, (1...ThreadPool.limit).contains(value) else {
      throw .invalidThreadCount(found: found, source: source)
    }
    return value
  }

  /// The kernel table.
  package var table: KernelTable {
    @inline(__always) get { kernels.table }
  }

  /// Divides `0..<count` into ranges of at least `grain` and calls `body` once for each.
  ///
  /// Ranges start at multiples of `grain`; the last may be shorter. One thread gets one range.
  package func forEachRange(
    _ count: Int, grain: Int, _ body: @Sendable (Range<Int>) -> Void
  ) {
    guard count > 0 else { return }
    let grains = (count + grain - 1) / grain
    let chunks = threads == 1 ? 1 : min(grains, threads * 4)
    if chunks == 1 {
      body(0..<count)
      return
    }
    ThreadPool.shared.run(chunks, threads: threads) { i in
      let first = grains * i / chunks * grain
      let last = min(count, grains * (i + 1) / chunks * grain)
      if first < last { body(first..<last) }
    }
  }

  /// Rows that one part of a row operator holds at least, so that a fork pays.
  static let rowGrain = 16

  /// Divides the rows of y among threads: `body` gets their numbers, and these rows of x and of y.
  ///
  /// Every row once; x has at least as many as y.
  func forEachRows(
    _ x: Matrix, into y: inout Matrix,
    _ body: @Sendable (Range<Int>, MatrixView, MutableMatrixView) -> Void
  ) {
    x.withView { x in
      y.withMutableView { y in
        forEachRange(y.rows, grain: Execution.rowGrain) { body($0, x[rows: $0], y[rows: $0]) }
      }
    }
  }

  /// The same with two matrices that are read.
  func forEachRows(
    _ x: Matrix, _ y: Matrix, into z: inout Matrix,
    _ body: @Sendable (Range<Int>, MatrixView, MatrixView, MutableMatrixView) -> Void
  ) {
    y.withView { y in
      forEachRows(x, into: &z) { rows, x, z in body(rows, x, y[rows: rows], z) }
    }
  }

  /// Calls `body` once for each number below `count`.
  package func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
    ThreadPool.shared.run(count, threads: threads, body)
  }
}
