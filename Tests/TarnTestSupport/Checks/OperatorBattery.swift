// One fixed run of all operators: what thread counts, instruction sets and years must not change.

public import Tarn
internal import TarnKernelInterface

/// The results of an operator on the battery's inputs.
public struct BatteryResult: Sendable {
  /// The operator, and its case where there are several.
  public var name: String
  /// All elements that it wrote.
  public var elements: [Float]

  /// ``bitHash(_:)`` of the elements.
  public var hash: UInt64 { bitHash(elements) }
}

/// FNV-1a over the bits, least significant byte first.
public func bitHash(_ elements: [Float]) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for element in elements {
    var bits = element.bitPattern
    for _ in 0..<4 {
      hash = (hash ^ UInt64(bits & 0xFF)) &* 0x100_0000_01B3
      bits >>= 8
    }
  }
  return hash
}

/// Runs every operator on fixed inputs that are large enough to be divided among threads.
///
/// No result is NaN, since targets make different ones.
public func operatorBattery(on execution: Execution) throws -> [BatteryResult] {
  var results: [BatteryResult] = []
  func note(_ name: String, _ matrix: Matrix) {
    results.append(BatteryResult(name: name, elements: matrix.elements))
  }
  var random = SplitMix64(seed: 2024)
  func matrix(_ rows: Int, _ columns: Int, scale: Float = 1) throws -> Matrix {
    try Matrix(rows: rows, columns: columns, random.floats(rows * columns, scale: scale))
  }
  let lengths = [300, 1, 257, 64]
  let sequences = try Ragged(lengths: lengths)
  let n = sequences.rows
  let d = 96
  let x = try matrix(n, d)
  let keep = (0..<n).map { $0 % 300 == 0 || $0 % 7 != 3 }

  let weight = try PackedMatrix(transposing: matrix(150, d), on: execution)
  let bias = try matrix(1, 150)
  let residual = try matrix(n, 150)
  for activation in [nil] + ElementwiseFunction.allCases.map(Optional.some) {
    var c = try Matrix(rows: n, columns: 150)
    try matmul(
      x, weight,
      epilogue: Epilogue(bias: bias, activation: activation, residual: residual), into: &c,
      on: execution)
    note("matmul \(activation.map { "\($0)" } ?? "linear")", c)
  }
  let deep = try PackedMatrix(matrix(800, 200), on: execution)
  for count in [1, 31, 65] {
    var c = try Matrix(rows: count, columns: 200)
    try matmul(matrix(count, 800), deep, into: &c, on: execution)
    note("matmul \(count) rows", c)
  }

  try noteGeneralProducts(on: execution, note)

  let gain = try matrix(1, d)
  let shift = try matrix(1, d)
  let other = try matrix(n, d)
  var y = try Matrix(rows: n, columns: d)
  try layerNorm(
    x, residual: other, gain: gain, bias: shift, epsilon: 1e-12, into: &y, on: execution)
  note("layerNorm", y)
  try softmax(x, scale: 3, into: &y, on: execution)
  note("softmax", y)
  for f in ElementwiseFunction.allCases {
    try elementwise(f, matrix(n, d, scale: 10), into: &y, on: execution)
    note("\(f)", y)
  }

  var mean = try Matrix(rows: lengths.count, columns: d)
  try maskedMean(x, over: sequences, keep: keep, into: &mean, on: execution)
  note("maskedMean", mean)
  let wide = try matrix(n, 256)
  let labels = (0..<n).map { Int32($0 * 7 % 11) }
  var maxima = try Matrix(
    rows: 11, columns: 256, [Float](repeating: -.infinity, count: 11 * 256))
  try segmentMax(wide, labels: labels, into: &maxima, on: execution)
  note("segmentMax", maxima)
  for window in [3, 8] {
    try slidingMax(x, over: sequences, window: window, into: &y, on: execution)
    note("slidingMax \(window)", y)
  }
  let neighbours = (0..<n - 2).map {
    WindowNeighbours(hasLeftRow: $0 % 3 != 0, hasRightRow: $0 % 5 != 0, hasFill: $0 % 4 == 0)
  }
  var near = try Matrix(rows: n - 2, columns: d)
  try neighbourMax(x, neighbours[...], fill: -0.5, into: &near, on: execution)
  note("neighbourMax", near)
  try gather(gain, Array(repeating: 0, count: n)[...], into: &y, on: execution)
  try gather(x, (0..<n).map { Int32($0 * 5 % n) }[...], adding: true, into: &y, on: execution)
  note("gather", y)

  let segments = try matrix(11, d)
  let kinds: [FusionKind] = (0..<n).map {
    $0 % 9 == 0 ? .masked : $0 % 9 == 4 ? .globalOnly : .full
  }
  let rowsOfSequences = (0..<lengths.count).flatMap { s in sequences[s].map { _ in Int32(s) } }
  let plan = FusionPlan(kinds: kinds, sequences: rowsOfSequences, labels: labels)
  var c = other
  try fuse(plan, 0..<n, global: mean, maxima: segments, local: x, into: &c, on: execution)
  note("fuse", c)

  let keys = try AggregationKeys(
    weight: matrix(d, d, scale: 0.3), bias: matrix(1, d), heads: 6, on: execution)
  var v = try Matrix(rows: lengths.count, columns: d)
  var probabilities: Matrix? = try Matrix(rows: 6, columns: n)
  try globalAggregation(
    x, over: sequences, keep: keep, queries: matrix(lengths.count, d, scale: 3), keys: keys,
    into: &v, probabilities: &probabilities, on: execution)
  note("globalAggregation", v)
  if let probabilities { note("globalAggregation probabilities", probabilities) }

  for format in [WeightFormat.bfloat16, .float16, .int8] {
    let narrow = try PackedMatrix(matrix(800, 200), as: format, on: execution)
    for count in [1, 65] {
      var c = try Matrix(rows: count, columns: 200)
      try matmul(matrix(count, 800), narrow, into: &c, on: execution)
      note("matmul \(format) \(count) rows", c)
    }
    var rows = try Matrix(rows: 300, columns: 800)
    try gather(
      columnsOf: narrow, (0..<300).map { Int32($0 * 7 % 200) }[...], into: &rows, on: execution)
    note("gather \(format)", rows)
  }
  return try results + windowBattery(on: execution) + topKBattery(on: execution)
    + fourierBattery(on: execution) + rowBattery(on: execution)
    + attentionBattery(on: execution)
}

/// Products with factors and strides, large enough for threads, and sums of vectors.
private func noteGeneralProducts(
  on execution: Execution, _ note: (String, Matrix) -> Void
) throws {
  var random = SplitMix64(seed: 909)
  for (m, k, n, byColumns) in [(300, 500, 130, true), (7, 500, 130, false), (400, 90, 1, true)] {
    let a = random.floats(m * k)
    let b = random.floats(k * n)
    var c = random.floats(m * n)
    try a.withUnsafeBufferPointer { a throws(TarnError) in
      try b.withUnsafeBufferPointer { b throws(TarnError) in
        try c.withUnsafeMutableBufferPointer { c throws(TarnError) in
          try matmul(
            StridedMatrix(
              a, rows: m, columns: k, rowStride: byColumns ? 1 : k,
              columnStride: byColumns ? m : 1),
            StridedMatrix(b, rows: k, columns: n, rowStride: n), alpha: 0.7, beta: -1.3,
            into: StridedMutableMatrix(
              c, rows: m, columns: n, rowStride: byColumns ? 1 : n,
              columnStride: byColumns ? m : 1),
            on: execution)
        }
      }
    }
    note("general matmul \(m)×\(k)×\(n)", try Matrix(rows: m, columns: n, c))
  }
  let x = random.floats(5000)
  let y = random.floats(5000)
  let sums = x.withUnsafeBufferPointer { x in
    y.withUnsafeBufferPointer { y -> [Float] in
      guard let x = x.baseAddress, let y = y.baseAddress else { return [] }
      let (a, b) = (
        StridedVector(x, count: 5000, stride: 1), StridedVector(y, count: 5000, stride: 1)
      )
      return [
        a.innerProduct(b, on: execution),
        StridedVector(x, count: 2500, stride: 2).innerProduct(
          StridedVector(y, count: 2500, stride: 1), on: execution),
        a.sumOfMagnitudes(on: execution), a.norm(on: execution),
      ]
    }
  }
  note("vector sums", try Matrix(rows: 1, columns: sums.count, sums))
}
