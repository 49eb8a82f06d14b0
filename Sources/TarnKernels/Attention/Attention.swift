// Softmax attention in tiles: no matrix of queries × keys is ever formed. Touches pointers.
//
//     LOOP 4  for each block of 256 keys            in order: all add to the same rows of O
//               pack Kᵀ and V                       L2, once for all queries of the call
//     LOOP 3    for each panel of 8 to 24 queries
//     LOOP 2      S = Q·Kᵀ         for each panel of keys, tile of queries     S stays in L1
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
///   - q: `[queries × e]`.
///   - k: the keys of the sequence, `[… × e]`.
///   - v: their values, `[… × f]`.
///   - kept: the rows of k and v that take part, rising, or nil for the first `keys`.
///   - keys: how many take part. The others are not read.
///   - seen: how many of those each query sees, from the first; must not fall; nil for all.
///   - factor: `scale · log₂ e`.
///   - y: `[queries × f]`, distinct from the others.
///   - scratch: `AttentionBlocking.scratch` elements.
///
/// A query that sees nothing gets zeros. A weight below 2^-126.5 is 0. A score of -∞ has weight 0; a
/// row of -∞ alone, or with NaN or +∞, is NaN. What a query does not see does not reach it, not even
/// NaN. Zeros are positive. Cost: `2 · (e + f)` operations and one exponential for each query and
/// key; bound by multiply-adds.
func attend(
  _ q: MatrixView, _ k: MatrixView, _ v: MatrixView, kept: UnsafePointer<Int>?, keys: Int,
  seen: UnsafePointer<Int>?, factor: Float, into y: MutableMatrixView,
  scratch: UnsafeMutablePointer<Float>
) {
  guard y.rows > 0, y.columns > 0 else { return }
  let call = AttentionCall(
    q, k, v, kept: kept, keys: keys, seen: seen, scratch: scratch)
  call.begin(q, factor: factor)
  let end = call.seenKeys(y.rows &- 1)
  var first = 0
  while first < end {  // LOOP 4
    let count = min(AttentionBlocking.keys, end &- first)
    call.packKeys(first, count)
    let isFinite = call.packValues(first, count)
    var row = 0
    let panels = (y.rows &+ AttentionCall.panel &- 1) / AttentionCall.panel
    for panel in 0..<panels {  // LOOP 3
      let rows = (y.rows &- row) / (panels &- panel)
      call.attend(row, rows, toKeysFrom: first, count, valuesAreFinite: isFinite)
      row &+= rows
    }
    first &+= count
  }
  call.finish(into: y)
}

/// One call: its arguments and the parts of its scratch.
private struct AttentionCall {
  var k: MatrixView
  var v: MatrixView
  var kept: UnsafePointer<Int>?
  var keys: Int
  var seen: UnsafePointer<Int>?
  var queries: Int
  /// Columns of a head, and of its values in whole vectors.
  var e: Int
  var f: Int
  /// Vectors of a panel of keys and of a group of columns of V.
  var width: Int

  /// `[queries × e]`: factor · q.
  var q: UnsafeMutablePointer<Float>
  /// `[queries × f]`: the running sum O.
  var o: UnsafeMutablePointer<Float>
  /// `[queries × 16]`: the running sum L.
  var sums: UnsafeMutablePointer<Float>
  /// `[queries]`: the running maximum M.
  var tops: UnsafeMutablePointer<Float>
  /// A block of keys in panels of `width · 16` keys: for each column its keys one after another.
  var packedKeys: UnsafeMutablePointer<Float>
  /// Their values in groups of columns: for each key its columns one after another.
  var packedValues: UnsafeMutablePointer<Float>
  /// `[panel × scoreStride]`: S, then P.
  var scores: UnsafeMutablePointer<Float>

  /// The most queries whose scores are formed at a time: whole tiles.
  static var panel: Int {
    @inline(__always) get { 16 / TileShape.rows &* TileShape.rows }
  }

  init(
    _ q: MatrixView, _ k: MatrixView, _ v: MatrixView, kept: UnsafePointer<Int>?, keys: Int,
    seen: UnsafePointer<Int>?, scratch: UnsafeMutablePointer<Float>
  ) {
    (self.k, self.v, self.kept, self.keys, self.seen) = (k, v, kept, keys, seen)
    queries = q.rows
    e = q.columns
    f = AttentionBlocking.paddedColumns(v.columns)
    width = TileShape.vectors(rows: min(q.rows, TileShape.rows))
    scores = scratch
    packedKeys = scores + AttentionBlocking.panel &* AttentionBlocking.scoreStride
    packedValues = packedKeys + AttentionBlocking.keys &* e
    o = packedValues + AttentionBlocking.keys &* f
    sums = o + queries &* f
    self.q = sums + queries &* 16
    tops = self.q + queries &* e
  }

  /// How many of the kept keys query `i` sees.
  @inline(__always)
  func seenKeys(_ i: Int) -> Int { seen.map { $0[i] } ?? keys }

  /// The row of k and v of kept key `j`.
  @inline(__always)
  func row(_ j: Int) -> Int { kept.map { $0[j] } ?? j }

  /// Scales the queries; M = -∞, L = 0, O = 0.
  func begin(_ source: MatrixView, factor: Float) {
    let factor = Lanes(repeating: factor)
    @inline(__always) func scaled(_ x: Lanes) -> Lanes { x * factor }
    for i in 0..<queries {
      map(source.row(i), into: q + i &* e, count: e, scaled)
      Lanes.zero.store(sums + 16 &* i)
      tops[i] = -.infinity
    }
    var i = 0
    while i < queries &* f {
      Lanes.zero.store(o + i)
      i &+= 16
    }
  }

  /// The panel that holds key `16 · strip` of a block of `count`: its first element and its vectors.
  @inline(__always)
  func keyPanel(_ strip: Int, _ count: Int) -> (base: UnsafeMutablePointer<Float>, vectors: Int) {
    let first = strip / width &* width
    return (packedKeys + first &* 16 &* e, min(width, (count &+ 15) / 16 &- first))
  }

  /// Packs Kᵀ for `count` kept keys from `first`; keys that fill up the last sixteen are zero.
  func packKeys(_ first: Int, _ count: Int) {
    var strip = 0
    while strip &* 16 < count {
      let j = first &+ strip &* 16
      let rows = min(16, count &- strip &* 16)
      let (base, vectors) = keyPanel(strip, count)
      let target = base + (strip % width) &* 16
      let isTogether = row(j &+ rows &- 1) &- row(j) == rows &- 1
      var c = 0
      while c &+ 16 <= e {
        if isTogether {
          transposeBlock(
            k.row(row(j)) + c, k.rowStride, rows: rows, into: target + c &* vectors &* 16,
            vectors &* 16)
        } else {
          for i in 0..<rows { Lanes(k.row(row(j &+ i)) + c).store(scores + 16 &* i) }
          transposeBlock(
            scores, 16, rows: rows, into: target + c &* vectors &* 16, vectors &* 16)
        }
        c &+= 16
      }
      while c < e {
        var column = Lanes.zero
        for i in 0..<rows { column[i] = k.row(row(j &+ i))[c] }
        column.store(target + c &* vectors &* 16)
        c &+= 1
      }
      strip &+= 1
    }
  }

  /// Vectors of the group of columns of V that begins with vector `x`: groups of nearly equal width.
  @inline(__always)
  func groupVectors(_ x: Int) -> Int {
    let rest = f / 16 &- x
    let groups = (rest &+ width &- 1) / width
    return (rest &+ groups &- 1) / groups
  }

  /// Packs V for `count` kept keys from `first`; whether all of it is finite.
  func packValues(_ first: Int, _ count: Int) -> Bool {
    var difference = Lanes.zero
    var x = 0
    while x < f / 16 {
      let vectors = groupVectors(x)
      let base = packedValues + x &* 16 &* AttentionBlocking.keys
      for vector in 0..<vectors {
        let column = (x &+ vector) &* 16
        let filled = min(16, v.columns &- column)
        var target = base + vector &* 16
        for j in 0..<count {
          let source = v.row(row(first &+ j)) + column
          let value = filled == 16 ? Lanes(source) : Lanes(source, count: filled, fill: 0)
          value.store(target)
          difference += value - value
          target += vectors &* 16
        }
      }
      x &+= vectors
    }
    return difference.joined() == 0
  }

  /// The queries `first ..< first + rows` against a packed block of `count` keys from `firstKey`.
  func attend(
    _ first: Int, _ rows: Int, toKeysFrom firstKey: Int, _ count: Int, valuesAreFinite: Bool
  ) {
    let most = min(count, seenKeys(first &+ rows &- 1) &- firstKey)
    guard most > 0 else { return }
    multiplyKeys(first, rows, count, most)
    var isSame = true
    for i in 0..<rows {
      let seen = max(0, min(count, seenKeys(first &+ i) &- firstKey))
      isSame = isSame && seen == most
      exponentials(first &+ i, scores + i &* AttentionBlocking.scoreStride, seen, most)
    }
    if isSame || valuesAreFinite {
      // The weight of a key that is not seen is zero.
      multiplyValues(first, rows, 0, most)
    } else {
      for i in 0..<rows {
        let seen = max(0, min(count, seenKeys(first &+ i) &- firstKey))
        multiplyValues(first &+ i, 1, i, seen)
      }
    }
  }

  /// S = Q·Kᵀ for the first `most` keys of a block of `count`, rounded up to sixteen.
  @inline(__always)
  func multiplyKeys(_ first: Int, _ rows: Int, _ count: Int, _ most: Int) {
    let tiles = (rows &+ TileShape.rows &- 1) / TileShape.rows
    var key = 0
    while key < most {  // LOOP 2
      let (base, vectors) = keyPanel(key / 16, count)
      let wanted = min(vectors, (most &- key &+ 15) / 16)
      var row = 0
      for tile in 0..<tiles {
        let height = (rows &- row) / (tiles &- tile)
        multiplyTile(
          rows: height, vectors: wanted, q + (first &+ row) &* e, e, base, vectors &* 16, 16,
          depth: e, scores + row &* AttentionBlocking.scoreStride + key,
          AttentionBlocking.scoreStride, adding: false)
        row &+= height
      }
      key &+= vectors &* 16
    }
  }

  /// O = O + P·V for the first `count` keys of the block; P from row `firstScore` of the scores.
  @inline(__always)
  func multiplyValues(_ first: Int, _ rows: Int, _ firstScore: Int, _ count: Int) {
    let tiles = (rows &+ TileShape.rows &- 1) / TileShape.rows
    var x = 0
    while x < f / 16 {  // LOOP 1
      let vectors = groupVectors(x)
      let base = packedValues + x &* 16 &* AttentionBlocking.keys
      var row = 0
      for tile in 0..<tiles {
        let height = (rows &- row) / (tiles &- tile)
        multiplyTile(
          rows: height, vectors: vectors,
          scores + (firstScore &+ row) &* AttentionBlocking.scoreStride,
          AttentionBlocking.scoreStride, base, vectors &* 16, 16, depth: count,
          o + (first &+ row) &* f + x &* 16, f, adding: true)
        row &+= height
      }
      x &+= vectors
    }
  }

  /// P = 2^(S - M) for the first `count` scores of a row, zeros up to `most`; M, L and O of query `i`.
  func exponentials(_ i: Int, _ row: UnsafeMutablePointer<Float>, _ count: Int, _ most: Int) {
    let vectors = (count &+ 15) / 16
    for j in count..<vectors &* 16 { row[j] = -.infinity }
    for vector in vectors..<max(vectors, (most &+ 15) / 16) { Lanes.zero.store(row + 16 &* vector) }
    guard count > 0 else { return }

    // NaN counts as nothing here: its exponential is NaN whatever the maximum.
    let before = tops[i]
    let top = max(row, vectors, before)
    tops[i] = top
    // All scores -∞: 2^-∞ each, not 2^(∞ - ∞).
    let shift = Lanes(repeating: top == -.infinity ? 0 : top)
    var sum = Lanes.zero
    var s0 = Lanes.zero
    var s1 = Lanes.zero
    var s2 = Lanes.zero
    var s3 = Lanes.zero
    var j = 0
    while j &+ 64 <= vectors &* 16 {
      s0 += exponential(row + j, shift)
      s1 += exponential(row + j + 16, shift)
      s2 += exponential(row + j + 32, shift)
      s3 += exponential(row + j + 48, shift)
      j &+= 64
    }
    if j < vectors &* 16 { s0 += exponential(row + j, shift) }
    if j &+ 16 < vectors &* 16 { s1 += exponential(row + j + 16, shift) }
    if j &+ 32 < vectors &* 16 { s2 += exponential(row + j + 32, shift) }
    sum = (s0 + s1) + (s2 + s3)

    let old = Lanes(UnsafePointer(sums + 16 &* i))
    if before == top {
      (old + sum).store(sums + 16 &* i)
    } else {
      let factor = exp2NonPositive(Lanes(repeating: before) - shift)
      multiplyAdd(old, factor, sum).store(sums + 16 &* i)
      var c = 0
      while c < f {
        let p = o + i &* f + c
        (Lanes(UnsafePointer(p)) * factor).store(p)
        c &+= 16
      }
    }
  }

  /// The larger of `top` and the largest element of a row; NaN counts as nothing.
  @inline(__always)
  func max(_ row: UnsafeMutablePointer<Float>, _ vectors: Int, _ top: Float) -> Float {
    var m0 = Lanes(repeating: top)
    var m1 = m0
    var m2 = m0
    var m3 = m0
    @inline(__always) func take(_ m: inout Lanes, _ j: Int) {
      let x = Lanes(UnsafePointer(row + j))
      m = m.replacing(with: x, where: x .> m)
    }
    var j = 0
    while j &+ 64 <= vectors &* 16 {
      take(&m0, j)
      take(&m1, j &+ 16)
      take(&m2, j &+ 32)
      take(&m3, j &+ 48)
      j &+= 64
    }
    while j < vectors &* 16 {
      take(&m0, j)
      j &+= 16
    }
    return m0.maximum(m1).maximum(m2.maximum(m3)).joinedMaximum()
  }

  @inline(__always)
  func max(_ a: Int, _ b: Int) -> Int { a > b ? a : b }

  /// `2^(x - shift)` for the sixteen elements at `x`, in place.
  @inline(__always)
  func exponential(_ x: UnsafeMutablePointer<Float>, _ shift: Lanes) -> Lanes {
    let value = exp2NonPositive(Lanes(UnsafePointer(x)) - shift)
    value.store(x)
    return value
  }

  /// y = O / L; zeros for a query that sees nothing.
  func finish(into y: MutableMatrixView) {
    for i in 0..<queries {
      let divisor = Lanes(repeating: Lanes(UnsafePointer(sums + 16 &* i)).joined())
      let isEmpty = seenKeys(i) == 0
      // Adding zero makes zeros positive.
      @inline(__always) func divided(_ x: Lanes) -> Lanes {
        isEmpty ? Lanes.zero : x / divisor + Lanes.zero
      }
      map(UnsafePointer(o + i &* f), into: y.row(i), count: v.columns, divided)
    }
  }
}

/// 2^x for x ≤ 0, or 0 below -126.5.
///
/// 0 for -∞ as well; NaN passes.
///
/// A result that is not 0 is within 1.1 ulp (or 2⁻¹⁴⁹ where it is denormal).
@inline(__always)
func exp2NonPositive(_ x: Lanes) -> Lanes {
  let x = x.atLeast(-127)
  let shift = Lanes.broadcast(roundingShift)
  let shifted = x + shift
  return exp2OfReduced(x - (shifted - shift)) * powerOfTwo(shifted)
}
