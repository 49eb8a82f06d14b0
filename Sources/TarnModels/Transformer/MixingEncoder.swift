// Post-norm layers around any mixing of tokens: the frame that BERT and FNet share.
//
// Between operators only the hidden states grow with the batch: [tokens × d], updated in place. The
// batch is taken in groups of whole sequences; what a mixing holds is for one group, what follows it
// for one tile of 512 tokens.

internal import Tarn
internal import TarnCheckpoints

/// What a layer does between its input and its feed-forward part.
protocol TokenMixing: Sendable {
  /// The mixed rows of some sequences.
  ///
  /// - Parameters:
  ///   - h: the rows of the group.
  ///   - group: its sequences.
  ///   - trace: receives inner values.
  ///   - execution: kernels and threads.
  /// - Returns: a row for each row of h.
  /// - Throws: ``TarnError``.
  func mix(
    _ h: Matrix, _ group: SequenceGroup, trace: ((EncoderValue, Matrix) -> Void)?,
    on execution: Execution
  ) throws(TarnError) -> Matrix

  /// The mixed first row of each sequence, with the bits that ``mix(_:_:trace:on:)`` gives it.
  ///
  /// - Parameters:
  ///   - h: the rows of the group.
  ///   - first: the first row of each sequence.
  ///   - group: the sequences.
  ///   - execution: kernels and threads.
  /// - Returns: a row for each sequence.
  /// - Throws: ``TarnError``.
  func mixFirst(
    _ h: Matrix, first: Matrix, _ group: SequenceGroup, on execution: Execution
  ) throws(TarnError) -> Matrix

  /// a = LayerNorm(h + what becomes of the mixed rows), for one tile, into `tile.attended`.
  func attend(
    _ mixed: Matrix, residual h: Matrix, _ tile: inout Tile, on execution: Execution
  ) throws(TarnError)
}

/// Whole sequences that are mixed together.
struct SequenceGroup {
  /// Their numbers in the batch.
  var numbers: Range<Int>
  /// Their rows in the batch.
  var rows: Range<Int>
  /// Their places among these rows.
  var sequences: Ragged
  /// Which of these rows are kept; nil: all.
  var keep: [Bool]?

  /// Divides a batch: as many sequences as fit a tile, or one that is longer.
  static func groups(_ batch: TokenBatch) throws(TarnError) -> [SequenceGroup] {
    try groups(batch.sequences, keep: batch.keep)
  }

  /// Divides sequences with flags for their rows.
  static func groups(_ sequences: Ragged, keep: [Bool]?) throws(TarnError) -> [SequenceGroup] {
    var groups: [SequenceGroup] = []
    var lengths: [Int] = []
    var start = 0
    var number = 0
    func close() throws(TarnError) {
      let rows = start..<start + lengths.reduce(0, +)
      groups.append(
        SequenceGroup(
          numbers: number..<number + lengths.count, rows: rows,
          sequences: try Ragged(lengths: lengths),
          keep: keep.map { Array($0[rows]) }))
      start = rows.upperBound
      number += lengths.count
      lengths = []
    }
    for s in 0..<sequences.count {
      let rows = sequences[s]
      if !lengths.isEmpty, rows.upperBound - start > Tile.rows { try close() }
      lengths.append(rows.count)
    }
    if !lengths.isEmpty { try close() }
    return groups
  }

  /// The first row of each sequence of the group.
  func firstRows(of h: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
    var first = try Matrix(rows: sequences.count, columns: h.columns)
    let starts = sequences.offsets.dropLast().map { Int32($0) }
    try gather(h, starts[...], into: &first, on: execution)
    return first
  }
}

/// One layer: `a = LayerNorm(h + mix(h))`, `h' = LayerNorm(a + W_f act(W_i a))`.
struct MixingLayer<Mixing: TokenMixing>: Sendable {
  let mixing: Mixing
  let feedForward: FeedForward

  /// Updates the rows of a group in place.
  func callAsFunction(
    _ h: inout Matrix, _ group: SequenceGroup, _ tile: inout Tile,
    trace: ((EncoderValue, Matrix) -> Void)?, on execution: Execution
  ) throws(TarnError) {
    let mixed = try mixing.mix(h.rows(group.rows), group, trace: trace, on: execution)
    let start = group.rows.lowerBound
    for tokens in Tile.ranges(group.rows.count) {
      let rows = start + tokens.lowerBound..<start + tokens.upperBound
      try mixing.attend(mixed.rows(tokens), residual: h.rows(rows), &tile, on: execution)
      try feedForward(
        &tile, count: tokens.count, into: &h, at: rows.lowerBound, on: execution)
    }
  }

  /// Writes what the layer makes of the first row of each sequence of a group.
  func firstRows(
    of h: Matrix, _ group: SequenceGroup, _ tile: inout Tile, into result: inout Matrix,
    on execution: Execution
  ) throws(TarnError) {
    let rows = h.rows(group.rows)
    let first = try group.firstRows(of: rows, on: execution)
    let mixed = try mixing.mixFirst(rows, first: first, group, on: execution)
    try mixing.attend(mixed, residual: first, &tile, on: execution)
    try feedForward(
      &tile, count: first.rows, into: &result, at: group.numbers.lowerBound, on: execution)
  }
}

/// Embeddings and layers.
struct MixingEncoder<Mixing: TokenMixing>: Sendable {
  let configuration: EncoderConfiguration
  let embeddings: Embeddings
  let layers: [MixingLayer<Mixing>]

  /// Reads `embeddings` and `encoder.layer.0…`; `mixing` makes each layer's mixing of the layer's
  /// weights.
  init(
    _ weights: ModelWeights, _ c: EncoderConfiguration, projectsEmbeddings: Bool = false,
    mixing: (ModelWeights) throws(ModelError) -> Mixing
  ) throws(ModelError) {
    configuration = c
    embeddings = try Embeddings(
      weights["embeddings"], c, isProjected: projectsEmbeddings)
    var layers: [MixingLayer<Mixing>] = []
    for i in 0..<c.layers {
      let layer = weights["encoder"]["layer.\(i)"]
      layers.append(
        MixingLayer(
          mixing: try mixing(layer), feedForward: try FeedForward(layer, c)))
    }
    self.layers = layers
  }

  /// The last hidden states, `[rows × d]`.
  func callAsFunction(
    _ batch: TokenBatch, trace: EncoderTrace? = nil, on execution: Execution
  ) throws(TarnError) -> Matrix {
    try states(batch, through: layers.count, trace: trace, on: execution)
  }

  /// The last hidden state of each sequence's first token, `[sequences × d]`.
  ///
  /// The last layer is computed for that token alone, as far as its mixing allows, with the same
  /// bits.
  func firstRows(_ batch: TokenBatch, on execution: Execution) throws(TarnError) -> Matrix {
    let d = configuration.hiddenSize
    guard let last = layers.last else {
      return try batch.firstRows(of: try self(batch, on: execution), on: execution)
    }
    let h = try states(batch, through: layers.count - 1, trace: nil, on: execution)
    var first = try Matrix(rows: batch.sequences.count, columns: d)
    var tile = try Tile(
      tokens: batch.count, size: d, inner: configuration.intermediateSize)
    for group in try SequenceGroup.groups(batch) {
      try last.firstRows(of: h, group, &tile, into: &first, on: execution)
    }
    return first
  }

  private func states(
    _ batch: TokenBatch, through count: Int, trace: EncoderTrace?, on execution: Execution
  ) throws(TarnError) -> Matrix {
    var h = try Matrix(rows: batch.count, columns: configuration.hiddenSize)
    var tile = try Tile(
      tokens: batch.count, size: configuration.hiddenSize,
      inner: configuration.intermediateSize)
    try embeddings(batch, &tile, into: &h, on: execution)
    trace?(.hidden, 0, 0, h)
    let groups = try SequenceGroup.groups(batch)
    for (i, layer) in layers[..<count].enumerated() {
      for group in groups {
        var inner: ((EncoderValue, Matrix) -> Void)?
        if let trace {
          inner = { value, x in trace(value, i + 1, group.rows.lowerBound, x) }
        }
        try layer(&h, group, &tile, trace: inner, on: execution)
      }
      trace?(.hidden, i + 1, 0, h)
    }
    return h
  }
}

/// The inner values that a caller may ask for; `mixed` are the rows before the residual.
enum EncoderValue {
  case hidden, mixed, queries, keys
}

/// Receives inner values: which, the layer from 1 (0: the embeddings), the first row, the rows.
typealias EncoderTrace = (EncoderValue, Int, Int, Matrix) -> Void
