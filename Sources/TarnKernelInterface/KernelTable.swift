// The entry points of one instruction set. Chosen once; called through one pointer each.

/// What a kernel module offers.
///
/// Each member is documented in full at the function of the same name in TarnKernels. Arguments
/// have been checked by the caller: a kernel throws nothing and allocates nothing.
public struct KernelTable: Sendable {
  /// A row or vector that is only read.
  public typealias Pointer = UnsafePointer<Float>
  /// A row or vector that is written, or workspace.
  public typealias MutablePointer = UnsafeMutablePointer<Float>

  /// Rows of the largest register tile of matmul: the 8 of a benchmark's "8x48".
  public var tileRows: Int
  /// Columns of that tile: 16 or 48.
  public var tileColumns: Int
  /// Whether `a·b + c` is rounded once; then all such tables give the same bits.
  public var hasFusedMultiplyAdd: Bool

  /// Packs some panels of B `[depth × columns]`; the target is `PackedView.elementCount` elements.
  ///
  /// Parameters: B, the panels, the packed form.
  public var pack: @Sendable (MatrixView, Range<Int>, MutablePointer) -> Void
  /// Packs some panels of the transpose of B, given as `[columns × depth]`.
  ///
  /// Parameters: B, the panels, the packed form.
  public var packTransposed: @Sendable (MatrixView, Range<Int>, MutablePointer) -> Void
  /// `C = activation(A·B + bias) + residual` for some panels of a packed B, or with A·B added to C
  /// before the rest.
  ///
  /// The workspace is ``Blocking/matmulWorkspace`` elements.
  public var matmul:
    @Sendable (
      _ a: MatrixView, _ b: PackedView, _ panels: Range<Int>, _ adding: Bool,
      _ epilogue: EpilogueView, _ c: MutableMatrixView, _ workspace: MutablePointer
    ) -> Void
  /// `C = activation(A·B + bias) + residual` for some panels of a row-major B, for few rows.
  ///
  /// The workspace is ``Blocking/matmulWorkspace`` elements.
  public var matmulUnpacked:
    @Sendable (
      _ a: MatrixView, _ b: MatrixView, _ panels: Range<Int>, _ epilogue: EpilogueView,
      _ c: MutableMatrixView, _ workspace: MutablePointer
    ) -> Void
  /// Layer norm of each row of `x + residual`; `y` may be `x` or `residual`.
  public var layerNorm:
    @Sendable (
      _ x: MatrixView, _ residual: MatrixView?, _ gain: Pointer, _ bias: Pointer,
      _ epsilon: Float, _ y: MutableMatrixView
    ) -> Void
  /// Softmax of each row of `scale · x`; `y` may be `x`.
  public var softmax: @Sendable (_ x: MatrixView, _ scale: Float, _ y: MutableMatrixView) -> Void
  /// `y[i] = f(x[i])`; `y` may be `x`.
  ///
  /// Parameters: f, x, y, the number of elements.
  public var elementwise: @Sendable (ElementwiseFunction, Pointer, MutablePointer, Int) -> Void
  /// The sum of the kept rows, one chain a column in row order from zero.
  ///
  /// Parameters: `[tokens × columns]`, one flag a row or nil for all, the sum `[columns]`.
  public var sumRows: @Sendable (MatrixView, UnsafePointer<Bool>?, MutablePointer) -> Void
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
  /// The maximum over a window of rows of one sequence, for the rows `tokens` of `y`.
  public var slidingMax:
    @Sendable (_ x: MatrixView, _ window: Int, _ tokens: Range<Int>, _ y: MutableMatrixView) -> Void
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
  /// `y[i] = table[indices[i]]`, or that added to what `y` holds.
  public var gather:
    @Sendable (
      _ table: MatrixView, _ indices: UnsafePointer<Int32>, _ adding: Bool, _ y: MutableMatrixView
    ) -> Void
  /// Little-endian bfloat16 to Float, exactly; any alignment.
  ///
  /// Parameters: `2 · count` bytes, `[count]`, the count.
  public var widenBFloat16: @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void
  /// Little-endian IEEE half precision to Float, exactly; any alignment.
  ///
  /// Parameters: `2 · count` bytes, `[count]`, the count.
  public var widenFloat16: @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void
  /// Independent multiply-adds in registers, to measure the arithmetic peak.
  ///
  /// Returns the operations done (a multiply-add counts two) and a value that keeps the loop alive.
  public var multiplyAddPeak: @Sendable (_ iterations: Int) -> (operations: Int, sink: Float)
  /// Reads elements one after another, a multiple of 128 of them, to measure bandwidth.
  public var readAll: @Sendable (Pointer, Int) -> Float

  /// A table of these members; see the properties.
  public init(
    tileRows: Int, tileColumns: Int, hasFusedMultiplyAdd: Bool,
    pack: @escaping @Sendable (MatrixView, Range<Int>, MutablePointer) -> Void,
    packTransposed: @escaping @Sendable (MatrixView, Range<Int>, MutablePointer) -> Void,
    matmul:
      @escaping @Sendable (
        MatrixView, PackedView, Range<Int>, Bool, EpilogueView, MutableMatrixView, MutablePointer
      ) -> Void,
    matmulUnpacked:
      @escaping @Sendable (
        MatrixView, MatrixView, Range<Int>, EpilogueView, MutableMatrixView, MutablePointer
      ) -> Void,
    layerNorm:
      @escaping @Sendable (
        MatrixView, MatrixView?, Pointer, Pointer, Float, MutableMatrixView
      ) -> Void,
    softmax: @escaping @Sendable (MatrixView, Float, MutableMatrixView) -> Void,
    elementwise: @escaping @Sendable (ElementwiseFunction, Pointer, MutablePointer, Int) -> Void,
    sumRows: @escaping @Sendable (MatrixView, UnsafePointer<Bool>?, MutablePointer) -> Void,
    accumulate: @escaping @Sendable (Pointer, Float, Float, MutablePointer, Int) -> Void,
    divide: @escaping @Sendable (MutablePointer, Float, Int) -> Void,
    segmentMax: @escaping @Sendable (MatrixView, UnsafePointer<Int32>, MutableMatrixView) -> Void,
    slidingMax: @escaping @Sendable (MatrixView, Int, Range<Int>, MutableMatrixView) -> Void,
    neighbourMax:
      @escaping @Sendable (
        MatrixView, UnsafePointer<WindowNeighbours>, Float, MutableMatrixView
      ) -> Void,
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
    gather:
      @escaping @Sendable (MatrixView, UnsafePointer<Int32>, Bool, MutableMatrixView) -> Void,
    widenBFloat16: @escaping @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void,
    widenFloat16: @escaping @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void,
    multiplyAddPeak: @escaping @Sendable (Int) -> (operations: Int, sink: Float),
    readAll: @escaping @Sendable (Pointer, Int) -> Float
  ) {
    self.tileRows = tileRows
    self.tileColumns = tileColumns
    self.hasFusedMultiplyAdd = hasFusedMultiplyAdd
    self.pack = pack
    self.packTransposed = packTransposed
    self.matmul = matmul
    self.matmulUnpacked = matmulUnpacked
    self.layerNorm = layerNorm
    self.softmax = softmax
    self.elementwise = elementwise
    self.sumRows = sumRows
    self.accumulate = accumulate
    self.divide = divide
    self.segmentMax = segmentMax
    self.slidingMax = slidingMax
    self.neighbourMax = neighbourMax
    self.aggregate = aggregate
    self.joinAggregates = joinAggregates
    self.fuse = fuse
    self.gather = gather
    self.widenBFloat16 = widenBFloat16
    self.widenFloat16 = widenFloat16
    self.multiplyAddPeak = multiplyAddPeak
    self.readAll = readAll
  }
}
