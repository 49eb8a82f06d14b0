// Softmax attention over ragged batches: full, causal, cross, cached, block-local.

internal import TarnKernelInterface

/// Which keys a query sees, beside those that are not kept.
public enum AttentionMask: Sendable, Equatable {
  /// All keys of its sequence.
  case full
  /// Query i of a sequence with m queries and n keys sees the keys `j ≤ i + n - m`: the last query
  /// sees all. With m = n the usual causal mask, with m = 1 a step of decoding with a cache. If
  /// m > n the first `m - n` queries see nothing.
  case causal
  /// Query i sees the keys of its own block: `⌊j / size⌋ = ⌊i / size⌋`, counted from the sequence's
  /// start. The last block may be shorter. Sequences have as many keys as queries.
  case blockLocal(size: Int)
}

/// Softmax attention for each head, over the keys of each query's own sequence.
///
///     y[i] = Σ_j p[i, j] v[j]      p[i, j] = exp(scale · q[i]·k[j]) / Σ_j' exp(scale · q[i]·k[j'])
///
/// over the keys j that query i sees. Keys go in blocks of 256, counted from the first kept key that
/// a query may see (of its block with ``AttentionMask/blockLocal(size:)``), with a running maximum
/// and sum: no matrix of queries × keys exists. A row of `y` has the same bits whatever other
/// queries, sequences and keys that it does not see the call has; a key that is not kept counts as if
/// it were not there. Docs: Attention.
///
/// - Parameters:
///   - q: `[queries × heads·e]`: head h has the columns from `h·e`. May be a range of columns of a
///     joined product, as may k and v.
///   - k: `[keys × heads·e]`.
///   - v: `[keys × heads·f]`; f is often e.
///   - heads: the number of heads.
///   - scale: nil for `1/√e`.
///   - sequences: the ragged batch that `q` and `y` hold.
///   - keySequences: the batch that `k` and `v` hold, as many sequences: of cross attention, of a
///     cache; nil if it is that of the queries.
///   - keep: one flag a key, or nil for all.
///   - mask: which kept keys a query sees.
///   - relative: what is added to the scores, or nil; not with a causal or block-local mask.
///   - y: `[queries × heads·f]`. A query that sees nothing gets zeros.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for heads that do not divide
///   the columns, a scale that is not finite, a block size below 1, or relative scores with a mask or
///   without a row for each distance; all before `y` is touched.
/// - Complexity: `2 · (e + f)` operations and one exponential for each head, query and key that it
///   sees; bound by multiply-adds. Scratch for each thread, with b = 512 queries at most and f
///   rounded up to sixteen: `b · (e + f + 18) + 256 · (e + f) + 4928` floats, for at most 16 queries the
///   first term for each head; and an integer for each query with a causal mask, for each key with flags.
///   Relative scores: e operations more for each head, query and key, `b · e + 16 · (303 + 16 · step)`
///   floats more of scratch, and a float for each query and key.
///
/// `y` is within `(2 (e + 9) · scale · max Σ |q||k| + min(n, 256) + 13⌈n/256⌉ + 22) · 2⁻²⁴ · Σ p|v|`
/// of the exact value to first order, for n keys (`attentionOracle`). Weights below 2^-126.5 of the
/// largest are 0. With relative scores `|q||k|` stands for all products of a score, and e for e + 4;
/// blocks of 256 keys count those that are not kept.
///
/// NaN, ∞ and overflow in q, k or v reach the rows of queries that see them and no others. A score of
/// -∞ has weight 0; a row of such scores alone, or with NaN or +∞, is NaN. Zeros of `y` are positive.
public func attention(
  queries q: Matrix, keys k: Matrix, values v: Matrix, heads: Int, scale: Float? = nil,
  over sequences: Ragged, keySequences: Ragged? = nil, keep: [Bool]? = nil,
  mask: AttentionMask = .full, relative: RelativeAttention? = nil, into y: inout Matrix,
  on execution: Execution
) throws(TarnError) {
  let name = "attention"
  let shape = try AttentionShape(name, q, k, v, heads: heads, scale: scale)
  let keySequences = keySequences ?? sequences
  try checkShape(name, "sequences", [sequences.rows], [q.rows])
  try checkShape(name, "key sequences", [keySequences.rows], [k.rows])
  try checkShape(name, "key sequences", [keySequences.count], [sequences.count])
  try checkShape(name, "target", [y.rows, y.columns], [q.rows, v.columns])
  let plan = try AttentionPlan(name, sequences, keySequences, keep: keep, mask, relative)
  try relative?.check(name, queries: q, heads: heads, sequences, keySequences, mask)
  let kernel = unsafe execution.table.attention.attend
  let (e, f) = (shape.headSize, shape.valueSize)

  let block = plan.queryBlock(heads: heads, threads: execution.threads)
  let tasks = plan.tasks(block: block)
  let group = plan.headGroup(heads: heads, threads: execution.threads)
  let groups = (heads + group - 1) / group
  let scratchCount = AttentionBlocking.scratch(
    heads: group, queries: min(block, plan.mostQueries), headSize: e, valueSize: f,
    step: relative?.step ?? 0)
  let terms = relative.map { RelativeTerms($0, keep: keep) }
  q.withView { q in
    k.withView { k in
      v.withView { v in
        y.withMutableView { y in
          unsafe plan.withPointers { kept, seen in
            nonisolated(unsafe) let (kept, seen) = unsafe (kept, seen)
            withRelativeScores(terms) { scores in
              execution.forEach(tasks.count * groups) { i in
                let (task, h) = (tasks[i / groups], i % groups * group)
                let end = min(h + group, heads)
                let piece = plan.pieces[task.piece]
                let scores = scores?.part(
                  heads: h..<end, headSize: e, queries: task.queries, of: piece.queries,
                  keys: piece.keys)
                unsafe withScratch(Float.self, scratchCount) { scratch in
                  // SAFETY: the plan's ranges lie within the matrices, whose shapes were checked, as
                  // were the distances; kept and seen hold numbers below the piece's keys. Tasks
                  // write different rows or columns of y, which shares no memory with the others,
                  // being uniquely referenced.
                  unsafe kernel(
                    q[rows: task.queries][columns: h * e..<end * e],
                    k[rows: piece.keys][columns: h * e..<end * e],
                    v[rows: piece.keys][columns: h * f..<end * f], end - h,
                    kept.map { unsafe $0 + piece.keys.lowerBound }, piece.keptKeys,
                    seen.map { unsafe $0 + task.queries.lowerBound }, shape.factor, scores,
                    y[rows: task.queries][columns: h * f..<end * f], scratch)
                }
              }
            }
          }
        }
      }
    }
  }
}

/// The sizes of heads, checked, and the factor of the scores.
private struct AttentionShape {
  var headSize: Int
  var valueSize: Int
  var scale: Float
  /// `scale · log₂ e`.
  var factor: Float { scale * 0x1.715476p+0 }

  init(
    _ name: String, _ q: Matrix, _ k: Matrix, _ v: Matrix, heads: Int, scale: Float?
  ) throws(TarnError) {
    try checkPositive(name, "heads", heads)
    for (argument, x) in [("queries", q), ("values", v)] where x.columns % heads != 0 {
      throw .invalidArgument(
        operation: name, argument: "heads", found: "\(heads)",
        expected: "a divisor of the \(x.columns) columns of \(argument)")
    }
    try checkShape(name, "keys", [k.rows, k.columns], [k.rows, q.columns])
    try checkShape(name, "values", [v.rows, v.columns], [k.rows, v.columns])
    if let scale, !scale.isFinite {
      throw .invalidArgument(
        operation: name, argument: "scale", found: "\(scale)", expected: "a finite number")
    }
    headSize = q.columns / heads
    valueSize = v.columns / heads
    self.scale = scale ?? 1 / Float(max(1, headSize)).squareRoot()
  }
}

/// Which queries meet which keys.
private struct AttentionPlan {
  /// Queries that see keys of one range: a sequence, or a block of one.
  struct Piece {
    var queries: Range<Int>
    var keys: Range<Int>
    /// How many of the keys are kept.
    var keptKeys: Int
  }

  /// Some queries of a piece.
  struct Task {
    var piece: Int
    var queries: Range<Int>
  }

  private(set) var pieces: [Piece] = []
  /// For each piece, from its first key on: the numbers of kept keys, counted from that key; nil if
  /// all are kept.
  private(set) var kept: [Int]?
  /// For each query, how many of its piece's kept keys it sees; nil if all.
  private(set) var seen: [Int]?

  init(
    _ name: String, _ sequences: Ragged, _ keySequences: Ragged, keep: [Bool]?,
    _ mask: AttentionMask, _ relative: RelativeAttention? = nil
  ) throws(TarnError) {
    if let keep { try checkShape(name, "keep", [keep.count], [keySequences.rows]) }
    var blockSize = Int.max
    if case .blockLocal(let size) = mask {
      try checkPositive(name, "block size", size)
      for s in 0..<sequences.count {
        try checkShape(
          name, "keys of sequence \(s)", [keySequences[s].count], [sequences[s].count])
      }
      blockSize = size
    }
    for s in 0..<sequences.count {
      let (queries, keys) = (sequences[s], keySequences[s])
      guard blockSize < queries.count else {
        pieces.append(Piece(queries: queries, keys: keys, keptKeys: keys.count))
        continue
      }
      for first in stride(from: 0, to: queries.count, by: blockSize) {
        let count = min(blockSize, queries.count - first)
        let start = keys.lowerBound + first
        pieces.append(
          Piece(
            queries: queries.lowerBound + first..<queries.lowerBound + first + count,
            keys: start..<start + count, keptKeys: count))
      }
    }
    if let keep {
      if relative == nil { setKept(keep) } else { setAnyKept(keep) }
    }
    if mask == .causal { setSeen(keep, queries: sequences.rows) }
  }

  private mutating func setKept(_ keep: [Bool]) {
    var kept = [Int](repeating: 0, count: keep.count)
    for p in pieces.indices {
      let keys = pieces[p].keys
      var next = keys.lowerBound
      for j in keys where keep[j] {
        kept[next] = j - keys.lowerBound
        next += 1
      }
      pieces[p].keptKeys = next - keys.lowerBound
    }
    self.kept = kept
  }

  /// All keys take part if one is kept: their distances count, and their types say which are kept.
  private mutating func setAnyKept(_ keep: [Bool]) {
    for p in pieces.indices where !keep[pieces[p].keys].contains(true) { pieces[p].keptKeys = 0 }
  }

  private mutating func setSeen(_ keep: [Bool]?, queries: Int) {
    var seen = [Int](repeating: 0, count: queries)
    for piece in pieces {
      let (m, n) = (piece.queries.count, piece.keys.count)
      // Of the kept keys those before `position`.
      var position = 0
      var count = 0
      for i in 0..<m {
        let end = max(0, i + n - m + 1)
        while position < end {
          if keep?[piece.keys.lowerBound + position] ?? true { count += 1 }
          position += 1
        }
        seen[piece.queries.lowerBound + i] = count
      }
    }
    self.seen = seen
  }

  var mostQueries: Int { pieces.lazy.map { $0.queries.count }.max() ?? 0 }

  /// Queries of a task: as many as share packed keys, fewer if threads would have nothing to do.
  func queryBlock(heads: Int, threads: Int) -> Int {
    var block = AttentionBlocking.queries
    while threads > 1, block > 64,
      heads * pieces.reduce(0, { $0 + ($1.queries.count + block - 1) / block }) < 4 * threads
    {
      block /= 2
    }
    return block
  }

  /// Heads of a task: one, or for few queries, which read each key once, as many as share its row.
  func headGroup(heads: Int, threads: Int) -> Int {
    if mostQueries > 16 { return 1 }
    return pieces.count >= 4 * threads ? heads : (heads + threads - 1) / threads
  }

  /// All queries, so many at a time.
  ///
  /// The last of a piece come first: with a causal mask they take longest.
  func tasks(block: Int) -> [Task] {
    var tasks: [Task] = []
    for (p, piece) in pieces.enumerated() {
      for first in stride(from: 0, to: piece.queries.count, by: block).reversed() {
        let start = piece.queries.lowerBound + first
        tasks.append(
          Task(piece: p, queries: start..<min(start + block, piece.queries.upperBound)))
      }
    }
    return tasks
  }

  /// Calls `body` with pointers to ``kept`` and ``seen``, nil where these are.
  func withPointers(_ body: (UnsafePointer<Int>?, UnsafePointer<Int>?) -> Void) {
    func withSeen(_ kept: UnsafePointer<Int>?) {
      if let seen {
        unsafe seen.withUnsafeBufferPointer { unsafe body(kept, $0.baseAddress) }
      } else {
        unsafe body(kept, nil)
      }
    }
    if let kept {
      unsafe kept.withUnsafeBufferPointer { unsafe withSeen($0.baseAddress) }
    } else {
      withSeen(nil)
    }
  }
}

/// The weights of attention over one sequence, as a matrix: `p[h·m + i, j]` of query i and key j in
/// head h.
///
/// For looking at, and for comparison with a reference: each head's m × n products and a softmax,
/// with nothing of the tiles of
/// ``attention(queries:keys:values:heads:scale:over:keySequences:keep:mask:relative:into:on:)``, whose weights
/// differ by rounding. Keys that a query does not see have 0; a query that sees nothing has zeros.
///
/// - Parameters:
///   - q: `[m × heads·e]`.
///   - k: `[n × heads·e]`.
///   - heads: the number of heads.
///   - scale: nil for `1/√e`.
///   - keep: one flag a key, or nil for all.
///   - mask: which kept keys a query sees.
///   - relative: what is added to the scores, or nil.
///   - p: `[heads·m × n]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError`` as attention does, before `p` is touched.
/// - Complexity: `2 · heads · m · n · e` operations; scratch of a head's `m × n`.
public func attentionProbabilities(
  queries q: Matrix, keys k: Matrix, heads: Int, scale: Float? = nil, keep: [Bool]? = nil,
  mask: AttentionMask = .full, relative: RelativeAttention? = nil, into p: inout Matrix,
  on execution: Execution
) throws(TarnError) {
  let name = "attentionProbabilities"
  let shape = try AttentionShape(name, q, k, k, heads: heads, scale: scale)
  let (sequences, keySequences) = try (Ragged(lengths: [q.rows]), Ragged(lengths: [k.rows]))
  let plan = try AttentionPlan(name, sequences, keySequences, keep: keep, mask)
  try relative?.check(name, queries: q, heads: heads, sequences, keySequences, mask)
  try checkShape(name, "target", [p.rows, p.columns], [heads * q.rows, k.rows])
  try p.fillRows([Float](repeating: 0, count: p.rows))
  for piece in plan.pieces {
    let rows = (0..<piece.keptKeys).map { j in
      Int32(piece.keys.lowerBound + (plan.kept?[piece.keys.lowerBound + j] ?? j))
    }
    let lengths = piece.queries.map { Int32(plan.seen?[$0] ?? piece.keptKeys) }
    var kept = try Matrix(rows: piece.keptKeys, columns: k.columns)
    try gather(k, rows[...], into: &kept, on: execution)
    var scores = try Matrix(rows: piece.queries.count, columns: piece.keptKeys)
    for h in 0..<heads {
      let columns = h * shape.headSize..<(h + 1) * shape.headSize
      try matmul(
        q.rows(piece.queries).columns(columns), kept.columns(columns), transposingB: true,
        into: &scores, on: execution)
      try relative?.add(
        to: &scores, head: h, queries: q.columns(columns), keys: rows, on: execution)
      let products = scores
      try maskedSoftmax(
        products, lengths: lengths, scale: shape.scale, into: &scores, on: execution)
      for (i, query) in piece.queries.enumerated() {
        for (j, key) in rows.enumerated() { p[h * q.rows + query, Int(key)] = scores[i, j] }
      }
    }
  }
}
