// What is wrong, in the words of the errors: typed on every target, and nowhere a trap.

import Tarn
import TarnCheckpoints
import TarnModels
import TarnText

/// Arguments, files and inputs that are rejected, the sentence of each.
func errorCases(_ cases: inout Cases, _ files: ModelFiles) throws(ModelError) {
  let execution = cases.execution
  cases.note(
    "error, shapes",
    sentence { () throws(TarnError) in
      var c = try Matrix(rows: 2, columns: 2)
      try matmul(Matrix(rows: 2, columns: 3), Matrix(rows: 4, columns: 2), into: &c, on: execution)
    })
  cases.note(
    "error, negative size",
    sentence { () throws(TarnError) in _ = try Matrix(rows: -1, columns: 2) })
  cases.note(
    "error, half a safetensors file",
    sentence { () throws(CheckpointError) in
      let half = Array(files.weights.prefix(files.weights.count / 2))
      _ = try SafetensorsFile(bytes: half, named: "half.safetensors")
    })
  cases.note(
    "error, no JSON",
    sentence { () throws(CheckpointError) in _ = try ConfigurationFile(bytes: [0x7B, 0x22]) })
  cases.note(
    "error, missing directory",
    sentence { () throws(ModelError) in _ = try PoNetModel(directory: "nowhere") })
  cases.note(
    "error, empty vocabulary",
    sentence { () throws(TextError) in
      _ = try WordPieceTokenizer(vocabulary: Vocabulary(bytes: [], file: "vocab.txt"))
    })

  let model = try poNet(cases, files, workspaceBytes: nil)
  cases.note(
    "error, token out of range",
    sentence { () throws(ModelError) in _ = try model.states([PoNetInput(ids: [1, 1 << 30])]) })
  let input = [PoNetInput(ids: Array(repeating: 1, count: 40))]
  // How much that is depends on the target; that one byte less is told does not.
  let needed = model.workspaceBytes(input)
  let enough = try poNet(cases, files, workspaceBytes: needed)
  cases.note("workspace, as large as stated", try enough.states(input).rows)
  let scarce = try poNet(cases, files, workspaceBytes: needed - 1)
  do throws(ModelError) {
    _ = try scarce.states(input)
    cases.note("error, workspace", [] as [Int32])
  } catch .workspaceTooSmall(let expected, let available) {
    cases.note("error, workspace", [Int32(expected - needed), Int32(available - needed)])
  }
}

private func poNet(
  _ cases: Cases, _ files: ModelFiles, workspaceBytes: Int?
) throws(ModelError) -> PoNetModel {
  try PoNetModel(
    weights: files.weightScope(), configuration: PoNetConfiguration(files.configurationFile()),
    directory: "",
    options: ModelOptions(
      instructionSet: cases.execution.instructionSet, threads: 1, workspaceBytes: workspaceBytes))
}

/// The bytes of what an error says; none if nothing is wrong.
private func sentence<Failure: Error & CustomStringConvertible>(
  _ body: () throws(Failure) -> Void
) -> [Int32] {
  do throws(Failure) {
    try body()
    return []
  } catch {
    return error.description.utf8.map { Int32($0) }
  }
}
