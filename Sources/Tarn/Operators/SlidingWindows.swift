// Sliding windows over the tokens of each sequence: maximum, minimum, sum, mean, and gradients.

public import TarnKernelInterface

extension Ragged {
  /// As many sequences, of `⌈n / stride⌉` rows each: what windows with that stride give.
  ///
  /// - Throws: ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a stride
  ///   below 1.
  public func strided(by stride: Int) throws(TarnError) -> Ragged {
    try checkPositive("Ragged", "stride", stride)
    var lengths: [Int] = []
    lengths.reserveCapacity(count)
    for s in 0..<count {
      let rows = self[s].count
      lengths.append(rows / stride + (rows % stride == 0 ? 0 : 1))
    }
    return try Ragged(lengths: lengths)
  }
}

/// `y[i] = max, min, Σ or mean of x[u]` over `t - (w-1)/2 ≤ u ≤ t + w/2` with `t = i · stride`.
///
/// Windows are cut to the sequence; positions outside are left out, they are not zero, and a mean is
/// over the tokens that are left. Output i of a sequence belongs to its token `i · stride`. The
/// method is that of van Herk 1992, Gil and Werman 1993: blocks of w rows, and each window a suffix
/// of one and a prefix of the next.
///
/// - Parameters:
///   - reduction: what is made of a window.
///   - x: `[tokens × columns]`.
///   - sequences: the ragged batch that `x` holds.
///   - window: the window w, at least 1.
///   - stride: the tokens from one window to the next, at least 1.
///   - y: `[outputs × columns]`: the rows of `sequences.strided(by: stride)`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a window or stride
///   below 1; both before `y` is touched.
/// - Complexity: two reads of `x`, the second from cache, one write, whatever the window. Scratch:
///   `min(w, n)` rows of a strip of columns for each thread.
///
/// Maximum and minimum are exact; of +0 and -0 the first stays. A sum of n tokens is within
/// `(min(256, n) + n/256) · 2⁻²⁴ · Σ |x|` of the exact value, a mean within one rounding more of
/// `mean |x|` (`slidingWindowsMeetBoundAndContract`); the order of summation stands in Docs:
/// Numerics. Nothing is subtracted: NaN, ∞ and overflow reach only the windows that hold them.
public func slidingWindow(
  _ reduction: WindowReduction, _ x: Matrix, over sequences: Ragged, window: Int, stride: Int = 1,
  into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try slidingWindow(
    "slidingWindow", reduction, x, over: sequences, window: window, stride: stride, into: &y,
    on: execution)
}

/// `y[t] = max x[u]` over `t - (w-1)/2 ≤ u ≤ t + w/2` within the sequence of t, stride 1.
///
/// Local max-pooling (arXiv:2110.02442) with w = 3: ``slidingWindow(_:_:over:window:stride:into:on:)``
/// with `.maximum`.
///
/// - Parameters:
///   - x: `[tokens × columns]`.
///   - sequences: the ragged batch that `x` holds.
///   - window: the window w, at least 1.
///   - y: `[tokens × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a window below 1; both
///   before `y` is touched.
///
/// Exact: no rounding takes place. NaN in a window gives NaN; of +0 and -0 the first stays. A
/// window longer than the sequence is cut to it.
public func slidingMax(
  _ x: Matrix, over sequences: Ragged, window: Int, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try slidingWindow(
    "slidingMax", .maximum, x, over: sequences, window: window, stride: 1, into: &y, on: execution)
}

private func slidingWindow(
  _ name: String, _ reduction: WindowReduction, _ x: Matrix, over sequences: Ragged, window: Int,
  stride: Int, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape(name, "sequences", [sequences.rows], [x.rows])
  try checkPositive(name, "window", window)
  try checkPositive(name, "stride", stride)
  let outputs = try sequences.strided(by: stride)
  try checkShape(name, "target", [y.rows, y.columns], [outputs.rows, x.columns])
  let kernels = execution.table.windows
  @Sendable func windows(_ s: Int) -> TokenWindows {
    TokenWindows(window: window, stride: stride, tokens: sequences[s].count)
  }
  x.withView { x in
    y.withMutableView { y in
      // The order of sums depends on this choice: it may not depend on anything but the arguments.
      let isExtreme = reduction == .maximum || reduction == .minimum
      if window <= 4 || stride >= window || (isExtreme && stride == 1 && window <= 12) {
        execution.forEachPart(of: outputs, columns: y.columns) { s, rows in
          // SAFETY: the sequence's rows lie within x and y; parts write different rows.
          kernels.poolAlone(
            reduction, x[rows: sequences[s]], windows(s), rows, y[rows: outputs[s]])
        }
      } else {
        execution.forEachStrip(
          of: sequences, columns: x.columns, blockRows: min(window, x.rows)
        ) { s, columns in
          let windows = windows(s)
          let x = x[rows: sequences[s]][columns: columns]
          let count = WindowKernels.blockScratch(
            rows: x.rows, length: windows.length, columns: x.columns)
          unsafe withScratch(Float.self, count) { scratch in
            // SAFETY: as above; strips write different columns; scratch is of the size asked for.
            unsafe kernels.poolBlocks(
              reduction, x, windows, y[rows: outputs[s]][columns: columns], scratch)
          }
        }
      }
    }
  }
}

/// The gradient of ``slidingWindow(_:_:over:window:stride:into:on:)`` with respect to `x`.
///
///     maximum, minimum   dx[t] = Σ dy[i] over the windows i whose first extreme token is t
///     sum                dx[t] = Σ dy[i] over the windows i that hold t
///     mean               dx[t] = Σ dy[i] · (1 / tokens of window i) over the same
///
/// Of equal values in a window the first token gets all of the gradient, for each column by itself;
/// a NaN counts as the extreme.
///
/// - Parameters:
///   - reduction: what was made of a window.
///   - x: `[tokens × columns]`: the input; not read for sum and mean.
///   - sequences: the ragged batch that `x` holds.
///   - window: the window w, at least 1.
///   - stride: the tokens from one window to the next, at least 1.
///   - dy: `[outputs × columns]`: the upstream gradient.
///   - dx: `[tokens × columns]`, overwritten.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a window or stride
///   below 1, and for maximum or minimum over a sequence of more than `Int32.max` tokens; both
///   before `dx` is touched.
/// - Complexity: sum and mean as the operator itself, with `dy` in the place of `x`; maximum and
///   minimum two reads of `x`, one of `dy` and one write, whatever the window, and a store for each
///   element of `x` that is an extreme.
///
/// With v terms that meet at a token: within `v · 2⁻²⁴ · Σ |dy|` for maximum and minimum, which add
/// in the order of the windows; sum and mean as the operator itself with v for n, the mean with two
/// roundings more (`slidingGradientsMeetTheirBounds`). NaN and ∞ in a row of `dy` reach only tokens
/// of its window.
public func slidingWindowGradient(
  _ reduction: WindowReduction, of x: Matrix, over sequences: Ragged, window: Int, stride: Int = 1,
  upstream dy: Matrix, into dx: inout Matrix, on execution: Execution
) throws(TarnError) {
  let name = "slidingWindowGradient"
  try checkShape(name, "sequences", [sequences.rows], [x.rows])
  try checkPositive(name, "window", window)
  try checkPositive(name, "stride", stride)
  let outputs = try sequences.strided(by: stride)
  try checkShape(name, "upstream", [dy.rows, dy.columns], [outputs.rows, x.columns])
  try checkShape(name, "target", [dx.rows, dx.columns], [x.rows, x.columns])
  let isDisjoint = stride >= window
  let isShort = window <= shortWindow
  if reduction == .maximum || reduction == .minimum {
    try checkTokenNumbers(name, sequences)
  }
  let kernels = execution.table.windows
  @Sendable func windows(_ s: Int) -> TokenWindows {
    TokenWindows(window: window, stride: stride, tokens: sequences[s].count)
  }
  dy.withView { dy in
    dx.withMutableView { dx in
      switch reduction {
      case .sum, .mean:
        let divided = reduction == .mean
        if isDisjoint {
          execution.forEachPart(of: sequences, columns: dx.columns) { s, rows in
            // SAFETY: the sequence's rows lie within dy and dx; parts write different rows.
            kernels.spreadAlone(
              dy[rows: outputs[s]], windows(s), divided, false, rows, dx[rows: sequences[s]])
          }
        } else {
          let blockRows = (window - 1) / stride + 1
          execution.forEachStrip(
            of: outputs, columns: dx.columns, blockRows: min(blockRows, dx.rows)
          ) { s, columns in
            let windows = windows(s)
            let dy = dy[rows: outputs[s]][columns: columns]
            let count = WindowKernels.blockScratch(
              rows: dy.rows, length: windows.length, columns: dy.columns)
            unsafe withScratch(Float.self, count) { scratch in
              // SAFETY: as above; strips write different columns; scratch is large enough.
              unsafe kernels.spreadBlocks(
                dy, windows, divided, dx[rows: sequences[s]][columns: columns], scratch)
            }
          }
        }
      case .maximum, .minimum:
        x.withView { x in
          execution.forEachStrip(
            of: sequences, columns: x.columns,
            blockRows: isDisjoint || isShort ? 1 : min(2 * min(window, x.rows), x.rows)
          ) { s, columns in
            let windows = windows(s)
            let x = x[rows: sequences[s]][columns: columns]
            let dy = dy[rows: outputs[s]][columns: columns]
            let dx = dx[rows: sequences[s]][columns: columns]
            let isMaximum = reduction == .maximum
            if isDisjoint {
              // SAFETY: as above; strips write different columns.
              kernels.chooseAlone(isMaximum, x, windows, dy, dx)
              return
            }
            let count =
              isShort
              ? WindowKernels.shortChoiceScratch(length: windows.length, columns: x.columns)
              : WindowKernels.choiceScratch(
                rows: x.rows, length: windows.length, columns: x.columns)
            unsafe withScratch(Float.self, count) { scratch in
              // SAFETY: as above; scratch is of the size asked for.
              if isShort {
                unsafe kernels.chooseShort(isMaximum, x, windows, dy, dx, scratch)
              } else {
                unsafe kernels.chooseBlocks(isMaximum, x, windows, dy, dx, scratch)
              }
            }
          }
        }
      }
    }
  }
}

/// The longest window for whose gradient each window is looked at by itself; the bits are those of
/// longer ones' method.
private let shortWindow = 8

extension TokenWindows {
  /// The centred windows of a sequence of `tokens`: `(w-1)/2` tokens before and `w/2` after.
  init(window: Int, stride: Int, tokens: Int) {
    self.init(before: (window - 1) / 2, after: window / 2, stride: stride, tokens: tokens)
  }
}

/// Throws ``TarnError/invalidArgument(operation:argument:found:expected:)`` below 1.
func checkPositive(_ operation: String, _ argument: String, _ value: Int) throws(TarnError) {
  guard value >= 1 else {
    throw .invalidArgument(
      operation: operation, argument: argument, found: "\(value)", expected: "at least 1")
  }
}

/// Throws ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a sequence of more than
/// `Int32.max` tokens: kernels that keep the tokens of extremes keep them in 32 bits.
func checkTokenNumbers(_ operation: String, _ sequences: Ragged) throws(TarnError) {
  for s in 0..<sequences.count where Int32(exactly: sequences[s].count) == nil {
    throw .invalidArgument(
      operation: operation, argument: "sequences[\(s)]", found: "\(sequences[s].count) tokens",
      expected: "at most \(Int32.max)")
  }
}

extension Execution {
  /// Divides all rows into ranges of at least 32, and these where a sequence ends.
  ///
  /// `body` gets a sequence and rows counted from its start, once for each part.
  func forEachPart(
    of sequences: Ragged, columns: Int, _ body: @Sendable (Int, Range<Int>) -> Void
  ) {
    guard columns > 0 else { return }
    let offsets = sequences.offsets
    forEachRange(sequences.rows, grain: 32) { range in
      // The last sequence that starts at or before the range.
      var low = 0
      var high = offsets.count - 1
      while high - low > 1 {
        let middle = (low + high) / 2
        if offsets[middle] <= range.lowerBound { low = middle } else { high = middle }
      }
      var s = low
      var row = range.lowerBound
      while row < range.upperBound {
        let end = min(range.upperBound, offsets[s + 1])
        if row < end { body(s, row - offsets[s]..<end - offsets[s]) }
        row = end
        s += 1
      }
    }
  }

  /// Calls `body` for each sequence with rows and each strip of its columns.
  ///
  /// A strip is as wide as lets `blockRows` rows stay in the third-level cache, at least 64: whole
  /// rows are worth more than the second-level cache, since memory is read page after page.
  func forEachStrip(
    of sequences: Ragged, columns: Int, blockRows: Int,
    _ body: @Sendable (Int, Range<Int>) -> Void
  ) {
    guard columns > 0 else { return }
    let most = 1 << 21
    let cached = most / max(1, min(blockRows, most)) / 64 * 64
    let shared = threads == 1 ? columns : (columns / threads + 63) / 64 * 64
    let width = max(64, min(cached, shared))
    let strips = (columns - 1) / width + 1
    forEach(sequences.count * strips) { i in
      let s = i / strips
      if !sequences[s].isEmpty {
        let first = i % strips * width
        body(s, first..<min(columns, first + width))
      }
    }
  }
}
