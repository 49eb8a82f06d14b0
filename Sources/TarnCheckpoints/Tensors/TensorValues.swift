extension TensorFile {
  /// The elements of a tensor as integers; truth values become 0 and 1.
  ///
  /// - Parameter tensor: one of this file's tensors, of a type in ``ElementType/integers``.
  /// - Returns: The elements, row-major.
  /// - Throws: ``CheckpointError/wrongElementType(file:name:found:expected:)``, or
  ///   ``CheckpointError/integerTooLarge(file:name:index:found:)`` for U64 above `Int.max`.
  public func integers(of tensor: TensorInfo) throws(CheckpointError) -> [Int] {
    switch tensor.elementType {
    case .int64: values(of: tensor) { (element: Int64) in Int(truncatingIfNeeded: element) }
    case .int32: values(of: tensor) { (element: Int32) in Int(element) }
    case .int16: values(of: tensor) { (element: Int16) in Int(element) }
    case .int8: values(of: tensor) { (element: Int8) in Int(element) }
    case .uint64: try unsignedIntegers(of: tensor)
    case .uint32: values(of: tensor) { (element: UInt32) in Int(truncatingIfNeeded: element) }
    case .uint16: values(of: tensor) { (element: UInt16) in Int(element) }
    case .uint8: values(of: tensor) { (element: UInt8) in Int(element) }
    case .bool: values(of: tensor) { (element: UInt8) in element == 0 ? 0 : 1 }
    default: throw wrongType(tensor, expected: ElementType.integers)
    }
  }

  /// The elements of a tensor as floats; F64 is rounded to the nearest, the others are exact.
  ///
  /// A plain loop for small tensors and for tests. Weights are converted by kernels from
  /// ``withBytes(of:_:)``.
  ///
  /// - Parameter tensor: one of this file's tensors, of a type in ``ElementType/weights``.
  /// - Returns: The elements, row-major.
  /// - Throws: ``CheckpointError/wrongElementType(file:name:found:expected:)``.
  public func floats(of tensor: TensorInfo) throws(CheckpointError) -> [Float] {
    switch tensor.elementType {
    case .float64:
      values(of: tensor) { (bits: UInt64) in Float(Double(bitPattern: bits)) }
    case .float32:
      values(of: tensor) { (bits: UInt32) in Float(bitPattern: bits) }
    case .float16:
      values(of: tensor) { (bits: UInt16) in float(binary16: bits) }
    case .bfloat16:
      values(of: tensor) { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
    default:
      throw wrongType(tensor, expected: ElementType.weights)
    }
  }

  /// The elements of a tensor of a type in ``ElementType/weights``, exact.
  func doubles(of tensor: TensorInfo) -> [Double] {
    switch tensor.elementType {
    case .float64:
      values(of: tensor) { (bits: UInt64) in Double(bitPattern: bits) }
    case .float16:
      values(of: tensor) { (bits: UInt16) in Double(float(binary16: bits)) }
    case .bfloat16:
      values(of: tensor) { (bits: UInt16) in Double(Float(bitPattern: UInt32(bits) << 16)) }
    default:
      values(of: tensor) { (bits: UInt32) in Double(Float(bitPattern: bits)) }
    }
  }

  private func wrongType(_ tensor: TensorInfo, expected: [ElementType]) -> CheckpointError {
    .wrongElementType(
      file: name, name: tensor.name, found: tensor.elementType, expected: expected)
  }

  private func unsignedIntegers(of tensor: TensorInfo) throws(CheckpointError) -> [Int] {
    let elements = values(of: tensor) { (element: UInt64) in element }
    if let index = elements.firstIndex(where: { $0 > UInt64(Int.max) }) {
      throw .integerTooLarge(
        file: name, name: tensor.name, index: index, found: elements[index])
    }
    return elements.map { Int(truncatingIfNeeded: $0) }
  }

  /// Converts each element, whatever its alignment.
  private func values<Element: FixedWidthInteger & BitwiseCopyable, Value>(
    of tensor: TensorInfo, _ convert: (Element) -> Value
  ) -> [Value] {
    withBytes(of: tensor) { bytes in
      let size = MemoryLayout<Element>.size
      return (0..<bytes.byteCount / size).map { position in
        // SAFETY: `position` is below the number of whole elements in the span, and any bits are
        // an integer.
        let element = unsafe bytes.unsafeLoadUnaligned(
          fromByteOffset: position * size, as: Element.self)
        return convert(Element(littleEndian: element))
      }
    }
  }
}

/// The value of an IEEE 754 binary16, exact; NaN stays NaN with its payload.
///
/// `Float16` does not exist on Intel Macs.
func float(binary16 bits: UInt16) -> Float {
  let sign = UInt32(bits & 0x8000) << 16
  let exponent = UInt32(bits >> 10) & 0x1F
  let fraction = UInt32(bits) & 0x3FF
  switch exponent {
  case 0:
    // Zero and subnormals: fraction · 2^-24, which a binary32 holds exactly.
    let magnitude = Float(fraction) * 0x1p-24
    return Float(bitPattern: magnitude.bitPattern | sign)
  case 31:
    return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
  default:
    return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
  }
}
