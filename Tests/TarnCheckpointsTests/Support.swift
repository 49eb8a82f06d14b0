import Foundation
import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem
import Testing

/// A safetensors file from the text of its header and its data.
func safetensors(_ header: String, data: [UInt8] = []) -> [UInt8] {
  safetensors(Array(header.utf8), data: data)
}

func safetensors(_ header: [UInt8], length: UInt64? = nil, data: [UInt8] = []) -> [UInt8] {
  let length = length ?? UInt64(header.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header + data
}

/// Zeros.
func zeros(_ count: Int) -> [UInt8] {
  [UInt8](repeating: 0, count: count)
}

/// What opening a file in memory gives, as an error or nil.
func problem(_ bytes: [UInt8]) -> CheckpointError? {
  do {
    _ = try SafetensorsFile(bytes: bytes, named: "x.safetensors")
    return nil
  } catch {
    return error
  }
}

/// A file that breaks one rule, with the problem that names the rule.
struct HostileFile<Problem: Sendable>: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let bytes: [UInt8]
  let problem: Problem

  init(_ name: String, _ bytes: [UInt8], _ problem: Problem) {
    testDescription = name
    self.bytes = bytes
    self.problem = problem
  }

  /// Expects the same error from memory and from disk, in time, in a sentence of one line.
  ///
  /// - Parameters:
  ///   - error: the error.
  ///   - name: the name of the file.
  ///   - read: opens bytes under that name.
  ///   - open: opens a path.
  /// - Throws: what the system says of a file that cannot be written.
  func expectRefusal(
    _ error: CheckpointError, named name: String,
    _ read: ([UInt8]) throws(CheckpointError) -> TensorFile,
    _ open: (String, Loading) throws(CheckpointError) -> TensorFile
  ) throws {
    let elapsed = ContinuousClock().measure {
      #expect(throws: error) { try read(bytes) }
    }
    #expect(elapsed < .seconds(1) * slowdown)
    let directory = try TemporaryDirectory()
    let path = try directory.write(name, bytes)
    for loading in [Loading.mapped, .read] {
      #expect(throws: error) { try open(path, loading) }
    }
    let sentence = error.description
    #expect(sentence.hasPrefix("\(name): "))
    #expect((20..<500).contains(sentence.utf8.count))
    #expect(!sentence.unicodeScalars.contains { $0.value < 0x20 })
  }
}

/// Sanitizers, whose runs ask for few sizes, take several times as long.
let slowdown = CheckSize.requested == .quick ? 10 : 1

/// SplitMix64: a run is repeated by its seed alone.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// The bytes of a file.
func contents(_ path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}

/// The fixture directories that hold a whole checkpoint.
let ponetFixtures = [
  "cls_sentences", "fill_constant", "long_2000", "lra_dual", "lra_sc_cls_tied", "lra_sc_mean",
  "masks_edges", "position_tiling", "pretrain_pairs", "segments_irregular",
  "tokencls_no_clsgsepg", "weights_legacy", "weights_zip",
]
