// The denominators: what one core can compute, read and copy at most.

import Tarn
import TarnKernelInterface
import TarnSystem

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Memory to read and to copy, written before it is read.
final class BandwidthProbe {
  private let machine: MachineKernels
  private var source: Matrix
  private var target: Matrix
  /// Keeps the loops alive.
  private(set) var sink: Float = 0

  /// Memory for at most so many bytes.
  init(_ execution: Execution, bytes: Int) throws {
    machine = execution.table.machine
    let count = BandwidthProbe.elements(bytes)
    source = Matrix((0..<count).map { Float($0 & 1023) })
    target = try Matrix(rows: 1, columns: count)
    copy(bytes, bySystem: true)
  }

  /// The number of elements, a multiple of what the kernels take at once.
  private static func elements(_ bytes: Int) -> Int { max(1, (bytes + 511) / 512) * 128 }

  /// Reads so many bytes.
  func read(_ bytes: Int) {
    let count = min(source.columns, BandwidthProbe.elements(bytes))
    // SAFETY: the matrix has at least that many elements.
    sink = source.withView { x in unsafe machine.readAll(x.base, count) }
  }

  /// Reads half of so many bytes and writes the other half, by the C library or by plain stores.
  func copy(_ bytes: Int, bySystem: Bool) {
    let count = min(source.columns, BandwidthProbe.elements(bytes / 2))
    source.withView { x in
      target.withMutableView { y in
        // SAFETY: both matrices have at least that many elements, and they are two matrices.
        if bySystem {
          unsafe memcpy(y.base, x.base, 4 * count)
        } else {
          unsafe machine.copyAll(x.base, y.base, count)
        }
      }
    }
  }

  /// What measures copying: the limit is the faster one.
  func copies(_ bytes: Int) -> [() throws -> Void] {
    [{ self.copy(bytes, bySystem: true) }, { self.copy(bytes, bySystem: false) }]
  }
}

/// Bandwidth at one level of the memory.
struct LevelBandwidth {
  /// `L1`, `L2`, `L3`, `memory`.
  var name: String
  /// All bytes that are touched.
  var workingSet: Int
  var read: Timing
  var copy: Timing

  // A roof is what has been reached once: the best round.

  /// Bytes a second.
  var readRate: Double { Double(workingSet) / read.best }
  /// Bytes read and written a second.
  var copyRate: Double { Double(workingSet) / copy.best }
  /// The better of the two: a roof.
  var best: Double { max(readRate, copyRate) }
}

/// One core's peak and its bandwidth at each level, measured in turn.
struct MachineLimits {
  let instructionSet: InstructionSet
  private let peakTiming: Timing
  private let peakOperations: Double
  private(set) var levels: [LevelBandwidth] = []

  /// Operations a second, in the best round.
  var peak: Double { peakOperations / peakTiming.best }

  init(_ set: InstructionSet, _ settings: BenchmarkSettings) throws {
    let execution = try Execution(instructionSet: set, threads: 1)
    let sets = MachineLimits.workingSets(isQuick: settings.isQuick)
    let probe = try BandwidthProbe(execution, bytes: sets.map(\.bytes).max() ?? 0)
    var operations = 0
    var bodies: [() throws -> Void] = [
      { operations = execution.table.machine.multiplyAddPeak(100_000).operations }
    ]
    for (_, bytes) in sets { bodies += [{ probe.read(bytes) }] + probe.copies(bytes) }
    var times = InterleavedTimes(settings)
    try times.measure(bodies)
    instructionSet = set
    peakTiming = times.timings[0]
    peakOperations = Double(operations)
    for (i, (name, bytes)) in sets.enumerated() {
      let copies = times.timings[3 * i + 2...3 * i + 3]
      levels.append(
        LevelBandwidth(
          name: name, workingSet: bytes, read: times.timings[3 * i + 1],
          copy: copies.min { $0.best < $1.best } ?? times.timings[3 * i + 2]))
    }
  }

  /// Half of the first and second level, a quarter of the third, four times the last.
  ///
  /// Half, because the stack and the other array want room too; a quarter, because others share it.
  private static func workingSets(isQuick: Bool) -> [(name: String, bytes: Int)] {
    var sizes: [Int: Int] = [:]
    for cache in Cache.all() where cache.type != "instruction" { sizes[cache.level] = cache.bytes }
    if sizes.isEmpty { sizes = [1: 32 << 10, 2: 512 << 10, 3: 16 << 20] }
    let levels = sizes.sorted { $0.key < $1.key }
    let last = levels.last?.value ?? 0
    let memory = isQuick ? 64 << 20 : min(max(4 * last, 64 << 20), 512 << 20)
    return levels.map { ("L\($0.key)", $0.key < 3 ? $0.value / 2 : $0.value / 4) }
      + [("memory", memory)]
  }

  /// A line for the peak, one for each level.
  func show(_ output: BenchmarkOutput) {
    output.line(
      "one core, \(instructionSet.rawValue): peak \(fixed(peak / 1e9, 1)) GFLOP/s (multiply-adds)")
    for level in levels {
      output.line(
        "  " + column(level.name, 8) + fixed(Double(level.workingSet) / 1024, 0, width: 7) + " KiB"
          + fixed(level.readRate / 1e9, 1, width: 8) + " GB/s read"
          + fixed(level.copyRate / 1e9, 1, width: 8) + " GB/s copied (read + written)")
    }
  }

  /// The same as rows.
  var rows: [Row] {
    let set = instructionSet.rawValue
    let group = Measurement.rows
    var rows = [
      Row(
        variant: "peak-f32-\(set)", shape: "registers", group: group, operation: "peak",
        instructionSet: instructionSet, timing: peakTiming, operations: peakOperations)
    ]
    for level in levels {
      for (operation, timing) in [("read", level.read), ("copy", level.copy)] {
        rows.append(
          Row(
            variant: "\(operation)-f32-\(set)", shape: "\(level.name)-\(level.workingSet)",
            group: group, operation: operation, instructionSet: instructionSet, timing: timing,
            bytes: Double(level.workingSet)))
      }
    }
    return rows
  }
}
