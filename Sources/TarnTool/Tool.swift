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
    tarn fill-mask  candidates for each [MASK]
    tarn tokenize   what the model sees of a text
    tarn run        tensors in, every hidden state and output out, compared if asked
    tarn cpu        instruction sets, threads and measured peak
    tarn help       this text

    tarn --version [--verbose]
    """

  static func main() {
    // A closed pipe is then an error of write(), and Output ends quietly.
    _ = signal(SIGPIPE, SIG_IGN)
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
        Output.message("usage: \(usage(of: words.first))")
        exit(2)
      }
    }
  }

  private static func usage(of command: String?) -> String {
    switch command {
    case "classify": Classify.usage
    case "fill-mask": FillMask.usage
    case "tokenize": Tokenize.usage
    case "run": RunTensors.usage
    case "cpu": CPU.usage
    default: "tarn COMMAND ..."
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
    case "tokenize":
      if rest.contains("--help") {
        Output.line("usage: \(Tokenize.usage)")
        return true
      }
      return try Tokenize.run(rest)
    case "cpu":
      if rest.contains("--help") {
        Output.line("Example: tarn cpu --json\n\nusage: \(CPU.usage)")
        return true
      }
      return try CPU.run(rest)
    case "run", "fill-mask":
      let usage = command == "run" ? RunTensors.usage : FillMask.usage
      if rest.contains("--help") {
        Output.line("usage: \(usage)")
        return true
      }
      return try command == "run" ? RunTensors.run(rest) : FillMask.run(rest)
    default: throw .usage("unknown command \"\(command)\"")
    }
    return true
  }
}
