// Comparisons with fixtures.

import Foundation
import Tarn
import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnModels

/// |difference| ≤ 5·10⁻⁵ + 10⁻⁵·|expected|, the limit of the specification, or another absolute one.
///
/// With `relativeToLargest` instead: |difference| ≤ that · the largest |expected|.
func compare(
  _ found: NamedTensor, _ expected: [Float], _ fixture: String, rows: Set<Int>? = nil,
  absolute: Float = 5e-5, relativeToLargest relative: Float? = nil
) {
  #expect(found.values.count == expected.count, "\(fixture) \(found.name)")
  guard found.values.count == expected.count, !expected.isEmpty else { return }
  let mask = found.mask ?? []
  let width = mask.isEmpty ? 1 : expected.count / mask.count
  let largest = expected.map(\.magnitude).max() ?? 0
  var worst: Float = 0
  var at = -1
  for i in expected.indices {
    let isCompared = mask.isEmpty || mask[i / width] || rows?.contains(i / width) == true
    if !isCompared { continue }
    let difference = (found.values[i] - expected[i]).magnitude
    let limit = relative.map { $0 * largest } ?? absolute + 1e-5 * expected[i].magnitude
    if !(difference <= limit), at < 0 || difference / limit > worst {
      worst = difference / limit
      at = i
    }
  }
  #expect(
    at < 0,
    "\(fixture) \(found.name)\(found.shape)[\(at)]: \(at < 0 ? 0 : found.values[at]), expected \(at < 0 ? 0 : expected[at])"
  )
}

/// Bits of all outputs.
func bits(_ outputs: [NamedTensor]) -> [[UInt32]] {
  outputs.map { $0.values.map(\.bitPattern) }
}

/// A copy of a fixture's checkpoint, with other values in its configuration if asked.
func copy(
  _ fixture: String, replacing: KeyValuePairs<String, JSONValue> = [:]
) throws -> TemporaryDirectory {
  let source = fixturePath(fixture)
  let folder = try TemporaryDirectory()
  try folder.copy("model.safetensors", from: source)
  let file = try ConfigurationFile(path: source + "/config.json")
  var object = try #require(JSONValue(file.root).object)
  for (key, value) in replacing { object[key] = value }
  _ = try folder.write("config.json", Array(JSONValue.object(object).encoded().utf8))
  return folder
}

/// A fixture's checkpoint with a vocabulary of Funnel's or BERT's special tokens.
func vocabularyModel(_ fixture: String) throws -> TemporaryDirectory {
  let folder = try TemporaryDirectory()
  for name in ["config.json", "model.safetensors"] {
    try folder.copy(name, from: fixturePath(fixture))
  }
  let specials =
    fixture.hasPrefix("funnel")
    ? ["<pad>", "<unk>", "<cls>", "<sep>", "<mask>", "<s>", "</s>"]
    : ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[A]", "[B]"]
  let pieces = specials + (7..<67).map { "w\($0)" }
  _ = try folder.write("vocab.txt", Array((pieces.joined(separator: "\n") + "\n").utf8))
  return folder
}

/// Whether a run gives the same bits for all threads and all instruction sets with fused multiply-add,
/// and the same for all without.
func expectEqualBits(
  _ name: String, _ run: (InstructionSet, _ threads: Int) throws -> [NamedTensor]
) rethrows {
  for fused in [true, false] {
    var reference: [[UInt32]]?
    for set in InstructionSet.available where set.hasFusedMultiplyAdd == fused {
      for threads in [1, 2, 3, 4, 7] {
        let found = bits(try run(set, threads))
        if let reference {
          #expect(found == reference, "\(name) \(set.rawValue) \(threads) threads")
        } else {
          reference = found
        }
      }
    }
  }
}
