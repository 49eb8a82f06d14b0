import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem

func checkSafetensors(_ bytes: [UInt8]) throws(BrokenPromise) {
  let read = { () throws(CheckpointError) in
    try SafetensorsFile(bytes: bytes, named: "x.safetensors")
  }
  guard let file = try accepted(read) else { return }
  try checkTensors(of: file, in: bytes)
  // What was read can be written, and reads back as the same tensors.
  let copy = try expected("a file that was read can be written") {
    () throws(CheckpointError) in
    var writer = SafetensorsWriter()
    try writer.append(contentsOf: file)
    return try SafetensorsFile(bytes: writer.encoded(), named: "copy.safetensors")
  }
  for tensor in file.tensors {
    let found = copy[tensor.name]
    try require(
      found?.shape == tensor.shape && found?.elementType == tensor.elementType,
      "tensor \(tensor.name) is another in the copy")
  }
}

func checkTorch(_ bytes: [UInt8]) throws(BrokenPromise) {
  let read = { () throws(CheckpointError) in try PyTorchFile(bytes: bytes, named: "x.bin") }
  guard let file = try accepted(read) else { return }
  try checkTensors(of: file, in: bytes)
}

func checkTorchZip(_ bytes: [UInt8]) throws(BrokenPromise) {
  if bytes.starts(with: "PK".utf8) { return try checkTorch(bytes) }
  let storage = (0..<64).map { UInt8($0) }
  try checkTorch(torchArchive(bytes, ["0": storage, "1": Array(storage[..<24])]).bytes)
}

/// Where ``checkShardIndex(_:)`` keeps its shards.
private let shards: Result<TemporaryDirectory, any Error> = Result {
  let directory = try TemporaryDirectory()
  for (file, names) in [("1.safetensors", ["a", "b"]), ("2.safetensors", ["c"])] {
    var writer = SafetensorsWriter()
    for name in names { try writer.append(TensorName(name), shape: [2], floats: [1, 2]) }
    _ = try directory.write(file, writer.encoded())
  }
  return directory
}

func checkShardIndex(_ bytes: [UInt8]) throws(BrokenPromise) {
  let path: String
  do {
    path = try shards.get().write("model.safetensors.index.json", bytes)
  } catch {
    throw BrokenPromise(description: "the shards cannot be written: \(error)")
  }
  let read = { () throws(CheckpointError) in try ShardedFile(path: path) }
  guard let file = try accepted(read) else { return }
  let names = Set(file.tensors.map(\.name))
  let known: [Set<TensorName>] = [["a", "b"], ["c"], ["a", "b", "c"]]
  try require(known.contains(names), "tensors \(names) of two shards")
  try checkTensors(of: file, in: nil)
}

// MARK: Tensors

/// What every file promises of its tensors.
///
/// - Parameters:
///   - file: a file that was accepted.
///   - bytes: its contents; nil for shards.
/// - Throws: the promise that does not hold.
private func checkTensors(
  of file: TensorFile, in bytes: [UInt8]?
) throws(BrokenPromise) {
  try require(
    Set(file.tensors.map(\.name)).count == file.tensors.count, "two tensors of one name")
  for tensor in file.tensors {
    try require(file[tensor.name] == tensor, "tensor \(tensor.name) is not found by its name")
    var count = 1
    for dimension in tensor.shape {
      let (product, overflows) = count.multipliedReportingOverflow(by: dimension)
      try require(dimension >= 0 && !overflows, "tensor \(tensor.name) has shape \(tensor.shape)")
      count = product
    }
    try require(tensor.elementCount == count, "\(tensor.elementCount) elements, not \(count)")
    let width = tensor.elementType.bitWidth
    try require(
      tensor.byteCount * 8 == count * width,
      "\(tensor.byteCount) bytes for \(count) elements of \(width) bits")
    let found = file.withBytes(of: tensor) { span in
      (0..<span.byteCount).map { span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
    }
    try require(found.count == tensor.byteCount, "\(found.count) of \(tensor.byteCount) bytes")
    if let bytes { try checkElements(of: tensor, found, in: bytes) }
    try checkValues(of: tensor, in: file)
  }
}

/// The elements lie inside the file, and those that are handed out are those that lie there.
private func checkElements(
  of tensor: TensorInfo, _ found: [UInt8], in bytes: [UInt8]
) throws(BrokenPromise) {
  let range = tensor.byteRange
  try require(
    0 <= range.lowerBound && range.upperBound <= bytes.count,
    "bytes \(range) of a file of \(bytes.count)")
  guard let strides = tensor.strides else {
    return try require(found == Array(bytes[range]), "other bytes than those of the file")
  }
  let size = tensor.elementType.bitWidth / 8
  for element in 0..<tensor.elementCount {
    // The place of the element, from the innermost dimension outwards.
    var (rest, place) = (element, range.lowerBound)
    for (dimension, stride) in zip(tensor.shape, strides).reversed() {
      place += rest % dimension * stride * size
      rest /= dimension
    }
    try require(
      place + size <= range.upperBound, "element \(element) at \(place), outside \(range)")
    try require(
      found[element * size..<(element + 1) * size] == bytes[place..<place + size],
      "element \(element) is not the one at \(place)")
  }
}

/// Values are as many as elements, and come for the types that they are promised for.
private func checkValues(
  of tensor: TensorInfo, in file: TensorFile
) throws(BrokenPromise) {
  let floats = try accepted { () throws(CheckpointError) in try file.floats(of: tensor) }
  let isFloat = ElementType.weights.contains(tensor.elementType)
  try require(floats?.count == (isFloat ? tensor.elementCount : nil), "the number of floats")
  let integers = try accepted { () throws(CheckpointError) in try file.integers(of: tensor) }
  let isInteger = ElementType.integers.contains(tensor.elementType)
  // Some integers of 64 bits without a sign are too large.
  if tensor.elementType == .uint64, integers == nil { return }
  try require(integers?.count == (isInteger ? tensor.elementCount : nil), "the number of integers")
}
