// tarn summarize: a long text in few words.

import TarnCheckpoints
import TarnModels
import TarnText

enum Summarize {
  static let command = Command(
    name: "summarize", summary: "a long text in few words, by an encoder-decoder",
    examples: [
      "tarn summarize --model DIR article.txt",
      "tarn summarize --model DIR --beam 4 --min-length 72 --json articles.jsonl",
    ],
    operands: "[INPUT...]",
    details: """
      Writes what the beam search of a Pyramidion checkpoint finds best. DIR holds the checkpoint of
      fairseq (or its tensors as safetensors with a config.json), dict.txt and a SentencePiece model:
      spm.model, sentencepiece.bpe.model, sentencepiece.model, spiece.model, tokenizer.model, or the
      only file that ends in .model. A text that is too long is cut, as published, and a warning says
      how many were. INPUT is as `tarn help classify` says.

      The score is the logarithm of the probability, divided by length^X. --json prints
      {"summary","ids","score"}, the ids with the end symbol 2.
      """,
    options: Option.requiring("--model", Option.model).filter { $0.name != "--max-positions" }
      + Option.texts.filter { $0.name != "--truncate" } + [
        Option("--no-truncate", "a text that is too long is an error"),
        Option("--beam", "K", "texts that are followed at once, 5 without it; 1 is greedy"),
        Option("--length-penalty", "X", "the exponent of the length, 1 without it"),
        Option("--min-length", "N", "least tokens before the end symbol, 1 without it"),
        Option("--max-length", "N", "most tokens before the end symbol, 200 without it"),
      ],
    run: run)

  /// Texts that are searched at once, at most; the first results come after so many.
  private static let batch = 16

  @Sendable private static func run(_ arguments: Arguments) throws(ToolError) -> Bool {
    let search = try searchOptions(arguments)
    let options = try ModelOptions(arguments)
    let directory = try arguments.required("--model")
    let summarizer = try failing { () throws(ModelError) in
      let summarizer = try Summarizer(directory: directory, options: options)
      // What no text can be searched with is wrong before the first is read.
      try summarizer.check([[2]], search)
      return summarizer
    }
    let longText: LongText = arguments.has("--no-truncate") ? .isRejected : .isTruncated
    let isJSON = arguments.has("--json")
    var progress = Progress(isShown: !arguments.has("--quiet") && !isJSON)
    var (cut, done) = (0, 0)
    let areGood = try arguments.forEachText(atOnce: batch) { inputs throws(ToolError) in
      let encodings = inputs.map { input in
        Result { () throws(ToolError) in
          try failing { () throws(ModelError) in
            try summarizer.encode(input.text, longText: longText)
          }
        }
      }
      let good = encodings.compactMap { try? $0.get() }
      cut += good.count { $0.isTruncated }
      var summaries = try failing { () throws(ModelError) in
        try summarizer.summaries(good.map { $0.ids.map { Int($0) } }, options: search) {
          progress.show("\(done) texts, then \(good.count) at once: \($0) tokens")
        }
      }[...]
      progress.clear()
      done += good.count
      return zip(inputs, encodings).map { input, encoding in
        encoding.map { encoding in
          let tokens = encoding.ids.count
          guard let summary = summaries.popFirst() else { return TextResult(tokens: 0) }
          return TextResult(
            line: isJSON ? json(summary, input) : block(summary, tokens, input),
            tokens: tokens + summary.ids.count)
        }
      }
    }
    if cut > 0 {
      Output.message(
        "tarn: warning: \(cut) \(cut == 1 ? "text was" : "texts were") cut to "
          + "\(summarizer.maxTokens) tokens")
    }
    return areGood
  }

  private static func searchOptions(_ arguments: Arguments) throws(ToolError) -> SearchOptions {
    var options = SearchOptions()
    if let beam = try arguments.positive("--beam") { options.beam = beam }
    if let longest = try arguments.positive("--max-length") { options.maxLength = longest }
    if let text = arguments.values["--min-length"] {
      guard let shortest = Int(text), shortest >= 0 else {
        throw .usage("option --min-length: found \"\(text)\", expected an integer of at least 0")
      }
      options.minLength = shortest
    }
    if let text = arguments.values["--length-penalty"] {
      guard let penalty = Double(text), penalty.isFinite else {
        throw .usage("option --length-penalty: found \"\(text)\", expected a number")
      }
      options.lengthPenalty = penalty
    }
    return options
  }

  private static func json(_ summary: Summary, _ input: TextInput) -> String {
    input.result([
      "summary": .string(summary.text), "ids": .array(summary.ids.map { .integer($0) }),
      "score": .float(summary.score),
    ])
  }

  private static func block(_ summary: Summary, _ tokens: Int, _ input: TextInput) -> String {
    (input.heading.map { $0 + "\n" } ?? "") + """
      summary   \(summary.text)
      score     \(summary.score)
      tokens    \(tokens) read, \(summary.ids.count) written

      """
  }
}
