// The table of one family of kernels.

/// Discrete Fourier transforms.
///
/// See ``KernelTable``. Strips and scratch have ``FourierPlanView/stripStride(length:)`` and
/// ``FourierPlanView/scratchCount(innerLength:isConvolution:)`` elements, rows of the mixing's matrix
/// w ``FourierPlanView/rowStride(columns:)``.
public struct FourierKernels: Sendable {
  /// Workspace.
  public typealias MutablePointer = UnsafeMutablePointer<Float>

  /// The forward transform down each column of `real + i·imaginary`, in place.
  ///
  /// Workspace: a strip for each sixteen columns, and scratch.
  public var transform:
    @Sendable (
      _ real: MutableMatrixView, _ imaginary: MutableMatrixView, FourierPlanView,
      _ workspace: MutablePointer
    ) -> Void
  /// The token axis of FNet's mixing for some tokens and columns; see `mixTokens`.
  public var mixTokens:
    @Sendable (
      _ x: MatrixView, _ part: Int, _ columns: Range<Int>, FourierPlanView,
      _ w: MutableMatrixView, _ scratch: MutablePointer
    ) -> Void
  /// The hidden axis of FNet's mixing for some rows and their mirror images; see `mixHidden`.
  ///
  /// Workspace: a strip of d points, and scratch.
  public var mixHidden:
    @Sendable (
      _ w: MatrixView, _ rows: Range<Int>, FourierPlanView, _ y: MutableMatrixView,
      _ workspace: MutablePointer
    ) -> Void
  /// The same after a divided plan for the tokens, for the rows of a remainder; see `mixRemainder`.
  ///
  /// Workspace: a strip of d points, scratch, and 2m rows of w.
  public var mixRemainder:
    @Sendable (
      _ w: MatrixView, _ remainder: Int, _ tokens: FourierPlanView, FourierPlanView,
      _ y: MutableMatrixView, _ workspace: MutablePointer
    ) -> Void

  /// A table of these members; see the properties.
  public init(
    transform:
      @escaping @Sendable (
        MutableMatrixView, MutableMatrixView, FourierPlanView, MutablePointer
      ) -> Void,
    mixTokens:
      @escaping @Sendable (
        MatrixView, Int, Range<Int>, FourierPlanView, MutableMatrixView, MutablePointer
      ) -> Void,
    mixHidden:
      @escaping @Sendable (
        MatrixView, Range<Int>, FourierPlanView, MutableMatrixView, MutablePointer
      ) -> Void,
    mixRemainder:
      @escaping @Sendable (
        MatrixView, Int, FourierPlanView, FourierPlanView, MutableMatrixView, MutablePointer
      ) -> Void
  ) {
    self.transform = transform
    self.mixTokens = mixTokens
    self.mixHidden = mixHidden
    self.mixRemainder = mixRemainder
  }
}
