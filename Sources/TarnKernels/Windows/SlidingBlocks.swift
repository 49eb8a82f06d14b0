// Windows that overlap, at a cost that does not depend on their length.
//
// Structures are private: others leave weak symbols for copying them. Sweeps are not inlined: in a
// caller that grows too large the compiler leaves operations of vectors as calls.

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
  let plan = PoolPlan(windows)
  switch reduction {
  case .maximum: slideWatched(LargerFold.self, x, plan, y, scratch)
  case .minimum: slideWatched(SmallerFold.self, x, plan, y, scratch)
  case .sum: slideWatched(SumFold.self, x, plan, y, scratch)
  case .mean: slideWatched(MeanFold.self, x, plan, y, scratch)
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
  let plan = SpreadPlan(windows)
  if divided {
    slideWatched(WeightedFold.self, x, plan, y, scratch)
  } else {
    slideWatched(SumFold.self, x, plan, y, scratch)
  }
}

/// As if there were no NaN; and once more if there was one.
private func slideWatched<F: WindowFold, P: BlockPlan>(
  _ fold: F.Type, _ x: MatrixView, _ plan: P, _ y: MutableMatrixView,
  _ scratch: UnsafeMutablePointer<Float>
) {
  var watch = NaNWatch()
  slide(F.Numbers.self, x, plan, y, scratch, &watch)
  if F.Numbers.isForNumbers && watch.mayHaveSeenNaN {
    slide(F.self, x, plan, y, scratch, &watch)
  }
}

/// Which rows each output reads: both ends rise with the output.
private protocol BlockPlan {
  var windows: TokenWindows { get }
  /// Rows of a block: the most that an output reads.
  var length: Int { get }
  /// The first row of output `o`; may lie before the first row of all.
  func first(_ o: Int) -> Int
  /// The last row of output `o`; may lie past the last row of all.
  func last(_ o: Int) -> Int
}

/// Outputs are windows, rows are tokens.
private struct PoolPlan: BlockPlan {
  let windows: TokenWindows
  let length: Int

  @inline(__always)
  init(_ windows: TokenWindows) {
    self.windows = windows
    length = windows.length
  }

  @inline(__always)
  func first(_ o: Int) -> Int { windows.first(o) }
  @inline(__always)
  func last(_ o: Int) -> Int { windows.last(o) }
}

/// Outputs are tokens, rows are windows.
private struct SpreadPlan: BlockPlan {
  let windows: TokenWindows
  let length: Int

  @inline(__always)
  init(_ windows: TokenWindows) {
    self.windows = windows
    length = (windows.length &+ windows.stride &- 1) / windows.stride
  }

  @inline(__always)
  func first(_ o: Int) -> Int { windows.firstWindow(of: o) }
  @inline(__always)
  func last(_ o: Int) -> Int { windows.lastWindow(of: o) }
}

/// The outputs that start in a block or before it and are not complete.
///
/// An output reads no more rows than a block has, so one that starts with the block or before ends
/// in it.
private struct BlockSteps {
  /// Outputs that start with the block or before: a prefix is their last part.
  var prefixed: Range<Int>
  /// Outputs that start inside the block: a suffix is their first part.
  var suffixed: Range<Int>
  /// The first output that this block does not complete.
  var next: Int

  /// The steps of `block`; `next` is the first output that is not complete before it.
  @inline(__always)
  init<P: BlockPlan>(_ plan: P, block: Range<Int>, rows: Int, next first: Int, outputs: Int) {
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

/// Blocks one after another, each row of a block in one sweep over the columns.
///
///     for each row of the block, down:    prefix = prefix ⊕ row
///       for each output that ends here:   y = suffix of the block before ⊕ prefix
///     for each row of the block, up:      suffix = row ⊕ suffix, kept where an output starts
///     for each output that ends with the block:  y = suffix
///
/// Where outputs move on by one row, four rows are taken in a sweep and what runs stays in registers.
private func slide<F: WindowFold, P: BlockPlan>(
  _ fold: F.Type, _ x: MatrixView, _ plan: P, _ y: MutableMatrixView,
  _ scratch: UnsafeMutablePointer<Float>, _ watch: inout NaNWatch
) {
  let width = (x.columns &+ 15) & ~15
  let kept = KeptRows(base: scratch, width: width, slots: min(x.rows, plan.length))
  var next = 0
  var start = 0
  var previous = 0
  while start < x.rows {
    let block = start..<min(x.rows, start &+ plan.length)
    let steps = BlockSteps(plan, block: block, rows: x.rows, next: next, outputs: y.rows)
    sweepDown(fold, x, plan, block, steps.prefixed, previous: previous, y, kept, &watch)
    sweepUp(fold, x, plan, block, steps.suffixed, y, kept, &watch)
    for o in steps.suffixed.lowerBound..<max(steps.suffixed.lowerBound, steps.next) {
      let first = plan.first(o)
      finish(
        fold, kept.suffix(first &- start), into: y.row(o), count: x.columns,
        tokens: block.upperBound &- first)
    }
    next = steps.next
    previous = start
    start = block.upperBound
  }
  // Outputs that start past the last row.
  for o in next..<max(next, y.rows) {
    let target = y.row(o)
    for j in 0..<y.columns { target[j] = 0 }
  }
}

/// The rows of scratch.
private struct KeptRows {
  let base: UnsafeMutablePointer<Float>
  let width: Int
  let slots: Int

  /// The suffix that starts so many rows after the block.
  @inline(__always)
  func suffix(_ slot: Int) -> UnsafeMutablePointer<Float> { base + slot &* width }
  /// The chunk that is being summed.
  var running: UnsafeMutablePointer<Float> {
    @inline(__always) get { base + slots &* width }
  }
  /// The chunks before it.
  var total: UnsafeMutablePointer<Float> {
    @inline(__always) get { base + (slots &+ 1) &* width }
  }
}

/// The factor of row `t`, for folds that have one.
@inline(__always)
private func weight<F: WindowFold, P: BlockPlan>(
  _ fold: F.Type, _ plan: P, _ t: Int, outputs: Int
) -> Float {
  F.isWeighted ? 1 / Float(plan.windows.count(t, tokens: outputs)) : 1
}

/// `y = finish(x)`.
@inline(__always)
private func finish<F: WindowFold>(
  _ fold: F.Type, _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int,
  tokens: Int
) {
  let divisor = Lanes(repeating: Float(tokens))
  @inline(__always) func finished(_ x: Lanes) -> Lanes { F.finish(x, divisor) }
  map(x, into: y, count: count, finished)
}

/// Watches a row.
@inline(__always)
private func see(_ row: UnsafePointer<Float>, count: Int, _ watch: inout NaNWatch) {
  var j = 0
  while j < count {
    watch.see(columns(row, at: j, count: min(16, count &- j)))
    j &+= 16
  }
}

/// Four rows join the prefix, and the prefix four suffixes: `y[k] = suffix[k] ⊕ prefix`.
@inline(never)
private func joinFourDown<F: WindowFold>(
  _ fold: F.Type, _ rows: MatrixView, weights: (Float, Float, Float, Float),
  _ prefix: UnsafePointer<Float>, into running: UnsafeMutablePointer<Float>,
  suffixes: UnsafePointer<Float>, width: Int, tokens: Int, _ y: MutableMatrixView,
  _ watch: inout NaNWatch
) {
  let (a, b, c, d) = (rows.row(0), rows.row(1), rows.row(2), rows.row(3))
  let (p, q, r, s) = (y.row(0), y.row(1), y.row(2), y.row(3))
  let divisor = Lanes(repeating: Float(tokens))
  @inline(__always) func term(_ x: Lanes, _ weight: Float) -> Lanes {
    F.isWeighted ? x * Lanes(repeating: weight) : x
  }
  @inline(__always) func four(_ j: Int, _ count: Int) {
    let suffix = suffixes + j
    let terms = (
      term(columns(a, at: j, count: count), weights.0),
      term(columns(b, at: j, count: count), weights.1),
      term(columns(c, at: j, count: count), weights.2),
      term(columns(d, at: j, count: count), weights.3)
    )
    if F.isForNumbers { watch.see((terms.0 + terms.1) + (terms.2 + terms.3)) }
    let one = F.join(columns(prefix, at: j, count: count), terms.0)
    let two = F.join(one, terms.1)
    let three = F.join(two, terms.2)
    let four = F.join(three, terms.3)
    store(F.finish(F.join(Lanes(suffix), one), divisor), p, at: j, count: count)
    store(F.finish(F.join(Lanes(suffix + width), two), divisor), q, at: j, count: count)
    store(F.finish(F.join(Lanes(suffix + 2 &* width), three), divisor), r, at: j, count: count)
    store(F.finish(F.join(Lanes(suffix + 3 &* width), four), divisor), s, at: j, count: count)
    four.store(running + j)
  }
  var j = 0
  while j &+ 16 <= rows.columns {
    four(j, 16)
    j &+= 16
  }
  if j < rows.columns { four(j, rows.columns &- j) }
}

/// Four rows, the last first, join the suffix, which is kept after each.
@inline(never)
private func joinFourUp<F: WindowFold>(
  _ fold: F.Type, _ rows: MatrixView, weights: (Float, Float, Float, Float),
  _ suffix: UnsafePointer<Float>, into slots: UnsafeMutablePointer<Float>, width: Int,
  _ watch: inout NaNWatch
) {
  let (a, b, c, d) = (rows.row(0), rows.row(1), rows.row(2), rows.row(3))
  @inline(__always) func term(_ x: Lanes, _ weight: Float) -> Lanes {
    F.isWeighted ? x * Lanes(repeating: weight) : x
  }
  @inline(__always) func four(_ j: Int, _ count: Int) {
    let slot = slots + j
    let terms = (
      term(columns(a, at: j, count: count), weights.0),
      term(columns(b, at: j, count: count), weights.1),
      term(columns(c, at: j, count: count), weights.2),
      term(columns(d, at: j, count: count), weights.3)
    )
    if F.isForNumbers { watch.see((terms.0 + terms.1) + (terms.2 + terms.3)) }
    let one = F.join(terms.3, columns(suffix, at: j, count: count))
    let two = F.join(terms.2, one)
    let three = F.join(terms.1, two)
    one.store(slot + 3 &* width)
    two.store(slot + 2 &* width)
    three.store(slot + width)
    F.join(terms.0, three).store(slot)
  }
  var j = 0
  while j &+ 16 <= rows.columns {
    four(j, 16)
    j &+= 16
  }
  if j < rows.columns { four(j, rows.columns &- j) }
}

/// The factors of four rows from `t`.
@inline(__always)
private func weights<F: WindowFold, P: BlockPlan>(
  _ fold: F.Type, _ plan: P, _ t: Int, outputs: Int
) -> (Float, Float, Float, Float) {
  (
    weight(fold, plan, t, outputs: outputs), weight(fold, plan, t &+ 1, outputs: outputs),
    weight(fold, plan, t &+ 2, outputs: outputs), weight(fold, plan, t &+ 3, outputs: outputs)
  )
}

/// Prefixes of a block, and the outputs that end in it.
@inline(never)
private func sweepDown<F: WindowFold, P: BlockPlan>(
  _ fold: F.Type, _ x: MatrixView, _ plan: P, _ block: Range<Int>, _ outputs: Range<Int>,
  previous: Int, _ y: MutableMatrixView, _ kept: KeptRows, _ watch: inout NaNWatch
) {
  guard !outputs.isEmpty else { return }
  let lower = block.lowerBound
  let count = x.columns
  let running = kept.running
  var t = lower
  var prefix = x.row(t)
  if F.isWeighted {
    let weight = Lanes(repeating: weight(fold, plan, t, outputs: y.rows))
    @inline(__always) func scaled(_ x: Lanes) -> Lanes { x * weight }
    map(x.row(t), into: running, count: count, scaled)
    prefix = UnsafePointer(running)
  }
  if F.isForNumbers { see(x.row(t), count: count, &watch) }
  var chunkEnd = lower &+ Blocking.tokens
  var hasTotal = false
  var o = outputs.lowerBound
  while o < outputs.upperBound {
    let first = plan.first(o)
    // Four outputs whose suffixes and last rows follow one another, the chunk going on.
    if plan.windows.stride == 1 && o &+ 4 <= outputs.upperBound && lower > 0
      && first &+ 3 < lower && t &+ 1 == plan.last(o) && t &+ 4 < x.rows
      && !(F.isSum && (hasTotal || t &+ 4 >= chunkEnd))
    {
      joinFourDown(
        fold, x[rows: t &+ 1..<t &+ 5], weights: weights(fold, plan, t &+ 1, outputs: y.rows),
        prefix, into: running, suffixes: kept.suffix(first &- previous), width: kept.width,
        tokens: plan.length, y[rows: o..<o &+ 4], &watch)
      prefix = UnsafePointer(running)
      t &+= 4
      o &+= 4
      continue
    }
    let end = min(plan.last(o), x.rows &- 1)
    let divisor = Lanes(repeating: Float(end &- max(first, 0) &+ 1))
    let hasSuffix = first < lower && lower > 0
    let suffix = kept.suffix(hasSuffix ? first &- previous : 0)
    let target = y.row(o)
    o &+= 1
    while t < end {
      t &+= 1
      if F.isForNumbers { see(x.row(t), count: count, &watch) }
      let weight = Lanes(repeating: weight(fold, plan, t, outputs: y.rows))
      @inline(__always) func term(_ x: Lanes) -> Lanes { F.isWeighted ? x * weight : x }
      @inline(__always) func join(_ p: Lanes, _ x: Lanes) -> Lanes { F.join(p, term(x)) }
      if F.isSum && t == chunkEnd {
        addChunk(fold, prefix, to: kept.total, isFirst: !hasTotal, count: count)
        hasTotal = true
        chunkEnd &+= Blocking.tokens
        if F.isWeighted {
          map(x.row(t), into: running, count: count, term)
          prefix = UnsafePointer(running)
        } else {
          prefix = x.row(t)
        }
      } else if t == end && hasSuffix && !(F.isSum && hasTotal) {
        // The usual step: the row joins the prefix, the prefix a suffix.
        let row = x.row(t)
        var j = 0
        while j &+ 16 <= count {
          let p = join(Lanes(prefix + j), Lanes(row + j))
          p.store(running + j)
          F.finish(F.join(Lanes(suffix + j), p), divisor).store(target + j)
          j &+= 16
        }
        if j < count {
          let rest = count &- j
          let p = join(
            Lanes(prefix + j, count: rest, fill: 0), Lanes(row + j, count: rest, fill: 0))
          p.store(running + j, count: rest)
          F.finish(F.join(Lanes(suffix + j, count: rest, fill: 0), p), divisor)
            .store(target + j, count: rest)
        }
        prefix = UnsafePointer(running)
        // Done: written with the row.
        t = end &+ 1
      } else {
        map(prefix, x.row(t), into: running, count: count, join)
        prefix = UnsafePointer(running)
      }
    }
    if t > end {
      t = end
      continue
    }
    @inline(__always) func two(_ s: Lanes, _ p: Lanes) -> Lanes { F.finish(F.join(s, p), divisor) }
    @inline(__always) func three(_ s: Lanes, _ total: Lanes, _ p: Lanes) -> Lanes {
      F.finish(F.join(s, F.join(total, p)), divisor)
    }
    switch (hasSuffix, F.isSum && hasTotal) {
    case (true, true):
      map(suffix, kept.total, prefix, into: target, count: count, three)
    case (true, false): map(suffix, prefix, into: target, count: count, two)
    case (false, true): map(kept.total, prefix, into: target, count: count, two)
    case (false, false):
      finish(fold, prefix, into: target, count: count, tokens: end &- max(first, 0) &+ 1)
    }
  }
}

/// Suffixes of a block where outputs start.
@inline(never)
private func sweepUp<F: WindowFold, P: BlockPlan>(
  _ fold: F.Type, _ x: MatrixView, _ plan: P, _ block: Range<Int>, _ outputs: Range<Int>,
  _ y: MutableMatrixView, _ kept: KeptRows, _ watch: inout NaNWatch
) {
  guard !outputs.isEmpty else { return }
  let count = x.columns
  let running = kept.running
  var t = block.upperBound &- 1
  if F.isForNumbers { see(x.row(t), count: count, &watch) }
  var suffix = x.row(t)
  if F.isWeighted {
    let weight = Lanes(repeating: weight(fold, plan, t, outputs: y.rows))
    @inline(__always) func scaled(_ x: Lanes) -> Lanes { x * weight }
    map(x.row(t), into: running, count: count, scaled)
    suffix = UnsafePointer(running)
  }
  var chunkStart = block.upperBound &- Blocking.tokens
  var hasTotal = false
  var done = block.upperBound
  var o = outputs.upperBound
  @inline(__always) func same(_ x: Lanes) -> Lanes { x }
  while o > outputs.lowerBound {
    // Four outputs that start with the next four rows, the chunk going on.
    if plan.windows.stride == 1 && o &- 4 >= outputs.lowerBound && plan.first(o &- 1) == t &- 1
      && !(F.isSum && (hasTotal || t &- 4 < chunkStart))
    {
      o &-= 4
      t &-= 4
      done = t
      let slots = kept.suffix(t &- block.lowerBound)
      joinFourUp(
        fold, x[rows: t..<t &+ 4], weights: weights(fold, plan, t, outputs: y.rows), suffix,
        into: slots, width: kept.width, &watch)
      suffix = UnsafePointer(slots)
      continue
    }
    o &-= 1
    let first = plan.first(o)
    if first == done { continue }
    done = first
    let slot = kept.suffix(first &- block.lowerBound)
    while t > first {
      t &-= 1
      if F.isForNumbers { see(x.row(t), count: count, &watch) }
      let weight = Lanes(repeating: weight(fold, plan, t, outputs: y.rows))
      @inline(__always) func term(_ x: Lanes) -> Lanes { F.isWeighted ? x * weight : x }
      @inline(__always) func join(_ x: Lanes, _ s: Lanes) -> Lanes { F.join(term(x), s) }
      if F.isSum && t < chunkStart {
        addChunk(fold, suffix, to: kept.total, isFirst: !hasTotal, count: count)
        hasTotal = true
        chunkStart &-= Blocking.tokens
        map(x.row(t), into: running, count: count, term)
        suffix = UnsafePointer(running)
      } else {
        // The suffix stays where it is wanted next, unless chunks are still to be added.
        let target = F.isSum && hasTotal ? running : slot
        map(x.row(t), suffix, into: target, count: count, join)
        suffix = UnsafePointer(target)
      }
    }
    if F.isSum && hasTotal {
      @inline(__always) func plus(_ s: Lanes, _ total: Lanes) -> Lanes { F.join(s, total) }
      map(suffix, kept.total, into: slot, count: count, plus)
    } else if suffix != UnsafePointer(slot) {
      map(suffix, into: slot, count: count, same)
    }
  }
}

/// `total = chunk`, or `total + chunk`.
@inline(__always)
private func addChunk<F: WindowFold>(
  _ fold: F.Type, _ chunk: UnsafePointer<Float>, to total: UnsafeMutablePointer<Float>,
  isFirst: Bool, count: Int
) {
  @inline(__always) func same(_ x: Lanes) -> Lanes { x }
  @inline(__always) func plus(_ total: Lanes, _ chunk: Lanes) -> Lanes { F.join(total, chunk) }
  if isFirst {
    map(chunk, into: total, count: count, same)
  } else {
    map(total, chunk, into: total, count: count, plus)
  }
}

/// `dx[t] = Σ dy[i]` over the windows i whose first extreme token is t.
///
/// The gradient of ``poolBlocks(_:_:windows:into:scratch:)`` for maxima and minima, with its method:
/// values and their tokens in place of values. Both ends of a window move on, so its first extreme
/// token does too, and the windows of one token follow one another:
///
///     window           0  1  2  3  4  5  6
///     extreme token    2  2  2  5  5  6  9       a column; the sum runs while the token stays, and is
///     stored at               2     5  6  9      stored where it changes
///
/// - Parameters:
///   - isMaximum: whether the extreme is the largest.
///   - x: `[tokens × columns]`, at most `Int32.max` tokens.
///   - windows: the windows, `stride ≤ length`.
///   - dy: `[windows × columns]`.
///   - dx: `[tokens × columns]`, distinct from both.
///   - scratch: ``WindowKernels/choiceScratch(rows:length:columns:)`` elements.
///
/// A token's sum is one chain from zero in the order of the windows. Of equal values the first token
/// is chosen; NaN is the extreme. Cost: two reads of `x`, one from cache, one read of `dy`, one
/// write; a store for each element of `x` that is an extreme.
func chooseBlocks(
  isMaximum: Bool, _ x: MatrixView, windows: TokenWindows, upstream dy: MatrixView,
  into dx: MutableMatrixView, scratch: UnsafeMutablePointer<Float>
) {
  if isMaximum {
    chooseSliding(LargestFirst.self, x, windows, dy, dx, scratch)
  } else {
    chooseSliding(SmallestFirst.self, x, windows, dy, dx, scratch)
  }
}

private func chooseSliding<E: ExtremeOrder>(
  _ order: E.Type, _ x: MatrixView, _ windows: TokenWindows, _ dy: MatrixView,
  _ dx: MutableMatrixView, _ scratch: UnsafeMutablePointer<Float>
) {
  let plan = PoolPlan(windows)
  let slots = min(x.rows, plan.length)
  let width = (x.columns &+ 15) & ~15
  let runs = scratch + 2 &* slots &* width
  var j = 0
  while j < width {
    unsafeBitCast(SIMD16<Int32>(repeating: -1), to: Lanes.self).store(runs + 2 &* j)
    Lanes.zero.store(runs + (2 &* j &+ 16))
    j &+= 16
  }
  var next = 0
  var start = 0
  var previous = 0
  var previousHasNaN = false
  while start < x.rows {
    let block = start..<min(x.rows, start &+ plan.length)
    let steps = BlockSteps(plan, block: block, rows: x.rows, next: next, outputs: dy.rows)
    // Before a sum is stored in them.
    clear(dx, block)
    let hasNaN = mayHoldNaN(x[rows: block])
    if hasNaN || previousHasNaN {
      chooseInBlock(order, x, plan, block, steps, previous: previous, dy, dx, scratch, runs)
    } else {
      chooseInBlock(
        E.Numbers.self, x, plan, block, steps, previous: previous, dy, dx, scratch, runs)
    }
    next = steps.next
    previous = start
    previousHasNaN = hasNaN
    start = block.upperBound
  }
  j = 0
  while j < x.columns {
    store(lanes: 0xFFFF, of: runs + 2 &* j, into: dx, at: j, count: min(16, x.columns &- j))
    j &+= 16
  }
}

/// The windows that end in a block, strip by strip.
private func chooseInBlock<E: ExtremeOrder>(
  _ order: E.Type, _ x: MatrixView, _ plan: PoolPlan, _ block: Range<Int>, _ steps: BlockSteps,
  previous: Int, _ dy: MatrixView, _ dx: MutableMatrixView,
  _ scratch: UnsafeMutablePointer<Float>, _ runs: UnsafeMutablePointer<Float>
) {
  let slots = min(x.rows, plan.length)
  var j = 0
  while j < x.columns {
    let count = min(16, x.columns &- j)
    let suffixes = scratch + 2 &* j &* slots
    let run = runs + 2 &* j
    chooseDown(
      order, x, plan, block, steps.prefixed, previous: previous, dy, dx, suffixes, run, at: j,
      count: count)
    keepSuffixes(order, x, plan, block, steps.suffixed, suffixes, at: j, count: count)
    let ended = steps.suffixed.lowerBound..<max(steps.suffixed.lowerBound, steps.next)
    chooseSuffixes(plan, block, ended, dy, dx, suffixes, run, at: j, count: count)
    j &+= 16
  }
}

/// The sums that run in some of sixteen columns go to their tokens.
///
/// `run` holds sixteen tokens, -1 where there is none, and their sums.
private func store(
  lanes: UInt32, of run: UnsafePointer<Float>, into dx: MutableMatrixView, at j: Int, count: Int
) {
  let target = dx.base + j
  var rest = lanes & ((1 &<< UInt32(truncatingIfNeeded: count)) &- 1)
  while rest != 0 {
    let lane = rest.trailingZeroBitCount
    rest &= rest &- 1
    let token = Int(UnsafeRawPointer(run).load(fromByteOffset: lane &* 4, as: Int32.self))
    if token >= 0 { target[token &* dx.rowStride &+ lane] = run[16 &+ lane] }
  }
}

/// A window's gradient goes on with the sums that run, or ends them where the token is another.
@inline(__always)
private func addToRun(
  _ token: SIMD16<Int32>, _ gradient: Lanes, _ runToken: inout SIMD16<Int32>, _ sum: inout Lanes,
  _ run: UnsafeMutablePointer<Float>, _ dx: MutableMatrixView, at j: Int, count: Int
) {
  let isNew = token .!= runToken
  if (token ^ runToken).hasNonzeroLane {
    unsafeBitCast(runToken, to: Lanes.self).store(run)
    sum.store(run + 16)
    let powers = SIMD16<Int32>(
      1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
    let bits = SIMD16<Int32>.zero.replacing(with: powers, where: isNew)
    let eight = bits.lowHalf | bits.highHalf
    let four = eight.lowHalf | eight.highHalf
    let lanes = UInt32(bitPattern: four[0] | four[1] | four[2] | four[3])
    store(lanes: lanes, of: run, into: dx, at: j, count: count)
    sum.replace(with: Lanes.zero, where: isNew)
    runToken = token
  }
  sum += gradient
}

/// Tokens in the form in which scratch holds them.
@inline(__always)
private func tokens(_ p: UnsafePointer<Float>) -> SIMD16<Int32> {
  unsafeBitCast(Lanes(p), to: SIMD16<Int32>.self)
}

/// Windows that end in a block and start with it or before; sixteen columns.
///
/// Each slot of `suffixes` holds sixteen values and tokens, `run` tokens and sums.
private func chooseDown<E: ExtremeOrder>(
  _ order: E.Type, _ x: MatrixView, _ plan: PoolPlan, _ block: Range<Int>, _ outputs: Range<Int>,
  previous: Int, _ dy: MatrixView, _ dx: MutableMatrixView,
  _ suffixes: UnsafeMutablePointer<Float>, _ run: UnsafeMutablePointer<Float>, at j: Int,
  count: Int
) {
  guard !outputs.isEmpty else { return }
  let lower = block.lowerBound
  var runToken = tokens(run)
  var sum = Lanes(run + 16)
  var t = lower
  var number = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: t))
  var prefix = columns(x.row(t), at: j, count: count)
  var prefixToken = number
  var o = outputs.lowerBound
  while o < outputs.upperBound {
    let first = plan.first(o)
    let end = min(plan.last(o), x.rows &- 1)
    while t < end {
      t &+= 1
      number &+= 1
      takeExtreme(order, columns(x.row(t), at: j, count: count), number, &prefix, &prefixToken)
    }
    var token = prefixToken
    if first < lower && lower > 0 {
      let p = suffixes + (first &- previous) &* 32
      var best = Lanes(p)
      token = tokens(p + 16)
      takeExtreme(order, prefix, prefixToken, &best, &token)
    }
    addToRun(
      token, columns(dy.row(o), at: j, count: count), &runToken, &sum, run, dx, at: j, count: count)
    o &+= 1
  }
  unsafeBitCast(runToken, to: Lanes.self).store(run)
  sum.store(run + 16)
}

/// The extremes from the rows of a block where windows start to its end.
private func keepSuffixes<E: ExtremeOrder>(
  _ order: E.Type, _ x: MatrixView, _ plan: PoolPlan, _ block: Range<Int>, _ outputs: Range<Int>,
  _ suffixes: UnsafeMutablePointer<Float>, at j: Int, count: Int
) {
  guard !outputs.isEmpty else { return }
  var t = block.upperBound &- 1
  var number = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: t))
  var suffix = columns(x.row(t), at: j, count: count)
  var suffixToken = number
  var o = outputs.upperBound
  while o > outputs.lowerBound {
    o &-= 1
    let first = plan.first(o)
    while t > first {
      t &-= 1
      number &-= 1
      let later = suffix
      let laterToken = suffixToken
      suffix = columns(x.row(t), at: j, count: count)
      suffixToken = number
      takeExtreme(order, later, laterToken, &suffix, &suffixToken)
    }
    let p = suffixes + (first &- block.lowerBound) &* 32
    suffix.store(p)
    unsafeBitCast(suffixToken, to: Lanes.self).store(p + 16)
  }
}

/// Windows that are a suffix of a block alone.
private func chooseSuffixes(
  _ plan: PoolPlan, _ block: Range<Int>, _ outputs: Range<Int>, _ dy: MatrixView,
  _ dx: MutableMatrixView, _ suffixes: UnsafeMutablePointer<Float>,
  _ run: UnsafeMutablePointer<Float>, at j: Int, count: Int
) {
  var runToken = tokens(run)
  var sum = Lanes(run + 16)
  for o in outputs {
    let token = tokens(suffixes + (plan.first(o) &- block.lowerBound) &* 32 + 16)
    addToRun(
      token, columns(dy.row(o), at: j, count: count), &runToken, &sum, run, dx, at: j, count: count)
  }
  unsafeBitCast(runToken, to: Lanes.self).store(run)
  sum.store(run + 16)
}
