// Matmul against other libraries, in turn in one process.

import Tarn
import TarnKernelInterface

/// How the right operand comes.
enum ProductForm: String {
  /// Packed before the clock runs; rivals get it row-major.
  case ahead
  /// Row-major, packed inside the call.
  case inside
  /// As `[n × k]`, packed inside the call; rivals multiply with the transpose too.
  case transposed
}

/// One line for each shape: GFLOP/s of the peak, of Tarn, of each rival.
func benchmarkRivals(_ settings: Settings) throws -> [Row] {
  let execution = try Execution(threads: settings.threads)
  let table = execution.table
  var rivals: [Rival] = []
  for library in settings.libraries {
    rivals.append(try Rival(library, threads: settings.threads, others: rivals))
  }
  let kernel =
    "matmul-f32-\(table.matmul.tileRows)x\(table.matmul.tileColumns)-\(execution.instructionSet.rawValue)"
  print("matmul in GFLOP/s, \(settings.threads) thread(s), medians of interleaved runs")
  let form = settings.form
  print(
    "  tarn: \(kernel), " + (form == .ahead ? "weights packed ahead" : "B packed inside the call"))
  if form == .transposed { print("  A·Bᵀ") }
  for (i, rival) in rivals.enumerated() {
    print("  [\(i + 1)]: \(rival.name), kernel: \(rival.kernel)")
  }
  let titles = ["peak", "tarn"] + rivals.indices.map { "[\($0 + 1)]" }
  print(
    column("shape", 16), titles.map { String(repeating: " ", count: 7 - $0.count) + $0 }.joined(),
    "  share  best/rival" + (settings.threads > 1 ? "  /1 thread" : "  of read"))
  var rows: [Row] = []
  var summary = RivalSummary()
  for shape in settings.isQuick ? ProductShape.tiny : ProductShape.all {
    if let filter = settings.filter, !shape.name.contains(filter) { continue }
    let times = try measure(shape, rivals, on: execution, kernel, settings)
    let medians = times.medians
    let rates = medians.dropFirst().dropLast().map { shape.operations / $0 }
    // One more figure: with several threads the gain over one, else for one row the share of the
    // bandwidth at which an array as large as B is read.
    let extra: String
    if settings.threads > 1 {
      extra = fixed(medians[medians.count - 1] / medians[1], 2, width: 10)
    } else {
      let read = medians[medians.count - 1] / medians[1]
      extra = shape.m == 1 ? fixed(read * 100, 0, width: 7) + " %" : ""
    }
    let peak = Double(times.peakOperations) / medians[0] * Double(settings.threads)
    let best = rates.dropFirst().max() ?? .nan
    let share = rates[0] / peak
    print(
      column(shape.name, 16),
      ([peak] + rates).map { fixed($0 / 1e9, 1, width: 7) }.joined(),
      fixed(share * 100, 1, width: 6) + " %", fixed(rates[0] / best, 2, width: 6), extra)
    summary.add(
      shape, share: share, rates: rates, extra: medians[medians.count - 1] / medians[1])
    let threads = settings.threads == 1 ? "" : "/threads=\(settings.threads)"
    for (i, rate) in rates.enumerated() {
      let name = i == 0 ? kernel : "\(rivals[i - 1].name) (\(rivals[i - 1].kernel))"
      rows.append(
        times.times.row(
          i + 1, name: "\(name)/\(form.rawValue)/\(shape.m)x\(shape.k)x\(shape.n)\(threads)",
          counters: [("gflops", rate / 1e9), ("peak_share", rate / peak)]))
    }
  }
  summary.show(rivals, threads: settings.threads)
  return rows
}

private struct RivalTimes {
  var times: InterleavedTimes
  var peakOperations: Int
  var medians: [Double] { times.medians }
}

private func measure(
  _ shape: ProductShape, _ rivals: [Rival], on execution: Execution, _ kernel: String,
  _ settings: Settings
) throws -> RivalTimes {
  let (m, k, n) = (shape.m, shape.k, shape.n)
  let a = try randomMatrix(m, k, seed: 1)
  let b = try randomMatrix(k, n, seed: 2)
  let transposes = settings.form == .transposed
  let elements = b.elements
  let stored =
    transposes
    ? try Matrix(
      rows: n, columns: k, (0..<n).flatMap { j in (0..<k).map { elements[$0 * n + j] } }) : b
  let packed = try PackedMatrix(b, on: execution)
  var c = try Matrix(rows: m, columns: n)
  var other = [Float](repeating: .nan, count: m * n)
  let aElements = a.elements
  let bElements = stored.elements
  let multiply = {
    if settings.form == .ahead {
      try matmul(a, packed, into: &c, on: execution)
    } else {
      try matmul(a, stored, transposingB: transposes, into: &c, on: execution)
    }
  }
  try multiply()
  try checkProduct(a, b, c.elements, kernel)
  let table = execution.table
  var operations = 0
  var sink: Float = 0
  defer { if sink.isNaN { print("a sum of ones is not a number") } }
  var bodies: [(Int) -> Void] = [
    { _ in operations = table.machine.multiplyAddPeak(settings.isQuick ? 1000 : 100_000).operations
    },
    { _ in try? multiply() },
  ]
  for rival in rivals {
    let run = {
      unsafe aElements.withUnsafeBufferPointer { a in
        unsafe bElements.withUnsafeBufferPointer { b in
          unsafe other.withUnsafeMutableBufferPointer { c in
            guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else {
              return
            }
            // SAFETY: m × k, k × n and m × n elements.
            unsafe rival.multiply(m, n, k, a, b, transposed: transposes, c)
          }
        }
      }
    }
    run()
    try checkProduct(a, b, other, rival.name)
    bodies.append { _ in run() }
  }
  if settings.threads > 1 {
    let alone = try Execution(instructionSet: execution.instructionSet, threads: 1)
    bodies.append { _ in try? matmul(a, packed, into: &c, on: alone) }
  } else {
    let count = (k * n + 127) / 128 * 128
    let array = [Float](repeating: 1, count: count)
    bodies.append { _ in
      unsafe array.withUnsafeBufferPointer {
        // SAFETY: the array has that many elements.
        if let base = $0.baseAddress { unsafe sink = table.machine.readAll(base, count) }
      }
    }
  }
  var times = InterleavedTimes(bodies.count, settings)
  times.measure(bodies)
  return RivalTimes(times: times, peakOperations: operations)
}

/// Geometric means and worst cases by the number of rows.
private struct RivalSummary {
  private var groups: [(name: String, contains: (Int) -> Bool, lines: [[Double]])] = [
    ("M = 1", { $0 == 1 }, []), ("2 ≤ M ≤ 64", { (2...64).contains($0) }, []),
    ("M ≥ 96", { $0 >= 96 }, []),
  ]

  /// Adds a line.
  ///
  /// - Parameters:
  ///   - shape: what was multiplied.
  ///   - share: of the peak.
  ///   - rates: Tarn's, then the rivals'.
  ///   - extra: the gain over one thread, or the share of the bandwidth of reading B.
  mutating func add(_ shape: ProductShape, share: Double, rates: [Double], extra: Double) {
    for i in groups.indices where groups[i].contains(shape.m) {
      let others = rates.dropFirst()
      let best = others.max().map { rates[0] / $0 }
      groups[i].lines.append(
        [share] + others.map { rates[0] / $0 } + (best.map { [$0] } ?? []) + [extra])
    }
  }

  func show(_ rivals: [Rival], threads: Int) {
    let titles =
      ["share of peak"] + rivals.indices.map { "Tarn / [\($0 + 1)]" }
      + (rivals.isEmpty ? [] : ["Tarn / best rival"])
      + [threads > 1 ? "Tarn / one thread" : "read bandwidth"]
    for group in groups where !group.lines.isEmpty {
      print("\(group.name), \(group.lines.count) shapes: geometric mean, least")
      for (i, title) in titles.enumerated()
      where threads > 1 || i < titles.count - 1 || group.name == "M = 1" {
        let values = group.lines.map { $0[i] }
        print(
          "  " + column(title, 20), fixed(geometricMean(values), 3, width: 7),
          fixed(values.min() ?? .nan, 3, width: 7))
      }
    }
  }
}
