// PoNet's inputs, and what its poolings need to know of the rows of a batch.

internal import Tarn
internal import TarnKernelInterface
public import TarnText

/// One sequence of token numbers with what PoNet may be told about them.
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

  /// What other encoders take too.
  var tokens: TokenInput {
    TokenInput(ids: ids, tokenTypes: tokenTypes, positions: positions, mask: mask)
  }
}

extension PoNetInput: EncoderInput {
  /// An encoded document as the model takes it.
  public init(_ document: DocumentEncoding) {
    self.init(
      ids: document.encoding.ids.map(Int.init),
      tokenTypes: document.encoding.typeIDs.map(Int.init),
      segments: document.segmentIDs.map(Int.init))
  }
}

/// The rows of a ragged batch and their relations.
///
/// What others see of a masked token is a constant (-10000): in the maximum of its segment and in its
/// neighbours' windows. A masked token that is a row all the same is `.masked`.
struct PoNetRows: Sendable {
  /// The constant that published code puts at masked and special positions.
  static let fill: Float = -10000

  var batch: TokenBatch
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
  /// - Throws: as ``TokenBatch/init(_:limits:)``.
  /// - Complexity: linear in the tokens.
  init(
    _ inputs: [PoNetInput], limits: InputLimits, excludesSpecial: Bool
  ) throws(ModelError) {
    for (s, input) in inputs.enumerated() {
      if let count = input.segments?.count, count != input.ids.count {
        throw .inputLength(
          sequence: s, list: "segments", found: count, expected: input.ids.count)
      }
    }
    batch = try TokenBatch(inputs.map { $0.tokens }, limits: limits)
    reserve(batch.count)
    for (s, input) in inputs.enumerated() {
      let n = input.ids.count
      let mask = input.mask ?? []
      let isKept = { (t: Int) in mask.isEmpty || mask[t] }
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
          segmentStart[Int(label)] = PoNetRows.fill
        }
      }
      for row in batch.sequences[s] {
        let t = Int(batch.inputPositions[row])
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
    }
    // Masked rows bring their maxima to a row of their own that nobody reads.
    let unread = Int32(segmentStart.count)
    segmentStart.append(-.infinity)
    for i in plan.labels.indices where plan.labels[i] < 0 { plan.labels[i] = unread }
  }

  var count: Int { batch.count }

  /// Makes room once, so that lists do not double as they grow.
  private mutating func reserve(_ tokens: Int) {
    neighbours.reserveCapacity(tokens)
    plan.kinds.reserveCapacity(tokens)
    plan.sequences.reserveCapacity(tokens)
    plan.labels.reserveCapacity(tokens)
  }

  /// Whether the first row of every sequence takes its global value only.
  var firstRowsAreGlobalOnly: Bool {
    (0..<batch.sequences.count).allSatisfy {
      !batch.sequences[$0].isEmpty
        && plan.kinds[batch.sequences[$0].lowerBound] == .globalOnly
    }
  }
}
