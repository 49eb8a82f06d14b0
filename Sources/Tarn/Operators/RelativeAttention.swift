// What relative attention adds to scores: terms of distances and of token types.

internal import TarnKernelInterface

/// Terms of the distance and of the token types of query and key, beside their product.
///
///     score[i, j] = scale · (q[i]·k[j] + g · ((q[i] + shift)·positions[c] + types[i, same]))
///     c = origin + j - step·i
///
/// for query i and key j of a sequence; g is 0 if ``firstIsApart`` and one of them is the first, else
/// 1. Keys of the query's own type, and pairs with a token of type 2, take the term `same`, others the
/// other one. Dai et al. 2019 (arXiv:1901.02860), section 3.3; with types and apart Funnel-Transformer,
/// Dai et al. 2020 (arXiv:2006.03236), appendix A. Neither distances × queries nor keys × queries are
/// ever held.
public struct RelativeAttention: Sendable {
  /// `[distances × heads·e]`, a vector for each distance, one after another.
  ///
  /// Packed as `PackedMatrix(transposing:)` does, in ``/TarnKernelInterface/WeightFormat/float32``.
  /// Fewest strips are read if ``origin`` is a multiple of sixteen.
  public var positions: PackedMatrix
  /// The distance of the first query and key of a sequence, counted from the first of ``positions``.
  public var origin: Int
  /// How many keys the position of a query lies behind that of the query before, at least 1.
  public var step: Int
  /// `[1 × heads·e]`: what is added to queries before the product with ``positions``.
  public var shift: Matrix
  /// `[queries × 2·heads]`: for each head the term of the other type, then that of the same.
  public var types: Matrix
  /// For each query its type: 0, 1, or 2 for one that is the same as all.
  public var queryTypes: [Int32]
  /// For each key its type.
  public var keyTypes: [Int32]
  /// Whether pairs with a sequence's first query or key have no such terms.
  public var firstIsApart: Bool

  /// Terms of these; see the properties.
  public init(
    positions: PackedMatrix, origin: Int, step: Int = 1, shift: Matrix, types: Matrix,
    queryTypes: [Int32], keyTypes: [Int32], firstIsApart: Bool = false
  ) {
    self.positions = positions
    self.origin = origin
    self.step = step
    self.shift = shift
    self.types = types
    self.queryTypes = queryTypes
    self.keyTypes = keyTypes
    self.firstIsApart = firstIsApart
  }

  /// Throws if the shapes do not fit, or if a pair has no row of ``positions``.
  func check(
    _ name: String, queries q: Matrix, heads: Int, _ sequences: Ragged, _ keySequences: Ragged,
    _ mask: AttentionMask
  ) throws(TarnError) {
    try checkPositive(name, "step", step)
    try checkShape(
      name, "positions", [positions.columns, positions.depth], [positions.columns, q.columns])
    guard positions.format == .float32 else {
      throw .invalidArgument(
        operation: name, argument: "positions", found: "\(positions.format)", expected: "float32")
    }
    try checkShape(name, "shift", [shift.rows, shift.columns], [1, q.columns])
    try checkShape(name, "types", [types.rows, types.columns], [q.rows, 2 * heads])
    try checkShape(name, "query types", [queryTypes.count], [q.rows])
    try checkShape(name, "key types", [keyTypes.count], [keySequences.rows])
    if let type = (queryTypes + keyTypes).first(where: { !(0...2).contains($0) }) {
      throw .invalidArgument(
        operation: name, argument: "types", found: "\(type)", expected: "types 0, 1 and 2")
    }
    guard mask == .full else {
      throw .invalidArgument(
        operation: name, argument: "mask", found: "\(mask)",
        expected: "a full mask with relative scores")
    }
    for s in 0..<sequences.count where !sequences[s].isEmpty && !keySequences[s].isEmpty {
      let (reach, overflow) = step.multipliedReportingOverflow(by: sequences[s].count - 1)
      guard !overflow, reach <= origin, origin < positions.columns - (keySequences[s].count - 1)
      else {
        throw .invalidArgument(
          operation: name, argument: "positions",
          found: "\(positions.columns) distances, origin \(origin), step \(step)",
          expected: "one for each pair of \(sequences[s].count) queries and "
            + "\(keySequences[s].count) keys")
      }
    }
  }

  /// Adds the terms of one head, without the scale, to `[queries × keys]` products of one sequence.
  func add(
    to scores: inout Matrix, head h: Int, queries q: Matrix, keys: [Int32],
    on execution: Execution
  ) throws(TarnError) {
    let e = q.columns
    let columns = h * e..<(h + 1) * e
    var shifted = q
    try addBias(q, bias: shift.columns(columns), into: &shifted, on: execution)
    // The columns of other heads are zero and add nothing.
    var widened = try Matrix(rows: q.rows, columns: positions.depth)
    for i in 0..<q.rows {
      for c in 0..<e { widened[i, h * e + c] = shifted[i, c] }
    }
    var terms = try Matrix(rows: q.rows, columns: positions.columns)
    try matmul(widened, positions, into: &terms, on: execution)
    for i in 0..<q.rows where !(firstIsApart && i == 0) {
      for (column, key) in keys.enumerated() where !(firstIsApart && key == 0) {
        let j = Int(key)
        let isSame =
          queryTypes[i] == keyTypes[j] || queryTypes[i] == 2 || keyTypes[j] == 2
        scores[i, column] +=
          terms[i, origin + j - step * i] + types[i, 2 * h + (isSame ? 1 : 0)]
      }
    }
  }
}

/// The terms as the kernel reads them, for a whole batch.
struct RelativeTerms {
  let relative: RelativeAttention
  /// For each query the type that differs from its own; no key has that of type 2.
  let otherTypes: [Float]
  /// For each key its type or that it is not kept, and fifteen more, which vectors read.
  let keyTypes: [Float]

  init(_ relative: RelativeAttention, keep: [Bool]?) {
    self.relative = relative
    otherTypes = relative.queryTypes.map { $0 == 2 ? 3 : 1 - Float($0) }
    keyTypes =
      relative.keyTypes.indices.map {
        keep?[$0] ?? true ? Float(relative.keyTypes[$0]) : RelativeScores.notKept
      } + Array(repeating: 0, count: 15)
  }
}

/// Calls `body` with what the kernel takes for the first query and key of the batch; nil for nil.
func withRelativeScores(
  _ terms: RelativeTerms?, _ body: (RelativeScores?) -> Void
) {
  guard let terms else { return body(nil) }
  let relative = terms.relative
  relative.positions.withView { positions in
    relative.shift.withView { shift in
      relative.types.withView { types in
        unsafe terms.otherTypes.withUnsafeBufferPointer { otherTypes in
          unsafe terms.keyTypes.withUnsafeBufferPointer { keyTypes in
            guard let keys = keyTypes.baseAddress else { return }
            // SAFETY: there are queries wherever the kernel is called, so their types have an address;
            // where there are none it is not read.
            unsafe body(
              RelativeScores(
                positions: positions.base.assumingMemoryBound(to: Float.self),
                positionStep: 16 * positions.depth, shift: shift.base, origin: relative.origin,
                step: relative.step, types: types, otherTypes: otherTypes.baseAddress ?? keys,
                keyTypes: keys, firstIsApart: relative.firstIsApart, firstQuery: 0))
          }
        }
      }
    }
  }
}

extension RelativeScores {
  /// For some heads and some queries of a sequence, from those for the whole batch.
  func part(
    heads: Range<Int>, headSize e: Int, queries: Range<Int>, of sequence: Range<Int>,
    keys: Range<Int>
  ) -> RelativeScores {
    let first = queries.lowerBound - sequence.lowerBound
    var part = self
    part.types =
      types[rows: queries][columns: 2 * heads.lowerBound..<2 * heads.upperBound]
    // SAFETY: shapes were checked: strips have heads · e columns, there are as many shifts, and a
    // type for each query and key.
    unsafe part.positions += 16 * heads.lowerBound * e
    unsafe part.shift += heads.lowerBound * e
    unsafe part.otherTypes += queries.lowerBound
    unsafe part.keyTypes += keys.lowerBound
    part.origin = origin - step * first
    part.firstQuery = first
    return part
  }
}
