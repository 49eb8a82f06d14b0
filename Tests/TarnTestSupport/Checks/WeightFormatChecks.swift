// Weights of fewer bits: what is held, and that products and tables see exactly that.

internal import Tarn
internal import TarnKernelInterface

/// The checks of this file.
public let weightFormatChecks: [KernelCheck] = [
  KernelCheck("weights, rounding", weightsAreRoundedByTheirDefinition),
  KernelCheck("weights, all edges", productsHaveTheBitsOfTheRoundedWeights),
  KernelCheck("weights, operator", threadsPartsAndEpiloguesChangeNoBit),
  KernelCheck("weights, stored", storedWeightsPackAsTheirValues),
  KernelCheck("weights, NaN and infinity", sixteenBitsKeepNaNAndInfinity),
]

extension WeightFormat {
  static var narrow: [WeightFormat] { [.bfloat16, .float16, .int8] }

  /// The format of sixteen bits, if it is one.
  var half: HalfPrecision? {
    switch self {
    case .bfloat16: .bfloat16
    case .float16: .float16
    case .float32, .int8: nil
    }
  }
}

/// Weights by the definition of a format: `elements[k, j] · scales[j]`, `elements` being what sums see.
struct RoundedWeights {
  /// `[depth × columns]`, row-major.
  var elements: [Float]
  /// A factor for each column; 1 for a format without.
  var scales: [Float]

  init(_ b: [Float], columns: Int, _ format: WeightFormat) {
    elements = b
    scales = Array(repeating: 1, count: columns)
    if let half = format.half {
      elements = b.map { narrowOracle($0, half).map { widenOracle($0, half) } ?? .nan }
    } else if format == .int8 {
      for j in 0..<columns {
        let column = stride(from: j, to: b.count, by: columns)
        scales[j] = (column.map { b[$0].magnitude }.max() ?? 0) / 127
        for i in column {
          let number = (b[i] / scales[j]).rounded(.toNearestOrEven)
          // Plus zero: whole numbers have no negative zero.
          elements[i] = scales[j] == 0 ? 0 : min(127, max(-127, number)) + 0
        }
      }
    }
  }

  /// The numbers that are meant, row by row of the transpose: what a table of them gives.
  func columns(depth: Int) -> [Float] {
    let count = scales.count
    return (0..<count).flatMap { j in (0..<depth).map { elements[$0 * count + j] * scales[j] } }
  }
}

/// A matrix for packing in which some columns are zeros, some denormal, and magnitudes differ.
private func weights(_ depth: Int, _ columns: Int, seed: UInt64) -> [Float] {
  var random = SplitMix64(seed: seed)
  let factors: [Float] = [1, 0.02, 0, 0x1p-133, 300, 0x1p-146, 0x1.8p-142]
  return random.floats(depth * columns).enumerated().map { i, x in
    columns < 3 ? x : x * factors[i % columns % factors.count]
  }
}

/// Both orders of packing, parts and joined parts hold the rounded weights.
private func weightsAreRoundedByTheirDefinition(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  for (depth, columns) in [
    (0, 3), (1, 1), (3, 15), (16, 16), (17, 17), (5, 48), (33, 49), (20, 97), (385, 130),
  ] {
    let b = weights(depth, columns, seed: UInt64(columns))
    let matrix = try Matrix(rows: depth, columns: columns, b)
    var transposed = try Matrix(rows: columns, columns: depth)
    try transpose(matrix, into: &transposed, on: execution)
    let all = (0..<Int32(columns))[...]
    for format in WeightFormat.allCases {
      let label = "weights \(format) \(depth)×\(columns) \(execution.label)"
      let expected = RoundedWeights(b, columns: columns, format).columns(depth: depth)
      let packed = try PackedMatrix(matrix, as: format, on: execution)
      var table = try Matrix(rows: columns + 1, columns: depth)
      try gather(columnsOf: packed, Array(all)[...], into: &table, at: 1, on: execution)
      report.expectSameBits(table.rows(1..<columns + 1).elements, expected, label)
      let again = try PackedMatrix(transposing: transposed, as: format, on: execution)
      let joined = try PackedMatrix(joining: [packed, again])
      let start = PackedMatrix.start(after: columns)
      let parts = [(again, "transposed"), (joined.columns(start..<start + columns), "joined")]
      for (part, name) in parts {
        try gather(columnsOf: part, Array(all)[...], into: &table, on: execution)
        report.expectSameBits(
          table.rows(0..<columns).elements, expected, "\(label), \(name)")
      }
      try gather(columnsOf: packed, Array(all)[...], adding: true, into: &table, on: execution)
      report.expectSameBits(
        table.rows(0..<columns).elements, expected.map { $0 + $0 }, "\(label), added")
    }
  }
}

/// Within the bound of Double, and bit for bit the product with the same numbers held as Float.
private func productsHaveTheBitsOfTheRoundedWeights(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for (number, shape) in MatmulShape.edges(size).enumerated() {
    let (m, k, n) = (shape.rows, shape.depth, shape.columns)
    let input = MatmulCase(shape, seed: UInt64(5000 + number))
    for format in WeightFormat.narrow {
      let label = "matmul \(format) \(shape.label) seed \(input.seed) \(execution.label)"
      let rounded = RoundedWeights(input.b, columns: n, format)
      let c = product(input, format, execution, place: number, &report)
      let sums = MatmulCase(shape, a: input.a, b: rounded.elements).packed(execution, &report)
      report.expectSameBits(
        c, sums.indices.map { sums[$0] * rounded.scales[$0 % n] }, "\(label), held as Float")
      let exact = matmulOracle(input.a, rounded.elements, rows: m, depth: k, columns: n)
      let bound = (Double(k) + 1) * unitRoundoff * 1.0001
      let scales = rounded.scales.map(Double.init)
      report.expectWithin(
        c, exact.values.indices.map { exact.values[$0] * scales[$0 % n] },
        tolerance: exact.magnitudes.indices.map { exact.magnitudes[$0] * scales[$0 % n] * bound },
        label)
    }
  }
}

/// The kernels that narrow and multiply, on guarded memory.
private func product(
  _ input: MatmulCase, _ format: WeightFormat, _ execution: Execution, place: Int,
  _ report: inout CheckReport
) -> [Float] {
  let (m, k, n) = (input.shape.rows, input.shape.depth, input.shape.columns)
  let table = execution.table
  let count = PackedView.elementCount(depth: k, columns: n)
  let b = GuardedMatrix(rows: k, columns: n, input.b)
  let strips = GuardedMatrix(rows: 1, columns: count, at: placement(place))
  let words = GuardedMatrix(
    rows: 1, columns: count / 4 * format.byteCount, at: placement(place + 1))
  let scales = GuardedMatrix(
    rows: 1, columns: PackedMatrix.start(after: n), at: placement(place + 2))
  let packed = PackedView(
    words.view.base, format: format, scales: format == .int8 ? scales.view.base : nil, depth: k,
    columns: n)
  table.matmul.pack(b.view, 0..<packed.panelCount, strips.target.base)
  switch format.half {
  case .bfloat16: table.memory.narrowBFloat16(strips.view.base, words.target.base, count)
  case .float16: table.memory.narrowFloat16(strips.view.base, words.target.base, count)
  case nil:
    table.matmul.quantize(strips.view.base, k, n, words.target.base, scales.target.base)
  }
  let a = GuardedMatrix(rows: m, columns: k, gap: place % 4, at: placement(place), input.a)
  let c = GuardedMatrix(rows: m, columns: n, gap: place % 3, at: placement(place + 1))
  let workspace = GuardedMatrix(
    rows: 1, columns: Blocking.wideningWorkspace, at: placement(place + 2))
  table.matmul.multiply(
    a.view, packed, 0..<packed.panelCount, false, EpilogueView(), c.target, workspace.target.base)
  for memory in [b, strips, words, scales, a, c, workspace] {
    report.expectIntact(memory, "matmul \(format) \(input.shape.label) place \(place)")
  }
  return c.elements
}

/// Any division of rows and columns, with an epilogue, gives the bits of one thread and of a row alone.
private func threadsPartsAndEpiloguesChangeNoBit(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let (k, n) = (400, 300)
  let rowCounts = size == .quick ? [1, 7, 35] : [1, 5, 15, 16, 35, 250, 600]
  let b = try Matrix(rows: k, columns: n, weights(k, n, seed: 91))
  for format in WeightFormat.narrow {
    let rounded = RoundedWeights(b.elements, columns: n, format)
    let whole = try Matrix(rows: k, columns: n, rounded.elements)
    let packed = try PackedMatrix(b, as: format, on: execution)
    for m in rowCounts {
      var random = SplitMix64(seed: UInt64(m))
      let a = try Matrix(rows: m, columns: k, random.floats(m * k))
      let bias = Matrix(random.floats(n))
      let residual = try Matrix(rows: m, columns: n, random.floats(m * n))
      var sums = try Matrix(rows: m, columns: n)
      try matmul(a, PackedMatrix(whole, on: execution), into: &sums, on: execution)
      let biased = sums.elements.indices.map { i in
        sums.elements[i] * rounded.scales[i % n] + bias[0, i % n]
      }
      let active = apply(.gelu, biased, on: execution)
      let expected = active.indices.map { active[$0] + residual.elements[$0] }
      let label = "matmul \(format) \(m)×\(k)×\(n) \(execution.label)"
      for threads in [1, 2, 3, 7] {
        let several = try Execution(instructionSet: execution.instructionSet, threads: threads)
        var c = try Matrix(rows: m, columns: n)
        try matmul(
          a, packed, epilogue: Epilogue(bias: bias, activation: .gelu, residual: residual),
          into: &c, on: several)
        report.expectSameBits(c.elements, expected, "\(label), \(threads) threads")
      }
      let part = 32..<131
      var c = try Matrix(rows: m, columns: part.count)
      try matmul(a, packed.columns(part), into: &c, on: execution)
      let plain = sums.columns(part).elements
      report.expectSameBits(
        c.elements,
        plain.indices.map { plain[$0] * rounded.scales[part.lowerBound + $0 % part.count] },
        "\(label), columns \(part)")
    }
  }
}

/// What a file holds, in each of its types and at any address, packs as the same numbers do.
private func storedWeightsPackAsTheirValues(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let (rows, columns) = (101, 37)
  let b = weights(rows, columns, seed: 7)
  for stored in [nil, HalfPrecision.bfloat16, .float16] {
    let bits = stored.map { half in b.map { narrowOracle($0, half) ?? 0 } }
    let values = bits.map { bits in bits.map { widenOracle($0, stored ?? .float16) } } ?? b
    let bytes: [UInt8] =
      bits.map { $0.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] } }
      ?? b.flatMap { x in (0..<4).map { UInt8(truncatingIfNeeded: x.bitPattern >> (8 * $0)) } }
    let matrix = try Matrix(rows: rows, columns: columns, values)
    for format in WeightFormat.allCases {
      var expected = try Matrix(rows: rows, columns: columns)
      let all = Array(0..<Int32(rows))[...]
      try gather(
        columnsOf: PackedMatrix(transposing: matrix, as: format, on: execution), all,
        into: &expected, on: execution)
      for offset in 0..<4 {
        var found = try Matrix(rows: rows, columns: columns)
        let packed = try (Array(repeating: UInt8(0), count: offset) + bytes).withUnsafeBytes {
          bytes throws(TarnError) in
          let part = UnsafeRawBufferPointer(rebasing: bytes[offset...])
          return try PackedMatrix(
            transposing: StoredMatrix(part, stored, rows: rows, columns: columns), as: format,
            on: execution)
        }
        try gather(columnsOf: packed, all, into: &found, on: execution)
        report.expectSameBits(
          found.elements, expected.elements,
          "\(stored.map { "\($0)" } ?? "float32") at \(offset) as \(format) \(execution.label)")
      }
    }
  }
}

/// NaN and ∞ stay in their column; what is too large for a format becomes ∞.
private func sixteenBitsKeepNaNAndInfinity(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let (k, n) = (20, 53)
  var random = SplitMix64(seed: 8)
  var b = random.floats(k * n)
  b[3 * n + 7] = .nan
  b[4 * n + 50] = -.infinity
  b[5 * n + 20] = 70000
  b[6 * n + 21] = .greatestFiniteMagnitude
  for format in WeightFormat.narrow where format.half != nil {
    let packed = try PackedMatrix(
      Matrix(rows: k, columns: n, b), as: format, on: execution)
    let large: Set = format == .float16 ? [7, 20, 21, 50] : [7, 21, 50]
    for m in [1, 40] {
      var c = try Matrix(rows: m, columns: n)
      try matmul(
        Matrix(rows: m, columns: k, random.floats(m * k)), packed, into: &c, on: execution)
      let isRight = c.elements.indices.allSatisfy {
        c.elements[$0].isFinite != large.contains($0 % n)
      }
      report.expect(isRight, "\(m) rows, \(format) with NaN and infinity \(execution.label)")
    }
  }
}
