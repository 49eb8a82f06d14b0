// tarn convert: any checkpoint that can be read, as one safetensors file.

import TarnCheckpoints
import TarnModels

enum Convert {
  static let command = Command(
    name: "convert", summary: "any checkpoint that can be read, as one safetensors file",
    examples: [
      "tarn convert pytorch_model.bin model.safetensors",
      "tarn convert --dtype bf16 DIR small.safetensors",
    ],
    operands: "INPUT OUTPUT",
    details: """
      INPUT is a checkpoint directory, a safetensors file, a PyTorch file or an index of shards. OUTPUT
      is written under another name and renamed when it is complete. Tensors keep their names, their
      order, and without --dtype their bytes; __metadata__ of a safetensors file is kept, and the
      arguments in a fairseq checkpoint become "args" there.

      --dtype makes all floats of 16 to 64 bits one type, rounded to nearest, ties to even; tensors
      that have it already keep their bytes, and so do integers and truth values.

      --json prints {"path","format","tensors","bytes"}: the file that was written, the container
      that was read, and how much it holds now.
      """,
    options: [Option("--dtype", "TYPE", "f32, f16 or bf16; without it each tensor keeps its own")],
    run: run)

  private static let types: KeyValuePairs<String, ElementType> = [
    "f32": .float32, "f16": .float16, "bf16": .bfloat16,
  ]

  @Sendable private static func run(_ arguments: Arguments) throws(ToolError) -> Bool {
    guard arguments.operands.count == 2 else {
      throw .usage("found \(arguments.operands.count) operands, expected INPUT and OUTPUT")
    }
    let (input, output) = (arguments.operands[0], arguments.operands[1])
    let options = try ModelOptions(arguments)
    var type: ElementType?
    if let name = arguments.values["--dtype"] {
      type = types.first { $0.key == name }?.value
      guard type != nil else {
        throw .usage("option --dtype: found \"\(name)\", expected f32, f16 or bf16")
      }
    }
    let file = try failing { () throws(CheckpointError) in
      do throws(CheckpointError) {
        return try openTensorFile(path: input, loading: options.loading)
      } catch .isDirectory {
        return try Checkpoint.weights(in: input, loading: options.loading)
      }
    }
    let bytes = try failing { () throws(CheckpointError) in
      // Other readers look for the format before they load a file.
      var metadata = (file as? SafetensorsFile)?.metadata ?? [:]
      metadata["format"] = metadata["format"] ?? .string("pt")
      // Without them a fairseq checkpoint says nothing of its model.
      if metadata["args"] == nil, let arguments = file.arguments {
        metadata["args"] = .string(JSONValue.object(arguments).encoded())
      }
      var writer = SafetensorsWriter(copying: metadata)
      try writer.append(contentsOf: file, floats: type)
      try writer.write(to: output)
      return try SafetensorsFile(path: output).tensors.reduce(0) { $0 + $1.byteCount }
    }
    if arguments.has("--json") {
      let document = JSONObject([
        "path": .string(output), "format": .string(file.format),
        "tensors": .integer(file.tensors.count), "bytes": .integer(bytes),
      ])
      Output.line(JSONValue.object(document).encoded())
    } else {
      Output.line("\(output)  \(file.tensors.count) tensors, \(bytes) bytes")
    }
    return true
  }
}
