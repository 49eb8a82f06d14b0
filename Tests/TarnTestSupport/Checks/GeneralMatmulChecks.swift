// The product with factors and any strides, and the vectors of BLAS level 1.

internal import Tarn
internal import TarnKernelInterface

/// The checks of this file.
public let generalMatmulChecks: [KernelCheck] = [
  KernelCheck("general matmul, all edges", generalMatmulMeetsTheContract),
  KernelCheck("general matmul, strides", stridesOfAProductChangeNoBit),
  KernelCheck("general matmul, what is not read", factorsOfZeroReadNothing),
  KernelCheck("general matmul, tiny blocks", tinyBlocksStayWithinTheBound),
  KernelCheck("vectors, sums", vectorSumsMeetBoundAndContract),
  KernelCheck("vectors, norm", normsNeitherOverflowNorUnderflow),
  KernelCheck("vectors, largest magnitude", theFirstLargestMagnitudeIsFound),
  KernelCheck("vectors, multiply-add and scale", scaledVectorsRoundAsTheyShould),
]

/// How the elements of a matrix lie in memory.
private enum Form: CaseIterable {
  /// Row after row, a gap after each.
  case rows
  /// Column after column.
  case columns
  /// Neither stride is 1.
  case apart
  /// From the last element back.
  case backwards

  func strides(_ rows: Int, _ columns: Int) -> (row: Int, column: Int) {
    switch self {
    case .rows: (columns + 3, 1)
    case .columns: (1, rows + 1)
    case .apart: (2 * columns + 1, 2)
    case .backwards: (-columns, -1)
    }
  }
}

/// A matrix in one of the forms; words between its elements are NaN.
private struct Placed {
  var memory: [Float]
  var rows: Int
  var columns: Int
  var strides: (row: Int, column: Int)
  private var first: Int

  init(_ elements: [Float], _ rows: Int, _ columns: Int, _ form: Form) {
    (self.rows, self.columns) = (rows, columns)
    strides = form.strides(rows, columns)
    let ends = [max(0, rows - 1) * strides.row, max(0, columns - 1) * strides.column]
    first = -ends.map { min($0, 0) }.reduce(0, +)
    memory = [Float](repeating: .nan, count: ends.map(abs).reduce(1, +))
    for i in 0..<rows {
      for j in 0..<columns { memory[place(i, j)] = elements[i * columns + j] }
    }
  }

  private func place(_ i: Int, _ j: Int) -> Int { first + i * strides.row + j * strides.column }

  var elements: [Float] {
    (0..<rows).flatMap { i in (0..<columns).map { memory[place(i, $0)] } }
  }

  /// Whether nothing but elements was written.
  var isIntact: Bool {
    var others = Set(memory.indices)
    for i in 0..<rows { for j in 0..<columns { others.remove(place(i, j)) } }
    return others.allSatisfy { memory[$0].isNaN }
  }
}

/// `alpha·a·b + beta·c` by the operator; nothing but c is written.
private func product(
  _ a: Placed, _ b: Placed, alpha: Float, beta: Float, _ c: Placed, on execution: Execution
) throws -> Placed {
  var c = c
  try a.memory.withUnsafeBufferPointer { x throws(TarnError) in
    try b.memory.withUnsafeBufferPointer { y throws(TarnError) in
      let left = try StridedMatrix(
        x, rows: a.rows, columns: a.columns, rowStride: a.strides.row,
        columnStride: a.strides.column)
      let right = try StridedMatrix(
        y, rows: b.rows, columns: b.columns, rowStride: b.strides.row,
        columnStride: b.strides.column)
      let (rows, columns, strides) = (c.rows, c.columns, c.strides)
      try c.memory.withUnsafeMutableBufferPointer { z throws(TarnError) in
        try matmul(
          left, right, alpha: alpha, beta: beta,
          into: StridedMutableMatrix(
            z, rows: rows, columns: columns, rowStride: strides.row, columnStride: strides.column),
          on: execution)
      }
    }
  }
  return c
}

/// `alpha·s + beta·c` of the contract, from the sums of the contract.
private func modelled(
  _ model: ContractModel, _ sums: [Float], alpha: Float, beta: Float, _ c: [Float]
) -> [Float] {
  sums.indices.map {
    beta == 0 ? alpha * sums[$0] : model.multiplyAdd(alpha, sums[$0], beta * c[$0])
  }
}

private let factors: [(alpha: Float, beta: Float)] = [(1, 0), (0.7, 0), (1, 1), (-1.3, 0.9)]

/// Within the bound, and the contract bit for bit, at every edge of the loops.
private func generalMatmulMeetsTheContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  var shapes = MatmulShape.edges(size)
  if size != .quick {
    shapes += [
      MatmulShape(rows: 300, depth: 400, columns: 200),
      MatmulShape(rows: 250, depth: 7, columns: 1600),
      MatmulShape(rows: 1600, depth: 9, columns: 241),
      MatmulShape(rows: 500, depth: 3000, columns: 50),
    ]
  }
  let forms = Form.allCases
  for (number, shape) in shapes.enumerated() {
    let input = MatmulCase(shape, seed: UInt64(7000 + number))
    var random = SplitMix64(seed: UInt64(number))
    let old = random.floats(shape.rows * shape.columns)
    let sums = execution.model.matmul(
      input.a, input.b, rows: shape.rows, depth: shape.depth, columns: shape.columns)
    let exact = matmulOracle(
      input.a, input.b, rows: shape.rows, depth: shape.depth, columns: shape.columns)
    let (alpha, beta) = factors[number % factors.count]
    let (x, y) = (forms[number % 3], forms[number / 3 % 3])
    let z = forms[number / 9 % 3]
    let label = "\(shape.label) \(x) \(y) \(z) alpha \(alpha) beta \(beta) \(execution.label)"
    let c = try product(
      Placed(input.a, shape.rows, shape.depth, x), Placed(input.b, shape.depth, shape.columns, y),
      alpha: alpha, beta: beta, Placed(old, shape.rows, shape.columns, z), on: execution)
    report.expect(c.isIntact, "general matmul \(label) wrote between the elements")
    report.expectSameBits(
      c.elements, modelled(execution.model, sums, alpha: alpha, beta: beta, old),
      "general matmul \(label), contract")
    let scale = Double(alpha).magnitude
    let roundings = (Double(shape.depth) + 2) * unitRoundoff * 1.0001
    report.expectWithin(
      c.elements,
      exact.values.indices.map {
        Double(alpha) * exact.values[$0] + Double(beta) * Double(old[$0])
      },
      tolerance: exact.magnitudes.indices.map {
        roundings * (scale * exact.magnitudes[$0] + abs(Double(beta) * Double(old[$0])))
      }, "general matmul \(label)")
  }
}

/// All forms of all operands give the bits of ``matmul``.
private func stridesOfAProductChangeNoBit(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for shape in [
    MatmulShape(rows: 5, depth: 390, columns: 60), MatmulShape(rows: 1, depth: 50, columns: 100),
    MatmulShape(rows: 100, depth: 50, columns: 1),
    MatmulShape(rows: size == .quick ? 245 : 500, depth: 20, columns: 250),
  ] {
    let (m, k, n) = (shape.rows, shape.depth, shape.columns)
    let input = MatmulCase(shape, seed: 99)
    var random = SplitMix64(seed: 98)
    let old = random.floats(m * n)
    var sums = try Matrix(rows: m, columns: n)
    try matmul(
      Matrix(rows: m, columns: k, input.a), Matrix(rows: k, columns: n, input.b), into: &sums,
      on: execution)
    for x in Form.allCases {
      for y in Form.allCases {
        for z in Form.allCases {
          for (alpha, beta) in [factors[0], factors[3]] {
            let c = try product(
              Placed(input.a, m, k, x), Placed(input.b, k, n, y), alpha: alpha, beta: beta,
              Placed(old, m, n, z), on: execution)
            let label = "\(shape.label) \(x) \(y) \(z) alpha \(alpha) \(execution.label)"
            report.expectSameBits(
              c.elements,
              modelled(execution.model, sums.elements, alpha: alpha, beta: beta, old), label)
            report.expect(c.isIntact, "\(label) wrote between the elements")
          }
        }
      }
    }
  }
}

/// With beta 0 NaN in C leaves no trace; with alpha 0 none in A and B; no depth is a sum of nothing.
private func factorsOfZeroReadNothing(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let (m, k, n) = (19, 21, 23)
  var random = SplitMix64(seed: 4)
  let a = random.floats(m * k)
  let b = random.floats(k * n)
  let old = random.floats(m * n)
  let nan = { (count: Int) in [Float](repeating: .nan, count: count) }
  for form in Form.allCases {
    let place = { (x: [Float], rows: Int, columns: Int) in Placed(x, rows, columns, form) }
    let fresh = try product(
      place(a, m, k), place(b, k, n), alpha: 0.5, beta: 0, place(nan(m * n), m, n), on: execution)
    let clean = try product(
      place(a, m, k), place(b, k, n), alpha: 0.5, beta: 0, place(old, m, n), on: execution)
    report.expect(fresh.elements.allSatisfy(\.isFinite), "\(form): beta 0 read C")
    report.expectSameBits(fresh.elements, clean.elements, "\(form): beta 0")
    for beta: Float in [0, 1, 2.5] {
      let c = try product(
        place(nan(m * k), m, k), place(nan(k * n), k, n), alpha: 0, beta: beta,
        place(old, m, n), on: execution)
      report.expectSameBits(
        c.elements, old.map { beta == 0 ? 0 : beta * $0 }, "\(form): alpha 0, beta \(beta)")
      let shallow = try product(
        place([], m, 0), place([], 0, n), alpha: 3, beta: beta, place(old, m, n), on: execution)
      report.expectSameBits(shallow.elements, c.elements, "\(form): depth 0, beta \(beta)")
    }
    let zeros = try product(
      place(a, m, k), place(b, k, n), alpha: 0, beta: 0, place(nan(m * n), m, n), on: execution)
    report.expect(zeros.elements.allSatisfy { $0 == 0 }, "\(form): alpha and beta 0")
  }
}

/// The blocks that tests force: other sums, the same bound, and the same bits for all threads.
private func tinyBlocksStayWithinTheBound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, shape) in MatmulShape.edges(.quick).enumerated() {
    let (m, k, n) = (shape.rows, shape.depth, shape.columns)
    let input = MatmulCase(shape, seed: UInt64(number))
    let left = GuardedMatrix(rows: m, columns: k, gap: number % 3, at: placement(number), input.a)
    let right = GuardedMatrix(
      rows: k, columns: n, gap: number % 2, at: placement(number + 1), input.b)
    let c = GuardedMatrix(rows: m, columns: n, gap: number % 4, at: placement(number + 2))
    let strided = { (x: MatrixView) in
      StridedView(
        x.base, rows: x.rows, columns: x.columns, rowStride: x.rowStride, columnStride: 1)
    }
    let target = MutableStridedView(
      c.target.base, rows: m, columns: n, rowStride: c.rowStride, columnStride: 1)
    multiply(
      strided(left.view), strided(right.view), alpha: 1, beta: 0, into: target,
      blocks: .tiny, on: execution)
    let label = "tiny blocks \(shape.label) \(execution.label)"
    for memory in [left, right, c] { report.expectIntact(memory, label) }
    let exact = matmulOracle(input.a, input.b, rows: m, depth: k, columns: n)
    let bound = Double(k) * unitRoundoff * 1.0001
    report.expectWithin(
      c.elements, exact.values, tolerance: exact.magnitudes.map { $0 * bound }, label)
    let first = c.elements
    multiply(
      strided(left.view), strided(right.view), alpha: 1, beta: 0, into: target, blocks: .tiny,
      on: Execution(execution, threads: 1))
    report.expectSameBits(c.elements, first, "\(label), one thread")
  }
}

/// Lengths at which a vector, four of them, or a part of a strided vector ends.
private let lengths = [0, 1, 2, 15, 16, 17, 63, 64, 65, 130, 1023, 1024, 1025, 2049]

/// A vector with a stride, and NaN between its elements; calls `body` with its logical beginning.
private func spread<Result>(
  _ x: [Float], _ stride: Int, _ body: (StridedVector) -> Result
) -> Result {
  var memory = [Float](repeating: .nan, count: max(1, x.count * abs(stride)))
  let first = stride < 0 ? (x.count - 1) * -stride : 0
  for (i, value) in x.enumerated() { memory[first + i * stride] = value }
  return memory.withUnsafeBufferPointer {
    guard let base = $0.baseAddress else { preconditionFailure("no memory") }
    return body(StridedVector(base + max(0, first), count: x.count, stride: stride))
  }
}

private func vectorSumsMeetBoundAndContract(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let model = execution.model
  for (number, n) in lengths.enumerated() {
    var random = SplitMix64(seed: UInt64(number))
    let x = random.floats(n)
    let y = random.floats(n)
    let exact = zip(x, y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    let magnitude = zip(x, y).reduce(0.0) { $0 + abs(Double($1.0) * Double($1.1)) }
    let total = x.reduce(0.0) { $0 + abs(Double($1)) }
    let roundings = (Double(n) / 64 + 8) * unitRoundoff
    for (strideX, strideY) in [(1, 1), (2, 1), (1, -3), (-1, -1), (-2, 5)] {
      let label = "\(n) by \(strideX) and \(strideY) \(execution.label)"
      let dot = spread(x, strideX) { x in
        spread(y, strideY) { x.innerProduct($0, on: execution) }
      }
      report.expectSameBits([dot], [model.innerProduct(x, y)], "inner product \(label), contract")
      report.expectWithin(
        [dot], [exact], tolerance: [magnitude * roundings], "inner product \(label)")
      let sum = spread(x, strideX) { $0.sumOfMagnitudes(on: execution) }
      report.expectSameBits([sum], [model.sum(x.map(abs))], "magnitudes \(label), contract")
      report.expectWithin([sum], [total], tolerance: [total * roundings], "magnitudes \(label)")
    }
  }
}

private func normsNeitherOverflowNorUnderflow(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, n) in lengths.enumerated() {
    for scale: Float in [1, 0x1p100, 0x1p-100, 0x1p-140] {
      var random = SplitMix64(seed: UInt64(number))
      let x = random.floats(n, scale: scale)
      let exact = x.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      for stride in [1, 3, -2] {
        let norm = spread(x, stride) { $0.norm(on: execution) }
        report.expect(
          ulpError(norm, exact: exact) <= 0.5001,
          "norm of \(n) by \(stride) times \(scale): \(norm), expected \(exact)")
      }
    }
  }
  for (x, expected): ([Float], Float) in [
    ([.greatestFiniteMagnitude], .greatestFiniteMagnitude), ([3, .infinity], .infinity),
    ([1, -.infinity, .nan], .nan), ([.leastNonzeroMagnitude], .leastNonzeroMagnitude),
    ([.greatestFiniteMagnitude, .greatestFiniteMagnitude], .infinity),
  ] {
    let norm = spread(x, 1) { $0.norm(on: execution) }
    report.expectSameBits([norm], [expected], "norm of \(x)")
  }
}

private func theFirstLargestMagnitudeIsFound(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  func check(_ x: [Float]) {
    // The reference's loop.
    var expected = 0
    for i in x.indices where x[i].magnitude > x[expected].magnitude { expected = i }
    for stride in [1, 2] {
      let found = spread(x, stride) { $0.indexOfLargestMagnitude(on: execution) }
      report.expect(
        found == expected, "\(x.count) by \(stride): found \(found), expected \(expected)")
    }
  }
  for (number, n) in lengths.enumerated() where n > 0 {
    var random = SplitMix64(seed: UInt64(number))
    var x = random.floats(n)
    check(x)
    check([Float](repeating: 0, count: n))
    check(x.map { $0 > 0 ? 1 : -1 })
    for i in stride(from: 1, to: n, by: 3) { x[i] = .nan }
    check(x)
    check([1] + [Float](repeating: .nan, count: n))
    check([.nan] + x)
    check(x + [-.infinity, .infinity])
  }
}

private func scaledVectorsRoundAsTheyShould(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, n) in (lengths + [40_000]).enumerated() {
    var random = SplitMix64(seed: UInt64(number))
    var x = random.floats(n)
    let y = random.floats(n)
    if n > 3 { x[3] = .nan }
    for (strideX, strideY) in [(1, 1), (2, 1), (1, 3)] {
      var memory = [Float](repeating: 7, count: max(1, n * strideY))
      for i in 0..<n { memory[i * strideY] = y[i] }
      var expected = memory
      for i in 0..<n {
        expected[i * strideY] = execution.model.multiplyAdd(0.3, x[i], y[i])
      }
      memory.withUnsafeMutableBufferPointer { memory in
        guard let base = memory.baseAddress else { return }
        spread(x, strideX) { $0.add(0.3, to: base, stride: strideY, on: execution) }
      }
      report.expectSameBits(
        memory, expected, "y += a·x, \(n) by \(strideX) and \(strideY) \(execution.label)")
      for factor: Float in [0, -1.7] {
        expected = memory
        for i in 0..<n { expected[i * strideY] *= factor }
        var scaled = memory
        scaled.withUnsafeMutableBufferPointer { memory in
          guard let base = memory.baseAddress else { return }
          StridedVector.scale(base, count: n, stride: strideY, by: factor, on: execution)
        }
        report.expectSameBits(scaled, expected, "x *= \(factor), \(n) by \(strideY)")
      }
    }
  }
}
