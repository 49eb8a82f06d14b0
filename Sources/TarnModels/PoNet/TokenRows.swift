// From what a caller gives to the rows that are computed: masked tokens become constants.

internal import Tarn
internal import TarnKernelInterface
internal import TarnText

/// One sequence of token numbers with what the model may be told about them.
///
/// Shapes: each list has one entry a token. Docs: PoNet, section Inputs.
public struct PoNetInput: Sendable {
  /// Token numbers, rows of the word table.
  ///
  /// 101 and 102 mark special tokens.
  public var ids: [Int]
  /// Rows of the token-type table; nil: all 0.
  public var tokenTypes: [Int]?
  /// Segment numbers in any order; equal numbers are one segment.
  ///
  /// Nil: derived from the ids.
  public var segments: [Int]?
  /// Rows of the position table; nil: 0, 1, 2 and so on.
  public var positions: [Int]?
  /// Which tokens are real; nil: all.
  ///
  /// Masked tokens are not computed unless a result reads them.
  public var mask: [Bool]?

  /// A sequence; see the properties.
  public init(
    ids: [Int], tokenTypes: [Int]? = nil, segments: [Int]? = nil, positions: [Int]? = nil,
    mask: [Bool]? = nil
  ) {
    self.ids = ids
    self.tokenTypes = tokenTypes
    self.segments = segments
    self.positions = positions
    self.mask = mask
  }

  /// The ids that the published code treats as special, whatever the vocabulary says.
  static let specialIDs: ClosedRange<Int> = 101...102
}

/// Limits that a model sets to its inputs.
struct InputLimits {
  var vocabulary: Int
  var tokenTypes: Int
  /// Positions that are allowed; the table repeats if it is shorter.
  var positions: Int
  var positionRows: Int
}

/// The rows of a ragged batch and their relations.
///
/// A masked token is not a row. What others see of it is a constant (-10000): in the maximum of its
/// segment and in its neighbours' windows. Position 0 stays a row, since the pooler reads it, and a
/// sequence with nothing kept keeps all rows, whose values are defined. Such rows are `.masked`.
struct TokenRows: Sendable {
  /// The constant that published code puts at masked and special positions.
  static let fill: Float = -10000

  var sequences = Ragged()
  /// The position in the caller's sequence of each row.
  var inputPositions: [Int32] = []
  var ids: [Int32] = []
  var tokenTypes: [Int32] = []
  var positions: [Int32] = []
  /// nil if every row is kept.
  var keep: [Bool]?
  var neighbours: [WindowNeighbours] = []
  var plan = FusionPlan(kinds: [], sequences: [], labels: [])
  /// What the maximum of each segment starts from; one more row takes what masked rows bring.
  var segmentStart: [Float] = []

  /// The rows of a batch.
  ///
  /// - Parameters:
  ///   - inputs: the batch.
  ///   - limits: of the model.
  ///   - excludesSpecial: whether special tokens take part in the global value only (`clsgsepg`).
  /// - Throws: ``ModelError/emptyInput(sequence:)``,
  ///   ``ModelError/inputLength(sequence:list:found:expected:)``,
  ///   ``ModelError/tooLong(sequence:tokens:limit:)``,
  ///   ``ModelError/inputRange(sequence:list:position:found:count:)``.
  /// - Complexity: linear in the tokens.
  init(
    _ inputs: [PoNetInput], limits: InputLimits, excludesSpecial: Bool
  ) throws(ModelError) {
    var lengths: [Int] = []
    var anyMasked = false
    var keepFlags: [Bool] = []
    reserve(inputs.reduce(0) { $0 + $1.ids.count })
    keepFlags.reserveCapacity(ids.capacity)
    for (s, input) in inputs.enumerated() {
      let n = input.ids.count
      try TokenRows.check(input, s, limits)
      let mask = input.mask ?? []
      let isKept = { (t: Int) in mask.isEmpty || mask[t] }
      let anyKept = (0..<n).contains(where: isKept)
      let included = (0..<n).filter { isKept($0) || $0 == 0 || !anyKept }
      let isSpecial = { (t: Int) in
        excludesSpecial && PoNetInput.specialIDs.contains(input.ids[t])
      }
      var labelOf: [Int: Int32] = [:]
      let segments =
        input.segments
        ?? SegmentNumbers.derived(from: input.ids.map(Int32.init)).map(Int.init)
      for t in 0..<n {
        if labelOf[segments[t]] == nil {
          labelOf[segments[t]] = Int32(segmentStart.count)
          segmentStart.append(-.infinity)
        }
        if !isKept(t), let label = labelOf[segments[t]] {
          segmentStart[Int(label)] = TokenRows.fill
        }
      }
      for t in included {
        inputPositions.append(Int32(t))
        ids.append(Int32(input.ids[t]))
        tokenTypes.append(Int32(input.tokenTypes?[t] ?? 0))
        positions.append(Int32((input.positions?[t] ?? t) % max(1, limits.positionRows)))
        keepFlags.append(isKept(t))
        anyMasked = anyMasked || !isKept(t)
        plan.kinds.append(!isKept(t) ? .masked : isSpecial(t) ? .globalOnly : .full)
        plan.sequences.append(Int32(s))
        plan.labels.append(isKept(t) ? labelOf[segments[t]] ?? 0 : -1)
        let isFill = { (u: Int) in u >= 0 && u < n && (!isKept(u) || isSpecial(u)) }
        let isRow = { (u: Int) in u >= 0 && u < n && isKept(u) && !isSpecial(u) }
        neighbours.append(
          WindowNeighbours(
            hasLeftRow: isRow(t - 1), hasRightRow: isRow(t + 1),
            hasFill: isFill(t - 1) || isFill(t + 1)))
      }
      lengths.append(included.count)
    }
    // Masked rows bring their maxima to a row of their own that nobody reads.
    let unread = Int32(segmentStart.count)
    segmentStart.append(-.infinity)
    for i in plan.labels.indices where plan.labels[i] < 0 { plan.labels[i] = unread }
    keep = anyMasked ? keepFlags : nil
    let settled = lengths
    sequences = try operation { () throws(TarnError) in try Ragged(lengths: settled) }
  }

  var count: Int { ids.count }

  /// Makes room once, so that lists do not double as they grow.
  private mutating func reserve(_ tokens: Int) {
    inputPositions.reserveCapacity(tokens)
    ids.reserveCapacity(tokens)
    tokenTypes.reserveCapacity(tokens)
    positions.reserveCapacity(tokens)
    neighbours.reserveCapacity(tokens)
    plan.kinds.reserveCapacity(tokens)
    plan.sequences.reserveCapacity(tokens)
    plan.labels.reserveCapacity(tokens)
  }

  /// Whether the first row of every sequence takes its global value only.
  var firstRowsAreGlobalOnly: Bool {
    (0..<sequences.count).allSatisfy {
      !sequences[$0].isEmpty && plan.kinds[sequences[$0].lowerBound] == .globalOnly
    }
  }

  private static func check(
    _ input: PoNetInput, _ s: Int, _ limits: InputLimits
  ) throws(ModelError) {
    let n = input.ids.count
    guard n > 0 else { throw .emptyInput(sequence: s) }
    let lists = [
      ("tokenTypes", input.tokenTypes?.count), ("segments", input.segments?.count),
      ("positions", input.positions?.count), ("mask", input.mask?.count),
    ]
    for (name, count) in lists {
      if let count, count != n {
        throw .inputLength(sequence: s, list: name, found: count, expected: n)
      }
    }
    guard n <= limits.positions || input.positions != nil else {
      throw .tooLong(sequence: s, tokens: n, limit: limits.positions)
    }
    guard n < Int(Int32.max) else {
      throw .tooLong(sequence: s, tokens: n, limit: Int(Int32.max) - 1)
    }
    let ranges = [
      ("ids", input.ids, limits.vocabulary),
      ("tokenTypes", input.tokenTypes ?? [], limits.tokenTypes),
      ("positions", input.positions ?? [], limits.positions),
    ]
    for (name, values, count) in ranges {
      if let t = values.firstIndex(where: { $0 < 0 || $0 >= count }) {
        throw .inputRange(sequence: s, list: name, position: t, found: values[t], count: count)
      }
    }
  }
}
