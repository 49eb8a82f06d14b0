extension TensorFile {
  /// The elements of a tensor as another type of float.
  ///
  /// Equal types give the bytes of the file. Otherwise each element is rounded once, to the nearest,
  /// ties to even: what is too large becomes infinite, what is too small subnormal or zero. NaN stays
  /// NaN with its sign.
  ///
  /// - Parameters:
  ///   - tensor: one of this file's tensors.
  ///   - type: the type of the result; if it is another, both must be in ``ElementType/weights``.
  /// - Returns: The elements, row-major and little-endian.
  /// - Throws: ``CheckpointError/wrongElementType(file:name:found:expected:)``.
  public func bytes(
    of tensor: TensorInfo, as type: ElementType
  ) throws(CheckpointError) -> [UInt8] {
    if type == tensor.elementType {
      return withBytes(of: tensor) { span in
        // SAFETY: the buffer is valid inside the closure, and the array copies it.
        unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
      }
    }
    let expected = ElementType.weights
    guard expected.contains(type), expected.contains(tensor.elementType) else {
      throw .wrongElementType(
        file: name, name: tensor.name, found: tensor.elementType, expected: [type])
    }
    let size = type.bitWidth / 8
    var bytes: [UInt8] = []
    bytes.reserveCapacity(tensor.elementCount * size)
    for value in doubles(of: tensor) {
      var bits = rounded(value, to: type)
      for _ in 0..<size {
        bytes.append(UInt8(truncatingIfNeeded: bits))
        bits >>= 8
      }
    }
    return bytes
  }
}

extension SafetensorsWriter {
  /// Adds all tensors of a file under their names, in its order.
  ///
  /// Their elements are read when the file is written, one tensor at a time.
  ///
  /// - Parameters:
  ///   - file: where the tensors come from.
  ///   - type: the type that floats of 16 to 64 bits become; nil: each keeps its own. Tensors of
  ///     other types keep theirs.
  /// - Throws: ``CheckpointError/unwritableTensor(name:found:expected:)``.
  public mutating func append(
    contentsOf file: TensorFile, floats type: ElementType? = nil
  ) throws(CheckpointError) {
    for tensor in file.tensors {
      let isFloat = ElementType.weights.contains(tensor.elementType)
      let target = isFloat ? type ?? tensor.elementType : tensor.elementType
      try append(tensor.name, elementType: target, shape: tensor.shape) {
        () throws(CheckpointError) in try file.bytes(of: tensor, as: target)
      }
    }
  }
}

/// The bits of the nearest float of a type in ``ElementType/weights``, ties to even.
func rounded(_ value: Double, to type: ElementType) -> UInt64 {
  switch type {
  case .float16: rounded(value, exponentBits: 5, fractionBits: 10)
  case .bfloat16: rounded(value, exponentBits: 8, fractionBits: 7)
  case .float32: rounded(value, exponentBits: 8, fractionBits: 23)
  default: value.bitPattern
  }
}

/// The bits of the nearest float with so many bits, ties to even.
///
/// `Float16` does not exist on Intel Macs, and no standard type is a bfloat16.
private func rounded(_ value: Double, exponentBits: Int, fractionBits: Int) -> UInt64 {
  let one: UInt64 = 1
  let sign = value.sign == .minus ? one << (exponentBits + fractionBits) : 0
  let infinity = (one << exponentBits - 1) << fractionBits
  guard !value.isNaN else {
    // Quiet, with the upper part of the payload.
    let payload = value.significandBitPattern >> (52 - fractionBits)
    return sign | infinity | one << (fractionBits - 1) | payload
  }
  guard value.isFinite else { return sign | infinity }
  // Zeros, and subnormal doubles, which are zero in every smaller type.
  guard value.isNormal else { return sign }
  let significand = one << 52 | value.significandBitPattern
  let exponent = Int(value.exponent) + 1 << (exponentBits - 1) - 1
  guard exponent < 1 << exponentBits - 1 else { return sign | infinity }
  // Below the normal numbers each power of two costs a bit.
  let shift = 52 - fractionBits + max(0, 1 - exponent)
  guard shift < 64 else { return sign }
  var kept = significand >> shift
  let rest = significand & (one << shift - 1)
  let half = one << (shift - 1)
  if rest > half || rest == half && kept & 1 == 1 { kept += 1 }
  // `kept` holds the leading one of a normal number, so the exponent is one less; a carry out of the
  // fraction raises the exponent, from the largest number to infinity.
  return sign | (UInt64(max(0, exponent - 1)) << fractionBits + kept)
}
