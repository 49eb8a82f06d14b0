// Options and operands of a command line.

/// The options that a command takes: those with a value, and switches.
struct OptionNames {
  var valued: Set<String>
  var switches: Set<String>

  static let common = OptionNames(
    valued: ["--threads", "--isa", "--weights"], switches: ["--json", "--quiet", "--no-color"])

  func adding(valued: Set<String> = [], switches: Set<String> = []) -> OptionNames {
    OptionNames(
      valued: self.valued.union(valued), switches: self.switches.union(switches))
  }
}

/// A parsed command line: options before, between and after operands; `--` ends the options.
struct Arguments {
  private(set) var values: [String: String] = [:]
  private(set) var switches: Set<String> = []
  private(set) var operands: [String] = []

  init(_ words: [String], _ names: OptionNames) throws(ToolError) {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        operands += rest
        return
      }
      guard word.hasPrefix("-"), word != "-" else {
        operands.append(word)
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      if names.switches.contains(name) {
        guard parts.count == 1 else { throw .usage("option \(name) takes no value") }
        switches.insert(name)
      } else if names.valued.contains(name) {
        guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
          throw .usage("option \(name) needs a value")
        }
        values[name] = value
      } else {
        throw .usage("unknown option \(name)")
      }
    }
  }

  /// Whether a switch was given.
  func has(_ name: String) -> Bool { switches.contains(name) }

  /// The value of an option that must be an integer of at least 1.
  func positive(_ name: String) throws(ToolError) -> Int? {
    guard let text = values[name] else { return nil }
    guard let value = Int(text), value > 0 else {
      throw .usage("option \(name): found \"\(text)\", expected an integer of at least 1")
    }
    return value
  }
}
