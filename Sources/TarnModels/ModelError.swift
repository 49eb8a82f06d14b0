// The errors of the model layer.

public import Tarn
public import TarnCheckpoints
public import TarnText
internal import TarnSystem

/// What loading or calling a model rejects.
public enum ModelError: Error, Sendable, CustomStringConvertible {
  /// A file of the checkpoint is missing, malformed or does not fit the configuration.
  case checkpoint(CheckpointError)
  /// A text cannot be tokenized.
  case text(TextError)
  /// A tensor cannot be held in the format that ``ModelOptions/weights`` asks for.
  case unusableWeights(file: String, tensor: String, error: TarnError)
  /// An operator rejected its arguments or the machine's settings are wrong.
  case operation(TarnError)
  /// A model type that this version does not implement.
  case unknownModelType(directory: String, found: String, expected: [String])
  /// The checkpoint's text is to be cut in a way that is not implemented.
  case unsupportedTokenizer(directory: String, found: String, expected: String)
  /// The checkpoint has no weights for the head that was asked for.
  case missingHead(directory: String, head: String, tensor: String)
  /// A dictionary that has not one symbol for each row of the embeddings.
  case dictionarySize(file: String, found: Int, expected: Int)
  /// A search that has found nothing, as no score is a number.
  case noHypothesis(sequence: Int)
  /// A text without tokens.
  case emptyText
  /// A text in which no mask, such as `[MASK]`, is to be filled.
  case noMask(token: String)
  /// A sequence without tokens.
  case emptyInput(sequence: Int)
  /// A mask leaves tokens out where the model knows no mask.
  case maskedInput(sequence: Int, model: String)
  /// Positions are given to a model that counts them itself.
  case givenPositions(sequence: Int, model: String)
  /// A mask leaves all tokens out.
  case nothingKept(sequence: Int)
  /// A list of an input is not as long as the ids.
  case inputLength(sequence: Int, list: String, found: Int, expected: Int)
  /// A number of an input is no row of its table.
  case inputRange(sequence: Int, list: String, position: Int, found: Int, count: Int)
  /// A file of raw inputs lacks a tensor.
  case missingInput(file: String, tensor: String)
  /// A tensor of raw inputs has the wrong shape.
  case inputShape(file: String, tensor: String, found: [Int], expected: String)
  /// A sequence has more tokens than positions.
  case tooLong(sequence: Int, tokens: Int, limit: Int)
  /// A call would hold more memory than ``ModelOptions/workspaceBytes`` allows.
  case workspaceTooSmall(needed: Int, available: Int)

  /// One sentence: the file, tensor or input, what was found and what was expected.
  public var description: String {
    switch self {
    case .checkpoint(let error): error.description
    case .text(let error): error.description
    case .unusableWeights(let file, let tensor, let error):
      "\(file): tensor \"\(tensor)\": \(error)"
    case .operation(let error): error.description
    case .unknownModelType(let directory, let found, let expected):
      "\(directory)/config.json: model type \(found) is not supported, expected "
        + expected.joined(separator: " or ")
    case .unsupportedTokenizer(let directory, let found, let expected):
      "\(directory): found \(found), which is not supported, expected \(expected)"
    case .missingHead(let directory, let head, let tensor):
      "\(directory): no \(head) head, the weights have no tensor \"\(tensor)\""
    case .dictionarySize(let file, let found, let expected):
      "\(file): found \(found) symbols, expected \(expected), the rows of the embeddings"
    case .noHypothesis(let sequence):
      "input \(sequence): no continuation has a score that is a number, expected finite logits"
    case .emptyText: "text: found no tokens, expected at least one"
    case .noMask(let token): "text: found no \(token), expected at least one"
    case .emptyInput(let sequence):
      "input \(sequence): no tokens, expected at least one"
    case .maskedInput(let sequence, let model):
      "input \(sequence): the mask leaves tokens out, but \(model) mixes all; "
        + "leave them out of the ids"
    case .givenPositions(let sequence, let model):
      "input \(sequence): positions are given, but \(model) has relative positions only"
    case .nothingKept(let sequence):
      "input \(sequence): the mask leaves all tokens out, expected at least one"
    case .inputLength(let sequence, let list, let found, let expected):
      "input \(sequence): \(list) has \(found) entries, expected \(expected)"
    case .inputRange(let sequence, let list, let position, let found, let count):
      "input \(sequence): \(list)[\(position)] is \(found), expected 0 to \(count - 1)"
    case .missingInput(let file, let tensor):
      "\(file): tensor \"\(tensor)\" is missing, expected it among the inputs"
    case .inputShape(let file, let tensor, let found, let expected):
      "\(file): tensor \"\(tensor)\" has shape \(listed(found)), expected \(expected)"
    case .tooLong(let sequence, let tokens, let limit):
      "input \(sequence): \(tokens) tokens, expected at most \(limit) positions; "
        + "cut the text, or with PoNet allow more, and the position table repeats"
    case .workspaceTooSmall(let needed, let available):
      "workspace: \(available) bytes, expected at least \(needed) for this input"
    }
  }
}

/// Runs `body`, which only operators can fail, and turns their error into a model's.
func operation<R>(_ body: () throws(TarnError) -> R) throws(ModelError) -> R {
  do {
    return try body()
  } catch {
    throw .operation(error)
  }
}

/// Runs `body`, which only a checkpoint can fail, and turns its error into a model's.
func checkpoint<R>(_ body: () throws(CheckpointError) -> R) throws(ModelError) -> R {
  do {
    return try body()
  } catch {
    throw .checkpoint(error)
  }
}

/// Runs `body`, which only a text can fail, and turns its error into a model's.
func text<R>(_ body: () throws(TextError) -> R) throws(ModelError) -> R {
  do {
    return try body()
  } catch {
    throw .text(error)
  }
}
