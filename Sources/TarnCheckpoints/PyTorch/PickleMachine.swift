/// Follows the instructions of a pickle as far as they make data.
///
/// Python's machine calls whatever function a pickle names. This one knows no functions: a name is a
/// name, the few calls of ``PickleGlobal/Meaning`` stand for values that are built here, and every
/// other call is refused, as is every instruction outside the switch of ``step(_:)``.
///
/// Values live in arrays and name one another by position. Nothing recurses, however deep values are
/// nested, and a value that contains itself is no harm. Each byte of memory is charged before it is
/// taken: see ``FileLimits/pickleMemory``.
struct PickleMachine {
  let bytes: [UInt8]
  /// Behind the last byte that was read.
  private(set) var offset = 0

  private(set) var nodes: [PickleNode] = []
  private(set) var globals: [PickleGlobal] = []
  private(set) var storages: [PickleStorage] = []
  private(set) var storageViews: [PickleStorageView] = []
  private(set) var tensors: [PickleTensor] = []
  private var storageIndex: [ByteKey: Int] = [:]

  private var stack: [PickleValue] = []
  private var stackCharge = 0
  /// Heights of the stack at which marks stand.
  private var marks: [Int] = []
  private var memo: [PickleValue?] = []

  private let limits: FileLimits
  private let memoryLimit: Int
  private var memory = 0

  // The instruction that is being followed, for messages.
  private var opcode = PickleOpcode.stop
  private var start = 0

  /// A machine for the pickles in some bytes of a file.
  init(_ bytes: [UInt8], fileByteCount: Int, _ limits: FileLimits) {
    self.bytes = bytes
    self.limits = limits
    memoryLimit = max(limits.pickleMemory, fileByteCount)
  }

  /// Follows one pickle, from the current offset to its STOP.
  ///
  /// - Returns: Its value.
  mutating func run() throws(PyTorchProblem) -> PickleValue {
    stack = []
    stackCharge = 0
    marks = []
    memo = []
    guard try byte() == PickleOpcode.proto.rawValue else {
      throw .unsupportedProtocol(found: nil)
    }
    let version = Int(try byte())
    guard (2...5).contains(version) else { throw .unsupportedProtocol(found: version) }
    while true {
      start = offset
      let code = try byte()
      guard let next = PickleOpcode(rawValue: code) else {
        throw .unknownOpcode(code, offset: start)
      }
      opcode = next
      if next == .stop { return try result() }
      try step(next)
    }
  }

  private func result() throws(PyTorchProblem) -> PickleValue {
    guard let value = stack.first, stack.count == 1, marks.isEmpty else {
      throw .wrongResultCount(stack.count, offset: start)
    }
    return value
  }

  private mutating func step(_ opcode: PickleOpcode) throws(PyTorchProblem) {
    switch opcode {
    case .none: try push(.none)
    case .newTrue: try push(.boolean(true))
    case .newFalse: try push(.boolean(false))
    case .binInt1: try push(.integer(Int(byte())))
    case .binInt2: try push(.integer(Int(unsigned(UInt16.self))))
    case .binInt: try push(.integer(Int(Int32(bitPattern: unsigned(UInt32.self)))))
    case .long1: try push(integer(slice(UInt64(byte()))))
    case .long4: try push(integer(slice(UInt64(unsigned(UInt32.self)))))
    case .binFloat: try push(.float(Double(bitPattern: unsigned(UInt64.self).byteSwapped)))
    case .shortBinUnicode, .shortBinString: try push(.text(slice(UInt64(byte()))))
    case .binUnicode, .binString: try push(.text(slice(UInt64(unsigned(UInt32.self)))))
    case .binUnicode8: try push(.text(slice(unsigned(UInt64.self))))
    case .shortBinBytes: try push(.bytes(slice(UInt64(byte()))))
    case .binBytes: try push(.bytes(slice(UInt64(unsigned(UInt32.self)))))
    case .binBytes8, .byteArray8: try push(.bytes(slice(unsigned(UInt64.self))))

    case .emptyTuple: try push(node(.tuple))
    case .emptyList: try push(node(.list))
    case .emptyDict: try push(node(.dictionary))
    case .emptySet: try push(node(.set))
    case .tuple1: try push(node(.tuple, pop(1)))
    case .tuple2: try push(node(.tuple, pop(2)))
    case .tuple3: try push(node(.tuple, pop(3)))
    case .tuple: try push(node(.tuple, popToMark()))
    case .list: try push(node(.list, popToMark()))
    case .dict: try push(node(.dictionary, pairs(popToMark())))
    case .frozenSet: try push(node(.set, popToMark()))
    case .append: try add(pop(1), to: .list, expected: "a list")
    case .appends: try add(popToMark(), to: .list, expected: "a list")
    case .setItem: try add(pop(2), to: .dictionary, expected: "a dictionary")
    case .setItems: try add(pairs(popToMark()), to: .dictionary, expected: "a dictionary")
    case .addItems: try add(popToMark(), to: .set, expected: "a set")

    case .mark: try mark()
    case .pop: try discard()
    case .popMark: _ = try popToMark()
    case .binGet: try recall(Int(byte()))
    case .longBinGet: try recall(Int(unsigned(UInt32.self)))
    case .binPut: try remember(Int(byte()))
    case .longBinPut: try remember(Int(unsigned(UInt32.self)))
    case .memoize: try remember(memo.count)
    case .frame: _ = try available(unsigned(UInt64.self))

    case .global: try pushGlobal(line(), line())
    case .stackGlobal: try stackGlobal()
    case .reduce: try call()
    case .newObj: try newObject()
    case .newObjEx: try newObject(popping: 1)
    case .build: try build()
    case .binPersID: try pushStorage(pop())
    case .stop, .proto, .dup, .float, .int, .long, .persID, .string, .unicode, .get, .put, .inst,
      .obj, .ext1, .ext2, .ext4, .nextBuffer, .readonlyBuffer:
      throw .refusedOpcode(name: opcode.name, offset: start)
    }
  }

  // MARK: Bytes

  private mutating func byte() throws(PyTorchProblem) -> UInt8 {
    guard offset < bytes.count else { throw .pickleEnds(offset: offset) }
    defer { offset += 1 }
    return bytes[offset]
  }

  private mutating func unsigned<Value: FixedWidthInteger & UnsignedInteger>(
    _ type: Value.Type
  ) throws(PyTorchProblem) -> Value {
    let range = try slice(UInt64(MemoryLayout<Value>.size)).range
    return bytes.littleEndian(at: range.lowerBound)
  }

  /// A number of bytes that the pickle still has.
  private func available(_ count: UInt64) throws(PyTorchProblem) -> Int {
    guard count <= UInt64(bytes.count - offset) else { throw .pickleEnds(offset: bytes.count) }
    return Int(count)
  }

  private mutating func slice(_ count: UInt64) throws(PyTorchProblem) -> PickleSlice {
    let count = try available(count)
    defer { offset += count }
    // A pickle has fewer than 2^32 bytes: FileLimits.longestPickle.
    return PickleSlice(start: UInt32(offset), count: UInt32(count))
  }

  /// The bytes up to the end of the line, which is consumed.
  private mutating func line() throws(PyTorchProblem) -> PickleSlice {
    guard let end = bytes[offset...].firstIndex(of: 0x0A) else {
      throw .pickleEnds(offset: bytes.count)
    }
    let line = try slice(UInt64(end - offset))
    offset += 1
    return line
  }

  /// An integer in two's complement, least significant byte first.
  private func integer(_ slice: PickleSlice) -> PickleValue {
    guard slice.count <= 8 else { return .largeInteger(slice) }
    guard let last = bytes[slice.range].last else { return .integer(0) }
    let fill: Int = last >= 0x80 ? -1 : 0
    return .integer(bytes[slice.range].reversed().reduce(fill) { $0 << 8 | Int($1) })
  }

  /// A part of the pickle as text, or nil if it is not UTF-8.
  func text(_ slice: PickleSlice) -> String? {
    guard let span = try? UTF8Span(validating: bytes.span.extracting(slice.range)) else {
      return nil
    }
    return String(copying: span)
  }

  /// Whether a value is a given text.
  func isText(_ value: PickleValue, _ text: String) -> Bool {
    guard case .text(let slice) = value else { return false }
    return bytes[slice.range].elementsEqual(text.utf8)
  }

  // MARK: Memory

  /// Counts memory before it is taken.
  mutating func charge(_ count: Int) throws(PyTorchProblem) {
    // `memory` is at most the limit, and no caller charges more than 2^32 · 64.
    guard count <= memoryLimit - memory else {
      throw .tooMuchMemory(limit: memoryLimit, offset: start)
    }
    memory += count
  }

  /// What an element of an array costs, with room to grow and while the array moves.
  private static let elementCharge = 3 * MemoryLayout<PickleValue?>.stride

  /// What a node costs, with the header of its own array.
  private static let nodeCharge = 3 * MemoryLayout<PickleNode>.stride + 32

  private mutating func node(
    _ kind: PickleNode.Kind, _ items: [PickleValue] = [], className: Int = 0
  ) throws(PyTorchProblem) -> PickleValue {
    try charge(Self.nodeCharge + items.count * Self.elementCharge)
    nodes.append(PickleNode(kind: kind, items: items, className: className))
    return .node(nodes.count - 1)
  }

  // MARK: Stack and memo

  private mutating func push(_ value: PickleValue) throws(PyTorchProblem) {
    if stack.count == stackCharge {
      try charge(Self.elementCharge)
      stackCharge += 1
    }
    stack.append(value)
  }

  /// Takes the values on top, which lie above the last mark.
  private mutating func pop(_ count: Int) throws(PyTorchProblem) -> [PickleValue] {
    guard stack.count - (marks.last ?? 0) >= count else {
      throw .stackEmpty(opcode: opcode.name, offset: start)
    }
    let values = Array(stack.suffix(count))
    stack.removeLast(count)
    return values
  }

  private mutating func pop() throws(PyTorchProblem) -> PickleValue {
    try pop(1)[0]
  }

  private mutating func popToMark() throws(PyTorchProblem) -> [PickleValue] {
    guard let height = marks.popLast() else {
      throw .noMark(opcode: opcode.name, offset: start)
    }
    let values = Array(stack[height...])
    stack.removeLast(values.count)
    return values
  }

  private mutating func mark() throws(PyTorchProblem) {
    guard marks.count < limits.pickleNesting else {
      throw .nestingTooDeep(limit: limits.pickleNesting, offset: start)
    }
    marks.append(stack.count)
  }

  /// POP, which also takes a mark.
  private mutating func discard() throws(PyTorchProblem) {
    if marks.last == stack.count {
      marks.removeLast()
    } else {
      _ = try pop()
    }
  }

  /// The value on top, which stays there.
  private func top(expected: String) throws(PyTorchProblem) -> PickleValue {
    guard let value = stack.last, stack.count > marks.last ?? 0 else {
      throw .stackEmpty(opcode: opcode.name, offset: start)
    }
    return value
  }

  private mutating func remember(_ index: Int) throws(PyTorchProblem) {
    let value = try top(expected: "a value")
    if index >= memo.count {
      try charge((index + 1 - memo.count) * Self.elementCharge)
      memo.append(contentsOf: repeatElement(nil, count: index + 1 - memo.count))
    }
    memo[index] = value
  }

  private mutating func recall(_ index: Int) throws(PyTorchProblem) {
    guard index < memo.count, let value = memo[index] else {
      throw .missingMemo(index: index, offset: start)
    }
    try push(value)
  }

  // MARK: Containers

  private func wrongOperand(_ expected: String) -> PyTorchProblem {
    .wrongOperand(opcode: opcode.name, offset: start, expected: expected)
  }

  private func pairs(_ items: [PickleValue]) throws(PyTorchProblem) -> [PickleValue] {
    guard items.count.isMultiple(of: 2) else { throw wrongOperand("keys with their values") }
    return items
  }

  /// Adds items to the container on top; an opaque object takes them and forgets them.
  private mutating func add(
    _ items: [PickleValue], to kind: PickleNode.Kind, expected: String
  ) throws(PyTorchProblem) {
    guard case .node(let index) = try top(expected: expected) else {
      throw wrongOperand(expected)
    }
    if nodes[index].kind == .object { return }
    guard nodes[index].kind == kind else { throw wrongOperand(expected) }
    try charge(items.count * Self.elementCharge)
    nodes[index].items += items
  }

  /// The elements of a tuple, or nil for another value.
  private func tuple(_ value: PickleValue) -> [PickleValue]? {
    guard case .node(let index) = value, nodes[index].kind == .tuple else { return nil }
    return nodes[index].items
  }

  // MARK: Names, calls and objects

  private mutating func pushGlobal(
    _ module: PickleSlice, _ name: PickleSlice
  ) throws(PyTorchProblem) {
    try charge(3 * MemoryLayout<PickleGlobal>.stride)
    // Names that mean something are short; a long one is not copied to be looked up.
    var meaning = PickleGlobal.Meaning.nothing
    if module.count + name.count < 256, let module = text(module), let name = text(name) {
      meaning = PickleGlobal.Meaning(module: module, name: name)
    }
    globals.append(PickleGlobal(module: module, name: name, meaning: meaning))
    try push(.global(globals.count - 1))
  }

  private mutating func stackGlobal() throws(PyTorchProblem) {
    let names = try pop(2)
    guard case .text(let module) = names[0], case .text(let name) = names[1] else {
      throw wrongOperand("the texts of a module and a name")
    }
    try pushGlobal(module, name)
  }

  /// The name of a global as Python writes it, cut where it is long.
  func name(ofGlobal index: Int) -> String {
    let parts = [globals[index].module, globals[index].name].map { part in
      String(decoding: bytes[part.range].prefix(200), as: UTF8.self)
    }
    return parts.joined(separator: ".")
  }

  private mutating func call() throws(PyTorchProblem) {
    let arguments = try pop()
    let function = try pop()
    guard case .global(let index) = function, let items = tuple(arguments) else {
      throw wrongOperand("a function and a tuple of arguments")
    }
    switch globals[index].meaning {
    case .rebuildTensor:
      try pushTensor(items)
    case .rebuildParameter:
      guard items.count == 3, case .tensor = items[0] else {
        throw .invalidTensor(offset: start, expected: "a tensor and two other values")
      }
      try push(items[0])
    case .orderedDictionary:
      try push(node(.dictionary, orderedItems(items)))
    case .opaqueCall:
      try push(node(.object, className: index))
    case .storage, .nothing:
      throw .refusedCall(function: name(ofGlobal: index), offset: start)
    }
  }

  /// The items of `OrderedDict()` and of `OrderedDict([[key, value], ...])`, as Python 2 wrote it.
  private func orderedItems(_ arguments: [PickleValue]) throws(PyTorchProblem) -> [PickleValue] {
    guard let argument = arguments.first else { return [] }
    let expected = "no argument or a list of pairs"
    guard arguments.count == 1, case .node(let list) = argument, nodes[list].kind == .list else {
      throw wrongOperand(expected)
    }
    var items: [PickleValue] = []
    for pair in nodes[list].items {
      guard case .node(let index) = pair, nodes[index].items.count == 2,
        nodes[index].kind == .list || nodes[index].kind == .tuple
      else { throw wrongOperand(expected) }
      items += nodes[index].items
    }
    return items
  }

  /// NEWOBJ, and NEWOBJ_EX with a dictionary of keyword arguments on top, which is forgotten.
  private mutating func newObject(popping keywords: Int = 0) throws(PyTorchProblem) {
    _ = try pop(keywords)
    let arguments = try pop()
    let type = try pop()
    guard case .global(let index) = type, tuple(arguments) != nil else {
      throw wrongOperand("a class and a tuple of arguments")
    }
    if globals[index].meaning == .orderedDictionary {
      try push(node(.dictionary))
    } else {
      try push(node(.object, className: index))
    }
  }

  /// BUILD: gives an opaque object its state; attributes of dictionaries and tensors are forgotten.
  private mutating func build() throws(PyTorchProblem) {
    let state = try pop()
    switch try top(expected: "an object") {
    case .tensor: return
    case .node(let index):
      switch nodes[index].kind {
      case .object: nodes[index].state = state
      case .dictionary, .set: return
      case .list, .tuple: throw wrongOperand("an object")
      }
    default: throw wrongOperand("an object")
    }
  }

  // MARK: Storages and tensors

  /// A long key would be copied for each tensor; PyTorch writes a short number.
  private static let longestKey = 256

  /// BINPERSID: `("storage", type, key, location, count[, view])`.
  private mutating func pushStorage(_ identifier: PickleValue) throws(PyTorchProblem) {
    let expected = "(\"storage\", type, key, location, count)"
    guard let items = tuple(identifier), items.count == 5 || items.count == 6,
      isText(items[0], "storage"), case .global(let type) = items[1],
      case .text(let keySlice) = items[2], keySlice.count <= Self.longestKey,
      let key = text(keySlice), case .text = items[3],
      case .integer(let count) = items[4], count >= 0
    else { throw .invalidStorageReference(offset: start, expected: expected) }
    guard case .storage(let elementType) = globals[type].meaning else {
      throw .unsupportedStorage(type: name(ofGlobal: type), offset: start)
    }
    let byteCount = try bytesOf([count], elementType)
    let storage = try index(ofStorage: key, elementType, byteCount: byteCount)
    var view = (offset: 0, count: count)
    if items.count == 6 {
      switch items[5] {
      case .none: break
      case let value:
        // A view of old files: its own key, then where it lies in the storage.
        guard let part = tuple(value), part.count == 3, case .integer(let first) = part[1],
          case .integer(let length) = part[2], first >= 0, length >= 0, first <= count,
          length <= count - first
        else {
          throw .invalidStorageReference(
            offset: start, expected: "a view that lies inside the storage")
        }
        view = (first, length)
      }
    }
    try charge(3 * MemoryLayout<PickleStorageView>.stride)
    storageViews.append(
      PickleStorageView(
        storage: storage, elementType: elementType,
        byteOffset: view.offset * (elementType.bitWidth / 8), count: view.count))
    try push(.storage(storageViews.count - 1))
  }

  private mutating func index(
    ofStorage key: String, _ elementType: ElementType, byteCount: Int
  ) throws(PyTorchProblem) -> Int {
    if let index = storageIndex[ByteKey(text: key)] {
      guard storages[index].byteCount == byteCount else {
        throw .conflictingStorage(key: key, offset: start)
      }
      return index
    }
    try charge(
      3 * (MemoryLayout<PickleStorage>.stride + MemoryLayout<ByteKey>.stride + 16) + key.utf8.count)
    storageIndex[ByteKey(text: key)] = storages.count
    storages.append(PickleStorage(key: key, elementType: elementType, byteCount: byteCount))
    return storages.count - 1
  }

  private func bytesOf(
    _ shape: [Int], _ elementType: ElementType
  ) throws(PyTorchProblem) -> Int {
    do {
      return try elementType.byteCount(shape: shape)
    } catch {
      throw .tensorOverflow(offset: start)
    }
  }

  /// The numbers of a tuple, none negative, or nil.
  private func naturals(_ value: PickleValue) -> [Int]? {
    guard let items = tuple(value), items.count <= limits.dimensions else { return nil }
    var numbers: [Int] = []
    for item in items {
      guard case .integer(let number) = item, number >= 0 else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  /// `_rebuild_tensor_v2(storage, offset, size, strides, requires_grad, hooks[, metadata])`.
  private mutating func pushTensor(_ items: [PickleValue]) throws(PyTorchProblem) {
    guard items.count == 6 || items.count == 7, case .storage(let viewIndex) = items[0],
      case .integer(let first) = items[1], first >= 0, let shape = naturals(items[2]),
      let strides = naturals(items[3]), strides.count == shape.count
    else {
      throw .invalidTensor(
        offset: start,
        expected: "a storage, an offset, as many sizes as strides, at most"
          + " \(limits.dimensions), and no negative number")
    }
    if items.count == 7, !isNothing(items[6]) {
      throw .invalidTensor(offset: start, expected: "no metadata that change what elements mean")
    }
    let view = storageViews[viewIndex]
    // Bounds all products of dimensions, in elements and in bytes.
    _ = try bytesOf(shape, view.elementType)
    let elements = shape.reduce(1, *)
    guard elements <= view.count else {
      throw .tensorLargerThanStorage(offset: start, elements: elements, available: view.count)
    }
    let end = elements == 0 ? 0 : try lastElement(first, shape, strides) + 1
    guard end <= view.count else {
      throw .tensorOutsideStorage(offset: start, end: end, available: view.count)
    }
    let size = view.elementType.bitWidth / 8
    let begin = elements == 0 ? 0 : first
    try charge(3 * MemoryLayout<PickleTensor>.stride + 2 * (32 + 16 * shape.count))
    tensors.append(
      PickleTensor(
        storage: view.storage, elementType: view.elementType, shape: shape,
        strides: elements == 0 || isRowMajor(shape, strides) ? nil : strides,
        byteRange: view.byteOffset + begin * size..<view.byteOffset + end * size))
    try push(.tensor(tensors.count - 1))
  }

  private func isNothing(_ value: PickleValue) -> Bool {
    switch value {
    case .none: true
    case .node(let index): nodes[index].kind == .dictionary && nodes[index].items.isEmpty
    default: false
    }
  }

  /// offset + Σ (dimension − 1) · stride.
  private func lastElement(
    _ first: Int, _ shape: [Int], _ strides: [Int]
  ) throws(PyTorchProblem) -> Int {
    var last = first
    for (dimension, stride) in zip(shape, strides) {
      let (distance, overflows) = (dimension - 1).multipliedReportingOverflow(by: stride)
      let (sum, overflowsToo) = last.addingReportingOverflow(distance)
      // One is added for the end.
      guard !overflows, !overflowsToo, sum < Int.max else { throw .tensorOverflow(offset: start) }
      last = sum
    }
    return last
  }

  private func isRowMajor(_ shape: [Int], _ strides: [Int]) -> Bool {
    var expected = 1
    for (dimension, stride) in zip(shape, strides).reversed() where dimension != 1 {
      guard stride == expected else { return false }
      expected *= dimension
    }
    return true
  }
}
