// Every fixture of BERT, FNet and Funnel: embeddings, inner values, each layer, heads.

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
  /// Those of the authors' rule for masks say so in config.json, which the published files cannot.
  static let funnel = [
    EncoderFixture("funnel/any-mask-base", tensors: 18),
    EncoderFixture("funnel/any-mask-model-qkv-notruncate", tensors: 12),
    EncoderFixture("funnel/base-batch-one", tensors: 9),
    EncoderFixture("funnel/base-default-even", tensors: 18),
    EncoderFixture("funnel/base-default-odd", tensors: 18),
    EncoderFixture("funnel/base-defaults-omitted", tensors: 9),
    EncoderFixture("funnel/base-eps-relu", tensors: 9),
    EncoderFixture("funnel/base-factorized", tensors: 18),
    EncoderFixture("funnel/base-factorized-noseparate-qkv", tensors: 9),
    EncoderFixture("funnel/base-factorized-notruncate-max", tensors: 9),
    EncoderFixture("funnel/base-factorized-qkv", tensors: 9),
    EncoderFixture("funnel/base-five-blocks", tensors: 15),
    EncoderFixture("funnel/base-gelu-erf", tensors: 9),
    EncoderFixture("funnel/base-long", tensors: 9),
    EncoderFixture("funnel/base-long-factorized-notruncate", tensors: 9),
    EncoderFixture("funnel/base-max", tensors: 9),
    EncoderFixture("funnel/base-noseparate", tensors: 18),
    EncoderFixture("funnel/base-noseparate-max-notruncate", tensors: 9),
    EncoderFixture("funnel/base-notruncate", tensors: 18),
    EncoderFixture("funnel/base-notruncate-max-odd", tensors: 9),
    EncoderFixture("funnel/base-one-block", tensors: 5),
    EncoderFixture("funnel/base-qkv", tensors: 18),
    EncoderFixture("funnel/base-qkv-noseparate", tensors: 9),
    EncoderFixture("funnel/base-qkv-notruncate", tensors: 9),
    EncoderFixture("funnel/base-repeats", tensors: 13),
    EncoderFixture("funnel/base-two-blocks-wide-heads", tensors: 7),
    EncoderFixture("funnel/base-types-without-cls", tensors: 9),
    EncoderFixture("funnel/head-masked-lm", tensors: 11),
    EncoderFixture("funnel/head-multiple-choice", tensors: 9),
    EncoderFixture("funnel/head-pretraining", tensors: 11),
    EncoderFixture("funnel/head-question-answering", tensors: 12),
    EncoderFixture("funnel/head-sequence-classification", tensors: 9),
    EncoderFixture("funnel/head-sequence-regression", tensors: 6),
    EncoderFixture("funnel/head-token-classification", tensors: 11),
    EncoderFixture("funnel/model-default", tensors: 23),
    EncoderFixture("funnel/model-factorized", tensors: 12),
    EncoderFixture("funnel/model-first-block-repeated", tensors: 12),
    EncoderFixture("funnel/model-four-blocks", tensors: 14),
    EncoderFixture("funnel/model-medium-like", tensors: 15),
    EncoderFixture("funnel/model-no-decoder-layers", tensors: 10),
    EncoderFixture("funnel/model-noseparate", tensors: 12),
    EncoderFixture("funnel/model-notruncate", tensors: 12),
    EncoderFixture("funnel/model-odd", tensors: 12),
    EncoderFixture("funnel/model-one-block", tensors: 6),
    EncoderFixture("funnel/short-1", tensors: 7),
    EncoderFixture("funnel/short-2", tensors: 7),
    EncoderFixture("funnel/short-3", tensors: 9),
    EncoderFixture("funnel/short-4", tensors: 9),
    EncoderFixture("funnel/short-5", tensors: 11),
    EncoderFixture("funnel/short-noseparate-3", tensors: 11),
    EncoderFixture("funnel/short-notruncate-6", tensors: 11),
  ]
  static let all = bert + fNet + funnel
}

@Test func everyFixtureOfAnEncoderIsInTheList() throws {
  for system in ["bert", "fnet", "funnel"] {
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
      // Funnel computes masked rows too. Rows of norm 1 give a transform of magnitude √(n·d).
      let masked = fixture.name.hasPrefix("funnel/") ? Set(found.mask?.indices ?? 0..<0) : nil
      compare(
        found, try expected.floats(of: info), "\(fixture.name) \(set.rawValue)", rows: masked,
        relativeToLargest: info.name.text.hasPrefix("fourier.") ? 2e-6 : nil)
    }
  }
}

@Test(arguments: EncoderFixture.all)
func encoderBitsAreEqualForAllThreadsAndFusedInstructionSets(
  _ fixture: EncoderFixture
) throws {
  try expectEqualBits(fixture.name) { try fixture.run($0, threads: $1) }
}

@Test(arguments: EncoderFixture.all)
func aCheckpointOfTheFixtureIsCompleteAndKnown(_ fixture: EncoderFixture) throws {
  let survey = try CheckpointSurvey(directory: fixture.directory)
  #expect(survey.problems.isEmpty, "\(fixture.name) \(survey.problems)")
  #expect(survey.unknown.isEmpty, "\(fixture.name) \(survey.unknown.map(\.name.text))")
}
