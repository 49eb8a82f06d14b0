// Clocks, medians, things timed in turn, and what the system says of memory.

import Tarn
import TarnSystem

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let clock = ContinuousClock()
  let start = clock.now
  try body()
  let (whole, attoseconds) = (clock.now - start).components
  return Double(whole) + Double(attoseconds) * 1e-18
}

/// Seconds of processor time of all threads since the process began.
func processorSeconds() -> Double {
  var time = timespec()
  // SAFETY: the clock fills the structure, which lives here.
  unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// The middle value.
func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
}

/// The n-th root of the product.
func geometricMean(_ values: [Double]) -> Double {
  exp(values.map { log($0) }.reduce(0, +) / Double(max(1, values.count)))
}

/// The logarithm to base ten.
func decimalLogarithm(_ x: Double) -> Double { log10(x) }

/// The logarithm to base two.
func binaryLogarithm(_ x: Double) -> Double { log2(x) }

/// x to the power y.
func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }

/// The angle of a line, in degrees.
func degrees(rise: Double, run: Double) -> Double { atan2(rise, run) * 180 / .pi }

/// Times of one thing: so many rounds of so many repetitions.
struct Timing {
  private var times: [Double] = []
  private var processorTimes: [Double] = []
  private(set) var iterations = 0

  var rounds: Int { times.count }
  var median: Double { TarnBenchmarkSuite.median(times) }
  var best: Double { times.min() ?? .nan }
  var medianProcessorTime: Double { TarnBenchmarkSuite.median(processorTimes) }

  /// Runs a round.
  mutating func add(_ repetitions: Int, of body: () throws -> Void) rethrows {
    let start = processorSeconds()
    let time = try seconds { for _ in 0..<repetitions { try body() } }
    processorTimes.append((processorSeconds() - start) / Double(repetitions))
    times.append(time / Double(repetitions))
    iterations += repetitions
  }
}

/// Several things that are timed in turn.
struct InterleavedTimes {
  private let rounds: Int
  private let shortest: Double
  private let pauses: Bool
  private(set) var timings: [Timing] = []

  init(_ settings: BenchmarkSettings, pauses: Bool = false, shortest: Double = 0.004) {
    rounds = settings.roundCount
    self.shortest = settings.isQuick ? 0.001 : shortest
    self.pauses = pauses && !settings.isQuick
  }

  /// Runs every body in every round; each is repeated so often that the clock is fine enough.
  mutating func measure(_ bodies: [() throws -> Void]) throws {
    timings = bodies.map { _ in Timing() }
    var repetitions: [Int] = []
    for body in bodies {
      try body()
      let once = try seconds(body)
      repetitions.append(max(1, Int((shortest / max(once, 1e-9)).rounded(.up))))
    }
    for _ in 0..<rounds {
      for (i, body) in bodies.enumerated() {
        if pauses {
          // Some libraries' threads spin on for a tenth of a second and take the others' cores.
          wait(seconds: 0.15)
          try body()
        }
        try timings[i].add(repetitions[i], of: body)
      }
    }
  }

  /// The middle of each one's times.
  var medians: [Double] { timings.map(\.median) }
}

/// The largest resident size of this process so far, in bytes; 0 where the system does not say.
func peakResidentBytes() -> Int { statusBytes("VmHWM") ?? 0 }

/// The most memory that `body` has resident beside what was resident before it, in bytes.
///
/// Nil where the system cannot forget the largest size so far: Linux can, by a 5 in `clear_refs`.
func peakMemory(_ body: () throws -> Void) rethrows -> Int? {
  trimHeap()
  guard (try? write("5", to: "/proc/self/clear_refs")) != nil, let before = statusBytes("VmRSS")
  else {
    try body()
    return nil
  }
  try body()
  return statusBytes("VmHWM").map { max(0, $0 - before) }
}

private func statusBytes(_ key: String) -> Int? {
  readTextFile("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix(key + ":") }?
    .split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
}

/// The memory of this process that no file backs, in bytes; 0 where the system does not say.
func privateBytes() -> Int {
  trimHeap()
  return statusBytes("RssAnon") ?? 0
}

/// Gives back what the C library keeps of memory that was freed.
private func trimHeap() {
  #if canImport(Glibc)
    // SAFETY: glibc's own function of this signature; dlsym takes a terminated string.
    if let symbol = unsafe dlsym(nil, "malloc_trim") {
      let trim = unsafe unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)
      _ = trim(0)
    }
  #endif
}

/// Lets other threads of the process come to rest.
func wait(seconds: Double) { usleep(UInt32(seconds * 1e6)) }
