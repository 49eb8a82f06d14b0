// The traversals: a row in vectors of sixteen, its tail in a vector that is filled up. Kernels pass
// their formula as a local function marked `@inline(__always)`; it is inlined into whole registers.
//
// Sums have one order on all targets: vector i is added to accumulator i mod 4; then
// (0 + 1) + (2 + 3), then the sixteen lanes by halving.

/// `count` (1…16) elements of a row from `j`, the other lanes 0.
@inline(__always)
func columns(_ row: UnsafePointer<Float>, at j: Int, count: Int) -> Lanes {
  count == 16 ? Lanes(row + j) : Lanes(row + j, count: count, fill: 0)
}

/// Stores the first `count` (1…16) lanes to a row from `j`.
@inline(__always)
func store(_ x: Lanes, _ row: UnsafeMutablePointer<Float>, at j: Int, count: Int) {
  if count == 16 { x.store(row + j) } else { x.store(row + j, count: count) }
}

/// `y[i] = f(x[i])`.
///
/// `y` may be `x`. Tail lanes are filled with 0, so `f` sees no other memory.
@inline(__always)
func map(
  _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int,
  _ f: (Lanes) -> Lanes
) {
  var i = 0
  while i &+ 16 <= count {
    f(Lanes(x + i)).store(y + i)
    i &+= 16
  }
  if i < count {
    let rest = count &- i
    f(Lanes(x + i, count: rest, fill: 0)).store(y + i, count: rest)
  }
}

/// `z[i] = f(x[i], y[i])`.
///
/// `z` may be `x` or `y`.
@inline(__always)
func map(
  _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, into z: UnsafeMutablePointer<Float>,
  count: Int, _ f: (Lanes, Lanes) -> Lanes
) {
  var i = 0
  while i &+ 16 <= count {
    f(Lanes(x + i), Lanes(y + i)).store(z + i)
    i &+= 16
  }
  if i < count {
    let rest = count &- i
    f(Lanes(x + i, count: rest, fill: 0), Lanes(y + i, count: rest, fill: 0))
      .store(z + i, count: rest)
  }
}

/// `w[i] = f(x[i], y[i], z[i])`.
///
/// `w` may be `x`, `y` or `z`.
@inline(__always)
func map(
  _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ z: UnsafePointer<Float>,
  into w: UnsafeMutablePointer<Float>, count: Int, _ f: (Lanes, Lanes, Lanes) -> Lanes
) {
  var i = 0
  while i &+ 16 <= count {
    f(Lanes(x + i), Lanes(y + i), Lanes(z + i)).store(w + i)
    i &+= 16
  }
  if i < count {
    let rest = count &- i
    f(
      Lanes(x + i, count: rest, fill: 0), Lanes(y + i, count: rest, fill: 0),
      Lanes(z + i, count: rest, fill: 0)
    ).store(w + i, count: rest)
  }
}

/// The sum of `f(x[i])` in the order of this file.
///
/// A tail lane past the end adds 0, whatever `f(0)` is. 0 for an empty row.
@inline(__always)
func sum(_ x: UnsafePointer<Float>, count: Int, _ f: (Lanes) -> Lanes) -> Float {
  @inline(__always) func vector(_ i: Int) -> Lanes { f(Lanes(x + i)) }
  @inline(__always) func tail(_ i: Int, _ rest: Int) -> Lanes {
    f(Lanes(x + i, count: rest, fill: 0))
  }
  return sumOfVectors(count: count, vector, tail: tail)
}

/// The sum of `f(x[i], y[i])`, as the sum over one row.
@inline(__always)
func sum(
  _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int, _ f: (Lanes, Lanes) -> Lanes
) -> Float {
  @inline(__always) func vector(_ i: Int) -> Lanes { f(Lanes(x + i), Lanes(y + i)) }
  @inline(__always) func tail(_ i: Int, _ rest: Int) -> Lanes {
    f(Lanes(x + i, count: rest, fill: 0), Lanes(y + i, count: rest, fill: 0))
  }
  return sumOfVectors(count: count, vector, tail: tail)
}

/// The sum of `f(x[i], y[i], z[i])`, as the sum over one row.
@inline(__always)
func sum(
  _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ z: UnsafePointer<Float>, count: Int,
  _ f: (Lanes, Lanes, Lanes) -> Lanes
) -> Float {
  @inline(__always) func vector(_ i: Int) -> Lanes { f(Lanes(x + i), Lanes(y + i), Lanes(z + i)) }
  @inline(__always) func tail(_ i: Int, _ rest: Int) -> Lanes {
    f(
      Lanes(x + i, count: rest, fill: 0), Lanes(y + i, count: rest, fill: 0),
      Lanes(z + i, count: rest, fill: 0))
  }
  return sumOfVectors(count: count, vector, tail: tail)
}

/// `z[i] = f(x[i], y[i])`, and the sum of the z[i] in the order of this file.
///
/// `z` may be `x` or `y`.
@inline(__always)
func mapAndSum(
  _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, into z: UnsafeMutablePointer<Float>,
  count: Int, _ f: (Lanes, Lanes) -> Lanes
) -> Float {
  @inline(__always) func vector(_ i: Int) -> Lanes {
    let value = f(Lanes(x + i), Lanes(y + i))
    value.store(z + i)
    return value
  }
  @inline(__always) func tail(_ i: Int, _ rest: Int) -> Lanes {
    let value = f(Lanes(x + i, count: rest, fill: 0), Lanes(y + i, count: rest, fill: 0))
    value.store(z + i, count: rest)
    return value
  }
  return sumOfVectors(count: count, vector, tail: tail)
}

/// Two sums at once, each in the order of this file and of the terms that `sumOfVectors` takes.
@inline(__always)
func sumsOfVectors(
  count: Int, _ vector: (Int) -> (Lanes, Lanes), tail: (Int, Int) -> (Lanes, Lanes)
) -> (Float, Float) {
  var s0 = Lanes.zero
  var s1 = Lanes.zero
  var s2 = Lanes.zero
  var s3 = Lanes.zero
  var t0 = Lanes.zero
  var t1 = Lanes.zero
  var t2 = Lanes.zero
  var t3 = Lanes.zero
  @inline(__always) func add(_ s: inout Lanes, _ t: inout Lanes, _ terms: (Lanes, Lanes)) {
    s += terms.0
    t += terms.1
  }
  var i = 0
  while i &+ 64 <= count {
    add(&s0, &t0, vector(i))
    add(&s1, &t1, vector(i &+ 16))
    add(&s2, &t2, vector(i &+ 32))
    add(&s3, &t3, vector(i &+ 48))
    i &+= 64
  }
  var accumulator = 0
  while i < count {
    var terms: (Lanes, Lanes)
    if i &+ 16 <= count {
      terms = vector(i)
    } else {
      let rest = count &- i
      terms = tail(i, rest)
      terms = (terms.0.kept(rest), terms.1.kept(rest))
    }
    switch accumulator {
    case 0: add(&s0, &t0, terms)
    case 1: add(&s1, &t1, terms)
    case 2: add(&s2, &t2, terms)
    default: add(&s3, &t3, terms)
    }
    accumulator &+= 1
    i &+= 16
  }
  return (((s0 + s1) + (s2 + s3)).joined(), ((t0 + t1) + (t2 + t3)).joined())
}

/// The order of sums: `vector(i)` gives the terms of elements i to i + 15, `tail(i, rest)` those of
/// the last 1 to 15, whose other lanes are left out.
///
/// Each is called once, for rising i.
@inline(__always)
func sumOfVectors(count: Int, _ vector: (Int) -> Lanes, tail: (Int, Int) -> Lanes) -> Float {
  var sums = noSums
  addVectors(to: &sums, from: 0, count: count, vector, tail: tail)
  return joined(sums)
}

/// The four accumulators of a sum: vector i is added to accumulator i mod 4.
///
/// (A structure would leave a weak symbol for copying it.)
typealias LaneSums = (Lanes, Lanes, Lanes, Lanes)

/// Four zeros.
var noSums: LaneSums { @inline(__always) get { (.zero, .zero, .zero, .zero) } }

/// Adds the terms of the elements from `start`, a multiple of 64, to `count`, as `sumOfVectors`.
@inline(__always)
func addVectors(
  to sums: inout LaneSums, from start: Int, count: Int, _ vector: (Int) -> Lanes,
  tail: (Int, Int) -> Lanes
) {
  var i = start
  while i &+ 64 <= count {
    sums.0 += vector(i)
    sums.1 += vector(i &+ 16)
    sums.2 += vector(i &+ 32)
    sums.3 += vector(i &+ 48)
    i &+= 64
  }
  var accumulator = 0
  while i < count {
    var term: Lanes
    if i &+ 16 <= count {
      term = vector(i)
    } else {
      let rest = count &- i
      term = tail(i, rest).kept(rest)
    }
    switch accumulator {
    case 0: sums.0 += term
    case 1: sums.1 += term
    case 2: sums.2 += term
    default: sums.3 += term
    }
    accumulator &+= 1
    i &+= 16
  }
}

/// (0 + 1) + (2 + 3), then the lanes by halving.
@inline(__always)
func joined(_ sums: LaneSums) -> Float { ((sums.0 + sums.1) + (sums.2 + sums.3)).joined() }

/// The largest `x[i]`; -∞ for an empty row; NaN if one is NaN.
@inline(__always)
func maximum(_ x: UnsafePointer<Float>, count: Int) -> Float {
  var m = Lanes(repeating: -.infinity)
  var i = 0
  while i &+ 16 <= count {
    m = m.maximum(Lanes(x + i))
    i &+= 16
  }
  if i < count {
    m = m.maximum(Lanes(x + i, count: count &- i, fill: -.infinity))
  }
  return m.joinedMaximum()
}
