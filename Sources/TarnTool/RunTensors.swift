// tarn run: raw tensors in, every hidden state and head output out, compared if asked.

import TarnCheckpoints
import TarnModels

enum RunTensors {
  static let usage =
    "tarn run --model DIR --inputs FILE [--output FILE] [--compare FILE] "
    + "[--atol A] [--rtol R] [--all-rows] [--max-positions N] [--type TYPE] [--json]"

  private static let options = OptionNames.common.adding(
    valued: [
      "--model", "--type", "--inputs", "--output", "--compare", "--atol", "--rtol",
      "--max-positions",
    ], switches: ["--all-rows"])

  static func run(_ words: [String]) throws(ToolError) -> Bool {
    let arguments = try Arguments(words, options)
    guard arguments.operands.isEmpty else { throw .usage("run takes no operands") }
    guard let inputs = arguments.values["--inputs"] else {
      throw .usage("option --inputs FILE is missing")
    }
    let output = arguments.values["--output"]
    let compare = arguments.values["--compare"]
    guard output != nil || compare != nil else {
      throw .usage("option --output FILE or --compare FILE is missing")
    }
    let tolerance = Tolerance(
      absolute: try arguments.tolerance("--atol", default: 5e-5),
      relative: try arguments.tolerance("--rtol", default: 1e-5))
    let directory = try arguments.model()
    let settings = try ModelOptions(arguments)
    let file = try failing { () throws(CheckpointError) in try SafetensorsFile(path: inputs) }
    let results = try failing { () throws(ModelError) in
      let model = try LoadedModel(
        directory: directory, type: arguments.values["--type"], options: settings)
      return try model.run(file)
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
      let values = try failing { () throws(CheckpointError) in try expected.floats(of: info) }
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

extension Arguments {
  fileprivate func tolerance(
    _ name: String, default standard: Double
  ) throws(ToolError) -> Double {
    guard let text = values[name] else { return standard }
    guard let value = Double(text), value >= 0, value.isFinite else {
      throw .usage("option \(name): found \"\(text)\", expected a number of at least 0")
    }
    return value
  }
}

struct Tolerance {
  var absolute: Double
  var relative: Double
}

/// The largest difference of one tensor, and whether all differences are allowed.
struct Comparison {
  private var name: String
  private var shape: [Int]
  private var largest = 0.0
  private var place: [Int] = []
  private var problem: String?
  private(set) var isGood = true

  init(
    _ info: TensorInfo, _ expected: [Float], found: NamedTensor?, _ tolerance: Tolerance,
    allRows: Bool
  ) {
    name = info.name.text
    shape = info.shape
    guard let found else {
      problem = "is not among the outputs"
      isGood = false
      return
    }
    guard found.shape == shape else {
      problem = "found \(found.shape)"
      isGood = false
      return
    }
    // A mask has one entry for each leading row.
    let mask = allRows ? nil : found.mask
    let width = mask.map { $0.isEmpty ? 1 : max(1, expected.count / $0.count) } ?? 1
    for i in expected.indices where mask.map({ $0[i / width] }) ?? true {
      let difference = Double(abs(found.values[i] - expected[i]))
      let allowed = tolerance.absolute + tolerance.relative * Double(abs(expected[i]))
      // Written so that NaN is not allowed.
      if !(difference <= allowed) { isGood = false }
      if difference > largest || (difference.isNaN && !largest.isNaN) {
        largest = difference
        place = index(of: i)
      }
    }
  }

  private func index(of flat: Int) -> [Int] {
    var rest = flat
    var index: [Int] = []
    for size in shape.reversed() {
      index.append(rest % size)
      rest /= size
    }
    return index.reversed()
  }

  var line: String {
    let verdict = isGood ? "pass" : "FAIL"
    if let problem { return "\(verdict)  \(name)  \(shape)  \(problem)" }
    return "\(verdict)  \(name)  \(shape)  \(largest)  at \(place)"
  }

  var json: JSONValue {
    .object(
      JSONObject([
        "name": .string(name), "shape": .array(shape.map { .integer($0) }),
        "max_abs_difference": problem == nil ? .double(largest) : .null,
        "at": .array(place.map { .integer($0) }), "ok": .boolean(isGood),
      ]))
  }
}
