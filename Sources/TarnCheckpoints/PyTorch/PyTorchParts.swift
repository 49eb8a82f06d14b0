/// What is read of a PyTorch file before any element: its names, and where the elements lie.
struct PyTorchParts {
  let format: String
  private(set) var tensors: [TensorInfo] = []
  private(set) var index: [TensorName: Int] = [:]
  private(set) var metadata = JSONObject()
  private(set) var arguments: JSONObject?

  private let file: String
  private let limits: FileLimits

  /// Reads the parts of a file, whichever form it has.
  ///
  /// - Parameters:
  ///   - source: the file.
  ///   - name: its name in messages.
  ///   - path: the keys that lead to the dictionary of tensors, if they are known.
  ///   - limits: what the file may ask for.
  /// - Throws: the rule that is broken.
  init(
    _ source: borrowing some ByteSource & ~Copyable, named name: String, _ path: [String]?,
    _ limits: FileLimits
  ) throws(CheckpointError) {
    file = name
    self.limits = limits
    let prefix = try source.bytes(in: 0..<min(4, source.byteCount))
    guard let first = prefix.first else { throw .emptyFile(path: name) }
    if ZipDirectory.begins(prefix) {
      format = "PyTorch (zip)"
      try readZip(source, path)
    } else if first == PickleOpcode.proto.rawValue {
      format = "PyTorch (legacy)"
      try readStream(source, path)
    } else {
      throw .invalidPyTorch(file: name, .neitherZipNorPickle(found: first))
    }
  }

  private func fail(_ problem: PyTorchProblem) -> CheckpointError {
    .invalidPyTorch(file: file, problem)
  }

  /// Runs a check and adds the name of the file to what it throws.
  private func checked<Result>(
    _ check: () throws(PyTorchProblem) -> Result
  ) throws(CheckpointError) -> Result {
    do {
      return try check()
    } catch {
      throw fail(error)
    }
  }

  // MARK: Zip form

  /// `NAME/data.pkl`, `NAME/data/KEY` for each storage, and `NAME/byteorder` if it is new.
  private mutating func readZip(
    _ source: borrowing some ByteSource & ~Copyable, _ path: [String]?
  ) throws(CheckpointError) {
    let directory = try ZipDirectory(source, named: file, limits)
    guard !directory.folder.isEmpty, let pickle = directory.entry("data.pkl".utf8) else {
      throw fail(.noPickleEntry)
    }
    if let order = directory.entry("byteorder".utf8) {
      guard order.data.count == 6,
        try directory.contents(of: order, source).elementsEqual("little".utf8)
      else { throw fail(.bigEndian) }
    }
    guard pickle.data.count <= limits.longestPickle else {
      throw fail(.pickleTooLarge(bytes: pickle.data.count, limit: limits.longestPickle))
    }
    var machine = PickleMachine(
      try directory.contents(of: pickle, source), fileByteCount: source.byteCount, limits)
    let root = try checked { () throws(PyTorchProblem) in try machine.run() }
    guard machine.offset == machine.bytes.count else {
      throw fail(.trailingBytes(count: machine.bytes.count - machine.offset))
    }
    var places: [Int] = []
    for storage in machine.storages {
      guard let entry = directory.entry("data/\(storage.key)".utf8) else {
        throw fail(.missingStorage(key: storage.key))
      }
      guard entry.data.count == storage.byteCount else {
        throw fail(
          .wrongStorageSize(
            key: storage.key, found: entry.data.count, expected: storage.byteCount))
      }
      places.append(entry.data.lowerBound)
    }
    try collect(root, path, &machine, places)
  }

  // MARK: Tensors

  private mutating func collect(
    _ root: PickleValue, _ path: [String]?, _ machine: inout PickleMachine, _ places: [Int]
  ) throws(CheckpointError) {
    let dictionary = try checked { () throws(PyTorchProblem) in
      try StateDictionary(root, path: path, &machine)
    }
    tensors = dictionary.tensors.map { name, position in
      let tensor = machine.tensors[position]
      // The storage lies inside the file and the range inside the storage: nothing overflows.
      let start = places[tensor.storage]
      return TensorInfo(
        name: name, elementType: tensor.elementType, shape: tensor.shape,
        byteRange: start + tensor.byteRange.lowerBound..<start + tensor.byteRange.upperBound,
        strides: tensor.strides)
    }
    index = dictionary.index
    metadata = dictionary.metadata
    arguments = dictionary.arguments
  }

  // MARK: Legacy form

  /// Pickles that a legacy file begins with.
  private struct Stream {
    var machine: PickleMachine
    let root: PickleValue
    let keys: [String]
  }

  /// Five pickles, then the storages in the order of the last one: a count of elements in 8 bytes,
  /// then the elements.
  private mutating func readStream(
    _ source: borrowing some ByteSource & ~Copyable, _ path: [String]?
  ) throws(CheckpointError) {
    var stream = try pickles(source)
    let storages = stream.machine.storages
    var positions: [ByteKey: Int] = [:]
    for (position, storage) in storages.enumerated() {
      positions[ByteKey(text: storage.key)] = position
    }
    var places = [Int?](repeating: nil, count: storages.count)
    var offset = stream.machine.offset
    for key in stream.keys {
      guard let position = positions[ByteKey(text: key)] else {
        throw fail(.unknownStorage(key: key))
      }
      guard places[position] == nil else { throw fail(.duplicateStorage(key: key)) }
      let storage = storages[position]
      guard source.byteCount - offset >= 8 else { throw fail(.storageBeyondFile(key: key)) }
      let count: UInt64 = try source.bytes(in: offset..<offset + 8).littleEndian(at: 0)
      let size = storage.elementType.bitWidth / 8
      let (found, overflow) = Int(truncatingIfNeeded: count).multipliedReportingOverflow(by: size)
      guard count <= UInt64(Int.max), !overflow, found == storage.byteCount else {
        throw fail(
          .wrongStorageSize(
            key: key, found: count > UInt64(Int.max) || overflow ? Int.max : found,
            expected: storage.byteCount))
      }
      guard found <= source.byteCount - offset - 8 else {
        throw fail(.storageBeyondFile(key: key))
      }
      places[position] = offset + 8
      offset += 8 + found
    }
    guard offset == source.byteCount else {
      throw fail(.trailingBytes(count: source.byteCount - offset))
    }
    var starts: [Int] = []
    for (storage, place) in zip(storages, places) {
      guard let place else { throw fail(.missingStorage(key: storage.key)) }
      starts.append(place)
    }
    try collect(stream.root, path, &stream.machine, starts)
  }

  /// Follows the pickles, of which nobody knows where they end: first in the first MiB of the file,
  /// then in twice as much.
  private func pickles(
    _ source: borrowing some ByteSource & ~Copyable
  ) throws(CheckpointError) -> Stream {
    let longest = min(source.byteCount, limits.longestPickle)
    var count = min(longest, 1 << 20)
    while true {
      let bytes = try source.bytes(in: 0..<count)
      do {
        return try pickles(
          PickleMachine(bytes, fileByteCount: source.byteCount, limits))
      } catch {
        guard case .pickleEnds = error else { throw fail(error) }
        guard count < longest else {
          throw fail(
            longest < source.byteCount ? .pickleTooLarge(bytes: longest, limit: longest) : error)
        }
      }
      count = count < longest / 2 ? count * 2 : longest
    }
  }

  private func pickles(_ machine: PickleMachine) throws(PyTorchProblem) -> Stream {
    var machine = machine
    guard case .largeInteger(let magic) = try machine.run(),
      machine.bytes[magic.range].elementsEqual(Self.magicNumber)
    else { throw .wrongMagicNumber }
    let version = try machine.run()
    guard case .integer(1001) = version else {
      throw .unsupportedVersion(found: machine.summary(version))
    }
    let system = try machine.run()
    guard let items = machine.items(of: system),
      case .boolean(let isLittleEndian)? = machine.value(items, "little_endian")
    else {
      throw .wrongPart(name: "third pickle", expected: "a dict with \"little_endian\"")
    }
    guard isLittleEndian else { throw .bigEndian }
    let root = try machine.run()
    let list = try machine.run()
    guard case .node(let index) = list, machine.nodes[index].kind == .list else {
      throw .wrongPart(name: "fifth pickle", expected: "a list of keys")
    }
    var keys: [String] = []
    for item in machine.nodes[index].items {
      guard case .text(let slice) = item, slice.count <= 256, let key = machine.text(slice) else {
        throw .wrongPart(name: "fifth pickle", expected: "a list of keys")
      }
      try machine.charge(32 + key.utf8.count)
      keys.append(key)
    }
    return Stream(machine: machine, root: root, keys: keys)
  }

  /// 0x1950A86A20F9469CFC6C.
  private static let magicNumber: [UInt8] = [
    0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
  ]
}
