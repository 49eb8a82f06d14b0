// The contract of RMS norm and of the gradients, one scalar at a time.

extension ContractModel {
  /// RMS norm of one row.
  public func rmsNorm(_ x: [Float], gain: [Float], epsilon: Float) -> [Float] {
    let rrms = reciprocalRootMeanSquare(x, epsilon: epsilon)
    return x.indices.map { x[$0] * rrms * gain[$0] }
  }

  /// The gradients of RMS norm to one row and, from that row, to the gain: what is added by a
  /// multiply-add of dy and x̂.
  public func rmsNormGradient(
    _ x: [Float], gain: [Float], epsilon: Float, upstream dy: [Float]
  ) -> (dx: [Float], normal: [Float]) {
    let rrms = reciprocalRootMeanSquare(x, epsilon: epsilon)
    let normal = x.map { $0 * rrms }
    let g = x.indices.map { dy[$0] * gain[$0] }
    let slope = -(sum(x.indices.map { g[$0] * normal[$0] }) / Float(x.count))
    return (x.indices.map { multiplyAdd(normal[$0], slope, g[$0]) * rrms }, normal)
  }

  /// The gradients of layer norm to one row, and its x̂.
  public func layerNormGradient(
    _ x: [Float], gain: [Float], epsilon: Float, upstream dy: [Float]
  ) -> (dx: [Float], normal: [Float]) {
    let count = Float(x.count)
    let mean = sum(x) / count
    let variance = sum(x.map { ($0 - mean) * ($0 - mean) }) / count
    let rstd = 1 / (variance + epsilon).squareRoot()
    let normal = x.map { ($0 - mean) * rstd }
    let g = x.indices.map { dy[$0] * gain[$0] }
    let shift = sum(g) / count
    let slope = -(sum(x.indices.map { g[$0] * normal[$0] }) / count)
    return (x.indices.map { multiplyAdd(normal[$0], slope, g[$0] - shift) * rstd }, normal)
  }

  /// `Σ_t f(t)` for each column: chains over chunks of 256 from zero, chunk sums in order.
  public func tokenSums(
    rows: Int, columns: Int, _ add: (_ sum: Float, _ t: Int, _ j: Int) -> Float
  ) -> [Float] {
    var total = [Float](repeating: 0, count: columns)
    for first in stride(from: 0, to: rows, by: 256) {
      for j in 0..<columns {
        var chain: Float = 0
        for t in first..<min(first + 256, rows) { chain = add(chain, t, j) }
        total[j] += chain
      }
    }
    return total
  }

  /// The gradient of softmax from its result.
  public func softmaxGradient(_ y: [Float], scale: Float, upstream dy: [Float]) -> [Float] {
    let mean = sum(y.indices.map { y[$0] * dy[$0] })
    return y.indices.map { y[$0] * (dy[$0] - mean) * scale }
  }

  private func reciprocalRootMeanSquare(_ x: [Float], epsilon: Float) -> Float {
    1 / (sum(x.map { $0 * $0 }) / Float(x.count) + epsilon).squareRoot()
  }
}
