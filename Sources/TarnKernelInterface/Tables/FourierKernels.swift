// The table of one family of kernels.

/// Discrete Fourier transforms.
///
/// See ``KernelTable``. Workspaces have ``FourierPlanView/workspaceCount(innerLength:isConvolution:)``
/// elements.
public struct FourierKernels: Sendable {
  /// Workspace.
  public typealias MutablePointer = UnsafeMutablePointer<Float>

  /// The forward transform down each column of `real + i·imaginary`, in place.
  public var transform:
    @Sendable (
      _ real: MutableMatrixView, _ imaginary: MutableMatrixView, FourierPlanView,
      _ workspace: MutablePointer
    ) -> Void
  /// The token axis of FNet's mixing for 32 columns from `first` on; see `mixTokens`.
  public var mixTokens:
    @Sendable (
      _ x: MatrixView, _ first: Int, FourierPlanView, _ u: MutableMatrixView,
      _ workspace: MutablePointer
    ) -> Void
  /// The hidden axis of FNet's mixing for 32 rows from `first` on and their mirror images; see
  /// `mixHidden`.
  public var mixHidden:
    @Sendable (
      _ u: MatrixView, _ first: Int, FourierPlanView, _ y: MutableMatrixView,
      _ workspace: MutablePointer
    ) -> Void

  /// A table of these members; see the properties.
  public init(
    transform:
      @escaping @Sendable (
        MutableMatrixView, MutableMatrixView, FourierPlanView, MutablePointer
      ) -> Void,
    mixTokens:
      @escaping @Sendable (
        MatrixView, Int, FourierPlanView, MutableMatrixView, MutablePointer
      ) -> Void,
    mixHidden:
      @escaping @Sendable (
        MatrixView, Int, FourierPlanView, MutableMatrixView, MutablePointer
      ) -> Void
  ) {
    self.transform = transform
    self.mixTokens = mixTokens
    self.mixHidden = mixHidden
  }
}
