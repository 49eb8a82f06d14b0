// tarn run: raw tensors in, every hidden state and head output out, compared if asked.

import TarnCheckpoints
import TarnModels

enum RunTensors {
  static let command = Command(
    name: "run", summary: "tensors in, every hidden state and output out, compared if asked",
    examples: [
      "tarn run --model DIR --inputs inputs.safetensors --output states.safetensors",
      "tarn run --model DIR --inputs inputs.safetensors --compare expected.safetensors",
    ],
    details: """
      Runs the model on tensors instead of text. The inputs are input_ids and, where present,
      attention_mask, token_type_ids, segment_ids and position_ids, each [batch, n]; input_ids_0 and
      mask_0 (and _1) for a Long Range Arena model; src_tokens and, for the decoder,
      prev_output_tokens for Pyramidion. Results have the padded shape of the inputs;
      masked positions hold 0 unless others read them.

      --compare prints a line for each tensor of the file: name, shape, largest absolute difference
      and its place; the exit code is 1 if any exceeds A + R·|expected|. Rows are compared where the
      attention mask is 1.

      --json prints {"tensors":[{"name","shape","max_abs_difference","at","ok"}],"ok"} for --compare.
      """,
    options: Option.requiring("--model", Option.model) + [
      Option("--inputs", "FILE", "safetensors file with the inputs", isRequired: true),
      Option("--output", "FILE", "write all results to a safetensors file"),
      Option("--compare", "FILE", "compare the results with a safetensors file"),
      Option("--atol", "A", "absolute tolerance, 5e-5 without it"),
      Option("--rtol", "R", "relative tolerance, 1e-5 without it"),
      Option("--all-rows", "compare masked rows as well"),
    ],
    run: run)

  @Sendable private static func run(_ arguments: Arguments) throws(ToolError) -> Bool {
    guard arguments.operands.isEmpty else {
      throw .usage("found operand \"\(arguments.operands[0])\", expected options only")
    }
    let inputs = try arguments.required("--inputs")
    let output = arguments.values["--output"]
    let compare = arguments.values["--compare"]
    guard output != nil || compare != nil else {
      throw .usage("option --output FILE or --compare FILE is missing")
    }
    let tolerance = Tolerance(
      absolute: try arguments.tolerance("--atol", default: 5e-5),
      relative: try arguments.tolerance("--rtol", default: 1e-5))
    let directory = try arguments.required("--model")
    let settings = try ModelOptions(arguments)
    let file = try failing { () throws(CheckpointError) in try SafetensorsFile(path: inputs) }
    let results = try failing { () throws(ModelError) in
      try LoadedModel(directory: directory, options: settings).run(file)
    }
    if let output {
      try failing { () throws(CheckpointError) in
        var writer = SafetensorsWriter()
        for tensor in results {
          try writer.append(TensorName(tensor.name), shape: tensor.shape, floats: tensor.values)
        }
        try writer.write(to: output)
      }
    }
    guard let compare else { return true }
    let expected = try failing { () throws(CheckpointError) in try SafetensorsFile(path: compare) }
    var comparisons: [Comparison] = []
    for info in expected.tensors {
      let values = try failing { () throws(CheckpointError) in
        ElementType.integers.contains(info.elementType)
          ? try expected.integers(of: info).map { Float($0) } : try expected.floats(of: info)
      }
      comparisons.append(
        Comparison(
          info, values, found: results.first { $0.name == info.name.text }, tolerance,
          allRows: arguments.has("--all-rows")))
    }
    let isGood = comparisons.allSatisfy(\.isGood)
    if arguments.has("--json") {
      let document = JSONObject([
        "tensors": .array(comparisons.map(\.json)), "ok": .boolean(isGood),
      ])
      Output.line(JSONValue.object(document).encoded())
    } else {
      for comparison in comparisons { Output.line(comparison.line) }
    }
    return isGood
  }
}
