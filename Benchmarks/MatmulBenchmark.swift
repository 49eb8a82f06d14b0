// Matmul with weights packed ahead: share of the FMA peak measured in the same run.

import Tarn
import TarnKernelInterface

/// One thread, each instruction set; peak and product interleaved.
func benchmarkMatmul(_ settings: Settings) throws -> [Row] {
  let shapes =
    settings.isQuick
    ? [(5, 50, 70)]
    : [
      (512, 768, 3072), (512, 3072, 768), (512, 768, 768), (128, 768, 768), (32, 768, 768),
      (8, 768, 768), (1, 768, 768), (2048, 768, 768),
    ]
  print("matmul, packed weights, one thread; rows × depth × columns, median of interleaved runs")
  print(column("kernel", 24), column("shape", 16), "GFLOP/s   peak  share")
  var rows: [Row] = []
  for set in InstructionSet.available {
    let execution = try Execution(instructionSet: set, threads: 1)
    let table = execution.table
    let kernel = "matmul-f32-\(table.tileRows)x\(table.tileColumns)-\(set.rawValue)"
    for (m, k, n) in shapes {
      let a = try randomMatrix(m, k, seed: 1)
      let b = try randomMatrix(k, n, seed: 2)
      let packed = try PackedMatrix(b, on: execution)
      var c = try Matrix(rows: m, columns: n)
      try matmul(a, packed, into: &c, on: execution)
      try checkProduct(a, b, c, kernel)
      let operations = 2 * Double(m) * Double(k) * Double(n)
      let repetitions = max(1, Int((settings.isQuick ? 1e5 : 2e8) / operations))
      var times: [Double] = []
      var peaks: [Double] = []
      for _ in 0..<(settings.isQuick ? 2 : 9) {
        var done = 0
        let peakTime = seconds {
          done = table.multiplyAddPeak(settings.isQuick ? 1000 : 1_000_000).operations
        }
        peaks.append(Double(done) / peakTime)
        times.append(
          try seconds {
            for _ in 0..<repetitions { try matmul(a, packed, into: &c, on: execution) }
          } / Double(repetitions))
      }
      let time = median(times)
      let peak = median(peaks)
      let share = operations / time / peak
      print(
        column(kernel, 24), column("\(m)×\(k)×\(n)", 16),
        fixed(operations / time / 1e9, 1, width: 7),
        fixed(peak / 1e9, 1, width: 6), fixed(share * 100, 1, width: 5) + " %")
      rows.append(
        Row(
          name: "\(kernel)/\(m)x\(k)x\(n)", iterations: times.count * repetitions,
          medianSeconds: time, bestSeconds: times.min() ?? time,
          counters: [("gflops", operations / time / 1e9), ("peak_share", share)]))
    }
  }
  return rows
}

/// Uniform values in [-1, 1) from a fixed generator.
func randomMatrix(_ rows: Int, _ columns: Int, seed: UInt64) throws -> Matrix {
  var state = seed &* 0x9E37_79B9_7F4A_7C15
  let elements = (0..<rows * columns).map { _ -> Float in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648
  }
  return try Matrix(rows: rows, columns: columns, elements)
}

/// Compares some elements with sums in Double.
private func checkProduct(_ a: Matrix, _ b: Matrix, _ c: Matrix, _ name: String) throws {
  for (i, j) in [(0, 0), (a.rows - 1, b.columns - 1), (a.rows / 2, b.columns / 3)] {
    var sum = 0.0
    var magnitude = 0.0
    for k in 0..<a.columns {
      let term = Double(a[i, k]) * Double(b[k, j])
      sum += term
      magnitude += term.magnitude
    }
    let bound = Double(a.columns) * magnitude * 6e-8
    if !((Double(c[i, j]) - sum).magnitude <= bound) {
      throw BenchmarkError.wrongResult("\(name) \(a.rows)×\(a.columns)×\(b.columns)")
    }
  }
}
