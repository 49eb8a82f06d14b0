/// How the elements of packed weights are held.
///
/// Kernels convert them to Float as they read them, which is exact, and sum in Float: a product has
/// the bits of the product with the same numbers held as Float.
public enum WeightFormat: UInt8, CaseIterable, Sendable, CustomStringConvertible {
  /// As Float.
  case float32
  /// The upper half of a Float: 8 bits of exponent, 8 of significand.
  case bfloat16
  /// IEEE 754 binary16: 5 bits of exponent, 11 of significand, up to 65504.
  case float16
  /// Whole numbers from -127 to 127, times one Float for each column.
  case int8

  /// The name of the case.
  public var description: String {
    switch self {
    case .float32: "float32"
    case .bfloat16: "bfloat16"
    case .float16: "float16"
    case .int8: "int8"
    }
  }

  /// Size of an element.
  @inlinable @inline(__always)
  public var byteCount: Int {
    switch self {
    case .float32: 4
    case .bfloat16, .float16: 2
    case .int8: 1
    }
  }
}
