// The baselines of the soft top-k: hard selection, and the iterative soft top-k.

internal import TarnKernelInterface

/// The tokens with the k largest scores of each document.
///
/// Ranked by descending score, ties by ascending number, NaN last.
public struct HardTopKPlan: Sendable {
  /// The documents.
  public let sequences: Ragged
  /// Results of each document: k.
  public let count: Int
  /// `[sequences · k]`: the tokens by number within their document, -1 past a short document's end.
  public let tokens: [Int32]
  /// `[sequences · k × 1]`: their scores, 0 past a short document's end.
  public let scores: Matrix

  /// Ranks and selects.
  ///
  /// - Parameters:
  ///   - scores: `[tokens × 1]`.
  ///   - sequences: the documents that the tokens belong to.
  ///   - count: k, at least 1.
  ///   - keepsOrder: whether the tokens keep the order of the sequence; otherwise the best comes
  ///     first.
  ///   - execution: kernels and threads. Documents are divided among threads.
  /// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` for the scores,
  ///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a count below 1 or more
  ///   than 2³⁰ tokens in a document.
  /// - Complexity: a radix sort of each document's scores, linear.
  public init(
    scores: Matrix, over sequences: Ragged, count: Int, keepsOrder: Bool = false,
    on execution: Execution
  ) throws(TarnError) {
    let name = "HardTopKPlan"
    try checkShape(name, "scores", [scores.rows, scores.columns], [sequences.rows, 1])
    try checkCount(name, count)
    for s in 0..<sequences.count where sequences[s].count > candidateLimit {
      throw .invalidArgument(
        operation: name, argument: "sequences[\(s)]", found: "\(sequences[s].count) tokens",
        expected: "at most \(candidateLimit)")
    }
    self.sequences = sequences
    self.count = count
    var selected = try Matrix(rows: sequences.count * count, columns: 1)
    var tokens = [Int32](repeating: -1, count: sequences.count * count)
    let given = scores.elements
    let kernels = execution.table.topK
    selected.withMutableView { selected in
      unsafe given.withUnsafeBufferPointer { given in
        unsafe tokens.withUnsafeMutableBufferPointer { tokens in
          guard let g = given.baseAddress, let k = tokens.baseAddress else { return }
          nonisolated(unsafe) let given = unsafe g
          nonisolated(unsafe) let tokens = unsafe k
          execution.forEach(sequences.count) { s in
            let rows = sequences[s]
            let found = min(count, rows.count)
            // SAFETY: the document's scores lie within the given ones, its k results within both
            // targets.
            let first = unsafe given + rows.lowerBound
            var chosen = unsafe UnsafeMutableBufferPointer(
              start: tokens + s * count, count: found)
            unsafe withScratch(Int32.self, rows.count) { order in
              unsafe withScratch(UInt64.self, SoftTopKTape.rankWorkspace(rows.count)) {
                unsafe kernels.rank(first, rows.count, order, $0)
              }
              for i in 0..<found { unsafe chosen[i] = order[i] }
            }
            if keepsOrder { unsafe chosen.sort() }
            for i in 0..<found {
              unsafe selected.row(s * count + i)[0] = first[Int(chosen[i])]
            }
          }
        }
      }
    }
    self.tokens = tokens
    self.scores = selected
  }
}

/// `y[s·k + i] = x[i-th selected token of document s]`, zeros past a short document's end.
///
/// - Parameters:
///   - x: `[tokens × d]`.
///   - plan: the selected tokens.
///   - y: `[sequences · k × d]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `y` is touched.
/// - Complexity: one read of the selected rows, one write of `y`.
///
/// Exact.
public func hardTopK(
  _ x: Matrix, _ plan: HardTopKPlan, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  let k = plan.count
  try checkShape("hardTopK", "x rows", [x.rows], [plan.sequences.rows])
  try checkShape(
    "hardTopK", "target", [y.rows, y.columns], [plan.sequences.count * k, x.columns])
  let kernels = execution.table.topK
  let ones = [Float](repeating: 1, count: k)
  x.withView { x in
    y.withMutableView { y in
      unsafe plan.tokens.withUnsafeBufferPointer { tokens in
        unsafe ones.withUnsafeBufferPointer { ones in
          guard let t = tokens.baseAddress, let o = ones.baseAddress else { return }
          nonisolated(unsafe) let tokens = unsafe t
          nonisolated(unsafe) let ones = unsafe o
          for s in 0..<plan.sequences.count {
            execution.forEachRange(k, grain: 64) { range in
              // SAFETY: there are k tokens for each document and k ones; ranges write different
              // rows.
              unsafe kernels.blendRows(
                x[rows: plan.sequences[s]], tokens + s * k + range.lowerBound, ones, 1,
                y[rows: s * k + range.lowerBound..<s * k + range.upperBound])
            }
          }
        }
      }
    }
  }
}

/// The vector-Jacobian product of ``hardTopK(_:_:into:on:)``.
///
///     dx[t] = dy[s·k + i] where t is the i-th selected token of its document s, else 0
///
/// The selection is a constant, so nothing reaches the scores.
///
/// - Parameters:
///   - plan: the selected tokens.
///   - dy: `[sequences · k × d]`.
///   - dx: `[tokens × d]`, written.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `dx` is touched.
/// - Complexity: one read of `dy`, one write of `dx`.
///
/// Exact.
public func hardTopKGradient(
  _ plan: HardTopKPlan, upstream dy: Matrix, into dx: inout Matrix, on execution: Execution
) throws(TarnError) {
  let name = "hardTopKGradient"
  let k = plan.count
  try checkShape(name, "upstream rows", [dy.rows], [plan.sequences.count * k])
  try checkShape(
    name, "target", [dx.rows, dx.columns], [plan.sequences.rows, dy.columns])
  let kernels = execution.table.topK
  var sources = [Int32](repeating: -1, count: dx.rows)
  for s in 0..<plan.sequences.count {
    for i in 0..<min(k, plan.sequences[s].count) {
      sources[plan.sequences[s].lowerBound + Int(plan.tokens[s * k + i])] = Int32(
        truncatingIfNeeded: i)
    }
  }
  let ones = [Float](repeating: 1, count: k)
  dy.withView { dy in
    dx.withMutableView { dx in
      unsafe sources.withUnsafeBufferPointer { sources in
        unsafe ones.withUnsafeBufferPointer { ones in
          guard let i = sources.baseAddress, let o = ones.baseAddress else { return }
          nonisolated(unsafe) let sources = unsafe i
          nonisolated(unsafe) let ones = unsafe o
          for s in 0..<plan.sequences.count {
            let rows = plan.sequences[s]
            execution.forEachRange(rows.count, grain: 64) { range in
              let first = rows.lowerBound + range.lowerBound
              // SAFETY: there is a source for each row of dx; ranges write different rows. Without
              // an x no dot is written.
              unsafe kernels.spreadRows(
                dy[rows: s * k..<(s + 1) * k], nil, sources + first, ones, 1,
                dx[rows: first..<first + range.count], dx.base)
            }
          }
        }
      }
    }
  }
}

/// The iterative soft top-k: k softmaxes over all tokens of each document.
///
///     for i = 0 ..< k:  m = max s;  P[i] = softmax(-α (s - m)²)
///                       y[i] = Σ_t P[i, t]·x[t];  score[i] = Σ_t P[i, t]·s[t]
///                       the largest score becomes -10000
///
/// The baseline of successive halving (Pietruszka, Borchmann, Garncarek 2020, arXiv:2010.15552).
///
/// - Parameters:
///   - x: `[tokens × d]`.
///   - scores: `[tokens × 1]`.
///   - sequences: the documents, each of at least k tokens.
///   - k: at least 1.
///   - alpha: the factor α: finite, not negative.
///   - y: `[sequences · k × d]`.
///   - pooledScores: `[sequences · k × 1]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for the count, alpha or a
///   document of fewer than k tokens; all before anything is written.
/// - Complexity: `2·k·n·d` operations and k·n exponentials. Scratch: 64 rows of n.
///
/// Of equal scores the first counts as the largest. Relative error of a weight
/// `(8·α·(max s - s)² + n/16 + 32)·2⁻²⁴`, of the sums `n·2⁻²⁴·Σ P|x|` beside. An infinite score
/// makes results NaN; a NaN score makes all of its document NaN until it has been the largest.
public func iterativeTopK(
  _ x: Matrix, scores: Matrix, over sequences: Ragged, count k: Int, alpha: Float = 1,
  into y: inout Matrix, scores pooledScores: inout Matrix, on execution: Execution
) throws(TarnError) {
  let name = "iterativeTopK"
  try checkShape(name, "x rows", [x.rows], [sequences.rows])
  try checkShape(name, "scores", [scores.rows, scores.columns], [x.rows, 1])
  try checkCount(name, k)
  guard alpha >= 0, alpha.isFinite else {
    throw .invalidArgument(
      operation: name, argument: "alpha", found: "\(alpha)", expected: "a finite number from 0")
  }
  for s in 0..<sequences.count where sequences[s].count < k {
    throw .invalidArgument(
      operation: name, argument: "sequences[\(s)]", found: "\(sequences[s].count) tokens",
      expected: "at least \(k)")
  }
  try checkShape(name, "target", [y.rows, y.columns], [sequences.count * k, x.columns])
  try checkShape(
    name, "pooled scores", [pooledScores.rows, pooledScores.columns], [sequences.count * k, 1])
  let kernels = execution.table.topK
  for s in 0..<sequences.count {
    let rows = sequences[s]
    var remaining = Matrix(scores.rows(rows).elements)
    var weights = try Matrix(rows: min(k, 64), columns: rows.count)
    var sums = try Matrix(rows: 1, columns: min(k, 64))
    var first = 0
    while first < k {
      let block = min(64, k - first)
      remaining.withMutableView { remaining in
        weights.withMutableView { weights in
          sums.withMutableView { sums in
            // SAFETY: the sizes are those of the document and of the block.
            unsafe kernels.iterativeTopK(
              remaining.base, alpha, weights[rows: 0..<block], sums.base)
          }
        }
      }
      try matmul(
        weights.rows(0..<block), x.rows(rows), into: &y, at: s * k + first, on: execution)
      for i in 0..<block { pooledScores[s * k + first + i, 0] = sums[0, i] }
      first += block
    }
  }
}
