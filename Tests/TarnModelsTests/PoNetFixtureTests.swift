// Every fixture of PoNet: hidden states, attention probabilities, inner values, heads.

import Tarn
import TarnCheckpoints
import TarnTestSupport
import Testing

@testable import TarnModels

/// A fixture directory and what it needs beside its files.
struct PoNetFixture: CustomTestStringConvertible, Sendable {
  var name: String
  var maxPositions: Int?
  /// Masked rows are compared too.
  var comparesMasked = false
  /// Tensors that the fixture expects.
  var tensors: Int

  var testDescription: String { name }
  var directory: String { fixturePath("ponet/\(name)") }

  func model(
    instructionSet: InstructionSet? = nil, threads: Int? = nil
  ) throws -> LoadedModel {
    try LoadedModel(
      directory: directory,
      options: ModelOptions(
        instructionSet: instructionSet, threads: threads, maxPositions: maxPositions))
  }

  static let all = [
    PoNetFixture(name: "cls_sentences", tensors: 7),
    PoNetFixture(name: "fill_constant", tensors: 6),
    PoNetFixture(name: "long_2000", tensors: 4),
    PoNetFixture(name: "lra_dual", tensors: 11),
    PoNetFixture(name: "lra_sc_cls_tied", tensors: 7),
    PoNetFixture(name: "lra_sc_mean", tensors: 6),
    PoNetFixture(name: "masks_edges", tensors: 5),
    PoNetFixture(name: "position_tiling", maxPositions: 96, tensors: 5),
    PoNetFixture(name: "pretrain_pairs", tensors: 16),
    PoNetFixture(name: "segments_irregular", tensors: 6),
    PoNetFixture(name: "tokencls_no_clsgsepg", tensors: 6),
    PoNetFixture(name: "weights_legacy", tensors: 4),
    PoNetFixture(name: "weights_zip", tensors: 6),
  ]
}

@Test(arguments: PoNetFixture.all)
func everyTensorOfTheFixtureAgrees(_ fixture: PoNetFixture) throws {
  let inputs = try SafetensorsFile(path: fixture.directory + "/inputs.safetensors")
  let expected = try SafetensorsFile(path: fixture.directory + "/expected.safetensors")
  #expect(expected.tensors.count == fixture.tensors)
  for set in InstructionSet.available {
    let outputs = try fixture.model(instructionSet: set).run(inputs)
    for info in expected.tensors {
      let found = outputs.first { TensorName($0.name) == info.name }
      #expect(found != nil, "\(fixture.name) \(info.name) is missing")
      guard let found else { continue }
      #expect(found.shape == info.shape, "\(fixture.name) \(info.name)")
      compare(found, try expected.floats(of: info), "\(fixture.name) \(set.rawValue)")
    }
  }
}

/// Row 1 of masks_edges has nothing kept; its values are defined and finite all the same.
@Test func aFullyMaskedRowHasThePublishedValues() throws {
  let fixture = try #require(PoNetFixture.all.first { $0.name == "masks_edges" })
  let inputs = try SafetensorsFile(path: fixture.directory + "/inputs.safetensors")
  let expected = try SafetensorsFile(path: fixture.directory + "/expected.safetensors")
  let outputs = try fixture.model().run(inputs)
  for layer in 0...3 {
    let name = "hidden_states.\(layer)"
    let found = try #require(outputs.first { $0.name == name })
    let info = try #require(expected[TensorName(name)])
    compare(found, try expected.floats(of: info), "masks_edges row 1", rows: Set(19..<38))
  }
}

@Test(arguments: PoNetFixture.all)
func bitsAreEqualForAllThreadsAndFusedInstructionSets(_ fixture: PoNetFixture) throws {
  let inputs = try SafetensorsFile(path: fixture.directory + "/inputs.safetensors")
  try expectEqualBits(fixture.name) {
    try fixture.model(instructionSet: $0, threads: $1).run(inputs)
  }
}
