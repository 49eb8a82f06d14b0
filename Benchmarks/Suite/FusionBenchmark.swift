// What joining passes saves: the same operations over the whole text one after the other, and joined.

import Tarn
import TarnKernelInterface

/// One chain of operations in two forms that give the same bits.
private struct FusionCase {
  var name: String
  /// One pass over the text for each operation.
  var apart: () throws -> Matrix
  /// As the models do it; a tile of so many tokens at a time where the number is used.
  var joined: (_ tile: Int) throws -> Matrix
  /// The product in it by itself, if there is one.
  var product: (() throws -> Void)?
  var tiles: [Int]
}

/// PoNet's chains at 768 columns, one thread.
func benchmarkFusion(_ settings: BenchmarkSettings, _ output: BenchmarkOutput) throws -> [Row] {
  let execution = try Execution(instructionSet: settings.modelInstructionSet, threads: 1)
  let d = settings.isQuick ? 48 : 768
  output.line("joined passes, one thread, \(execution.instructionSet.rawValue); ms, medians")
  output.line(
    column("chain", 38) + column("shape", 12) + "  tile    apart   joined  ratio   product alone")
  var rows: [Row] = []
  for n in settings.isQuick ? [70] : [512, 4096, 16384] {
    for chain in try fusionCases(rows: n, columns: d, on: execution) {
      let name = "\(chain.name)-f32-\(execution.instructionSet.rawValue)"
      guard settings.includes("\(name)/\(n)x\(d)") else { continue }
      output.progress("\(name)/\(n)x\(d)")
      let expected = try chain.apart().elements
      for tile in chain.tiles where try chain.joined(tile).elements != expected {
        throw BenchmarkError.wrongResult("\(name)/\(n)x\(d) in tiles of \(tile)")
      }
      var bodies: [() throws -> Void] = [{ _ = try chain.apart() }]
      bodies += chain.tiles.map { tile in { _ = try chain.joined(tile) } }
      if let product = chain.product { bodies.append(product) }
      var times = InterleavedTimes(settings, shortest: 0.02)
      try times.measure(bodies)
      let medians = times.medians
      for (i, tile) in chain.tiles.enumerated() {
        output.line(
          column(name, 38) + column("\(n)x\(d)", 12)
            + (chain.tiles.count > 1 ? fixed(Double(tile), 0, width: 6) : "     -")
            + fixed(medians[0] * 1e3, 2, width: 9) + fixed(medians[i + 1] * 1e3, 2, width: 9)
            + fixed(medians[0] / medians[i + 1], 2, width: 7)
            + (chain.product == nil
              ? "" : fixed(medians[medians.count - 1] * 1e3, 2, width: 16)))
      }
      for (i, timing) in times.timings.prefix(chain.tiles.count + 1).enumerated() {
        rows.append(
          Row(
            variant: name,
            shape: "\(n)x\(d)/" + (i == 0 ? "apart" : "joined-\(chain.tiles[i - 1])"),
            group: .fusion, operation: chain.name, instructionSet: execution.instructionSet,
            timing: timing, elements: Double(n * d), length: n))
      }
    }
  }
  return rows
}

private func fusionCases(
  rows n: Int, columns d: Int, on execution: Execution
) throws -> [FusionCase] {
  let x = try randomMatrix(n, d, seed: 31)
  let o = try randomMatrix(n, d, seed: 32)
  let local = try randomMatrix(n, d, seed: 33)
  let v = try randomMatrix(1, d, seed: 34)
  let bias = try randomMatrix(1, d, seed: 35)
  let gain = try randomMatrix(1, d, seed: 36)
  let weight = try PackedMatrix(randomMatrix(d, d, seed: 37), on: execution)
  let labels = (0..<n).map { Int32($0 / 25) }
  let segments = (n + 24) / 25
  let maxima = try randomMatrix(segments, d, seed: 38)
  let lowest = try Matrix(
    rows: segments, columns: d, [Float](repeating: -.infinity, count: segments * d))
  let plan = FusionPlan(
    kinds: [FusionKind](repeating: .full, count: n), sequences: [Int32](repeating: 0, count: n),
    labels: labels)
  let neighbours = (0..<n).map {
    WindowNeighbours(hasLeftRow: $0 > 0, hasRightRow: $0 < n - 1, hasFill: false)
  }
  let linear = Epilogue(bias: bias)

  // Memory that is written before the clock runs, as a model's is.
  var whole = try randomMatrix(n + 2, d, seed: 39)
  var y = try randomMatrix(n, d, seed: 40)
  var buffer = try randomMatrix(514, d, seed: 41)
  var window = try randomMatrix(512, d, seed: 42)
  var pooled = lowest
  func tiles(_ size: Int) -> [Range<Int>] {
    stride(from: 0, to: n, by: size).map { $0..<min($0 + size, n) }
  }
  let product = { try matmul(x, weight, epilogue: linear, into: &whole, at: 1, on: execution) }

  return [
    FusionCase(
      name: "fusion",
      apart: {
        try gather(maxima, labels[...], into: &y, on: execution)
        try addBias(y, bias: v, into: &y, on: execution)
        try multiplyAdd(y, o, local, into: &y, on: execution)
        return y
      },
      joined: { _ in
        try fuse(
          plan, 0..<n, global: v, maxima: maxima, output: o, local: local, into: &y, on: execution)
        return y
      }, product: nil, tiles: [n]),
    FusionCase(
      name: "projection-segment-max",
      apart: {
        try product()
        pooled = lowest
        try segmentMax(whole.rows(1..<n + 1), labels: labels, into: &pooled, on: execution)
        return pooled
      },
      joined: { size in
        pooled = lowest
        for tokens in tiles(size) {
          try matmul(x.rows(tokens), weight, epilogue: linear, into: &buffer, on: execution)
          try segmentMax(
            buffer.rows(0..<tokens.count), labels: Array(labels[tokens]), into: &pooled,
            on: execution)
        }
        return pooled
      }, product: product, tiles: [128, 512]),
    FusionCase(
      // The window maxima are read by a segment maximum, so that joined nothing is written whole.
      name: "projection-window-max",
      apart: {
        try product()
        try neighbourMax(whole, neighbours[...], fill: 0, into: &y, on: execution)
        pooled = lowest
        try segmentMax(y, labels: labels, into: &pooled, on: execution)
        return pooled
      },
      joined: { size in
        pooled = lowest
        for tokens in tiles(size) {
          // The last row of the tile before is still there.
          if tokens.lowerBound > 0 { try buffer.copyRow(size, to: 0) }
          let end = min(tokens.upperBound + 1, n)
          try matmul(
            x.rows(tokens.lowerBound..<end), weight, epilogue: linear, into: &buffer, at: 1,
            on: execution)
          try neighbourMax(buffer, neighbours[tokens], fill: 0, into: &window, on: execution)
          try segmentMax(
            window.rows(0..<tokens.count), labels: Array(labels[tokens]), into: &pooled,
            on: execution)
        }
        return pooled
      }, product: product, tiles: [128, 512]),
    FusionCase(
      name: "projection-layer-norm",
      apart: {
        try matmul(
          x, weight, epilogue: Epilogue(bias: bias), into: &whole, at: 1, on: execution)
        try layerNorm(
          whole.rows(1..<n + 1), residual: x, gain: gain, bias: bias, epsilon: 1e-12, into: &y,
          on: execution)
        return y
      },
      joined: { size in
        for tokens in tiles(size) {
          try matmul(
            x.rows(tokens), weight, epilogue: Epilogue(bias: bias, residual: x.rows(tokens)),
            into: &buffer, on: execution)
          try layerNorm(
            buffer.rows(0..<tokens.count), gain: gain, bias: bias, epsilon: 1e-12, into: &y,
            at: tokens.lowerBound, on: execution)
        }
        return y
      }, product: product, tiles: [128, 512]),
  ]
}
