// The table of one family of kernels.

/// Sums, maxima and weighted means over the tokens of a sequence.
///
/// See ``KernelTable``.
public struct PoolingKernels: Sendable {
  /// A row or vector that is only read.
  public typealias Pointer = UnsafePointer<Float>
  /// A row or vector that is written, or workspace.
  public typealias MutablePointer = UnsafeMutablePointer<Float>

  /// The sum of the kept rows, one chain a column in row order from zero.
  ///
  /// Parameters: `[tokens × columns]`, one flag a row or nil for all, whether the rows may lie in a cache
  /// (which changes the speed alone), the sum `[columns]`.
  public var sumRows: @Sendable (MatrixView, UnsafePointer<Bool>?, Bool, MutablePointer) -> Void
  /// `y = factor · y + scale · x`.
  ///
  /// The last parameter is the number of elements.
  public var accumulate:
    @Sendable (_ x: Pointer, _ scale: Float, _ factor: Float, _ y: MutablePointer, Int) -> Void
  /// `x = x / divisor`.
  ///
  /// The last parameter is the number of elements.
  public var divide: @Sendable (_ x: MutablePointer, _ divisor: Float, Int) -> Void
  /// `maxima[labels[t]] = max(maxima[labels[t]], x[t])` for each row t in order.
  public var segmentMax:
    @Sendable (_ x: MatrixView, _ labels: UnsafePointer<Int32>, _ maxima: MutableMatrixView) -> Void
  /// The maximum of each token and its two neighbours, which may be missing or `fill`.
  ///
  /// Parameters: `[tokens + 2 × columns]`, one entry a token, the constant, `[tokens × columns]`.
  public var neighbourMax:
    @Sendable (MatrixView, UnsafePointer<WindowNeighbours>, _ fill: Float, MutableMatrixView)
      -> Void
  /// PoNet's global aggregation over one chunk of at most ``Blocking/tokens`` tokens.
  ///
  /// The workspace is ``Blocking/matmulWorkspace`` + `tokens · heads` elements.
  public var aggregate:
    @Sendable (
      _ x: MatrixView, _ keep: UnsafePointer<Bool>?, _ u: PackedView, _ scores: MutableMatrixView,
      _ rawScores: MutableMatrixView?, _ m: MutablePointer, _ l: MutablePointer,
      _ z: MutableMatrixView, _ workspace: MutablePointer
    ) -> Void
  /// Joins a chunk's aggregate to the running one, head by head.
  public var joinAggregates:
    @Sendable (
      _ m: Pointer, _ l: Pointer, _ z: MatrixView, _ runningM: MutablePointer,
      _ runningL: MutablePointer, _ runningZ: MutableMatrixView
    ) -> Void
  /// `c[t] = (v + S[label(t)]) ∘ o[t] + local[t]`; `c` may be `o` or `local`.
  public var fuse:
    @Sendable (
      _ kinds: UnsafePointer<FusionKind>, _ v: MatrixView, _ sequences: UnsafePointer<Int32>,
      _ maxima: MatrixView, _ labels: UnsafePointer<Int32>, _ o: MatrixView, _ local: MatrixView,
      _ c: MutableMatrixView
    ) -> Void

  /// The largest row of each label, and the first token that holds it, from nothing.
  ///
  /// Parameters: x, the labels, the maxima, their tokens, the row stride of the tokens.
  public var segmentArgmax:
    @Sendable (
      MatrixView, UnsafePointer<Int32>, MutableMatrixView, UnsafeMutablePointer<Int32>, Int
    ) -> Void
  /// `dx[t] = dy[label(t)]` where token t holds the maximum, else 0.
  public var segmentMaxGradient:
    @Sendable (
      _ labels: UnsafePointer<Int32>, _ tokens: UnsafePointer<Int32>, _ first: Int,
      _ dy: MatrixView, _ dx: MutableMatrixView
    ) -> Void
  /// `table[indices[t]] += x[t]` for each row t in order.
  public var addRows:
    @Sendable (_ x: MatrixView, _ indices: UnsafePointer<Int32>, _ table: MutableMatrixView) -> Void
  /// `y[t] = row` where t is kept, else 0.
  public var repeatRow:
    @Sendable (_ row: Pointer, _ keep: UnsafePointer<Bool>?, _ y: MutableMatrixView) -> Void
  /// The first pass of the gradient of ``aggregate`` over one chunk.
  ///
  /// The workspace is ``Blocking/matmulWorkspace`` + `tokens · heads` elements.
  public var aggregateGradientScores:
    @Sendable (
      _ x: MatrixView, _ probabilities: MatrixView, _ dz: PackedView, _ g: MutableMatrixView,
      _ c: MutablePointer, _ workspace: MutablePointer
    ) -> Void
  /// The second pass of the gradient of ``aggregate`` over one chunk.
  ///
  /// The workspace is ``Blocking/matmulWorkspace`` + `4 · tokens · heads` elements.
  public var aggregateGradient:
    @Sendable (
      _ x: MatrixView, _ probabilities: MatrixView, _ g: MatrixView, _ c: Pointer,
      _ directions: PackedView, _ dx: MutableMatrixView, _ sums: MutableMatrixView,
      _ workspace: MutablePointer
    ) -> Void

  /// A table of these members; see the properties.
  public init(
    sumRows: @escaping @Sendable (MatrixView, UnsafePointer<Bool>?, Bool, MutablePointer) -> Void,
    accumulate: @escaping @Sendable (Pointer, Float, Float, MutablePointer, Int) -> Void,
    divide: @escaping @Sendable (MutablePointer, Float, Int) -> Void,
    segmentMax: @escaping @Sendable (MatrixView, UnsafePointer<Int32>, MutableMatrixView) -> Void,
    neighbourMax:
      @escaping @Sendable (MatrixView, UnsafePointer<WindowNeighbours>, Float, MutableMatrixView) ->
      Void,
    aggregate:
      @escaping @Sendable (
        MatrixView, UnsafePointer<Bool>?, PackedView, MutableMatrixView, MutableMatrixView?,
        MutablePointer, MutablePointer, MutableMatrixView, MutablePointer
      ) -> Void,
    joinAggregates:
      @escaping @Sendable (
        Pointer, Pointer, MatrixView, MutablePointer, MutablePointer, MutableMatrixView
      ) -> Void,
    fuse:
      @escaping @Sendable (
        UnsafePointer<FusionKind>, MatrixView, UnsafePointer<Int32>, MatrixView,
        UnsafePointer<Int32>, MatrixView, MatrixView, MutableMatrixView
      ) -> Void,
    segmentArgmax:
      @escaping @Sendable (
        MatrixView, UnsafePointer<Int32>, MutableMatrixView, UnsafeMutablePointer<Int32>, Int
      ) -> Void,
    segmentMaxGradient:
      @escaping @Sendable (
        UnsafePointer<Int32>, UnsafePointer<Int32>, Int, MatrixView, MutableMatrixView
      ) -> Void,
    addRows: @escaping @Sendable (MatrixView, UnsafePointer<Int32>, MutableMatrixView) -> Void,
    repeatRow: @escaping @Sendable (Pointer, UnsafePointer<Bool>?, MutableMatrixView) -> Void,
    aggregateGradientScores:
      @escaping @Sendable (
        MatrixView, MatrixView, PackedView, MutableMatrixView, MutablePointer, MutablePointer
      ) -> Void,
    aggregateGradient:
      @escaping @Sendable (
        MatrixView, MatrixView, MatrixView, Pointer, PackedView, MutableMatrixView,
        MutableMatrixView, MutablePointer
      ) -> Void
  ) {
    self.sumRows = sumRows
    self.accumulate = accumulate
    self.divide = divide
    self.segmentMax = segmentMax
    self.neighbourMax = neighbourMax
    self.aggregate = aggregate
    self.joinAggregates = joinAggregates
    self.fuse = fuse
    self.segmentArgmax = segmentArgmax
    self.segmentMaxGradient = segmentMaxGradient
    self.addRows = addRows
    self.repeatRow = repeatRow
    self.aggregateGradientScores = aggregateGradientScores
    self.aggregateGradient = aggregateGradient
  }
}
