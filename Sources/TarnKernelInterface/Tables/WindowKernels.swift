// The table of one family of kernels.

/// Sliding and strided pooling over the rows of a sequence, and upsampling.
///
/// See ``KernelTable``. Each takes one whole sequence.
public struct WindowKernels: Sendable {
  /// Scratch memory.
  public typealias MutablePointer = UnsafeMutablePointer<Float>

  /// Elements of scratch that ``poolBlocks`` and ``spreadBlocks`` take.
  ///
  /// - Parameters:
  ///   - rows: the rows that are read.
  ///   - length: the longest window over these rows.
  ///   - columns: the columns.
  /// - Returns: a number of elements.
  @inlinable
  public static func blockScratch(rows: Int, length: Int, columns: Int) -> Int {
    (min(rows, length) + 2) * ((columns + 15) & ~15)
  }

  /// Elements of scratch that ``chooseBlocks`` takes; the parameters are those of
  /// ``blockScratch(rows:length:columns:)``.
  @inlinable
  public static func choiceScratch(rows: Int, length: Int, columns: Int) -> Int {
    2 * (min(rows, length) + 1) * ((columns + 15) & ~15)
  }

  /// Elements of scratch that ``chooseShort`` takes; the parameters are those of
  /// ``blockScratch(rows:length:columns:)``.
  @inlinable
  public static func shortChoiceScratch(length: Int, columns: Int) -> Int {
    shortChoiceSlots(length: length) * ((columns + 15) & ~15)
  }

  /// Tokens whose gradients ``chooseShort`` computes together.
  @inlinable @inline(__always)
  public static var shortChoiceTile: Int { 4 }

  /// A power of two, no less than the windows of one length that hold a token of a tile.
  @inlinable @inline(__always)
  public static func shortChoiceSlots(length: Int) -> Int {
    1 &<< (Int.bitWidth &- (shortChoiceTile &+ length).leadingZeroBitCount)
  }

  /// Reduces each window by itself; for short windows and for windows that share no token.
  ///
  /// Parameters: `[tokens × columns]`, the windows, the rows of `y` to compute, `y`.
  public var poolAlone:
    @Sendable (
      WindowReduction, _ x: MatrixView, TokenWindows, Range<Int>, _ y: MutableMatrixView
    ) -> Void
  /// Reduces all windows of a sequence at a cost that does not depend on their length.
  ///
  /// The last parameter is scratch, ``blockScratch(rows:length:columns:)``.
  public var poolBlocks:
    @Sendable (
      WindowReduction, _ x: MatrixView, TokenWindows, _ y: MutableMatrixView, MutablePointer
    ) -> Void
  /// Row i of `x` to each token of window i, for windows that share no token; 0 to the others.
  ///
  /// Parameters: `x`, the windows, whether rows are divided by the tokens of their window, whether
  /// they are added to what `y` holds, the rows of `y` to compute, `y`.
  public var spreadAlone:
    @Sendable (
      _ x: MatrixView, TokenWindows, _ divided: Bool, _ adding: Bool, Range<Int>,
      _ y: MutableMatrixView
    ) -> Void
  /// The sum of the rows of `x` whose windows hold a token, for each token.
  ///
  /// Parameters: `x`, the windows, whether rows are divided by the tokens of their window, `y`, and
  /// scratch.
  public var spreadBlocks:
    @Sendable (
      _ x: MatrixView, TokenWindows, _ divided: Bool, _ y: MutableMatrixView, MutablePointer
    ) -> Void
  /// Row i of `dy` to the first extreme token of window i, for windows that share no token.
  ///
  /// Parameters: whether the extreme is the largest, `x`, the windows, `dy`, `dx`.
  public var chooseAlone:
    @Sendable (
      _ isMaximum: Bool, _ x: MatrixView, TokenWindows, _ dy: MatrixView, _ dx: MutableMatrixView
    ) -> Void
  /// Row i of `dy` to the first extreme token of window i, added up at each token, for short windows.
  ///
  /// The last parameter is scratch, ``shortChoiceScratch(length:columns:)``.
  public var chooseShort:
    @Sendable (
      _ isMaximum: Bool, _ x: MatrixView, TokenWindows, _ dy: MatrixView, _ dx: MutableMatrixView,
      MutablePointer
    ) -> Void
  /// Row i of `dy` to the first extreme token of window i, added up at each token, at a cost
  /// that does not depend on the length of the windows.
  ///
  /// The last parameter is scratch, ``choiceScratch(rows:length:columns:)``.
  public var chooseBlocks:
    @Sendable (
      _ isMaximum: Bool, _ x: MatrixView, TokenWindows, _ dy: MatrixView, _ dx: MutableMatrixView,
      MutablePointer
    ) -> Void

  /// A table of these members; see the properties.
  public init(
    poolAlone:
      @escaping @Sendable (
        WindowReduction, MatrixView, TokenWindows, Range<Int>, MutableMatrixView
      ) -> Void,
    poolBlocks:
      @escaping @Sendable (
        WindowReduction, MatrixView, TokenWindows, MutableMatrixView, MutablePointer
      ) -> Void,
    spreadAlone:
      @escaping @Sendable (
        MatrixView, TokenWindows, Bool, Bool, Range<Int>, MutableMatrixView
      ) -> Void,
    spreadBlocks:
      @escaping @Sendable (MatrixView, TokenWindows, Bool, MutableMatrixView, MutablePointer) ->
      Void,
    chooseAlone:
      @escaping @Sendable (
        Bool, MatrixView, TokenWindows, MatrixView, MutableMatrixView
      ) -> Void,
    chooseShort:
      @escaping @Sendable (
        Bool, MatrixView, TokenWindows, MatrixView, MutableMatrixView, MutablePointer
      ) -> Void,
    chooseBlocks:
      @escaping @Sendable (
        Bool, MatrixView, TokenWindows, MatrixView, MutableMatrixView, MutablePointer
      ) -> Void
  ) {
    self.poolAlone = poolAlone
    self.poolBlocks = poolBlocks
    self.spreadAlone = spreadAlone
    self.spreadBlocks = spreadBlocks
    self.chooseAlone = chooseAlone
    self.chooseShort = chooseShort
    self.chooseBlocks = chooseBlocks
  }
}
