// Tensors by the names that a model's parts give them.

/// The tensors of a file whose names begin with a prefix.
///
///     let layer = WeightScope(file)["encoder"]["layer.3"]
///     let weight = try layer.tensor("output.dense.weight", shape: [768, 3072])
public struct WeightScope: Sendable {
  /// The file that holds the tensors.
  public let file: SafetensorsFile
  /// What names begin with: empty, or ending in a dot.
  public let prefix: String

  /// All tensors of a file.
  public init(_ file: SafetensorsFile) {
    self.file = file
    prefix = ""
  }

  private init(file: SafetensorsFile, prefix: String) {
    self.file = file
    self.prefix = prefix
  }

  /// The tensors below `name` and a dot.
  public subscript(name: String) -> WeightScope {
    WeightScope(file: file, prefix: prefix + name + ".")
  }

  /// The full name of a tensor of this scope.
  public func fullName(_ name: String) -> TensorName {
    TensorName(prefix + name)
  }

  /// What the file says of a tensor, or nil if it has none of that name.
  public func optional(_ name: String) -> TensorInfo? {
    file[fullName(name)]
  }

  /// Whether the file has a tensor of that name.
  public func has(_ name: String) -> Bool {
    optional(name) != nil
  }

  /// What the file says of a tensor of floats that a model needs.
  ///
  /// - Parameters:
  ///   - name: the name within this scope.
  ///   - shape: the shape that the model needs.
  /// - Throws: ``CheckpointError/missingTensor(file:name:)``,
  ///   ``CheckpointError/wrongShape(file:name:found:expected:)``,
  ///   ``CheckpointError/wrongElementType(file:name:found:expected:)``.
  public func tensor(_ name: String, shape: [Int]) throws(CheckpointError) -> TensorInfo {
    guard let info = optional(name) else {
      throw .missingTensor(file: file.name, name: fullName(name))
    }
    guard info.shape == shape else {
      throw .wrongShape(file: file.name, name: info.name, found: info.shape, expected: shape)
    }
    guard info.elementType.isFloatingPoint else {
      throw .wrongElementType(
        file: file.name, name: info.name, found: info.elementType,
        expected: ElementType.allCases.filter(\.isFloatingPoint))
    }
    return info
  }
}

extension ElementType {
  /// Whether elements are floats that can be read as weights: F64, F32, F16, BF16.
  public var isFloatingPoint: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16: true
    default: false
    }
  }
}
