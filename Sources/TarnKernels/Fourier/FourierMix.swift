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

/// The token axis: the columns `columns` of u above, as rows of its transpose.
///
/// - Parameters:
///   - x: `[n × d]`, one sequence.
///   - columns: from a multiple of 32, to a multiple of 32 or d/2 + 1.
///   - plan: of length n.
///   - u: `[d/2 + 1 × n]`; `u[q, j]` is u[j, q] above.
///   - workspace: a strip for each 32 columns.
///
/// Columns q and q + 16 of each 32 are the real and imaginary part of a lane. Cost: a read of the
/// columns of x that are folded, a transform, a write. All strips are loaded row by row together,
/// since a row may be a page of memory.
func mixTokens(
  _ x: MatrixView, columns: Range<Int>, _ plan: FourierPlanView, into u: MutableMatrixView,
  workspace: UnsafeMutablePointer<Float>
) {
  let n = x.rows
  let d = x.columns
  let strip = FourierPlanView.stripStride(innerLength: plan.innerLength)
  let rest = workspace + strip &* ((columns.count &+ 31) / 32)
  for p in 0..<n {
    let back = x.row(p)
    let ahead = x.row(p == 0 ? 0 : n &- p)
    var z = workspace + 32 &* Int(plan.order[p])
    var first = columns.lowerBound
    while first < columns.upperBound {
      let count = columns.upperBound &- first
      (load(ahead + first, count) + mirrored(back, d, first, count)).store(z)
      (load(ahead + first + 16, count &- 16) + mirrored(back, d, first &+ 16, count &- 16))
        .store(z + 16)
      z += strip
      first &+= 32
    }
  }
  storeHartleys(workspace, strip, plan, columns, scale: 0.25, into: u, rest: rest)
}

/// The hidden axis: the rows `rows` of y, of those up to n/2, and their mirror images.
///
/// - Parameters:
///   - u: `[d/2 + 1 × n]` of ``mixTokens(_:columns:_:into:workspace:)``.
///   - rows: from a multiple of 32, to a multiple of 32 or n/2 + 1.
///   - plan: of length d.
///   - y: `[n × d]`.
///   - workspace: a strip for each 32 rows.
///
/// Rows j and j + 16 of each 32 are the real and imaginary part of a lane. Cost: a read of twice as
/// many columns of u, a transform, a write of twice as many rows.
func mixHidden(
  _ u: MatrixView, rows: Range<Int>, _ plan: FourierPlanView, into y: MutableMatrixView,
  workspace: UnsafeMutablePointer<Float>
) {
  let n = y.rows
  let d = y.columns
  let strip = FourierPlanView.stripStride(innerLength: plan.innerLength)
  let rest = workspace + strip &* ((rows.count &+ 31) / 32)
  for q in 0..<d {
    var z = workspace + 32 &* Int(plan.order[q])
    var first = rows.lowerBound
    while first < rows.upperBound {
      let count = rows.upperBound &- first
      if q < u.rows {
        load(u.row(q) + first, count).store(z)
        load(u.row(q) + first + 16, count &- 16).store(z + 16)
      } else {
        mirrored(u.row(d &- q), n, first, count).store(z)
        mirrored(u.row(d &- q), n, first &+ 16, count &- 16).store(z + 16)
      }
      z += strip
      first &+= 32
    }
  }
  storeHartleys(workspace, strip, plan, rows, scale: 0.5, into: y, rest: rest)
  for j in rows where j > 0 && n &- j > j {
    mirror(UnsafePointer(y.row(j)), into: y.row(n &- j), d)
  }
}

/// Transforms each strip and stores it as the next 32 of the rows `rows` of the target.
private func storeHartleys(
  _ work: UnsafeMutablePointer<Float>, _ strip: Int, _ plan: FourierPlanView, _ rows: Range<Int>,
  scale: Float, into target: MutableMatrixView, rest: UnsafeMutablePointer<Float>
) {
  // Behind the second strip of Bluestein's algorithm, if there is one.
  let scratch = rest + (plan.chirp == nil ? 0 : strip)
  var z = work
  var first = rows.lowerBound
  while first < rows.upperBound {
    let last = min(first &+ 32, rows.upperBound)
    let result = transformStrip(plan, z, rest: rest)
    storeHartley(
      UnsafePointer(result), plan.length, scale: scale, into: target[rows: first..<last],
      scratch: scratch)
    z += strip
    first = last
  }
}

/// `row[(n - first - i) mod n]` for lane i below `count`, else 0.
@inline(__always)
private func mirrored(
  _ row: UnsafePointer<Float>, _ n: Int, _ first: Int, _ count: Int
) -> Lanes {
  if count >= 16 {
    if first > 0 { return Lanes(row + (n &- first &- 15)).reversed }
    let last = Lanes(row + (n &- 16))
    return Lanes(
      row[0], last[15], last[14], last[13], last[12], last[11], last[10], last[9], last[8],
      last[7], last[6], last[5], last[4], last[3], last[2], last[1])
  }
  var v = Lanes.zero
  var i = 0
  while i < count {
    let at = n &- first &- i
    v[i] = row[at == n ? 0 : at]
    i &+= 1
  }
  return v
}

/// `target[(d - k) mod d] = source[k]`.
private func mirror(
  _ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, _ d: Int
) {
  target[0] = source[0]
  var k = 1
  while k &+ 16 <= d {
    Lanes(source + k).reversed.store(target + (d &- k &- 15))
    k &+= 16
  }
  while k < d {
    target[d &- k] = source[k]
    k &+= 1
  }
}

/// The Hartley transforms `scale·2·A` and `scale·2·B` of both parts of a strip, transposed.
///
/// Row i of the target is lane i of the real parts, row 16 + i of the imaginary parts. The last block
/// of sixteen points overlaps the one before, with the same values.
private func storeHartley(
  _ z: UnsafePointer<Float>, _ n: Int, scale: Float, into target: MutableMatrixView,
  scratch: UnsafeMutablePointer<Float>
) {
  let scale = Lanes.broadcast(scale)
  @inline(__always) func hartley(_ j: Int) -> ComplexLanes {
    let a = complex(z + 32 &* j)
    let b = complex(z + 32 &* (j == 0 ? 0 : n &- j))
    return (
      ((a.re + b.re) - (a.im - b.im)) * scale, ((a.im + b.im) + (a.re - b.re)) * scale
    )
  }
  if n < 16 {
    for j in 0..<n {
      store(hartley(j), scratch)
      for i in 0..<target.rows { target.row(i)[j] = scratch[i] }
    }
    return
  }
  var next = 0
  while next < n {
    let first = min(next, n &- 16)
    for i in 0..<16 {
      let h = hartley(first &+ i)
      h.re.store(scratch + 16 &* i)
      h.im.store(scratch + 256 + 16 &* i)
    }
    transposeBlock(
      UnsafePointer(scratch), 16, into: target.base + first, target.rowStride,
      written: min(16, target.rows))
    if target.rows > 16 {
      transposeBlock(
        UnsafePointer(scratch) + 256, 16, into: target.row(16) + first, target.rowStride,
        written: target.rows &- 16)
    }
    next &+= 16
  }
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
