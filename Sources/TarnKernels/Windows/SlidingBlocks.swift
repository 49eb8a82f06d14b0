// Windows that overlap, at a cost that does not depend on their length.
//
// Structures are private: others leave weak symbols for copying them.

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
  let plan = SpreadPlan(windows)
  if divided {
    slide(WeightedFold.self, x, plan, y, scratch)
  } else {
    slide(SumFold.self, x, plan, y, scratch)
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
@inline(__always)
private func slide<F: WindowFold, P: BlockPlan>(
  _ fold: F.Type, _ x: MatrixView, _ plan: P, _ y: MutableMatrixView,
  _ scratch: UnsafeMutablePointer<Float>
) {
  let width = (x.columns &+ 15) & ~15
  let kept = KeptRows(base: scratch, width: width, slots: min(x.rows, plan.length))
  var next = 0
  var start = 0
  var previous = 0
  while start < x.rows {
    let block = start..<min(x.rows, start &+ plan.length)
    let steps = BlockSteps(plan, block: block, rows: x.rows, next: next, outputs: y.rows)
    sweepDown(fold, x, plan, block, steps.prefixed, previous: previous, y, kept)
    sweepUp(fold, x, plan, block, steps.suffixed, y, kept)
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
) -> Lanes {
  F.isWeighted
    ? Lanes(repeating: 1 / Float(plan.windows.count(t, tokens: outputs))) : Lanes(repeating: 1)
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

/// Prefixes of a block, and the outputs that end in it.
@inline(__always)
private func sweepDown<F: WindowFold, P: BlockPlan>(
  _ fold: F.Type, _ x: MatrixView, _ plan: P, _ block: Range<Int>, _ outputs: Range<Int>,
  previous: Int, _ y: MutableMatrixView, _ kept: KeptRows
) {
  guard !outputs.isEmpty else { return }
  let lower = block.lowerBound
  let columns = x.columns
  let running = kept.running
  var t = lower
  var prefix = x.row(t)
  if F.isWeighted {
    let weight = weight(fold, plan, t, outputs: y.rows)
    @inline(__always) func scaled(_ x: Lanes) -> Lanes { x * weight }
    map(x.row(t), into: running, count: columns, scaled)
    prefix = UnsafePointer(running)
  }
  var chunkEnd = lower &+ Blocking.tokens
  var hasTotal = false
  for o in outputs {
    let first = plan.first(o)
    let end = min(plan.last(o), x.rows &- 1)
    let divisor = Lanes(repeating: Float(end &- max(first, 0) &+ 1))
    let hasSuffix = first < lower && lower > 0
    let suffix = kept.suffix(hasSuffix ? first &- previous : 0)
    let target = y.row(o)
    while t < end {
      t &+= 1
      let weight = weight(fold, plan, t, outputs: y.rows)
      @inline(__always) func term(_ x: Lanes) -> Lanes { F.isWeighted ? x * weight : x }
      @inline(__always) func join(_ p: Lanes, _ x: Lanes) -> Lanes { F.join(p, term(x)) }
      if F.isSum && t == chunkEnd {
        addChunk(fold, prefix, to: kept.total, isFirst: !hasTotal, count: columns)
        hasTotal = true
        chunkEnd &+= Blocking.tokens
        if F.isWeighted {
          map(x.row(t), into: running, count: columns, term)
          prefix = UnsafePointer(running)
        } else {
          prefix = x.row(t)
        }
      } else if t == end && hasSuffix && !(F.isSum && hasTotal) {
        // The usual step: the row joins the prefix, the prefix a suffix.
        let row = x.row(t)
        var j = 0
        while j &+ 16 <= columns {
          let p = join(Lanes(prefix + j), Lanes(row + j))
          p.store(running + j)
          F.finish(F.join(Lanes(suffix + j), p), divisor).store(target + j)
          j &+= 16
        }
        if j < columns {
          let rest = columns &- j
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
        map(prefix, x.row(t), into: running, count: columns, join)
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
      map(suffix, kept.total, prefix, into: target, count: columns, three)
    case (true, false): map(suffix, prefix, into: target, count: columns, two)
    case (false, true): map(kept.total, prefix, into: target, count: columns, two)
    case (false, false):
      finish(fold, prefix, into: target, count: columns, tokens: end &- max(first, 0) &+ 1)
    }
  }
}

/// Suffixes of a block where outputs start.
@inline(__always)
private func sweepUp<F: WindowFold, P: BlockPlan>(
  _ fold: F.Type, _ x: MatrixView, _ plan: P, _ block: Range<Int>, _ outputs: Range<Int>,
  _ y: MutableMatrixView, _ kept: KeptRows
) {
  guard !outputs.isEmpty else { return }
  let columns = x.columns
  let running = kept.running
  var t = block.upperBound &- 1
  var suffix = x.row(t)
  if F.isWeighted {
    let weight = weight(fold, plan, t, outputs: y.rows)
    @inline(__always) func scaled(_ x: Lanes) -> Lanes { x * weight }
    map(x.row(t), into: running, count: columns, scaled)
    suffix = UnsafePointer(running)
  }
  var chunkStart = block.upperBound &- Blocking.tokens
  var hasTotal = false
  var done = block.upperBound
  var o = outputs.upperBound
  @inline(__always) func same(_ x: Lanes) -> Lanes { x }
  while o > outputs.lowerBound {
    o &-= 1
    let first = plan.first(o)
    if first == done { continue }
    done = first
    let slot = kept.suffix(first &- block.lowerBound)
    while t > first {
      t &-= 1
      let weight = weight(fold, plan, t, outputs: y.rows)
      @inline(__always) func term(_ x: Lanes) -> Lanes { F.isWeighted ? x * weight : x }
      @inline(__always) func join(_ x: Lanes, _ s: Lanes) -> Lanes { F.join(term(x), s) }
      if F.isSum && t < chunkStart {
        addChunk(fold, suffix, to: kept.total, isFirst: !hasTotal, count: columns)
        hasTotal = true
        chunkStart &-= Blocking.tokens
        map(x.row(t), into: running, count: columns, term)
        suffix = UnsafePointer(running)
      } else {
        // The suffix stays where it is wanted next, unless chunks are still to be added.
        let target = F.isSum && hasTotal ? running : slot
        map(x.row(t), suffix, into: target, count: columns, join)
        suffix = UnsafePointer(target)
      }
    }
    if F.isSum && hasTotal {
      @inline(__always) func plus(_ s: Lanes, _ total: Lanes) -> Lanes { F.join(s, total) }
      map(suffix, kept.total, into: slot, count: columns, plus)
    } else if suffix != UnsafePointer(slot) {
      map(suffix, into: slot, count: columns, same)
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

/// Values and the tokens they come from, sixteen columns.
private struct Candidate {
  var value: Lanes
  var token: SIMD16<Int32>

  @inline(__always)
  init(_ value: Lanes, _ token: SIMD16<Int32>) {
    self.value = value
    self.token = token
  }

  @inline(__always)
  init(_ x: MatrixView, _ t: Int, at j: Int, count: Int) {
    let p = x.row(t) + j
    value = count == 16 ? Lanes(p) : Lanes(p, count: count, fill: 0)
    token = SIMD16(repeating: Int32(truncatingIfNeeded: t))
  }

  /// The extreme of two; of equal ones, and of two NaN, the earlier.
  @inline(__always)
  func joined(_ isMaximum: Bool, before later: Candidate) -> Candidate {
    let isBetter = isMaximum ? later.value .> value : later.value .< value
    let isFirstNaN = (later.value .!= later.value) .& (value .== value)
    let replaced = isBetter .| isFirstNaN
    return Candidate(
      value.replacing(with: later.value, where: replaced),
      token.replacing(with: later.token, where: replaced))
  }
}

/// `dx[t] = Σ dy[i]` over the windows i whose first extreme token is t.
///
/// The gradient of ``poolBlocks(_:_:windows:into:scratch:)`` for maxima and minima, with its method:
/// candidates in place of values.
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
/// is chosen; NaN is the extreme. Cost: two reads of `x`, one from cache; an addition to memory for
/// each element of `dy`.
func chooseBlocks(
  isMaximum: Bool, _ x: MatrixView, windows: TokenWindows, upstream dy: MatrixView,
  into dx: MutableMatrixView, scratch: UnsafeMutablePointer<Float>
) {
  if isMaximum {
    chooseSliding(true, x, windows, dy, dx, scratch)
  } else {
    chooseSliding(false, x, windows, dy, dx, scratch)
  }
}

@inline(__always)
private func chooseSliding(
  _ isMaximum: Bool, _ x: MatrixView, _ windows: TokenWindows, _ dy: MatrixView,
  _ dx: MutableMatrixView, _ scratch: UnsafeMutablePointer<Float>
) {
  let plan = PoolPlan(windows)
  let slots = min(x.rows, plan.length)
  let passed = scratch + 2 &* slots &* ((x.columns &+ 15) & ~15)
  var next = 0
  var start = 0
  var suffixStart = 0
  while start < x.rows {
    let block = start..<min(x.rows, start &+ plan.length)
    let steps = BlockSteps(plan, block: block, rows: x.rows, next: next, outputs: dy.rows)
    // Here rather than before: the rows are in cache when they are added to.
    clear(dx, block)
    var j = 0
    while j < x.columns {
      chooseBlock(
        isMaximum, x, plan, block, steps, previous: suffixStart, dy, dx,
        scratch + 2 &* j &* slots, passing: passed, at: j, count: min(16, x.columns &- j))
      j &+= 16
    }
    next = steps.next
    suffixStart = block.lowerBound
    start = block.upperBound
  }
}

/// One block of rows and sixteen columns; each slot of scratch holds sixteen values and tokens.
///
/// The last slot passes tokens from lanes to addresses.
@inline(__always)
private func chooseBlock(
  _ isMaximum: Bool, _ x: MatrixView, _ plan: PoolPlan, _ block: Range<Int>,
  _ steps: BlockSteps, previous: Int, _ dy: MatrixView, _ dx: MutableMatrixView,
  _ suffixes: UnsafeMutablePointer<Float>, passing passed: UnsafeMutablePointer<Float>, at j: Int,
  count: Int
) {
  let last = x.rows &- 1
  let lower = block.lowerBound
  @inline(__always) func row(_ t: Int) -> Candidate { Candidate(x, t, at: j, count: count) }
  @inline(__always) func kept(_ slot: Int) -> Candidate {
    let p = suffixes + slot &* 32
    return Candidate(Lanes(p), unsafeBitCast(Lanes(p + 16), to: SIMD16<Int32>.self))
  }
  @inline(__always) func add(_ best: Candidate, _ o: Int) {
    unsafeBitCast(best.token, to: Lanes.self).store(passed)
    let tokens = UnsafeRawPointer(passed)
    let source = dy.row(o) + j
    let target = dx.base + j
    var lane = 0
    while lane < count {
      let token = Int(tokens.load(fromByteOffset: lane &* 4, as: Int32.self))
      target[token &* dx.rowStride &+ lane] += source[lane]
      lane &+= 1
    }
  }

  var o = steps.prefixed.lowerBound
  if o < steps.prefixed.upperBound {
    var t = lower
    var prefix = row(t)
    while o < steps.prefixed.upperBound {
      let first = plan.first(o)
      let end = min(plan.last(o), last)
      while t < end {
        t &+= 1
        prefix = prefix.joined(isMaximum, before: row(t))
      }
      if first < lower && lower > 0 {
        add(kept(first &- previous).joined(isMaximum, before: prefix), o)
      } else {
        add(prefix, o)
      }
      o &+= 1
    }
  }

  guard steps.suffixed.lowerBound < steps.suffixed.upperBound else { return }
  o = steps.suffixed.upperBound
  var t = block.upperBound &- 1
  var suffix = row(t)
  while o > steps.suffixed.lowerBound {
    o &-= 1
    let first = plan.first(o)
    while t > first {
      t &-= 1
      suffix = row(t).joined(isMaximum, before: suffix)
    }
    let p = suffixes + (first &- lower) &* 32
    suffix.value.store(p)
    unsafeBitCast(suffix.token, to: Lanes.self).store(p + 16)
  }
  while o < steps.next {
    add(kept(plan.first(o) &- lower), o)
    o &+= 1
  }
}
