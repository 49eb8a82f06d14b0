internal import Synchronization
internal import TarnSystem

/// The tensors of a file under a prefix: the weights of one part of a model.
///
///     let layer = weights["encoder"]["layer.3"]
///     let gain = try layer.tensor("output.LayerNorm.weight", shape: [768])
///
/// A scope holds no data. What it finds is checked for shape and type and can be handed to
/// ``TensorFile/withBytes(of:_:)`` of its ``file``.
public struct WeightScope: Sendable {
  /// The file that holds the tensors.
  public let file: TensorFile

  /// What stands before each name, without the last dot; empty at the root.
  public let prefix: String

  private let use: TensorUse?

  /// All tensors of a file.
  ///
  /// - Parameters:
  ///   - file: the file.
  ///   - use: is told each name that this scope and those made from it hand out.
  public init(_ file: TensorFile, recording use: TensorUse? = nil) {
    self.init(file: file, prefix: "", use: use)
  }

  private init(file: TensorFile, prefix: String, use: TensorUse?) {
    self.file = file
    self.prefix = prefix
    self.use = use
  }

  /// The scope of one part; an empty name stands for this scope itself.
  public subscript(component: String) -> WeightScope {
    component.isEmpty ? self : WeightScope(file: file, prefix: fullName(component), use: use)
  }

  /// The scope of the first part that the file has.
  ///
  /// Published checkpoints have `ponet.embeddings…` or `embeddings…`, by the class that was saved:
  /// `weights.scope(anyOf: ["ponet", ""])`. The choice is made once, here.
  ///
  /// - Parameter components: alternatives; an empty one, wherever it stands, is this scope itself.
  /// - Returns: The first that has a tensor; if none has, this scope where that is allowed, else
  ///   the last alternative, whose names errors will show.
  public func scope(anyOf components: [String]) -> WeightScope {
    for component in components where !component.isEmpty {
      let start = fullName(component) + "."
      if file.tensors.contains(where: { $0.name.text.utf8.starts(with: start.utf8) }) {
        return self[component]
      }
    }
    return components.contains("") ? self : self[components.last ?? ""]
  }

  /// The name that a tensor of this scope has in the file.
  public func name(of tensor: String) -> TensorName {
    TensorName(fullName(tensor))
  }

  private func fullName(_ component: String) -> String {
    prefix.isEmpty ? component : prefix + "." + component
  }

  /// Whether the file has a tensor.
  public func has(_ tensor: String) -> Bool {
    file[name(of: tensor)] != nil
  }

  /// A tensor of floats with a given shape.
  ///
  /// - Parameters:
  ///   - tensor: the name in this scope.
  ///   - shape: the dimensions it must have.
  /// - Returns: The tensor; its type is one of ``ElementType/weights``.
  /// - Throws: ``CheckpointError/missingTensor(file:name:)``,
  ///   ``CheckpointError/wrongShape(file:name:found:expected:)`` or
  ///   ``CheckpointError/wrongElementType(file:name:found:expected:)``.
  public func tensor(_ tensor: String, shape: [Int]) throws(CheckpointError) -> TensorInfo {
    guard let info = try optional(tensor, shape: shape) else {
      throw .missingTensor(file: file.name, name: name(of: tensor))
    }
    return info
  }

  /// A tensor of floats that goes by several names, such as `weight` and, in old files, `gamma`.
  ///
  /// - Parameters:
  ///   - tensors: names in this scope, in order of preference.
  ///   - shape: the dimensions it must have.
  /// - Returns: The first that the file has.
  /// - Throws: As ``tensor(_:shape:)``; if none is there, the error names the first.
  public func tensor(
    anyOf tensors: [String], shape: [Int]
  ) throws(CheckpointError) -> TensorInfo {
    let present = tensors.first { has($0) }
    return try tensor(present ?? tensors.first ?? "", shape: shape)
  }

  /// A tensor of floats with a given shape, or nil if the file has none of that name.
  ///
  /// - Parameters:
  ///   - tensor: the name in this scope.
  ///   - shape: the dimensions it must have if it is there.
  /// - Returns: The tensor or nil.
  /// - Throws: ``CheckpointError/wrongShape(file:name:found:expected:)`` or
  ///   ``CheckpointError/wrongElementType(file:name:found:expected:)``.
  public func optional(_ tensor: String, shape: [Int]) throws(CheckpointError) -> TensorInfo? {
    let name = name(of: tensor)
    guard let info = file[name] else { return nil }
    guard info.shape == shape else {
      throw .wrongShape(file: file.name, name: name, found: info.shape, expected: shape)
    }
    guard ElementType.weights.contains(info.elementType) else {
      throw .wrongElementType(
        file: file.name, name: name, found: info.elementType, expected: ElementType.weights)
    }
    use?.insert(name)
    return info
  }

  /// Notes a tensor that published files carry and no model needs, so that it is not called unknown.
  ///
  /// - Parameter tensor: the name in this scope; the file need not have it.
  public func ignore(_ tensor: String) {
    use?.insert(name(of: tensor))
  }

  /// In a survey, notes the tensor, or why it cannot be had, and lets the caller go on without it.
  ///
  /// - Parameters:
  ///   - tensor: the name in this scope.
  ///   - shape: the dimensions it must have.
  /// - Returns: Whether this is a survey; if not, nothing was noted.
  public func surveys(_ tensor: String, shape: [Int]) -> Bool {
    guard let use, use.isSurvey else { return false }
    do throws(CheckpointError) {
      _ = try self.tensor(tensor, shape: shape)
    } catch {
      use.insert(error)
    }
    return true
  }

  /// The shape of a tensor, for dimensions that only the file knows.
  ///
  /// - Parameter tensor: the name in this scope.
  /// - Returns: The dimensions, or nil if the file has no tensor of that name.
  public func shape(of tensor: String) -> [Int]? {
    file[name(of: tensor)]?.shape
  }
}

/// The names of the tensors that a model has asked for.
///
/// The caller makes one, hands it to the root scope, and afterwards asks
/// ``TensorFile/tensors(notIn:)`` what is left. In a survey the model is built without weights:
/// what is missing or does not fit is collected instead of thrown.
public final class TensorUse: Sendable {
  private struct State {
    var names: Set<TensorName> = []
    var problems: [CheckpointError] = []
  }

  /// Whether weights are only looked for and not handed out.
  public let isSurvey: Bool

  private let state = Mutex(State())

  /// Nothing used yet.
  ///
  /// - Parameter isSurvey: whether weights are only looked for.
  public init(isSurvey: Bool = false) {
    self.isSurvey = isSurvey
  }

  /// All names so far.
  public var names: Set<TensorName> {
    state.withLock { $0.names }
  }

  /// What a survey has found missing or unfit, in the order of asking.
  public var problems: [CheckpointError] {
    state.withLock { $0.problems }
  }

  /// Adds a name, also one that is known and ignored on purpose.
  public func insert(_ name: TensorName) {
    state.withLock { _ = $0.names.insert(name) }
  }

  /// Adds a problem; a tensor that is there and does not fit is not unknown.
  func insert(_ problem: CheckpointError) {
    state.withLock {
      $0.problems.append(problem)
      switch problem {
      case .wrongShape(_, let name, _, _), .wrongElementType(_, let name, _, _):
        $0.names.insert(name)
      default: break
      }
    }
  }
}
