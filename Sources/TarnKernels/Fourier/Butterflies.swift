// The mixed-radix transform of a strip, in place. Touches pointers.

import TarnKernelInterface

/// Points of a transform whose levels are run one after another; longer ones are divided first.
///
/// 128 points are 16 KB, half of a first-level cache.
private let blockLength = 128

/// `Z[k] = Σ z[p]·e^(-2πi·kp/n)` of the strip `work`, whose point p lies at `plan.order[p]`.
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
///   - work: the strip, `32·plan.innerLength` elements.
///   - rest: another such strip for Bluestein's algorithm, then scratch.
/// - Returns: where the transform is, in natural order.
///
/// Cost: about 5·n·log₂ n operations a column; the outermost levels read and write the strip, the
/// others stay in the first-level cache. Lanes are independent: NaN in one reaches no other.
///
/// ## Safety
/// As ``FourierPlanView``.
func transformStrip(
  _ plan: FourierPlanView, _ work: UnsafeMutablePointer<Float>,
  rest: UnsafeMutablePointer<Float>
) -> UnsafeMutablePointer<Float> {
  let inner = plan.innerLength
  guard let chirp = plan.chirp else {
    runLevels(plan, 0, work, scratch: rest)
    return work
  }
  let second = rest
  let scratch = second + 32 &* inner
  for p in 0..<plan.length {
    let z = work + 32 &* Int(plan.order[p])
    store(complex(z, times: chirp + 2 &* p), z)
  }
  for p in plan.length..<inner {
    store((Lanes.zero, Lanes.zero), work + 32 &* Int(plan.order[p]))
  }
  runLevels(plan, 0, work, scratch: scratch)
  // The inverse transform is the forward one with real and imaginary parts exchanged.
  let spectrum = chirp + 2 &* plan.length
  for k in 0..<inner {
    let z = complex(work + 32 &* k, times: spectrum + 2 &* k)
    store(swapped(z), second + 32 &* Int(plan.order[k]))
  }
  runLevels(plan, 0, second, scratch: scratch)
  for k in 0..<plan.length {
    let z = second + 32 &* k
    store(product(swapped(complex(z)), chirp + 2 &* k), z)
  }
  return second
}

/// Levels `first…` of one transform: depth first while it is long, so that data stay in cache.
private func runLevels(
  _ plan: FourierPlanView, _ first: Int, _ z: UnsafeMutablePointer<Float>,
  scratch: UnsafeMutablePointer<Float>
) {
  guard first < plan.levelCount else { return }
  let outer = plan.levels[first]
  let count = outer.radix &* outer.length
  if count <= blockLength {
    var level = plan.levelCount &- 1
    while level >= first {
      runLevel(plan.levels[level], plan.table, z, count, scratch)
      level &-= 1
    }
  } else {
    for t in 0..<outer.radix {
      runLevels(plan, first &+ 1, z + 32 &* (t &* outer.length), scratch: scratch)
    }
    runLevel(outer, plan.table, z, count, scratch)
  }
}

/// One level for `count` points, a multiple of `radix · length`.
private func runLevel(
  _ level: FourierLevel, _ table: UnsafePointer<Float>, _ z: UnsafeMutablePointer<Float>,
  _ count: Int, _ scratch: UnsafeMutablePointer<Float>
) {
  let m = level.length
  let w = table + level.table
  switch level.radix {
  case 2: radix2(z, count, m, w)
  case 3: radix3(z, count, m, w)
  case 4: radix4(z, count, m, w)
  case 5: radix5(z, count, m, w)
  default: oddRadix(level.radix, z, count, m, w, scratch)
  }
}

/// `X₀ = a + b`, `X₁ = a - b`.
private func radix2(
  _ z: UnsafeMutablePointer<Float>, _ count: Int, _ m: Int, _ w: UnsafePointer<Float>
) {
  let step = 32 &* m
  @inline(__always) func butterfly(_ p: UnsafeMutablePointer<Float>, _ b: ComplexLanes) {
    let a = complex(p)
    store(a + b, p)
    store(a - b, p + step)
  }
  var base = z
  let end = z + 32 &* count
  while base < end {
    butterfly(base, complex(base + step))
    var p = base + 32
    var t = w + 2
    for _ in 1..<m {
      butterfly(p, complex(p + step, times: t))
      p += 32
      t += 2
    }
    base += 2 &* step
  }
}

/// With `t = b + c`, `d = b - c`: `X₀ = a + t`, `X₁, X₂ = (a - t/2) ∓ i·(√3/2)·d`.
private func radix3(
  _ z: UnsafeMutablePointer<Float>, _ count: Int, _ m: Int, _ w: UnsafePointer<Float>
) {
  let step = 32 &* m
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
  var base = z
  let end = z + 32 &* count
  while base < end {
    butterfly(base, complex(base + step), complex(base + 2 &* step))
    var p = base + 32
    var t = w + 4
    for _ in 1..<m {
      butterfly(
        p, complex(p + step, times: t), complex(p + 2 &* step, times: t + 2))
      p += 32
      t += 4
    }
    base += 3 &* step
  }
}

/// `X₀, X₂ = (a + c) ± (b + d)`, `X₁, X₃ = (a - c) ∓ i·(b - d)`.
private func radix4(
  _ z: UnsafeMutablePointer<Float>, _ count: Int, _ m: Int, _ w: UnsafePointer<Float>
) {
  let step = 32 &* m
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
  var base = z
  let end = z + 32 &* count
  while base < end {
    butterfly(
      base, complex(base + step), complex(base + 2 &* step),
      complex(base + 3 &* step))
    var p = base + 32
    var t = w + 6
    for _ in 1..<m {
      butterfly(
        p, complex(p + step, times: t), complex(p + 2 &* step, times: t + 2),
        complex(p + 3 &* step, times: t + 4))
      p += 32
      t += 6
    }
    base += 4 &* step
  }
}

/// As ``oddRadix(_:_:_:_:_:_:)`` with r = 5, in registers.
private func radix5(
  _ z: UnsafeMutablePointer<Float>, _ count: Int, _ m: Int, _ w: UnsafePointer<Float>
) {
  let step = 32 &* m
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
  var base = z
  let end = z + 32 &* count
  while base < end {
    butterfly(
      base, complex(base + step), complex(base + 2 &* step),
      complex(base + 3 &* step), complex(base + 4 &* step))
    var p = base + 32
    var t = w + 8
    for _ in 1..<m {
      butterfly(
        p, complex(p + step, times: t), complex(p + 2 &* step, times: t + 2),
        complex(p + 3 &* step, times: t + 4), complex(p + 4 &* step, times: t + 6))
      p += 32
      t += 8
    }
    base += 5 &* step
  }
}

/// An odd radix r by sums and differences of the pairs j, r - j.
///
///     t[j] = z[j] + z[r-j]       d[j] = z[j] - z[r-j]        j = 1 ... (r-1)/2
///     X[0]        = z[0] + t[1] + t[2] + …
///     X[k], X[r-k] = (z[0] + Σ cos(2πjk/r)·t[j]) ∓ i·Σ sin(2πjk/r)·d[j]
private func oddRadix(
  _ r: Int, _ z: UnsafeMutablePointer<Float>, _ count: Int, _ m: Int, _ w: UnsafePointer<Float>,
  _ scratch: UnsafeMutablePointer<Float>
) {
  let step = 32 &* m
  let pairs = r / 2
  let roots = w
  let sums = scratch
  let differences = scratch + 32 &* pairs
  var base = z
  let end = z + 32 &* count
  while base < end {
    var p = base
    var t = w + 2 &* r
    for k in 0..<m {
      let a = complex(p)
      var first = a
      for j in 1...pairs {
        var b = complex(p + j &* step)
        var c = complex(p + (r &- j) &* step)
        if k > 0 {
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
      p += 32
      t += 2 &* (r &- 1)
    }
    base += r &* step
  }
}
