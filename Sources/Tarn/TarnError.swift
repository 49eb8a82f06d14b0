// The errors of the operator layer.

internal import TarnSystem

/// What an operator or the choice of instruction set and threads rejects.
///
/// Each case holds the facts; ``description`` is one sentence. Operators throw before they write.
public enum TarnError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An argument's shape does not fit the others.
  case shapeMismatch(operation: String, argument: String, found: [Int], expected: [Int])
  /// An argument's value is outside the range that the operation is defined for.
  case invalidArgument(operation: String, argument: String, found: String, expected: String)
  /// An index or label lies outside the table that it selects from.
  case indexOutOfRange(operation: String, argument: String, position: Int, found: Int, count: Int)
  /// A name that is no instruction set, from an option or from TARN_ISA.
  case unknownInstructionSet(name: String, source: String)
  /// An instruction set that this processor or this build does not have.
  case unavailableInstructionSet(name: String, source: String, available: [String])
  /// A thread count that is no positive number, from an option or from TARN_NUM_THREADS.
  case invalidThreadCount(found: String, source: String)
  /// There is no memory for a result or for what an operator holds meanwhile.
  case outOfMemory(operation: String, bytes: Int)

  /// One sentence: the operation, the argument, what was found and what was expected.
  public var description: String {
    switch self {
    case .shapeMismatch(let operation, let argument, let found, let expected):
      "\(operation): \(argument) has shape \(listed(found)), expected \(listed(expected))"
    case .invalidArgument(let operation, let argument, let found, let expected):
      "\(operation): \(argument) is \(found), expected \(expected)"
    case .indexOutOfRange(let operation, let argument, let position, let found, let count):
      "\(operation): \(argument)[\(position)] is \(found), "
        + (count > 0 ? "expected 0 to \(count - 1)" : "but there is nothing to select from")
    case .unknownInstructionSet(let name, let source):
      "\(source): \"\(name)\" is no instruction set, expected "
        + InstructionSet.allCases.map { $0.rawValue }.joined(separator: ", ")
    case .unavailableInstructionSet(let name, let source, let available):
      "\(source): instruction set \(name) is not available here, expected "
        + available.joined(separator: ", ")
    case .invalidThreadCount(let found, let source):
      "\(source): thread count is \(found), expected a number from 1 to \(ThreadPool.limit)"
    case .outOfMemory(let operation, let bytes):
      "\(operation): no memory for \(bytes) bytes"
    }
  }
}

/// Throws ``TarnError/shapeMismatch(operation:argument:found:expected:)`` unless they agree.
func checkShape(
  _ operation: String, _ argument: String, _ found: [Int], _ expected: [Int]
) throws(TarnError) {
  if found != expected {
    throw .shapeMismatch(
      operation: operation, argument: argument, found: found, expected: expected)
  }
}
