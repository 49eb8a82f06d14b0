package import Foundation

/// What a run of the tool leaves behind.
package struct ToolResult {
  /// The exit code; -1 after a signal.
  package let code: Int32
  /// What it printed.
  package let output: String
  /// What it printed on standard error.
  package let errors: String

  /// The lines of standard output.
  package var lines: [Substring] { output.split(separator: "\n") }

  /// Whether the tool refused its input with one line that says why, and nothing else.
  package var isRefusal: Bool {
    code == 1 && output.isEmpty && errors.hasPrefix("tarn: error: ") && errors.last == "\n"
      && errors.utf8.count { $0 < 0x20 } == 1
  }
}

/// The built tool, which lies beside the test bundle.
package let toolURL = URL(fileURLWithPath: CommandLine.arguments[0])
  .deletingLastPathComponent().appendingPathComponent("tarn")

/// Runs the tool, or a copy of it, as a shell would; all streams are files, so none can fill up.
package func tarn(
  _ words: [String], input: [UInt8] = [], environment: [String: String] = [:],
  tool: URL = toolURL
) throws -> ToolResult {
  let folder = try TemporaryDirectory()
  let process = Process()
  process.executableURL = tool
  process.arguments = words
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  let inputPath = try folder.write("input", input)
  let outputPath = try folder.write("output", [])
  let errorPath = try folder.write("errors", [])
  process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: inputPath))
  process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: outputPath))
  process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errorPath))
  try process.run()
  process.waitUntilExit()
  return ToolResult(
    code: process.terminationReason == .exit ? process.terminationStatus : -1,
    output: try String(contentsOfFile: outputPath, encoding: .utf8),
    errors: try String(contentsOfFile: errorPath, encoding: .utf8))
}

/// Runs the tool with a text as its input.
package func tarn(
  _ words: [String], text: String, tool: URL = toolURL
) throws -> ToolResult {
  try tarn(words, input: Array(text.utf8), tool: tool)
}
