// Segment maximum with the tokens that hold it, and the gradients that follow the labels.

import TarnKernelInterface

/// `m[label(t), j] = max x[t, j]`, and the first token that holds it.
///
/// Segment max-pooling of Tan et al. 2022 (arXiv:2110.02442) with what its gradient needs. A
/// segment's first row is copied; of a run with one label eight rows are taken in a sweep.
///
/// - Parameters:
///   - x: `[tokens × columns]`.
///   - labels: one row number of `maxima` for each token; checked by the caller.
///   - maxima: `[segments × columns]`, written; -∞ for a segment without tokens.
///   - tokens: as many elements as `maxima`, written; -1 for a segment without tokens.
///   - tokenStride: the row stride of `tokens`.
///
/// Exact. Of equal values, of +0 and -0, the first token wins; NaN is larger than any number, and
/// the first NaN wins. Cost: one read of `x`.
func segmentArgmax(
  _ x: MatrixView, labels: UnsafePointer<Int32>, into maxima: MutableMatrixView,
  tokens: UnsafeMutablePointer<Int32>, tokenStride: Int
) {
  for s in 0..<maxima.rows {
    for j in 0..<maxima.columns {
      maxima.row(s)[j] = -.infinity
      (tokens + s &* tokenStride)[j] = -1
    }
  }
  var t = 0
  while t < x.rows {
    let label = Int(labels[t])
    let m = maxima.row(label)
    let best = tokens + label &* tokenStride
    if x.columns > 0 && best[0] < 0 {
      @inline(__always) func same(_ x: Lanes) -> Lanes { x }
      map(x.row(t), into: m, count: x.columns, same)
      for j in 0..<x.columns { best[j] = Int32(truncatingIfNeeded: t) }
      t &+= 1
      continue
    }
    var run = 1
    while run < 8 && t &+ run < x.rows && Int(labels[t &+ run]) == label { run &+= 1 }
    takeRun(x[rows: t..<t &+ run], first: t, into: m, tokens: best)
    t &+= run
  }
}

/// Rows of one label in order.
@inline(never)
private func takeRun(
  _ x: MatrixView, first: Int, into m: UnsafeMutablePointer<Float>,
  tokens best: UnsafeMutablePointer<Int32>
) {
  var j = 0
  while j &+ 16 <= x.columns {
    var most = Lanes(m + j)
    var token = UnsafeRawPointer(best + j).loadUnaligned(as: SIMD16<Int32>.self)
    var number = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: first))
    for u in 0..<x.rows {
      takeExtreme(LargestFirst.self, Lanes(x.row(u) + j), number, &most, &token)
      number &+= 1
    }
    most.store(m + j)
    UnsafeMutableRawPointer(best + j).storeBytes(of: token, as: SIMD16<Int32>.self)
    j &+= 16
  }
  while j < x.columns {
    for u in 0..<x.rows {
      let value = x.row(u)[j]
      let isMore = value > m[j] || (value != value && m[j] == m[j])
      if isMore {
        m[j] = value
        best[j] = Int32(truncatingIfNeeded: first &+ u)
      }
    }
    j &+= 1
  }
}

/// `dx[t, j] = dy[label(t), j]` where token t holds the maximum, else 0.
///
/// - Parameters:
///   - labels: one row number of `dy` for each row of `dx`.
///   - tokens: `[segments × columns]` of ``segmentArgmax(_:labels:into:tokens:tokenStride:)``,
///     contiguous.
///   - first: the token of row 0 of `dx`.
///   - dy: `[segments × columns]`.
///   - dx: `[tokens × columns]`.
///
/// Exact. Cost: one write of `dx`; a segment's rows stay in L1 while it lasts.
func segmentMaxGradient(
  labels: UnsafePointer<Int32>, tokens: UnsafePointer<Int32>, first: Int, dy: MatrixView,
  into dx: MutableMatrixView
) {
  for i in 0..<dx.rows {
    let label = Int(labels[i])
    let best = tokens + label &* dx.columns
    let g = dy.row(label)
    let target = dx.row(i)
    let token = Int32(truncatingIfNeeded: first &+ i)
    let here = SIMD16<Int32>(repeating: token)
    var j = 0
    while j &+ 16 <= dx.columns {
      let isHere = UnsafeRawPointer(best + j).loadUnaligned(as: SIMD16<Int32>.self) .== here
      Lanes.zero.replacing(with: Lanes(g + j), where: isHere).store(target + j)
      j &+= 16
    }
    while j < dx.columns {
      target[j] = best[j] == token ? g[j] : 0
      j &+= 1
    }
  }
}

/// `table[indices[t]] += x[t]` for each row t in order: the gradient of a gather.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - indices: one row number of `table` for each row; checked by the caller.
///   - table: `[entries × columns]`, updated.
///
/// One chain a column and entry, in row order. Cost: one read of `x`; an entry stays in L1 while
/// its run lasts, four rows of a run are added in one sweep.
func addRows(
  _ x: MatrixView, indices: UnsafePointer<Int32>, into table: MutableMatrixView
) {
  var t = 0
  while t < x.rows {
    let index = indices[t]
    let sum = table.row(Int(index))
    if t &+ 4 <= x.rows && indices[t &+ 1] == index && indices[t &+ 2] == index
      && indices[t &+ 3] == index
    {
      let (a, b, c, d) = (x.row(t), x.row(t &+ 1), x.row(t &+ 2), x.row(t &+ 3))
      var j = 0
      while j &+ 16 <= x.columns {
        ((((Lanes(sum + j) + Lanes(a + j)) + Lanes(b + j)) + Lanes(c + j)) + Lanes(d + j))
          .store(sum + j)
        j &+= 16
      }
      while j < x.columns {
        sum[j] = (((sum[j] + a[j]) + b[j]) + c[j]) + d[j]
        j &+= 1
      }
      t &+= 4
    } else {
      @inline(__always) func plus(_ s: Lanes, _ x: Lanes) -> Lanes { s + x }
      map(sum, x.row(t), into: sum, count: x.columns, plus)
      t &+= 1
    }
  }
}

/// `y[t] = row` where t is kept, else 0: the gradient of a mean over tokens.
///
/// - Parameters:
///   - row: `[columns]`.
///   - keep: one flag for each row of `y`, or nil for all.
///   - y: `[tokens × columns]`.
///
/// Exact. Cost: one write of `y`.
func repeatRow(
  _ row: UnsafePointer<Float>, keep: UnsafePointer<Bool>?, into y: MutableMatrixView
) {
  for t in 0..<y.rows {
    let target = y.row(t)
    if keep?[t] ?? true {
      @inline(__always) func same(_ x: Lanes) -> Lanes { x }
      map(row, into: target, count: y.columns, same)
    } else {
      for j in 0..<y.columns { target[j] = 0 }
    }
  }
}
