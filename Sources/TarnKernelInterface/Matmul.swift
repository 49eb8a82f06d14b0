// Arguments of the matmul kernels.

/// Weights reordered for matmul: `depth × columns` in strips of sixteen columns.
///
/// Strip `s` holds columns `16·s …`, row after row, and starts at `16·s·depth`; columns past the end
/// are zero. Three strips are a panel, the unit in which work is divided. One order serves all
/// instruction sets and formats: whatever the register tile, it reads whole cache lines one after
/// another.
///
/// ## Safety
/// While the view is used, `base` must be readable for ``elementCount(depth:columns:)`` elements of the
/// format, `scales` for as many as the columns, rounded up to a multiple of sixteen.
public struct PackedView: @unchecked Sendable {
  /// The first element of strip 0; any alignment.
  public var base: UnsafeRawPointer
  /// How elements are held.
  public var format: WeightFormat
  /// What the sums of each column are multiplied by, or nil.
  public var scales: UnsafePointer<Float>?
  /// Rows of the matrix before packing: the length of the sums.
  public var depth: Int
  /// Columns of the matrix before packing, without the zeros that fill up the last strip.
  public var columns: Int

  /// A view of packed weights that the caller owns; nothing is copied or checked.
  @inlinable @inline(__always)
  public init(
    _ base: UnsafeRawPointer, format: WeightFormat = .float32, scales: UnsafePointer<Float>? = nil,
    depth: Int, columns: Int
  ) {
    self.base = base
    self.format = format
    self.scales = scales
    self.depth = depth
    self.columns = columns
  }

  /// Columns of a full panel.
  @inlinable @inline(__always)
  public static var panelWidth: Int { 48 }

  /// Number of panels: `columns / 48`, rounded up.
  @inlinable @inline(__always)
  public var panelCount: Int { (columns &+ 47) / 48 }

  /// Elements that the packed form of `depth × columns` takes.
  @inlinable @inline(__always)
  public static func elementCount(depth: Int, columns: Int) -> Int {
    depth &* ((columns &+ 15) & ~15)
  }
}

/// What happens to `A·B` on its way to C: `C = activation(A·B + bias) + residual`.
public struct EpilogueView: @unchecked Sendable {
  /// One value a column of C, or nil.
  public var bias: UnsafePointer<Float>?
  /// Applied after the bias, or nil.
  public var activation: ElementwiseFunction?
  /// As many rows and columns as C, added last, or nil.
  ///
  /// Distinct from C, which holds `A·B` when this is read.
  public var residual: MatrixView?

  /// An epilogue of any of the three steps; of none by default.
  @inlinable @inline(__always)
  public init(
    bias: UnsafePointer<Float>? = nil, activation: ElementwiseFunction? = nil,
    residual: MatrixView? = nil
  ) {
    self.bias = bias
    self.activation = activation
    self.residual = residual
  }

  /// Whether C is `A·B` as it is.
  @inlinable @inline(__always)
  public var isEmpty: Bool { bias == nil && activation == nil && residual == nil }
}

/// Sizes that all instruction sets share, most of them because the results depend on them.
public enum Blocking {
  /// Length of a k-block: summed from zero, block sums added in order.
  @inlinable @inline(__always)
  public static var depth: Int { 384 }

  /// Tokens in a chunk of a reduction over tokens, counted from the sequence's own start.
  @inlinable @inline(__always)
  public static var tokens: Int { 256 }

  /// The most rows for which a panel of B is packed inside a call when its turn comes.
  ///
  /// More rows need each panel several times; B is packed in larger parts then. Results do not depend
  /// on it.
  @inlinable @inline(__always)
  public static var rows: Int { 240 }

  /// Elements of workspace that one call of a matmul kernel needs if B is held as Float.
  @inlinable @inline(__always)
  public static var matmulWorkspace: Int { 8 &* 48 }

  /// Elements that it needs for B in another format: also room for a k-block of a panel.
  @inlinable @inline(__always)
  public static var wideningWorkspace: Int { matmulWorkspace &+ depth &* PackedView.panelWidth }
}
