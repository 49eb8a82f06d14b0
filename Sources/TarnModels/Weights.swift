// From stored tensors to weights as layers hold them.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// The weights of one part of a model, and how they are to be held.
///
/// Matrices are held in the format of the model's options, vectors as Float.
struct ModelWeights: Sendable {
  private let scope: WeightScope
  /// How matrices are held.
  let format: WeightFormat
  /// Kernels and threads that convert and pack.
  let execution: Execution

  init(_ scope: WeightScope, as format: WeightFormat, on execution: Execution) {
    self.scope = scope
    self.format = format
    self.execution = execution
  }

  /// The weights under a name.
  subscript(component: String) -> ModelWeights {
    ModelWeights(scope[component], as: format, on: execution)
  }

  /// The weights under the first name that the file has.
  func part(anyOf components: [String]) -> ModelWeights {
    ModelWeights(scope.scope(anyOf: components), as: format, on: execution)
  }

  /// Whether the file has a tensor.
  func has(_ tensor: String) -> Bool { scope.has(tensor) }

  /// The shape of a tensor, for dimensions that only the file knows.
  func shape(of tensor: String) -> [Int]? { scope.shape(of: tensor) }

  /// Whether the file has a tensor under a name.
  func hasPart(_ component: String) -> Bool {
    !scope.scope(anyOf: [component, ""]).prefix.isEmpty
  }

  /// The one number of the tensor `name`, read in a survey too; nil if the file has none.
  func value(_ name: String) throws(ModelError) -> Float? {
    try checkpoint { () throws(CheckpointError) in
      guard let info = try scope.optional(name, shape: [1]) else { return nil }
      return try scope.file.floats(of: info).first
    }
  }

  /// Notes a tensor that no model needs.
  func ignore(_ tensor: String) { scope.ignore(tensor) }

  /// The tensor `name` of shape `[rows, columns]` as Float.
  func matrix(_ name: String, rows: Int, columns: Int) throws(ModelError) -> Matrix {
    try matrix(name, shape: [rows, columns], rows: rows, columns: columns)
  }

  /// The tensor `name` of shape `[count]` as one row of Float.
  func vector(_ name: String, count: Int) throws(ModelError) -> Matrix {
    try matrix(name, shape: [count], rows: 1, columns: count)
  }

  /// The tensor `name` of a shape with `rows · columns` elements, as Float.
  func matrix(
    _ name: String, shape: [Int], rows: Int, columns: Int
  ) throws(ModelError) -> Matrix {
    let matrix = unsafe try withStored(name, shape: shape, rows: rows, columns: columns) {
      stored throws(TarnError) in try unsafe Matrix(stored, on: execution)
    }
    if let matrix { return matrix }
    return try operation { () throws(TarnError) in
      try Matrix(rows: shape.count == 1 ? 1 : 0, columns: 0)
    }
  }

  /// The tensor `name` of shape `[outputs, inputs]`, packed in the format of the model.
  ///
  /// Its bytes are read where they lie and never held as a second matrix.
  func packed(_ name: String, outputs: Int, inputs: Int) throws(ModelError) -> PackedMatrix {
    let packed = unsafe try withStored(
      name, shape: [outputs, inputs], rows: outputs, columns: inputs
    ) { stored throws(TarnError) in
      try unsafe PackedMatrix(transposing: stored, as: format, on: execution)
    }
    if let packed { return packed }
    return try operation { () throws(TarnError) in
      try PackedMatrix(Matrix(rows: 0, columns: 0), as: format, on: execution)
    }
  }

  /// Runs `body`, which rejects what cannot be held in the format, and names the tensor then.
  func usable<R>(_ name: String, _ body: () throws(TarnError) -> R) throws(ModelError) -> R {
    do {
      return try body()
    } catch {
      throw .unusableWeights(
        file: scope.file.name, tensor: scope.name(of: name).text, error: error)
    }
  }

  /// Calls `body` with a tensor as the file holds it; nil in a survey, which hands out no weights.
  @unsafe private func withStored<R>(
    _ name: String, shape: [Int], rows: Int, columns: Int,
    _ body: (StoredMatrix) throws(TarnError) -> R
  ) throws(ModelError) -> R? {
    if scope.surveys(name, shape: shape) { return nil }
    let info = try checkpoint { () throws(CheckpointError) in
      try scope.tensor(name, shape: shape)
    }
    func call(_ bytes: RawSpan, _ format: HalfPrecision?) throws(TarnError) -> R {
      try unsafe bytes.withUnsafeBytes { bytes throws(TarnError) in
        // SAFETY: the bytes are those of rows · columns elements, which the file has checked.
        try unsafe body(StoredMatrix(bytes, format, rows: rows, columns: columns))
      }
    }
    let formats: [ElementType: HalfPrecision?] = [
      .float32: .none, .bfloat16: .bfloat16, .float16: .float16,
    ]
    guard let format = formats[info.elementType] else {
      let values = try checkpoint { () throws(CheckpointError) in
        try scope.file.floats(of: info)
      }
      return try usable(name) { () throws(TarnError) in try unsafe call(values.span.bytes, nil) }
    }
    return try usable(name) { () throws(TarnError) in
      try scope.file.withBytes(of: info) { bytes throws(TarnError) in try call(bytes, format) }
    }
  }
}
