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

  /// RMS norm of each row; `y` may be `x`.
  public var rmsNorm:
    @Sendable (_ x: MatrixView, _ gain: Pointer, _ epsilon: Float, _ y: MutableMatrixView) -> Void
  /// Softmax of the first `lengths[i]` elements of each row of `scale · x`, 0 from there on.
  ///
  /// `y` may be `x`.
  public var maskedSoftmax:
    @Sendable (
      _ x: MatrixView, _ lengths: UnsafePointer<Int32>, _ scale: Float, _ y: MutableMatrixView
    ) -> Void
  /// The logarithm of softmax of each row of `scale · x`; `y` may be `x`.
  public var logSoftmax: @Sendable (_ x: MatrixView, _ scale: Float, _ y: MutableMatrixView) -> Void
  /// `y[i] = log Σ_j exp(scale · x[i, j])`, `[rows × 1]`.
  public var logSumExp: @Sendable (_ x: MatrixView, _ scale: Float, _ y: MutableMatrixView) -> Void
  /// `z = x + y`; `y` may have a row stride of 0; `z` may be `x` or `y`.
  public var add: @Sendable (_ x: MatrixView, _ y: MatrixView, _ z: MutableMatrixView) -> Void
  /// `y = a ∘ b + c`; `y` may be one of them.
  public var multiplyAdd:
    @Sendable (_ a: MatrixView, _ b: MatrixView, _ c: MatrixView, _ y: MutableMatrixView) -> Void
  /// The gradient of layer norm over one chunk of at most ``Blocking/tokens`` tokens.
  ///
  /// `dx` may be `dy`. `dGain` and `dBias` `[d]` are written.
  public var layerNormGradient:
    @Sendable (
      _ x: MatrixView, _ gain: Pointer, _ epsilon: Float, _ dy: MatrixView,
      _ dx: MutableMatrixView, _ dGain: MutablePointer, _ dBias: MutablePointer
    ) -> Void
  /// The gradient of RMS norm over one chunk of at most ``Blocking/tokens`` tokens.
  ///
  /// `dx` may be `dy`. `dGain` `[d]` is written.
  public var rmsNormGradient:
    @Sendable (
      _ x: MatrixView, _ gain: Pointer, _ epsilon: Float, _ dy: MatrixView,
      _ dx: MutableMatrixView, _ dGain: MutablePointer
    ) -> Void
  /// The gradient of softmax, masked or not, from its result `y`; `dx` may be `y` or `dy`.
  public var softmaxGradient:
    @Sendable (
      _ y: MatrixView, _ lengths: UnsafePointer<Int32>?, _ scale: Float, _ dy: MatrixView,
      _ dx: MutableMatrixView
    ) -> Void
  /// The gradient of log-softmax from its result `y`; `dx` may be `y` or `dy`.
  public var logSoftmaxGradient:
    @Sendable (_ y: MatrixView, _ scale: Float, _ dy: MatrixView, _ dx: MutableMatrixView) -> Void
  /// The gradient of log-sum-exp; `dy` is `[rows × 1]`; `dx` may be `x`.
  public var logSumExpGradient:
    @Sendable (_ x: MatrixView, _ scale: Float, _ dy: MatrixView, _ dx: MutableMatrixView) -> Void
  /// `dx[i] = dy[i] · f'(x[i])`; `dx` may be `x` or `dy`.
  ///
  /// Parameters: f, x, dy, dx, the number of elements.
  public var elementwiseGradient:
    @Sendable (ElementwiseFunction, Pointer, Pointer, MutablePointer, Int) -> Void

  /// A table of these members; see the properties.
  public init(
    layerNorm:
      @escaping @Sendable (MatrixView, MatrixView?, Pointer, Pointer, Float, MutableMatrixView) ->
      Void,
    softmax: @escaping @Sendable (MatrixView, Float, MutableMatrixView) -> Void,
    elementwise: @escaping @Sendable (ElementwiseFunction, Pointer, MutablePointer, Int) -> Void,
    rmsNorm: @escaping @Sendable (MatrixView, Pointer, Float, MutableMatrixView) -> Void,
    maskedSoftmax:
      @escaping @Sendable (MatrixView, UnsafePointer<Int32>, Float, MutableMatrixView) -> Void,
    logSoftmax: @escaping @Sendable (MatrixView, Float, MutableMatrixView) -> Void,
    logSumExp: @escaping @Sendable (MatrixView, Float, MutableMatrixView) -> Void,
    add: @escaping @Sendable (MatrixView, MatrixView, MutableMatrixView) -> Void,
    multiplyAdd:
      @escaping @Sendable (MatrixView, MatrixView, MatrixView, MutableMatrixView) -> Void,
    layerNormGradient:
      @escaping @Sendable (
        MatrixView, Pointer, Float, MatrixView, MutableMatrixView, MutablePointer, MutablePointer
      ) -> Void,
    rmsNormGradient:
      @escaping @Sendable (
        MatrixView, Pointer, Float, MatrixView, MutableMatrixView, MutablePointer
      ) -> Void,
    softmaxGradient:
      @escaping @Sendable (
        MatrixView, UnsafePointer<Int32>?, Float, MatrixView, MutableMatrixView
      ) -> Void,
    logSoftmaxGradient:
      @escaping @Sendable (MatrixView, Float, MatrixView, MutableMatrixView) -> Void,
    logSumExpGradient:
      @escaping @Sendable (MatrixView, Float, MatrixView, MutableMatrixView) -> Void,
    elementwiseGradient:
      @escaping @Sendable (ElementwiseFunction, Pointer, Pointer, MutablePointer, Int) -> Void
  ) {
    self.layerNorm = layerNorm
    self.softmax = softmax
    self.elementwise = elementwise
    self.rmsNorm = rmsNorm
    self.maskedSoftmax = maskedSoftmax
    self.logSoftmax = logSoftmax
    self.logSumExp = logSumExp
    self.add = add
    self.multiplyAdd = multiplyAdd
    self.layerNormGradient = layerNormGradient
    self.rmsNormGradient = rmsNormGradient
    self.softmaxGradient = softmaxGradient
    self.logSoftmaxGradient = logSoftmaxGradient
    self.logSumExpGradient = logSumExpGradient
    self.elementwiseGradient = elementwiseGradient
  }
}
