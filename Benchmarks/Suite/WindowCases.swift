// Sliding and strided pooling over the rows of a sequence, and upsampling: cases of the kernel benchmark.

import Tarn
import TarnKernelInterface
import TarnTestSupport

private let reductions = [("max", WindowReduction.maximum), ("mean", .mean)]

func windowCases(rows n: Int, columns d: Int, on execution: Execution) throws -> [KernelCase] {
  var cases: [KernelCase] = []
  for (name, reduction) in reductions {
    for stride in [1, 2] {
      for window in [3, 7, 64, 512] {
        let suffix = "\(window)" + (stride == 1 ? "" : "-by-\(stride)")
        cases += try slidingCases(
          "sliding-\(name)-\(suffix)", reduction, window: window, stride: stride, rows: n,
          columns: d, on: execution)
      }
    }
  }
  return try cases + stridedCases(rows: n, columns: d, on: execution)
}

/// The windows and their gradient.
private func slidingCases(
  _ name: String, _ reduction: WindowReduction, window: Int, stride: Int, rows n: Int,
  columns d: Int, on execution: Execution
) throws -> [KernelCase] {
  let one = try Ragged(lengths: [n])
  let outputs = try one.strided(by: stride).rows
  let work = WindowOperations(reduction, window: window, stride: stride, rows: n, outputs: outputs)
  func ranges() -> [Range<Int>] { slidingRanges(tokens: n, window: window, stride: stride) }
  return [
    KernelCase(name) {
      let x = try randomMatrix(n, d, seed: 21)
      return PreparedKernel(
        bound: .memory(bytes: 4 * (n + outputs) * d),
        run: { y in
          try slidingWindow(
            reduction, x, over: one, window: window, stride: stride, into: &y, on: execution)
        }, result: try Matrix(rows: outputs, columns: d),
        expected: { windowOracle(reduction, doubles(x), columns: d, windows: ranges()).values },
        operations: work.forward * d)
    },
    KernelCase(name + "-gradient") {
      let x = try randomMatrix(n, d, seed: 21)
      let dy = try randomMatrix(outputs, d, seed: 22)
      return PreparedKernel(
        // Maxima read the input too.
        bound: .memory(bytes: 4 * ((reduction == .mean ? n : 2 * n) + outputs) * d),
        run: { dx in
          try slidingWindowGradient(
            reduction, of: x, over: one, window: window, stride: stride, upstream: dy, into: &dx,
            on: execution)
        }, result: try Matrix(rows: n, columns: d),
        expected: {
          windowGradientOracle(
            reduction, doubles(x), columns: d, windows: ranges(), upstream: doubles(dy)
          ).values
        }, operations: work.gradient * d)
    },
  ]
}

/// Operations of a column, as `operations` of ``PreparedKernel``; windows at the ends count as full.
private struct WindowOperations {
  var forward: Int
  var gradient: Int

  init(_ reduction: WindowReduction, window: Int, stride: Int, rows n: Int, outputs: Int) {
    if reduction == .mean {
      // Each window by itself, or prefixes, suffixes and their joins; and the divisions.
      forward = window <= 4 ? window * outputs : 2 * n + 2 * outputs
      // Down and up each row is multiplied and joined.
      gradient = 4 * outputs + n
      return
    }
    forward =
      if window <= 4 {
        (window - 1) * outputs
      } else if stride == 1 && window <= 12 {
        // Four windows share what is common to them.
        (window + 4) * outputs / 4
      } else {
        2 * n + outputs
      }
    gradient =
      if window <= 8 {
        // An extreme is looked for in each window; each token compares and adds what it may get.
        (window - 1) * outputs + 2 * window * outputs
      } else {
        // As forward; a comparison of tokens and an addition for each window.
        2 * n + 3 * outputs
      }
  }
}

/// Pooling of Funnel-Transformer and upsampling, each with its gradient.
private func stridedCases(
  rows n: Int, columns d: Int, on execution: Execution
) throws -> [KernelCase] {
  let one = try Ragged(lengths: [n])
  let funnel = StridedPooling(separatesFirst: true, truncates: true)
  let pooled = try funnel.pooled(one)
  let rows = pooled.rows
  func ranges() -> [Range<Int>] {
    stridedRanges(tokens: n, stride: 2, separatesFirst: true, truncates: true)
  }
  func sources() -> [Int?] {
    upsamplingRows(tokens: n, rows: rows, stride: 2, separatesFirst: true)
  }
  var cases: [KernelCase] = []
  for (name, reduction) in reductions {
    cases += [
      KernelCase("strided-\(name)") {
        let x = try randomMatrix(n, d, seed: 21)
        return PreparedKernel(
          bound: .memory(bytes: 4 * (n + rows) * d),
          run: { y in try stridedPool(reduction, x, over: one, funnel, into: &y, on: execution) },
          result: try Matrix(rows: rows, columns: d),
          expected: { windowOracle(reduction, doubles(x), columns: d, windows: ranges()).values },
          // A window of two has one join; a mean is divided.
          operations: (n - rows + (reduction == .mean ? rows : 0)) * d)
      },
      KernelCase("strided-\(name)-gradient") {
        let x = try randomMatrix(n, d, seed: 21)
        let dy = try randomMatrix(rows, d, seed: 23)
        return PreparedKernel(
          bound: .memory(bytes: 4 * ((reduction == .mean ? n : 2 * n) + rows) * d),
          run: { dx in
            try stridedPoolGradient(
              reduction, of: x, over: one, funnel, upstream: dy, into: &dx, on: execution)
          }, result: try Matrix(rows: n, columns: d),
          expected: {
            windowGradientOracle(
              reduction, doubles(x), columns: d, windows: ranges(), upstream: doubles(dy)
            ).values
          },
          // A product for each token; or a join for each window and a comparison for each token.
          operations: (reduction == .mean ? n : n - rows + n) * d)
      },
    ]
  }
  return cases + [
    KernelCase("upsample") {
      let x = try randomMatrix(rows, d, seed: 23)
      return PreparedKernel(
        bound: .memory(bytes: 4 * (n + rows) * d),
        run: { y in
          try upsample(
            x, over: pooled, to: one, stride: 2, separatesFirst: true, into: &y, on: execution)
        }, result: try Matrix(rows: n, columns: d),
        expected: {
          let values = doubles(x)
          return sources().flatMap { row in (0..<d).map { j in row.map { values[$0 * d + j] } ?? 0 }
          }
        })
    },
    KernelCase("upsample-gradient") {
      let dy = try randomMatrix(n, d, seed: 21)
      return PreparedKernel(
        bound: .memory(bytes: 4 * (n + rows) * d),
        run: { dx in
          try upsampleGradient(
            over: pooled, to: one, stride: 2, separatesFirst: true, upstream: dy, into: &dx,
            on: execution)
        }, result: try Matrix(rows: rows, columns: d),
        expected: {
          let values = doubles(dy)
          var sums = [Double](repeating: 0, count: rows * d)
          for (t, row) in sources().enumerated() {
            if let row { for j in 0..<d { sums[row * d + j] += values[t * d + j] } }
          }
          return sums
        }, operations: (n - rows) * d)
    },
  ]
}
