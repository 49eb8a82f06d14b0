// tarn tokenize: what the model sees of a text.

import TarnCheckpoints
import TarnModels
import TarnText

enum Tokenize {
  static let usage = "tarn tokenize [--model DIR] [--jsonl] [--json] [INPUT...]"

  static func run(_ words: [String]) throws(ToolError) -> Bool {
    let arguments = try Arguments(words, Arguments.textOptions)
    let directory = arguments.values["--model"] ?? BundledModel.directory
    let tokenizer = try failing { () throws(ModelError) in
      try WordPieceTokenizer(checkpoint: directory)
    }
    return try arguments.forEachText { input throws(ToolError) in
      let document = try failing { () throws(TextError) in
        try tokenizer.encodeDocument(input.text, maxLength: nil)
      }
      let encoding = document.encoding
      let tokens = encoding.tokens(in: tokenizer.vocabulary)
      guard arguments.has("--json") else {
        for i in tokens.indices {
          Output.line("\(encoding.ids[i])\t\(document.segmentIDs[i])\t\(tokens[i])")
        }
        return
      }
      Output.line(
        input.result([
          "tokens": .array(tokens.map { .string($0) }),
          "ids": .array(encoding.ids.map { .integer($0) }),
          "offsets": .array(
            encoding.utf8Offsets.map {
              .array([.integer($0.lowerBound), .integer($0.upperBound)])
            }),
          "segments": .array(document.segmentIDs.map { .integer($0) }),
        ]))
    }
  }
}
