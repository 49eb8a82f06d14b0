// Strided pooling of Funnel-Transformer, and its inverse, upsampling by repeat.

public import TarnKernelInterface

/// How Funnel-Transformer shortens a sequence (arXiv:2006.03236, section 2.2).
///
/// Windows of `stride` tokens lie one after another; the last holds what is left.
///
///     stride 2, n = 7    0 1 · 2 3 · 4 5 · 6
///     first apart        0 · 1 2 · 3 4 · 5 6
///     and truncated      0 · 1 2 · 3 4 · 5        (6 is dropped)
public struct StridedPooling: Sendable, Equatable {
  /// The tokens of a window, at least 1.
  public var stride: Int
  /// Whether the first token is a window of its own (`separate_cls`).
  public var separatesFirst: Bool
  /// Whether the last token is dropped (`truncate_seq`); of no effect unless the first is apart.
  ///
  /// A sequence of one or two tokens stays whole: the model does not pool what is so short.
  public var truncates: Bool

  /// Pooling with these properties.
  public init(stride: Int = 2, separatesFirst: Bool = false, truncates: Bool = false) {
    self.stride = stride
    self.separatesFirst = separatesFirst
    self.truncates = truncates
  }

  /// The sequences after pooling: `⌈n / stride⌉` rows each.
  ///
  /// With the first token apart `1 + ⌈(n - 1) / stride⌉`, truncated `1 + ⌈(n - 2) / stride⌉` if n is
  /// more than 2. None if there are no tokens.
  ///
  /// - Throws: ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a stride
  ///   below 1.
  public func pooled(_ sequences: Ragged) throws(TarnError) -> Ragged {
    try checkPositive("StridedPooling", "stride", stride)
    var lengths: [Int] = []
    lengths.reserveCapacity(sequences.count)
    for s in 0..<sequences.count { lengths.append(rows(after: sequences[s].count)) }
    return try Ragged(lengths: lengths)
  }

  /// The rows that a sequence of so many tokens has after pooling.
  package func rows(after tokens: Int) -> Int {
    let rows = body(of: tokens).count
    return head(of: tokens) + rows / stride + (rows % stride == 0 ? 0 : 1)
  }

  /// 1 if the first of so many tokens is apart, else 0.
  func head(of tokens: Int) -> Int { separatesFirst && tokens > 0 ? 1 : 0 }

  /// The tokens that windows are laid over.
  func body(of tokens: Int) -> Range<Int> {
    head(of: tokens)..<(separatesFirst && truncates && tokens > 2 ? tokens - 1 : tokens)
  }

  /// The tokens of window `j` of a sequence of so many.
  ///
  /// - Precondition: there is such a window.
  public func window(_ j: Int, of tokens: Int) -> Range<Int> {
    let head = head(of: tokens)
    if j < head { return 0..<1 }
    let body = body(of: tokens)
    let first = body.lowerBound + (j - head) * stride
    return first..<min(first + stride, body.upperBound)
  }
}

/// Windows of `stride` tokens one after another, over so many tokens.
private func adjacent(_ stride: Int, _ tokens: Int) -> TokenWindows {
  TokenWindows(before: 0, after: stride - 1, stride: stride, tokens: tokens)
}

/// One window for each token.
private let single = TokenWindows(before: 0, after: 0, stride: 1, tokens: 1)

/// `y[j] = max, min, Σ or mean of x[t]` over the tokens t of window j of ``StridedPooling``.
///
/// Pooling of hidden states, by mean or maximum, and of padding masks, by minimum (a pooled position
/// is kept if all its tokens are) or maximum (if one is). A mean is over the tokens that a window
/// holds; a window of one copies it.
///
/// - Parameters:
///   - reduction: what is made of a window.
///   - x: `[tokens × columns]`.
///   - sequences: the ragged batch that `x` holds.
///   - pooling: the windows.
///   - y: `[outputs × columns]`: the rows of `pooling.pooled(sequences)`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a stride below 1; both
///   before `y` is touched.
/// - Complexity: one read of `x`, one write; no allocation but of the lengths.
///
/// Maximum and minimum are exact; of +0 and -0 the first stays. A sum of n tokens goes in token order
/// in chunks of 256 and is within `(min(256, n) + n/256) · 2⁻²⁴ · Σ |x|`, a mean within one
/// rounding more of `mean |x|` (`stridedPoolingFollowsItsWindows`). NaN in a window gives NaN;
/// a dropped token is not read.
public func stridedPool(
  _ reduction: WindowReduction, _ x: Matrix, over sequences: Ragged, _ pooling: StridedPooling,
  into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkPositive("stridedPool", "stride", pooling.stride)
  try checkShape("stridedPool", "sequences", [sequences.rows], [x.rows])
  let outputs = try pooling.pooled(sequences)
  try checkShape("stridedPool", "target", [y.rows, y.columns], [outputs.rows, x.columns])
  let kernels = execution.table.windows
  x.withView { x in
    y.withMutableView { y in
      execution.forEachPart(of: outputs, columns: y.columns) { s, rows in
        let tokens = sequences[s]
        let head = pooling.head(of: tokens.count)
        let body = pooling.body(of: tokens.count)
        let x = x[rows: tokens]
        let y = y[rows: outputs[s]]
        // SAFETY: heads and bodies lie within the sequence; parts write different rows.
        if rows.lowerBound < head {
          kernels.poolAlone(.sum, x[rows: 0..<1], single, 0..<1, y)
        }
        kernels.poolAlone(
          reduction, x[rows: body], adjacent(pooling.stride, body.count),
          max(head, rows.lowerBound) - head..<rows.upperBound - head,
          y[rows: head..<outputs[s].count])
      }
    }
  }
}

/// The gradient of ``stridedPool(_:_:over:_:into:on:)`` with respect to `x`.
///
///     maximum, minimum   dx[t] = dy[j] if t is the first extreme token of its window j, else 0
///     sum                dx[t] = dy[j]
///     mean               dx[t] = dy[j] · (1 / tokens of window j)
///
/// A dropped token gets 0. Of equal values the first token gets all of the gradient, for each
/// column by itself; a NaN counts as the extreme.
///
/// - Parameters:
///   - reduction: what was made of a window.
///   - x: `[tokens × columns]`: the input; not read for sum and mean.
///   - sequences: the ragged batch that `x` holds.
///   - pooling: the windows.
///   - dy: `[outputs × columns]`: the upstream gradient.
///   - dx: `[tokens × columns]`, overwritten.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a stride below 1, and for
///   maximum or minimum over a sequence of more than `Int32.max` tokens; both before `dx` is touched.
/// - Complexity: one read of `dy`, one write, for maximum and minimum one read of `x`.
///
/// Exact but for the mean, which is off by at most `2 · 2⁻²⁴` of itself
/// (`stridedGradientsFollowTheirWindows`).
public func stridedPoolGradient(
  _ reduction: WindowReduction, of x: Matrix, over sequences: Ragged, _ pooling: StridedPooling,
  upstream dy: Matrix, into dx: inout Matrix, on execution: Execution
) throws(TarnError) {
  let name = "stridedPoolGradient"
  try checkPositive(name, "stride", pooling.stride)
  try checkShape(name, "sequences", [sequences.rows], [x.rows])
  let outputs = try pooling.pooled(sequences)
  try checkShape(name, "upstream", [dy.rows, dy.columns], [outputs.rows, x.columns])
  try checkShape(name, "target", [dx.rows, dx.columns], [x.rows, x.columns])
  if reduction == .maximum || reduction == .minimum { try checkTokenNumbers(name, sequences) }
  let kernels = execution.table.windows
  dy.withView { dy in
    dx.withMutableView { dx in
      x.withView { x in
        @Sendable func run(_ s: Int, _ rows: Range<Int>, _ columns: Range<Int>) {
          let tokens = sequences[s]
          let head = pooling.head(of: tokens.count)
          let body = pooling.body(of: tokens.count)
          let windows = adjacent(pooling.stride, body.count)
          // SAFETY: heads and bodies lie within the sequence; parts write different rows, strips
          // different columns.
          let x = x[rows: tokens][columns: columns]
          let dy = dy[rows: outputs[s]][columns: columns]
          let dx = dx[rows: tokens][columns: columns]
          if rows.lowerBound < head {
            kernels.spreadAlone(dy[rows: 0..<1], single, false, false, 0..<1, dx)
          }
          if rows.upperBound > body.upperBound {
            let first = max(rows.lowerBound, body.upperBound)
            kernels.spreadAlone(
              dy[rows: 0..<0], single, false, false, 0..<rows.upperBound - first,
              dx[rows: first..<rows.upperBound])
          }
          switch reduction {
          case .sum, .mean:
            let first = max(rows.lowerBound, head) - head
            let end = min(rows.upperBound, body.upperBound) - head
            if first < end {
              kernels.spreadAlone(
                dy[rows: head..<outputs[s].count], windows, reduction == .mean, false,
                first..<end, dx[rows: body])
            }
          case .maximum, .minimum:
            kernels.chooseAlone(
              reduction == .maximum, x[rows: body], windows, dy[rows: head..<outputs[s].count],
              dx[rows: body])
          }
        }
        switch reduction {
        case .sum, .mean:
          execution.forEachPart(of: sequences, columns: dx.columns) { s, rows in
            run(s, rows, 0..<dx.columns)
          }
        case .maximum, .minimum:
          execution.forEachStrip(of: sequences, columns: dx.columns, blockRows: 1) { s, columns in
            run(s, 0..<sequences[s].count, columns)
          }
        }
      }
    }
  }
}

/// `y[t] = x[⌊t / stride⌋]`: each row repeated, cut to the length of the target's sequence.
///
/// With the first row apart `y[0] = x[0]` and `y[t] = x[⌊(t - 1) / stride⌋ + 1]`. A row that `x` does
/// not have counts as zero. The decoder's input of Funnel-Transformer (arXiv:2006.03236, section
/// 2.3), which adds the states before pooling: with `adding` these are what `y` holds.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - sequences: the ragged batch that `x` holds.
///   - targets: the ragged batch that `y` holds, of as many sequences of any lengths.
///   - stride: how often a row is repeated, at least 1.
///   - separatesFirst: whether the first row stands for the first token alone.
///   - adding: whether rows are added to what `y` holds.
///   - y: `[target rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a stride below 1; both
///   before `y` is touched.
/// - Complexity: one read, one write, with `adding` one read more; no allocation.
///
/// A copy is exact, a sum is rounded once. Where `x` has no row nothing is added.
public func upsample(
  _ x: Matrix, over sequences: Ragged, to targets: Ragged, stride: Int,
  separatesFirst: Bool = false, adding: Bool = false, into y: inout Matrix,
  on execution: Execution
) throws(TarnError) {
  try checkPositive("upsample", "stride", stride)
  try checkShape("upsample", "sequences", [sequences.rows], [x.rows])
  try checkShape("upsample", "targets", [targets.count], [sequences.count])
  try checkShape("upsample", "target", [y.rows, y.columns], [targets.rows, x.columns])
  let kernels = execution.table.windows
  x.withView { x in
    y.withMutableView { y in
      execution.forEachPart(of: targets, columns: y.columns) { s, rows in
        let x = x[rows: sequences[s]]
        let y = y[rows: targets[s]]
        let head = separatesFirst ? 1 : 0
        // SAFETY: heads and bodies lie within the sequences; parts write different rows. A kernel
        // that is given no rows of x reads none.
        if rows.lowerBound < head {
          kernels.spreadAlone(x, single, false, adding, 0..<1, y)
        }
        let first = max(head, rows.lowerBound)
        if first < rows.upperBound {
          let body = y[rows: head..<y.rows]
          kernels.spreadAlone(
            x[rows: min(head, x.rows)..<x.rows], adjacent(stride, body.rows), false, adding,
            first - head..<rows.upperBound - head, body)
        }
      }
    }
  }
}

/// The gradient of ``upsample(_:over:to:stride:separatesFirst:adding:into:on:)`` with respect to `x`.
///
///     dx[r] = Σ dy[t] over the tokens t that row r stands for; 0 if there are none
///
/// - Parameters:
///   - sequences: the ragged batch that `x` and `dx` hold.
///   - targets: the ragged batch that `dy` holds.
///   - stride: how often a row was repeated, at least 1.
///   - separatesFirst: whether the first row stands for the first token alone.
///   - dy: `[target rows × columns]`: the upstream gradient, also that of what was added to.
///   - dx: `[rows × columns]`, overwritten.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a stride below 1; both
///   before `dx` is touched.
/// - Complexity: one read, one write; no allocation.
///
/// A sum goes in token order in chunks of 256, within `(min(256, stride) + stride/256) · 2⁻²⁴ · Σ
/// |dy|` (`upsamplingRepeatsAndSums`).
public func upsampleGradient(
  over sequences: Ragged, to targets: Ragged, stride: Int, separatesFirst: Bool = false,
  upstream dy: Matrix, into dx: inout Matrix, on execution: Execution
) throws(TarnError) {
  let name = "upsampleGradient"
  try checkPositive(name, "stride", stride)
  try checkShape(name, "targets", [targets.count], [sequences.count])
  try checkShape(name, "upstream", [dy.rows], [targets.rows])
  try checkShape(name, "target", [dx.rows, dx.columns], [sequences.rows, dy.columns])
  let kernels = execution.table.windows
  dy.withView { dy in
    dx.withMutableView { dx in
      execution.forEachPart(of: sequences, columns: dx.columns) { s, rows in
        let dy = dy[rows: targets[s]]
        let dx = dx[rows: sequences[s]]
        let head = separatesFirst ? 1 : 0
        // SAFETY: as in upsample; a window without a row of dy is not read.
        if rows.lowerBound < head {
          kernels.poolAlone(.sum, dy[rows: 0..<min(head, dy.rows)], single, 0..<1, dx)
        }
        let first = max(head, rows.lowerBound)
        if first < rows.upperBound {
          let body = dy[rows: min(head, dy.rows)..<dy.rows]
          kernels.poolAlone(
            .sum, body, adjacent(stride, body.rows), first - head..<rows.upperBound - head,
            dx[rows: head..<dx.rows])
        }
      }
    }
  }
}
