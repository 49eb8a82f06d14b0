// tarn tokenize: what the model sees of a text.

import TarnCheckpoints
import TarnModels
import TarnText

enum Tokenize {
  static let command = Command(
    name: "tokenize", summary: "what the model sees of a text",
    examples: ["tarn tokenize --json article.txt", "tarn tokenize --model DIR < article.txt"],
    operands: "[INPUT...]",
    details: """
      Prints id, segment and token, a line for each token; without --model with the vocabulary of
      the model that comes with the tool. The whole text is shown, unless --truncate cuts it at
      --max-positions or, without that, at the positions that config.json states. A directory with
      dict.txt is fairseq's: pieces of its SentencePiece model by the numbers of the dictionary, all
      in segment 0. INPUT is as `tarn help classify` says.

      --json prints {"tokens":[...],"ids":[...],"offsets":[[b,e]],"segments":[...]}, offsets in
      UTF-8 bytes of the text that the token belongs to; special tokens are empty.
      """,
    options: Option.model.filter { $0.name != "--type" } + Option.texts,
    run: run)

  @Sendable private static func run(_ arguments: Arguments) throws(ToolError) -> Bool {
    let options = try ModelOptions(arguments)
    let directory = try arguments.modelDirectory()
    if isFairseqDirectory(directory) { return try runFairseq(arguments, directory, options) }
    let tokenizer = try failing { () throws(ModelError) in
      try WordPieceTokenizer(checkpoint: directory)
    }
    var limit: Int?
    if arguments.has("--truncate") {
      limit = options.maxPositions
      if limit == nil { limit = try statedPositions(directory) }
    }
    let isJSON = arguments.has("--json")
    return try arguments.forEachText { inputs throws(ToolError) in
      inputs.map { input in
        Result { () throws(ToolError) in
          let document = try failing { () throws(ModelError) in
            try tokenizer.document(
              input.text, pair: input.pair, limit: limit, longText: arguments.longText)
          }
          let tokens = document.encoding.tokens(in: tokenizer.vocabulary)
          return TextResult(
            line: isJSON ? json(document, tokens, input) : block(document, tokens, input),
            tokens: tokens.count)
        }
      }
    }
  }

  /// `tarn tokenize` for a directory with a dictionary of fairseq.
  private static func runFairseq(
    _ arguments: Arguments, _ directory: String, _ options: ModelOptions
  ) throws(ToolError) -> Bool {
    let tokenizer = try failing { () throws(TextError) in
      try FairseqTokenizer(directory: directory)
    }
    var limit: Int?
    if arguments.has("--truncate") {
      limit = options.maxPositions
      if limit == nil {
        limit = try failing { () throws(ModelError) in
          try PyramidionConfiguration(directory: directory, options: options).maxSourcePositions
        }
      }
    }
    let isJSON = arguments.has("--json")
    return try arguments.forEachText { inputs throws(ToolError) in
      inputs.map { input in
        Result { () throws(ToolError) in
          let whole = try failing { () throws(TextError) in try tokenizer.encode(input.text) }
          let encoding = limit.map { whole.truncated(to: $0) } ?? whole
          let rows = zip(encoding.ids, encoding.tokens).map { "\($0)\t0\t\($1)" }
          return TextResult(
            line: isJSON
              ? input.result([
                "tokens": .array(encoding.tokens.map { .string($0) }),
                "ids": .array(encoding.ids.map { .integer($0) }),
                "offsets": .array(
                  encoding.utf8Offsets.map {
                    .array([.integer($0.lowerBound), .integer($0.upperBound)])
                  }),
                "segments": .array(encoding.ids.map { _ in .integer(0) }),
              ]) : ((input.heading.map { [$0] } ?? []) + rows).joined(separator: "\n"),
            tokens: encoding.ids.count)
        }
      }
    }
  }

  private static func statedPositions(_ directory: String) throws(ToolError) -> Int {
    try failing { () throws(CheckpointError) in
      try ConfigurationFile(path: directory + "/config.json")
        .integer("max_position_embeddings", in: 1...16_777_216)
    }
  }

  private static func json(
    _ document: DocumentEncoding, _ tokens: [String], _ input: TextInput
  ) -> String {
    let encoding = document.encoding
    return input.result([
      "tokens": .array(tokens.map { .string($0) }),
      "ids": .array(encoding.ids.map { .integer($0) }),
      "offsets": .array(
        encoding.utf8Offsets.map {
          .array([.integer($0.lowerBound), .integer($0.upperBound)])
        }),
      "segments": .array(document.segmentIDs.map { .integer($0) }),
    ])
  }

  private static func block(
    _ document: DocumentEncoding, _ tokens: [String], _ input: TextInput
  ) -> String {
    let rows = tokens.indices.map {
      "\(document.encoding.ids[$0])\t\(document.segmentIDs[$0])\t\(tokens[$0])"
    }
    return ((input.heading.map { [$0] } ?? []) + rows).joined(separator: "\n")
  }
}
