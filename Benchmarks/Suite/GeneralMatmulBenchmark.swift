// The product behind BLAS, in turn with the same product with weights packed ahead.

import Tarn
import TarnKernelInterface

/// How the matrices of a product lie.
private enum GeneralForm: String, CaseIterable {
  /// All by rows, alpha 1, beta 0.
  case rows
  /// All by columns, as Fortran has them, alpha 0.7, beta 0.9.
  case columns
  /// Aᵀ·Bᵀ, both stored by rows.
  case transposed

  func strides(_ n: Int, target: Bool) -> (row: Int, column: Int) {
    self == .rows || self == .transposed && target ? (n, 1) : (1, n)
  }
}

/// A line for each set, square and form: its rate, and the share of the packed form's.
func benchmarkGeneralMatmul(
  _ settings: BenchmarkSettings, _ output: BenchmarkOutput
) throws -> [Row] {
  var rows: [Row] = []
  for set in settings.instructionSets {
    let execution = try Execution(instructionSet: set, threads: 1)
    let table = execution.table
    for n in settings.isQuick ? [64] : [256, 384, 512, 768, 1024, 1536, 2048] {
      let shape = ProductShape(m: n, k: n, n: n)
      for form in GeneralForm.allCases {
        let name = "general-f32-\(form.rawValue)-\(set.rawValue)"
        guard settings.includes("\(name)/\(n)x\(n)x\(n)", shape.name) else { continue }
        output.progress("\(name)/\(n)")
        let a = try randomMatrix(n, n, seed: 1)
        let b = try randomMatrix(n, n, seed: 2)
        let packed = try PackedMatrix(b, on: execution)
        var product = try Matrix(rows: n, columns: n)
        let (left, right) = (stored(a, form), stored(b, form))
        var c = [Float](repeating: 0, count: n * n)
        let general = {
          try multiply(left, right, &c, n, form, on: execution)
        }
        try general()
        let alpha: Float = form == .columns ? 0.7 : 1
        let strides = form.strides(n, target: true)
        try checkProduct(
          a, b,
          (0..<n * n).map { c[$0 / n * strides.row + $0 % n * strides.column] / alpha }, name)
        var operations = 0
        var times = InterleavedTimes(settings)
        try times.measure([
          { operations = table.machine.multiplyAddPeak(100_000).operations },
          { try matmul(a, packed, into: &product, on: execution) }, general,
        ])
        let peak = Double(operations) / times.medians[0]
        let ratio = times.medians[1] / times.medians[2]
        var row = productRow(
          name, shape: "\(n)x\(n)x\(n)", shape, times.timings[2], peak: peak,
          counters: [("ratio_to_packed", ratio)])
        row.instructionSet = set
        let best = times.timings[1].best / times.timings[2].best
        output.line(
          row.line + fixed(ratio, 3, width: 8) + " of packed, best to best"
            + fixed(best, 3, width: 6))
        rows.append(row)
      }
    }
  }
  return rows
}

private func stored(_ x: Matrix, _ form: GeneralForm) -> [Float] {
  let n = x.rows
  let elements = x.elements
  if form == .rows { return elements }
  return (0..<n * n).map { elements[$0 % n * n + $0 / n] }
}

private func multiply(
  _ a: [Float], _ b: [Float], _ c: inout [Float], _ n: Int, _ form: GeneralForm,
  on execution: Execution
) throws {
  let (source, target) = (form.strides(n, target: false), form.strides(n, target: true))
  let (alpha, beta): (Float, Float) = form == .columns ? (0.7, 0.9) : (1, 0)
  // SAFETY: n × n elements each, which live through the call.
  try unsafe a.withUnsafeBufferPointer { a throws(TarnError) in
    try unsafe b.withUnsafeBufferPointer { b throws(TarnError) in
      try unsafe c.withUnsafeMutableBufferPointer { c throws(TarnError) in
        try unsafe matmul(
          StridedMatrix(a, rows: n, columns: n, rowStride: source.row, columnStride: source.column),
          StridedMatrix(b, rows: n, columns: n, rowStride: source.row, columnStride: source.column),
          alpha: alpha, beta: beta,
          into: StridedMutableMatrix(
            c, rows: n, columns: n, rowStride: target.row, columnStride: target.column),
          on: execution)
      }
    }
  }
}
