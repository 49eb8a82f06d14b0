// tarn fill-mask: candidates for each [MASK].

import TarnCheckpoints
import TarnModels

enum FillMask {
  static let command = Command(
    name: "fill-mask", summary: "candidates for each [MASK] of a text",
    examples: ["tarn fill-mask --model DIR --top 3 \"The court [MASK] the appeal.\""],
    operands: "[TEXT]",
    details: """
      Prints, for each [MASK], its position among the tokens and the best candidates: score (softmax
      over the vocabulary), token and id. TEXT is the text itself; `-` or nothing reads it from
      standard input. The checkpoint must have a masked-LM head; the bundled one has none.

      --json prints {"masks":[{"position","candidates":[{"token","id","score"}]}]}.
      """,
    options: Option.requiring("--model", Option.model) + [
      Option("--top", "K", "candidates for each mask, 5 without it"),
      Option("--truncate", "cut a text that has more tokens than positions"),
    ],
    run: run)

  @Sendable private static func run(_ arguments: Arguments) throws(ToolError) -> Bool {
    let top = try arguments.positive("--top") ?? 5
    let options = try ModelOptions(arguments)
    let directory = try arguments.required("--model")
    guard arguments.operands.count < 2 else {
      throw .usage("found \(arguments.operands.count) operands, expected one TEXT; quote it")
    }
    let text: String
    if let operand = arguments.operands.first, operand != "-" {
      text = operand
    } else {
      var input = try InputBytes("-")
      text = try input.text()
    }
    let masks = try failing { () throws(ModelError) in
      let model = try LoadedModel.encoder(directory: directory, options: options)
      return try fillMask(text, model, top: top, longText: arguments.longText)
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

  private static func fillMask<Model: EncoderModel>(
    _ text: String, _ model: Model, top: Int, longText: LongText
  ) throws(ModelError) -> [MaskCandidates] {
    try MaskedLanguageModel(model).fillMask(text, top: top, longText: longText)
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
