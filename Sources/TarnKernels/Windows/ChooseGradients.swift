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

/// `dx[t] = dy[i]` where t is the first extreme token of window i, 0 elsewhere.
///
/// The gradient of ``poolAlone(_:_:windows:outputs:into:)`` for maxima and minima of windows that
/// share no token.
///
/// - Parameters:
///   - isMaximum: whether the extreme is the largest.
///   - x: `[tokens × columns]`.
///   - windows: the windows, `before + after < stride`.
///   - dy: `[windows × columns]`.
///   - dx: `[tokens × columns]`, distinct from both.
///
/// Exact. Of equal values the first token is chosen; NaN is the extreme. Cost: two reads of `x`, one
/// of them from cache, one of `dy`, one write.
func chooseAlone(
  isMaximum: Bool, _ x: MatrixView, windows: TokenWindows, upstream dy: MatrixView,
  into dx: MutableMatrixView
) {
  if isMaximum {
    choose(true, x, windows, dy, dx)
  } else {
    choose(false, x, windows, dy, dx)
  }
}

@inline(__always)
private func choose(
  _ isMaximum: Bool, _ x: MatrixView, _ windows: TokenWindows, _ dy: MatrixView,
  _ dx: MutableMatrixView
) {
  @inline(__always) func clear(_ rows: Range<Int>) {
    for t in rows {
      let target = dx.row(t)
      for j in 0..<dx.columns { target[j] = 0 }
    }
  }
  var done = 0
  for i in 0..<dy.rows {
    let first = max(0, windows.first(i))
    let end = min(x.rows, windows.last(i) &+ 1)
    clear(done..<max(done, first))
    var j = 0
    while j < x.columns {
      let count = min(16, x.columns &- j)
      var best = Candidate(x, first, at: j, count: count)
      var t = first &+ 1
      while t < end {
        best = best.joined(isMaximum, before: Candidate(x, t, at: j, count: count))
        t &+= 1
      }
      let source = dy.row(i) + j
      let gradient = count == 16 ? Lanes(source) : Lanes(source, count: count, fill: 0)
      t = first
      while t < end {
        let chosen = Lanes.zero.replacing(
          with: gradient,
          where: best.token .== SIMD16(repeating: Int32(truncatingIfNeeded: t)))
        if count == 16 {
          chosen.store(dx.row(t) + j)
        } else {
          chosen.store(dx.row(t) + j, count: count)
        }
        t &+= 1
      }
      j &+= 16
    }
    done = end
  }
  clear(done..<max(done, x.rows))
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
  for t in 0..<x.rows {
    let target = dx.row(t)
    for j in 0..<x.columns { target[j] = 0 }
  }
  let plan = BlockPlan(windows, isTransposed: false, length: windows.length)
  let slots = min(x.rows, plan.length)
  var next = 0
  var start = 0
  var suffixStart = 0
  while start < x.rows {
    let block = start..<min(x.rows, start &+ plan.length)
    let steps = BlockSteps(plan, block: block, rows: x.rows, next: next, outputs: dy.rows)
    var j = 0
    while j < x.columns {
      chooseBlock(
        isMaximum, x, plan, block, steps, previous: suffixStart, dy, dx,
        scratch + 2 &* j &* slots, at: j, count: min(16, x.columns &- j))
      j &+= 16
    }
    next = steps.next
    suffixStart = block.lowerBound
    start = block.upperBound
  }
}

/// One block of rows and sixteen columns; each slot of scratch holds sixteen values and tokens.
@inline(__always)
private func chooseBlock(
  _ isMaximum: Bool, _ x: MatrixView, _ plan: BlockPlan, _ block: Range<Int>,
  _ steps: BlockSteps, previous: Int, _ dy: MatrixView, _ dx: MutableMatrixView,
  _ suffixes: UnsafeMutablePointer<Float>, at j: Int, count: Int
) {
  let last = x.rows &- 1
  @inline(__always) func row(_ t: Int) -> Candidate { Candidate(x, t, at: j, count: count) }
  @inline(__always) func kept(_ slot: Int) -> Candidate {
    let p = suffixes + slot &* 32
    return Candidate(Lanes(p), unsafeBitCast(Lanes(p + 16), to: SIMD16<Int32>.self))
  }
  @inline(__always) func add(_ best: Candidate, _ o: Int) {
    let source = dy.row(o) + j
    if count == 16 {
      for lane in 0..<16 { dx.row(Int(best.token[lane]))[j &+ lane] += source[lane] }
    } else {
      for lane in 0..<count { dx.row(Int(best.token[lane]))[j &+ lane] += source[lane] }
    }
  }

  var o = steps.prefixed.lowerBound
  if !steps.prefixed.isEmpty {
    var t = block.lowerBound
    var prefix = row(t)
    while true {
      while o < steps.prefixed.upperBound && min(plan.last(o), last) == t {
        let first = plan.first(o)
        if first < block.lowerBound && block.lowerBound > 0 {
          add(kept(first &- previous).joined(isMaximum, before: prefix), o)
        } else {
          add(prefix, o)
        }
        o &+= 1
      }
      t &+= 1
      if o >= steps.prefixed.upperBound { break }
      prefix = prefix.joined(isMaximum, before: row(t))
    }
  }

  guard !steps.suffixed.isEmpty else { return }
  o = steps.suffixed.upperBound &- 1
  var t = block.upperBound &- 1
  var suffix = row(t)
  while true {
    if plan.first(o) == t {
      let p = suffixes + (t &- block.lowerBound) &* 32
      suffix.value.store(p)
      unsafeBitCast(suffix.token, to: Lanes.self).store(p + 16)
      o &-= 1
      if o < steps.suffixed.lowerBound { break }
    }
    t &-= 1
    suffix = row(t).joined(isMaximum, before: suffix)
  }
  for o in steps.suffixed.lowerBound..<steps.next {
    add(kept(plan.first(o) &- block.lowerBound), o)
  }
}
