internal import TarnSystem

/// The dictionary of tensors inside what a pickle holds.
struct StateDictionary {
  /// Names with places in ``PickleMachine/tensors``, in the order of the dictionary.
  private(set) var tensors: [(name: TensorName, tensor: Int)] = []
  /// Position of each name.
  private(set) var index: [TensorName: Int] = [:]
  /// What stands beside the dictionary, in a few words each.
  private(set) var metadata = JSONObject()
  /// The arguments of a training run beside the dictionary; see ``TensorFile/arguments``.
  private(set) var arguments: JSONObject?

  /// Finds the dictionary.
  ///
  /// - Parameters:
  ///   - root: what the pickle holds.
  ///   - path: keys that lead to the dictionary; nil: the first of
  ///     ``PyTorchFile/stateDictionaryKeys`` that holds a dictionary with tensors, failing that the
  ///     root itself.
  ///   - machine: has followed the pickle.
  /// - Throws: the rule that is broken.
  init(
    _ root: PickleValue, path: [String]?, _ machine: inout PickleMachine
  ) throws(PyTorchProblem) {
    guard let top = machine.items(of: root) else {
      throw .noStateDictionary(found: machine.summary(root))
    }
    if let path {
      var items = top
      for key in path {
        guard let next = machine.items(of: machine.value(items, key)) else {
          throw .noStateDictionary(found: "no dictionary under \(quoted(key))")
        }
        items = next
      }
      try read(items, &machine)
      return
    }
    let key = PyTorchFile.stateDictionaryKeys.first { key in
      machine.items(of: machine.value(top, key)).map(machine.hasTensors) ?? false
    }
    if let key, let items = machine.items(of: machine.value(top, key)) {
      try read(items, &machine)
      try describe(top, without: key, &machine)
      try readArguments(top, &machine)
    } else if machine.hasTensors(top) {
      try read(top, &machine)
    } else {
      let keys = stride(from: 0, to: top.count, by: 2).prefix(8).map { machine.summary(top[$0]) }
      throw .noStateDictionary(
        found: keys.isEmpty ? "an empty dict" : "a dict of " + keys.joined(separator: ", "))
    }
  }

  private mutating func read(
    _ items: [PickleValue], _ machine: inout PickleMachine
  ) throws(PyTorchProblem) {
    for position in stride(from: 0, to: items.count, by: 2) {
      guard case .tensor(let tensor) = items[position + 1] else { continue }
      guard case .text(let slice) = items[position], let text = machine.text(slice) else {
        throw .nameNotText
      }
      // For the name here, in the index and in the list that the file keeps.
      try machine.charge(2 * text.utf8.count + 512)
      let name = TensorName(text)
      guard index.updateValue(tensors.count, forKey: name) == nil else {
        throw .duplicateTensor(name)
      }
      tensors.append((name, tensor))
    }
  }

  private mutating func describe(
    _ items: [PickleValue], without key: String, _ machine: inout PickleMachine
  ) throws(PyTorchProblem) {
    for position in stride(from: 0, to: items.count, by: 2)
    where !machine.isText(items[position], key) {
      guard case .text(let slice) = items[position], slice.count <= 256 else { continue }
      try machine.charge(1024)
      let name = String(decoding: machine.bytes[slice.range], as: UTF8.self)
      metadata[name] = .string(machine.summary(items[position + 1]))
    }
  }

  /// `args`, or if that is None `model` of `cfg`: a namespace or a dictionary.
  private mutating func readArguments(
    _ top: [PickleValue], _ machine: inout PickleMachine
  ) throws(PyTorchProblem) {
    let configuration = machine.items(of: machine.value(top, "cfg"))
    let candidates = [
      machine.value(top, "args"), configuration.flatMap { machine.value($0, "model") },
    ]
    guard let items = candidates.compactMap({ machine.attributes(of: $0) }).first else {
      return
    }
    var arguments = JSONObject()
    for position in stride(from: 0, to: items.count, by: 2) {
      guard case .text(let slice) = items[position], slice.count <= 256 else { continue }
      try machine.charge(1024)
      let name = String(decoding: machine.bytes[slice.range], as: UTF8.self)
      arguments[name] = try machine.json(items[position + 1])
    }
    self.arguments = arguments
  }
}

extension PickleMachine {
  /// What a namespace has been given, or the items of a dictionary.
  fileprivate func attributes(of value: PickleValue?) -> [PickleValue]? {
    guard case .node(let index)? = value else { return nil }
    switch nodes[index].kind {
    case .dictionary: return nodes[index].items
    case .object: return items(of: nodes[index].state)
    case .list, .tuple, .set: return nil
    }
  }

  /// A value as JSON has it, lists of scalars included; what has no such form in a few words.
  fileprivate mutating func json(_ value: PickleValue) throws(PyTorchProblem) -> JSONValue {
    if case .node(let index) = value, [.list, .tuple].contains(nodes[index].kind) {
      let items = nodes[index].items
      var elements: [JSONValue] = []
      for item in items {
        guard let element = try scalar(item) else { return .string(summary(value)) }
        elements.append(element)
      }
      return .array(elements)
    }
    return try scalar(value) ?? .string(summary(value))
  }

  /// A value that is no container.
  private mutating func scalar(_ value: PickleValue) throws(PyTorchProblem) -> JSONValue? {
    try charge(512)
    switch value {
    case .none: return .null
    case .boolean(let value): return .boolean(value)
    case .integer(let value): return .integer(value)
    case .float(let value): return JSONNumber(value).map { .number($0) }
    case .text(let slice) where slice.count <= 4096:
      try charge(3 * Int(slice.count))
      return text(slice).map { .string($0) }
    default: return nil
    }
  }

  /// Keys and values of a dictionary, or nil for another value.
  func items(of value: PickleValue?) -> [PickleValue]? {
    guard case .node(let index)? = value, nodes[index].kind == .dictionary else { return nil }
    return nodes[index].items
  }

  /// The value of a key; of a key that occurs twice the last counts, as in Python.
  func value(_ items: [PickleValue], _ key: String) -> PickleValue? {
    stride(from: 0, to: items.count, by: 2).reversed().first { isText(items[$0], key) }
      .map { items[$0 + 1] }
  }

  fileprivate func hasTensors(_ items: [PickleValue]) -> Bool {
    stride(from: 1, to: items.count, by: 2).contains {
      if case .tensor = items[$0] { true } else { false }
    }
  }

  /// A value in a few words.
  func summary(_ value: PickleValue) -> String {
    switch value {
    case .none: "None"
    case .boolean(let value): value ? "True" : "False"
    case .integer(let value): String(value)
    case .largeInteger(let slice): "an integer of \(slice.count) bytes"
    case .float(let value): value.description
    case .text(let slice):
      quoted(String(decoding: bytes[slice.range].prefix(200), as: UTF8.self))
    case .bytes(let slice): "\(slice.count) bytes"
    case .global(let index): printable(name(ofGlobal: index))
    case .storage: "a storage"
    case .tensor(let index): "a tensor of shape \(listed(tensors[index].shape))"
    case .node(let index):
      switch nodes[index].kind {
      case .list: "list of \(nodes[index].items.count)"
      case .tuple: "tuple of \(nodes[index].items.count)"
      case .dictionary: "dict of \(nodes[index].items.count / 2)"
      case .set: "set"
      case .object: printable(name(ofGlobal: nodes[index].className))
      }
    }
  }
}
