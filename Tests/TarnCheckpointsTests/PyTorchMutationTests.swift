import TarnTestSupport
import Testing

@testable import TarnCheckpoints

/// Damaged copies of PyTorch files end in a value or in a typed error, never in a trap.
@Suite struct PyTorchMutationTests {
  /// Reads everything that an open file lets a caller read.
  private func readAll(_ file: PyTorchFile) {
    for tensor in file.tensors {
      #expect(file[tensor.name] == tensor)
      let count = file.withBytes(of: tensor) { $0.byteCount }
      #expect(count == tensor.byteCount)
      #expect(count == tensor.elementCount * (tensor.elementType.bitWidth / 8))
    }
  }

  private func mutate(
    _ bytes: inout [UInt8], in range: Range<Int>, using generator: inout SeededGenerator
  ) {
    let codes: [UInt8] = [
      0, 1, 2, 0x7F, 0x80, 0xFF, 0x28, 0x29, 0x2E, 0x30, 0x31, 0x4A, 0x4B, 0x4D, 0x4E, 0x51, 0x52,
      0x55, 0x58, 0x5D, 0x61, 0x62, 0x63, 0x65, 0x68, 0x6A, 0x71, 0x72, 0x73, 0x74, 0x75, 0x7D,
      0x81, 0x85, 0x86, 0x87, 0x88, 0x8A, 0x8B, 0x8C, 0x93, 0x94,
    ]
    guard !range.isEmpty, range.upperBound <= bytes.count else { return }
    let position = Int.random(in: range, using: &generator)
    switch Int.random(in: 0..<8, using: &generator) {
    case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: bytes[position] = UInt8.random(in: 0...255, using: &generator)
    case 2, 3: bytes[position] = codes.randomElement(using: &generator) ?? 0
    case 4: bytes.remove(at: position)
    case 5: bytes.insert(codes.randomElement(using: &generator) ?? 0, at: position)
    case 6: bytes[position] = bytes[position] &+ (Bool.random(using: &generator) ? 1 : 0xFF)
    default:
      let length = min(Int.random(in: 1...24, using: &generator), range.upperBound - position)
      let target = Int.random(in: range.lowerBound...range.upperBound - length, using: &generator)
      bytes.replaceSubrange(target..<target + length, with: bytes[position..<position + length])
    }
  }

  /// Opens damaged files; returns how many were refused, and with how many different kinds of error.
  private func run(
    rounds: Int, seed: UInt64, _ make: (inout SeededGenerator) -> [UInt8]
  ) -> (refused: Int, kinds: Int) {
    var generator = SeededGenerator(seed: seed)
    var refused = 0
    var kinds: Set<String> = []
    for round in 0..<rounds {
      let bytes = make(&generator)
      do throws(CheckpointError) {
        readAll(try PyTorchFile(bytes: bytes, named: "seed \(seed) round \(round)"))
      } catch {
        refused += 1
        #expect(!error.description.isEmpty)
        if case .invalidPyTorch(_, let problem) = error {
          kinds.insert(String("\(problem)".filter { !$0.isNumber }.prefix(60)))
        }
      }
    }
    return (refused, kinds.count)
  }

  /// The pickle of an archive is changed and its checksum is right again.
  @Test(arguments: ["ponet/weights_zip/pytorch_model.bin"])
  func mutatedPickleEndsInAValueOrAnError(fixture: String) throws {
    let original = try MappedFile(path: fixturePath(fixture), loading: .read)
    let directory = try ZipDirectory(original, named: fixture, FileLimits())
    let pickle = try directory.contents(
      of: #require(directory.entry("data.pkl".utf8)), original)
    let storages = try (0..<55).map { number in
      let entry = try #require(directory.entry("data/\(number)".utf8))
      return ZipEntry("archive/data/\(number)", try original.bytes(in: entry.data)).with {
        $0.checksum = 0
      }
    }
    let rounds = 1500
    let (refused, kinds) = run(rounds: rounds, seed: 20_211_002) { generator in
      var changed = pickle
      for _ in 0...Int.random(in: 0..<3, using: &generator) {
        mutate(&changed, in: 2..<changed.count, using: &generator)
      }
      return ZipWriter([ZipEntry("archive/data.pkl", changed)] + storages).bytes
    }
    #expect(refused > rounds / 2 && refused < rounds, "\(refused) of \(rounds) refused")
    #expect(kinds > 15, "\(kinds) kinds")
  }

  /// Pickles of one tensor, where each change reaches a check.
  @Test func mutatedTensorEndsInAValueOrAnError() {
    let pickle = PickleWriter.pair()
    let rounds = 6000
    let (refused, kinds) = run(rounds: rounds, seed: 3) { generator in
      var changed = pickle
      for _ in 0...Int.random(in: 0..<2, using: &generator) {
        mutate(&changed, in: 2..<changed.count, using: &generator)
      }
      return torchArchive(changed).bytes
    }
    #expect(refused > rounds / 2 && refused < rounds, "\(refused) of \(rounds) refused")
    #expect(kinds > 15, "\(kinds) kinds")
  }

  /// The frame of an archive: local headers, directory, end records.
  @Test(arguments: [false, true])
  func mutatedArchiveEndsInAValueOrAnError(isWide: Bool) {
    var archive = torchArchive(PickleWriter.pair())
    archive.isWide = isWide
    let original = archive.bytes
    let pickle = 46..<46 + PickleWriter.pair().count
    let rounds = 4000
    let (refused, kinds) = run(rounds: rounds, seed: 4) { generator in
      var changed = original
      for _ in 0...Int.random(in: 0..<2, using: &generator) {
        let range = Bool.random(using: &generator) ? pickle.upperBound..<changed.count : 4..<46
        mutate(&changed, in: range, using: &generator)
      }
      return changed
    }
    #expect(refused > rounds / 2 && refused < rounds, "\(refused) of \(rounds) refused")
    #expect(kinds > 8, "\(kinds) kinds")
  }

  @Test(arguments: ["ponet/weights_legacy/pytorch_model.bin"])
  func mutatedStreamEndsInAValueOrAnError(fixture: String) throws {
    let original = try contents(fixturePath(fixture))
    // The five pickles, and the count of the first storage.
    let end = 7092
    let rounds = 1500
    let (refused, kinds) = run(rounds: rounds, seed: 5) { generator in
      var changed = original
      for _ in 0...Int.random(in: 0..<2, using: &generator) {
        mutate(&changed, in: 1..<end, using: &generator)
      }
      return changed
    }
    #expect(refused > rounds / 2 && refused < rounds, "\(refused) of \(rounds) refused")
    #expect(kinds > 10, "\(kinds) kinds")
  }

  /// Any bytes behind the protocol.
  @Test func randomInstructionsEndInAValueOrAnError() {
    let codes = (0...255).compactMap { PickleOpcode(rawValue: $0)?.rawValue }
    let (refused, kinds) = run(rounds: 10_000, seed: 6) { generator in
      let count = Int.random(in: 1..<40, using: &generator)
      let body = (0..<count).map { _ in
        Bool.random(using: &generator)
          ? codes.randomElement(using: &generator) ?? 0
          : UInt8.random(in: 0...8, using: &generator)
      }
      return torchArchive([0x80, 2] + body).bytes
    }
    #expect(refused == 10_000)
    #expect(kinds > 20, "\(kinds) kinds")
  }
}
