/// Named tensors in a file, or in the shards that an index names: what every container gives.
///
/// ``openTensorFile(path:loading:)`` makes one, whatever the container; a ``WeightScope`` reads from it.
/// A base class and not a protocol: Embedded Swift calls no generic method of `any` protocol.
public class TensorFile: @unchecked Sendable {
  /// The path as it was given.
  public final let path: String

  /// The container, for people, such as `PyTorch (zip)`.
  public final let format: String

  /// All tensors, in the order of the file.
  public final let tensors: [TensorInfo]

  /// What the file says beside its tensors.
  public final let metadata: JSONObject

  /// The arguments that the model was made with, if the file itself holds them.
  ///
  /// fairseq writes them into its checkpoints; `tarn convert` keeps them as `args` of `__metadata__`.
  public final let arguments: JSONObject?

  private let index: [TensorName: Int]

  /// What a container was found to hold; `index` gives the place of a name among the tensors.
  ///
  /// Without arguments, those are taken that `metadata` holds as text under `args`.
  init(
    path: String, format: String, tensors: [TensorInfo], index: [TensorName: Int],
    metadata: JSONObject, arguments: JSONObject? = nil
  ) {
    self.path = path
    self.format = format
    self.tensors = tensors
    self.index = index
    self.metadata = metadata
    self.arguments = arguments ?? TensorFile.arguments(metadata)
  }

  private static func arguments(_ metadata: JSONObject) -> JSONObject? {
    guard let text = metadata["args"]?.string else { return nil }
    return (try? JSONValue(parsing: text))?.object
  }

  /// The tensor of a name, or nil.
  public final subscript(name: TensorName) -> TensorInfo? {
    index[name].map { tensors[$0] }
  }

  /// Calls a closure once with the elements of a tensor; what ``withBytes(of:_:)`` is made of.
  func visitBytes(of tensor: TensorInfo, _ body: (RawSpan) -> Void) {
    preconditionFailure("a container must say where its tensors lie")
  }

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
  public final func withBytes<Value, Failure>(
    of tensor: TensorInfo, _ body: (RawSpan) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    var result: Result<Value, Failure>?
    visitBytes(of: tensor) { bytes in
      do throws(Failure) {
        result = .success(try body(bytes))
      } catch {
        result = .failure(error)
      }
    }
    guard let result else { preconditionFailure("a container must call the closure") }
    return try result.get()
  }

  /// The last part of the path: the name by which messages call this file.
  public final var name: String { fileName(path) }

  /// The tensors whose names are not in a set: those that a model did not ask for.
  ///
  /// - Parameter consumed: names, for example from ``TensorUse/names``.
  /// - Returns: The other tensors, in the order of the file.
  public final func tensors(notIn consumed: Set<TensorName>) -> [TensorInfo] {
    tensors.filter { !consumed.contains($0.name) }
  }
}
