// The table of one family of kernels.

/// Copies: gather, conversion and transposition.
///
/// See ``KernelTable``.
public struct MemoryKernels: Sendable {
  /// A row or vector that is only read.
  public typealias Pointer = UnsafePointer<Float>
  /// A row or vector that is written, or workspace.
  public typealias MutablePointer = UnsafeMutablePointer<Float>

  /// `y[i] = table[indices[i]]`, or that added to what `y` holds.
  public var gather:
    @Sendable (
      _ table: MatrixView, _ indices: UnsafePointer<Int32>, _ adding: Bool, _ y: MutableMatrixView
    ) -> Void
  /// `y[i]` = column `indices[i]` of a packed matrix, or that added to what `y` holds.
  public var gatherColumns:
    @Sendable (
      _ table: PackedView, _ indices: UnsafePointer<Int32>, _ adding: Bool, _ y: MutableMatrixView
    ) -> Void
  /// Little-endian bfloat16 to Float, exactly; any alignment.
  ///
  /// Parameters: `2 · count` bytes, `[count]`, the count.
  public var widenBFloat16: @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void
  /// Little-endian IEEE half precision to Float, exactly; any alignment.
  ///
  /// Parameters: `2 · count` bytes, `[count]`, the count.
  public var widenFloat16: @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void

  /// Float to little-endian bfloat16, rounded to nearest, ties to even; any alignment.
  ///
  /// Parameters: `[count]`, `2 · count` bytes, the count.
  public var narrowBFloat16: @Sendable (Pointer, UnsafeMutableRawPointer, Int) -> Void
  /// Float to little-endian IEEE half precision, rounded to nearest, ties to even; any alignment.
  ///
  /// Parameters: `[count]`, `2 · count` bytes, the count.
  public var narrowFloat16: @Sendable (Pointer, UnsafeMutableRawPointer, Int) -> Void
  /// `y[j, i] = x[i, j]` for the rows `rows` of `y`.
  public var transpose:
    @Sendable (_ x: MatrixView, _ rows: Range<Int>, _ y: MutableMatrixView) -> Void
  /// `y = x`, for an x with any strides.
  public var copyStrided: @Sendable (_ x: StridedView, _ y: MutableMatrixView) -> Void

  /// A table of these members; see the properties.
  public init(
    gather: @escaping @Sendable (MatrixView, UnsafePointer<Int32>, Bool, MutableMatrixView) -> Void,
    gatherColumns:
      @escaping @Sendable (PackedView, UnsafePointer<Int32>, Bool, MutableMatrixView) -> Void,
    widenBFloat16: @escaping @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void,
    widenFloat16: @escaping @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void,
    narrowBFloat16: @escaping @Sendable (Pointer, UnsafeMutableRawPointer, Int) -> Void,
    narrowFloat16: @escaping @Sendable (Pointer, UnsafeMutableRawPointer, Int) -> Void,
    transpose: @escaping @Sendable (MatrixView, Range<Int>, MutableMatrixView) -> Void,
    copyStrided: @escaping @Sendable (StridedView, MutableMatrixView) -> Void
  ) {
    self.gather = gather
    self.gatherColumns = gatherColumns
    self.widenBFloat16 = widenBFloat16
    self.widenFloat16 = widenFloat16
    self.narrowBFloat16 = narrowBFloat16
    self.narrowFloat16 = narrowFloat16
    self.transpose = transpose
    self.copyStrided = copyStrided
  }
}
