// The data movement of the soft and the hard top-k: weighted sums of few rows each.

import TarnKernelInterface

/// `y[j] = Σ_i weights[j, i] · x[tokens[j, i]]`, one chain in increasing i.
///
///     y = w_0·x_0;  y = fma(w_1, x_1, y);  y = fma(w_2, x_2, y) …
///
/// - Parameters:
///   - x: `[tokens × d]`.
///   - tokens: `[rows of y × group]`. A number that is no row of `x` stands for a row of zeros and
///     is left out.
///   - weights: as many.
///   - group: entries for each row of `y`.
///   - y: `[rows × d]`, distinct from `x`. Zeros where no entry is left.
///
/// A single row with weight 1 is copied exactly. Cost: one read of each row that has an entry, one
/// write; eight rows a sweep, while the sum stays in L1.
func blendRows(
  _ x: MatrixView, tokens: UnsafePointer<Int32>, weights: UnsafePointer<Float>, group: Int,
  into y: MutableMatrixView
) {
  let limit = UInt(truncatingIfNeeded: x.rows)
  for j in 0..<y.rows {
    let row = y.row(j)
    let entries = tokens + j &* group
    let factors = weights + j &* group
    var isFirst = true
    var i = 0
    while i < group {
      // Up to eight entries that are rows of x.
      var found = 0
      var places = SIMD8<Int>.zero
      var factor = SIMD8<Float>.zero
      while found < 8 && i < group {
        let token = Int(entries[i])
        if UInt(bitPattern: token) < limit {
          places[found] = token
          factor[found] = factors[i]
          found &+= 1
        }
        i &+= 1
      }
      var done = 0
      if isFirst && found > 0 {
        isFirst = false
        let wa = Lanes(repeating: factor[0])
        let wb = Lanes(repeating: factor[1])
        @inline(__always) func one(_ a: Lanes) -> Lanes { wa * a }
        @inline(__always) func two(_ a: Lanes, _ b: Lanes) -> Lanes { multiplyAdd(wb, b, wa * a) }
        if found == 8 {
          addEight(x, places, factor, from: nil, to: row, count: y.columns)
          continue
        } else if found >= 2 {
          map(x.row(places[0]), x.row(places[1]), into: row, count: y.columns, two)
          done = 2
        } else {
          map(x.row(places[0]), into: row, count: y.columns, one)
          done = 1
        }
      } else if found == 8 {
        addEight(x, places, factor, from: row, to: row, count: y.columns)
        continue
      }
      while done &+ 2 <= found {
        let wa = Lanes(repeating: factor[done])
        let wb = Lanes(repeating: factor[done &+ 1])
        @inline(__always) func two(_ y: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes {
          multiplyAdd(wb, b, multiplyAdd(wa, a, y))
        }
        map(
          row, x.row(places[done]), x.row(places[done &+ 1]), into: row, count: y.columns, two)
        done &+= 2
      }
      if done < found {
        let wa = Lanes(repeating: factor[done])
        @inline(__always) func one(_ y: Lanes, _ a: Lanes) -> Lanes { multiplyAdd(wa, a, y) }
        map(row, x.row(places[done]), into: row, count: y.columns, one)
      }
    }
    if isFirst {
      for column in 0..<y.columns { row[column] = 0 }
    }
  }
}

/// `sum = start + Σ w·x` over eight rows; without a start from the first product.
@inline(__always)
private func addEight(
  _ x: MatrixView, _ places: SIMD8<Int>, _ factor: SIMD8<Float>, from start: UnsafePointer<Float>?,
  to sum: UnsafeMutablePointer<Float>, count: Int
) {
  let (a, b, c, d) = (x.row(places[0]), x.row(places[1]), x.row(places[2]), x.row(places[3]))
  let (e, f, g, h) = (x.row(places[4]), x.row(places[5]), x.row(places[6]), x.row(places[7]))
  @inline(__always) func added(_ j: Int, _ rest: Int, _ y: Lanes) -> Lanes {
    var y = y
    y = multiplyAdd(.broadcast(factor[1]), Lanes(b + j, upTo: rest), y)
    y = multiplyAdd(.broadcast(factor[2]), Lanes(c + j, upTo: rest), y)
    y = multiplyAdd(.broadcast(factor[3]), Lanes(d + j, upTo: rest), y)
    y = multiplyAdd(.broadcast(factor[4]), Lanes(e + j, upTo: rest), y)
    y = multiplyAdd(.broadcast(factor[5]), Lanes(f + j, upTo: rest), y)
    y = multiplyAdd(.broadcast(factor[6]), Lanes(g + j, upTo: rest), y)
    return multiplyAdd(.broadcast(factor[7]), Lanes(h + j, upTo: rest), y)
  }
  let wa = Lanes(repeating: factor[0])
  var j = 0
  if let start {
    while j &+ 16 <= count {
      added(j, 16, multiplyAdd(wa, Lanes(a + j), Lanes(start + j))).store(sum + j)
      j &+= 16
    }
  } else {
    while j &+ 16 <= count {
      added(j, 16, wa * Lanes(a + j)).store(sum + j)
      j &+= 16
    }
  }
  if j < count {
    let rest = count &- j
    let first = Lanes(a + j, count: rest, fill: 0)
    var y = wa * first
    if let start { y = multiplyAdd(wa, first, Lanes(start + j, count: rest, fill: 0)) }
    added(j, rest, y).store(sum + j, count: rest)
  }
}

/// The gradient of ``blendRows(_:tokens:weights:group:into:)``: to the rows, and to the weights.
///
///     dx[t] = weights[i]·dy[j]        dots[t] = ⟨dy[j], x[t]⟩        i = places[t], j = i / group
///
/// - Parameters:
///   - dy: `[rows × d]`.
///   - x: `[tokens × d]`, or nil where the weights are constants; then `dots` is not written.
///   - places: for each token the one entry of the lists that names it, or -1.
///   - weights: one for each entry.
///   - group: entries for each row of `dy`.
///   - dx: `[tokens × d]`, distinct from the others. Zeros for a token with place -1.
///   - dots: `[tokens]`; sums in the order of Rows.swift, 0 for a token with place -1.
///
/// Cost: one read of `x`, one write of `dx`, both in order; `dy` from cache.
func spreadRows(
  _ dy: MatrixView, x: MatrixView?, places: UnsafePointer<Int32>,
  weights: UnsafePointer<Float>, group: Int, into dx: MutableMatrixView,
  dots: UnsafeMutablePointer<Float>
) {
  for t in 0..<dx.rows {
    let place = Int(places[t])
    let target = dx.row(t)
    if place < 0 {
      for j in 0..<dx.columns { target[j] = 0 }
      if x != nil { dots[t] = 0 }
      continue
    }
    let g = dy.row(place / group)
    let weight = Lanes(repeating: weights[place])
    if let x {
      dots[t] = scaleWithProduct(g, weight, x.row(t), into: target, count: dx.columns)
    } else {
      @inline(__always) func scaled(_ g: Lanes) -> Lanes { weight * g }
      map(g, into: target, count: dx.columns, scaled)
    }
  }
}

/// `y = weight · g`; the inner product of g and x, as ``innerProduct(_:_:count:)`` sums it.
@inline(__always)
private func scaleWithProduct(
  _ g: UnsafePointer<Float>, _ weight: Lanes, _ x: UnsafePointer<Float>,
  into y: UnsafeMutablePointer<Float>, count: Int
) -> Float {
  var s0 = Lanes.zero
  var s1 = Lanes.zero
  var s2 = Lanes.zero
  var s3 = Lanes.zero
  @inline(__always) func step(_ i: Int, _ s: inout Lanes) {
    let upstream = Lanes(g + i)
    (weight * upstream).store(y + i)
    s = multiplyAdd(upstream, Lanes(x + i), s)
  }
  var i = 0
  while i &+ 64 <= count {
    step(i, &s0)
    step(i &+ 16, &s1)
    step(i &+ 32, &s2)
    step(i &+ 48, &s3)
    i &+= 64
  }
  var vector = 0
  while i < count {
    let rest = min(16, count &- i)
    let upstream = Lanes(g + i, upTo: rest)
    let row = Lanes(x + i, upTo: rest)
    (weight * upstream).store(y + i, upTo: rest)
    switch vector {
    case 0: s0 = multiplyAdd(upstream, row, s0)
    case 1: s1 = multiplyAdd(upstream, row, s1)
    case 2: s2 = multiplyAdd(upstream, row, s2)
    default: s3 = multiplyAdd(upstream, row, s3)
    }
    vector &+= 1
    i &+= 16
  }
  return ((s0 + s1) + (s2 + s3)).joined()
}
