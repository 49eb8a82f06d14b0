// tarn fill-mask: candidates for each [MASK].

import TarnCheckpoints
import TarnModels

enum FillMask {
  static let usage = "tarn fill-mask --model DIR [--top K] [--json] TEXT"

  static func run(_ words: [String]) throws(ToolError) -> Bool {
    let arguments = try Arguments(
      words,
      OptionNames.common.adding(
        valued: ["--model", "--top", "--max-positions"], switches: ["--truncate"]))
    let top = try arguments.positive("--top") ?? 5
    let options = try ModelOptions(arguments)
    let directory = try arguments.model()
    guard arguments.operands.count < 2 else { throw .usage("fill-mask takes one TEXT") }
    let text: String
    if let operand = arguments.operands.first, operand != "-" {
      text = operand
    } else {
      var input = try InputBytes("-")
      text = try input.text()
    }
    let masks = try failing { () throws(ModelError) in
      try PoNetMaskedLanguageModel(directory: directory, options: options)
        .fillMask(text, top: top, longText: arguments.longText)
    }
    if arguments.has("--json") {
      Output.line(
        JSONValue.object(JSONObject(["masks": .array(masks.map(json))])).encoded())
      return true
    }
    for mask in masks {
      Output.line("position \(mask.position)")
      for candidate in mask.candidates {
        Output.line("  \(candidate.score)  \(candidate.token)  \(candidate.id)")
      }
    }
    return true
  }

  private static func json(_ mask: MaskCandidates) -> JSONValue {
    let candidates = mask.candidates.map { candidate in
      JSONValue.object(
        JSONObject([
          "token": .string(candidate.token), "id": .integer(candidate.id),
          "score": .float(candidate.score),
        ]))
    }
    return .object(
      JSONObject(["position": .integer(mask.position), "candidates": .array(candidates)]))
  }
}
