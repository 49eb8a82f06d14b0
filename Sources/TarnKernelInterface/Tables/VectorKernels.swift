// The table of one family of kernels.

/// What BLAS calls level 1, for vectors without gaps.
///
/// See ``KernelTable``.
public struct VectorKernels: Sendable {
  /// A vector that is only read.
  public typealias Pointer = UnsafePointer<Float>
  /// A vector that is written, or the 64 elements of a sum.
  public typealias MutablePointer = UnsafeMutablePointer<Float>

  /// Adds `Σ x[i]·y[i]` to the 64 elements of a sum.
  ///
  /// Parameters: x, y, the number of elements, a multiple of 64 before the last part; the sums.
  public var addProducts: @Sendable (Pointer, Pointer, Int, MutablePointer) -> Void
  /// Adds `Σ |x[i]|` to the 64 elements of a sum.
  ///
  /// Parameters: x, the number of elements, a multiple of 64 before the last part; the sums.
  public var addMagnitudes: @Sendable (Pointer, Int, MutablePointer) -> Void
  /// The 64 elements of a sum as one number.
  public var joined: @Sendable (Pointer) -> Float
  /// Adds `Σ x[i]²` to sixteen sums.
  ///
  /// Parameters: x, the number of elements, a multiple of 16 before the last part; the sums.
  public var addSquares: @Sendable (Pointer, Int, UnsafeMutablePointer<Double>) -> Void
  /// `y = alpha·x + y`; `y` may be `x`.
  ///
  /// Parameters: alpha, x, y, the number of elements.
  public var addScaled: @Sendable (Float, Pointer, MutablePointer, Int) -> Void
  /// The largest `|x[i]|` of those that are no NaN; 0 if there is none.
  public var largestMagnitude: @Sendable (Pointer, Int) -> Float
  /// The first i with `|x[i]| = m`, or the number of elements.
  ///
  /// Parameters: m, x, the number of elements.
  public var firstMagnitude: @Sendable (Float, Pointer, Int) -> Int

  /// A table of these members; see the properties.
  public init(
    addProducts: @escaping @Sendable (Pointer, Pointer, Int, MutablePointer) -> Void,
    addMagnitudes: @escaping @Sendable (Pointer, Int, MutablePointer) -> Void,
    joined: @escaping @Sendable (Pointer) -> Float,
    addSquares: @escaping @Sendable (Pointer, Int, UnsafeMutablePointer<Double>) -> Void,
    addScaled: @escaping @Sendable (Float, Pointer, MutablePointer, Int) -> Void,
    largestMagnitude: @escaping @Sendable (Pointer, Int) -> Float,
    firstMagnitude: @escaping @Sendable (Float, Pointer, Int) -> Int
  ) {
    self.addProducts = addProducts
    self.addMagnitudes = addMagnitudes
    self.joined = joined
    self.addSquares = addSquares
    self.addScaled = addScaled
    self.largestMagnitude = largestMagnitude
    self.firstMagnitude = firstMagnitude
  }
}
