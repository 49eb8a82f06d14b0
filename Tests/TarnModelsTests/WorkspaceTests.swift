// What a call holds at most: stated beforehand, and not more than that.

import Tarn
import TarnCheckpoints
import TarnSystem
import TarnTestSupport
import Testing

@testable import TarnModels

/// Matrices and scratch that `body` took at most beside what was there before.
private func peak(_ body: () throws -> Void) rethrows -> Int {
  MemoryUse.restartPeak()
  let before = MemoryUse.bytes
  try body()
  return MemoryUse.peak - before
}

private let shapes: [[Int]] = [
  [1], [7], [64], [511], [512], [513], [1, 1, 1, 1], [300, 300], [100, 20, 513, 3],
  Array(repeating: 12, count: 40),
]

@Suite(.serialized) struct WorkspaceTests {
  private func inputs(_ lengths: [Int]) -> [PoNetInput] {
    lengths.map { n in
      var input = PoNetInput(ids: (0..<n).map { 5 + $0 % 60 })
      input.segments = (0..<n).map { $0 / 9 }
      return input
    }
  }

  @Test(arguments: shapes, [1, 2]) func poNetHoldsWhatItStates(lengths: [Int], threads: Int) throws
  {
    let options = ModelOptions(threads: threads, maxPositions: 1024)
    let model = try PoNetModel(directory: fixturePath("ponet/cls_sentences"), options: options)
    let inputs = inputs(lengths)
    let stated = model.workspaceBytes(inputs)
    for _ in 0..<2 {
      #expect(try peak { _ = try model.states(inputs) } <= stated)
      #expect(try peak { _ = try model.firstStates(inputs) } <= stated)
    }
  }

  @Test(arguments: shapes, [1, 2]) func bertHoldsWhatItStates(lengths: [Int], threads: Int) throws {
    let model = try BERTModel(
      directory: fixturePath("bert/base-default"), options: ModelOptions(threads: threads))
    let inputs = lengths.map { n in
      TokenInput(
        ids: (0..<n).map { 5 + $0 % 60 }, positions: (0..<n).map { $0 % model.maxPositions })
    }
    let stated = model.workspaceBytes(inputs)
    for _ in 0..<2 {
      #expect(try peak { _ = try model.states(inputs) } <= stated)
      #expect(try peak { _ = try model.firstStates(inputs) } <= stated)
    }
  }

  /// Blocks of scratch that a call before this one has left are not counted again.
  @Test func whatIsStatedIsNotMuchMoreThanWhatIsTaken() throws {
    let poNet = try PoNetModel(
      directory: fixturePath("ponet/cls_sentences"),
      options: ModelOptions(threads: 1, maxPositions: 4096))
    let long = inputs([4000])
    let taken = try peak { _ = try poNet.states(long) }
    #expect(poNet.workspaceBytes(long) - scratchBytes(threads: 1) < 2 * taken)
    let bert = try BERTModel(
      directory: fixturePath("bert/base-default"), options: ModelOptions(threads: 1))
    let tokens = long.map { input in
      TokenInput(ids: input.ids, positions: input.ids.indices.map { $0 % bert.maxPositions })
    }
    let takenByBERT = try peak { _ = try bert.states(tokens) }
    #expect(bert.workspaceBytes(tokens) - scratchBytes(threads: 1) < 2 * takenByBERT)
  }

  @Test func aCallThatNeedsMoreIsRejectedWithTheNumberOfBytes() throws {
    let directory = fixturePath("ponet/cls_sentences")
    let inputs = inputs([40])
    let needed = try PoNetModel(directory: directory, options: ModelOptions(threads: 1))
      .workspaceBytes(inputs)
    let enough = try PoNetModel(
      directory: directory, options: ModelOptions(threads: 1, workspaceBytes: needed))
    _ = try enough.states(inputs)
    let scarce = try PoNetModel(
      directory: directory, options: ModelOptions(threads: 1, workspaceBytes: needed - 1))
    let error = #expect(throws: ModelError.self) { try scarce.states(inputs) }
    #expect(
      error?.description
        == "workspace: \(needed - 1) bytes, expected at least \(needed) for this input")
    #expect(throws: ModelError.self) { try scarce.firstStates(inputs) }
  }

  @Test func aModelThatCannotSayTakesNoLimit() throws {
    let error = #expect(throws: ModelError.self) {
      try FNetModel(
        directory: fixturePath("fnet/base-default"), options: ModelOptions(workspaceBytes: 1 << 30))
    }
    #expect(
      error?.description
        == "ModelOptions: workspaceBytes is 1073741824, expected no limit: of this model it is not known "
        + "what a call needs")
  }
}
