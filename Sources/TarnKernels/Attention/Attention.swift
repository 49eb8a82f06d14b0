// Softmax attention in tiles: no matrix of queries × keys is ever formed. Touches pointers.
//
//     LOOP 4  for each block of 256 keys            in order: all add to the same rows of O
//             for each head                         one, or all where queries are few
//               pack Kᵀ and V                       L2, once for all queries of the call
//     LOOP 3    for each panel of 8 to 24 queries
//     LOOP 2      S = Q·Kᵀ         for each group of keys, tile of queries     S stays in L1
//                 S = S + B        relative scores: B = U·Rᵀ of the distances of the panel
//                 P = 2^(S - M)    row by row, with the running maximum M and sum L
//     LOOP 1      O = O·2^(M' - M) + P·V   for each group of columns, tile of queries
//     y = O / L
//
// The products are those of Matmul/MicroKernel.swift. Docs: Attention.

import TarnKernelInterface

/// `y[i] = Σ_j p[i, j]·v[j] / Σ_j p[i, j]`, `p[i, j] = exp(scale·q[i]·k[j] - max_j)`, over the keys j
/// that query i sees.
///
///     s[j] = chain of multiply-adds over the columns of factor·q[i] and k[j], from zero
///     relative scores, unless i or j is the first and apart:
///       s[j] = s[j] + (b + factor·t)       t = types[i, same or other type]
///       b    = chain over the columns of factor·(q[i] + shift) and r[origin + j - step·i], from zero
///     for each block of 256 keys that are kept, in order:
///       M' = max(M, max_j s[j])      a = 2^(M - M')      p[j] = 2^(s[j] - M')
///       L  = fma(L, a, Σ_j p[j])     sixteen lanes, vectors of keys in the order of Rows.swift
///       O  = a·O + z                 z[c] = chain of multiply-adds over j of p[j]·v[j, c], from zero
///     y = O / L                      L joined by halving
///
/// Online softmax: Milakov and Gimelshein 2018 (arXiv:1805.02867); tiles: Dao et al. 2022
/// (arXiv:2205.14135). A row of y depends on its query and the keys that it sees alone, whatever the
/// other queries of the call.
///
/// - Parameters:
///   - q: `[queries × heads·e]`.
///   - k: the keys of the sequence, `[… × heads·e]`.
///   - v: their values, `[… × heads·f]`.
///   - heads: how many heads; few queries read whole rows of keys with several.
///   - kept: the rows of k and v that take part, rising, or nil for the first `keys`.
///   - keys: how many take part. The others are not read.
///   - seen: how many of those each query sees, from the first; must not fall; nil for all.
///   - factor: `scale · log₂ e`.
///   - relative: what is added to the scores, or nil. Then all keys are packed, and those whose type
///     says that they are not kept have a score of -∞ and a value of zero; `kept` and `seen` are nil.
///   - y: `[queries × heads·f]`, distinct from the others.
///   - scratch: `AttentionBlocking.scratch` elements.
///
/// A query that sees nothing gets zeros. A weight below 2^-126.5 is 0. A score of -∞ has weight 0; a
/// row of -∞ alone, or with NaN or +∞, is NaN. What a query does not see does not reach it, not even
/// NaN. Zeros are positive. Cost: `2 · (e + f)` operations and one exponential for each head, query
/// and key; bound by multiply-adds.
func attend(
  _ q: MatrixView, _ k: MatrixView, _ v: MatrixView, heads: Int, kept: UnsafePointer<Int>?,
  keys: Int,
  seen: UnsafePointer<Int>?, factor: Float, relative: RelativeScores?, into y: MutableMatrixView,
  scratch: UnsafeMutablePointer<Float>
) {
  guard y.rows > 0, y.columns > 0 else { return }
  let call = AttentionCall(
    q, k, v, heads: heads, kept: kept, keys: keys, seen: seen, relative, factor: factor, scratch)
  for h in 0..<heads { call.head(h).begin(q.row(0) + h &* call.e, q.rowStride) }
  let end = call.seenKeys(y.rows &- 1)
  var first = 0
  while first < end {  // LOOP 4
    let count = min(AttentionBlocking.keys, end &- first)
    for h in 0..<heads { call.head(h).attend(toKeysFrom: first, count) }
    first &+= count
  }
  for h in 0..<heads {
    call.head(h).finish(into: y.row(0) + h &* call.valueSize, y.rowStride)
  }
}

/// One call: its arguments and the parts of its scratch.
private struct AttentionCall {
  var k: MatrixView
  var v: MatrixView
  var kept: UnsafePointer<Int>?
  var keys: Int
  var seen: UnsafePointer<Int>?
  var relative: RelativeScores?
  var factor: Float
  var queries: Int
  /// Columns of a head, of its values, and of these in whole vectors.
  var e: Int
  var valueSize: Int
  var f: Int
  /// Vectors of a tile: sixteen keys or columns of V each.
  var width: Int

  /// `[queries × e]`: factor · q.
  var q: UnsafeMutablePointer<Float>
  /// `[queries × f]`: the running sum O.
  var o: UnsafeMutablePointer<Float>
  /// `[queries × 16]`: the running sum L.
  var sums: UnsafeMutablePointer<Float>
  /// `[panels × 16]`: the running maximum M.
  var tops: UnsafeMutablePointer<Float>
  /// `[16]`: what is subtracted from the scores of a panel's rows.
  var shifts: UnsafeMutablePointer<Float>
  /// `[16]`: by what L and O of a panel's rows shrink.
  var factors: UnsafeMutablePointer<Float>
  /// `[2 × 16 × 16]`: the largest scores of a panel, by rows and by lanes.
  var lanes: UnsafeMutablePointer<Float>
  /// A block of keys in strips of sixteen: for each column its keys one after another.
  var packedKeys: UnsafeMutablePointer<Float>
  /// Their values, `[keys × f]`.
  var packedValues: UnsafeMutablePointer<Float>
  /// `[panel × scoreStride]`: S, then P.
  var scores: UnsafeMutablePointer<Float>
  /// `[queries × e]`: factor · (q + shift).
  var shifted: UnsafeMutablePointer<Float>
  /// `[panel × positionStride]`: B for the distances of a panel.
  var positionScores: UnsafeMutablePointer<Float>

  /// The most queries whose scores are formed at a time: whole tiles.
  static var panel: Int {
    @inline(__always) get { 16 / TileShape.rows &* TileShape.rows }
  }

  init(
    _ q: MatrixView, _ k: MatrixView, _ v: MatrixView, heads: Int, kept: UnsafePointer<Int>?,
    keys: Int, seen: UnsafePointer<Int>?, _ relative: RelativeScores?, factor: Float,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    (self.k, self.v, self.kept, self.keys, self.seen) = (k, v, kept, keys, seen)
    (self.relative, self.factor) = (relative, factor)
    queries = q.rows
    e = q.columns / heads
    valueSize = v.columns / heads
    f = AttentionBlocking.paddedColumns(valueSize)
    width = TileShape.vectors(rows: min(q.rows, TileShape.rows))
    scores = scratch
    lanes = scores + AttentionBlocking.panel &* AttentionBlocking.scoreStride
    shifts = lanes + 512
    factors = shifts + 16
    packedKeys = factors + 16
    packedValues = packedKeys + AttentionBlocking.keys &* e
    let step = relative?.step ?? 0
    positionScores = packedValues + AttentionBlocking.keys &* f
    o = positionScores + AttentionBlocking.panel &* AttentionBlocking.positionStride(step: step)
    sums = o + queries &* f
    self.q = sums + queries &* 16
    shifted = self.q + queries &* e
    tops = shifted + (step == 0 ? 0 : queries &* e)
  }

  /// The call for head `h`: the packed block and the scores are those of all heads.
  @inline(__always)
  func head(_ h: Int) -> AttentionCall {
    var call = self
    let state =
      h
      &* AttentionBlocking.state(
        queries: queries, headSize: e, valueSize: valueSize, step: relative?.step ?? 0)
    call.k.base += h &* e
    call.v.base += h &* valueSize
    call.o += state
    call.sums += state
    call.q += state
    call.shifted += state
    call.tops += state
    call.relative?.positions += 16 &* h &* e
    call.relative?.shift += h &* e
    call.relative?.types.base += 2 &* h
    return call
  }

  /// How many of the kept keys query `i` sees.
  @inline(__always)
  func seenKeys(_ i: Int) -> Int { seen.map { $0[i] } ?? keys }

  /// The row of k and v of kept key `j`.
  @inline(__always)
  func row(_ j: Int) -> Int { kept.map { $0[j] } ?? j }

  /// Scales the queries.
  ///
  /// O and L are written by the first block of keys.
  func begin(_ source: UnsafePointer<Float>, _ stride: Int) {
    let factor = Lanes(repeating: factor)
    @inline(__always) func scaled(_ x: Lanes) -> Lanes { x * factor }
    for i in 0..<queries { map(source + i &* stride, into: q + i &* e, count: e, scaled) }
    guard let relative else { return }
    @inline(__always) func shiftedAndScaled(_ x: Lanes, _ shift: Lanes) -> Lanes {
      (x + shift) * factor
    }
    for i in 0..<queries {
      map(
        source + i &* stride, relative.shift, into: shifted + i &* e, count: e, shiftedAndScaled)
    }
  }

  /// Packs Kᵀ for `count` kept keys from `firstKey`; keys that fill up the last strip are zero.
  func packKeys(_ firstKey: Int, _ count: Int) {
    var first = 0
    while first < count {
      let rows = min(16, count &- first)
      let target = packedKeys + first &* e
      let start = row(firstKey &+ first)
      let isTogether = row(firstKey &+ first &+ rows &- 1) &- start == rows &- 1
      var c = 0
      while c &+ 16 <= e {
        if isTogether {
          transposeBlock(k.row(start) + c, k.rowStride, rows: rows, into: target + 16 &* c, 16)
        } else {
          for i in 0..<rows {
            Lanes(k.row(row(firstKey &+ first &+ i)) + c).store(scores + 16 &* i)
          }
          transposeBlock(scores, 16, rows: rows, into: target + 16 &* c, 16)
        }
        c &+= 16
      }
      while c < e {
        var column = Lanes.zero
        for i in 0..<rows { column[i] = k.row(row(firstKey &+ first &+ i))[c] }
        column.store(target + 16 &* c)
        c &+= 1
      }
      first &+= 16
    }
  }

  /// Vectors of the group of columns of V that begins with vector `x`: groups of nearly equal width.
  @inline(__always)
  func groupVectors(_ x: Int) -> Int {
    let rest = f / 16 &- x
    let groups = (rest &+ width &- 1) / width
    return (rest &+ groups &- 1) / groups
  }

  /// V for `count` kept keys from `first`, and whether it is known to be finite.
  ///
  /// Packed, columns filled up with zeros; as it lies for so few queries that it is read once.
  func values(_ first: Int, _ count: Int) -> (MatrixView, Bool) {
    if kept == nil && relative == nil && f == valueSize && queries <= TileShape.rows {
      return (v[rows: first..<first &+ count], false)
    }
    var difference = Lanes.zero
    for j in 0..<count {
      let source = v.row(row(first &+ j))
      let target = packedValues + j &* f
      if relative?.isKept(first &+ j) == false {
        target.update(repeating: 0, count: f)
        continue
      }
      var c = 0
      while c < f {
        let filled = min(16, valueSize &- c)
        let value = filled == 16 ? Lanes(source + c) : Lanes(source + c, count: filled, fill: 0)
        value.store(target + c)
        difference += value - value
        c &+= 16
      }
    }
    return (
      MatrixView(packedValues, rows: count, columns: f, rowStride: f), difference.joined() == 0
    )
  }

  /// All queries against the keys `first ..< first + count`.
  func attend(toKeysFrom first: Int, _ count: Int) {
    packKeys(first, count)
    let (values, areFinite) = values(first, count)
    let panels = (queries &+ AttentionCall.panel &- 1) / AttentionCall.panel
    var row = 0
    for panel in 0..<panels {  // LOOP 3
      let rows = (queries &- row) / (panels &- panel)
      attend(panel, row, rows, toKeysFrom: first, count, values, areFinite: areFinite)
      row &+= rows
    }
  }

  /// Panel `panel`, the queries `first ..< first + rows`, against a packed block of `count` keys from
  /// `firstKey`.
  func attend(
    _ panel: Int, _ first: Int, _ rows: Int, toKeysFrom firstKey: Int, _ count: Int,
    _ values: MatrixView, areFinite: Bool
  ) {
    @inline(__always) func seen(_ i: Int) -> Int {
      max(0, min(count, seenKeys(first &+ i) &- firstKey))
    }
    let most = seen(rows &- 1)
    guard most > 0 else { return }
    multiply(
      q + first &* e, rows, packedKeys, 16 &* e, (most &+ 15) / 16, into: scores,
      AttentionBlocking.scoreStride)
    if let relative { add(relative, first, rows, firstKey, most) }
    for i in 0..<rows { maximum(i, of: seen(i), most) }
    raise(panel, isFirst: firstKey == 0)
    for i in 0..<rows { exponentials(i, first &+ i, most, isFirst: firstKey == 0) }
    if seen(0) == most || areFinite {
      // The weight of a key that is not seen is zero.
      multiply(values, first, rows, 0, most, isFirst: firstKey == 0)
    } else {
      for i in 0..<rows { multiply(values, first &+ i, 1, i, seen(i), isFirst: firstKey == 0) }
    }
  }

  /// S = Q·Kᵀ for `rows` rows of Q and `count` strips of Kᵀ, `step` elements apart.
  @inline(__always)
  func multiply(
    _ q: UnsafePointer<Float>, _ rows: Int, _ strips: UnsafePointer<Float>, _ step: Int,
    _ count: Int, into scores: UnsafeMutablePointer<Float>, _ stride: Int
  ) {
    let tiles = (rows &+ TileShape.rows &- 1) / TileShape.rows
    var strip = 0
    while strip < count {  // LOOP 2
      let vectors = min(width, count &- strip)
      var row = 0
      for tile in 0..<tiles {
        let height = (rows &- row) / (tiles &- tile)
        multiplyTile(
          Float32Element.self, rows: height, vectors: vectors, q + row &* e, e,
          strips + strip &* step, 16, step, depth: e, scores + row &* stride + strip &* 16, stride,
          adding: false)
        row &+= height
      }
      strip &+= vectors
    }
  }

  /// S = S + B + the terms of the types, for `rows` queries from `first` and `count` keys from
  /// `firstKey`; -∞ for keys that are not kept.
  @inline(never)
  func add(
    _ relative: RelativeScores, _ first: Int, _ rows: Int, _ firstKey: Int, _ count: Int
  ) {
    // The panel's last query needs the first, from strip · 16 + rest on.
    let lowest = relative.origin &+ firstKey &- relative.step &* (first &+ rows &- 1)
    let (strip, rest) = (lowest / 16, lowest % 16)
    let stride = AttentionBlocking.positionStride(step: relative.step)
    let needed = rest &+ count &+ relative.step &* (rows &- 1)
    multiply(
      shifted + first &* e, rows, relative.positions + strip &* relative.positionStep,
      relative.positionStep, (needed &+ 15) / 16, into: positionScores, stride)
    for i in 0..<rows {
      let row = scores + i &* AttentionBlocking.scoreStride
      let positions =
        positionScores + i &* stride + rest + relative.step &* (rows &- 1 &- i)
      add(
        UnsafePointer(positions), relative, query: first &+ i, to: row, keysFrom: firstKey, count)
    }
  }

  /// The same for one row of scores and of B.
  @inline(__always)
  private func add(
    _ positions: UnsafePointer<Float>, _ relative: RelativeScores, query: Int,
    to row: UnsafeMutablePointer<Float>, keysFrom firstKey: Int, _ count: Int
  ) {
    let types = relative.types.row(query)
    let other = Lanes(repeating: factor * types[0])
    let same = Lanes(repeating: factor * types[1])
    let otherType = Lanes(repeating: relative.otherTypes[query])
    let keyTypes = relative.keyTypes + firstKey
    let content = row[0]
    let isApart = relative.firstIsApart && relative.firstQuery &+ query == 0
    var j = 0
    while j < count {
      let type = Lanes(keyTypes + j)
      var s = Lanes(UnsafePointer(row + j))
      if !isApart {
        s += Lanes(positions + j) + same.replacing(with: other, where: type .== otherType)
      }
      s.replace(
        with: Lanes(repeating: -.infinity), where: type .== Lanes(repeating: RelativeScores.notKept)
      )
      s.store(row + j)
      j &+= 16
    }
    if relative.firstIsApart && firstKey == 0 && relative.isKept(0) { row[0] = content }
  }

  /// O = O + P·V for the first `count` keys of the block; P from row `firstScore` of the scores.
  @inline(__always)
  func multiply(
    _ values: MatrixView, _ first: Int, _ rows: Int, _ firstScore: Int, _ count: Int, isFirst: Bool
  ) {
    let tiles = (rows &+ TileShape.rows &- 1) / TileShape.rows
    var x = 0
    while x < f / 16 {  // LOOP 1
      let vectors = groupVectors(x)
      var row = 0
      for tile in 0..<tiles {
        let height = (rows &- row) / (tiles &- tile)
        multiplyTile(
          Float32Element.self, rows: height, vectors: vectors,
          scores + (firstScore &+ row) &* AttentionBlocking.scoreStride,
          AttentionBlocking.scoreStride, values.base + x &* 16, values.rowStride, 16, depth: count,
          o + (first &+ row) &* f + x &* 16, f, adding: !isFirst)
        row &+= height
      }
      x &+= vectors
    }
  }

  /// The largest of each lane of row `i` of the scores, of which `count` of `most` count; the others
  /// become -∞.
  @inline(__always)
  func maximum(_ i: Int, of count: Int, _ most: Int) {
    let row = scores + i &* AttentionBlocking.scoreStride
    let end = (most &+ 15) & ~15
    for j in count..<end { row[j] = -.infinity }
    var m0 = Lanes(repeating: -.infinity)
    var m1 = m0
    var m2 = m0
    var m3 = m0
    var j = 0
    while j &+ 64 <= end {
      m0 = larger(m0, Lanes(UnsafePointer(row + j)))
      m1 = larger(m1, Lanes(UnsafePointer(row + j + 16)))
      m2 = larger(m2, Lanes(UnsafePointer(row + j + 32)))
      m3 = larger(m3, Lanes(UnsafePointer(row + j + 48)))
      j &+= 64
    }
    while j < end {
      m0 = larger(m0, Lanes(UnsafePointer(row + j)))
      j &+= 16
    }
    larger(larger(m0, m1), larger(m2, m3)).store(lanes + 16 &* i)
  }

  /// M' = max(M, the largest scores), the shift of the scores and 2^(M - M') for the rows of a panel.
  ///
  /// Rows become lanes by transposing what ``maximum(_:of:_:)`` has left: no sum goes across lanes.
  @inline(__always)
  func raise(_ panel: Int, isFirst: Bool) {
    transposeBlock(lanes, 16, into: lanes + 256, 16)
    var top = isFirst ? Lanes(repeating: -.infinity) : Lanes(UnsafePointer(tops + 16 &* panel))
    let before = top
    for i in 0..<16 { top = larger(top, Lanes(UnsafePointer(lanes + 256 + 16 &* i))) }
    top.store(tops + 16 &* panel)
    // All scores -∞: 2^-∞ each, not 2^(∞ - ∞).
    let lowest = Lanes(repeating: -.infinity)
    let shift = top.replacing(with: Lanes.zero, where: top .== lowest)
    shift.store(shifts)
    exp2NonPositive(before - shift).store(factors)
  }

  /// P = 2^(S - M) for the first `most` scores of row `i` of the panel, query `query`; L and O.
  @inline(__always)
  func exponentials(_ i: Int, _ query: Int, _ most: Int, isFirst: Bool) {
    let row = scores + i &* AttentionBlocking.scoreStride
    let end = (most &+ 15) & ~15
    let shift = Lanes(repeating: shifts[i])
    var s0 = Lanes.zero
    var s1 = Lanes.zero
    var s2 = Lanes.zero
    var s3 = Lanes.zero
    var j = 0
    while j &+ 64 <= end {
      s0 += exponential(row + j, shift)
      s1 += exponential(row + j + 16, shift)
      s2 += exponential(row + j + 32, shift)
      s3 += exponential(row + j + 48, shift)
      j &+= 64
    }
    if j < end { s0 += exponential(row + j, shift) }
    if j &+ 16 < end { s1 += exponential(row + j + 16, shift) }
    if j &+ 32 < end { s2 += exponential(row + j + 32, shift) }
    let sum = (s0 + s1) + (s2 + s3)
    let total = sums + 16 &* query
    if isFirst {
      sum.store(total)
    } else {
      let factor = Lanes(repeating: factors[i])
      multiplyAdd(Lanes(UnsafePointer(total)), factor, sum).store(total)
      if factors[i] != 1 {
        @inline(__always) func lowered(_ x: Lanes) -> Lanes { x * factor }
        map(UnsafePointer(o + query &* f), into: o + query &* f, count: f, lowered)
      }
    }
  }

  /// `2^(x - shift)` for the sixteen elements at `x`, in place.
  @inline(__always)
  func exponential(_ x: UnsafeMutablePointer<Float>, _ shift: Lanes) -> Lanes {
    let value = exp2NonPositive(Lanes(UnsafePointer(x)) - shift)
    value.store(x)
    return value
  }

  /// y = O / L; zeros for a query that sees nothing.
  func finish(into y: UnsafeMutablePointer<Float>, _ stride: Int) {
    for i in 0..<queries {
      let divisor = Lanes(repeating: Lanes(UnsafePointer(sums + 16 &* i)).joined())
      let isEmpty = seenKeys(i) == 0
      // Adding zero makes zeros positive.
      @inline(__always) func divided(_ x: Lanes) -> Lanes {
        isEmpty ? Lanes.zero : x / divisor + Lanes.zero
      }
      map(UnsafePointer(o + i &* f), into: y + i &* stride, count: valueSize, divided)
    }
  }
}

/// The lane-wise larger value; NaN in x counts as nothing.
@inline(__always)
private func larger(_ m: Lanes, _ x: Lanes) -> Lanes { m.replacing(with: x, where: x .> m) }
