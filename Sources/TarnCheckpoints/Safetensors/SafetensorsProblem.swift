internal import TarnSystem

/// A rule of the safetensors format, and how a file breaks it.
public enum SafetensorsProblem: Error, Hashable, Sendable {
  // MARK: Frame

  /// The file is too short for the length of the header.
  case fileTooShort(bytes: Int)
  /// The header is longer than ``FileLimits/headerBytes``.
  case headerTooLarge(bytes: UInt64, limit: Int)
  /// The header would end behind the end of the file.
  case headerBeyondFile(bytes: Int, available: Int)
  /// The header does not begin with a brace; nil if it is empty.
  case headerDoesNotBeginWithBrace(found: UInt8?)
  /// The header is not JSON.
  case headerNotJSON(JSONError)
  /// Something other than spaces follows the JSON text of the header.
  case headerTrailingBytes(found: UInt8, offset: Int)

  // MARK: Members

  /// Two tensors have the same name.
  case duplicateTensor(TensorName)
  /// The header holds more tensors than ``FileLimits/tensors``.
  case tooManyTensors(limit: Int)
  /// `__metadata__` occurs twice.
  case duplicateMetadata
  /// `__metadata__` is not an object.
  case metadataNotObject
  /// A key of `__metadata__` occurs twice.
  case duplicateMetadataKey(String)
  /// A value of `__metadata__` is not a string.
  case metadataValueNotString(key: String)
  /// `__metadata__` holds more entries than ``FileLimits/metadataEntries``.
  case tooManyMetadataEntries(limit: Int)

  // MARK: One tensor

  /// The description of a tensor is not an object.
  case tensorNotObject(TensorName)
  /// A field is missing.
  case missingField(TensorName, field: String)
  /// A field occurs twice.
  case duplicateField(TensorName, field: String)
  /// A field that the format does not have.
  case unknownField(TensorName, field: String)
  /// A field has a value of the wrong kind.
  case wrongField(TensorName, field: String, expected: String)
  /// An element type that is not known.
  case unknownElementType(TensorName, found: String)
  /// A dimension is not an integer from 0 to 2^63 - 1.
  case invalidDimension(TensorName, found: String)
  /// There are more dimensions than ``FileLimits/dimensions``.
  case tooManyDimensions(TensorName, limit: Int)
  /// An offset is not an integer from 0 to 2^63 - 1.
  case invalidOffset(TensorName, found: String)
  /// `data_offsets` does not have two entries; `count` is 3 for more than two.
  case wrongOffsetCount(TensorName, count: Int)
  /// The data end before they begin.
  case offsetsReversed(TensorName, begin: Int, end: Int)
  /// The data end behind the end of the file.
  case offsetsBeyondFile(TensorName, end: Int, available: Int)
  /// The number of bytes that the shape asks for does not fit 64 bits.
  case sizeOverflow(TensorName, shape: [Int])
  /// Elements of fewer than 8 bits do not fill their last byte.
  case partialByte(TensorName, shape: [Int], bitWidth: Int)
  /// Shape and element type ask for another number of bytes than the offsets give.
  case sizeMismatch(TensorName, found: Int, expected: Int)

  // MARK: All tensors together

  /// A tensor begins before the one in front of it ends.
  case overlap(TensorName, begin: Int, expected: Int)
  /// Bytes that belong to no tensor lie before this one.
  case hole(TensorName, begin: Int, expected: Int)
  /// Bytes that belong to no tensor lie at the end of the file.
  case trailingData(bytes: Int)
}

extension SafetensorsProblem: CustomStringConvertible {
  /// What was found and what was expected, without the name of the file.
  public var description: String {
    switch self {
    case .fileTooShort(let bytes):
      "the file has \(bytes) bytes, expected at least 8 for the length of the header"
    case .headerTooLarge(let bytes, let limit):
      "the header claims \(bytes) bytes, expected at most \(limit)"
    case .headerBeyondFile(let bytes, let available):
      "the header claims \(bytes) bytes, but the file has \(available) left"
    case .headerDoesNotBeginWithBrace(let found):
      "the header begins with \(found.map { shown($0) } ?? "nothing"), expected '{'"
    case .headerNotJSON(let error):
      "the header is not valid JSON: \(error)"
    case .headerTrailingBytes(let found, let offset):
      "the header has \(shown(found)) at byte \(offset) after its JSON text, expected spaces only"
    case .duplicateTensor(let name):
      "tensor \(quoted(name.text)) occurs twice"
    case .tooManyTensors(let limit):
      "the header has more than \(limit) tensors"
    case .duplicateMetadata:
      "__metadata__ occurs twice"
    case .metadataNotObject:
      "__metadata__ is not an object"
    case .duplicateMetadataKey(let key):
      "__metadata__ has key \(quoted(key)) twice"
    case .metadataValueNotString(let key):
      "__metadata__ has a value that is not a string for key \(quoted(key))"
    case .tooManyMetadataEntries(let limit):
      "__metadata__ has more than \(limit) entries"
    case .trailingData(let bytes):
      "the last \(bytes) bytes of the file belong to no tensor"
    default:
      tensorDescription
    }
  }

  /// The sentences of the cases that concern one tensor.
  private var tensorDescription: String {
    guard let (name, sentence) = tensorSentence else { return "" }
    return "tensor \(quoted(name.text)) \(sentence)"
  }

  private var tensorSentence: (TensorName, String)? {
    switch self {
    case .tensorNotObject(let name):
      (name, "is not described by an object")
    case .missingField(let name, let field):
      (name, "has no field \(quoted(field))")
    case .duplicateField(let name, let field):
      (name, "has field \(quoted(field)) twice")
    case .unknownField(let name, let field):
      (name, "has field \(quoted(field)), expected dtype, shape and data_offsets only")
    case .wrongField(let name, let field, let expected):
      (name, "has a wrong value in field \(quoted(field)), expected \(expected)")
    case .unknownElementType(let name, let found):
      (
        name,
        "has dtype \(quoted(found)), expected "
          + alternatives(ElementType.allCases.map { $0.description })
      )
    case .invalidDimension(let name, let found):
      (name, "has dimension \(found), expected an integer from 0 to \(Int.max)")
    case .tooManyDimensions(let name, let limit):
      (name, "has more than \(limit) dimensions")
    case .invalidOffset(let name, let found):
      (name, "has data offset \(found), expected an integer from 0 to \(Int.max)")
    case .wrongOffsetCount(let name, let count):
      (name, "has \(count > 2 ? "more than 2" : "\(count)") data offsets, expected 2")
    case .offsetsReversed(let name, let begin, let end):
      (name, "has data from \(begin) to \(end), expected the end not before the beginning")
    case .offsetsBeyondFile(let name, let end, let available):
      (name, "has data up to \(end), but the file has \(available) bytes of data")
    case .sizeOverflow(let name, let shape):
      (name, "has shape \(listed(shape)), whose size does not fit 64 bits")
    case .partialByte(let name, let shape, let bitWidth):
      (name, "has shape \(listed(shape)) with \(bitWidth) bits an element, expected whole bytes")
    case .sizeMismatch(let name, let found, let expected):
      (name, "has \(found) bytes of data, expected \(expected) from its shape and dtype")
    case .overlap(let name, let begin, let expected):
      (name, "begins at \(begin), inside another tensor, expected \(expected)")
    case .hole(let name, let begin, let expected):
      (name, "begins at \(begin) after bytes of no tensor, expected \(expected)")
    default:
      nil
    }
  }
}
