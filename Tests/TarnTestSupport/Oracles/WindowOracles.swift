// Window pooling, upsampling and their gradients as plain loops over lists of windows.

public import TarnKernelInterface

/// The tokens of each window of `slidingWindow`: `t - (w-1)/2 … t + w/2` in the sequence.
public func slidingRanges(tokens n: Int, window: Int, stride: Int) -> [Range<Int>] {
  (0..<n).filter { $0 % stride == 0 }.map { t in
    max(0, t - (window - 1) / 2)..<min(n - 1, t + window / 2) + 1
  }
}

/// The tokens of each window of Funnel's pooling, by its definition.
///
/// Without a separate first token, window j is {k·j … k·j + k - 1} ∩ [0, n). With it, n' is n - 1 if
/// the sequence is truncated and longer than 2, else n; window 0 is {0}, window j ≥ 1 is {k·(j-1) + 1 … k·j} ∩ [1, n').
public func stridedRanges(
  tokens n: Int, stride k: Int, separatesFirst: Bool, truncates: Bool
) -> [Range<Int>] {
  if n == 0 { return [] }
  let end = separatesFirst && truncates && n > 2 ? n - 1 : n
  var windows: [Range<Int>] = separatesFirst ? [0..<1] : []
  var t = separatesFirst ? 1 : 0
  while t < end {
    windows.append(t..<min(end, t + k))
    t += k
  }
  return windows
}

/// The reduction of each window, and `Σ |x|` (of a mean: the mean of `|x|`).
public func windowOracle(
  _ reduction: WindowReduction, _ x: [Double], columns: Int, windows: [Range<Int>]
) -> (values: [Double], magnitudes: [Double]) {
  var values: [Double] = []
  var magnitudes: [Double] = []
  for window in windows {
    for j in 0..<columns {
      let terms = window.map { x[$0 * columns + j] }
      let divisor = reduction == .mean ? Double(terms.count) : 1
      magnitudes.append(terms.reduce(0) { $0 + abs($1) } / divisor)
      switch reduction {
      case .maximum: values.append(extreme(terms) { $0 > $1 }.value)
      case .minimum: values.append(extreme(terms) { $0 < $1 }.value)
      case .sum, .mean:
        values.append(terms.dropFirst().reduce(terms[0], +) / divisor)
      }
    }
  }
  return (values, magnitudes)
}

/// The first NaN, else the first of the extreme values.
private func extreme(
  _ terms: [Double], _ isBetter: (Double, Double) -> Bool
) -> (value: Double, position: Int) {
  var best = 0
  for i in terms.indices {
    if terms[best].isNaN { break }
    if terms[i].isNaN || isBetter(terms[i], terms[best]) { best = i }
  }
  return (terms[best], best)
}

/// The gradient of `windowOracle`: `dx`, `Σ |dy|` of the terms of each element, and their number.
public func windowGradientOracle(
  _ reduction: WindowReduction, _ x: [Double], columns: Int, windows: [Range<Int>],
  upstream dy: [Double]
) -> (values: [Double], magnitudes: [Double], terms: [Int]) {
  var values = [Double](repeating: 0, count: x.count)
  var magnitudes = values
  var counts = [Int](repeating: 0, count: x.count)
  func add(_ term: Double, _ i: Int) {
    values[i] += term
    magnitudes[i] += abs(term)
    counts[i] += 1
  }
  for (i, window) in windows.enumerated() {
    for j in 0..<columns {
      let terms = window.map { x[$0 * columns + j] }
      let upstream = dy[i * columns + j]
      switch reduction {
      case .maximum:
        add(upstream, (window.lowerBound + extreme(terms) { $0 > $1 }.position) * columns + j)
      case .minimum:
        add(upstream, (window.lowerBound + extreme(terms) { $0 < $1 }.position) * columns + j)
      case .sum: for t in window { add(upstream, t * columns + j) }
      case .mean: for t in window { add(upstream / Double(window.count), t * columns + j) }
      }
    }
  }
  return (values, magnitudes, counts)
}

/// The row that each token of the target takes, or nil: `⌊(t - c) / k⌋ + c` for t ≥ c, where c is 1
/// if the first token is separate, else 0.
public func upsamplingRows(
  tokens: Int, rows: Int, stride: Int, separatesFirst: Bool
) -> [Int?] {
  let c = separatesFirst ? 1 : 0
  return (0..<tokens).map { t in
    let row = t < c ? 0 : (t - c) / stride + c
    return row < rows ? row : nil
  }
}

extension ContractModel {
  /// A chain from the first term, in chunks of 256 terms that are joined in order; 0 for none.
  public func chunkedSum(_ terms: [Float]) -> Float {
    var total: Float?
    for first in stride(from: 0, to: terms.count, by: 256) {
      let chunk = terms[first..<min(first + 256, terms.count)]
      let sum = chunk.dropFirst().reduce(chunk[first], +)
      total = total.map { $0 + sum } ?? sum
    }
    return total ?? 0
  }

  /// The sum of consecutive rows of a sequence, as sliding windows add them.
  ///
  /// Rows lie in blocks of `block`, counted from the sequence's start. A window that starts with a
  /// block is one chain down; one inside a block is one chain up; any other is the chain up from the
  /// end of its first block plus the chain down from the start of its second.
  ///
  /// - Parameters:
  ///   - rows: the rows, at most `block` of them.
  ///   - block: the rows of a block.
  ///   - term: the value of a row.
  /// - Returns: the sum, 0 of no rows.
  public func slidingSum(_ rows: Range<Int>, block: Int, term: (Int) -> Float) -> Float {
    if rows.isEmpty { return 0 }
    if rows.lowerBound % block == 0 { return chunkedSum(rows.map(term)) }
    if rows.lowerBound / block == (rows.upperBound - 1) / block {
      return chunkedSum(rows.reversed().map(term))
    }
    let border = (rows.lowerBound / block + 1) * block
    return chunkedSum((rows.lowerBound..<border).reversed().map(term))
      + chunkedSum((border..<rows.upperBound).map(term))
  }

  /// Sums and means over windows: short or disjoint windows as chains, others by `slidingSum`.
  public func slidingWindow(
    _ reduction: WindowReduction, _ x: [Float], columns: Int, window: Int, stride: Int,
    windows: [Range<Int>]
  ) -> [Float] {
    windows.flatMap { rows in
      (0..<columns).map { j in
        let isAlone = window <= 4 || stride >= window
        let sum =
          isAlone
          ? chunkedSum(rows.map { x[$0 * columns + j] })
          : slidingSum(rows, block: window) { x[$0 * columns + j] }
        return reduction == .mean ? sum / Float(rows.count) : sum
      }
    }
  }

  /// The gradient of sums and means: for each token the sum over the windows that hold it, in blocks
  /// of `⌈window / stride⌉` windows; of a mean each term times the rounded reciprocal of its tokens.
  public func slidingGradient(
    _ reduction: WindowReduction, tokens: Int, columns: Int, window: Int, stride: Int,
    windows: [Range<Int>], upstream dy: [Float]
  ) -> [Float] {
    (0..<tokens).flatMap { t in
      let holding = windows.indices.filter { windows[$0].contains(t) }
      let rows = holding.isEmpty ? 0..<0 : holding[0]..<holding[0] + holding.count
      return (0..<columns).map { j in
        slidingSum(rows, block: (window - 1) / stride + 1) { i in
          reduction == .mean
            ? dy[i * columns + j] * (1 / Float(windows[i].count)) : dy[i * columns + j]
        }
      }
    }
  }
}
