// A measured figure: as a line of a table and as an object of Google Benchmark.

import Tarn
import TarnCheckpoints
import TarnSystem

/// One measured figure.
struct Row {
  /// Operation, type, tile if any, instruction set: `segment-max-f32-avx512`.
  var variant: String
  /// Sizes: `512x768`.
  var shape: String
  var group: Measurement
  /// What is done, without type and instruction set.
  var operation: String
  var instructionSet: InstructionSet?
  var timing: Timing
  var threads = 1
  /// Of one call, where they have been counted.
  var operations: Double?
  var bytes: Double?
  var elements: Double?
  /// The bound that applies and the share of it that is reached.
  var bound: String?
  var share: Double?
  /// Rows of the input, tokens of a text.
  var length: Int?
  var counters: [(String, Double)] = []

  var name: String { "\(variant)/\(shape)" }
  /// Operations a second.
  var rate: Double? { operations.map { $0 / timing.median } }
  /// Bytes a second.
  var bandwidth: Double? { bytes.map { $0 / timing.median } }

  /// What the columns of ``line`` are.
  static let heading =
    column("operation", 36) + column("shape", 16)
    + "    median       best  ns/element     GB/s  GFLOP/s  bound   share"

  /// The row as a line of a table.
  var line: String {
    let elementTime = elements.map { timing.median * 1e9 / $0 }
    return column(variant, 36) + column(shape, 16) + duration(timing.median)
      + " " + duration(timing.best) + fixed(elementTime ?? .nan, 4, width: 12)
      + fixed((bandwidth ?? .nan) / 1e9, 1, width: 9) + fixed((rate ?? .nan) / 1e9, 1, width: 9)
      + "  " + column(bound ?? "-", 6) + fixed((share ?? .nan) * 100, 0, width: 5)
      + (share == nil ? "" : " %")
  }

  fileprivate var json: JSONValue {
    var object: JSONObject = [
      "name": .string(name), "run_name": .string(name), "run_type": .string("iteration"),
      "repetitions": .integer(timing.rounds), "threads": .integer(threads),
      "iterations": .integer(timing.iterations), "real_time": .double(timing.median * 1e9),
      "cpu_time": .double(timing.medianProcessorTime * 1e9), "time_unit": .string("ns"),
      "best_time": .double(timing.best * 1e9), "group": .string(group.rawValue),
      "operation": .string(operation),
    ]
    if let instructionSet { object["instruction_set"] = .string(instructionSet.rawValue) }
    if let length { object["rows"] = .integer(length) }
    if let elements { object["ns_per_element"] = .double(timing.median * 1e9 / elements) }
    if let bandwidth { object["gb_per_second"] = .double(bandwidth / 1e9) }
    if let rate { object["gflops"] = .double(rate / 1e9) }
    if let bound { object["bound"] = .string(bound) }
    if let share { object["bound_share"] = .double(share) }
    for (name, value) in counters { object[name] = .double(value) }
    return .object(object)
  }
}

/// The rows as one document with the field names of Google Benchmark.
///
/// `real_time`, `cpu_time` and `best_time` are those of one iteration: the medians and the best of
/// `repetitions` rounds.
func json(_ results: BenchmarkResults) -> String {
  let context: JSONObject = [
    "date": .string(currentDate()), "machine": .string(processorName()),
    "num_cpus": .integer(processorCount()),
    "caches": .array(
      Cache.all().map { cache in
        .object([
          "type": .string(cache.type.prefix(1).uppercased() + cache.type.dropFirst()),
          "level": .integer(cache.level), "size": .integer(cache.bytes),
        ])
      }),
    "instruction_sets": .array(InstructionSet.available.map { .string($0.rawValue) }),
  ]
  let document: JSONObject = [
    "context": .object(context), "benchmarks": .array(results.rows.map(\.json)),
  ]
  return JSONValue.object(document).encoded() + "\n"
}

/// What the processor calls itself.
func processorName() -> String {
  readTextFile("/proc/cpuinfo")?.split(separator: "\n")
    .first { $0.hasPrefix("model name") }?.split(separator: ":").last
    .map { String($0.drop { $0 == " " }) } ?? "unknown processor"
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

/// A time in ten columns.
func duration(_ seconds: Double) -> String {
  if seconds < 1e-3 { return fixed(seconds * 1e6, 2, width: 7) + " µs" }
  if seconds < 1 { return fixed(seconds * 1e3, 2, width: 7) + " ms" }
  return fixed(seconds, 3, width: 7) + " s "
}

/// Text in a column.
func column(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}
