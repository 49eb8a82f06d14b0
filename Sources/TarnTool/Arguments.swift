// Options and operands of a command line.

/// A parsed command line: options before, between and after operands; `--` ends the options.
struct Arguments: Sendable {
  private(set) var values: [String: String] = [:]
  private(set) var switches: Set<String> = []
  private(set) var operands: [String] = []

  init(_ words: [String], _ options: [Option]) throws(ToolError) {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        operands += rest
        return
      }
      guard Arguments.isOption(word) else {
        operands.append(word)
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = parts[0] == "-h" ? "--help" : String(parts[0])
      guard let option = options.first(where: { $0.name == name }) else {
        throw .usage("unknown option \(name)")
      }
      if option.value == nil {
        guard parts.count == 1 else { throw .usage("option \(name) takes no value") }
        switches.insert(name)
      } else {
        guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
          throw .usage("option \(name) needs a value")
        }
        values[name] = value
      }
    }
  }

  /// Whether a word is an option; `-` alone is standard input.
  static func isOption(_ word: String) -> Bool { word.hasPrefix("-") && word != "-" }

  /// Whether a switch was given.
  func has(_ name: String) -> Bool { switches.contains(name) }

  /// Throws if a required option is missing.
  func checkRequired(_ options: [Option]) throws(ToolError) {
    for option in options where option.isRequired && values[option.name] == nil {
      throw .usage("option \(option.spelling) is missing")
    }
  }

  /// The value of a required option.
  func required(_ name: String) throws(ToolError) -> String {
    guard let value = values[name] else { throw .usage("option \(name) is missing") }
    return value
  }

  /// The value of an option that must be an integer of at least 1.
  func positive(_ name: String) throws(ToolError) -> Int? {
    guard let text = values[name] else { return nil }
    guard let value = Int(text), value > 0 else {
      throw .usage("option \(name): found \"\(text)\", expected an integer of at least 1")
    }
    return value
  }

  /// The value of an option that must be a number of at least 0.
  func tolerance(_ name: String, default standard: Double) throws(ToolError) -> Double {
    guard let text = values[name] else { return standard }
    guard let value = Double(text), value >= 0, value.isFinite else {
      throw .usage("option \(name): found \"\(text)\", expected a number of at least 0")
    }
    return value
  }
}
