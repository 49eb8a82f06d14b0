// Clock, medians, rows, and what the system says of memory.

import Tarn
import TarnCheckpoints

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// One measured figure.
struct Row {
  var name: String
  var iterations: Int
  var medianSeconds: Double
  var bestSeconds: Double
  var counters: [(String, Double)]
}

/// Seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let clock = ContinuousClock()
  let start = clock.now
  try body()
  let (whole, attoseconds) = (clock.now - start).components
  return Double(whole) + Double(attoseconds) * 1e-18
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

/// A number with so many decimals, right-aligned; a dash for what is none.
func fixed(_ x: Double, _ decimals: Int, width: Int = 0) -> String {
  guard x.magnitude < 1e15 else { return String(repeating: " ", count: max(0, width - 1)) + "-" }
  var scale = 1.0
  for _ in 0..<decimals { scale *= 10 }
  let whole = Int((x.magnitude * scale).rounded())
  var digits = String(whole)
  while digits.count <= decimals { digits = "0" + digits }
  let split = digits.index(digits.endIndex, offsetBy: -decimals)
  let text =
    (x < 0 ? "-" : "") + digits[..<split] + (decimals > 0 ? "." + digits[split...] : "")
  return String(repeating: " ", count: max(0, width - text.count)) + text
}

/// Text in a column.
func column(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}

/// The largest resident size of this process so far, in bytes; 0 where the system does not say.
func peakResidentBytes() -> Int {
  guard let status = readTextFile("/proc/self/status"),
    let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
    let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
  else { return 0 }
  return kilobytes * 1024
}

/// Lets other threads of the process come to rest.
func wait(seconds: Double) { usleep(UInt32(seconds * 1e6)) }

func printError(_ message: String) {
  let bytes = Array((message + "\n").utf8)
  // SAFETY: the array holds that many bytes.
  unsafe bytes.withUnsafeBytes { _ = unsafe write(2, $0.baseAddress, $0.count) }
}

func exitProcess(_ code: Int32) -> Never { exit(code) }

/// Writes rows with the field names of Google Benchmark.
func writeJSON(_ rows: [Row], to path: String) throws {
  let benchmarks = rows.map { row in
    var object: JSONObject = [
      "name": .string(row.name), "iterations": .integer(row.iterations),
      "real_time": .double(row.medianSeconds * 1e9), "best_time": .double(row.bestSeconds * 1e9),
      "time_unit": .string("ns"),
    ]
    for (name, value) in row.counters { object[name] = .double(value) }
    return JSONValue.object(object)
  }
  let model =
    readTextFile("/proc/cpuinfo")?.split(separator: "\n")
    .first { $0.hasPrefix("model name") }?.split(separator: ":").last.map {
      String($0.drop { $0 == " " })
    }
    ?? "unknown"
  let context: JSONObject = [
    "processor": .string(model), "processors": .integer(processorCount()),
    "instruction_sets": .array(InstructionSet.available.map { .string($0.rawValue) }),
  ]
  let document: JSONObject = ["context": .object(context), "benchmarks": .array(benchmarks)]
  guard let file = unsafe fopen(path, "w") else {
    throw BenchmarkError.unwritable(path)
  }
  defer { unsafe fclose(file) }
  // SAFETY: the file was opened above.
  unsafe fputs(JSONValue.object(document).encoded() + "\n", file)
}

/// What stops a benchmark.
enum BenchmarkError: Error, CustomStringConvertible {
  case library(String, String)
  case unwritable(String)
  case wrongResult(String)

  var description: String {
    switch self {
    case .library(let path, let reason): "\(path): \(reason)"
    case .unwritable(let path): "\(path): cannot be written"
    case .wrongResult(let what): "\(what): the result differs from the reference"
    }
  }
}
