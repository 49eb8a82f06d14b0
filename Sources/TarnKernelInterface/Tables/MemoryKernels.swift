// The table of one family of kernels.

/// Copies: gather and conversion.
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
  /// Little-endian bfloat16 to Float, exactly; any alignment.
  ///
  /// Parameters: `2 · count` bytes, `[count]`, the count.
  public var widenBFloat16: @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void
  /// Little-endian IEEE half precision to Float, exactly; any alignment.
  ///
  /// Parameters: `2 · count` bytes, `[count]`, the count.
  public var widenFloat16: @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void

  /// A table of these members; see the properties.
  public init(
    gather: @escaping @Sendable (MatrixView, UnsafePointer<Int32>, Bool, MutableMatrixView) -> Void,
    widenBFloat16: @escaping @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void,
    widenFloat16: @escaping @Sendable (UnsafeRawPointer, MutablePointer, Int) -> Void
  ) {
    self.gather = gather
    self.widenBFloat16 = widenBFloat16
    self.widenFloat16 = widenFloat16
  }
}
