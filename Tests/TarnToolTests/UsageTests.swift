// Help, versions, and what is said of a wrong command line.

import Foundation
import TarnCheckpoints
import TarnTestSystem
import Testing

struct UsageTests {
  static let commands = [
    "classify", "fill-mask", "summarize", "tokenize", "run", "inspect", "convert", "bench", "cpu",
  ]

  @Test(arguments: [
    ([], "command is missing"),
    (["nope"], "found command \"nope\""),
    (["help", "nope"], "found command \"nope\""),
    (["--nope"], "unknown option --nope"),
    (["classify", "--nope"], "unknown option --nope"),
    (["classify", "--threads", "0"], "option --threads: found \"0\""),
    (["--threads=0", "classify"], "option --threads: found \"0\""),
    (["classify", "--threads", "many"], "option --threads: found \"many\""),
    (["classify", "--threads", "99999999"], "99999999"),
    (["classify", "--threads"], "option --threads needs a value"),
    (["classify", "--json=yes"], "option --json takes no value"),
    (["classify", "--isa", "sse9"], "sse9"),
    (["classify", "--weights", "f8"], "option --weights: found \"f8\""),
    (["classify", "--type", "gpt"], "option --type: found \"gpt\""),
    (["classify", "--max-positions", "-1"], "option --max-positions: found \"-1\""),
    (["fill-mask", "text"], "option --model DIR is missing"),
    (["fill-mask", "--model", "x", "a", "b"], "expected one TEXT"),
    (["fill-mask", "--model", "x", "--top", "0", "a"], "option --top: found \"0\""),
    (["run", "--inputs", "x"], "option --model DIR is missing"),
    (["run", "--model", "x"], "option --inputs FILE is missing"),
    (["run", "--model", "x", "--inputs", "x"], "--output FILE or --compare FILE is missing"),
    (["run", "--model", "x", "--inputs", "x", "y"], "found operand \"y\""),
    (
      ["run", "--model", "x", "--inputs", "x", "--compare", "y", "--atol", "-1"],
      "option --atol: found \"-1\""
    ),
    (["inspect"], "expected one PATH"),
    (["convert", "x"], "expected INPUT and OUTPUT"),
    (["convert", "x", "y", "z"], "expected INPUT and OUTPUT"),
    (["convert", "x", "y", "--dtype", "f8"], "option --dtype: found \"f8\""),
    (["cpu", "x"], "found operand \"x\""),
  ])
  func wrongUsageExitsWithTwoAndTheUsageLine(words: [String], reason: String) throws {
    let result = try tarn(words)
    #expect(result.code == 2)
    #expect(result.output == "")
    #expect(result.errors.hasPrefix("tarn: error: "))
    #expect(result.errors.contains(reason), "\(result.errors)")
    let name = words.first { Self.commands.contains($0) }
    #expect(result.errors.contains("\nusage: tarn \(name ?? "COMMAND") "))
  }

  @Test(arguments: commands)
  func helpShowsAnExampleFirst(command: String) throws {
    let help = try tarn(["help", command])
    #expect(help.code == 0)
    #expect(help.output.hasPrefix("Example: "))
    #expect(help.output.contains("\nusage: tarn \(command) "))
    #expect(help.output.contains("--threads N"))
    for words in [[command, "--help"], [command, "-h"], ["--help", command]] {
      #expect(try tarn(words).output == help.output)
    }
  }

  @Test func theOverviewNamesEveryCommand() throws {
    let overview = try tarn(["--help"])
    #expect(overview.code == 0)
    #expect(overview.output.hasPrefix("Example: "))
    for command in Self.commands { #expect(overview.output.contains("\n  \(command) ")) }
    #expect(try tarn(["help"]).output == overview.output)
    #expect(try tarn(["-h"]).output == overview.output)
  }

  @Test func theVersionTellsTheMachineIfAsked() throws {
    let short = try tarn(["--version"])
    #expect(short.code == 0)
    #expect(short.lines.count == 1)
    let long = try tarn(["--version", "--verbose", "--isa", "baseline", "--threads", "3"])
    #if arch(x86_64)
      #expect(long.output.contains("instruction set: baseline (of baseline"))
    #endif
    #expect(long.output.contains("threads: 3"))
    #expect(long.output.hasPrefix(short.output))
  }

  @Test func cpuTellsWhatTheMachineOffers() throws {
    let result = try tarn(["cpu", "--json", "--threads", "1"])
    #expect(result.code == 0)
    let object = try json(result.output)
    let offered = object["offered"]?.array?.compactMap(\.string) ?? []
    #expect(offered.contains(object["chosen"]?.string ?? ""))
    #expect(object["threads"]?.int64 == 1)
    for set in offered {
      #expect(object["peak_gflops"]?.object?[set]?.double ?? 0 > 0.1)
    }
    #expect(object["copy_gb_per_s"]?.double ?? 0 > 0.1)
    #expect(object["caches"]?.array != nil)
    #expect(try tarn(["cpu"]).output.contains("\nthreads "))
  }
}
