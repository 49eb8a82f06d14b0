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
  private static let help = """
    Example: tarn classify --samples

    tarn classify   labels texts
    tarn help       this text

    tarn --version [--verbose]
    """

  static func main() {
    // A closed pipe is then an error of write(), and Output ends quietly.
    // SAFETY: SIG_IGN installs no handler, so nothing of this process runs on the signal.
    _ = unsafe signal(SIGPIPE, SIG_IGN)
    let words = Array(CommandLine.arguments.dropFirst())
    do throws(ToolError) {
      exit(try run(words) ? 0 : 1)
    } catch {
      switch error {
      case .failed(let reason):
        Output.message("tarn: error: \(reason)")
        exit(1)
      case .usage(let reason):
        Output.message("tarn: error: \(reason)")
        Output.message("usage: \(words.first == "classify" ? Classify.usage : "tarn COMMAND ...")")
        exit(2)
      }
    }
  }

  private static func run(_ words: [String]) throws(ToolError) -> Bool {
    guard let command = words.first else { throw .usage("command is missing") }
    let rest = Array(words.dropFirst())
    switch command {
    case "help", "--help", "-h": Output.line(help)
    case "--version":
      let arguments = try Arguments(
        rest, OptionNames(valued: [], switches: ["--verbose"]))
      Output.line("tarn \(version)")
      if arguments.has("--verbose") {
        let execution = try failing { () throws(TarnError) in try Execution() }
        let offered = InstructionSet.available.map(\.rawValue).joined(separator: ", ")
        Output.line("instruction set: \(execution.instructionSet.rawValue) (of \(offered))")
        Output.line("threads: \(execution.threads)")
      }
    case "classify":
      if rest.contains("--help") {
        Output.line("Example: tarn classify --samples\n\nusage: \(Classify.usage)")
        return true
      }
      return try Classify.run(rest)
    default: throw .usage("unknown command \"\(command)\"")
    }
    return true
  }
}
