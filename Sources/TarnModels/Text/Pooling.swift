// From the hidden states of a text to one vector.

internal import Tarn
public import TarnText

/// How the hidden states of a text become one vector.
public enum Pooling: String, CaseIterable, Sendable {
  /// The mean over all tokens that are not masked, specials included.
  case mean
  /// The first token's.
  case cls
  /// The largest value of each column over the tokens that are not masked.
  case max
}

extension TokenStates {
  /// One row a sequence, `[sequences × d]`.
  func pooled(_ pooling: Pooling, on execution: Execution) throws(TarnError) -> Matrix {
    switch pooling {
    case .mean:
      var mean = try Matrix(rows: sequences.count, columns: rows.columns)
      try maskedMean(rows, over: sequences, keep: batch.keep, into: &mean, on: execution)
      return mean
    case .cls:
      return try batch.firstRows(of: rows, on: execution)
    case .max:
      // One more row takes what nobody reads: masked tokens.
      var maxima = try Matrix(rows: sequences.count + 1, columns: rows.columns)
      try maxima.fillRows(Array(repeating: -.infinity, count: maxima.rows))
      var labels: [Int32] = []
      for s in 0..<sequences.count {
        for row in sequences[s] {
          labels.append(Int32(batch.keep?[row] ?? true ? s : sequences.count))
        }
      }
      try segmentMax(rows, labels: labels, into: &maxima, on: execution)
      return maxima.rows(0..<sequences.count)
    }
  }
}

/// `y[i] = x[i] / √(Σ x[i]² + 10⁻²⁴)`: rows of length 1, and zero rows of zeros.
func normalized(_ x: Matrix, on execution: Execution) throws(TarnError) -> Matrix {
  guard x.columns > 0 else { return x }
  // x / √(mean x² + ε) · 1/√d with ε = 10⁻²⁴/d.
  let d = Float(x.columns)
  var y = try Matrix(rows: x.rows, columns: x.columns)
  try rmsNorm(
    x, gain: Matrix(Array(repeating: 1 / d.squareRoot(), count: x.columns)),
    epsilon: 1e-24 / d, into: &y, on: execution)
  return y
}

extension EncoderModel {
  /// A vector for each encoded text, in batches of like length; results in the order of the texts.
  ///
  /// - Throws: ``ModelError`` for an encoding that does not fit the model.
  public func vectors(
    _ documents: [DocumentEncoding], _ pooling: Pooling, normalizes: Bool
  ) throws(ModelError) -> [[Float]] {
    try LengthBatches(documents.map { $0.encoding.count }).map { (batch) throws(ModelError) in
      let inputs = batch.map { Input(documents[$0]) }
      let pooled: Matrix
      if pooling == .cls {
        pooled = try firstStates(inputs)
      } else {
        let states = try states(inputs)
        pooled = try operation { () throws(TarnError) in
          try states.pooled(pooling, on: execution)
        }
      }
      let vectors = try operation { () throws(TarnError) in
        normalizes ? try normalized(pooled, on: execution) : pooled
      }
      return batch.indices.map { vectors.rows($0..<$0 + 1).elements }
    }
  }
}
