/// The index of sharded weights: which file beside it holds which tensor.
///
///     {"metadata": {...}, "weight_map": {"name": "model-00001-of-00002.safetensors", ...}}
///
/// The text is walked once; of other keys than `weight_map` nothing is kept.
struct ShardIndex {
  /// Names of the files, in the order in which they first occur.
  private(set) var shards: [String] = []
  /// The tensors in the order of the index, each with its place in ``shards``.
  private(set) var tensors: [(name: TensorName, shard: Int)] = []
  /// Position of each tensor.
  private(set) var index: [TensorName: Int] = [:]

  private var scanner: JSONScanner
  private let limits: FileLimits
  private var places: [ByteKey: Int] = [:]

  /// Values of other keys are passed over by recursion, one level each.
  private static let depthLimit = 16

  /// Reads an index.
  init(_ bytes: [UInt8], _ limits: FileLimits) throws(ShardProblem) {
    self.limits = limits
    scanner = JSONScanner(bytes, depthLimit: Self.depthLimit)
    var hasWeightMap = false
    try scan { (scanner) throws(JSONError) in try scanner.openObject() }
    while let key = try nextKey() {
      guard key.hasSameBytes(as: "weight_map") else {
        try scan { (scanner) throws(JSONError) in try scanner.skipValue() }
        continue
      }
      guard !hasWeightMap else { throw .duplicateKey(key) }
      hasWeightMap = true
      try readWeightMap()
    }
    try scan { (scanner) throws(JSONError) in try scanner.finish() }
    guard hasWeightMap else { throw .missingWeightMap }
    guard !tensors.isEmpty else { throw .emptyWeightMap }
  }

  /// Runs one step of the scanner.
  private mutating func scan<Result>(
    _ step: (inout JSONScanner) throws(JSONError) -> Result
  ) throws(ShardProblem) -> Result {
    do {
      return try step(&scanner)
    } catch {
      throw .indexNotJSON(error)
    }
  }

  private mutating func nextKey() throws(ShardProblem) -> String? {
    try scan { (scanner) throws(JSONError) in try scanner.nextKey() }
  }

  private mutating func nextKind() throws(ShardProblem) -> JSONScanner.Kind {
    try scan { (scanner) throws(JSONError) in try scanner.nextKind() }
  }

  private mutating func readWeightMap() throws(ShardProblem) {
    guard try nextKind() == .object else { throw .weightMapNotObject }
    try scan { (scanner) throws(JSONError) in try scanner.openObject() }
    while let key = try nextKey() {
      let name = TensorName(key)
      guard tensors.count < limits.tensors else {
        throw .tooManyTensors(limit: limits.tensors)
      }
      guard index.updateValue(tensors.count, forKey: name) == nil else {
        throw .duplicateTensor(name)
      }
      guard try nextKind() == .string else { throw .fileNotString(name) }
      let file = try scan { (scanner) throws(JSONError) in try scanner.string() }
      guard isPlainName(file) else { throw .fileOutsideDirectory(name, found: file) }
      tensors.append((name, try place(of: file)))
    }
  }

  private mutating func place(of file: String) throws(ShardProblem) -> Int {
    let key = ByteKey(text: file)
    if let place = places[key] { return place }
    guard shards.count < limits.shards else { throw .tooManyShards(limit: limits.shards) }
    places[key] = shards.count
    shards.append(file)
    return shards.count - 1
  }

  /// Whether a name means a file in the same directory, on any system.
  private func isPlainName(_ name: String) -> Bool {
    let separators: [UInt8] = [UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: ":"), 0x7F]
    return !name.isEmpty && name.utf8.count <= 255 && name != "." && name != ".."
      && name.utf8.allSatisfy { $0 >= 0x20 && !separators.contains($0) }
  }
}

extension JSONScanner {
  /// Passes over one value of any kind and keeps nothing of it.
  fileprivate mutating func skipValue() throws(JSONError) {
    switch try nextKind() {
    case .null: try null()
    case .boolean: try boolean()
    case .number: _ = try numberRange()
    case .string: _ = try stringRange()
    case .array:
      try openArray()
      while try nextElement() { try skipValue() }
    case .object:
      try openObject()
      while try nextKeyOffset() != nil { try skipValue() }
    }
  }
}
