// The table of one family of kernels.

/// Soft and hard top-k selection of rows.
///
/// See ``KernelTable``.
public struct TopKKernels: Sendable {
  /// A row or vector that is only read.
  public typealias Pointer = UnsafePointer<Float>
  /// A row or vector that is written, or workspace.
  public typealias MutablePointer = UnsafeMutablePointer<Float>
  /// Row numbers that are only read.
  public typealias Indices = UnsafePointer<Int32>

  /// Row numbers by descending score, ties by ascending number, NaN last.
  ///
  /// Parameters: the scores, their number, the order, ``SoftTopKTape/rankWorkspace(_:)`` elements.
  public var rank:
    @Sendable (Pointer, Int, UnsafeMutablePointer<Int32>, UnsafeMutablePointer<UInt64>) -> Void
  /// All rounds of a soft top-k on scores alone.
  ///
  /// The order is `[2N]` scratch, the workspace ``SoftTopKTape/rankWorkspace(_:)`` of N.
  public var planSoftTopK:
    @Sendable (
      _ tape: SoftTopKTape, _ lnBase: Float, _ flips: Bool, _ keepsOrder: Bool,
      _ order: UnsafeMutablePointer<Int32>, _ workspace: UnsafeMutablePointer<UInt64>
    ) -> Void
  /// `y[j] = Σ_i weights[j, i] · x[tokens[j, i]]`, `group` entries a row.
  public var blendRows:
    @Sendable (
      _ x: MatrixView, _ tokens: Indices, _ weights: Pointer, _ group: Int, _ y: MutableMatrixView
    ) -> Void
  /// `dx[t] = weights[i] · dy[j]`, and `dots[t] = ⟨dy[j], x[t]⟩` where there is an x.
  ///
  /// `i = places[t]`, `j = i / group`; zeros where that is -1.
  public var spreadRows:
    @Sendable (
      _ dy: MatrixView, _ x: MatrixView?, _ places: Indices, _ weights: Pointer, _ group: Int,
      _ dx: MutableMatrixView, _ dots: MutablePointer
    ) -> Void
  /// The gradient of a soft top-k to its scores.
  ///
  /// The last three are `[2N - k]`: dots of which the first N are given, scratch, the result.
  public var softTopKScoreGradient:
    @Sendable (
      _ tape: SoftTopKTape, _ lnBase: Float, _ upstream: Pointer?, _ dots: MutablePointer,
      _ weights: MutablePointer, _ gradient: MutablePointer
    ) -> Void
  /// The weights `[k × n]` and scores `[k]` of the iterative soft top-k; `s` is overwritten.
  public var iterativeTopK:
    @Sendable (
      _ s: MutablePointer, _ alpha: Float, _ weights: MutableMatrixView, _ scores: MutablePointer
    ) -> Void

  /// A table of these members; see the properties.
  public init(
    rank:
      @escaping @Sendable (
        Pointer, Int, UnsafeMutablePointer<Int32>, UnsafeMutablePointer<UInt64>
      ) -> Void,
    planSoftTopK:
      @escaping @Sendable (
        SoftTopKTape, Float, Bool, Bool, UnsafeMutablePointer<Int32>, UnsafeMutablePointer<UInt64>
      ) -> Void,
    blendRows:
      @escaping @Sendable (MatrixView, Indices, Pointer, Int, MutableMatrixView) -> Void,
    spreadRows:
      @escaping @Sendable (
        MatrixView, MatrixView?, Indices, Pointer, Int, MutableMatrixView, MutablePointer
      ) -> Void,
    softTopKScoreGradient:
      @escaping @Sendable (
        SoftTopKTape, Float, Pointer?, MutablePointer, MutablePointer, MutablePointer
      ) -> Void,
    iterativeTopK:
      @escaping @Sendable (MutablePointer, Float, MutableMatrixView, MutablePointer) -> Void
  ) {
    self.rank = rank
    self.planSoftTopK = planSoftTopK
    self.blendRows = blendRows
    self.spreadRows = spreadRows
    self.softTopKScoreGradient = softTopKScoreGradient
    self.iterativeTopK = iterativeTopK
  }
}
