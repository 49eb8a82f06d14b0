// How a command ends before its time.

/// Why a command stops.
enum ToolError: Error {
  /// The arguments are wrong: exit code 2, with the usage line.
  case usage(String)
  /// The work failed: exit code 1.
  case failed(String)

  /// A failure in the words of a library's error.
  static func failed(_ error: some Error & CustomStringConvertible) -> ToolError {
    .failed(error.description)
  }
}

/// Runs library code; its typed error becomes a failure.
func failing<Value, Failure: Error & CustomStringConvertible>(
  _ body: () throws(Failure) -> Value
) throws(ToolError) -> Value {
  do { return try body() } catch { throw .failed(error) }
}
