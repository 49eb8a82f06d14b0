// A batch of many is each alone, bit for bit; long texts; inputs that do not fit.

import Tarn
import TarnTestSupport
import Testing

@testable import TarnModels

private func model(_ name: String, maxPositions: Int? = nil) throws -> PoNetModel {
  try PoNetModel(
    directory: fixturePath("ponet/\(name)"), options: ModelOptions(maxPositions: maxPositions))
}

/// Documents of many lengths, with specials and sentence segments, some masked.
private func documents() -> [PoNetInput] {
  [3, 1, 700, 2, 257, 63, 512, 513, 1, 40].enumerated().map { k, n in
    var ids = (0..<n).map { 1 + ($0 * 31 + k * 7) % 100 }
    ids[0] = 101
    ids[n - 1] = n > 1 ? 102 : 101
    let segments = (0..<n).map { $0 / 9 }
    let mask = k == 4 ? (0..<n).map { $0 % 5 != 3 } : nil
    return PoNetInput(ids: ids, segments: segments, mask: mask)
  }
}

@Test func aBatchIsEachSequenceAlone() throws {
  let model = try model("cls_sentences", maxPositions: 1000)
  let inputs = documents()
  let together = try model.hiddenStates(inputs)
  let pooled = try model.pooled(inputs)
  for (i, input) in inputs.enumerated() {
    let alone = try model.hiddenStates([input])[0]
    #expect(
      alone.elements.map(\.bitPattern) == together[i].elements.map(\.bitPattern), "input \(i)")
    let alonePooled = try model.pooled([input])
    #expect(
      alonePooled.elements.map(\.bitPattern)
        == pooled.rows(i..<i + 1).elements.map(\.bitPattern), "input \(i)")
  }
}

@Test func trailingPaddingChangesNothing() throws {
  let model = try model("cls_sentences")
  let ids = [101, 5, 6, 7, 8, 102]
  let segments = [0, 1, 1, 2, 2, 3]
  let plain = try model.hiddenStates([PoNetInput(ids: ids, segments: segments)])[0]
  let padded = try model.hiddenStates([
    PoNetInput(
      ids: ids + [0, 0, 0], segments: segments + [4, 4, 4],
      mask: Array(repeating: true, count: 6) + [false, false, false])
  ])[0]
  #expect(padded.rows == 9)
  #expect(
    padded.rows(0..<6).elements.map(\.bitPattern) == plain.elements.map(\.bitPattern))
  #expect(padded.rows(6..<9).elements.allSatisfy { $0 == 0 })
}

@Test func theLastLayersShortcutGivesTheSameBits() throws {
  let model = try model("cls_sentences", maxPositions: 1000)
  let rows = try model.tokenRows(documents())
  #expect(rows.firstRowsAreGlobalOnly)
  let short = try model.encoder.firstRows(rows, on: model.execution)
  let whole = try rows.batch.firstRows(
    of: try model.encoder(rows, on: model.execution), on: model.execution)
  #expect(short.elements.map(\.bitPattern) == whole.elements.map(\.bitPattern))
}

@Test func concurrentCallsGiveTheSameBits() async throws {
  let model = try model("cls_sentences", maxPositions: 1000)
  let inputs = documents()
  let reference = try model.pooled(inputs).elements.map(\.bitPattern)
  try await withThrowingTaskGroup(of: [UInt32].self) { group in
    for _ in 0..<8 {
      group.addTask { try model.pooled(inputs).elements.map(\.bitPattern) }
    }
    for try await bits in group { #expect(bits == reference) }
  }
}

@Test func inputsThatDoNotFitAreRejected() throws {
  let model = try model("cls_sentences")
  let cases: [(PoNetInput, String)] = [
    (PoNetInput(ids: []), "input 0: no tokens, expected at least one"),
    (PoNetInput(ids: [101, 128, 102]), "input 0: ids[1] is 128, expected 0 to 127"),
    (PoNetInput(ids: [101, -1]), "input 0: ids[1] is -1, expected 0 to 127"),
    (
      PoNetInput(ids: [101, 102], tokenTypes: [0, 2]),
      "input 0: tokenTypes[1] is 2, expected 0 to 1"
    ),
    (
      PoNetInput(ids: [101, 102], segments: [0]),
      "input 0: segments has 1 entries, expected 2"
    ),
    (
      PoNetInput(ids: [101, 102], positions: [0, 64]),
      "input 0: positions[1] is 64, expected 0 to 63"
    ),
  ]
  for (input, message) in cases {
    let error = #expect(throws: ModelError.self) { try model.hiddenStates([input]) }
    #expect(error?.description == message)
  }
  let long = PoNetInput(ids: Array(repeating: 5, count: 65))
  let error = #expect(throws: ModelError.self) { try model.hiddenStates([long]) }
  #expect(error?.description.contains("65 tokens, expected at most 64 positions") == true)
}

@Test func aHeadWithoutWeightsIsNamed() throws {
  let model = try model("cls_sentences")
  let error = #expect(throws: ModelError.self) {
    try model.maskedLogits(PoNetInput(ids: [101, 102]), positions: [0])
  }
  #expect(error?.description.contains("cls.predictions.transform.dense.weight") == true)
}
