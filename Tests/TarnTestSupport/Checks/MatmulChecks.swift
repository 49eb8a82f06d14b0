// Matmul against Double, against the contract bit for bit, and against itself.

internal import Tarn
internal import TarnKernelInterface

/// The checks of this file.
public let matmulChecks: [KernelCheck] = [
  KernelCheck("matmul, all edges", matmulMeetsTheContractAtEveryEdge),
  KernelCheck("matmul, epilogues", matmulEpiloguesEqualTheStepsOneByOne),
  KernelCheck("matmul, error bound with GELU", matmulWithGELUIsWithinTheBound),
  KernelCheck("matmul, panel ranges", matmulWritesItsPanelsOnly),
  KernelCheck("matmul, packing", packingFillsPanelsAndTransposes),
  KernelCheck("matmul, row alone", rowAloneEqualsRowInBatch),
  KernelCheck("matmul, packing inside", packingInsideChangesNoBit),
  KernelCheck("matmul, strides and batches", stridesAndBatchesChangeNoBit),
  KernelCheck("matmul, joined weights", joinedWeightsGiveTheBitsOfEach),
  KernelCheck("matmul, powers of two", scalingByPowersOfTwoIsExact),
  KernelCheck("matmul, identity", identityGivesTheMatrix),
  KernelCheck("matmul, permuted rows", permutedRowsGivePermutedRows),
  KernelCheck("matmul, NaN and infinity", matmulKeepsNaNInItsRowAndColumn),
]

/// Sizes of `A [rows × depth] · B [depth × columns]`.
struct MatmulShape {
  var rows: Int
  var depth: Int
  var columns: Int

  var label: String { "\(rows)×\(depth)×\(columns)" }

  /// Every size at which the loops change, against a middling rest; small sizes against each other.
  static func edges(_ size: CheckSize) -> [MatmulShape] {
    let quick = size == .quick
    let rows =
      quick
      ? [0, 1, 2, 5, 6, 7, 8, 9, 16, 17, 33, 240, 241]
      : [0, 1, 2, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 239, 240, 241, 481]
    let columns = [0, 1, 15, 16, 17, 47, 48, 49, 64, 95, 96, 97]
    let depths = [0, 1, 2, 383, 384, 385, 768, 769]
    var shapes = rows.map { MatmulShape(rows: $0, depth: quick ? 7 : 385, columns: 97) }
    shapes += columns.map { MatmulShape(rows: 17, depth: quick ? 7 : 385, columns: $0) }
    shapes += depths.map { MatmulShape(rows: quick ? 3 : 17, depth: $0, columns: quick ? 33 : 97) }
    // One row takes up to four full panels at once.
    shapes += [96, 143, 144, 145, 192, 193, 240, 288, 337].map {
      MatmulShape(rows: 1, depth: quick ? 7 : 385, columns: $0)
    }
    for r in [0, 1, 2, 3, 7, 9] {
      for d in [0, 1, 2, 5] {
        for c in [0, 1, 15, 16, 17, 33, 49] {
          shapes.append(MatmulShape(rows: r, depth: d, columns: c))
        }
      }
    }
    return shapes
  }
}

/// Inputs and the guarded memory of one product.
struct MatmulCase {
  let shape: MatmulShape
  let a: [Float]
  let b: [Float]
  let seed: UInt64

  init(_ shape: MatmulShape, seed: UInt64) {
    self.shape = shape
    self.seed = seed
    var random = SplitMix64(seed: seed)
    a = random.floats(shape.rows * shape.depth)
    b = random.floats(shape.depth * shape.columns)
  }

  /// The packed kernel on guarded memory; `place` chooses memory and gaps between rows.
  func packed(
    _ execution: Execution, epilogue: EpilogueView = EpilogueView(), place: Int = 0,
    _ report: inout CheckReport
  ) -> [Float] {
    let count = PackedView.elementCount(depth: shape.depth, columns: shape.columns)
    let left = GuardedMatrix(
      rows: shape.rows, columns: shape.depth, gap: place % 4, at: placement(place), a)
    let weights = GuardedMatrix(
      rows: shape.depth, columns: shape.columns, gap: place % 2, at: placement(place + 1), b)
    let panels = GuardedMatrix(rows: 1, columns: count, at: placement(place + 2))
    let c = GuardedMatrix(
      rows: shape.rows, columns: shape.columns, gap: place % 3, at: placement(place))
    let workspace = GuardedMatrix(
      rows: 1, columns: Blocking.matmulWorkspace, at: placement(place + 1))
    let view = PackedView(panels.view.base, depth: shape.depth, columns: shape.columns)
    execution.table.matmul.pack(weights.view, 0..<view.panelCount, panels.target.base)
    execution.table.matmul.multiply(
      left.view, view, 0..<view.panelCount, false, epilogue, c.target, workspace.target.base)
    for memory in [left, weights, panels, c, workspace] {
      report.expectIntact(memory, "matmul \(shape.label) place \(place)")
    }
    return c.elements
  }

  /// The kernel that takes B as it is.
  func unpacked(_ execution: Execution, place: Int, _ report: inout CheckReport) -> [Float] {
    let left = GuardedMatrix(
      rows: shape.rows, columns: shape.depth, gap: place % 3, at: placement(place), a)
    let right = GuardedMatrix(
      rows: shape.depth, columns: shape.columns, gap: place % 4, at: placement(place + 1), b)
    let c = GuardedMatrix(
      rows: shape.rows, columns: shape.columns, gap: place % 2, at: placement(place + 2))
    let workspace = GuardedMatrix(rows: 1, columns: Blocking.matmulWorkspace)
    execution.table.matmul.multiplyUnpacked(
      left.view, right.view, 0..<(shape.columns + 47) / 48, EpilogueView(), c.target,
      workspace.target.base)
    for memory in [left, right, c, workspace] {
      report.expectIntact(memory, "matmulUnpacked \(shape.label) place \(place)")
    }
    return c.elements
  }
}

/// Within `k ε Σ|a||b|` of Double, equal to the contract, and packed equal to unpacked.
private func matmulMeetsTheContractAtEveryEdge(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, shape) in MatmulShape.edges(size).enumerated() {
    let input = MatmulCase(shape, seed: UInt64(1000 + number))
    let label = "matmul \(shape.label) seed \(input.seed) \(execution.label)"
    let c = input.packed(execution, place: number, &report)
    let exact = matmulOracle(
      input.a, input.b, rows: shape.rows, depth: shape.depth, columns: shape.columns)
    let bound = Double(shape.depth) * unitRoundoff * 1.0001
    report.expectWithin(c, exact.values, tolerance: exact.magnitudes.map { $0 * bound }, label)
    let model = execution.model.matmul(
      input.a, input.b, rows: shape.rows, depth: shape.depth, columns: shape.columns)
    report.expectSameBits(c, model, "\(label), contract")
    report.expectSameBits(
      input.unpacked(execution, place: number, &report), c, "\(label), unpacked")
  }
}

/// Bias, activation and residual in every combination equal the three steps done apart.
private func matmulEpiloguesEqualTheStepsOneByOne(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let activations: [ElementwiseFunction?] = [nil] + ElementwiseFunction.allCases
  var number = 0
  for shape in [
    MatmulShape(rows: 9, depth: 5, columns: 49), MatmulShape(rows: 17, depth: 385, columns: 17),
    MatmulShape(rows: 3, depth: 0, columns: 16),
  ] {
    let input = MatmulCase(shape, seed: 77)
    let plain = input.packed(execution, &report)
    var random = SplitMix64(seed: 78)
    let bias = random.floats(shape.columns)
    let residual = random.floats(shape.rows * shape.columns)
    for activation in activations {
      for choice in 0..<4 {
        number += 1
        let hasBias = choice & 1 != 0
        let hasResidual = choice & 2 != 0
        let biasMemory = GuardedMatrix(bias, at: placement(number))
        let residualMemory = GuardedMatrix(
          rows: shape.rows, columns: shape.columns, gap: number % 3, at: placement(number + 1),
          residual)
        let epilogue = EpilogueView(
          bias: hasBias ? biasMemory.view.base : nil, activation: activation,
          residual: hasResidual ? residualMemory.view : nil)
        let fused = input.packed(execution, epilogue: epilogue, place: number, &report)
        var steps = plain
        if hasBias { for i in steps.indices { steps[i] += bias[i % shape.columns] } }
        if let activation { steps = apply(activation, steps, on: execution) }
        if hasResidual { for i in steps.indices { steps[i] += residual[i] } }
        report.expectSameBits(
          fused, steps,
          "matmul \(shape.label) bias \(hasBias) \(activation.map { "\($0)" } ?? "linear") "
            + "residual \(hasResidual) \(execution.label)")
      }
    }
  }
}

/// `f(x)` by the elementwise kernel.
func apply(_ f: ElementwiseFunction, _ x: [Float], on execution: Execution) -> [Float] {
  let y = GuardedMatrix(rows: 1, columns: x.count)
  let source = GuardedMatrix(x)
  execution.table.rows.elementwise(f, source.view.base, y.target.base, x.count)
  return y.elements
}

/// The whole feed-forward step against Double.
///
/// GELU has slope at most 1.13, and its own error is at most eight roundings of max(1, |x|).
private func matmulWithGELUIsWithinTheBound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let shape = MatmulShape(rows: 33, depth: 129, columns: 65)
  let input = MatmulCase(shape, seed: 5)
  var random = SplitMix64(seed: 6)
  let bias = GuardedMatrix(random.floats(shape.columns))
  let c = input.packed(
    execution, epilogue: EpilogueView(bias: bias.view.base, activation: .gelu), &report)
  let product = matmulOracle(
    input.a, input.b, rows: shape.rows, depth: shape.depth, columns: shape.columns)
  let biases = bias.elements
  let sums = product.values.enumerated().map { $1 + Double(biases[$0 % shape.columns]) }
  let tolerances = sums.indices.map { i in
    let error = Double(shape.depth) * unitRoundoff * product.magnitudes[i]
    return 1.13 * (error + unitRoundoff * abs(sums[i])) + 8 * unitRoundoff * max(1, abs(sums[i]))
  }
  report.expectWithin(
    c, sums.map { elementwiseOracle(.gelu, $0) }, tolerance: tolerances,
    "matmul \(shape.label) bias gelu seed 5 \(execution.label)")
}

/// A range of panels leaves the other columns of C as they were.
private func matmulWritesItsPanelsOnly(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let shape = MatmulShape(rows: 9, depth: 11, columns: 150)
  let input = MatmulCase(shape, seed: 9)
  let whole = input.packed(execution, &report)
  let weights = GuardedMatrix(rows: shape.depth, columns: shape.columns, input.b)
  let packed = GuardedMatrix(
    rows: 1, columns: PackedView.elementCount(depth: shape.depth, columns: shape.columns))
  let view = PackedView(packed.view.base, depth: shape.depth, columns: shape.columns)
  execution.table.matmul.pack(weights.view, 0..<view.panelCount, packed.target.base)
  let left = GuardedMatrix(rows: shape.rows, columns: shape.depth, input.a)
  for first in 0..<view.panelCount {
    for last in first...view.panelCount {
      let c = GuardedMatrix(rows: shape.rows, columns: shape.columns)
      let workspace = GuardedMatrix(rows: 1, columns: Blocking.matmulWorkspace)
      execution.table.matmul.multiply(
        left.view, view, first..<last, false, EpilogueView(), c.target, workspace.target.base)
      let written = first * 48..<min(last * 48, shape.columns)
      let found = c.elements
      let isRight = found.indices.allSatisfy { i in
        written.contains(i % shape.columns) ? sameBits(found[i], whole[i]) : found[i].isNaN
      }
      report.expect(isRight, "matmul panels \(first)..<\(last) \(execution.label)")
    }
  }
}

/// Each element has its place in the panels, the rest is zero, and the transpose packs alike.
private func packingFillsPanelsAndTransposes(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for depth in [0, 1, 3, 15, 16, 17, 33] {
    for columns in [0, 1, 15, 16, 17, 47, 48, 49, 96, 97, 113] {
      var random = SplitMix64(seed: UInt64(columns))
      let b = random.floats(depth * columns)
      let count = PackedView.elementCount(depth: depth, columns: columns)
      var expected = [Float](repeating: 0, count: count)
      let view = PackedView(GuardedMatrix([]).view.base, depth: depth, columns: columns)
      for k in 0..<depth {
        for j in 0..<columns {
          expected[j / 16 * 16 * depth + k * 16 + j % 16] = b[k * columns + j]
        }
      }
      let label = "pack \(depth)×\(columns) \(execution.label)"
      let source = GuardedMatrix(
        rows: depth, columns: columns, gap: columns % 3, at: placement(columns), b)
      let packed = GuardedMatrix(rows: 1, columns: count, at: placement(depth))
      // Panel by panel, last first: each is written on its own.
      for panel in (0..<view.panelCount).reversed() {
        execution.table.matmul.pack(source.view, panel..<panel + 1, packed.target.base)
      }
      report.expectSameBits(packed.elements, expected, label)
      report.expectIntact(packed, label)
      let transposed = (0..<columns).flatMap { j in (0..<depth).map { b[$0 * columns + j] } }
      let other = GuardedMatrix(
        rows: columns, columns: depth, gap: depth % 2, at: placement(columns + 1), transposed)
      let again = GuardedMatrix(rows: 1, columns: count, at: placement(depth + 1))
      for panel in (0..<view.panelCount).reversed() {
        execution.table.matmul.packTransposed(other.view, panel..<panel + 1, again.target.base)
      }
      report.expectSameBits(again.elements, expected, "\(label), transposed")
      report.expectIntact(again, label)
    }
  }
}

/// `A·B` and `A·Bᵀ` with B used once give the bits of B packed ahead, epilogue included.
private func packingInsideChangesNoBit(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  var shapes = [
    MatmulShape(rows: 0, depth: 3, columns: 5), MatmulShape(rows: 3, depth: 0, columns: 5),
    MatmulShape(rows: 3, depth: 4, columns: 0), MatmulShape(rows: 1, depth: 1, columns: 1),
    MatmulShape(rows: 1, depth: 385, columns: 97), MatmulShape(rows: 8, depth: 50, columns: 100),
    MatmulShape(rows: 9, depth: 384, columns: 64), MatmulShape(rows: 33, depth: 769, columns: 130),
    MatmulShape(rows: 10, depth: 5, columns: 1536), MatmulShape(rows: 10, depth: 5, columns: 1537),
  ]
  if size != .quick { shapes.append(MatmulShape(rows: 241, depth: 770, columns: 1700)) }
  for (number, shape) in shapes.enumerated() {
    var random = SplitMix64(seed: UInt64(3000 + number))
    let (m, k, n) = (shape.rows, shape.depth, shape.columns)
    let a = try Matrix(rows: m, columns: k, random.floats(m * k))
    let elements = random.floats(k * n)
    let b = try Matrix(rows: k, columns: n, elements)
    let transposed = try Matrix(
      rows: n, columns: k, (0..<n).flatMap { j in (0..<k).map { elements[$0 * n + j] } })
    let epilogue = Epilogue(
      bias: Matrix(random.floats(n)), activation: .gelu,
      residual: try Matrix(rows: m, columns: n, random.floats(m * n)))
    for (name, epilogue) in [("", Epilogue.none), (" with epilogue", epilogue)] {
      let label = "matmul \(shape.label)\(name) \(execution.label)"
      var ahead = try Matrix(rows: m, columns: n)
      try matmul(
        a, PackedMatrix(b, on: execution), epilogue: epilogue, into: &ahead, on: execution)
      var inside = try Matrix(rows: m + 2, columns: n)
      try matmul(a, b, epilogue: epilogue, into: &inside, at: 1, on: execution)
      report.expectSameBits(
        inside.rows(1..<m + 1).elements, ahead.elements, "\(label), packed inside")
      try matmul(
        a, transposed, transposingB: true, epilogue: epilogue, into: &inside, at: 1, on: execution)
      report.expectSameBits(
        inside.rows(1..<m + 1).elements, ahead.elements, "\(label), transposed")
      report.expect(
        inside.rows(0..<1).elements.allSatisfy { $0 == 0 }
          && inside.rows(m + 1..<m + 2).elements.allSatisfy { $0 == 0 }, "\(label), other rows")
    }
  }
}

/// Matrices in the caller's memory, with gaps and in batches, give the bits of each one alone.
private func stridesAndBatchesChangeNoBit(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  // Heads beside each other, as attention has them; then matrices one after another with gaps.
  for (count, interleaves) in [(1, false), (3, true), (5, false), (40, true)] {
    let (m, k, n) = (11, 20, 18)
    let layout = { (rows: Int, columns: Int) throws(TarnError) in
      interleaves
        ? try MatrixLayout(
          rows: rows, columns: columns, rowStride: count * columns + 3, count: count,
          matrixStride: columns)
        : try MatrixLayout(
          rows: rows, columns: columns, rowStride: columns + 2, count: count,
          matrixStride: rows * (columns + 2) + 1)
    }
    for transposes in [false, true] {
      for isShared in [false, true] {
        var random = SplitMix64(seed: UInt64(count))
        let la = try layout(m, k)
        let lb =
          isShared
          ? try MatrixLayout(rows: transposes ? n : k, columns: transposes ? k : n)
          : try layout(transposes ? n : k, transposes ? k : n)
        let lc = try layout(m, n)
        let a = random.floats(la.extent)
        let b = random.floats(lb.extent)
        var c = [Float](repeating: .nan, count: lc.extent + 7)
        try a.withUnsafeBufferPointer { a throws(TarnError) in
          try b.withUnsafeBufferPointer { b throws(TarnError) in
            try c.withUnsafeMutableBufferPointer { c throws(TarnError) in
              try matmul(
                ExternalMatrix(a, la), ExternalMatrix(b, lb), transposingB: transposes,
                into: ExternalMutableMatrix(c, lc), on: execution)
            }
          }
        }
        var expected = [Float](repeating: .nan, count: c.count)
        for i in 0..<count {
          let x = try compact(a, la, i)
          let y = try compact(b, lb, isShared ? 0 : i)
          var z = try Matrix(rows: m, columns: n)
          try matmul(x, y, transposingB: transposes, into: &z, on: execution)
          for r in 0..<m {
            for j in 0..<n { expected[i * lc.matrixStride + r * lc.rowStride + j] = z[r, j] }
          }
        }
        report.expectSameBits(
          c, expected, "matmul batch \(count) \(transposes) \(isShared) \(execution.label)")
      }
    }
  }
}

/// Products that share their input, as one: the bits of each alone, and of a part of the whole.
private func joinedWeightsGiveTheBitsOfEach(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for (m, k, widths) in [
    (1, 20, [24, 7, 48]), (9, 390, [16, 33]), (34, 5, [1, 1, 100]), (2, 0, [3]),
  ] {
    var random = SplitMix64(seed: UInt64(m))
    let a = try Matrix(rows: m, columns: k, random.floats(m * k))
    let parts = try widths.map {
      try PackedMatrix(Matrix(rows: k, columns: $0, random.floats(k * $0)), on: execution)
    }
    let joined = try PackedMatrix(joining: parts)
    var whole = try Matrix(rows: m, columns: joined.columns)
    try matmul(a, joined, into: &whole, on: execution)
    var start = 0
    for part in parts {
      var alone = try Matrix(rows: m, columns: part.columns)
      try matmul(a, part, into: &alone, on: execution)
      let label = "joined \(widths) from \(start) \(execution.label)"
      let columns = start..<start + part.columns
      report.expectSameBits(whole.columns(columns).elements, alone.elements, label)
      var again = try Matrix(rows: m, columns: part.columns)
      try matmul(a, joined.columns(columns), into: &again, on: execution)
      report.expectSameBits(again.elements, alone.elements, "\(label), part")
      start = PackedMatrix.start(after: start + part.columns)
    }
  }
}

private func compact(_ x: [Float], _ layout: MatrixLayout, _ i: Int) throws(TarnError) -> Matrix {
  var elements: [Float] = []
  for r in 0..<layout.rows {
    let start = i * layout.matrixStride + r * layout.rowStride
    elements += x[start..<start + layout.columns]
  }
  return try Matrix(rows: layout.rows, columns: layout.columns, elements)
}

/// Batch invariance: the other rows, the tile and the place of a row do not matter.
private func rowAloneEqualsRowInBatch(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let shape = MatmulShape(rows: size == .quick ? 35 : 250, depth: 400, columns: 70)
  let input = MatmulCase(shape, seed: 21)
  let together = rows(input.packed(execution, &report), columns: shape.columns)
  for (i, row) in rows(input.a, columns: shape.depth).enumerated() where i % 3 == 0 || i > 240 {
    let single = MatmulShape(rows: 1, depth: shape.depth, columns: shape.columns)
    let c = MatmulCase(single, a: row, b: input.b).packed(execution, &report)
    report.expectSameBits(c, together[i], "matmul \(shape.label) row \(i) alone \(execution.label)")
  }
}

extension MatmulCase {
  init(_ shape: MatmulShape, a: [Float], b: [Float]) {
    self.shape = shape
    self.a = a
    self.b = b
    seed = 0
  }
}

private func scalingByPowersOfTwoIsExact(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let shape = MatmulShape(rows: 13, depth: 500, columns: 50)
  let input = MatmulCase(shape, seed: 31)
  let c = input.packed(execution, &report)
  for (left, right) in [(Float(0x1p20), Float(1)), (0x1p-12, 0x1p5), (1, -0x1p30)] {
    let scaled = MatmulCase(shape, a: input.a.map { $0 * left }, b: input.b.map { $0 * right })
    report.expectSameBits(
      scaled.packed(execution, &report), c.map { $0 * (left * right) },
      "matmul \(shape.label) seed 31 scaled by \(left) and \(right) \(execution.label)")
  }
}

private func identityGivesTheMatrix(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for n in [1, 17, 49, 97] {
    var random = SplitMix64(seed: UInt64(n))
    let identity = (0..<n * n).map { Float($0 / n == $0 % n ? 1 : 0) }
    let b = random.floats(n * n)
    let shape = MatmulShape(rows: n, depth: n, columns: n)
    report.expectSameBits(
      MatmulCase(shape, a: identity, b: b).packed(execution, &report), b,
      "identity times B, n = \(n) \(execution.label)")
    report.expectSameBits(
      MatmulCase(shape, a: b, b: identity).packed(execution, &report), b,
      "A times identity, n = \(n) \(execution.label)")
  }
}

private func permutedRowsGivePermutedRows(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let shape = MatmulShape(rows: 43, depth: 90, columns: 65)
  let input = MatmulCase(shape, seed: 41)
  var random = SplitMix64(seed: 42)
  let order = (0..<shape.rows).shuffled(using: &random)
  let a = rows(input.a, columns: shape.depth)
  let c = rows(input.packed(execution, &report), columns: shape.columns)
  let permuted = MatmulCase(shape, a: order.flatMap { a[$0] }, b: input.b)
  report.expectSameBits(
    permuted.packed(execution, &report), order.flatMap { c[$0] },
    "matmul \(shape.label) rows permuted \(execution.label)")
}

/// NaN in row i of A reaches row i of C alone, ∞ in column j of B column j alone; 0·NaN is NaN.
private func matmulKeepsNaNInItsRowAndColumn(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let shape = MatmulShape(rows: 11, depth: 20, columns: 53)
  let input = MatmulCase(shape, seed: 51)
  var a = input.a
  var b = input.b
  a[4 * shape.depth + 7] = .nan
  b[7 * shape.columns + 9] = 0
  b[3 * shape.columns + 50] = .infinity
  let c = MatmulCase(shape, a: a, b: b).packed(execution, &report)
  let isRight = c.indices.allSatisfy { i in
    if i / shape.columns == 4 { return c[i].isNaN }
    return i % shape.columns == 50 ? !c[i].isFinite : c[i].isFinite
  }
  report.expect(isRight, "matmul \(shape.label) with NaN and infinity \(execution.label)")
}
