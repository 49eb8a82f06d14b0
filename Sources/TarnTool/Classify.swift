// tarn classify: a label for each text.

import TarnCheckpoints
import TarnModels
import TarnText

enum Classify {
  static let command = Command(
    name: "classify", summary: "a label for each text",
    examples: [
      "tarn classify --samples", "tarn classify --json articles.jsonl > labels.jsonl",
    ],
    operands: "[INPUT...]",
    details: """
      Labels texts with a sequence classifier (PoNet, Funnel, BERT, FNet); without --model with the small
      PoNet that comes with the tool. Prints label, score (the label's probability), tokens and segments.

      An INPUT is a file that holds one text in UTF-8, `-` for standard input, or a file of JSON
      Lines: an object with "text" on each line, and "text_pair" for pairs. All other fields are
      carried over to the result; where a name is both, the result's value stands. Blank lines are
      skipped. A bad line is reported on standard error, the rest goes on, and the exit code is 1.
      Without INPUT: standard input, or the samples if that is a terminal.

      --json prints {"label","score","scores":{label:p},"tokens","segments"}.
      """,
    options: Option.model + Option.texts,
    run: run)

  @Sendable private static func run(_ arguments: Arguments) throws(ToolError) -> Bool {
    let options = try ModelOptions(arguments)
    let directory = try arguments.modelDirectory()
    let encoder = try failing { () throws(ModelError) in
      try LoadedModel.encoder(directory: directory, options: options)
    }
    return try run(arguments, encoder)
  }

  private static func run<Model: EncoderModel>(
    _ arguments: Arguments, _ encoder: Model
  ) throws(ToolError) -> Bool {
    let model = try failing { () throws(ModelError) in try TextClassifier(encoder) }
    let isJSON = arguments.has("--json")
    return try arguments.forEachText { inputs throws(ToolError) in
      let encodings = inputs.map { input in
        Result { () throws(ToolError) in
          try failing { () throws(ModelError) in
            try model.encode(input.text, pair: input.pair, longText: arguments.longText)
          }
        }
      }
      var answers = try failing { () throws(ModelError) in
        try model.classify(encodings.compactMap { try? $0.get() })
      }[...]
      return zip(inputs, encodings).map { input, encoding in
        encoding.map { _ in
          guard let answer = answers.popFirst() else { return TextResult(tokens: 0) }
          return TextResult(
            line: isJSON ? json(answer, input) : block(answer, input), tokens: answer.tokens)
        }
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
    (input.heading.map { $0 + "\n" } ?? "") + """
      label     \(answer.label)
      score     \(answer.score)
      tokens    \(answer.tokens)
      segments  \(answer.segments)

      """
  }
}
