// The entry points of one instruction set. Chosen once; called through one pointer each.

/// What a kernel module offers. Each member is documented at the function of the same name there.
///
/// Arguments have been checked by the caller: a kernel throws nothing and allocates nothing.
public struct KernelTable: Sendable {
  public typealias Pointer = UnsafePointer<Float>
  public typealias MutablePointer = UnsafeMutablePointer<Float>

  /// Width and height of the register tile, as benchmark rows name it: "8x48".
  public var tileRows: Int
  public var tileColumns: Int
  public var hasFusedMultiplyAdd: Bool

  public var pack: @Sendable (MatrixView, MutablePointer) -> Void
  public var packTransposed: @Sendable (MatrixView, MutablePointer) -> Void
  public var matmul:
    @Sendable (
      _ a: MatrixView, _ b: PackedView, _ panels: Range<Int>, _ epilogue: EpilogueView,
      _ c: MutableMatrixView, _ workspace: MutablePointer
    ) -> Void
  public var matmulUnpacked:
    @Sendable (
      _ a: MatrixView, _ b: MatrixView, _ epilogue: EpilogueView, _ c: MutableMatrixView,
      _ workspace: MutablePointer
    ) -> Void
  public var layerNorm:
    @Sendable (
      _ x: MatrixView, _ residual: MatrixView?, _ gain: Pointer, _ bias: Pointer,
      _ epsilon: Float, _ y: MutableMatrixView
    ) -> Void
  public var softmax: @Sendable (_ x: MatrixView, _ scale: Float, _ y: MutableMatrixView) -> Void
  public var elementwise: @Sendable (ElementwiseFunction, Pointer, MutablePointer, Int) -> Void
  public var sumRows: @Sendable (MatrixView, UnsafePointer<Bool>?, MutablePointer) -> Void
  public var accumulate:
    @Sendable (_ x: Pointer, _ scale: Float, _ factor: Float, _ y: MutablePointer, Int) -> Void
  public var divide: @Sendable (_ x: MutablePointer, _ divisor: Float, Int) -> Void
  public var segmentMax:
    @Sendable (_ x: MatrixView, _ labels: UnsafePointer<Int32>, _ maxima: MutableMatrixView) -> Void
  public var slidingMax:
    @Sendable (_ x: MatrixView, _ window: Int, _ tokens: Range<Int>, _ y: MutableMatrixView) -> Void
  public var neighbourMax:
    @Sendable (MatrixView, UnsafePointer<WindowNeighbours>, _ fill: Float, MutableMatrixView)
      -> Void
  public var aggregate:
    @Sendable (
      _ x: MatrixView, _ keep: UnsafePointer<Bool>?, _ u: PackedView, _ scores: MutableMatrixView,
      _ rawScores: MutableMatrixView?, _ m: MutablePointer, _ l: MutablePointer,
      _ z: MutableMatrixView, _ workspace: MutablePointer
    ) -> Void
  public var joinAggregates:
    @Sendable (
      _ m: Pointer, _ l: Pointer, _ z: MatrixView, _ runningM: MutablePointer,
      _ runningL: MutablePointer, _ runningZ: MutableMatrixView
    ) -> Void
  public var fuse:
    @Sendable (
      _ kinds: UnsafePointer<FusionKind>, _ v: MatrixView, _ sequences: UnsafePointer<Int32>,
      _ maxima: MatrixView, _ labels: UnsafePointer<Int32>, _ o: MatrixView, _ local: MatrixView,
      _ c: MutableMatrixView
    ) -> Void
  public var gather:
    @Sendable (
      _ table: MatrixView, _ indices: UnsafePointer<Int32>, _ adding: Bool, _ y: MutableMatrixView
    ) -> Void
  public var widenBFloat16: @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void
  public var widenFloat16: @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void
  public var multiplyAddPeak: @Sendable (_ iterations: Int) -> (operations: Int, sink: Float)

  public init(
    tileRows: Int, tileColumns: Int, hasFusedMultiplyAdd: Bool,
    pack: @escaping @Sendable (MatrixView, MutablePointer) -> Void,
    packTransposed: @escaping @Sendable (MatrixView, MutablePointer) -> Void,
    matmul:
      @escaping @Sendable (
        MatrixView, PackedView, Range<Int>, EpilogueView, MutableMatrixView, MutablePointer
      ) -> Void,
    matmulUnpacked:
      @escaping @Sendable (
        MatrixView, MatrixView, EpilogueView, MutableMatrixView, MutablePointer
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
    multiplyAddPeak: @escaping @Sendable (Int) -> (operations: Int, sink: Float)
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
  }
}
