// The table of one family of kernels.

/// What is done to each row or element by itself.
///
/// See ``KernelTable``.
public struct RowKernels: Sendable {
  /// A row or vector that is only read.
  public typealias Pointer = UnsafePointer<Float>
  /// A row or vector that is written, or workspace.
  public typealias MutablePointer = UnsafeMutablePointer<Float>

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

  /// A table of these members; see the properties.
  public init(
    layerNorm:
      @escaping @Sendable (MatrixView, MatrixView?, Pointer, Pointer, Float, MutableMatrixView) ->
      Void,
    softmax: @escaping @Sendable (MatrixView, Float, MutableMatrixView) -> Void,
    elementwise: @escaping @Sendable (ElementwiseFunction, Pointer, MutablePointer, Int) -> Void
  ) {
    self.layerNorm = layerNorm
    self.softmax = softmax
    self.elementwise = elementwise
  }
}
