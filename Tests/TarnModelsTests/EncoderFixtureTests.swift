// Every fixture of BERT and FNet: embeddings, inner values, each layer, heads.

import Foundation
import Tarn
import TarnCheckpoints
import TarnTestSupport
import Testing

@testable import TarnModels

/// A fixture directory and how many tensors it expects.
struct EncoderFixture: CustomTestStringConvertible, Sendable {
  var name: String
  var tensors: Int

  init(_ name: String, tensors: Int) {
    self.name = name
    self.tensors = tensors
  }

  var testDescription: String { name }
  var directory: String { fixturePath(name) }

  func run(_ set: InstructionSet? = nil, threads: Int? = nil) throws -> [NamedTensor] {
    let inputs = try SafetensorsFile(path: directory + "/inputs.safetensors")
    return try LoadedModel(
      directory: directory, options: ModelOptions(instructionSet: set, threads: threads)
    ).run(inputs)
  }

  static let fNet = [
    EncoderFixture("fnet/base-default", tensors: 7),
    EncoderFixture("fnet/base-gelu-eps", tensors: 5),
    EncoderFixture("fnet/base-inputs-omitted", tensors: 5),
    EncoderFixture("fnet/base-length-1", tensors: 5),
    EncoderFixture("fnet/base-length-2", tensors: 5),
    EncoderFixture("fnet/base-long-512", tensors: 4),
    EncoderFixture("fnet/base-long-prime", tensors: 4),
    EncoderFixture("fnet/base-mixed-radix", tensors: 5),
    EncoderFixture("fnet/base-no-pooler", tensors: 4),
    EncoderFixture("fnet/base-power-of-two", tensors: 7),
    EncoderFixture("fnet/base-prime", tensors: 7),
    EncoderFixture("fnet/base-prime-hidden", tensors: 7),
    EncoderFixture("fnet/head-masked-lm", tensors: 4),
    EncoderFixture("fnet/head-multiple-choice", tensors: 4),
    EncoderFixture("fnet/head-next-sentence", tensors: 4),
    EncoderFixture("fnet/head-pretraining", tensors: 5),
    EncoderFixture("fnet/head-question-answering", tensors: 5),
    EncoderFixture("fnet/head-sequence-classification", tensors: 4),
    EncoderFixture("fnet/head-sequence-regression", tensors: 4),
    EncoderFixture("fnet/head-token-classification", tensors: 4),
    EncoderFixture("fnet/tpu-long", tensors: 5),
    EncoderFixture("fnet/tpu-short", tensors: 7),
  ]
  static let bert = [
    EncoderFixture("bert/base-default", tensors: 9),
    EncoderFixture("bert/base-full-positions", tensors: 5),
    EncoderFixture("bert/base-gelu-new", tensors: 5),
    EncoderFixture("bert/base-inputs-omitted", tensors: 5),
    EncoderFixture("bert/base-length-1", tensors: 5),
    EncoderFixture("bert/base-length-2", tensors: 5),
    EncoderFixture("bert/base-long", tensors: 5),
    EncoderFixture("bert/base-many-heads", tensors: 4),
    EncoderFixture("bert/base-no-pooler", tensors: 4),
    EncoderFixture("bert/base-odd-sizes", tensors: 7),
    EncoderFixture("bert/base-relu-eps", tensors: 5),
    EncoderFixture("bert/head-masked-lm", tensors: 4),
    EncoderFixture("bert/head-multiple-choice", tensors: 4),
    EncoderFixture("bert/head-next-sentence", tensors: 4),
    EncoderFixture("bert/head-pretraining", tensors: 5),
    EncoderFixture("bert/head-question-answering", tensors: 5),
    EncoderFixture("bert/head-sequence-classification", tensors: 4),
    EncoderFixture("bert/head-sequence-regression", tensors: 4),
    EncoderFixture("bert/head-token-classification", tensors: 4),
    EncoderFixture("bert/legacy-names", tensors: 5),
    EncoderFixture("bert/sentence-embedding", tensors: 7),
  ]
  static let all = bert + fNet
}

@Test func everyFixtureOfAnEncoderIsInTheList() throws {
  for system in ["bert", "fnet"] {
    let names = try FileManager.default.contentsOfDirectory(atPath: fixturePath(system))
    let listed = EncoderFixture.all.map(\.name).filter { $0.hasPrefix(system) }
    #expect(names.map { "\(system)/\($0)" }.sorted() == listed.sorted())
  }
}

@Test(arguments: EncoderFixture.all)
func everyTensorOfTheEncoderFixtureAgrees(_ fixture: EncoderFixture) throws {
  let expected = try SafetensorsFile(path: fixture.directory + "/expected.safetensors")
  #expect(expected.tensors.count == fixture.tensors)
  for set in InstructionSet.available {
    let outputs = try fixture.run(set)
    for info in expected.tensors {
      let found = outputs.first { TensorName($0.name) == info.name }
      #expect(found != nil, "\(fixture.name) \(info.name) is missing")
      guard let found else { continue }
      #expect(found.shape == info.shape, "\(fixture.name) \(info.name)")
      // Rows of norm 1 give a transform of magnitude √(n·d).
      compare(
        found, try expected.floats(of: info), "\(fixture.name) \(set.rawValue)",
        relativeToLargest: info.name.text.hasPrefix("fourier.") ? 2e-6 : nil)
    }
  }
}

@Test(arguments: EncoderFixture.all)
func encoderBitsAreEqualForAllThreadsAndFusedInstructionSets(
  _ fixture: EncoderFixture
) throws {
  for fused in [true, false] {
    var reference: [[UInt32]]?
    for set in InstructionSet.available where set.hasFusedMultiplyAdd == fused {
      for threads in [1, 2, 3, 7] {
        let found = bits(try fixture.run(set, threads: threads))
        if let reference {
          #expect(found == reference, "\(fixture.name) \(set.rawValue) \(threads) threads")
        } else {
          reference = found
        }
      }
    }
  }
}

@Test(arguments: EncoderFixture.all)
func aCheckpointOfTheFixtureIsCompleteAndKnown(_ fixture: EncoderFixture) throws {
  let survey = try CheckpointSurvey(directory: fixture.directory)
  #expect(survey.problems.isEmpty, "\(fixture.name) \(survey.problems)")
  #expect(survey.unknown.isEmpty, "\(fixture.name) \(survey.unknown.map(\.name.text))")
}
