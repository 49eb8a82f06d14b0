// The elements of packed weights and stored tensors, as kernels read them. Touches pointers.

/// How elements in memory become Float, exactly; little-endian, any alignment.
///
/// A caseless type rather than a function: it is a parameter of generic code that is inlined.
protocol WeightElement {
  /// Bytes of an element.
  static var size: Int { get }
  /// Sixteen elements.
  static func lanes(_ p: UnsafeRawPointer) -> Lanes
  /// One element.
  static func element(_ p: UnsafeRawPointer) -> Float
}

extension WeightElement {
  /// Whether there is nothing to convert.
  static var isFloat: Bool { @inline(__always) get { size == 4 } }
}

enum Float32Element: WeightElement {
  static var size: Int { @inline(__always) get { 4 } }

  @inline(__always)
  static func lanes(_ p: UnsafeRawPointer) -> Lanes { p.loadUnaligned(as: Lanes.self) }

  @inline(__always)
  static func element(_ p: UnsafeRawPointer) -> Float { p.loadUnaligned(as: Float.self) }
}

/// The sixteen bits become the upper half.
enum BFloat16Element: WeightElement {
  static var size: Int { @inline(__always) get { 2 } }

  @inline(__always)
  static func lanes(_ p: UnsafeRawPointer) -> Lanes {
    let halves = p.loadUnaligned(as: SIMD16<UInt16>.self)
    var bits = SIMD16<UInt32>()
    for i in 0..<16 { bits[i] = UInt32(UInt16(littleEndian: halves[i])) &<< 16 }
    return unsafeBitCast(bits, to: Lanes.self)
  }

  @inline(__always)
  static func element(_ p: UnsafeRawPointer) -> Float {
    let bits = UInt16(littleEndian: p.loadUnaligned(as: UInt16.self))
    return Float(bitPattern: UInt32(bits) &<< 16)
  }
}

/// IEEE half precision, denormal numbers, infinities and NaN included.
enum Float16Element: WeightElement {
  static var size: Int { @inline(__always) get { 2 } }

  @inline(__always)
  static func lanes(_ p: UnsafeRawPointer) -> Lanes { Lanes(float16: p) }

  /// The steps of `Lanes(float16:)` without an instruction for it.
  @inline(__always)
  static func element(_ p: UnsafeRawPointer) -> Float {
    let bits = UInt32(UInt16(littleEndian: p.loadUnaligned(as: UInt16.self)))
    let magnitude = bits & 0x7FFF
    let scaled = Float(bitPattern: magnitude &<< 13) * 0x1p112
    let special = magnitude >= 0x7C00 ? UInt32(0x7F80_0000) : 0
    return Float(bitPattern: scaled.bitPattern | special | ((bits & 0x8000) &<< 16))
  }
}

/// Whole numbers; their scale is not seen here.
enum Int8Element: WeightElement {
  static var size: Int { @inline(__always) get { 1 } }

  @inline(__always)
  static func lanes(_ p: UnsafeRawPointer) -> Lanes {
    let bytes = p.loadUnaligned(as: SIMD16<Int8>.self)
    var x = Lanes()
    for i in 0..<16 { x[i] = Float(bytes[i]) }
    return x
  }

  @inline(__always)
  static func element(_ p: UnsafeRawPointer) -> Float { Float(p.loadUnaligned(as: Int8.self)) }
}
