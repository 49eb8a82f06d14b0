// The table of one family of kernels.

/// Discrete Fourier transforms.
///
/// See ``KernelTable``. Workspaces have
/// ``FourierPlanView/workspaceCount(strips:innerLength:isConvolution:)`` elements.
public struct FourierKernels: Sendable {
  /// Workspace.
  public typealias MutablePointer = UnsafeMutablePointer<Float>

  /// The forward transform down each column of `real + i·imaginary`, in place.
  ///
  /// A strip for each sixteen columns.
  public var transform:
    @Sendable (
      _ real: MutableMatrixView, _ imaginary: MutableMatrixView, FourierPlanView,
      _ workspace: MutablePointer
    ) -> Void
  /// The token axis of FNet's mixing for some columns; see `mixTokens`.
  ///
  /// A strip for each 32 columns.
  public var mixTokens:
    @Sendable (
      _ x: MatrixView, _ columns: Range<Int>, FourierPlanView, _ u: MutableMatrixView,
      _ workspace: MutablePointer
    ) -> Void
  /// The hidden axis of FNet's mixing for some rows and their mirror images; see `mixHidden`.
  ///
  /// A strip for each 32 rows.
  public var mixHidden:
    @Sendable (
      _ u: MatrixView, _ rows: Range<Int>, FourierPlanView, _ y: MutableMatrixView,
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
        MatrixView, Range<Int>, FourierPlanView, MutableMatrixView, MutablePointer
      ) -> Void,
    mixHidden:
      @escaping @Sendable (
        MatrixView, Range<Int>, FourierPlanView, MutableMatrixView, MutablePointer
      ) -> Void
  ) {
    self.transform = transform
    self.mixTokens = mixTokens
    self.mixHidden = mixHidden
  }
}
