/// The type of a tensor's elements, by its name in the safetensors format.
public enum ElementType: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
  /// IEEE 754 binary64.
  case float64 = "F64"
  /// IEEE 754 binary32.
  case float32 = "F32"
  /// IEEE 754 binary16.
  case float16 = "F16"
  /// The upper half of binary32.
  case bfloat16 = "BF16"
  /// Signed integer of 64 bits.
  case int64 = "I64"
  /// Signed integer of 32 bits.
  case int32 = "I32"
  /// Signed integer of 16 bits.
  case int16 = "I16"
  /// Signed integer of 8 bits.
  case int8 = "I8"
  /// Unsigned integer of 64 bits.
  case uint64 = "U64"
  /// Unsigned integer of 32 bits.
  case uint32 = "U32"
  /// Unsigned integer of 16 bits.
  case uint16 = "U16"
  /// Unsigned integer of 8 bits.
  case uint8 = "U8"
  /// A byte, zero for false.
  case bool = "BOOL"
  /// Two binary32, real and imaginary part.
  case complex64 = "C64"
  /// Float of 8 bits, 4 of them exponent.
  case float8E4M3 = "F8_E4M3"
  /// Float of 8 bits, 5 of them exponent.
  case float8E5M2 = "F8_E5M2"
  /// A power of two in 8 bits.
  case float8E8M0 = "F8_E8M0"
  /// Float of 6 bits, 2 of them exponent.
  case float6E2M3 = "F6_E2M3"
  /// Float of 6 bits, 3 of them exponent.
  case float6E3M2 = "F6_E3M2"
  /// Float of 4 bits.
  case float4 = "F4"

  /// Size of one element in bits.
  public var bitWidth: Int {
    switch self {
    case .float64, .int64, .uint64, .complex64: 64
    case .float32, .int32, .uint32: 32
    case .float16, .bfloat16, .int16, .uint16: 16
    case .int8, .uint8, .bool, .float8E4M3, .float8E5M2, .float8E8M0: 8
    case .float6E2M3, .float6E3M2: 6
    case .float4: 4
    }
  }

  /// The floats that weights may be stored in.
  public static let weights: [ElementType] = [.float32, .bfloat16, .float16, .float64]

  /// The types whose elements are whole numbers; truth values count as 0 and 1.
  public static let integers: [ElementType] = [
    .int64, .int32, .int16, .int8, .uint64, .uint32, .uint16, .uint8, .bool,
  ]

  /// The name in the safetensors format.
  public var description: String { rawValue }

  /// Number of bytes of a tensor; the one place where shapes are multiplied.
  ///
  /// Dimensions of zero are left out of the check for overflow: then each partial product of a
  /// shape that passes is safe as well, in whatever order a caller multiplies.
  func byteCount(shape: [Int]) throws(TensorSizeError) -> Int {
    var bits = bitWidth
    for dimension in shape where dimension != 0 {
      let (product, overflow) = bits.multipliedReportingOverflow(by: dimension)
      guard !overflow else { throw .overflow }
      bits = product
    }
    if shape.contains(0) {
      return 0
    }
    guard bits % 8 == 0 else { throw .partialByte }
    return bits / 8
  }
}

/// Why a shape and an element type give no number of bytes.
enum TensorSizeError: Error {
  case overflow
  case partialByte
}
