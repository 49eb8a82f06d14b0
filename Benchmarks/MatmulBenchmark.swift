// Matmul: share of the FMA peak measured in the same run, and the ratio to other libraries.

import Tarn
import TarnKernelInterface
import TarnTestSupport

/// A product of `m × k` by `k × n`.
struct ProductShape {
  var m: Int
  var k: Int
  var n: Int

  var operations: Double { 2 * Double(m) * Double(k) * Double(n) }
  var name: String { "\(m)×\(k)×\(n)" }

  /// Squares, and rows of text by the layers of BERT-like models.
  static let all: [ProductShape] =
    [64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048].map {
      ProductShape(m: $0, k: $0, n: $0)
    }
    + [(768, 768), (768, 3072), (3072, 768), (384, 1536), (768, 2304)].flatMap { k, n in
      [1, 2, 4, 8, 16, 32, 64, 128, 512, 2048, 4096].map { ProductShape(m: $0, k: k, n: n) }
    }

  /// What a look at the kernels needs.
  static let few: [ProductShape] = [
    ProductShape(m: 512, k: 768, n: 3072), ProductShape(m: 512, k: 3072, n: 768),
    ProductShape(m: 512, k: 768, n: 768), ProductShape(m: 128, k: 768, n: 768),
    ProductShape(m: 32, k: 768, n: 768), ProductShape(m: 8, k: 768, n: 768),
    ProductShape(m: 1, k: 768, n: 768), ProductShape(m: 2048, k: 768, n: 768),
  ]

  static let tiny: [ProductShape] = [
    ProductShape(m: 5, k: 50, n: 70), ProductShape(m: 1, k: 17, n: 33),
  ]
}

/// Each instruction set, one thread, weights packed ahead; peak and product interleaved.
func benchmarkMatmul(_ settings: Settings) throws -> [Row] {
  print("matmul, packed weights, one thread; rows × depth × columns, median of interleaved runs")
  print(column("kernel", 24), column("shape", 16), "GFLOP/s   peak  share")
  var rows: [Row] = []
  for set in InstructionSet.available {
    let execution = try Execution(instructionSet: set, threads: 1)
    let table = execution.table
    let kernel = "matmul-f32-\(table.matmul.tileRows)x\(table.matmul.tileColumns)-\(set.rawValue)"
    for shape in settings.isQuick ? ProductShape.tiny : ProductShape.few {
      let (m, k, n) = (shape.m, shape.k, shape.n)
      let a = try randomMatrix(m, k, seed: 1)
      let b = try randomMatrix(k, n, seed: 2)
      let packed = try PackedMatrix(b, on: execution)
      var c = try Matrix(rows: m, columns: n)
      try matmul(a, packed, into: &c, on: execution)
      try checkProduct(a, b, c.elements, kernel)
      var times = InterleavedTimes(2, settings)
      var operations = 0
      times.measure(
        [
          { _ in
            operations = table.machine.multiplyAddPeak(settings.isQuick ? 1000 : 300_000).operations
          },
          { _ in try? matmul(a, packed, into: &c, on: execution) },
        ])
      let peak = Double(operations) / times.medians[0]
      let share = shape.operations / times.medians[1] / peak
      print(
        column(kernel, 24), column(shape.name, 16),
        fixed(shape.operations / times.medians[1] / 1e9, 1, width: 7),
        fixed(peak / 1e9, 1, width: 6), fixed(share * 100, 1, width: 5) + " %")
      rows.append(
        times.row(
          1, name: "\(kernel)/\(m)x\(k)x\(n)",
          counters: [
            ("gflops", shape.operations / times.medians[1] / 1e9), ("peak_share", share),
          ]))
    }
  }
  return rows
}

/// Medians of several things that are timed in turn.
struct InterleavedTimes {
  private let rounds: Int
  private let shortest: Double
  private let pauses: Bool
  private var times: [[Double]]

  init(_ count: Int, _ settings: Settings) {
    rounds = settings.isQuick ? 2 : settings.rounds
    shortest = settings.isQuick ? 0 : settings.threads > 1 ? 0.04 : 0.004
    pauses = settings.threads > 1 && !settings.isQuick && !settings.libraries.isEmpty
    times = Array(repeating: [], count: count)
  }

  /// Runs every body in every round; each is repeated so often that the clock is fine enough.
  mutating func measure(_ bodies: [(Int) -> Void]) {
    var repetitions: [Int] = []
    for body in bodies {
      body(0)
      let once = seconds { body(0) }
      repetitions.append(max(1, Int((shortest / max(once, 1e-9)).rounded(.up))))
    }
    for _ in 0..<rounds {
      for (i, body) in bodies.enumerated() {
        if pauses {
          // Some libraries' threads spin on for a tenth of a second and take the others' cores.
          wait(seconds: 0.15)
          body(0)
        }
        let time = seconds { for r in 0..<repetitions[i] { body(r) } }
        times[i].append(time / Double(repetitions[i]))
      }
    }
  }

  /// The middle of each one's times.
  var medians: [Double] { times.map(median) }

  /// A row for thing `i`.
  func row(_ i: Int, name: String, counters: [(String, Double)]) -> Row {
    Row(
      name: name, iterations: times[i].count, medianSeconds: median(times[i]),
      bestSeconds: times[i].min() ?? .nan, counters: counters)
  }
}

/// Uniform values in [-1, 1) from a fixed generator.
func randomMatrix(_ rows: Int, _ columns: Int, seed: UInt64) throws -> Matrix {
  var random = SplitMix64(seed: seed)
  return try Matrix(rows: rows, columns: columns, random.floats(rows * columns))
}

/// Compares some elements with sums in Double.
func checkProduct(_ a: Matrix, _ b: Matrix, _ c: [Float], _ name: String) throws {
  for (i, j) in [(0, 0), (a.rows - 1, b.columns - 1), (a.rows / 2, b.columns / 3)] {
    var sum = 0.0
    var magnitude = 0.0
    for k in 0..<a.columns {
      let term = Double(a[i, k]) * Double(b[k, j])
      sum += term
      magnitude += term.magnitude
    }
    let bound = Double(a.columns) * magnitude * 6e-8
    if !((Double(c[i * b.columns + j]) - sum).magnitude <= bound) {
      throw BenchmarkError.wrongResult("\(name) \(a.rows)×\(a.columns)×\(b.columns)")
    }
  }
}
