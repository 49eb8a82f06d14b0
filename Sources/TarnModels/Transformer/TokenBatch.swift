// From what a caller gives to the rows that are computed: masked tokens are no rows.

public import Tarn
internal import TarnText

/// One sequence of token numbers with what every encoder may be told about them.
///
/// Shapes: each list has one entry a token.
public struct TokenInput: Sendable {
  /// Token numbers, rows of the word table.
  public var ids: [Int]
  /// Rows of the token-type table; nil: all 0.
  public var tokenTypes: [Int]?
  /// Rows of the position table; nil: 0, 1, 2 and so on.
  public var positions: [Int]?
  /// Which tokens are real; nil: all.
  ///
  /// Masked tokens are not computed unless a result reads them.
  public var mask: [Bool]?

  /// A sequence; see the properties.
  public init(
    ids: [Int], tokenTypes: [Int]? = nil, positions: [Int]? = nil, mask: [Bool]? = nil
  ) {
    self.ids = ids
    self.tokenTypes = tokenTypes
    self.positions = positions
    self.mask = mask
  }
}

/// Limits that a model sets to its inputs.
struct InputLimits {
  var vocabulary: Int
  var tokenTypes: Int
  /// Positions that are allowed; the table repeats if it is shorter.
  var positions: Int
  var positionRows: Int

  init(_ c: EncoderConfiguration, positions: Int) {
    self.init(
      vocabulary: c.vocabularySize, tokenTypes: c.tokenTypes, positions: positions,
      positionRows: c.positions)
  }

  init(vocabulary: Int, tokenTypes: Int, positions: Int, positionRows: Int) {
    self.vocabulary = vocabulary
    self.tokenTypes = tokenTypes
    self.positions = positions
    self.positionRows = positionRows
  }

  /// Checks an input; `s` is its number.
  fileprivate func check(_ input: TokenInput, _ s: Int) throws(ModelError) {
    let n = input.ids.count
    guard n > 0 else { throw .emptyInput(sequence: s) }
    let lists = [
      ("tokenTypes", input.tokenTypes?.count), ("positions", input.positions?.count),
      ("mask", input.mask?.count),
    ]
    for (name, count) in lists {
      if let count, count != n {
        throw .inputLength(sequence: s, list: name, found: count, expected: n)
      }
    }
    guard n <= positions || input.positions != nil else {
      throw .tooLong(sequence: s, tokens: n, limit: positions)
    }
    guard n < Int(Int32.max) else {
      throw .tooLong(sequence: s, tokens: n, limit: Int(Int32.max) - 1)
    }
    let ranges = [
      ("ids", input.ids, vocabulary), ("tokenTypes", input.tokenTypes ?? [], tokenTypes),
      ("positions", input.positions ?? [], positions),
    ]
    for (name, values, count) in ranges {
      if let t = values.firstIndex(where: { $0 < 0 || $0 >= count }) {
        throw .inputRange(sequence: s, list: name, position: t, found: values[t], count: count)
      }
    }
  }
}

/// The rows of a ragged batch.
///
/// A masked token is not a row, unless the model reads it. Position 0 stays a row, since the pooler
/// reads it, and a sequence with nothing kept keeps all rows; such rows are marked in ``keep``.
struct TokenBatch: Sendable {
  var sequences = Ragged()
  /// Tokens of each of the caller's sequences, masked ones included.
  var lengths: [Int] = []
  /// The position in the caller's sequence of each row.
  var inputPositions: [Int32] = []
  var ids: [Int32] = []
  var tokenTypes: [Int32] = []
  var positions: [Int32] = []
  /// nil if every row is kept.
  var keep: [Bool]?

  /// The rows of a batch.
  ///
  /// - Parameters:
  ///   - inputs: the sequences.
  ///   - limits: what they must keep to.
  ///   - padding: nil if no masked token is read; else, from a mask, up to how many tokens behind the
  ///     last that is kept masked tokens are rows.
  /// - Throws: ``ModelError/emptyInput(sequence:)``,
  ///   ``ModelError/inputLength(sequence:list:found:expected:)``,
  ///   ``ModelError/tooLong(sequence:tokens:limit:)``,
  ///   ``ModelError/inputRange(sequence:list:position:found:count:)``.
  /// - Complexity: linear in the tokens.
  init(
    _ inputs: [TokenInput], limits: InputLimits, padding: (([Bool]) -> Int)? = nil
  ) throws(ModelError) {
    reserve(inputs.reduce(0) { $0 + $1.ids.count })
    var counts: [Int] = []
    var keepFlags: [Bool] = []
    keepFlags.reserveCapacity(ids.capacity)
    for (s, input) in inputs.enumerated() {
      try limits.check(input, s)
      let mask = input.mask ?? []
      let anyKept = mask.isEmpty || mask.contains(true)
      let start = ids.count
      let end = padding.map { (mask.lastIndex(of: true) ?? 0) + $0(mask) } ?? -1
      for t in input.ids.indices {
        let isKept = mask.isEmpty || mask[t]
        guard isKept || t == 0 || !anyKept || t <= end else { continue }
        inputPositions.append(Int32(t))
        ids.append(Int32(input.ids[t]))
        tokenTypes.append(Int32(input.tokenTypes?[t] ?? 0))
        positions.append(Int32((input.positions?[t] ?? t) % max(1, limits.positionRows)))
        keepFlags.append(isKept)
      }
      counts.append(ids.count - start)
      lengths.append(input.ids.count)
    }
    keep = keepFlags.contains(false) ? keepFlags : nil
    let settled = counts
    sequences = try operation { () throws(TarnError) in try Ragged(lengths: settled) }
  }

  var count: Int { sequences.rows }

  private init() {}

  /// The sequences `numbers` alone, with what attention needs of them.
  func sequences(_ numbers: Range<Int>) throws(TarnError) -> TokenBatch {
    let rows = sequences.offsets[numbers.lowerBound]..<sequences.offsets[numbers.upperBound]
    var part = TokenBatch()
    part.sequences = try Ragged(lengths: numbers.map { sequences[$0].count })
    part.tokenTypes = Array(tokenTypes[rows])
    part.keep = keep.map { Array($0[rows]) }
    return part
  }

  /// The first row of each sequence, with what attention needs of it.
  func first() throws(TarnError) -> TokenBatch {
    var part = TokenBatch()
    part.sequences = try Ragged(lengths: Array(repeating: 1, count: sequences.count))
    part.tokenTypes = sequences.offsets.dropLast().map { tokenTypes[$0] }
    return part
  }

  /// The rows after strided pooling; a row has the type of its window's first token.
  ///
  /// - Parameters:
  ///   - pooling: the windows.
  ///   - keepsPartlyMasked: whether a row is kept if one token of its window is, or only if all are.
  /// - Returns: the pooled batch.
  /// - Throws: ``TarnError``.
  func pooled(
    _ pooling: StridedPooling, keepsPartlyMasked: Bool
  ) throws(TarnError) -> TokenBatch {
    let whole = try pooling.pooled(Ragged(lengths: lengths))
    var y = TokenBatch()
    y.sequences = try pooling.pooled(sequences)
    y.lengths = (0..<whole.count).map { whole[$0].count }
    var flags: [Bool] = []
    for s in 0..<sequences.count {
      let tokens = sequences[s]
      for j in 0..<y.sequences[s].count {
        let window = pooling.window(j, of: tokens.count)
        y.inputPositions.append(Int32(j))
        y.tokenTypes.append(tokenTypes[tokens.lowerBound + window.lowerBound])
        if let keep {
          let kept = window.lazy.map { keep[tokens.lowerBound + $0] }
          flags.append(keepsPartlyMasked ? kept.contains(true) : !kept.contains(false))
        }
      }
    }
    y.keep = flags.contains(false) ? flags : nil
    return y
  }

  /// Makes room once, so that lists do not double as they grow.
  private mutating func reserve(_ tokens: Int) {
    inputPositions.reserveCapacity(tokens)
    ids.reserveCapacity(tokens)
    tokenTypes.reserveCapacity(tokens)
    positions.reserveCapacity(tokens)
  }

  /// Rows of sequence `s` at the caller's positions; zero where a token has no row.
  func scatter(_ x: Matrix, sequence s: Int) throws(TarnError) -> Matrix {
    let range = sequences[s]
    if range.count == lengths[s], keep == nil { return x.rows(range) }
    var y = try Matrix(rows: lengths[s], columns: x.columns)
    for i in range where keep?[i] ?? true || inputPositions[i] == 0 {
      try y.copyRow(from: x, i, to: Int(inputPositions[i]))
    }
    return y
  }

  /// The first row of each sequence, `[sequences × d]`.
  func firstRows(of x: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
    var first = try Matrix(rows: sequences.count, columns: x.columns)
    let starts = (0..<sequences.count).map { Int32(sequences[$0].lowerBound) }
    try gather(x, starts[...], into: &first, on: execution)
    return first
  }
}

/// The last hidden states of a batch: one row for each token that is not masked.
public struct TokenStates: Sendable {
  /// `[rows × d]`, sequence after sequence.
  public let rows: Matrix
  /// Which rows belong to which input.
  public var sequences: Ragged { batch.sequences }

  let batch: TokenBatch
}
