// Windows that overlap, at a cost that does not depend on their length.

import TarnKernelInterface

/// `y[i] = max, min, Σ or mean of x[t]` over the tokens t of window i.
///
/// Van Herk 1992, Gil and Werman 1993. Blocks of as many rows as a full window has, counted from the
/// sequence's start; then a window touches at most two of them:
///
///     window = suffix of a block ⊕ prefix of the next
///
///     block      |. . . . . .|. . . . . .|        each row is read twice, the second time from
///     window           |s s s|p p p|              cache: down for prefixes, up for suffixes
///
/// No sum is ever subtracted from, so NaN, ∞ and large values reach only the windows that hold them.
///
/// - Parameters:
///   - reduction: what is made of a window.
///   - x: `[tokens × columns]`: one whole sequence; a strip of columns whose blocks stay in cache.
///   - windows: the windows, `stride ≤ length`.
///   - y: `[windows × columns]`, distinct from `x`.
///   - scratch: ``WindowKernels/blockScratch(rows:length:columns:)`` elements.
///
/// A prefix sum starts with the block's first row and goes down, a suffix sum with its last and goes
/// up, both in chunks of ``Blocking/tokens`` rows; then suffix + prefix, then the division. A window
/// that starts with a block, or before the sequence, is a prefix alone; one that ends with a block
/// otherwise is a suffix alone. Cost: two reads, one from cache, one write, three joins a row.
func poolBlocks(
  _ reduction: WindowReduction, _ x: MatrixView, windows: TokenWindows, into y: MutableMatrixView,
  scratch: UnsafeMutablePointer<Float>
) {
  let plan = BlockPlan(windows, isTransposed: false, length: windows.length)
  switch reduction {
  case .maximum: slide(LargerFold.self, x, plan, y, scratch)
  case .minimum: slide(SmallerFold.self, x, plan, y, scratch)
  case .sum: slide(SumFold.self, x, plan, y, scratch)
  case .mean: slide(MeanFold.self, x, plan, y, scratch)
  }
}

/// `y[t] = Σ x[i]` over the windows i that hold token t, divided by their tokens on request.
///
/// The transpose of ``poolBlocks(_:_:windows:into:scratch:)`` for sums and means, and the same
/// method: the windows that hold a token are consecutive. Blocks are of `length / stride` rows,
/// rounded up; a row is multiplied by the rounded reciprocal of its window's tokens before it is
/// added. A token in no window gets 0.
func spreadBlocks(
  _ x: MatrixView, windows: TokenWindows, divided: Bool, into y: MutableMatrixView,
  scratch: UnsafeMutablePointer<Float>
) {
  let length = (windows.length &+ windows.stride &- 1) / windows.stride
  let plan = BlockPlan(windows, isTransposed: true, length: length)
  if divided {
    slide(WeightedFold.self, x, plan, y, scratch)
  } else {
    slide(SumFold.self, x, plan, y, scratch)
  }
}

/// Which rows each output reads: both ends rise with the output.
struct BlockPlan {
  let windows: TokenWindows
  /// Whether outputs are tokens and rows are windows, rather than the other way round.
  let isTransposed: Bool
  /// Rows of a block: the most that an output reads.
  let length: Int

  @inline(__always)
  init(_ windows: TokenWindows, isTransposed: Bool, length: Int) {
    self.windows = windows
    self.isTransposed = isTransposed
    self.length = length
  }

  /// The first row of output `o`; may lie before the first row of all.
  @inline(__always)
  func first(_ o: Int) -> Int { isTransposed ? windows.firstWindow(of: o) : windows.first(o) }

  /// The last row of output `o`; may lie past the last row of all.
  @inline(__always)
  func last(_ o: Int) -> Int { isTransposed ? windows.lastWindow(of: o) : windows.last(o) }
}

/// The outputs that start in a block or before it and are not complete.
///
/// An output reads no more rows than a block has, so one that starts with the block or before ends
/// in it.
struct BlockSteps {
  /// Outputs that start with the block or before: a prefix is their last part.
  var prefixed: Range<Int>
  /// Outputs that start inside the block: a suffix is their first part.
  var suffixed: Range<Int>
  /// The first output that this block does not complete.
  var next: Int

  /// The steps of `block`; `next` is the first output that is not complete before it.
  @inline(__always)
  init(_ plan: BlockPlan, block: Range<Int>, rows: Int, next first: Int, outputs: Int) {
    var o = first
    while o < outputs && plan.first(o) <= block.lowerBound { o &+= 1 }
    prefixed = first..<o
    next = o
    while o < outputs && plan.first(o) < block.upperBound {
      if min(plan.last(o), rows &- 1) < block.upperBound { next = o &+ 1 }
      o &+= 1
    }
    suffixed = prefixed.upperBound..<o
  }
}

@inline(__always)
private func slide<F: WindowFold>(
  _ fold: F.Type, _ x: MatrixView, _ plan: BlockPlan, _ y: MutableMatrixView,
  _ scratch: UnsafeMutablePointer<Float>
) {
  let slots = min(x.rows, plan.length)
  var next = 0
  var start = 0
  var suffixStart = 0
  while start < x.rows {
    let block = start..<min(x.rows, start &+ plan.length)
    let steps = BlockSteps(plan, block: block, rows: x.rows, next: next, outputs: y.rows)
    var j = 0
    while j &+ 64 <= x.columns {
      slideBlock(
        fold, FourVectors.self, x, plan, block, steps, previous: suffixStart, y,
        scratch + j &* slots, at: j, count: 64)
      j &+= 64
    }
    while j < x.columns {
      slideBlock(
        fold, OneVector.self, x, plan, block, steps, previous: suffixStart, y,
        scratch + (j & ~63) &* slots + (j & 63), at: j, count: min(16, x.columns &- j))
      j &+= 16
    }
    next = steps.next
    suffixStart = block.lowerBound
    start = block.upperBound
  }
  // Outputs that start past the last row.
  for o in next..<max(next, y.rows) {
    let target = y.row(o)
    for j in 0..<y.columns { target[j] = 0 }
  }
}

/// One block of rows and one group of columns.
///
///     for each row of the block, down:    prefix = prefix ⊕ row
///       for each output that ends here:   y = suffix of the block before ⊕ prefix
///     for each row of the block, up:      suffix = row ⊕ suffix, kept where an output starts
///     for each output that ends with the block:  y = suffix
@inline(__always)
private func slideBlock<F: WindowFold, G: ColumnGroup>(
  _ fold: F.Type, _ group: G.Type, _ x: MatrixView, _ plan: BlockPlan, _ block: Range<Int>,
  _ steps: BlockSteps, previous: Int, _ y: MutableMatrixView,
  _ suffixes: UnsafeMutablePointer<Float>, at j: Int, count: Int
) {
  let last = x.rows &- 1
  @inline(__always) func row(_ t: Int) -> G {
    let row = G(x.row(t) + j, count: count)
    if F.isWeighted {
      return row.scaled(
        by: Lanes(repeating: 1 / Float(plan.windows.count(t, tokens: y.rows))))
    }
    return row
  }
  @inline(__always) func emit(_ value: G, _ o: Int) {
    let tokens = min(plan.last(o), last) &- max(plan.first(o), 0) &+ 1
    value.finished(fold, Lanes(repeating: Float(tokens)))
      .store(y.row(o) + j, count: count)
  }

  var o = steps.prefixed.lowerBound
  if !steps.prefixed.isEmpty {
    var chunkStart = block.lowerBound
    var total = row(chunkStart)
    while o < steps.prefixed.upperBound {
      let chunkEnd =
        F.isSum ? min(block.upperBound, chunkStart &+ Blocking.tokens) : block.upperBound
      var prefix = row(chunkStart)
      var t = chunkStart
      while true {
        while o < steps.prefixed.upperBound && min(plan.last(o), last) == t {
          var value = chunkStart == block.lowerBound ? prefix : total.joined(fold, before: prefix)
          let first = plan.first(o)
          if first < block.lowerBound && block.lowerBound > 0 {
            value = G(scratch: suffixes + (first &- previous) &* 64).joined(fold, before: value)
          }
          emit(value, o)
          o &+= 1
        }
        t &+= 1
        if t >= chunkEnd || o >= steps.prefixed.upperBound { break }
        prefix = prefix.joined(fold, before: row(t))
      }
      total = chunkStart == block.lowerBound ? prefix : total.joined(fold, before: prefix)
      chunkStart = chunkEnd
    }
  }

  guard !steps.suffixed.isEmpty else { return }
  o = steps.suffixed.upperBound &- 1
  var chunkEnd = block.upperBound
  var total = row(chunkEnd &- 1)
  while o >= steps.suffixed.lowerBound {
    let chunkStart =
      F.isSum ? max(block.lowerBound, chunkEnd &- Blocking.tokens) : block.lowerBound
    var t = chunkEnd &- 1
    var suffix = row(t)
    while true {
      if plan.first(o) == t {
        (chunkEnd == block.upperBound ? suffix : suffix.joined(fold, before: total))
          .store(scratch: suffixes + (t &- block.lowerBound) &* 64)
        repeat { o &-= 1 } while o >= steps.suffixed.lowerBound && plan.first(o) == t
      }
      t &-= 1
      if t < chunkStart || o < steps.suffixed.lowerBound { break }
      suffix = row(t).joined(fold, before: suffix)
    }
    total = chunkEnd == block.upperBound ? suffix : suffix.joined(fold, before: total)
    chunkEnd = chunkStart
  }
  for o in steps.suffixed.lowerBound..<steps.next {
    emit(G(scratch: suffixes + (plan.first(o) &- block.lowerBound) &* 64), o)
  }
}
