// The mixed-radix transform of a strip, in place. Touches pointers.

import TarnKernelInterface

/// Points of a transform whose levels are run one after another; longer ones are divided first.
///
/// 128 points are 16 KB, half of a first-level cache.
private let blockLength = 128

/// `Z[k] = Σ z[p]·e^(-2πi·kp/n)` of a strip, in place.
///
/// Decimation in time (Cooley and Tukey 1965): r transforms of every r-th point, a multiplication by
/// twiddle factors, transforms of r points across. The input is put in order as it is loaded, so
/// every level is in place. A length with a prime factor above 31 is a convolution with a chirp
/// (Bluestein 1970), which takes two transforms of at least 2n - 1 points:
///
///     Z[k] = c[k]·Σ (z[p]·c[p])·conj c[k - p]        c[k] = e^(-πi·k²/n)
///
/// - Parameters:
///   - plan: radices and constants.
///   - z: the strip; point p lies at `plan.place(p)`, and Z[k] then at k.
///   - stride: elements from one point to the next.
///   - scratch: ``FourierPlanView/scratchCount(innerLength:isConvolution:)`` elements.
///
/// Cost: about 5·n·log₂ n operations a column; the outermost levels read and write the strip, the
/// others stay in the first-level cache. Lanes are independent: NaN in one reaches no other.
///
/// ## Safety
/// As ``FourierPlanView``.
func transformStrip(
  _ plan: FourierPlanView, _ z: UnsafeMutablePointer<Float>, stride: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  guard let chirp = plan.chirp else {
    runLevels(plan, 0..<plan.levelCount, z, stride, scratch: scratch)
    return
  }
  let inner = plan.innerLength
  let first = scratch
  let second = first + 32 &* inner
  let rest = second + 32 &* inner
  let levels = 0..<plan.levelCount
  for p in 0..<plan.length {
    store(complex(z + stride &* p, times: chirp + 2 &* p), first + 32 &* Int(plan.order[p]))
  }
  for p in plan.length..<inner {
    store((Lanes.zero, Lanes.zero), first + 32 &* Int(plan.order[p]))
  }
  runLevels(plan, levels, first, 32, scratch: rest)
  // The inverse transform is the forward one with real and imaginary parts exchanged.
  let spectrum = chirp + 2 &* plan.length
  for k in 0..<inner {
    let value = complex(first + 32 &* k, times: spectrum + 2 &* k)
    store(swapped(value), second + 32 &* Int(plan.order[k]))
  }
  runLevels(plan, levels, second, 32, scratch: rest)
  for k in 0..<plan.length {
    let value = complex(second + 32 &* k)
    store(product(swapped(value), chirp + 2 &* k), z + stride &* k)
  }
}

/// The inner levels of one of the transforms that the outer levels of a divided plan combine.
func runInnerLevels(
  _ plan: FourierPlanView, _ z: UnsafeMutablePointer<Float>, stride: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  runLevels(plan, plan.outerLevels..<plan.levelCount, z, stride, scratch: scratch)
}

/// The outer levels of a divided plan for every n/m-th point, m the outer length.
///
/// Levels combine points that are multiples of n/m apart, so each remainder is for itself; only the
/// twiddle factors know it. `z` is the first of the m points at `remainder`, `remainder + n/m`, ... of
/// the transform, and `stride` the distance of one from the next.
func runOuterLevels(
  _ plan: FourierPlanView, remainder: Int, _ z: UnsafeMutablePointer<Float>, stride: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  let step = plan.length / plan.outerLength
  var level = plan.outerLevels &- 1
  while level >= 0 {
    runLevel(
      plan.levels[level], plan.table, z, stride, plan.outerLength,
      remainder: remainder, step: step, scratch)
    level &-= 1
  }
}

/// Some levels of one transform: depth first while it is long, so that data stay in cache.
private func runLevels(
  _ plan: FourierPlanView, _ levels: Range<Int>, _ z: UnsafeMutablePointer<Float>,
  _ stride: Int, scratch: UnsafeMutablePointer<Float>
) {
  guard !levels.isEmpty else { return }
  let outer = plan.levels[levels.lowerBound]
  let count = outer.radix &* outer.length
  if count <= blockLength {
    var level = levels.upperBound &- 1
    while level >= levels.lowerBound {
      runLevel(plan.levels[level], plan.table, z, stride, count, remainder: 0, step: 1, scratch)
      level &-= 1
    }
  } else {
    for t in 0..<outer.radix {
      runLevels(
        plan, levels.lowerBound &+ 1..<levels.upperBound, z + stride &* (t &* outer.length),
        stride, scratch: scratch)
    }
    runLevel(outer, plan.table, z, stride, count, remainder: 0, step: 1, scratch)
  }
}

/// One level for `count` points: those whose number leaves `remainder` when divided by `step`.
private func runLevel(
  _ level: FourierLevel, _ table: UnsafePointer<Float>, _ z: UnsafeMutablePointer<Float>,
  _ stride: Int, _ count: Int, remainder: Int, step: Int, _ scratch: UnsafeMutablePointer<Float>
) {
  let roots = table + level.table
  let pairs = 2 &* (level.radix &- 1)
  let twiddles = roots + (level.radix > 5 ? 2 &* level.radix : 0) + pairs &* remainder
  let part = LevelPart(
    z: z, stride: stride, count: count, length: level.length / step, twiddles: twiddles,
    twiddleStep: pairs &* step, isPlainFirst: remainder == 0)
  switch level.radix {
  case 2: radix2(part)
  case 3: radix3(part)
  case 4: radix4(part)
  case 5: radix5(part)
  default: oddRadix(level.radix, part, roots: roots, scratch)
  }
}

/// What one level does to a strip.
private struct LevelPart {
  /// The first point.
  var z: UnsafeMutablePointer<Float>
  /// Elements from one point to the next.
  var stride: Int
  /// Points.
  var count: Int
  /// Points of each of the transforms that are combined.
  var length: Int
  /// The first butterfly's twiddle factors.
  var twiddles: UnsafePointer<Float>
  /// Elements from one butterfly's twiddle factors to the next.
  var twiddleStep: Int
  /// Whether the first butterfly's factors are 1 and left out.
  var isPlainFirst: Bool

  /// Elements from one point of a butterfly to the next.
  @inline(__always)
  var step: Int { stride &* length }

  /// Calls `plain` for the butterflies without twiddle factors, `twiddled` for the others.
  @inline(__always)
  func forEachButterfly(
    radix: Int, _ plain: (UnsafeMutablePointer<Float>) -> Void,
    _ twiddled: (UnsafeMutablePointer<Float>, UnsafePointer<Float>) -> Void
  ) {
    var base = z
    let end = z + stride &* count
    while base < end {
      var p = base
      var t = twiddles
      var k = 0
      if isPlainFirst {
        plain(p)
        p += stride
        t += twiddleStep
        k = 1
      }
      while k < length {
        twiddled(p, t)
        p += stride
        t += twiddleStep
        k &+= 1
      }
      base += radix &* step
    }
  }
}

/// `X₀ = a + b`, `X₁ = a - b`.
private func radix2(_ part: LevelPart) {
  let step = part.step
  @inline(__always) func butterfly(_ p: UnsafeMutablePointer<Float>, _ b: ComplexLanes) {
    let a = complex(p)
    store(a + b, p)
    store(a - b, p + step)
  }
  @inline(__always) func plain(_ p: UnsafeMutablePointer<Float>) {
    butterfly(p, complex(p + step))
  }
  @inline(__always) func twiddled(_ p: UnsafeMutablePointer<Float>, _ t: UnsafePointer<Float>) {
    butterfly(p, complex(p + step, times: t))
  }
  part.forEachButterfly(radix: 2, plain, twiddled)
}

/// With `t = b + c`, `d = b - c`: `X₀ = a + t`, `X₁, X₂ = (a - t/2) ∓ i·(√3/2)·d`.
private func radix3(_ part: LevelPart) {
  let step = part.step
  let half = Lanes.broadcast(-0.5)
  let sine = Lanes.broadcast(0.866_025_403_784_439)
  @inline(__always) func butterfly(
    _ p: UnsafeMutablePointer<Float>, _ b: ComplexLanes, _ c: ComplexLanes
  ) {
    let a = complex(p)
    let t = b + c
    let d = b - c
    let e = timesPlus(t, half, a)
    store(a + t, p)
    store(timesMinusI(d, sine, e), p + step)
    store(timesPlusI(d, sine, e), p + 2 &* step)
  }
  @inline(__always) func plain(_ p: UnsafeMutablePointer<Float>) {
    butterfly(p, complex(p + step), complex(p + 2 &* step))
  }
  @inline(__always) func twiddled(_ p: UnsafeMutablePointer<Float>, _ t: UnsafePointer<Float>) {
    butterfly(p, complex(p + step, times: t), complex(p + 2 &* step, times: t + 2))
  }
  part.forEachButterfly(radix: 3, plain, twiddled)
}

/// `X₀, X₂ = (a + c) ± (b + d)`, `X₁, X₃ = (a - c) ∓ i·(b - d)`.
private func radix4(_ part: LevelPart) {
  let step = part.step
  @inline(__always) func butterfly(
    _ p: UnsafeMutablePointer<Float>, _ b: ComplexLanes, _ c: ComplexLanes, _ d: ComplexLanes
  ) {
    let a = complex(p)
    let e = a + c
    let f = a - c
    let g = b + d
    let h = b - d
    store(e + g, p)
    store((f.re + h.im, f.im - h.re), p + step)
    store(e - g, p + 2 &* step)
    store((f.re - h.im, f.im + h.re), p + 3 &* step)
  }
  @inline(__always) func plain(_ p: UnsafeMutablePointer<Float>) {
    butterfly(p, complex(p + step), complex(p + 2 &* step), complex(p + 3 &* step))
  }
  @inline(__always) func twiddled(_ p: UnsafeMutablePointer<Float>, _ t: UnsafePointer<Float>) {
    butterfly(
      p, complex(p + step, times: t), complex(p + 2 &* step, times: t + 2),
      complex(p + 3 &* step, times: t + 4))
  }
  part.forEachButterfly(radix: 4, plain, twiddled)
}

/// As ``oddRadix(_:_:_:_:_:_:)`` with r = 5, in registers.
private func radix5(_ part: LevelPart) {
  let step = part.step
  let cos1 = Lanes.broadcast(0.309_016_994_374_947)
  let cos2 = Lanes.broadcast(-0.809_016_994_374_947)
  let sin1 = Lanes.broadcast(0.951_056_516_295_154)
  let sin2 = Lanes.broadcast(0.587_785_252_292_473)
  @inline(__always) func butterfly(
    _ p: UnsafeMutablePointer<Float>, _ b: ComplexLanes, _ c: ComplexLanes, _ d: ComplexLanes,
    _ e: ComplexLanes
  ) {
    let a = complex(p)
    let t1 = b + e
    let t2 = c + d
    let d1 = b - e
    let d2 = c - d
    let m1 = timesPlus(t2, cos2, timesPlus(t1, cos1, a))
    let m2 = timesPlus(t2, cos1, timesPlus(t1, cos2, a))
    store((a + t1) + t2, p)
    store(timesMinusI(d2, sin2, timesMinusI(d1, sin1, m1)), p + step)
    store(timesPlusI(d2, sin1, timesMinusI(d1, sin2, m2)), p + 2 &* step)
    store(timesMinusI(d2, sin1, timesPlusI(d1, sin2, m2)), p + 3 &* step)
    store(timesPlusI(d2, sin2, timesPlusI(d1, sin1, m1)), p + 4 &* step)
  }
  @inline(__always) func plain(_ p: UnsafeMutablePointer<Float>) {
    butterfly(
      p, complex(p + step), complex(p + 2 &* step), complex(p + 3 &* step), complex(p + 4 &* step))
  }
  @inline(__always) func twiddled(_ p: UnsafeMutablePointer<Float>, _ t: UnsafePointer<Float>) {
    butterfly(
      p, complex(p + step, times: t), complex(p + 2 &* step, times: t + 2),
      complex(p + 3 &* step, times: t + 4), complex(p + 4 &* step, times: t + 6))
  }
  part.forEachButterfly(radix: 5, plain, twiddled)
}

/// An odd radix r by sums and differences of the pairs j, r - j.
///
///     t[j] = z[j] + z[r-j]       d[j] = z[j] - z[r-j]        j = 1 ... (r-1)/2
///     X[0]        = z[0] + t[1] + t[2] + …
///     X[k], X[r-k] = (z[0] + Σ cos(2πjk/r)·t[j]) ∓ i·Σ sin(2πjk/r)·d[j]
private func oddRadix(
  _ r: Int, _ part: LevelPart, roots: UnsafePointer<Float>,
  _ scratch: UnsafeMutablePointer<Float>
) {
  let step = part.step
  let pairs = r / 2
  let sums = scratch
  let differences = scratch + 32 &* pairs
  @inline(__always) func butterfly(
    _ p: UnsafeMutablePointer<Float>, _ t: UnsafePointer<Float>, isPlain: Bool
  ) {
    let a = complex(p)
    var first = a
    for j in 1...pairs {
      var b = complex(p + j &* step)
      var c = complex(p + (r &- j) &* step)
      if !isPlain {
        b = product(b, t + 2 &* (j &- 1))
        c = product(c, t + 2 &* (r &- j &- 1))
      }
      store(b + c, sums + 32 &* (j &- 1))
      store(b - c, differences + 32 &* (j &- 1))
      first = first + (b + c)
    }
    store(first, p)
    for i in 1...pairs {
      var even = a
      var odd: ComplexLanes = (Lanes.zero, Lanes.zero)
      var turn = 0
      for j in 0..<pairs {
        turn &+= i
        if turn >= r { turn &-= r }
        let cosine = Lanes.broadcast(roots[2 &* turn])
        let sine = Lanes.broadcast(roots[2 &* turn &+ 1])
        even = timesPlus(complex(sums + 32 &* j), cosine, even)
        odd = timesPlus(complex(differences + 32 &* j), sine, odd)
      }
      store((even.re + odd.im, even.im - odd.re), p + i &* step)
      store((even.re - odd.im, even.im + odd.re), p + (r &- i) &* step)
    }
  }
  @inline(__always) func plain(_ p: UnsafeMutablePointer<Float>) {
    butterfly(p, part.twiddles, isPlain: true)
  }
  @inline(__always) func twiddled(_ p: UnsafeMutablePointer<Float>, _ t: UnsafePointer<Float>) {
    butterfly(p, t, isPlain: false)
  }
  part.forEachButterfly(radix: r, plain, twiddled)
}
