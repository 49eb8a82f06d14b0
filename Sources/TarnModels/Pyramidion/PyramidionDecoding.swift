// Decoding token by token: caches of keys and values for the beams of a batch of documents.

public import Tarn

/// The decoder of a ``PyramidionModel`` with what it has seen, one token a step for each row.
///
///     var decoding = try PyramidionDecoding(model, memory: memory, beams: 4, maxLength: 100)
///     // At first there is one row for each document.
///     var logits = try decoding.step([2, 2], parents: [0, 1])
///     // Now rows 0 and 1 go on with document 0, row 2 with document 1.
///     logits = try decoding.step([17, 9, 30], parents: [0, 0, 1])
///
/// A row is a prefix of tokens. A step names for each new row the row of the step before that it
/// continues, which may be continued by several or by none. Keys and values of the memory are
/// computed once for each document and shared by its rows. The caches are allocated ahead for
/// `beams` rows of each document and `maxLength` tokens; a step copies of them only what a row does
/// not already hold. The bits of a row are those of ``PyramidionModel/logits(_:targets:)`` on its
/// prefix, whatever rows are beside it.
public struct PyramidionDecoding: Sendable {
  /// Rows that a document may have.
  public let beams: Int
  /// Tokens that a row may have.
  public let maxLength: Int
  /// Tokens that each row has: steps that have been taken.
  public private(set) var length = 0
  /// The document of each row that can be continued; before the first step one row each.
  public private(set) var documents: [Int]

  private let model: PyramidionModel
  private let decoder: PyramidionDecoder
  private let memory: PyramidionMemory
  /// For each layer the keys and values of the memory.
  private let cross: [Matrix]
  private var cache: PyramidionCache

  /// Computes keys and values of the memory and allocates the caches.
  ///
  /// - Parameters:
  ///   - model: has a decoder.
  ///   - memory: of the documents, as ``PyramidionModel/encode(_:)`` gives it.
  ///   - beams: most rows of a document, at least 1.
  ///   - maxLength: most tokens of a row, the first included; at most `max_target_positions`.
  /// - Throws: ``ModelError/missingHead(directory:head:tensor:)`` without a decoder,
  ///   ``ModelError/operation(_:)`` for numbers out of range or a memory of another width.
  public init(
    _ model: PyramidionModel, memory: PyramidionMemory, beams: Int, maxLength: Int
  ) throws(ModelError) {
    let decoder = try model.requiredDecoder()
    try checkNumber("beams", beams, in: 1...65536)
    try checkNumber("maxLength", maxLength, in: 1...model.configuration.maxTargetPositions)
    self.model = model
    self.decoder = decoder
    self.memory = memory
    self.beams = beams
    self.maxLength = maxLength
    documents = Array(0..<memory.sequences.count)
    (cross, cache) = try operation { () throws(TarnError) in
      (
        try decoder.crossProjections(of: memory, on: model.execution),
        try PyramidionCache(
          layers: decoder.layers.count, rows: beams * memory.sequences.count,
          length: maxLength, size: decoder.size)
      )
    }
  }

  /// Feeds one token to each row.
  ///
  /// - Parameters:
  ///   - tokens: the token that each new row ends with: not padding. In the first step 2, as the
  ///     decoder was trained.
  ///   - parents: for each new row the row of ``documents`` that it continues. Rows of a document
  ///     stand together, in the order of documents; a document may be left out and is then done.
  /// - Returns: the logits of what follows, `[rows × vocabulary]`.
  /// - Throws: ``ModelError/operation(_:)`` for lists of different lengths, a token or parent out of
  ///   range, documents out of order, more rows of a document than beams, or a step beyond
  ///   `maxLength`; nothing has changed then.
  /// - Complexity: about `12·D² + 4·D·F + 4·(t + k)·D` operations a row and layer, `2·D·V` for the
  ///   logits; few rows are bound by reading the weights.
  public mutating func step(_ tokens: [Int], parents: [Int]) throws(ModelError) -> Matrix {
    let documents = try checked(tokens, parents)
    let execution = model.execution
    let ids = tokens.map { Int32($0) }
    return try operation { () throws(TarnError) in
      try cache.reorder(parents, length: length, on: execution)
      self.documents = documents
      let queries = try memory.queries(rows: documents)
      let position = Int32(length) + PyramidionEmbeddings.firstPosition
      var x = try decoder.embeddings(
        ids, positions: Array(repeating: position, count: ids.count), on: execution)
      for (i, layer) in decoder.layers.enumerated() {
        x = try layer(
          x, memory: cross[i], memory.sequences, keep: memory.keep, queries: queries, on: execution
        ) { (input) throws(TarnError) in
          try cache.attend(input, layer.selfAttention, layer: i, length: length, on: execution)
        }
      }
      length += 1
      return try decoder.logits(x, on: execution)
    }
  }

  /// For each row that would be copied for these parents the tokens that would be.
  func moves(_ parents: [Int]) -> [Int: [Int]] {
    var moves: [Int: [Int]] = [:]
    for target in cache.moves(parents, length: length).targets {
      moves[target % cache.rows, default: []].append(target / cache.rows)
    }
    return moves
  }

  /// The documents of new rows.
  private func checked(_ tokens: [Int], _ parents: [Int]) throws(ModelError) -> [Int] {
    func wrong(_ argument: String, _ found: String, _ expected: String) -> ModelError {
      .operation(
        .invalidArgument(
          operation: "PyramidionDecoding.step", argument: argument, found: found,
          expected: expected))
    }
    guard length < maxLength else {
      throw wrong("step", "\(length + 1)", "at most \(maxLength), the length that was asked for")
    }
    guard tokens.count == parents.count else {
      throw wrong("parents", "\(parents.count) rows", "\(tokens.count), one for each token")
    }
    let vocabulary = decoder.vocabulary
    for (i, token) in tokens.enumerated()
    where token < 0 || token >= vocabulary || token == PyramidionEmbeddings.padding {
      throw wrong("tokens[\(i)]", "\(token)", "0 to \(vocabulary - 1) and not padding")
    }
    var result: [Int] = []
    result.reserveCapacity(parents.count)
    var count = 0
    for (i, parent) in parents.enumerated() {
      guard documents.indices.contains(parent) else {
        throw wrong("parents[\(i)]", "\(parent)", "a row below \(documents.count)")
      }
      let document = documents[parent]
      if let last = result.last, document < last {
        throw wrong("parents[\(i)]", "document \(document) after \(last)", "documents in order")
      }
      count = document == result.last ? count + 1 : 1
      guard count <= beams else {
        throw wrong("parents", "more than \(beams) rows of document \(document)", "\(beams) beams")
      }
      result.append(document)
    }
    return result
  }
}

/// Throws ``ModelError/operation(_:)`` unless a number lies in a range.
func checkNumber(
  _ argument: String, _ value: Int, in range: ClosedRange<Int>
) throws(ModelError) {
  guard range.contains(value) else {
    throw .operation(
      .invalidArgument(
        operation: "PyramidionDecoding", argument: argument, found: "\(value)",
        expected: "\(range.lowerBound) to \(range.upperBound)"))
  }
}

/// Keys and values of the tokens that the rows of a batch have, for each layer.
///
/// Row r has block r of each token: `[length · rows × D]`, token after token. So the rows of a batch
/// are heads of one attention with a single query, whatever their number.
struct PyramidionCache: Sendable {
  private var keys: [Matrix] = []
  private var values: [Matrix] = []
  /// Blocks of a token.
  let rows: Int
  private let length: Int
  private let size: Int
  /// For each block the row that has computed what it holds; -1: none yet.
  ///
  /// Of one token equal numbers are equal contents.
  private var holders: [Int32]

  /// - Throws: ``TarnError/invalidArgument(operation:argument:found:expected:)`` if the caches do not
  ///   fit an `Int`.
  init(layers: Int, rows: Int, length: Int, size: Int) throws(TarnError) {
    self.rows = rows
    self.length = length
    self.size = size
    let (blocks, overflows) = rows.multipliedReportingOverflow(by: length)
    guard !overflows, blocks < Int(Int32.max) else {
      throw .invalidArgument(
        operation: "PyramidionDecoding", argument: "caches", found: "\(rows) rows of \(length)",
        expected: "rows times tokens below \(Int32.max)")
    }
    for _ in 0..<layers {
      keys.append(try Matrix(rows: blocks, columns: size))
      values.append(try Matrix(rows: blocks, columns: size))
    }
    holders = Array(repeating: -1, count: blocks)
  }

  /// The blocks that do not hold what row `parents[r]` has for their token, and where it lies.
  func moves(_ parents: [Int], length: Int) -> (sources: [Int32], targets: [Int]) {
    var moves: (sources: [Int32], targets: [Int]) = ([], [])
    for t in 0..<length {
      let start = t * rows
      for row in parents.indices where holders[start + row] != holders[start + parents[row]] {
        moves.sources.append(Int32(start + parents[row]))
        moves.targets.append(start + row)
      }
    }
    return moves
  }

  /// Makes block r of each token hold what block `parents[r]` held.
  mutating func reorder(
    _ parents: [Int], length: Int, on execution: Execution
  ) throws(TarnError) {
    let (sources, targets) = moves(parents, length: length)
    guard !sources.isEmpty else { return }
    let moved = sources.map { holders[Int($0)] }
    var blocks = try Matrix(rows: sources.count, columns: size)
    for i in keys.indices {
      try gather(keys[i], sources[...], into: &blocks, on: execution)
      try keys[i].copyRows(from: blocks, to: targets)
      try gather(values[i], sources[...], into: &blocks, on: execution)
      try values[i].copyRows(from: blocks, to: targets)
    }
    for (target, holder) in zip(targets, moved) { holders[target] = holder }
  }

  /// Adds token `length` of each row to a layer's caches and attends to all tokens so far.
  mutating func attend(
    _ x: Matrix, _ projections: SelfProjections, layer i: Int, length t: Int,
    on execution: Execution
  ) throws(TarnError) -> Matrix {
    let count = x.rows
    guard count > 0 else { return x }
    for row in 0..<count { holders[t * rows + row] = Int32(row) }
    try projections.keys(x, into: &keys[i], at: t * rows, on: execution)
    try projections.values(x, into: &values[i], at: t * rows, on: execution)
    let q = try projections.queries(x, on: execution)
    var context = try Matrix(rows: 1, columns: count * size)
    try attention(
      queries: q.reshaped(rows: 1, columns: count * size), keys: tokens(keys[i], t, count),
      values: tokens(values[i], t, count), heads: count * projections.heads,
      over: Ragged(lengths: [1]), keySequences: Ragged(lengths: [t + 1]), into: &context,
      on: execution)
    return context.reshaped(rows: count, columns: size)
  }

  /// `[t + 1 × count·D]`: the blocks of the first rows, a row for each token.
  private func tokens(_ blocks: Matrix, _ t: Int, _ count: Int) -> Matrix {
    blocks.reshaped(rows: length, columns: rows * size).rows(0..<t + 1).columns(0..<count * size)
  }
}
