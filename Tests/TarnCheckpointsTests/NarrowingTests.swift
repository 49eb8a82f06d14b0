import TarnTestSupport
import Testing

@testable import TarnCheckpoints

/// Floats that become other floats: the bytes of equal types, nearest and ties to even otherwise.
@Suite struct NarrowingTests {
  static let floats: [ElementType] = [.float64, .float32, .float16, .bfloat16]

  private func file(_ type: ElementType, _ bits: [UInt64]) throws -> SafetensorsFile {
    var writer = SafetensorsWriter()
    try writer.append(
      "x", elementType: type, shape: [bits.count],
      bytes: bits.flatMap { littleEndian($0, type.bitWidth / 8) })
    return try SafetensorsFile(bytes: writer.encoded(), named: "x")
  }

  private func bits(_ bytes: [UInt8], _ type: ElementType) -> [UInt64] {
    let size = type.bitWidth / 8
    return stride(from: 0, to: bytes.count, by: size).map { start in
      bytes[start..<start + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
  }

  private func converted(
    _ bits: [UInt64], _ from: ElementType, _ to: ElementType
  ) throws -> [UInt64] {
    let file = try file(from, bits)
    return self.bits(try file.bytes(of: #require(file["x"]), as: to), to)
  }

  /// The value of each positive number of a type, infinity as the power of two that follows.
  private func value(_ bits: UInt64, _ type: ElementType) -> Double {
    switch type {
    case .float16:
      bits == 0x7C00 ? 0x1p16 : Double(float(binary16: UInt16(bits)))
    default:
      bits == 0x7F80 ? 0x1p128 : Double(Float(bitPattern: UInt32(bits) << 16))
    }
  }

  /// Of two neighbours the nearer is taken, in the middle the even one; all neighbours.
  @Test(arguments: [ElementType.float16, .bfloat16])
  func eachGapIsDividedInTheMiddle(type: ElementType) {
    let infinity: UInt64 = type == .float16 ? 0x7C00 : 0x7F80
    var wrong: [UInt64] = []
    for low in 0..<infinity {
      let (below, above) = (value(low, type), value(low + 1, type))
      let middle = below + (above - below) / 2
      let even = low + (low & 1)
      let cases = [
        (below, low), (below.nextUp, low), (middle.nextDown, low), (middle, even),
        (middle.nextUp, low + 1), (above.nextDown, low + 1),
      ]
      let sign: UInt64 = 0x8000
      for (value, expected) in cases
      where rounded(value, to: type) != expected || rounded(-value, to: type) != sign | expected {
        wrong.append(low)
      }
    }
    #expect(wrong.isEmpty, "first \(wrong.first ?? 0)")
  }

  @Test func doublesBecomeTheFloatsOfTheStandardLibrary() {
    var generator = SplitMix64(seed: 5)
    var wrong: [Double] = []
    for round in 0..<200_000 {
      // Exponents around the range of Float and its subnormal numbers.
      let exponent = UInt64(1023 - 155 + generator.below(290)) << 52
      var fraction = generator.next() >> 12
      if round % 2 == 0 { fraction &= 0xF_FFFF_F000_0000 | 1 << UInt64(generator.below(30)) }
      let value = Double(bitPattern: generator.next() & 1 << 63 | exponent | fraction)
      if rounded(value, to: .float32) != UInt64(Float(value).bitPattern) { wrong.append(value) }
    }
    #expect(wrong.isEmpty, "first \(wrong.first ?? 0)")
  }

  @Test(arguments: floats, [ElementType.float32, .float16, .bfloat16])
  func specialValuesKeepTheirKind(from: ElementType, to: ElementType) throws {
    let special: [Double] = [
      0, -0.0, 1, -2, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, -1e300, 65504,
    ]
    let stored = special.map { rounded($0, to: from) }
    let exact = try converted(stored, from, .float64).map { Double(bitPattern: $0) }
    let found = try converted(stored, from, to)
    for (value, bits) in zip(exact, found) {
      let widened = try #require(
        try converted([bits], to, .float64).map { Double(bitPattern: $0) }.first)
      #expect(widened.isNaN == value.isNaN)
      #expect(widened.sign == value.sign)
      if !value.isFinite && !value.isNaN { #expect(widened == value) }
    }
  }

  @Test func equalTypesKeepEveryBit() throws {
    let all = (0...UInt64(UInt16.max)).map { $0 }
    for type in [ElementType.float16, .bfloat16] {
      #expect(try converted(all, type, type) == all)
    }
    let floats: [UInt64] = [0x7F80_0001, 0xFFC0_1234, 0x8000_0001, 1]
    #expect(try converted(floats, .float32, .float32) == floats)
  }

  @Test func wideningAndBackIsExact() throws {
    for type in [ElementType.float16, .bfloat16] {
      let all = (0...UInt64(UInt16.max)).filter { bits in
        let infinity: UInt64 = type == .float16 ? 0x7C00 : 0x7F80
        return bits & 0x7FFF <= infinity
      }
      let wide = try converted(all, type, .float32)
      #expect(try converted(wide, .float32, type) == all)
    }
  }

  @Test func otherTypesAreNotConverted() throws {
    let file = try file(.int32, [1])
    #expect(
      throws: CheckpointError.wrongElementType(
        file: "x", name: "x", found: .int32, expected: [.float32])
    ) { try file.bytes(of: file.tensors[0], as: .float32) }
    var writer = SafetensorsWriter(copying: ["a": .string("b"), "c": .integer(1)])
    try writer.append(contentsOf: file, floats: .bfloat16)
    let copy = try SafetensorsFile(bytes: writer.encoded(), named: "copy")
    #expect(copy.tensors.map(\.elementType) == [.int32])
    #expect(copy.metadata.members.map(\.key) == ["a"])
  }
}
