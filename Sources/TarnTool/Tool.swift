// The command-line tool `tarn`: finds the command and turns its end into an exit code.

import Tarn

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@main struct Tool {
  private static let version = "0.1.0"

  private static let commands = [
    Classify.command, Embed.command, FillMask.command, AnswerQuestion.command, Summarize.command,
    Tokenize.command, RunTensors.command,
    Inspect.command, Convert.command,
    Bench.command, Verify.command, CPU.command,
  ]

  private static let help = """
    Example: tarn classify --samples

    usage: tarn COMMAND [OPTION...] [INPUT...]

    Transformer inference in pure Swift.

    Commands:
    \(Command.table(commands.map { ($0.name, $0.summary) }))

    `tarn help COMMAND` says more. `tarn --version --verbose` also names the instruction set and the
    threads. Exit codes: 0 done, 1 failed, 2 wrong usage.
    """

  static func main() {
    // A closed pipe is then an error of write(), and Output ends quietly.
    _ = signal(SIGPIPE, SIG_IGN)
    var command: Command?
    do throws(ToolError) {
      let isGood = try run(Array(Executable.words.dropFirst()), found: &command)
      Output.flush()
      exit(isGood ? 0 : 1)
    } catch {
      Output.flush()
      switch error {
      case .failed(let reason):
        Output.message("tarn: error: \(reason)")
        exit(1)
      case .usage(let reason):
        Output.message("tarn: error: \(reason)")
        Output.message("usage: \(command?.usage ?? "tarn COMMAND [OPTION...] [INPUT...]")")
        exit(2)
      }
    }
  }

  private static func run(
    _ words: [String], found command: inout Command?
  ) throws(ToolError) -> Bool {
    var words = words
    guard let place = try commandPlace(words) else {
      return try runWithoutCommand(words)
    }
    let name = words.remove(at: place)
    if name == "help" {
      guard let topic = words.first else {
        Output.line(help)
        return true
      }
      Output.line(try find(topic).help)
      return true
    }
    let found = try find(name)
    command = found
    let arguments = try Arguments(words, found.options + Option.common)
    if arguments.has("--help") {
      Output.line(found.help)
      return true
    }
    try arguments.checkRequired(found.options)
    return try found.run(arguments)
  }

  /// Where the command stands: common options may come before it.
  private static func commandPlace(_ words: [String]) throws(ToolError) -> Int? {
    var i = 0
    while i < words.count, Arguments.isOption(words[i]) {
      let takesValue = Option.common.contains { $0.name == words[i] && $0.value != nil }
      i += takesValue ? 2 : 1
    }
    return i < words.count ? i : nil
  }

  private static func find(_ name: String) throws(ToolError) -> Command {
    guard let command = commands.first(where: { $0.name == name }) else {
      let names = commands.map(\.name).joined(separator: ", ")
      throw .usage("found command \"\(name)\", expected one of \(names), help")
    }
    return command
  }

  private static func runWithoutCommand(_ words: [String]) throws(ToolError) -> Bool {
    let own = [Option("--version", "the version"), Option("--verbose", "and the machine's part")]
    let arguments = try Arguments(words, own + Option.common)
    if arguments.has("--help") {
      Output.line(help)
      return true
    }
    guard arguments.has("--version") else { throw .usage("command is missing") }
    Output.line("tarn \(version)")
    if arguments.has("--verbose") {
      let execution = try arguments.execution()
      let offered = InstructionSet.available.map(\.rawValue).joined(separator: ", ")
      Output.line("instruction set: \(execution.instructionSet.rawValue) (of \(offered))")
      Output.line("threads: \(execution.threads)")
    }
    return true
  }
}
