// tarn answer: the part of each text that answers a question.

import TarnCheckpoints
import TarnModels
import TarnText

enum AnswerQuestion {
  static let command = Command(
    name: "answer", summary: "the part of each text that answers a question",
    examples: ["tarn answer --model DIR --question \"Who won the case?\" ruling.txt"],
    operands: "[INPUT...]",
    details: """
      Finds the span of a text that answers a question, with a question-answering head (Funnel, BERT,
      FNet). Prints the answer, its score (probability of its first token to begin the answer times
      that of its last to end it), its place in UTF-8 bytes of the text, and the tokens that the model
      saw. The question is never cut. INPUT is as `tarn help classify` says.

      --json prints {"answer","score","start","end","tokens"}.
      """,
    options: Option.requiring("--model", Option.model) + [
      Option("--question", "TEXT", "the question", isRequired: true),
      Option("--longest", "N", "most tokens of an answer, 30 without it"),
    ] + Option.texts,
    run: run)

  @Sendable private static func run(_ arguments: Arguments) throws(ToolError) -> Bool {
    let options = try ModelOptions(arguments)
    let directory = try arguments.required("--model")
    let question = try arguments.required("--question")
    let longest = try arguments.positive("--longest") ?? 30
    let encoder = try failing { () throws(ModelError) in
      try LoadedModel.encoder(directory: directory, options: options)
    }
    return try run(arguments, encoder, question, longest: longest)
  }

  private static func run<Model: EncoderModel>(
    _ arguments: Arguments, _ encoder: Model, _ question: String, longest: Int
  ) throws(ToolError) -> Bool {
    let model = try failing { () throws(ModelError) in try QuestionAnswerer(encoder) }
    let isJSON = arguments.has("--json")
    return try arguments.forEachText { inputs throws(ToolError) in
      let encodings = inputs.map { input in
        Result { () throws(ToolError) in
          try failing { () throws(ModelError) in
            try model.encode(question, input.text, longText: arguments.longText)
          }
        }
      }
      let good = zip(inputs, encodings).compactMap { input, encoding in
        (try? encoding.get()).map { (input.text, $0) }
      }
      var answers = try failing { () throws(ModelError) in
        try model.answers(good.map(\.1), good.map(\.0), longest: longest)
      }[...]
      return zip(inputs, encodings).map { input, encoding in
        encoding.map { document in
          let tokens = document.encoding.count
          guard let answer = answers.popFirst() else { return TextResult(tokens: 0) }
          return TextResult(
            line: isJSON ? json(answer, tokens, input) : block(answer, tokens, input),
            tokens: tokens)
        }
      }
    }
  }

  private static func json(_ answer: Answer, _ tokens: Int, _ input: TextInput) -> String {
    input.result([
      "answer": .string(answer.text), "score": .float(answer.score),
      "start": .integer(answer.utf8Offsets.lowerBound),
      "end": .integer(answer.utf8Offsets.upperBound), "tokens": .integer(tokens),
    ])
  }

  private static func block(_ answer: Answer, _ tokens: Int, _ input: TextInput) -> String {
    (input.heading.map { $0 + "\n" } ?? "") + """
      answer    \(answer.text)
      score     \(answer.score)
      bytes     \(answer.utf8Offsets.lowerBound)..<\(answer.utf8Offsets.upperBound)
      tokens    \(tokens)

      """
  }
}
