// Arguments of the Fourier kernels.

/// One level of a mixed-radix transform: `radix` transforms of `length` points become one.
public struct FourierLevel: Sendable {
  /// The radix r.
  public var radix: Int
  /// Points of each of the r transforms that are combined: m.
  public var length: Int
  /// Where the level's constants begin in the table.
  ///
  /// For a radix above 5 first the cosines and sines `2πi/r`, i = 0 ..< r, in pairs; then for each
  /// k < m the pairs `e^(-2πi·kt/rm)`, t = 1 ..< r.
  public var table: Int

  /// A level of these members.
  @inlinable @inline(__always)
  public init(radix: Int, length: Int, table: Int) {
    self.radix = radix
    self.length = length
    self.table = table
  }
}

/// How a discrete Fourier transform of one length is computed.
///
/// Complex numbers of the tables are pairs: real part, imaginary part.
///
/// ## Safety
/// The pointers must be readable for the counts that are named while the view is used.
public struct FourierPlanView: @unchecked Sendable {
  /// Points of the transform: n.
  public var length: Int
  /// Points of the mixed-radix transform inside: n, or those of Bluestein's convolution, `≥ 2n - 1`.
  public var innerLength: Int
  /// Levels, the outermost first.
  public var levels: UnsafePointer<FourierLevel>
  /// Number of levels.
  public var levelCount: Int
  /// Number of outer levels of a divided plan, else 0; see ``outerLength``.
  public var outerLevels: Int
  /// The product m of their radices, else 1.
  ///
  /// The inner levels are then m transforms of n/m points, the outer levels n/m of m points, each
  /// of which fits into cache where the whole does not.
  public var outerLength: Int
  /// `innerLength` entries: where point p is put before the butterflies.
  public var order: UnsafePointer<Int32>
  /// The constants of the levels.
  public var table: UnsafePointer<Float>
  /// `length` numbers `e^(-πi·k²/n)` and, after them, `innerLength` of the transformed chirp; nil
  /// unless the length has a large prime factor.
  public var chirp: UnsafePointer<Float>?

  /// A view of a plan that the caller owns; nothing is copied or checked.
  @inlinable @inline(__always)
  public init(
    length: Int, innerLength: Int, levels: UnsafePointer<FourierLevel>, levelCount: Int,
    outerLevels: Int, outerLength: Int,
    order: UnsafePointer<Int32>, table: UnsafePointer<Float>, chirp: UnsafePointer<Float>?
  ) {
    self.length = length
    self.innerLength = innerLength
    self.levels = levels
    self.levelCount = levelCount
    self.outerLevels = outerLevels
    self.outerLength = outerLength
    self.order = order
    self.table = table
    self.chirp = chirp
  }

  /// The largest prime that is a radix.
  @inlinable @inline(__always)
  public static var largestRadix: Int { 31 }

  /// Where the loader of a strip puts point p: Bluestein's algorithm takes the points in order.
  @inlinable @inline(__always)
  public func place(_ p: Int) -> Int { chirp == nil ? Int(order[p]) : p }

  /// Elements of four blocks of 16 × 16; the largest radix takes fewer.
  @inlinable @inline(__always)
  public static var blockCount: Int { 1024 }

  /// Elements of scratch that the transform of a strip takes: for Bluestein's algorithm two strips
  /// of its convolution.
  @inlinable @inline(__always)
  public static func scratchCount(innerLength: Int, isConvolution: Bool) -> Int {
    (isConvolution ? 64 &* innerLength : 0) &+ blockCount
  }

  /// Elements from one strip of so many points to the next: a cache line more than the points, so
  /// that equal points of several strips do not meet in one set of the cache.
  @inlinable @inline(__always)
  public static func stripStride(length: Int) -> Int { 32 &* length &+ 16 }

  /// Elements of a row of columns that are transformed side by side: whole strips of 32, and a cache
  /// line more, so that equal columns do not meet in few sets of the cache.
  @inlinable @inline(__always)
  public static func rowStride(columns: Int) -> Int { (columns &+ 31) / 32 &* 32 &+ 16 }
}
