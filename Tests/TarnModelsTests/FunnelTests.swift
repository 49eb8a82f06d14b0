// Funnel: batches, padding, position tables, configurations, heads; inputs that do not fit.

import Foundation
import Tarn
import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnModels

private func funnel(_ name: String) throws -> FunnelModel {
  try FunnelModel(directory: fixturePath("funnel/\(name)"))
}

/// Token numbers of many lengths, short ones among them.
private func inputs() -> [TokenInput] {
  [3, 1, 300, 2, 257, 63, 4, 256, 5, 17, 16, 6, 515].enumerated().map { k, n in
    TokenInput(
      ids: (0..<n).map { ($0 * 31 + k * 7) % 67 },
      tokenTypes: (0..<n).map { $0 == 0 ? 2 : 2 * $0 / n })
  }
}

private func bits(_ x: Matrix) -> [UInt32] { x.elements.map(\.bitPattern) }

@Test(arguments: [
  "base-default-odd", "base-noseparate", "base-notruncate", "base-qkv", "base-repeats",
  "model-default", "model-noseparate", "model-four-blocks",
])
func aFunnelBatchIsEachSequenceAlone(name: String) throws {
  let model = try funnel(name)
  var inputs = inputs()
  // Some are padded, some have masked tokens within.
  for i in stride(from: 0, to: inputs.count, by: 3) {
    let n = inputs[i].ids.count
    inputs[i].ids += [0, 0, 0, 0, 0, 0, 0]
    inputs[i].tokenTypes? += [0, 0, 0, 0, 0, 0, 0]
    inputs[i].mask = (0..<n + 7).map { $0 < n && ($0 == 0 || $0 % 11 != 10) }
  }
  let together = try model.hiddenStates(inputs)
  let states = try model.states(inputs)
  let first = try states.batch.firstRows(of: states.rows, on: model.execution)
  #expect(bits(try model.firstStates(inputs)) == bits(first))
  for (i, input) in inputs.enumerated() {
    #expect(bits(try model.hiddenStates([input])[0]) == bits(together[i]), "input \(i)")
    if model.hasDecoder { #expect(together[i].rows == input.ids.count) }
  }
}

@Test(arguments: [
  "base-default-even", "base-noseparate", "base-notruncate", "base-qkv", "any-mask-base",
  "base-five-blocks", "model-default", "model-notruncate", "model-noseparate",
  "any-mask-model-qkv-notruncate",
])
func morePaddingChangesNoBitOfFunnel(name: String) throws {
  let model = try funnel(name)
  let enough = model.configuration.padding
  // Of fewer tokens nothing is visible in the last block, which then sees all padding.
  let c = model.configuration
  let least = c.separatesFirst || c.maskPooling == .any ? 1 : c.decoderStride
  for n in [1, 2, 3, 7, 12, 13, 16, 18, 33] where n >= least {
    func input(padding: Int) -> TokenInput {
      TokenInput(
        ids: (0..<n + padding).map { $0 < n ? ($0 * 13 + n) % 67 : 1 },
        tokenTypes: (0..<n + padding).map { $0 == 0 ? 2 : 0 },
        mask: (0..<n + padding).map { $0 < n })
    }
    /// The first row, and those that are kept, of states where all padding is a row.
    func kept(_ padding: Int) throws -> [UInt32] {
      let batch = try model.batch([input(padding: padding)], keepsPadding: true)
      #expect(batch.count == n + padding)
      let states = try model.encoder(batch, on: model.execution)
      let rows = (0..<states.rows.rows).filter { $0 == 0 || states.batch.keep?[$0] ?? true }
      return rows.flatMap { bits(states.rows.rows($0..<$0 + 1)) }
    }
    let reference = try kept(enough)
    for padding in [enough + 1, enough + 2, enough + 3, enough + 30] {
      #expect(try kept(padding) == reference, "\(n) tokens, \(padding) of padding")
      // A call computes no more than is read.
      let states = try model.states([input(padding: padding)])
      #expect(states.rows.rows == (try model.states([input(padding: enough)]).rows.rows))
      let first = try model.firstStates([input(padding: padding)])
      #expect(bits(first) == Array(reference.prefix(model.hiddenSize)))
    }
  }
}

@Test func whatSeesNothingSeesAllPadding() throws {
  let model = try funnel("base-noseparate")
  let mask = [true, true] + Array(repeating: false, count: 20)
  let input = TokenInput(ids: mask.indices.map { $0 + 1 }, mask: mask)
  let whole = try model.encoder(
    model.batch([input], keepsPadding: true), on: model.execution)
  #expect(bits(try model.states([input]).rows) == bits(whole.rows))
}

@Test func lengthsThatWereMetBeforeChangeNoBit() throws {
  let inputs = inputs()
  let reference = try inputs.map { bits(try funnel("model-default").hiddenStates([$0])[0]) }
  for order in [Array(inputs.indices), inputs.indices.reversed()] {
    let model = try funnel("model-default")
    for i in order {
      #expect(bits(try model.hiddenStates([inputs[i]])[0]) == reference[i], "input \(i)")
    }
  }
}

@Test func positionTablesGrowAndKeepToTheirLimit() throws {
  let execution = try Execution()
  let kernel = try PackedMatrix(
    Matrix(rows: 8, columns: 4, (0..<32).map { Float($0) / 7 }), on: execution)
  let key = PositionTables.Key(layer: 1, unit: 2)
  let tables = PositionTables(limit: 3 * 4 * 4 * 272)
  let small = try tables.table(key, reach: 3, kernel, on: execution)
  #expect(small.reach == 64)
  // In strips of sixteen.
  #expect(tables.bytes == 4 * 4 * 144)
  let large = try tables.table(key, reach: 65, kernel, on: execution)
  #expect(large.reach == 128)
  #expect(tables.bytes == 4 * 4 * 272)
  // A table holds those of shorter texts.
  func vectors(_ table: PositionTable, _ distances: Range<Int32>) throws -> [UInt32] {
    var rows = try Matrix(rows: distances.count, columns: 4)
    try gather(columnsOf: table.vectors, Array(distances)[...], into: &rows, on: execution)
    return bits(rows)
  }
  #expect(try vectors(large, 64..<193) == vectors(small, 0..<129))
  #expect(try tables.table(key, reach: 10, kernel, on: execution).reach == 128)
  let beyond = try tables.table(key, reach: 1000, kernel, on: execution)
  #expect(beyond.reach == 1024)
  #expect(tables.bytes == 4 * 4 * 272)
  #expect(try tables.table(key, reach: 10, kernel, on: execution).reach == 128)
}

@Test func wavesAreSinesAndCosinesOfDistances() {
  for (unit, size) in [(1, 24), (4, 6), (8, 2), (1, 768)] {
    let distances = [-100_000, -4095, -64, -1, 0, 1, 63, 65, 777, 4096, 99_999]
    let found = waves(distances, unit: unit, size: size)
    let half = size / 2
    for (i, t) in distances.enumerated() {
      for k in 0..<half {
        let angle = Double(t * unit) * pow(10000, -Double(k) / Double(half))
        // Half a unit in the last place, and a few roundings of Double for each turn.
        let tolerance = 0x1p-25 + Double(abs(t * unit)) * 0x1p-50
        #expect(abs(Double(found[i * size + k]) - sin(angle)) <= tolerance)
        #expect(abs(Double(found[i * size + half + k]) - cos(angle)) <= tolerance)
      }
    }
  }
}

@Test func publishedConfigurationsHaveTheirParametersAndCounts() throws {
  let parameters = [
    "small": 130_973_184, "small-base": 115_611_648, "medium": 130_973_184,
    "medium-base": 115_611_648, "intermediate": 177_057_792, "intermediate-base": 161_696_256,
    "large": 386_127_872, "large-base": 358_830_080, "xlarge": 468_021_248,
    "xlarge-base": 440_723_456,
  ]
  #expect(FunnelConfiguration.published.count == 10)
  for (name, count) in parameters {
    #expect(try FunnelConfiguration(named: name).parameters == count, "\(name)")
  }
  let error = #expect(throws: ModelError.self) { try FunnelConfiguration(named: "tiny") }
  #expect(error?.description.contains("name is \"tiny\", expected small or small-base") == true)
  // 10⁹ operations with tables, as the specification counts them.
  let counts: [(String, Int, Double)] = [
    ("small-base", 128, 15.8), ("medium-base", 512, 103.8), ("intermediate-base", 512, 103.8),
    ("large-base", 512, 236.7), ("xlarge-base", 2048, 1527), ("small", 512, 90.1),
  ]
  for (name, n, operations) in counts {
    let c = try FunnelConfiguration(named: name)
    let published = 2e-9 * Double(c.multiplyAdds(tokens: n, published: true))
    #expect(abs(published / operations - 1) < 0.006, "\(name) \(published)")
    #expect(c.multiplyAdds(tokens: n) < c.multiplyAdds(tokens: n, published: true))
  }
}

@Test func configurationsOfFunnelAreChecked() throws {
  let cases: [(KeyValuePairs<String, JSONValue>, String)] = [
    (["block_sizes": .array([])], "sizes of 1 to 24 blocks"),
    (["block_sizes": .array([.integer(2), .integer(0)])], "integers from 1 to 1024"),
    (["block_sizes": .integer(4)], "an array of integers"),
    (["block_sizes": .array([.string("4")])], "an array of integers"),
    (
      [
        "block_sizes": .array(Array(repeating: .integer(1), count: 25)), "block_repeats": .null,
      ], "sizes of 1 to 24 blocks"
    ),
    (["block_repeats": .array([.integer(1)])], "a number for each of the 3 blocks"),
    (["block_repeats": .array([.integer(1), .integer(0), .integer(1)])], "from 1 to 1024"),
    (["d_model": .integer(23)], "an even number"),
    (["d_head": .integer(65536)], "an integer from 1 to 21845"),
    (["n_head": .integer(0)], "an integer from 1 to 65536"),
    (["num_decoder_layers": .integer(-1)], "an integer from 0 to 1024"),
    (["pooling_type": .string("sum")], "\"mean\" or \"max\""),
    (["attention_type": .string("absolute")], "\"relative_shift\" or \"factorized\""),
    (["mask_pooling": .string("some")], "\"all\" or \"any\""),
    (["separate_cls": .integer(1)], "true or false"),
    (["d_inner": .integer(41)], "expected [41, 24]"),
  ]
  for (values, part) in cases {
    let folder = try copy("funnel/base-default-even", replacing: values)
    let error = #expect(throws: ModelError.self) { try FunnelModel(directory: folder.path) }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }
}

@Test func aFullModelNeedsItsDecoder() throws {
  for architecture in ["FunnelModel", "FunnelForMaskedLM", "FunnelForTokenClassification"] {
    let folder = try copy(
      "funnel/base-default-even", replacing: ["architectures": .array([.string(architecture)])])
    let error = #expect(throws: ModelError.self) { try FunnelModel(directory: folder.path) }
    #expect(
      error?.description.contains("\"decoder.layers.0.attention.r_w_bias\" is missing") == true,
      "\(error?.description ?? "")")
    let survey = try CheckpointSurvey(directory: folder.path)
    #expect(survey.problems.count == 2 * 20)
  }
  // What architectures does not say the weights do.
  for (name, hasDecoder) in [("base-default-even", false), ("model-default", true)] {
    let folder = try copy("funnel/\(name)", replacing: ["architectures": .array([])])
    #expect(try FunnelModel(directory: folder.path).hasDecoder == hasDecoder)
  }
  // A model of the last block alone leaves the decoder's weights.
  let folder = try copy(
    "funnel/model-default", replacing: ["architectures": .array([.string("FunnelBaseModel")])])
  #expect(try !FunnelModel(directory: folder.path).hasDecoder)
}

@Test func inputsThatDoNotFitFunnelAreRejected() throws {
  let model = try FunnelModel(
    directory: fixturePath("funnel/base-default-even"), options: ModelOptions(maxPositions: 40))
  let cases: [(TokenInput, String)] = [
    (TokenInput(ids: []), "input 1: no tokens, expected at least one"),
    (TokenInput(ids: [1, 67]), "input 1: ids[1] is 67, expected 0 to 66"),
    (TokenInput(ids: [1, 2], tokenTypes: [0, 3]), "input 1: tokenTypes[1] is 3, expected 0 to 2"),
    (
      TokenInput(ids: [1, 2], mask: [false, false]),
      "input 1: the mask leaves all tokens out, expected at least one"
    ),
    (
      TokenInput(ids: [1, 2], positions: [0, 1]),
      "input 1: positions are given, but Funnel has relative positions only"
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
  #expect(try model.hiddenStates([]).isEmpty)
}

@Test func callsOfFunnelGiveWhatRunsGive() throws {
  func outputs(
    _ name: String
  ) throws -> (model: FunnelModel, inputs: [TokenInput], padded: PaddedInputs, [String: [Float]]) {
    let file = try SafetensorsFile(path: fixturePath("funnel/\(name)/inputs.safetensors"))
    let padded = try PaddedInputs(file, shapeOf: "input_ids", allowsChoices: true)
    let run = try LoadedModel(directory: fixturePath("funnel/\(name)")).run(file)
    return (
      try funnel(name), try padded.tokens(), padded,
      Dictionary(uniqueKeysWithValues: run.map { ($0.name, $0.values) })
    )
  }
  for head in ["sequence-classification", "sequence-regression"] {
    let (model, inputs, _, expected) = try outputs("head-\(head)")
    #expect(try model.sequenceLogits(inputs).elements == expected["logits"])
    #expect(model.headNames == ["sequence-classification"])
    #expect(expected["pooler_output"] == nil)
  }
  var (model, inputs, padded, expected) = try outputs("head-multiple-choice")
  let choices = try #require(padded.choices)
  let questions = stride(from: 0, to: inputs.count, by: choices).map {
    Array(inputs[$0..<$0 + choices])
  }
  #expect(try model.choiceLogits(questions).flatMap { $0 } == expected["logits"])
  #expect(model.headNames == ["multiple-choice"])
  func kept(_ rows: [[Float]]) -> [Float] {
    zip(inputs, rows).flatMap { input, row in
      let width = row.count / input.ids.count
      return row.indices.filter { input.mask?[$0 / width] ?? true }.map { row[$0] }
    }
  }
  func parts(_ name: String) -> [[Float]] {
    let values = expected[name] ?? []
    let count = values.count / inputs.count
    return inputs.indices.map { Array(values[$0 * count..<($0 + 1) * count]) }
  }
  (model, inputs, padded, expected) = try outputs("head-token-classification")
  #expect(kept(try model.tokenLogits(inputs).map(\.elements)) == kept(parts("logits")))
  (model, inputs, padded, expected) = try outputs("head-question-answering")
  let answers = try model.answerLogits(inputs)
  for (column, name) in ["start_logits", "end_logits"].enumerated() {
    #expect(
      kept(answers.map { $0.columns(column..<column + 1).elements }) == kept(parts(name)))
  }
  (model, inputs, padded, expected) = try outputs("head-pretraining")
  #expect(kept(try model.discriminatorLogits(inputs)) == kept(parts("logits")))
  #expect(model.headNames == ["discriminator"])
  (model, inputs, padded, expected) = try outputs("head-masked-lm")
  let logits = try model.maskedLogits(inputs[0], positions: [3, 0])
  let all = expected["logits"] ?? []
  #expect(logits.elements == Array(all[3 * 67..<4 * 67] + all[0..<67]))
  let error = #expect(throws: ModelError.self) { try model.discriminatorLogits(inputs) }
  #expect(
    error?.description.contains("no tensor \"discriminator_predictions.dense.weight\"") == true)
}

@Test func attentionFormsAreOneFunction() throws {
  let states = try ["relative_shift", "factorized"].map { type in
    let folder = try copy(
      "funnel/model-default", replacing: ["attention_type": .string(type)])
    return bits(try FunnelModel(directory: folder.path).hiddenStates([inputs()[5]])[0])
  }
  #expect(states[0] == states[1])
}

#if os(Linux)
  @Test func funnelTakesMemoryThatIsLinearInTheLength() throws {
    let model = try funnel("model-default")
    let n = 8192
    let before = ProcessUse.peakMemory
    #expect(try model.states([TokenInput(ids: (0..<n).map { $0 * 31 % 67 })]).rows.rows == n)
    // Scores of one head alone would be 256 MiB, with distances twice that.
    let growth = ProcessUse.peakMemory - before
    #expect(growth < 100 << 20, "\(growth) bytes")
  }
#endif
