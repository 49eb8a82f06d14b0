// Transposes in blocks of 16 × 16. Touches pointers: a block's rows lie apart.

import TarnKernelInterface

/// `y[j, i] = x[i, j]` for the rows `range` of y.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - range: the rows of `y` to write, which are columns of `x`.
///   - y: `[columns × rows]`, distinct from `x`.
///
/// Exact. Whole blocks are transposed in registers; the edges go element by element. Tiles of 64 rows
/// of `x` are first read row after row, as streams: block by block a line here and a line there would
/// come from memory, and with all rows at a time each from a page of its own. Cost: one read, one write;
/// bound by shuffles in cache, then by memory.
func transpose(_ x: MatrixView, rows range: Range<Int>, into y: MutableMatrixView) {
  var i = 0
  while i < x.rows {
    let rows = min(64, x.rows &- i)
    var j = range.lowerBound
    while j < range.upperBound {
      let columns = min(1024, range.upperBound &- j)
      let source = MatrixView(
        x.row(i) + j, rows: rows, columns: columns, rowStride: x.rowStride)
      let target = MutableMatrixView(
        y.row(j) + i, rows: columns, columns: rows, rowStride: y.rowStride)
      // Overwritten below: what is read has to go somewhere, or the compiler leaves the reads out.
      target.row(0)[0] = sumOfLines(source)
      transposeTile(source, into: target)
      j &+= columns
    }
    i &+= rows
  }
}

/// The sum of every sixteenth element: brings rows near, one after another.
@inline(never)
private func sumOfLines(_ x: MatrixView) -> Float {
  var even: Float = 0
  var odd: Float = 0
  for i in 0..<x.rows {
    let row = x.row(i)
    var j = 0
    while j &+ 16 < x.columns {
      even += row[j]
      odd += row[j &+ 16]
      j &+= 32
    }
    odd += row[x.columns &- 1]
  }
  return even + odd
}

/// A tile, whose target is `[columns × rows]`.
private func transposeTile(_ x: MatrixView, into y: MutableMatrixView) {
  var j = 0
  while j &+ 16 <= x.columns {
    var i = 0
    while i &+ 16 <= x.rows {
      transposeBlock(x.row(i) + j, x.rowStride, rows: 16, into: y.row(j) + i, y.rowStride)
      i &+= 16
    }
    while i < x.rows {
      for k in 0..<16 { y.row(j &+ k)[i] = x.row(i)[j &+ k] }
      i &+= 1
    }
    j &+= 16
  }
  while j < x.columns {
    for i in 0..<x.rows { y.row(j)[i] = x.row(i)[j] }
    j &+= 1
  }
}

// The shuffles of four vectors, by the order of their lanes.

/// In each quarter the first two elements of both, in turn.
@inline(__always)
private func lowElements(_ a: Lanes, _ b: Lanes) -> Lanes {
  Lanes(
    a[0], b[0], a[1], b[1],
    a[4], b[4], a[5], b[5],
    a[8], b[8], a[9], b[9],
    a[12], b[12], a[13], b[13])
}

/// In each quarter the last two elements of both, in turn.
@inline(__always)
private func highElements(_ a: Lanes, _ b: Lanes) -> Lanes {
  Lanes(
    a[2], b[2], a[3], b[3],
    a[6], b[6], a[7], b[7],
    a[10], b[10], a[11], b[11],
    a[14], b[14], a[15], b[15])
}

/// Two elements in a lane, which are moved together. (Where shuffles of pairs are written as shuffles
/// of elements, the compiler merges the rounds into single ones and takes three times as many.)
private typealias Pairs = SIMD8<UInt64>

@inline(__always)
private func pairs(_ x: Lanes) -> Pairs { unsafeBitCast(x, to: Pairs.self) }

@inline(__always)
private func elements(_ x: Pairs) -> Lanes { unsafeBitCast(x, to: Lanes.self) }

/// In each quarter the first pair of both.
@inline(__always)
private func lowPairs(_ a: Pairs, _ b: Pairs) -> Lanes {
  elements(Pairs(a[0], b[0], a[2], b[2], a[4], b[4], a[6], b[6]))
}

/// In each quarter the last pair of both.
@inline(__always)
private func highPairs(_ a: Pairs, _ b: Pairs) -> Lanes {
  elements(Pairs(a[1], b[1], a[3], b[3], a[5], b[5], a[7], b[7]))
}

/// Four vectors, each with a register.
private typealias Four = (Lanes, Lanes, Lanes, Lanes)

/// Transposes the 4 × 4 elements in each quarter of four vectors.
@inline(__always)
private func transposedInQuarters(_ x: Four) -> Four {
  let low0 = pairs(lowElements(x.0, x.1))
  let low1 = pairs(lowElements(x.2, x.3))
  let high0 = pairs(highElements(x.0, x.1))
  let high1 = pairs(highElements(x.2, x.3))
  return (
    lowPairs(low0, low1), highPairs(low0, low1), lowPairs(high0, high1), highPairs(high0, high1)
  )
}

/// `target[i, j] = source[j, i]` for 16 × 16 elements; rows of the source from `rows` on count as 0.
///
/// Only the first `written` rows of the target are written.
///
/// ## Safety
/// Readable: `source[j·stride + 0 ..< 16]` for j < rows. Writable: `target[i·targetStride + 0 ..< 16]`
/// for i < written; distinct from the source.
func transposeBlock(
  _ source: UnsafePointer<Float>, _ stride: Int, rows: Int = 16,
  into target: UnsafeMutablePointer<Float>, _ targetStride: Int, written: Int = 16
) {
  @inline(__always) func load(_ j: Int, _ i: Int) -> SIMD2<UInt64> {
    j < rows ? loadPairs(source + j &* stride + i) : SIMD2<UInt64>.zero
  }
  @inline(__always) func store(_ i: Int, _ x: Lanes) {
    if i < written { x.store(target + i &* targetStride) }
  }
  forEachTransposed(load, store)
}

/// Calls `store` with each of the sixteen columns of a block of 16 × 16 that lies in memory.
///
/// `load(j, i)` gives the elements i to i + 3 of row j. Quarters are gathered as they are loaded, from
/// rows four apart, so that a column is whole after two rounds of shuffles.
@inline(__always)
func forEachTransposed(_ load: (Int, Int) -> SIMD2<UInt64>, _ store: (Int, Lanes) -> Void) {
  @inline(__always) func quarters(_ j: Int, _ i: Int) -> Lanes {
    let a = load(j, i)
    let b = load(j &+ 4, i)
    let c = load(j &+ 8, i)
    let d = load(j &+ 12, i)
    return elements(Pairs(a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]))
  }
  var i = 0
  while i < 16 {
    let x = transposedInQuarters((quarters(0, i), quarters(1, i), quarters(2, i), quarters(3, i)))
    store(i, x.0)
    store(i &+ 1, x.1)
    store(i &+ 2, x.2)
    store(i &+ 3, x.3)
    i &+= 4
  }
}

/// Four elements from `p`, any alignment, as two pairs.
@inline(__always)
func loadPairs(_ p: UnsafePointer<Float>) -> SIMD2<UInt64> {
  UnsafeRawPointer(p).loadUnaligned(as: SIMD2<UInt64>.self)
}
