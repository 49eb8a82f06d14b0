// The reproducibility contract, one scalar at a time: what each kernel must equal bit for bit.

/// The order of every sum that kernels promise, written without vectors, tiles or threads.
///
/// There are two contracts: with fused multiply-add, and with two roundings (the baseline).
public struct ContractModel: Sendable {
  /// Whether `a·b + c` is rounded once.
  public let fused: Bool

  /// The contract with or without fused multiply-add.
  public init(fused: Bool) {
    self.fused = fused
  }

  /// `a·b + c`.
  @inline(__always)
  public func multiplyAdd(_ a: Float, _ b: Float, _ c: Float) -> Float {
    fused ? c.addingProduct(a, b) : a * b + c
  }

  /// `A·B`: for each element a chain in increasing k for each block of 384, block sums in order.
  public func matmul(_ a: [Float], _ b: [Float], rows: Int, depth: Int, columns: Int) -> [Float] {
    var c = [Float](repeating: 0, count: rows * columns)
    var sums = [Float](repeating: 0, count: columns)
    for i in 0..<rows {
      for first in stride(from: 0, to: depth, by: 384) {
        for j in 0..<columns { sums[j] = 0 }
        for k in first..<min(first + 384, depth) {
          let x = a[i * depth + k]
          if fused {
            for j in 0..<columns { sums[j] = sums[j].addingProduct(x, b[k * columns + j]) }
          } else {
            for j in 0..<columns { sums[j] = x * b[k * columns + j] + sums[j] }
          }
        }
        for j in 0..<columns {
          c[i * columns + j] = first == 0 ? sums[j] : c[i * columns + j] + sums[j]
        }
      }
    }
    return c
  }

  /// The sum of a row: element i goes to lane i mod 16 of accumulator (i / 16) mod 4; then
  /// (0 + 1) + (2 + 3), then the lanes by halving.
  public func sum(_ x: [Float]) -> Float {
    var accumulators = [Float](repeating: 0, count: 64)
    for (i, value) in x.enumerated() { accumulators[i % 64] += value }
    var lanes = [Float](repeating: 0, count: 16)
    for lane in 0..<16 {
      let low = accumulators[lane] + accumulators[16 + lane]
      let high = accumulators[32 + lane] + accumulators[48 + lane]
      lanes[lane] = low + high
    }
    for half in [8, 4, 2, 1] {
      for lane in 0..<half { lanes[lane] += lanes[half + lane] }
    }
    return lanes[0]
  }

  /// Layer norm of one row; the residual has been added.
  public func layerNorm(_ x: [Float], gain: [Float], bias: [Float], epsilon: Float) -> [Float] {
    let count = Float(x.count)
    let mean = sum(x) / count
    let variance = sum(x.map { ($0 - mean) * ($0 - mean) }) / count
    let rstd = 1 / (variance + epsilon).squareRoot()
    return x.indices.map { multiplyAdd((x[$0] - mean) * rstd, gain[$0], bias[$0]) }
  }

  /// Softmax of one row: powers of two of (x - m)·(s·log₂ e), times the reciprocal of their sum.
  public func softmax(_ x: [Float], scale: Float) -> [Float] {
    let ordered = x.filter { !$0.isNaN }
    let m = (scale.sign == .minus ? ordered.min() : ordered.max()) ?? 0
    let factor = scale * 0x1.715476p+0
    let terms = x.map { powerOfTwo(($0 - m) * factor) }
    let norm = 1 / sum(terms)
    return terms.map { $0 * norm }
  }

  /// 2^x for x ≤ 0; 0 below −126.5.
  func powerOfTwo(_ x: Float) -> Float {
    if x.isNaN { return x }
    let clamped = max(x, -127)
    let n = clamped.rounded(.toNearestOrEven)
    let r = clamped - n
    var p: Float = 0x1.5bda5cp-10
    for c: Float in [0x1.3ce8aep-7, 0x1.c6b6d8p-5, 0x1.ebf9c2p-3, 0x1.62e42ap-1, 1] {
      p = multiplyAdd(p, r, c)
    }
    return n == -127 ? 0 : p * Float(sign: .plus, exponent: Int(n), significand: 1)
  }

  /// The mean of the kept rows of one sequence: chains over chunks of 256, chunk sums in order.
  public func mean(_ x: [Float], rows: Int, columns: Int, keep: [Bool]?) -> [Float] {
    var total = [Float](repeating: 0, count: columns)
    for first in stride(from: 0, to: rows, by: 256) {
      var sums = [Float](repeating: 0, count: columns)
      for t in first..<min(first + 256, rows) where keep?[t] ?? true {
        for j in 0..<columns { sums[j] += x[t * columns + j] }
      }
      for j in 0..<columns { total[j] += sums[j] }
    }
    let kept = (0..<rows).reduce(0) { $0 + (keep?[$1] ?? true ? 1 : 0) }
    return total.map { $0 / Float(kept) }
  }
}
