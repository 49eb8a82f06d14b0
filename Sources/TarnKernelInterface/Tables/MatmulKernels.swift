// The table of one family of kernels.

/// Matrix products.
///
/// See ``KernelTable``.
public struct MatmulKernels: Sendable {
  /// A row or vector that is only read.
  public typealias Pointer = UnsafePointer<Float>
  /// A row or vector that is written, or workspace.
  public typealias MutablePointer = UnsafeMutablePointer<Float>

  /// Rows of the largest register tile of matmul: the 8 of a benchmark's "8x48".
  public var tileRows: Int
  /// Columns of that tile: 16 or 48.
  public var tileColumns: Int
  /// The most rows that are multiplied with a panel of B before the next panel.
  public var blockRows: Int
  /// Packs some panels of B `[depth × columns]`; the target is `PackedView.elementCount` elements.
  ///
  /// Parameters: B, the panels, the packed form.
  public var pack: @Sendable (MatrixView, Range<Int>, MutablePointer) -> Void
  /// Packs some panels of the transpose of B, given as `[columns × depth]`.
  ///
  /// Parameters: B, the panels, the packed form.
  public var packTransposed: @Sendable (MatrixView, Range<Int>, MutablePointer) -> Void
  /// Packs some panels of B with any strides.
  ///
  /// Parameters: B `[depth × columns]`, the panels, the packed form.
  public var packStrided: @Sendable (StridedView, Range<Int>, MutablePointer) -> Void
  /// Rounds packed strips to ``WeightFormat/int8``.
  ///
  /// Parameters: the strips, their depth and columns, `PackedView.elementCount` bytes, a scale for
  /// each column of the strips, padding included.
  public var quantize:
    @Sendable (Pointer, Int, Int, UnsafeMutableRawPointer, MutablePointer) -> Void
  /// `C = activation(scales ∘ A·B + bias) + residual` for some panels of a packed B, or with A·B added
  /// to C before the rest.
  ///
  /// The workspace is ``Blocking/matmulWorkspace`` elements if B is held as Float, else
  /// ``Blocking/wideningWorkspace``.
  public var multiply:
    @Sendable (
      _ a: MatrixView, _ b: PackedView, _ panels: Range<Int>, _ adding: Bool,
      _ epilogue: EpilogueView, _ c: MutableMatrixView, _ workspace: MutablePointer
    ) -> Void
  /// `C = activation(A·B + bias) + residual` for some panels of a row-major B, for few rows.
  ///
  /// The workspace is ``Blocking/matmulWorkspace`` elements.
  public var multiplyUnpacked:
    @Sendable (
      _ a: MatrixView, _ b: MatrixView, _ panels: Range<Int>, _ epilogue: EpilogueView,
      _ c: MutableMatrixView, _ workspace: MutablePointer
    ) -> Void
  /// `C = alpha·S + beta·C`; S may be C if beta is 0.
  ///
  /// Without S it counts as 0 and is not multiplied; with beta 0, C is not read.
  public var combine:
    @Sendable (_ s: MatrixView?, _ alpha: Float, _ beta: Float, _ c: MutableStridedView) -> Void

  /// A table of these members; see the properties.
  public init(
    tileRows: Int,
    tileColumns: Int,
    blockRows: Int,
    pack: @escaping @Sendable (MatrixView, Range<Int>, MutablePointer) -> Void,
    packTransposed: @escaping @Sendable (MatrixView, Range<Int>, MutablePointer) -> Void,
    packStrided: @escaping @Sendable (StridedView, Range<Int>, MutablePointer) -> Void,
    quantize:
      @escaping @Sendable (Pointer, Int, Int, UnsafeMutableRawPointer, MutablePointer) -> Void,
    multiply:
      @escaping @Sendable (
        MatrixView, PackedView, Range<Int>, Bool, EpilogueView, MutableMatrixView, MutablePointer
      ) -> Void,
    multiplyUnpacked:
      @escaping @Sendable (
        MatrixView, MatrixView, Range<Int>, EpilogueView, MutableMatrixView, MutablePointer
      ) -> Void,
    combine: @escaping @Sendable (MatrixView?, Float, Float, MutableStridedView) -> Void
  ) {
    self.tileRows = tileRows
    self.tileColumns = tileColumns
    self.blockRows = blockRows
    self.pack = pack
    self.packTransposed = packTransposed
    self.packStrided = packStrided
    self.quantize = quantize
    self.multiply = multiply
    self.multiplyUnpacked = multiplyUnpacked
    self.combine = combine
  }
}
