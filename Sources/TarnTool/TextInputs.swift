// The inputs of text commands: whole files or JSON Lines, one after another, in small batches.

import TarnCheckpoints

/// A text with the fields that its line carries over to the result.
struct TextInput {
  var text: String
  /// The second text of a pair.
  var pair: String?
  var fields = JSONObject()
  /// The file, where the text is a whole file among several.
  var file: String?
}

extension TextInput {
  init(line: [UInt8]) throws(ToolError) {
    let value = try failing { () throws(JSONError) in try JSONValue(parsing: line) }
    guard var object = value.object, let text = object["text"]?.string else {
      throw .failed("found no string \"text\", expected an object with one")
    }
    if let member = object["text_pair"] {
      guard let pair = member.string else {
        throw .failed("\"text_pair\": found \(member.encoded()), expected a string")
      }
      self.pair = pair
    }
    object["text"] = nil
    object["text_pair"] = nil
    self.text = text
    fields = object
  }

  /// The carried fields with the result's; a result's key replaces a carried one in its place.
  func result(_ members: KeyValuePairs<String, JSONValue>) -> String {
    var object = fields
    for (key, value) in members { object[key] = value }
    return JSONValue.object(object).encoded()
  }

  /// A name for a reader, if the input has one.
  var heading: String? { fields["id"].map { "id        \($0.encoded())" } ?? file }
}

/// What comes of a text.
struct TextResult {
  /// A line or block for standard output, if there is one.
  var line: String?
  /// Tokens that the model saw.
  var tokens: Int
}

/// A text, or why there is none, and where it stands.
struct TextItem {
  var input: Result<TextInput, ToolError>
  var source: String
  /// Nil for a whole file.
  var line: Int?
  var byteCount: Int
}

/// All texts of a command line in order.
///
/// A file is one text. With `--jsonl`, or if its name ends in `.jsonl`, each line is an object with
/// `text`, and blank lines are skipped.
struct TextSource: ~Copyable {
  private var paths: ArraySlice<String>
  private let isJSONLines: Bool
  private let hasSeveral: Bool
  private var lines: InputBytes?
  private var number = 0

  init(_ arguments: Arguments) throws(ToolError) {
    isJSONLines = arguments.has("--jsonl")
    var paths = arguments.operands
    if arguments.has("--samples") { paths.append(try BundledModel.samples()) }
    if paths.isEmpty {
      if Output.isTerminal(0) {
        Output.message(
          "tarn: no INPUT: reading the articles that come with the tool; see --help")
        paths = [try BundledModel.samples()]
      } else {
        paths = ["-"]
      }
    }
    hasSeveral = paths.count > 1
    self.paths = paths[...]
  }

  /// Whether ``next()`` may have to wait for somebody to write.
  var mayWait: Bool {
    mutating get {
      guard let mayWait = lines?.mayWait else { return paths.first == "-" }
      return mayWait && lines?.hasLine != true
    }
  }

  mutating func next() throws(ToolError) -> TextItem? {
    while true {
      if lines == nil {
        guard let path = paths.popFirst() else { return nil }
        var bytes = try InputBytes(path)
        guard isJSONLines || path.hasSuffix(".jsonl") else {
          let text = try bytes.text()
          let file = hasSeveral ? bytes.name : nil
          return TextItem(
            input: .success(TextInput(text: text, file: file)), source: bytes.name,
            byteCount: text.utf8.count)
        }
        lines = consume bytes
        number = 0
      }
      let source = lines?.name ?? ""
      guard let line = try lines?.line() else {
        lines = nil
        continue
      }
      number += 1
      if line.allSatisfy({ $0 == 32 || $0 == 9 || $0 == 13 }) { continue }
      let input: Result<TextInput, ToolError>
      do throws(ToolError) { input = .success(try TextInput(line: line)) } catch {
        input = .failure(error)
      }
      return TextItem(input: input, source: source, line: number, byteCount: line.count)
    }
  }
}

extension Arguments {
  /// At most so many bytes, and the text that goes beyond, are in memory.
  private static let batchBytes = 1 << 18

  /// Gives `body` all texts in order, as many at a time as are there already, and prints its results.
  ///
  /// A bad line is reported on standard error with its number; a bad file ends the command. With
  /// `--stats`, or where progress is shown and the work lasted over a second, a line at the end says
  /// how fast it was.
  ///
  /// - Parameters:
  ///   - stopsAtBadLine: whether a bad line ends the command too.
  ///   - atOnce: most texts that `body` is given.
  ///   - body: what comes of each text, or why nothing does.
  /// - Returns: Whether all lines were good.
  /// - Throws: ``ToolError`` for a file that cannot be read or whose text has no result.
  func forEachText(
    stopsAtBadLine: Bool = false, atOnce: Int = 256,
    _ body: ([TextInput]) throws(ToolError) -> [Result<TextResult, ToolError>]
  ) throws(ToolError) -> Bool {
    var source = try TextSource(self)
    var progress = Progress(isShown: !has("--quiet") && !has("--json"))
    let start = ContinuousClock.now
    var (texts, tokens) = (0, 0)
    var areGood = true
    var isAtEnd = false
    while !isAtEnd {
      var items: [TextItem] = []
      var bytes = 0
      var stop: ToolError?
      do throws(ToolError) {
        while items.count < atOnce, bytes < Self.batchBytes,
          items.isEmpty || !source.mayWait
        {
          guard let item = try source.next() else {
            isAtEnd = true
            break
          }
          items.append(item)
          bytes += item.byteCount
        }
      } catch {
        stop = error
      }
      var results = try body(items.compactMap { try? $0.input.get() })[...]
      progress.clear()
      for item in items {
        let result: Result<TextResult, ToolError>?
        switch item.input {
        case .success: result = results.popFirst()
        case .failure(let error): result = .failure(error)
        }
        switch result {
        case .success(let result):
          if let line = result.line { Output.line(line) }
          texts += 1
          tokens += result.tokens
        case .failure(let error):
          guard let line = item.line, case .failed(let reason) = error else {
            throw error.at(item.source)
          }
          let report: JSONObject = [
            "input": .string(item.source), "line": .integer(line), "error": .string(reason),
          ]
          Output.message(JSONValue.object(report).encoded())
          if has("--strict") || stopsAtBadLine { return false }
          areGood = false
        case nil: break
        }
      }
      if let stop { throw stop }
      progress.advance(by: items.count)
    }
    progress.clear()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    if has("--stats") || (progress.isShown && seconds > 1) {
      Output.message(
        "tarn: \(texts) texts, \(tokens) tokens in \(rounded(seconds, 0.01)) s: "
          + "\(Int(Double(texts) / seconds)) texts/s, \(Int(Double(tokens) / seconds)) tokens/s")
    }
    return areGood
  }
}

/// To a multiple of `unit`, as the shortest decimal.
private func rounded(_ x: Double, _ unit: Double) -> Double { (x / unit).rounded() / (1 / unit) }
