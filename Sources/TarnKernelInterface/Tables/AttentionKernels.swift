// The table of one family of kernels.

/// Softmax attention.
///
/// See ``KernelTable``.
public struct AttentionKernels: Sendable {
  /// `y = softmax(scale · q·kᵀ)·v` for some heads and queries of a sequence.
  ///
  /// Scratch is `AttentionBlocking.scratch` elements. `kept` are the numbers of the keys that take
  /// part, `keys` of them, nil for the first `keys` of k; `seen` says how many of these each query
  /// sees, rising, nil for all; both are nil with relative scores. The factor is `scale · log₂ e`.
  public var attend:
    @Sendable (
      _ q: MatrixView, _ k: MatrixView, _ v: MatrixView, _ heads: Int, _ kept: UnsafePointer<Int>?,
      _ keys: Int,
      _ seen: UnsafePointer<Int>?, _ factor: Float, _ relative: RelativeScores?,
      _ y: MutableMatrixView, _ scratch: UnsafeMutablePointer<Float>
    ) -> Void

  /// A table of these members; see the properties.
  public init(
    attend:
      @escaping @Sendable (
        MatrixView, MatrixView, MatrixView, Int, UnsafePointer<Int>?, Int, UnsafePointer<Int>?,
        Float, RelativeScores?, MutableMatrixView, UnsafeMutablePointer<Float>
      ) -> Void
  ) {
    self.attend = attend
  }
}
