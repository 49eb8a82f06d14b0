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
  /// Both factors are read, the product is written.
  var bytes: Double { 4 * Double(m * k + k * n + m * n) }
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
    ProductShape(m: 5, k: 50, n: 70), ProductShape(m: 1, k: 768, n: 768),
    ProductShape(m: 128, k: 768, n: 768),
  ]
}

/// Each instruction set, one thread, weights packed ahead; peak, product and other libraries in turn.
func benchmarkMatmul(_ settings: BenchmarkSettings, _ output: BenchmarkOutput) throws -> [Row] {
  var rivals: [Rival] = []
  for library in settings.libraries {
    rivals.append(try Rival(library, threads: 1, others: rivals))
  }
  output.line(
    "matmul, packed weights, one thread; rows x depth x columns, medians of interleaved runs, "
      + "share of the bound: peak, or reading the weights")
  for rival in rivals { output.line("  against \(rival.name), kernel: \(rival.kernel)") }
  output.line(Row.heading + (rivals.isEmpty ? "" : "  library's GFLOP/s, ratio to it"))
  var rows: [Row] = []
  for set in settings.instructionSets {
    let execution = try Execution(instructionSet: set, threads: 1)
    let table = execution.table
    let kernel = "matmul-f32-\(table.matmul.tileRows)x\(table.matmul.tileColumns)-\(set.rawValue)"
    for shape in settings.isQuick ? ProductShape.tiny : ProductShape.few {
      let (m, k, n) = (shape.m, shape.k, shape.n)
      let sizes = "\(m)x\(k)x\(n)"
      guard settings.includes("\(kernel)/\(sizes)", shape.name) else { continue }
      output.progress("\(kernel)/\(sizes)")
      let a = try randomMatrix(m, k, seed: 1)
      let b = try randomMatrix(k, n, seed: 2)
      let packed = try PackedMatrix(b, on: execution)
      var c = try Matrix(rows: m, columns: n)
      try matmul(a, packed, into: &c, on: execution)
      try checkProduct(a, b, c.elements, kernel)
      var operations = 0
      var bodies: [() throws -> Void] = [
        { operations = table.machine.multiplyAddPeak(100_000).operations },
        { try matmul(a, packed, into: &c, on: execution) },
      ]
      let probe = try BandwidthProbe(execution, bytes: 4 * k * n)
      bodies.append { probe.read(4 * k * n) }
      for rival in rivals {
        let product = RivalProduct(rival, a, b, columns: n, transposed: false)
        product.run()
        try checkProduct(a, b, product.result, rival.name)
        bodies.append(product.run)
      }
      var times = InterleavedTimes(settings)
      try times.measure(bodies)
      let peak = Double(operations) / times.medians[0]
      var row = productRow(
        kernel, shape: sizes, shape, times.timings[1], peak: peak,
        counters: times.medians.dropFirst(3).map { ("ratio", $0 / times.medians[1]) })
      row.instructionSet = set
      // Few rows are bound by reading the weights.
      if times.medians[2] > shape.operations / peak {
        row.bound = "read"
        row.share = times.medians[2] / times.medians[1]
      }
      output.line(
        row.line
          + times.medians.dropFirst(3).map {
            fixed(shape.operations / $0 / 1e9, 1, width: 8)
              + fixed($0 / times.medians[1], 2, width: 6)
          }.joined())
      rows.append(row)
      for (rival, timing) in zip(rivals, times.timings.dropFirst(3)) {
        rows.append(
          productRow(
            "\(rival.name) (\(rival.kernel))", shape: sizes, shape, timing, peak: peak))
      }
    }
  }
  return rows
}

/// A row of a product; the peak is that of all threads.
func productRow(
  _ variant: String, shape sizes: String, _ shape: ProductShape, _ timing: Timing, peak: Double,
  threads: Int = 1, counters: [(String, Double)] = []
) -> Row {
  Row(
    variant: variant, shape: sizes, group: .matmul, operation: "matmul \(shape.name)",
    timing: timing, threads: threads, operations: shape.operations, bytes: shape.bytes,
    elements: Double(shape.m * shape.n), bound: "peak",
    share: shape.operations / timing.median / peak, counters: counters)
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
