// How a model is loaded and run.

public import Tarn
public import TarnCheckpoints
public import TarnKernelInterface

/// Options that every model takes.
public struct ModelOptions: Sendable {
  /// Nil: TARN_ISA if it is set, else the fastest available.
  public var instructionSet: InstructionSet?
  /// How the matrices of linear layers and the tables of embeddings are held, whatever is stored.
  ///
  /// Vectors (biases, gains) are Float. Docs: Weights.
  public var weights: WeightFormat
  /// At most this many threads for one call; nil: TARN_NUM_THREADS if it is set, else all cores.
  public var threads: Int?
  /// Positions that are allowed; nil: the stored table's rows.
  ///
  /// PoNet allows more than that: position p then has row p mod the table's rows. BERT and FNet do
  /// not.
  public var maxPositions: Int?
  /// The most bytes that a call may hold beside the weights; nil: any number.
  ///
  /// A call that needs more throws ``ModelError/workspaceTooSmall(needed:available:)`` before it
  /// computes anything. PoNet and BERT know what they need (Docs: Embedded, section Memory); other
  /// models take no limit.
  public var workspaceBytes: Int?
  /// One of ``LoadedModel/typeNames``; nil: what config.json says by `model_type` and
  /// `architectures`.
  public var modelType: String?
  /// Whether weights are read through a mapping or into memory, and what files may ask for.
  public var loading: Loading

  /// Options; see the properties.
  public init(
    weights: WeightFormat = .float32, instructionSet: InstructionSet? = nil, threads: Int? = nil,
    maxPositions: Int? = nil, workspaceBytes: Int? = nil, modelType: String? = nil,
    loading: Loading = .mapped
  ) {
    self.weights = weights
    self.instructionSet = instructionSet
    self.threads = threads
    self.maxPositions = maxPositions
    self.workspaceBytes = workspaceBytes
    self.modelType = modelType
    self.loading = loading
  }

  /// Positions that inputs may use.
  ///
  /// - Parameters:
  ///   - rows: of the position table.
  ///   - tableRepeats: whether there may be more.
  /// - Returns: the number of positions.
  /// - Throws: ``ModelError/operation(_:)`` for a limit below 1 or one that the table does not allow.
  func positions(of rows: Int, tableRepeats: Bool) throws(ModelError) -> Int {
    let limit = maxPositions ?? rows
    guard limit > 0, tableRepeats || limit <= rows else {
      throw .operation(
        .invalidArgument(
          operation: "ModelOptions", argument: "maxPositions", found: "\(limit)",
          expected: tableRepeats
            ? "at least 1" : "1 to \(rows), the rows of the position table"))
    }
    return limit
  }

  /// Throws unless there is room for what a call needs.
  ///
  /// - Throws: ``ModelError/workspaceTooSmall(needed:available:)``.
  static func checkWorkspace(_ available: Int?, needed: () -> Int) throws(ModelError) {
    guard let available else { return }
    let needed = needed()
    if needed > available { throw .workspaceTooSmall(needed: needed, available: available) }
  }

  /// Kernels and threads for a model that can or cannot say what a call needs.
  func execution(knowsWorkspace: Bool = false) throws(ModelError) -> Execution {
    if let workspaceBytes, !knowsWorkspace {
      throw .operation(
        .invalidArgument(
          operation: "ModelOptions", argument: "workspaceBytes", found: "\(workspaceBytes)",
          expected: "no limit: of this model it is not known what a call needs"))
    }
    return try operation { () throws(TarnError) in
      try Execution(instructionSet: instructionSet, threads: threads)
    }
  }
}
