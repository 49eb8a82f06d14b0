/// Named tensors in a file, or in the shards that an index names: what every container gives.
///
/// A ``WeightScope`` reads from one, whatever the container.
public protocol TensorFile: AnyObject, Sendable {
  /// The path as it was given.
  var path: String { get }

  /// The container, for people: `safetensors`, `PyTorch (zip)` …
  var format: String { get }

  /// All tensors, in the order of the file.
  var tensors: [TensorInfo] { get }

  /// What the file says beside its tensors.
  var metadata: JSONObject { get }

  /// The arguments that the model was made with, if the file itself holds them.
  ///
  /// fairseq writes them into its checkpoints; `tarn convert` keeps them as `args` of `__metadata__`.
  var arguments: JSONObject? { get }

  /// The tensor of a name, or nil.
  subscript(name: TensorName) -> TensorInfo? { get }

  /// Calls a closure with the elements of a tensor.
  ///
  /// The elements are row-major and little-endian. Their first byte may lie at any address. They are
  /// the bytes of the file itself, unless ``TensorInfo/strides`` says that they lie in another
  /// order: then they are a copy that lives as long as the closure runs.
  ///
  /// - Parameters:
  ///   - tensor: one of this file's tensors; traps if it is another's and lies outside this file.
  ///   - body: receives the bytes, which are valid inside the closure only.
  /// - Returns: What the closure returns.
  /// - Throws: What the closure throws.
  func withBytes<Result, Failure>(
    of tensor: TensorInfo, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result
}

extension TensorFile {
  /// The object that ``metadata`` holds as text under `args`.
  public var arguments: JSONObject? {
    guard let text = metadata["args"]?.string else { return nil }
    return (try? JSONValue(parsing: text))?.object
  }

  /// The last part of the path: the name by which messages call this file.
  public var name: String { fileName(path) }

  /// The tensors whose names are not in a set: those that a model did not ask for.
  ///
  /// - Parameter consumed: names, for example from ``TensorUse/names``.
  /// - Returns: The other tensors, in the order of the file.
  public func tensors(notIn consumed: Set<TensorName>) -> [TensorInfo] {
    tensors.filter { !consumed.contains($0.name) }
  }
}
