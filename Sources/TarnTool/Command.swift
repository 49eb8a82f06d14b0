// What a command says of itself: help, usage and the options that it takes.

import TarnModels

/// An option: its name, what stands for its value, and a line of help.
struct Option: Sendable {
  var name: String
  /// What stands for the value; nil for a switch.
  var value: String?
  var help: String
  var isRequired = false

  /// A switch.
  init(_ name: String, _ help: String) {
    self.name = name
    self.help = help
  }

  /// An option with a value.
  init(_ name: String, _ value: String, _ help: String, isRequired: Bool = false) {
    self.name = name
    self.value = value
    self.help = help
    self.isRequired = isRequired
  }

  /// The option as it is typed.
  var spelling: String { value.map { "\(name) \($0)" } ?? name }
}

extension Option {
  /// Options that stand before or after any command.
  static let common = [
    Option("--json", "one JSON document, or a line of JSON for each input"),
    Option("--quiet", "no progress"),
    Option("--threads", "N", "at most N threads (TARN_NUM_THREADS)"),
    Option(
      "--isa", "NAME", "instruction set: baseline, avx2, avx512 or neon (TARN_ISA)"),
    Option("--weights", "TYPE", "how a model's weights are held: f32, bf16, f16 or int8"),
    Option("--no-mmap", "read weights into memory instead of mapping the file"),
    Option("--help", "this text"),
  ]

  /// Options of commands that load a model.
  static let model = [
    Option("--model", "DIR", "checkpoint directory: config.json, weights, vocabulary"),
    Option(
      "--type", "TYPE",
      "model type, where config.json does not say it: "
        + LoadedModel.typeNames.joined(separator: ", ")),
    Option(
      "--max-positions", "N",
      "allow N positions; with PoNet also beyond the stored table, whose rows then repeat"),
  ]

  /// Options of commands that read texts.
  static let texts = [
    Option("--truncate", "cut a text that has more tokens than positions"),
    Option("--jsonl", "inputs are JSON Lines, whatever their names end in"),
    Option("--strict", "stop at the first bad line"),
    Option("--samples", "the articles that come with the tool"),
    Option("--stats", "texts and tokens a second on standard error, also with --json"),
  ]

  /// The same options, one of them required.
  static func requiring(_ name: String, _ options: [Option]) -> [Option] {
    options.map { option in
      var option = option
      if option.name == name { option.isRequired = true }
      return option
    }
  }
}

/// A command: what help prints of it, what it takes and what it does.
struct Command: Sendable {
  var name: String
  /// One line for the list of commands.
  var summary: String
  var examples: [String]
  /// What follows the options, as usage shows it.
  var operands = ""
  /// What help says between usage and options.
  var details: String
  /// Its own options; the common ones are added.
  var options: [Option]
  /// Does the work; false if something failed that has been reported.
  var run: @Sendable (Arguments) throws(ToolError) -> Bool

  /// One line: required options, then operands.
  var usage: String {
    let required = options.filter(\.isRequired).map(\.spelling)
    let rest = ["[OPTION...]", operands].filter { !$0.isEmpty }
    return (["tarn", name] + required + rest).joined(separator: " ")
  }

  /// Examples first, then usage, what it does and its options.
  var help: String {
    """
    \(examples.map { "Example: " + $0 }.joined(separator: "\n"))

    usage: \(usage)

    \(details)

    Options:
    \(Command.table(options.map { ($0.spelling, $0.help) }))

    Options of all commands:
    \(Command.table(commonOptions.map { ($0.spelling, $0.help) }))
    """
  }

  /// The common options that the command does not replace by its own.
  private var commonOptions: [Option] {
    Option.common.filter { common in !options.contains { $0.name == common.name } }
  }

  /// Two columns.
  static func table(_ rows: [(String, String)]) -> String {
    let width = rows.map(\.0.count).max() ?? 0
    return rows.map { name, text in
      "  " + name + String(repeating: " ", count: width - name.count + 2) + text
    }.joined(separator: "\n")
  }
}
