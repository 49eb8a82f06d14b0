// tarn embed: a vector for each text.

import TarnCheckpoints
import TarnModels
import TarnText

enum Embed {
  static let command = Command(
    name: "embed", summary: "a vector for each text",
    examples: [
      "tarn embed --model DIR --json sentences.jsonl > vectors.jsonl",
      "tarn embed --model DIR --output vectors.safetensors sentences.jsonl",
    ],
    operands: "[INPUT...]",
    details: """
      Encodes texts with a sentence encoder, such as all-MiniLM-L6-v2, or with any encoder of a type
      that is supported. Pooling and normalisation are as modules.json says; without that file, the
      mean of all tokens, scaled to length 1. A text that is too long is cut, as published, and a
      warning says how many were. INPUT is as `tarn help classify` says.

      Prints the numbers of a vector on a line. --json prints {"embedding":[...],"tokens"}. --output
      writes one tensor "embeddings" [texts, d] instead; a bad line then ends the command.
      """,
    options: Option.requiring("--model", Option.model)
      + Option.texts.filter { $0.name != "--truncate" } + [
        Option("--pooling", "MODE", "mean, cls or max, whatever the checkpoint says"),
        Option("--no-normalize", "leave vectors at their length"),
        Option("--no-truncate", "a text that is too long is an error"),
        Option("--output", "FILE", "write all vectors to a safetensors file"),
      ],
    run: run)

  @Sendable private static func run(_ arguments: Arguments) throws(ToolError) -> Bool {
    let options = try ModelOptions(arguments)
    var pooling: Pooling?
    if let name = arguments.values["--pooling"] {
      pooling = Pooling(rawValue: name)
      guard pooling != nil else {
        let names = Pooling.allCases.map(\.rawValue).joined(separator: ", ")
        throw .usage("option --pooling: found \"\(name)\", expected one of \(names)")
      }
    }
    let directory = try arguments.required("--model")
    let encoder = try failing { () throws(ModelError) in
      try SentenceEncoder(
        directory: directory, options: options, pooling: pooling,
        normalizes: arguments.has("--no-normalize") ? false : nil)
    }
    let longText: LongText = arguments.has("--no-truncate") ? .isRejected : .isTruncated
    let output = arguments.values["--output"]
    let isJSON = arguments.has("--json")
    var matrix: [Float] = []
    var cut = 0
    let areGood = try arguments.forEachText(stopsAtBadLine: output != nil) {
      inputs throws(ToolError) in
      let encodings = inputs.map { input in
        Result { () throws(ToolError) in
          try failing { () throws(ModelError) in
            try encoder.encode(input.text, pair: input.pair, longText: longText)
          }
        }
      }
      let good = encodings.compactMap { try? $0.get() }
      cut += good.count { $0.isTruncated }
      var vectors = try failing { () throws(ModelError) in
        try encoder.embed(good.map(\.document))
      }[...]
      return zip(inputs, encodings).map { input, encoding in
        encoding.map { encoding in
          let vector = vectors.popFirst() ?? []
          let tokens = encoding.document.encoding.count
          if output != nil {
            matrix += vector
            return TextResult(line: nil, tokens: tokens)
          }
          return TextResult(
            line: isJSON
              ? json(vector, tokens, input) : vector.map(\.description).joined(separator: " "),
            tokens: tokens)
        }
      }
    }
    if cut > 0 {
      Output.message(
        "tarn: warning: \(cut) \(cut == 1 ? "text was" : "texts were") cut to "
          + "\(encoder.maxTokens) tokens")
    }
    if let output, areGood {
      try write(matrix, columns: encoder.size, to: output)
    }
    return areGood
  }

  private static func write(
    _ matrix: [Float], columns: Int, to path: String
  ) throws(ToolError) {
    try failing { () throws(CheckpointError) in
      var writer = SafetensorsWriter()
      try writer.append(
        "embeddings", shape: [matrix.count / columns, columns], floats: matrix)
      try writer.write(to: path)
    }
  }

  private static func json(_ vector: [Float], _ tokens: Int, _ input: TextInput) -> String {
    input.result([
      "embedding": .array(vector.map { .float($0) }), "tokens": .integer(tokens),
    ])
  }
}
