/// The name of a tensor, compared by its UTF-8 bytes.
///
/// Two names that only look equal, such as the two spellings of "é", are two names.
public struct TensorName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The name as text.
  public let text: String

  /// A name.
  public init(_ text: String) {
    self.text = text
  }

  /// A name.
  public init(stringLiteral text: String) {
    self.text = text
  }

  /// The name as text.
  public var description: String { text }

  /// Whether both names have the same bytes.
  public static func == (left: TensorName, right: TensorName) -> Bool {
    left.text.hasSameBytes(as: right.text)
  }

  /// Hashes the bytes.
  public func hash(into hasher: inout Hasher) {
    text.hashBytes(into: &hasher)
  }
}

/// What a checkpoint says about one tensor, checked against the file.
public struct TensorInfo: Hashable, Sendable {
  /// The name.
  public let name: TensorName
  /// The type of the elements.
  public let elementType: ElementType
  /// The dimensions, outermost first; empty for a single number.
  public let shape: [Int]
  /// Where the elements lie in the file, little-endian: from the first to the end of the last.
  public let byteRange: Range<Int>
  /// How many elements apart neighbours of each dimension lie; nil if row-major without gaps.
  public let strides: [Int]?

  init(
    name: TensorName, elementType: ElementType, shape: [Int], byteRange: Range<Int>,
    strides: [Int]? = nil
  ) {
    self.name = name
    self.elementType = elementType
    self.shape = shape
    self.byteRange = byteRange
    self.strides = strides
  }

  /// Number of elements: the product of the shape.
  public var elementCount: Int {
    // Cannot overflow: ElementType.byteCount(shape:) has multiplied them before.
    shape.reduce(1, *)
  }

  /// Number of bytes that the elements have without gaps.
  public var byteCount: Int {
    // Elements in another order are as wide as whole bytes.
    strides == nil ? byteRange.count : elementCount * (elementType.bitWidth / 8)
  }
}
