// BERT and FNet: a batch of many is each alone, bit for bit; heads; inputs that do not fit.

import Foundation
import Tarn
import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnModels

private func bert(_ name: String) throws -> BERTModel {
  try BERTModel(directory: fixturePath("bert/\(name)"))
}

private func fNet(_ name: String) throws -> FNetModel {
  try FNetModel(directory: fixturePath("fnet/\(name)"))
}

/// Token numbers of many lengths; groups of short ones, and some that are a group of their own.
private func inputs(longest: Int) -> [TokenInput] {
  [3, 1, 300, 2, 257, 63, 40, 256, 255, 17, 16, 15, 512, 509, 5].enumerated().map { k, n in
    let n = min(n, longest)
    return TokenInput(
      ids: (0..<n).map { ($0 * 31 + k * 7) % 71 }, tokenTypes: (0..<n).map { 2 * $0 / n })
  }
}

private func bits(_ x: Matrix) -> [UInt32] { x.elements.map(\.bitPattern) }

private func expectBatchIsEachAlone<Model: EncoderModel>(
  _ model: Model, _ inputs: [TokenInput]
) throws where Model.Input == TokenInput {
  let together = try model.hiddenStates(inputs)
  let pooled = try model.pooled(inputs)
  #expect(together.count == inputs.count)
  // The last layer for the first rows alone gives their bits.
  let states = try model.states(inputs)
  let first = try states.batch.firstRows(of: states.rows, on: model.execution)
  #expect(bits(try model.firstStates(inputs)) == bits(first))
  for (i, input) in inputs.enumerated() {
    #expect(together[i].rows == input.ids.count)
    #expect(bits(try model.hiddenStates([input])[0]) == bits(together[i]), "input \(i)")
    #expect(bits(try model.pooled([input])) == bits(pooled.rows(i..<i + 1)), "input \(i)")
  }
}

@Test func aBERTBatchIsEachSequenceAlone() throws {
  try expectBatchIsEachAlone(try bert("base-long"), inputs(longest: 340))
  // Masks in a batch.
  let model = try bert("base-default")
  var masked = inputs(longest: 40)
  for i in masked.indices where masked[i].ids.count > 2 {
    masked[i].mask = masked[i].ids.indices.map { ($0 + i) % 3 != 0 }
  }
  try expectBatchIsEachAlone(model, masked)
}

@Test func anFNetBatchIsEachSequenceAlone() throws {
  try expectBatchIsEachAlone(try fNet("base-long-512"), inputs(longest: 512))
}

@Test func paddingChangesNothingInBERT() throws {
  let model = try bert("base-default")
  let ids = [5, 9, 33, 12, 70, 2]
  let plain = try model.hiddenStates([TokenInput(ids: ids)])[0]
  let padded = try model.hiddenStates([
    TokenInput(
      ids: ids + [0, 0, 0], mask: Array(repeating: true, count: 6) + [false, false, false])
  ])[0]
  #expect(padded.rows == 9)
  #expect(bits(padded.rows(0..<6)) == bits(plain))
  #expect(padded.rows(6..<9).elements.allSatisfy { $0 == 0 })
}

@Test func whatAMaskHidesReachesNoOtherToken() throws {
  let model = try bert("base-default")
  let mask = [false, true, true, false, true, true, false]
  var input = TokenInput(ids: [1, 2, 3, 4, 5, 6, 7], mask: mask)
  let first = try model.hiddenStates([input])[0]
  for (i, isKept) in mask.enumerated() where !isKept { input.ids[i] = 60 }
  let second = try model.hiddenStates([input])[0]
  for (i, isKept) in mask.enumerated() where isKept {
    #expect(bits(first.rows(i..<i + 1)) == bits(second.rows(i..<i + 1)), "token \(i)")
  }
  // Position 0 is a row, since the pooler reads it; other masked tokens are none.
  #expect(bits(first.rows(0..<1)) != bits(second.rows(0..<1)))
  #expect(first.rows(3..<4).elements.allSatisfy { $0 == 0 })
}

@Test func aPaddedTokenIsATokenToFNet() throws {
  let model = try fNet("base-default")
  let plain = try model.hiddenStates([TokenInput(ids: [5, 9, 33])])[0]
  let longer = try model.hiddenStates([TokenInput(ids: [5, 9, 33, 3])])[0]
  #expect(bits(longer.rows(0..<3)) != bits(plain))
  let error = #expect(throws: ModelError.self) {
    try model.hiddenStates([
      TokenInput(ids: [5, 9]), TokenInput(ids: [5, 9], mask: [true, false]),
    ])
  }
  #expect(
    error?.description
      == "input 1: the mask leaves tokens out, but FNet mixes all; leave them out of the ids")
  let whole = try model.hiddenStates([TokenInput(ids: [5, 9, 33], mask: [true, true, true])])[0]
  #expect(bits(whole) == bits(plain))
}

@Test func anEmptyBatchHasNoResults() throws {
  let model = try bert("head-sequence-classification")
  #expect(try model.hiddenStates([]).isEmpty)
  #expect(try model.pooled([]).rows == 0)
  #expect(try model.sequenceLogits([]).rows == 0)
  #expect(try fNet("base-default").hiddenStates([]).isEmpty)
  #expect(try fNet("head-multiple-choice").choiceLogits([]).isEmpty)
  #expect(try fNet("head-multiple-choice").choiceLogits([[]]) == [[]])
}

@Test func aFileWithoutSequencesRuns() throws {
  let folder = try TemporaryDirectory()
  for (name, shape) in [
    ("bert/base-default", [0, 5]), ("fnet/base-default", [0, 5]),
    ("bert/head-multiple-choice", [0, 3, 5]), ("bert/base-default", [0, 1 << 40]),
  ] {
    var writer = SafetensorsWriter()
    try writer.append("input_ids", shape: shape, floats: [])
    let path = folder.path + "/inputs.safetensors"
    try writer.write(to: path)
    // The writer knows floats; the header is made to say integers.
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    let at = try #require(bytes.firstRange(of: Array("F32".utf8)))
    bytes.replaceSubrange(at, with: Array("I64".utf8))
    let file = try SafetensorsFile(bytes: bytes, named: "inputs")
    let results = try LoadedModel(directory: fixturePath(name)).run(file)
    #expect(results.allSatisfy { $0.values.isEmpty && $0.shape[0] == 0 }, "\(name)")
  }
}

@Test func inputsThatDoNotFitBERTAreRejected() throws {
  let model = try bert("base-default")
  let cases: [(TokenInput, String)] = [
    (TokenInput(ids: []), "input 1: no tokens, expected at least one"),
    (TokenInput(ids: [1, 71]), "input 1: ids[1] is 71, expected 0 to 70"),
    (TokenInput(ids: [1, -1]), "input 1: ids[1] is -1, expected 0 to 70"),
    (
      TokenInput(ids: [1, 2], tokenTypes: [0, 2]),
      "input 1: tokenTypes[1] is 2, expected 0 to 1"
    ),
    (
      TokenInput(ids: [1, 2], tokenTypes: [0]),
      "input 1: tokenTypes has 1 entries, expected 2"
    ),
    (TokenInput(ids: [1, 2], mask: [true]), "input 1: mask has 1 entries, expected 2"),
    (
      TokenInput(ids: [1, 2], positions: [0, 40]),
      "input 1: positions[1] is 40, expected 0 to 39"
    ),
    (
      TokenInput(ids: [1, 2], mask: [false, false]),
      "input 1: the mask leaves all tokens out, expected at least one"
    ),
    (
      TokenInput(ids: Array(repeating: 5, count: 41)),
      "input 1: 41 tokens, expected at most 40 positions; "
        + "cut the text, or with PoNet allow more, and the position table repeats"
    ),
  ]
  for (input, message) in cases {
    let error = #expect(throws: ModelError.self) {
      try model.hiddenStates([TokenInput(ids: [1]), input])
    }
    #expect(error?.description == message)
  }
}

@Test func positionsBeyondTheTableAreRejected() throws {
  for name in ["bert/base-default", "fnet/base-default"] {
    for (limit, isGood) in [(1, true), (40, true), (41, false), (0, false)] {
      let options = ModelOptions(maxPositions: limit)
      if isGood {
        _ = try LoadedModel(directory: fixturePath(name), options: options)
      } else {
        let error = #expect(throws: ModelError.self) {
          try LoadedModel(directory: fixturePath(name), options: options)
        }
        #expect(error?.description.contains("maxPositions") == true)
        #expect(error?.description.contains("1 to 40, the rows of the position table") == true)
      }
    }
  }
}

@Test func callsGiveWhatRunsGive() throws {
  func outputs(_ name: String) throws -> ([TokenInput], PaddedInputs, [String: [Float]]) {
    let file = try SafetensorsFile(path: fixturePath(name + "/inputs.safetensors"))
    let padded = try PaddedInputs(file, shapeOf: "input_ids", allowsChoices: true)
    let run = try LoadedModel(directory: fixturePath(name)).run(file)
    return (
      try padded.tokens(), padded,
      Dictionary(uniqueKeysWithValues: run.map { ($0.name, $0.values) })
    )
  }
  func check<Model: EncoderModel>(
    _ type: Model.Type, _ system: String
  ) throws where Model.Input == TokenInput {
    func model(_ head: String) throws -> Model {
      try Model(directory: fixturePath("\(system)/head-\(head)"), options: ModelOptions())
    }
    for head in ["sequence-classification", "sequence-regression"] {
      let (inputs, _, expected) = try outputs("\(system)/head-\(head)")
      #expect(try model(head).sequenceLogits(inputs).elements == expected["logits"])
    }
    var (inputs, padded, expected) = try outputs("\(system)/head-next-sentence")
    #expect(try model("next-sentence").relationshipLogits(inputs).elements == expected["logits"])
    (inputs, padded, expected) = try outputs("\(system)/head-pretraining")
    #expect(
      try model("pretraining").relationshipLogits(inputs).elements
        == expected["seq_relationship_logits"])
    (inputs, padded, expected) = try outputs("\(system)/head-multiple-choice")
    let choices = try #require(padded.choices)
    let questions = stride(from: 0, to: inputs.count, by: choices).map {
      Array(inputs[$0..<$0 + choices])
    }
    #expect(
      try model("multiple-choice").choiceLogits(questions).flatMap { $0 } == expected["logits"])

    // Rows of tokens: where the mask is 1.
    func rows(_ values: [Float]?, _ columns: Int) -> [[Float]] {
      let values = values ?? []
      return inputs.indices.flatMap { s in
        (0..<padded.length).filter { inputs[s].mask?[$0] ?? true }.map { t in
          let start = (s * padded.length + t) * columns
          return Array(values[start..<start + columns])
        }
      }
    }
    func kept(_ results: [Matrix]) -> [[Float]] {
      zip(inputs, results).flatMap { input, x in
        (0..<x.rows).filter { input.mask?[$0] ?? true }.map { x.rows($0..<$0 + 1).elements }
      }
    }
    (inputs, padded, expected) = try outputs("\(system)/head-token-classification")
    #expect(
      kept(try model("token-classification").tokenLogits(inputs))
        == rows(expected["logits"], 7))
    (inputs, padded, expected) = try outputs("\(system)/head-question-answering")
    let answers = kept(try model("question-answering").answerLogits(inputs))
    #expect(answers.map { [$0[0]] } == rows(expected["start_logits"], 1))
    #expect(answers.map { [$0[1]] } == rows(expected["end_logits"], 1))
    (inputs, padded, expected) = try outputs("\(system)/head-masked-lm")
    let logits = try model("masked-lm").maskedLogits(inputs[0], positions: [3, 0])
    let all = expected["logits"] ?? []
    #expect(logits.elements == Array(all[3 * 71..<4 * 71] + all[0..<71]))
  }
  try check(BERTModel.self, "bert")
  try check(FNetModel.self, "fnet")
}

@Test func headsAreNamedAndMissingOnesToo() throws {
  let names = [
    "bert/base-default": ["pooler"], "bert/base-no-pooler": [],
    "bert/head-masked-lm": ["masked-lm"], "fnet/head-masked-lm": ["pooler", "masked-lm"],
    "bert/head-pretraining": ["pooler", "masked-lm", "next-sentence"],
    "fnet/head-token-classification": ["pooler", "token-classification"],
    "bert/head-multiple-choice": ["pooler", "multiple-choice"],
    "bert/head-question-answering": ["question-answering"],
    "bert/legacy-names": ["pooler", "masked-lm", "next-sentence"],
  ]
  for (name, heads) in names {
    #expect(try LoadedModel(directory: fixturePath(name)).headNames == heads, "\(name)")
  }
  let model = try bert("base-no-pooler")
  let input = TokenInput(ids: [1])
  for (tensor, call) in [
    ("pooler.dense.weight", { _ = try model.pooled([input]) }),
    ("classifier.weight", { _ = try model.sequenceLogits([input]) }),
    ("classifier.weight", { _ = try model.tokenLogits([input]) }),
    ("classifier.weight", { _ = try model.choiceLogits([[input]]) }),
    ("qa_outputs.weight", { _ = try model.answerLogits([input]) }),
    ("cls.seq_relationship.weight", { _ = try model.relationshipLogits([input]) }),
    (
      "cls.predictions.transform.dense.weight",
      { _ = try model.maskedLogits(input, positions: [0]) }
    ),
  ] as [(String, () throws -> Void)] {
    let error = #expect(throws: ModelError.self) { try call() }
    #expect(error?.description.contains("\"\(tensor)\"") == true)
  }
}

@Test func concurrentCallsOfBERTGiveTheSameBits() async throws {
  let model = try bert("base-long")
  let inputs = inputs(longest: 340)
  let reference = bits(try model.pooled(inputs))
  try await withThrowingTaskGroup(of: [UInt32].self) { group in
    for _ in 0..<6 { group.addTask { bits(try model.pooled(inputs)) } }
    for try await found in group { #expect(found == reference) }
  }
}

@Test func configurationsThatAreNotSupportedAreNamed() throws {
  let cases: [(String, String, JSONValue, String)] = [
    ("bert", "position_embedding_type", .string("relative_key"), "\"relative_key\""),
    ("bert", "position_embedding_type", .string("relative_key_query"), "absolute"),
    ("bert", "hidden_act", .string("mish"), "\"mish\""),
    ("fnet", "hidden_act", .string("mish"), "gelu_new"),
    ("bert", "is_decoder", .boolean(true), "only encoders are implemented"),
    ("bert", "add_cross_attention", .boolean(true), "only encoders are implemented"),
    ("bert", "num_attention_heads", .integer(5), "a divisor of hidden_size 24"),
    ("fnet", "num_hidden_layers", .integer(0), "an integer from 1 to 1024"),
    ("bert", "problem_type", .string("ranking"), "\"regression\""),
    ("bert", "hidden_size", .string("24"), "an integer from 1 to 65536"),
  ]
  for (system, key, value, part) in cases {
    let folder = try copy("\(system)/base-default", replacing: [key: value])
    let error = #expect(throws: ModelError.self) { try LoadedModel(directory: folder.path) }
    #expect(error?.description.contains(key) == true, "\(key)")
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }
  let other = try copy("bert/base-default", replacing: ["model_type": .string("roberta")])
  let error = #expect(throws: ModelError.self) { try BERTModel(directory: other.path) }
  #expect(error?.description.contains("model type \"roberta\" is not supported") == true)
  let wrong = #expect(throws: ModelError.self) {
    try FNetModel(directory: fixturePath("bert/base-default"))
  }
  #expect(wrong?.description.contains("model type \"bert\" is not supported") == true)
}

@Test func namesOfActivationsAreThoseOfPublishedFiles() throws {
  for (name, same) in [
    ("gelu_pytorch_tanh", "gelu_new"), ("gelu_fast", "gelu_new"), ("swish", "silu"),
  ] {
    let states = try [name, same].map { name in
      let folder = try copy("bert/base-default", replacing: ["hidden_act": .string(name)])
      return bits(
        try BERTModel(directory: folder.path).hiddenStates([TokenInput(ids: [1, 2, 3])])[0])
    }
    #expect(states[0] == states[1], "\(name)")
  }
}

@Test func aWrongShapeIsNamedByItsTensor() throws {
  let folder = try copy("bert/legacy-names", replacing: ["intermediate_size": .integer(45)])
  let error = #expect(throws: ModelError.self) { try BERTModel(directory: folder.path) }
  #expect(
    error?.description.contains(
      "\"bert.encoder.layer.0.intermediate.dense.weight\" has shape [44, 24], expected [45, 24]")
      == true)
}

#if os(Linux)
  @Test func aLongSequenceTakesMemoryThatIsLinearInItsLength() throws {
    let model = try bert("base-default")
    let n = 8192
    let input = TokenInput(
      ids: (0..<n).map { $0 * 31 % 71 }, positions: (0..<n).map { $0 % 40 })
    let before = ProcessUse.peakMemory
    #expect(try model.states([input]).rows.rows == n)
    // Scores of one head alone would be 256 MiB.
    let growth = ProcessUse.peakMemory - before
    #expect(growth < 48 << 20, "\(growth) bytes")
  }
#endif
