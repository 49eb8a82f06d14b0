// How a command ends before its time.

import TarnModels

/// Why a command stops.
enum ToolError: Error {
  /// The arguments are wrong: exit code 2, with the usage line.
  case usage(String)
  /// The work failed: exit code 1.
  case failed(String)

  /// A failure in the words of a library's error; a model's may name the option that helps.
  static func failed(_ error: some Error & CustomStringConvertible) -> ToolError {
    if case .tooLong(_, let tokens, let limit)? = error as? ModelError {
      return .failed(
        "text: found \(tokens) tokens, expected at most \(limit) positions; "
          + "use --truncate or --max-positions \(tokens)")
    }
    return .failed(error.description)
  }

  /// The same failure of a text, with the place where the text stands.
  func at(_ place: String) -> ToolError {
    if case .failed(let reason) = self { return .failed("\(place): \(reason)") }
    return self
  }
}

/// Runs library code; its typed error becomes a failure.
func failing<Value, Failure: Error & CustomStringConvertible>(
  _ body: () throws(Failure) -> Value
) throws(ToolError) -> Value {
  do { return try body() } catch { throw .failed(error) }
}
