// Matmul against other libraries, in turn in one process.

import Tarn
import TarnKernelInterface

/// One line for each shape: GFLOP/s of the peak, of Tarn, of each rival.
func benchmarkRivals(_ settings: BenchmarkSettings, _ output: BenchmarkOutput) throws -> [Row] {
  let execution = try Execution(
    instructionSet: settings.modelInstructionSet, threads: settings.threads)
  let table = execution.table
  var rivals: [Rival] = []
  for library in settings.libraries {
    rivals.append(try Rival(library, threads: settings.threads, others: rivals))
  }
  let kernel =
    "matmul-f32-\(table.matmul.tileRows)x\(table.matmul.tileColumns)-\(execution.instructionSet.rawValue)"
  output.line("matmul in GFLOP/s, \(settings.threads) thread(s), medians of interleaved runs")
  let form = settings.form
  output.line(
    "  tarn: \(kernel), " + (form == .ahead ? "weights packed ahead" : "B packed inside the call"))
  if form == .transposed { output.line("  A·Bᵀ") }
  for (i, rival) in rivals.enumerated() {
    output.line("  [\(i + 1)]: \(rival.name), kernel: \(rival.kernel)")
  }
  let titles = ["peak", "tarn"] + rivals.indices.map { "[\($0 + 1)]" }
  output.line(
    column("shape", 17) + titles.map { String(repeating: " ", count: 7 - $0.count) + $0 }.joined()
      + "   share  best/rival" + (settings.threads > 1 ? "  /1 thread" : "  of read"))
  var rows: [Row] = []
  var summary = RivalSummary()
  for shape in settings.isQuick ? ProductShape.tiny : ProductShape.all {
    let sizes = "\(shape.m)x\(shape.k)x\(shape.n)"
    guard settings.includes(shape.name, "\(kernel)/\(form.rawValue)/\(sizes)") else { continue }
    output.progress("\(kernel)/\(form.rawValue)/\(sizes)")
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
    output.line(
      column(shape.name, 17) + ([peak] + rates).map { fixed($0 / 1e9, 1, width: 7) }.joined()
        + fixed(share * 100, 1, width: 7) + " %" + fixed(rates[0] / best, 2, width: 7) + " " + extra
    )
    summary.add(
      shape, share: share, rates: rates, extra: medians[medians.count - 1] / medians[1])
    let threads = settings.threads == 1 ? "" : "/threads=\(settings.threads)"
    for i in rates.indices {
      let name = i == 0 ? kernel : "\(rivals[i - 1].name) (\(rivals[i - 1].kernel))"
      var row = productRow(
        "\(name)/\(form.rawValue)", shape: sizes + threads, shape, times.times.timings[i + 1],
        peak: peak, threads: settings.threads)
      row.group = .rivals
      rows.append(row)
    }
  }
  summary.show(rivals, threads: settings.threads, output)
  return rows
}

private struct RivalTimes {
  var times: InterleavedTimes
  var peakOperations: Int
  var medians: [Double] { times.medians }
}

private func measure(
  _ shape: ProductShape, _ rivals: [Rival], on execution: Execution, _ kernel: String,
  _ settings: BenchmarkSettings
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
  var bodies: [() throws -> Void] = [
    { operations = table.machine.multiplyAddPeak(100_000).operations }, multiply,
  ]
  for rival in rivals {
    let product = RivalProduct(rival, a, stored, columns: n, transposed: transposes)
    product.run()
    try checkProduct(a, b, product.result, rival.name)
    bodies.append(product.run)
  }
  if settings.threads > 1 {
    let alone = try Execution(instructionSet: execution.instructionSet, threads: 1)
    bodies.append { try matmul(a, packed, into: &c, on: alone) }
  } else {
    let probe = try BandwidthProbe(execution, bytes: 4 * k * n)
    bodies.append { probe.read(4 * k * n) }
  }
  var times = InterleavedTimes(
    settings, pauses: settings.threads > 1 && !rivals.isEmpty,
    shortest: settings.threads > 1 ? 0.04 : 0.004)
  try times.measure(bodies)
  return RivalTimes(times: times, peakOperations: operations)
}

/// A product by another library, with copies of the factors.
final class RivalProduct {
  private let rival: Rival
  private let sizes: (m: Int, k: Int, n: Int)
  private let a: [Float]
  private let b: [Float]
  private let transposes: Bool
  private(set) var result: [Float]

  init(_ rival: Rival, _ a: Matrix, _ b: Matrix, columns n: Int, transposed: Bool) {
    self.rival = rival
    sizes = (a.rows, a.columns, n)
    self.a = a.elements
    self.b = b.elements
    transposes = transposed
    result = [Float](repeating: .nan, count: a.rows * n)
  }

  /// Multiplies once.
  func run() {
    let (m, k, n) = sizes
    unsafe a.withUnsafeBufferPointer { a in
      unsafe b.withUnsafeBufferPointer { b in
        unsafe result.withUnsafeMutableBufferPointer { c in
          guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
          // SAFETY: m × k, k × n and m × n elements.
          unsafe rival.multiply(m, n, k, a, b, transposed: transposes, c)
        }
      }
    }
  }
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

  func show(_ rivals: [Rival], threads: Int, _ output: BenchmarkOutput) {
    let titles =
      ["share of peak"] + rivals.indices.map { "Tarn / [\($0 + 1)]" }
      + (rivals.isEmpty ? [] : ["Tarn / best rival"])
      + [threads > 1 ? "Tarn / one thread" : "read bandwidth"]
    for group in groups where !group.lines.isEmpty {
      output.line("\(group.name), \(group.lines.count) shapes: geometric mean, least")
      for (i, title) in titles.enumerated()
      where threads > 1 || i < titles.count - 1 || group.name == "M = 1" {
        let values = group.lines.map { $0[i] }
        output.line(
          "  " + column(title, 20) + fixed(geometricMean(values), 3, width: 8)
            + fixed(values.min() ?? .nan, 3, width: 8))
      }
    }
  }
}
