// tarn inspect: what a checkpoint holds, and whether it is all that its model needs.

import TarnCheckpoints
import TarnModels

enum Inspect {
  static let command = Command(
    name: "inspect", summary: "what a checkpoint holds, what is missing or unknown",
    examples: ["tarn inspect DIR", "tarn inspect --json model.safetensors"],
    operands: "PATH",
    details: """
      PATH is a checkpoint directory, a safetensors file, a PyTorch file or an index of shards. Prints
      the model type, its heads and parameters, the container, every tensor with element type, shape
      and bytes, and for a directory the tensors that the model needs and does not find, and those
      that it does not know. Only headers are read.

      --json prints {"path","format","model_type","supported","heads":[...],"parameters","bytes",
      "metadata":{...},"arguments":{...},"tensors":[{"name","dtype","shape","bytes"}],
      "missing":[{"name","error"}],"unknown":[...],"notes":[...]}; arguments only for a file that holds
      them; for a file without model_type, supported, heads, missing, unknown and notes.
      """,
    options: [Option("--type", "TYPE", "model type, where config.json does not say it")],
    run: run)

  @Sendable private static func run(_ arguments: Arguments) throws(ToolError) -> Bool {
    guard arguments.operands.count == 1 else {
      throw .usage("found \(arguments.operands.count) operands, expected one PATH")
    }
    let path = arguments.operands[0]
    let options = try ModelOptions(arguments)
    var survey: CheckpointSurvey?
    let file: TensorFile
    do {
      file = try openTensorFile(path: path, loading: options.loading)
    } catch .isDirectory {
      let found = try failing { () throws(ModelError) in
        try CheckpointSurvey(directory: path, options: options)
      }
      survey = found
      file = found.files.weights
    } catch {
      throw .failed(error)
    }
    if arguments.has("--json") {
      Output.line(JSONValue.object(json(path, file, survey)).encoded())
    } else {
      show(file, survey)
    }
    return true
  }

  /// Floats of all tensors; buffers of integers are no parameters, nor are FNet's complex matrices.
  private static func parameters(_ file: TensorFile) -> Int {
    file.tensors.filter {
      !ElementType.integers.contains($0.elementType) && $0.elementType != .complex64
    }
    .reduce(0) { $0 + $1.elementCount }
  }

  private static func bytes(_ file: TensorFile) -> Int {
    file.tensors.reduce(0) { $0 + $1.byteCount }
  }

  private static func json(
    _ path: String, _ file: TensorFile, _ survey: CheckpointSurvey?
  ) -> JSONObject {
    var object: JSONObject = ["path": .string(path), "format": .string(file.format)]
    if let survey {
      object["model_type"] = .string(survey.modelType)
      object["supported"] = .boolean(survey.isSupported)
      object["heads"] = .array(survey.heads.map { .string($0) })
    }
    object["parameters"] = .integer(parameters(file))
    object["bytes"] = .integer(bytes(file))
    object["metadata"] = .object(file.metadata)
    if let arguments = file.arguments { object["arguments"] = .object(arguments) }
    object["tensors"] = .array(
      file.tensors.map { tensor in
        .object([
          "name": .string(tensor.name.text), "dtype": .string(tensor.elementType.rawValue),
          "shape": .array(tensor.shape.map { .integer($0) }),
          "bytes": .integer(tensor.byteCount),
        ])
      })
    if let survey {
      object["missing"] = .array(
        survey.problems.map { problem in
          .object([
            "name": .string(name(of: problem)), "error": .string(problem.description),
          ])
        })
      object["unknown"] = .array(survey.unknown.map { .string($0.name.text) })
      object["notes"] = .array(survey.notes.map { .string($0) })
    }
    return object
  }

  private static func name(of problem: CheckpointError) -> String {
    switch problem {
    case .missingTensor(_, let name), .wrongShape(_, let name, _, _),
      .wrongElementType(_, let name, _, _):
      name.text
    default: ""
    }
  }

  private static func show(_ file: TensorFile, _ survey: CheckpointSurvey?) {
    if let survey {
      let note = survey.isSupported ? "" : " (not supported)"
      Output.line("model type  \(survey.modelType)\(note)")
      if survey.isSupported {
        Output.line(
          "heads       " + (survey.heads.isEmpty ? "none" : survey.heads.joined(separator: ", ")))
      }
    }
    Output.line("format      \(file.format)")
    Output.line("parameters  \(parameters(file))")
    Output.line("tensors     \(file.tensors.count), \(bytes(file)) bytes")
    for member in file.metadata.members {
      let value = member.value.string ?? member.value.encoded()
      Output.line("metadata    \(printable(member.key)): \(printable(value))")
    }
    for tensor in file.tensors {
      let shape = tensor.shape.map(String.init).joined(separator: ", ")
      Output.line(
        "  \(printable(tensor.name.text))  \(tensor.elementType)  [\(shape)]  \(tensor.byteCount)")
    }
    guard let survey, survey.isSupported else { return }
    for problem in survey.problems { Output.line("missing     \(problem)") }
    for note in survey.notes { Output.line("note        \(printable(note))") }
    for tensor in survey.unknown { Output.line("unknown     \(printable(tensor.name.text))") }
    if survey.problems.isEmpty { Output.line("complete    all that the model needs is there") }
  }
}
