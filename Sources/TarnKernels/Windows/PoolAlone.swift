// Windows that are reduced one by one.

import TarnKernelInterface

/// `y[i] = max, min, Σ or mean of x[t]` over the tokens t of window i, each window by itself.
///
/// For short windows, whose rows come from L1 after the first read, and for windows that share no
/// token.
///
/// - Parameters:
///   - reduction: what is made of a window.
///   - x: `[tokens × columns]`: one whole sequence.
///   - windows: the windows.
///   - outputs: the rows of `y` to compute.
///   - y: `[windows × columns]`, distinct from `x`.
///
/// A sum starts with the window's first row and goes in token order, in chunks of
/// ``Blocking/tokens`` rows that are joined in order; the mean is the sum, divided. A window without
/// a token gives 0. NaN in a window gives NaN. Cost: a read from cache for each token of a window,
/// one write; four neighbouring windows of extremes share what is common to them.
func poolAlone(
  _ reduction: WindowReduction, _ x: MatrixView, windows: TokenWindows, outputs: Range<Int>,
  into y: MutableMatrixView
) {
  switch reduction {
  case .maximum: pool(LargerFold.self, x, windows, outputs, y)
  case .minimum: pool(SmallerFold.self, x, windows, outputs, y)
  case .sum: pool(SumFold.self, x, windows, outputs, y)
  case .mean: pool(MeanFold.self, x, windows, outputs, y)
  }
}

@inline(__always)
private func pool<F: WindowFold>(
  _ fold: F.Type, _ x: MatrixView, _ windows: TokenWindows, _ outputs: Range<Int>,
  _ y: MutableMatrixView
) {
  var i = outputs.lowerBound
  while i < outputs.upperBound {
    let isFour =
      F.Numbers.isForNumbers && windows.stride == 1 && windows.length >= 5
      && i &+ 4 <= outputs.upperBound && windows.first(i) >= 0 && windows.last(i &+ 3) < x.rows
    if isFour {
      let rows = x[rows: windows.first(i)..<windows.last(i &+ 3) &+ 1]
      let target = y[rows: i..<i &+ 4]
      if poolFour(F.Numbers.self, rows, target) { _ = poolFour(F.self, rows, target) }
      i &+= 4
    } else {
      let mayHaveNaN = poolOne(F.Numbers.self, x, windows, i, y)
      if F.Numbers.isForNumbers && mayHaveNaN { _ = poolOne(F.self, x, windows, i, y) }
      i &+= 1
    }
  }
}

/// Four neighbouring full windows, extremes of n tokens each: what they share is joined once.
///
///     r0 r1 r2 | c = r3 ⊕ ... ⊕ r[n-1] | r[n] r[n+1] r[n+2]
///     y0 = r0 ⊕ (r1 ⊕ (r2 ⊕ c))      y2 = (r2 ⊕ c) ⊕ (r[n] ⊕ r[n+1])
///     y1 = (r1 ⊕ (r2 ⊕ c)) ⊕ r[n]    y3 = c ⊕ (r[n] ⊕ r[n+1] ⊕ r[n+2])
///
/// Earlier tokens come first, so of equal ones the first stays. `x` holds n + 3 rows, n at least 5:
/// three rows are read faster one output at a time, as one stream. The result: whether one may hold
/// a NaN, if the fold is for numbers.
private func poolFour<F: WindowFold>(
  _ fold: F.Type, _ x: MatrixView, _ y: MutableMatrixView
) -> Bool {
  var watch = NaNWatch()
  var j = 0
  while j &+ 16 <= x.columns {
    let four = joinFour(fold, x.base + j, x.rowStride, rows: x.rows, count: 16, &watch)
    four.0.store(y.row(0) + j)
    four.1.store(y.row(1) + j)
    four.2.store(y.row(2) + j)
    four.3.store(y.row(3) + j)
    j &+= 16
  }
  if j < x.columns {
    let rest = x.columns &- j
    let four = joinFour(fold, x.base + j, x.rowStride, rows: x.rows, count: rest, &watch)
    four.0.store(y.row(0) + j, count: rest)
    four.1.store(y.row(1) + j, count: rest)
    four.2.store(y.row(2) + j, count: rest)
    four.3.store(y.row(3) + j, count: rest)
  }
  return watch.mayHaveSeenNaN
}

/// `count` columns of the four windows of `poolFour`.
@inline(__always)
private func joinFour<F: WindowFold>(
  _ fold: F.Type, _ x: UnsafePointer<Float>, _ stride: Int, rows: Int, count: Int,
  _ watch: inout NaNWatch
) -> (Lanes, Lanes, Lanes, Lanes) {
  @inline(__always) func row(_ p: UnsafePointer<Float>) -> Lanes {
    count == 16 ? Lanes(p) : Lanes(p, count: count, fill: 0)
  }
  let r0 = row(x)
  let r1 = row(x + stride)
  let r2 = row(x + 2 &* stride)
  var p = x + 3 &* stride
  var shared = row(p)
  var sum = (r0 + r1) + (r2 + shared)
  var t = 4
  while t < rows &- 3 {
    p += stride
    let r = row(p)
    sum += r
    shared = F.join(shared, r)
    t &+= 1
  }
  let a = row(p + stride)
  let b = row(p + 2 &* stride)
  let c = row(p + 3 &* stride)
  if F.isForNumbers { watch.see(sum + ((a + b) + c)) }
  let second = F.join(r2, shared)
  let first = F.join(r1, second)
  let two = F.join(a, b)
  return (
    F.join(r0, first), F.join(first, a), F.join(second, two), F.join(shared, F.join(two, c))
  )
}

/// Window `i`; whether it may hold a NaN, if the fold is for numbers.
private func poolOne<F: WindowFold>(
  _ fold: F.Type, _ x: MatrixView, _ windows: TokenWindows, _ i: Int, _ y: MutableMatrixView
) -> Bool {
  let count = windows.count(i, tokens: x.rows)
  let first = max(0, windows.first(i))
  let target = y.row(i)
  let divisor = Lanes(repeating: Float(count))
  let a = x.row(first)
  let b = a + x.rowStride
  let c = b + x.rowStride
  var watch = NaNWatch()
  @inline(__always) func one(_ a: Lanes) -> Lanes { F.finish(a, divisor) }
  @inline(__always) func two(_ a: Lanes, _ b: Lanes) -> Lanes {
    if F.isForNumbers { watch.see(b) }
    return F.finish(F.join(a, b), divisor)
  }
  @inline(__always) func three(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
    if F.isForNumbers { watch.see(b + c) }
    return F.finish(F.join(F.join(a, b), c), divisor)
  }
  switch count {
  case 0: for j in 0..<x.columns { target[j] = 0 }
  case 1: map(a, into: target, count: x.columns, one)
  case 2: map(a, b, into: target, count: x.columns, two)
  case 3: map(a, b, c, into: target, count: x.columns, three)
  default:
    let rows = x[rows: first..<first &+ count]
    var j = 0
    while j &+ 64 <= x.columns {
      chain(fold, FourVectors.self, rows, at: j, count: 64, &watch)
        .finished(fold, divisor).store(target + j, count: 64)
      j &+= 64
    }
    while j < x.columns {
      let width = min(16, x.columns &- j)
      chain(fold, OneVector.self, rows, at: j, count: width, &watch)
        .finished(fold, divisor).store(target + j, count: width)
      j &+= 16
    }
  }
  return watch.mayHaveSeenNaN
}

/// Columns from `j` of all rows, joined in order; sums in chunks.
@inline(__always)
private func chain<F: WindowFold, G: ColumnGroup>(
  _ fold: F.Type, _ group: G.Type, _ x: MatrixView, at j: Int, count: Int,
  _ watch: inout NaNWatch
) -> G {
  var p = x.base + j
  var result = G(p, count: count)
  var t = 1
  let head = F.isSum ? min(x.rows, Blocking.tokens) : x.rows
  while t < head {
    p += x.rowStride
    let row = G(p, count: count)
    if F.isForNumbers { watch.see(row.sum) }
    result = result.joined(fold, before: row)
    t &+= 1
  }
  while t < x.rows {
    let end = min(x.rows, t &+ Blocking.tokens)
    p += x.rowStride
    var chunk = G(p, count: count)
    t &+= 1
    while t < end {
      p += x.rowStride
      chunk = chunk.joined(fold, before: G(p, count: count))
      t &+= 1
    }
    result = result.joined(fold, before: chunk)
  }
  return result
}

/// Neighbouring columns of one row, in registers.
private protocol ColumnGroup {
  /// `count` columns from `p`.
  init(_ p: UnsafePointer<Float>, count: Int)
  func store(_ p: UnsafeMutablePointer<Float>, count: Int)
  /// NaN where one of its vectors is.
  var sum: Lanes { get }
  func joined<F: WindowFold>(_ fold: F.Type, before later: Self) -> Self
  func finished<F: WindowFold>(_ fold: F.Type, _ count: Lanes) -> Self
}

/// Up to sixteen columns.
private struct OneVector: ColumnGroup {
  var a: Lanes

  @inline(__always)
  init(_ a: Lanes) { self.a = a }
  @inline(__always)
  init(_ p: UnsafePointer<Float>, count: Int) {
    a = count == 16 ? Lanes(p) : Lanes(p, count: count, fill: 0)
  }
  @inline(__always)
  func store(_ p: UnsafeMutablePointer<Float>, count: Int) {
    if count == 16 { a.store(p) } else { a.store(p, count: count) }
  }
  var sum: Lanes {
    @inline(__always) get { a }
  }
  @inline(__always)
  func joined<F: WindowFold>(_ fold: F.Type, before later: OneVector) -> OneVector {
    OneVector(F.join(a, later.a))
  }
  @inline(__always)
  func finished<F: WindowFold>(_ fold: F.Type, _ count: Lanes) -> OneVector {
    OneVector(F.finish(a, count))
  }
}

/// Sixty-four columns; the count is not looked at.
private struct FourVectors: ColumnGroup {
  var a: Lanes
  var b: Lanes
  var c: Lanes
  var d: Lanes

  @inline(__always)
  init(_ a: Lanes, _ b: Lanes, _ c: Lanes, _ d: Lanes) {
    self.a = a
    self.b = b
    self.c = c
    self.d = d
  }
  @inline(__always)
  init(_ p: UnsafePointer<Float>, count: Int) {
    self.init(Lanes(p), Lanes(p + 16), Lanes(p + 32), Lanes(p + 48))
  }
  @inline(__always)
  func store(_ p: UnsafeMutablePointer<Float>, count: Int) {
    a.store(p)
    b.store(p + 16)
    c.store(p + 32)
    d.store(p + 48)
  }
  var sum: Lanes {
    @inline(__always) get { (a + b) + (c + d) }
  }
  @inline(__always)
  func joined<F: WindowFold>(_ fold: F.Type, before later: FourVectors) -> FourVectors {
    FourVectors(
      F.join(a, later.a), F.join(b, later.b), F.join(c, later.c), F.join(d, later.d))
  }
  @inline(__always)
  func finished<F: WindowFold>(_ fold: F.Type, _ count: Lanes) -> FourVectors {
    FourVectors(
      F.finish(a, count), F.finish(b, count), F.finish(c, count), F.finish(d, count))
  }
}
