// Vectors of distances: R(t)·r_kernel, computed once for each layer and kept.

internal import Synchronization
internal import Tarn
internal import TarnSystem

/// The position vectors of a model's layers for the lengths that it has met.
///
/// They depend on weights and distances alone. A table of the distances -N…N holds those of all
/// shorter texts, so there is one a layer and unit of distance, and it grows to the next power of
/// two. What would go beyond the limit is computed for the call and forgotten.
final class PositionTables: Sendable {
  /// Most bytes that are kept.
  private let limit: Int
  /// The fewest distances of a table to each side.
  private static let least = 64

  /// A layer, and the tokens from one distance to the next.
  struct Key: Hashable {
    var layer: Int
    var unit: Int
  }

  private let tables = Mutex<[Key: PositionTable]>([:])

  init(limit: Int = 256 << 20) { self.limit = limit }

  /// Bytes that are kept.
  var bytes: Int { tables.withLock { $0.values.reduce(0) { $0 + $1.bytes } } }

  /// The table of a key that reaches so many distances to each side.
  ///
  /// - Parameters:
  ///   - key: layer and unit.
  ///   - reach: the largest distance that is needed.
  ///   - kernel: `r_kernel` of the layer, `[d × heads·e]`.
  ///   - execution: kernels and threads.
  /// - Returns: the table, which may reach farther.
  /// - Throws: ``TarnError``.
  func table(
    _ key: Key, reach: Int, _ kernel: PackedMatrix, on execution: Execution
  ) throws(TarnError) -> PositionTable {
    if let known = tables.withLock({ $0[key] }), known.reach >= reach { return known }
    var size = PositionTables.least
    while size < reach { size *= 2 }
    let table = try PositionTable(reach: size, unit: key.unit, kernel, on: execution)
    tables.withLock { tables in
      let bytes = tables.reduce(table.bytes) { $0 + ($1.key == key ? 0 : $1.value.bytes) }
      if bytes <= limit { tables[key] = table }
    }
    return table
  }
}

/// `[2N + 1 × heads·e]`, packed for attention: the vectors ρ(t·unit) of the distances t = N, N - 1, … -N.
struct PositionTable: Sendable {
  let vectors: PackedMatrix
  /// N.
  let reach: Int

  var bytes: Int { 4 * vectors.depth * PackedMatrix.start(after: vectors.columns) }

  init(
    reach: Int, unit: Int, _ kernel: PackedMatrix, on execution: Execution
  ) throws(TarnError) {
    self.reach = reach
    var rows = try Matrix(rows: 2 * reach + 1, columns: kernel.columns)
    // In tiles, for R has as many columns as the model.
    for tile in Tile.ranges(rows.rows) {
      let angles = try Matrix(
        rows: tile.count, columns: kernel.depth,
        waves(tile.map { reach - $0 }, unit: unit, size: kernel.depth))
      try matmul(angles, kernel, into: &rows, at: tile.lowerBound, on: execution)
    }
    vectors = try PackedMatrix(transposing: rows, on: execution)
  }
}

/// The rows R(t·unit) for distances t, one after another.
///
///     R(t) = [sin tω₀ … sin tω_{d/2-1}, cos tω₀ … cos tω_{d/2-1}]      ω_k = 10000^(-2k/d)
///
/// In Double, then rounded: an angle in Float would be off by 3·10⁻⁵ at 1000. A turn by t is one by
/// t mod 64 and one by the rest, both from repeated turns, so a row does not depend on the others.
func waves(_ distances: [Int], unit: Int, size d: Int) -> [Float] {
  let half = d / 2
  let most = distances.map { $0.magnitude }.max() ?? 0
  var elements = [Float](repeating: 0, count: distances.count * d)
  for k in 0..<half {
    let (c, s) = cosineAndSine(exponential(-Double(k) / Double(half) * 9.210340371976184))
    let turns = ComplexDouble(re: c, im: s).powers(unit + 1)
    let low = turns[unit].powers(65)
    let high = low[64].powers(Int(most / 64) + 1)
    for (i, t) in distances.enumerated() {
      let turn = high[Int(t.magnitude / 64)] * low[Int(t.magnitude % 64)]
      elements[i * d + k] = Float(t < 0 ? -turn.im : turn.im)
      elements[i * d + half + k] = Float(turn.re)
    }
  }
  return elements
}

extension ComplexDouble {
  /// The powers 0, 1, … of this number, so many.
  func powers(_ count: Int) -> [ComplexDouble] {
    var powers = [ComplexDouble(re: 1, im: 0)]
    while powers.count < count { powers.append(powers[powers.count - 1] * self) }
    return powers
  }
}

/// `e^x` for x from -10 to 0, within 2⁻⁵¹: 2^n · e^r, Taylor polynomial of degree 16 in r.
func exponential(_ x: Double) -> Double {
  let n = (x * 1.4426950408889634).rounded()
  let r = x - n * 0x1.62e42fefa38p-1 - n * 0x1.ef35793c7673p-45
  var sum = 1.0
  for i in stride(from: 16.0, through: 1, by: -1) { sum = 1 + sum * r / i }
  return sum * Double(sign: .plus, exponent: Int(n), significand: 1)
}
