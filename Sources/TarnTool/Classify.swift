// tarn classify: a label for each text.

import TarnCheckpoints
import TarnModels

enum Classify {
  static let usage = "tarn classify [--model DIR] [--jsonl] [--samples] [--json] [INPUT...]"

  static func run(_ words: [String]) throws(ToolError) -> Bool {
    let arguments = try Arguments(words, Arguments.textOptions)
    let options = try ModelOptions(arguments)
    let directory = arguments.values["--model"] ?? BundledModel.directory
    let model = try failing { () throws(ModelError) in
      try PoNetClassifier(directory: directory, options: options)
    }
    return try arguments.forEachText { input throws(ToolError) in
      let answers = try failing { () throws(ModelError) in
        try model.classify([input.text], longText: arguments.longText)
      }
      for answer in answers {
        Output.line(arguments.has("--json") ? json(answer, input) : block(answer, input))
      }
    }
  }

  private static func json(_ answer: Classification, _ input: TextInput) -> String {
    var scores = JSONObject()
    for (label, p) in zip(answer.labels, answer.probabilities) { scores[label] = .float(p) }
    return input.result([
      "label": .string(answer.label), "score": .float(answer.score), "scores": .object(scores),
      "tokens": .integer(answer.tokens), "segments": .integer(answer.segments),
    ])
  }

  private static func block(_ answer: Classification, _ input: TextInput) -> String {
    let name = input.fields["id"].map { "id        \($0.encoded())\n" } ?? ""
    return name + """
      label     \(answer.label)
      score     \(answer.score)
      tokens    \(answer.tokens)
      segments  \(answer.segments)

      """
  }
}
