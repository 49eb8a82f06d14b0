// Plain loops for the poolings. Maxima are exact, so these give Float and are compared bit for bit.

public import TarnKernelInterface

/// The larger value; NaN if either is NaN.
private func larger(_ a: Float, _ b: Float) -> Float {
  a.isNaN || b.isNaN ? .nan : a < b ? b : a
}

/// The mean over the kept rows of one sequence, and the mean of absolute values.
public func meanOracle(
  _ x: [Float], rows: Int, columns: Int, keep: [Bool]?
) -> (values: [Double], magnitudes: [Double]) {
  var values = [Double](repeating: 0, count: columns)
  var magnitudes = values
  var kept = 0.0
  for t in 0..<rows where keep?[t] ?? true {
    kept += 1
    for j in 0..<columns {
      values[j] += Double(x[t * columns + j])
      magnitudes[j] += abs(Double(x[t * columns + j]))
    }
  }
  return (values.map { $0 / kept }, magnitudes.map { $0 / kept })
}

/// `m[s, j]`: the largest `x[t, j]` over all t with label s; -∞ where there is none.
public func segmentMaxOracle(
  _ x: [Float], columns: Int, labels: [Int32], segments: Int
) -> [Float] {
  var m = [Float](repeating: -.infinity, count: segments * columns)
  for (t, label) in labels.enumerated() {
    for j in 0..<columns {
      let i = Int(label) * columns + j
      m[i] = larger(m[i], x[t * columns + j])
    }
  }
  return m
}

/// `y[t, j]`: the largest `x[u, j]` over `t - (w-1)/2 ≤ u ≤ t + w/2` inside the sequence.
public func slidingMaxOracle(_ x: [Float], rows: Int, columns: Int, window: Int) -> [Float] {
  (0..<rows).flatMap { t in
    (0..<columns).map { j in
      var m = -Float.infinity
      for u in 0..<rows where u >= t - (window - 1) / 2 && u <= t + window / 2 {
        m = larger(m, x[u * columns + j])
      }
      return m
    }
  }
}

/// The window of three whose neighbours are the row beside, the fill, or nothing.
public func neighbourMaxOracle(
  _ x: [Float], columns: Int, neighbours: [WindowNeighbours], fill: Float
) -> [Float] {
  neighbours.enumerated().flatMap { t, code in
    (0..<columns).map { j in
      var m = x[(t + 1) * columns + j]
      if code.hasLeftRow { m = larger(m, x[t * columns + j]) }
      if code.hasRightRow { m = larger(m, x[(t + 2) * columns + j]) }
      if code.hasFill { m = larger(m, fill) }
      return m
    }
  }
}

/// `y[i] = table[indices[i]]`.
public func gatherOracle(_ table: [Float], columns: Int, indices: [Int32]) -> [Float] {
  indices.flatMap { table[Int($0) * columns..<(Int($0) + 1) * columns] }
}

/// `c[t] = (v + S) ∘ o + l`, `v ∘ o` for a global-only token, 0 for a masked one, with the
/// roundings of the contract.
public func fuseOracle(
  _ model: ContractModel, kinds: [FusionKind], v: [Float], sequences: [Int32], maxima: [Float],
  labels: [Int32], o: [Float], local: [Float], columns: Int
) -> [Float] {
  kinds.indices.flatMap { t in
    (0..<columns).map { j in
      let global = v[Int(sequences[t]) * columns + j]
      switch kinds[t] {
      case .masked: return 0
      case .globalOnly: return global * o[t * columns + j]
      case .full:
        return model.multiplyAdd(
          global + maxima[Int(labels[t]) * columns + j], o[t * columns + j],
          local[t * columns + j])
      }
    }
  }
}
