// The inputs of text commands: whole files, or JSON Lines.

import TarnCheckpoints

/// A text with the fields that its line carries over to the result.
struct TextInput {
  var text: String
  var fields: JSONObject
}

extension Arguments {
  static let textOptions = OptionNames.common.adding(
    valued: ["--model", "--max-positions"],
    switches: ["--jsonl", "--strict", "--truncate", "--samples"])

  /// Calls `body` for each text in input order, one text in memory at a time.
  ///
  /// A file is one text; with `--jsonl`, or if it ends in `.jsonl`, each line is an object with
  /// `text`; blank lines are skipped. A bad line is reported on standard error with its number.
  ///
  /// - Returns: whether all lines were good.
  func forEachText(
    _ body: (TextInput) throws(ToolError) -> Void
  ) throws(ToolError) -> Bool {
    var paths = operands
    if has("--samples") { paths.append(BundledModel.samples) }
    if paths.isEmpty { paths = ["-"] }
    var areGood = true
    for path in paths {
      var input = try InputBytes(path)
      guard has("--jsonl") || path.hasSuffix(".jsonl") else {
        try body(TextInput(text: try input.text(), fields: JSONObject()))
        continue
      }
      var number = 0
      while let line = try input.line() {
        number += 1
        if line.allSatisfy({ $0 == 32 || $0 == 9 || $0 == 13 }) { continue }
        do throws(ToolError) { try body(try TextInput(line: line)) } catch {
          guard case .failed(let reason) = error else { throw error }
          let report = JSONObject(["line": .integer(number), "error": .string(reason)])
          Output.message(JSONValue.object(report).encoded())
          if has("--strict") { throw .failed("\(input.name): line \(number): \(reason)") }
          areGood = false
        }
      }
    }
    return areGood
  }
}

extension TextInput {
  init(line: [UInt8]) throws(ToolError) {
    let value = try failing { () throws(JSONError) in try JSONValue(parsing: line) }
    guard var object = value.object, let text = object["text"]?.string else {
      throw .failed("found no string \"text\", expected an object with one")
    }
    object["text"] = nil
    self.init(text: text, fields: object)
  }

  /// The carried fields with the result's; a result's key replaces a carried one in its place.
  func result(_ members: KeyValuePairs<String, JSONValue>) -> String {
    var object = fields
    for (key, value) in members { object[key] = value }
    return JSONValue.object(object).encoded()
  }
}
