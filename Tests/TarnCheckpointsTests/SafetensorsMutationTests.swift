import TarnCheckpoints
import TarnTestSupport
import Testing

/// Damaged copies of valid files end in a value or in a typed error, never in a trap.
@Suite struct SafetensorsMutationTests {
  /// Reads everything that a header lets a caller read.
  private func readAll(_ file: SafetensorsFile) throws {
    for tensor in file.tensors {
      #expect(file[tensor.name] == tensor)
      if ElementType.weights.contains(tensor.elementType) {
        #expect(try file.floats(of: tensor).count == tensor.elementCount)
      } else if ElementType.integers.contains(tensor.elementType) {
        do {
          #expect(try file.integers(of: tensor).count == tensor.elementCount)
        } catch CheckpointError.integerTooLarge {}
      } else {
        #expect(throws: CheckpointError.self) { try file.floats(of: tensor) }
      }
    }
  }

  private func mutate(_ bytes: inout [UInt8], header: Int, using generator: inout SeededGenerator) {
    let digits = Array("0123456789".utf8)
    let signs = Array("{}[]\":,-.eE \\uFIBU".utf8) + [0, 0x80, 0xFF]
    let position = Int.random(in: 0..<header, using: &generator)
    switch Int.random(in: 0..<8, using: &generator) {
    case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: bytes[position] = UInt8.random(in: 0...255, using: &generator)
    case 2: bytes[position] = signs.randomElement(using: &generator) ?? 0
    case 3:
      // A digit for a digit keeps the JSON valid and reaches the checks behind it.
      if let digit = bytes[position..<header].firstIndex(where: { digits.contains($0) }) {
        bytes[digit] = digits.randomElement(using: &generator) ?? 0
      }
    case 4: bytes.remove(at: position)
    case 5: bytes.insert(signs.randomElement(using: &generator) ?? 0, at: position)
    case 6: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator) / 2)
    default:
      let length = min(16, header - position)
      let target = Int.random(in: 0...(header - length), using: &generator)
      bytes.replaceSubrange(target..<target + length, with: bytes[position..<position + length])
    }
  }

  @Test(arguments: ponetFixtures)
  func mutatedFileEndsInAValueOrAnError(fixture: String) throws {
    let original = try contents(fixturePath("ponet/\(fixture)/model.safetensors"))
    let header = 8 + original.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let seed: UInt64 = 20_240_501
    var generator = SeededGenerator(seed: seed)
    let rounds = 500
    var refused = 0
    for round in 0..<rounds {
      var bytes = original
      for _ in 0...Int.random(in: 0..<2, using: &generator) {
        mutate(&bytes, header: min(header, bytes.count), using: &generator)
      }
      do {
        try readAll(SafetensorsFile(bytes: bytes, named: "seed \(seed) round \(round)"))
      } catch let error as CheckpointError {
        refused += 1
        #expect(!error.description.isEmpty)
      }
    }
    #expect(refused > rounds / 2, "seed \(seed): the mutator does too little damage")
  }

  @Test func mutatedValuesOfOneTensorReachEveryCheck() throws {
    let seed: UInt64 = 7
    var generator = SeededGenerator(seed: seed)
    let numbers = [
      "0", "1", "2", "3", "4", "8", "-1", "1.5", "1e2", "4294967296", "9223372036854775807",
    ]
    var (read, refused) = (0, 0)
    for round in 0..<4000 {
      let pick = { (_ generator: inout SeededGenerator) in
        (numbers.dropLast(round.isMultiple(of: 2) ? 6 : 0)).randomElement(using: &generator) ?? "0"
      }
      let type = ElementType.allCases.randomElement(using: &generator) ?? .uint8
      let dimensions = (0..<Int.random(in: 0..<3, using: &generator)).map { _ in pick(&generator) }
      let header = """
        {"t":{"dtype":"\(type)","shape":[\(dimensions.joined(separator: ","))],\
        "data_offsets":[\(Int.random(in: 0..<9, using: &generator) == 0 ? pick(&generator) : "0"),\(pick(&generator))]}}
        """
      let count = Int.random(in: 0..<9, using: &generator)
      let data = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      do {
        try readAll(
          SafetensorsFile(
            bytes: safetensors(header, data: data), named: "seed \(seed) round \(round)"))
        read += 1
      } catch is CheckpointError {
        refused += 1
      }
    }
    #expect(read > 20 && refused > 1000, "seed \(seed): \(read) read, \(refused) refused")
  }
}
