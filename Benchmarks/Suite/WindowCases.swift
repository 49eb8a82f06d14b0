// Sliding and strided pooling over the rows of a sequence, and upsampling: cases of the kernel benchmark.

import Tarn
import TarnKernelInterface
import TarnTestSupport

func windowCases(rows n: Int, columns d: Int, on execution: Execution) throws -> [KernelCase] {
  let x = try randomMatrix(n, d, seed: 21)
  let one = try Ragged(lengths: [n])
  let pass = 4 * d
  let values = x.elements.map(Double.init)
  var cases: [KernelCase] = []
  func add(
    _ name: String, rows: Int, _ run: @escaping (inout Matrix) throws -> Void, _ result: Matrix,
    _ expected: @escaping () -> [Double]
  ) {
    cases.append(
      KernelCase(
        name: name, bound: .memory(bytes: rows * pass), run: run, result: result,
        expected: expected, operations: 3 * n * d))
  }
  for (name, reduction) in [("max", WindowReduction.maximum), ("mean", .mean)] {
    for stride in [1, 2] {
      let outputs = try one.strided(by: stride).rows
      let dy = try randomMatrix(outputs, d, seed: 22)
      let suffix = stride == 1 ? "" : "-by-\(stride)"
      for window in [3, 7, 64, 512] {
        let ranges = slidingRanges(tokens: n, window: window, stride: stride)
        add(
          "sliding-\(name)-\(window)\(suffix)", rows: n + outputs,
          { y in
            try slidingWindow(
              reduction, x, over: one, window: window, stride: stride, into: &y, on: execution)
          }, try Matrix(rows: outputs, columns: d),
          { windowOracle(reduction, values, columns: d, windows: ranges).values })
        // Maxima read the input too.
        add(
          "sliding-\(name)-\(window)\(suffix)-gradient",
          rows: (reduction == .mean ? n : 2 * n) + outputs,
          { dx in
            try slidingWindowGradient(
              reduction, of: x, over: one, window: window, stride: stride, upstream: dy,
              into: &dx, on: execution)
          }, try Matrix(rows: n, columns: d),
          {
            windowGradientOracle(
              reduction, values, columns: d, windows: ranges,
              upstream: dy.elements.map(Double.init)
            ).values
          })
      }
    }
  }
  let funnel = StridedPooling(separatesFirst: true, truncates: true)
  let pooled = try funnel.pooled(one)
  let rows = pooled.rows
  let half = try randomMatrix(rows, d, seed: 23)
  let ranges = stridedRanges(tokens: n, stride: 2, separatesFirst: true, truncates: true)
  for (name, reduction) in [("max", WindowReduction.maximum), ("mean", .mean)] {
    add(
      "strided-\(name)", rows: n + rows,
      { y in try stridedPool(reduction, x, over: one, funnel, into: &y, on: execution) },
      try Matrix(rows: rows, columns: d),
      { windowOracle(reduction, values, columns: d, windows: ranges).values })
    add(
      "strided-\(name)-gradient", rows: (reduction == .mean ? n : 2 * n) + rows,
      { dx in
        try stridedPoolGradient(
          reduction, of: x, over: one, funnel, upstream: half, into: &dx, on: execution)
      }, try Matrix(rows: n, columns: d),
      {
        windowGradientOracle(
          reduction, values, columns: d, windows: ranges, upstream: half.elements.map(Double.init)
        ).values
      })
  }
  let sources = upsamplingRows(tokens: n, rows: rows, stride: 2, separatesFirst: true)
  add(
    "upsample", rows: n + rows,
    { y in
      try upsample(
        half, over: pooled, to: one, stride: 2, separatesFirst: true, into: &y, on: execution)
    }, try Matrix(rows: n, columns: d),
    {
      let half = half.elements.map(Double.init)
      return sources.flatMap { row in
        (0..<d).map { j in row.map { half[$0 * d + j] } ?? 0 }
      }
    })
  add(
    "upsample-gradient", rows: n + rows,
    { dx in
      try upsampleGradient(
        over: pooled, to: one, stride: 2, separatesFirst: true, upstream: x, into: &dx,
        on: execution)
    }, try Matrix(rows: rows, columns: d),
    {
      var sums = [Double](repeating: 0, count: rows * d)
      for (t, row) in sources.enumerated() {
        if let row { for j in 0..<d { sums[row * d + j] += values[t * d + j] } }
      }
      return sums
    })
  return cases
}
