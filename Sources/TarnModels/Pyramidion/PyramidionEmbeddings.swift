// From token numbers to the first hidden states of encoder or decoder.

internal import Synchronization
internal import Tarn
internal import TarnCheckpoints
internal import TarnSystem

/// `x = √d·E[token] + position[id]`, and a layer norm of that if the model has one.
struct PyramidionEmbeddings: Sendable {
  /// The number of the padding token, and of its position.
  static let padding = 1
  /// The position of the first token that is not padding.
  static let firstPosition: Int32 = 2

  private enum Positions {
    case none
    /// The table, packed as its transpose.
    case learned(PackedMatrix)
    case sinusoidal(SinusoidalPositions)
  }

  /// The table, packed as its transpose: a column an entry.
  let table: PackedMatrix
  let vocabulary: Int
  private let size: Int
  private let scale: Float?
  private let positions: Positions
  private let norm: LayerNorm?

  /// Reads `embed_tokens`, `embed_positions` and `layernorm_embedding` of a scope.
  ///
  /// - Parameters:
  ///   - weights: those under `encoder` or `decoder`.
  ///   - c: the model.
  ///   - side: its encoder or its decoder.
  ///   - longest: tokens that positions are for.
  ///   - shared: the table of the other side, if there is one for both.
  /// - Throws: ``ModelError`` for a tensor that is missing or misshapen.
  init(
    _ weights: ModelWeights, _ c: PyramidionConfiguration, _ side: PyramidionConfiguration.Side,
    longest: Int, shared: PyramidionEmbeddings? = nil
  ) throws(ModelError) {
    size = side.size
    scale = c.scalesEmbedding ? Float(side.size).squareRoot() : nil
    if let shared {
      (table, vocabulary) = (shared.table, shared.vocabulary)
      weights.ignore("embed_tokens.weight")
    } else {
      // Only the table says how many tokens there are.
      let shape = weights.shape(of: "embed_tokens.weight") ?? []
      vocabulary = max(Self.padding + 1, shape.first ?? 0)
      table = try weights.packed("embed_tokens.weight", outputs: vocabulary, inputs: side.size)
    }
    if !c.addsPositions {
      positions = .none
    } else if side.learnsPositions {
      positions = .learned(
        try weights.packed(
          "embed_positions.weight", outputs: longest + Self.padding + 1, inputs: side.size))
    } else {
      positions = .sinusoidal(SinusoidalPositions(size: side.size))
    }
    // Buffers of sinusoidal positions, new and old.
    weights.ignore("embed_positions._float_tensor")
    weights.ignore("embed_positions.weights")
    norm =
      c.normsEmbedding
      ? try LayerNorm(
        weights, "layernorm_embedding", size: side.size, epsilon: LayerNorm.fairseqEpsilon)
      : nil
  }

  /// The position of each token: 1 for padding, else 1 and the tokens so far that are none.
  static func positions(of ids: [Int32]) -> [Int32] {
    var count: Int32 = 1
    return ids.map { id in
      if Int(id) == padding { return Int32(padding) }
      count += 1
      return count
    }
  }

  /// `[tokens × d]`.
  func callAsFunction(
    _ ids: [Int32], positions numbers: [Int32], on execution: Execution
  ) throws(TarnError) -> Matrix {
    var x = try Matrix(rows: ids.count, columns: size)
    let rows = min(ids.count, Tile.rows)
    var words = try Matrix(rows: rows, columns: size)
    var sum = try Matrix(rows: rows, columns: size)
    let zeros = try Matrix(rows: rows, columns: size)
    var factors = try Matrix(rows: rows, columns: size)
    if let scale { try factors.fillRows(Array(repeating: scale, count: rows)) }
    var sinusoids: Matrix?
    if case .sinusoidal(let table) = positions {
      sinusoids = try table.rows(1 + Int(numbers.max() ?? 0))
    }
    let places = Array(0..<Int32(rows))
    for tokens in Tile.ranges(ids.count) {
      if scale != nil {
        try gather(columnsOf: table, ids[tokens], into: &words, on: execution)
        try multiplyAdd(words, factors, zeros, into: &sum, on: execution)
      } else {
        try gather(columnsOf: table, ids[tokens], into: &sum, on: execution)
      }
      if let sinusoids {
        try gather(sinusoids, numbers[tokens], adding: true, into: &sum, on: execution)
      } else if case .learned(let table) = positions {
        try gather(columnsOf: table, numbers[tokens], adding: true, into: &sum, on: execution)
      }
      if let norm {
        try norm(sum.rows(0..<tokens.count), into: &x, at: tokens.lowerBound, on: execution)
      } else {
        try gather(sum, places[..<tokens.count], into: &x, at: tokens.lowerBound, on: execution)
      }
    }
    return x
  }
}

/// The table of sinusoidal positions, as many rows as have been needed.
///
/// Rows depend on their number alone, so the table can grow to the next power of two.
final class SinusoidalPositions: Sendable {
  private let size: Int
  private let table = Mutex(Matrix([]))

  init(size: Int) { self.size = size }

  /// At least so many rows.
  func rows(_ count: Int) throws(TarnError) -> Matrix {
    let known = table.withLock { $0 }
    if known.rows >= count, known.columns == size { return known }
    var rows = 64
    while rows < count { rows *= 2 }
    let grown = try Matrix(rows: rows, columns: size, sinusoids(rows, size: size))
    table.withLock { $0 = grown }
    return grown
  }
}

/// Rows 0, 1, … of fairseq's table, one after another; row 1, that of padding, is zero.
///
///     [sin pω₀ … sin pω_{h-1}, cos pω₀ … cos pω_{h-1}, 0 if d is odd]
///     ω_j = exp(-j·ln 10000 / (h - 1))      h = ⌊d/2⌋
///
/// fairseq computes ω_j and p·ω_j in single precision, which moves row 8192 by up to 5·10⁻⁴; both are
/// rounded here as there. Of the rounded angle a sine is taken in Double and rounded once: by turns
/// of ω_j, and a turn by what the rounding of p·ω_j has added.
func sinusoids(_ rows: Int, size d: Int) -> [Float] {
  let half = d / 2
  var elements = [Float](repeating: 0, count: rows * d)
  let step = -Float(9.210340371976184 / Double(half - 1))
  for j in 0..<half {
    let ω = Float(exponential(Double(Float(j) * step)))
    let (c, s) = cosineAndSine(Double(ω))
    let low = ComplexDouble(re: c, im: s).powers(65)
    let high = low[64].powers(rows / 64 + 1)
    for p in 0..<rows where p != PyramidionEmbeddings.padding {
      let turn = high[p / 64] * low[p % 64]
      // Both products are exact; below 2²⁰ rows the difference is at most 2⁻⁵.
      let δ = Double(Float(p) * ω) - Double(p) * Double(ω)
      let square = δ * δ
      let sine = δ * (1 - square / 6 * (1 - square / 20 * (1 - square / 42)))
      let cosine = 1 - square / 2 * (1 - square / 12 * (1 - square / 30 * (1 - square / 56)))
      let exact = turn * ComplexDouble(re: cosine, im: sine)
      elements[p * d + j] = Float(exact.im)
      elements[p * d + half + j] = Float(exact.re)
    }
  }
  return elements
}
