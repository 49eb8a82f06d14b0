// FNet's mixing: the real part of the two-dimensional transform, as two real Hartley transforms of
// half of the matrix. Touches pointers.
//
// With indices modulo n and d and cas θ = cos θ + sin θ:
//
//     x'[p, q] = (x[p, -q] + x[-p, q]) / 2                      x'[-p, -q] = x'[p, q]
//     u[j, q]  = Σ_p cas(2πjp/n)·x'[p, q]                       u[j, -q]   = u[-j, q]
//     y[j, k]  = Σ_q cas(2πkq/d)·u[j, q]                        y[-j, -k]  = y[j, k]
//
// So q needs 0 ... d/2 and j, in the second step, 0 ... n/2. A real Hartley transform is half of a
// complex Fourier transform of two columns a + i·b = z:
//
//     2·A[j] = (Re Z[j] + Re Z[-j]) - (Im Z[j] - Im Z[-j])
//     2·B[j] = (Im Z[j] + Im Z[-j]) + (Re Z[j] - Re Z[-j])

import TarnKernelInterface

/// The token axis up to the outer levels of its plan: some columns of every m-th token.
///
/// The plan's outer length is m; 1 unless the plan is divided, and then `w` holds transforms.
///
/// - Parameters:
///   - x: `[n × d]`, one sequence.
///   - part: below m: the tokens part, part + m, part + 2m, ...
///   - columns: from a multiple of 32, to a multiple of 32 or d/2 + 1.
///   - plan: of length n.
///   - w: `[n × d/2 + 1, rounded up to 32]`; x' is put in order and transformed in place.
///   - scratch: for a strip.
///
/// Columns q and q + 16 of each 32 are the real and imaginary part of a lane. Cost: a read of the
/// rows that are folded, the levels, a write.
func mixTokens(
  _ x: MatrixView, part: Int, columns: Range<Int>, _ plan: FourierPlanView,
  into w: MutableMatrixView, scratch: UnsafeMutablePointer<Float>
) {
  let n = x.rows
  let d = x.columns
  var p = part
  while p < n {
    let back = x.row(p)
    let ahead = x.row(p == 0 ? 0 : n &- p)
    let target = w.row(plan.place(p))
    let end = (columns.upperBound &+ 31) & ~31
    var q = columns.lowerBound
    while q < end {
      let count = columns.upperBound &- q
      if count >= 16 && q > 0 && q &+ 16 <= d {
        (Lanes(ahead + q) + Lanes(back + (d &- q &- 15)).reversed).store(target + q)
      } else {
        foldEdge(ahead, back, d, q, count, into: target + q)
      }
      q &+= 16
    }
    p &+= plan.outerLength
  }
  let first = plan.outerLength == 1 ? 0 : Int(plan.order[part])
  var q = columns.lowerBound
  while q < columns.upperBound {
    let z = w.row(first) + q
    if plan.outerLength == 1 {
      transformStrip(plan, z, stride: w.rowStride, scratch: scratch)
    } else {
      runInnerLevels(plan, z, stride: w.rowStride, scratch: scratch)
    }
    q &+= 32
  }
}

/// The hidden axis after a plan for the tokens that is not divided: the rows `rows` of y, of those up
/// to n/2, and their mirror images.
///
/// - Parameters:
///   - w: `[n × d/2 + 1, rounded up to 32]` of
///     ``mixTokens(_:part:columns:_:into:scratch:)``.
///   - rows: from a multiple of 32, to a multiple of 32 or n/2 + 1.
///   - plan: of length d.
///   - y: `[n × d]`.
///   - workspace: a strip of d points and its scratch.
///
/// Rows j and j + 16 of each 32 are the real and imaginary part of a lane. Cost: a read of w twice, a
/// transform, a write of twice as many rows.
func mixHidden(
  _ w: MatrixView, rows: Range<Int>, _ plan: FourierPlanView, into y: MutableMatrixView,
  workspace: UnsafeMutablePointer<Float>
) {
  mixRows(
    TokenRows(
      ahead: w.base, behind: w.row(y.rows), stride: w.rowStride, wraps: true, remainder: 0, step: 1),
    rows, plan, into: y, workspace: workspace)
}

/// The outer levels of a divided plan for the tokens and the hidden axis, for the rows j of y that
/// leave `remainder` when divided by n/m, and their mirror images.
///
/// - Parameters:
///   - w: `[n × d/2 + 1, rounded up to 32]`, all parts of
///     ``mixTokens(_:part:columns:_:into:scratch:)``.
///   - remainder: up to n/2m, m the plan's outer length.
///   - tokens: of length n, divided.
///   - plan: of length d.
///   - y: `[n × d]`.
///   - workspace: a strip of d points, its scratch, and 2m rows of `w`.
///
/// Of these rows, in rising order, i and i + 16 of each 32 are the real and imaginary part of a lane.
/// Cost: a read of the rows of w, the levels, a write of the rows.
func mixRemainder(
  _ w: MatrixView, remainder: Int, tokens: FourierPlanView, _ plan: FourierPlanView,
  into y: MutableMatrixView, workspace: UnsafeMutablePointer<Float>
) {
  let m = tokens.outerLength
  let step = y.rows / m
  let stride = w.rowStride
  let rest =
    workspace + FourierPlanView.stripStride(length: plan.length)
    + FourierPlanView.scratchCount(
      innerLength: plan.innerLength, isConvolution: plan.chirp != nil)
  let other = remainder == 0 ? 0 : step &- remainder
  @inline(__always) func transformed(_ remainder: Int, _ z: UnsafeMutablePointer<Float>) {
    for i in 0..<m {
      let source = w.row(remainder &+ step &* i)
      let target = z + stride &* i
      var q = 0
      while q < w.columns {
        Lanes(source + q).store(target + q)
        q &+= 16
      }
    }
    var q = 0
    while q < w.columns {
      runOuterLevels(tokens, remainder: remainder, z + q, stride: stride, scratch: workspace)
      q &+= 32
    }
  }
  transformed(remainder, rest)
  // The row -j of j = remainder + step·i is the row m - i of remainder 0, else m - 1 - i of `other`.
  var behind = rest
  var rows = remainder == 0 ? m / 2 &+ 1 : (m &+ 1) / 2
  if other != remainder {
    behind = rest + stride &* m
    transformed(other, behind)
    rows = m
  }
  behind += stride &* (remainder == 0 ? m : m &- 1)
  var first = 0
  while first < rows {
    let last = min(first &+ 32, rows)
    mixRows(
      TokenRows(
        ahead: rest, behind: behind, stride: stride, wraps: remainder == 0, remainder: remainder,
        step: step),
      first..<last, plan, into: y, workspace: workspace)
    first = last
  }
}

/// Rows of the tokens' transform: the one at i is the result's row j = remainder + step·i.
private struct TokenRows {
  /// The row at i = 0.
  var ahead: UnsafePointer<Float>
  /// The row of -j at i = 0; rows of -j go down from here.
  var behind: UnsafePointer<Float>
  /// Elements from one row to the next.
  var stride: Int
  /// Whether `behind` is one past the last row, and the row at 0 its own mirror image.
  var wraps: Bool
  var remainder: Int
  var step: Int
}

/// The hidden axis for at most 32 rows, and their mirror images.
private func mixRows(
  _ rows: TokenRows, _ range: Range<Int>, _ plan: FourierPlanView, into y: MutableMatrixView,
  workspace: UnsafeMutablePointer<Float>
) {
  let scratch = workspace + FourierPlanView.stripStride(length: plan.length)
  var first = range.lowerBound
  while first < range.upperBound {
    let count = min(32, range.upperBound &- first)
    gather(rows, first, min(16, count), plan, into: workspace, blocks: scratch)
    gather(
      rows, first &+ 16, max(0, count &- 16), plan, into: workspace + 16, blocks: scratch)
    transformStrip(plan, workspace, stride: 32, scratch: scratch)
    scatter(workspace, plan.length, rows, first, count, into: y, blocks: scratch)
    first &+= 32
  }
}

/// The Hartley transforms of `count` rows of tokens and of their mirror images, transposed: lane i of
/// point q is u[j, q] of the row at first + i, 0 from `count` on.
private func gather(
  _ rows: TokenRows, _ first: Int, _ count: Int, _ plan: FourierPlanView,
  into z: UnsafeMutablePointer<Float>, blocks: UnsafeMutablePointer<Float>
) {
  let d = plan.length
  let half = d / 2 &+ 1
  var i = count
  while i < 16 {
    for block in 0..<4 { Lanes.zero.store(blocks + 256 &* block + 16 &* i) }
    i &+= 1
  }
  let scale = Lanes.broadcast(0.25)
  var q = 0
  while q < half {
    for i in 0..<count {
      let at = first &+ i
      let a = complex(rows.ahead + at &* rows.stride + q)
      let b = complex(
        (at == 0 && rows.wraps ? rows.ahead : rows.behind - at &* rows.stride) + q)
      let even: ComplexLanes = a + b
      let odd: ComplexLanes = a - b
      let block = blocks + 16 &* i
      ((even.re - odd.im) * scale).store(block)
      ((even.im + odd.re) * scale).store(block + 256)
      ((even.re + odd.im) * scale).store(block + 512)
      ((even.im - odd.re) * scale).store(block + 768)
    }
    // u[j, -q] = u[-j, q]. Column 0, and d/2 of an even d, are their own: the row itself comes last.
    gatherBlock(blocks + 512, min(16, half &- q)) {
      z + 32 &* plan.place(q &+ $0 == 0 ? 0 : d &- q &- $0)
    }
    gatherBlock(blocks + 768, min(16, half &- q &- 16)) {
      z + 32 &* plan.place(d &- q &- 16 &- $0)
    }
    gatherBlock(blocks, min(16, half &- q)) { z + 32 &* plan.place(q &+ $0) }
    gatherBlock(blocks + 256, min(16, half &- q &- 16)) { z + 32 &* plan.place(q &+ 16 &+ $0) }
    q &+= 32
  }
}

/// Stores the first `count` columns of a block where `target` says.
@inline(__always)
private func gatherBlock(
  _ block: UnsafePointer<Float>, _ count: Int, _ target: (Int) -> UnsafeMutablePointer<Float>
) {
  if count <= 0 { return }
  @inline(__always) func load(_ j: Int, _ i: Int) -> SIMD2<UInt64> {
    loadPairs(block + 16 &* j + i)
  }
  @inline(__always) func store(_ i: Int, _ x: Lanes) {
    if i < count { x.store(target(i)) }
  }
  forEachTransposed(load, store)
}

/// The Hartley transforms of both parts of a strip as rows of y, and their mirror images.
///
/// Row i of `count` is lane i of the real parts, row 16 + i of the imaginary parts. The last block of
/// sixteen points overlaps the one before, with the same values.
private func scatter(
  _ z: UnsafePointer<Float>, _ d: Int, _ rows: TokenRows, _ first: Int, _ count: Int,
  into y: MutableMatrixView, blocks: UnsafeMutablePointer<Float>
) {
  let n = y.rows
  let scale = Lanes.broadcast(0.5)
  @inline(__always) func storeRows(_ block: Int, _ lane: Int, _ k: Int, mirrored: Bool) {
    let source = UnsafePointer(blocks + 256 &* block)
    @inline(__always) func load(_ j: Int, _ i: Int) -> SIMD2<UInt64> {
      loadPairs(source + 16 &* j + i)
    }
    @inline(__always) func store(_ i: Int, _ x: Lanes) {
      guard lane &+ i < count else { return }
      let j = rows.remainder &+ rows.step &* (first &+ lane &+ i)
      if mirrored && (j == 0 || 2 &* j == n) { return }
      let target = y.row(mirrored ? n &- j : j) + k
      if d >= 16 { x.store(target) } else { x.store(target, count: d) }
    }
    forEachTransposed(load, store)
  }
  var next = 0
  while next < d {
    let k = max(0, min(next, d &- 16))
    for i in 0..<16 {
      let at = min(k &+ i, d &- 1)
      let a = complex(z + 32 &* at)
      let b = complex(z + 32 &* (at == 0 ? 0 : d &- at))
      let even: ComplexLanes = a + b
      let odd: ComplexLanes = a - b
      let block = blocks + 16 &* i
      ((even.re - odd.im) * scale).store(block)
      ((even.im + odd.re) * scale).store(block + 256)
      ((even.re + odd.im) * scale).store(block + 512)
      ((even.im - odd.re) * scale).store(block + 768)
    }
    storeRows(0, 0, k, mirrored: false)
    storeRows(2, 0, k, mirrored: true)
    if count > 16 {
      storeRows(1, 16, k, mirrored: false)
      storeRows(3, 16, k, mirrored: true)
    }
    next &+= 16
  }
}

/// `y[i] = ahead[first + i] + back[(d - first - i) mod d]` for i below `count`, else 0; sixteen y.
@inline(never)
private func foldEdge(
  _ ahead: UnsafePointer<Float>, _ back: UnsafePointer<Float>, _ d: Int, _ first: Int,
  _ count: Int, into y: UnsafeMutablePointer<Float>
) {
  (load(ahead, d, first, count) + mirrored(back, d, first, count)).store(y)
}

/// `row[first + i]` for lane i below `count`, else 0.
@inline(__always)
private func load(
  _ row: UnsafePointer<Float>, _ d: Int, _ first: Int, _ count: Int
) -> Lanes {
  if count >= 16 { return Lanes(row + first) }
  if count <= 0 { return Lanes.zero }
  if first &+ 16 <= d { return Lanes(row + first).kept(count) }
  return Lanes(row + first, count: count, fill: 0)
}

/// `row[(d - first - i) mod d]` for lane i below `count`, else 0.
@inline(__always)
private func mirrored(
  _ row: UnsafePointer<Float>, _ d: Int, _ first: Int, _ count: Int
) -> Lanes {
  if count <= 0 { return Lanes.zero }
  if first > 0 && first &+ 15 <= d {
    let v = Lanes(row + (d &- first &- 15)).reversed
    return count >= 16 ? v : v.kept(count)
  }
  if count >= 16 {
    let last = Lanes(row + (d &- 16))
    return Lanes(
      row[0], last[15], last[14], last[13], last[12], last[11], last[10], last[9], last[8],
      last[7], last[6], last[5], last[4], last[3], last[2], last[1])
  }
  var v = Lanes.zero
  var i = 0
  while i < count {
    let at = d &- first &- i
    v[i] = row[at == d ? 0 : at]
    i &+= 1
  }
  return v
}

extension SIMD16<Float> {
  /// The lanes in the opposite order.
  @inline(__always)
  fileprivate var reversed: Lanes {
    Lanes(
      self[15], self[14], self[13], self[12], self[11], self[10], self[9], self[8], self[7],
      self[6], self[5], self[4], self[3], self[2], self[1], self[0])
  }
}
