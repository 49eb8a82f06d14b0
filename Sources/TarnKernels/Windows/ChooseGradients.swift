// Gradients of window maxima and minima: each upstream row goes to the extreme tokens.

import TarnKernelInterface

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

/// `dx[t] = Σ dy[i]` over the windows i whose first extreme token is t, each window by itself.
///
/// The gradient of ``poolAlone(_:_:windows:outputs:into:)`` for maxima and minima: for short windows,
/// and for windows that share no token.
///
/// - Parameters:
///   - isMaximum: whether the extreme is the largest.
///   - x: `[tokens × columns]`.
///   - windows: the windows.
///   - overlapping: whether windows may share tokens; then a token's sum is one chain from zero in
///     the order of the windows, else one copy.
///   - dy: `[windows × columns]`.
///   - dx: `[tokens × columns]`, distinct from both.
///
/// Of equal values the first token is chosen; NaN is the extreme. Cost: two reads of `x` for each
/// token of a window, all but one from cache, one of `dy`, one write; overlapping, a read and a write
/// from cache for each token of a window.
func chooseAlone(
  isMaximum: Bool, _ x: MatrixView, windows: TokenWindows, overlapping: Bool,
  upstream dy: MatrixView, into dx: MutableMatrixView
) {
  switch (isMaximum, overlapping) {
  case (true, true): choose(LargerFold.self, x, windows, true, dy, dx)
  case (true, false): choose(LargerFold.self, x, windows, false, dy, dx)
  case (false, true): choose(SmallerFold.self, x, windows, true, dy, dx)
  case (false, false): choose(SmallerFold.self, x, windows, false, dy, dx)
  }
}

@inline(__always)
private func choose<F: WindowFold>(
  _ fold: F.Type, _ x: MatrixView, _ windows: TokenWindows, _ overlapping: Bool, _ dy: MatrixView,
  _ dx: MutableMatrixView
) {
  var cleared = 0
  for i in 0..<dy.rows {
    let first = max(0, windows.first(i))
    let end = min(x.rows, windows.last(i) &+ 1)
    // Rows that are added to, or that no window holds.
    clear(dx, cleared..<max(cleared, overlapping ? end : first))
    cleared = end
    var j = 0
    while j < x.columns {
      let count = min(16, x.columns &- j)
      @inline(__always) func columns(_ p: UnsafePointer<Float>) -> Lanes {
        count == 16 ? Lanes(p + j) : Lanes(p + j, count: count, fill: 0)
      }
      var best = columns(x.row(first))
      var t = first &+ 1
      while t < end {
        best = F.join(best, columns(x.row(t)))
        t &+= 1
      }
      // What is left of the row once it has gone to a token.
      var gradient = columns(dy.row(i))
      t = first
      while t < end {
        let value = columns(x.row(t))
        let isChosen = (value .== best) .| (value .!= value)
        let target = dx.row(t)
        var result = Lanes.zero
        if overlapping {
          let before = columns(UnsafePointer(target))
          result = before.replacing(with: before + gradient, where: isChosen)
        } else {
          result = result.replacing(with: gradient, where: isChosen)
        }
        gradient = gradient.replacing(with: Lanes.zero, where: isChosen)
        if count == 16 { result.store(target + j) } else { result.store(target + j, count: count) }
        t &+= 1
      }
      j &+= 16
    }
  }
  clear(dx, cleared..<max(cleared, dx.rows))
}

/// Zeros in some rows.
@inline(__always)
private func clear(_ x: MutableMatrixView, _ rows: Range<Int>) {
  for t in rows {
    let row = x.row(t)
    for j in 0..<x.columns { row[j] = 0 }
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
