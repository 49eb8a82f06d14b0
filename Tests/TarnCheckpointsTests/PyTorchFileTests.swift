import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnCheckpoints

/// All elements of a tensor as bytes.
func elements(of tensor: TensorInfo, in file: TensorFile) -> [UInt8] {
  file.withBytes(of: tensor) { span in
    (0..<span.byteCount).map { span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
  }
}

/// What PyTorch's own files hold, beside the same tensors as safetensors.
@Suite struct PyTorchFileTests {
  /// A PyTorch file, its container, the file with the same tensors, and tensors that it has beside.
  struct Fixture: Sendable, CustomTestStringConvertible {
    let path: String
    let format: String
    let expected: String
    var more: [TensorName] = []
    var testDescription: String { path }
  }

  static let fixtures =
    [
      Fixture(
        path: "ponet/weights_zip/pytorch_model.bin", format: "PyTorch (zip)",
        expected: "ponet/weights_zip/model.safetensors",
        more: [
          "ponet.embeddings.position_ids", "cls.predictions.decoder.weight",
          "cls.predictions.decoder.bias",
        ]),
      Fixture(
        path: "ponet/weights_legacy/pytorch_model.bin", format: "PyTorch (legacy)",
        expected: "ponet/weights_legacy/model.safetensors", more: ["embeddings.position_ids"]),
    ]
    + [("args", "zip"), ("cfg", "zip"), ("2021", "zip"), ("legacy", "legacy")].map {
      Fixture(
        path: "pyramidion/checkpoint-pt/checkpoint_\($0).pt", format: "PyTorch (\($1))",
        expected: "pyramidion/checkpoint-pt/model.safetensors")
    }

  @Test(arguments: fixtures, [Loading.mapped, .read])
  func fixturesHoldTheTensorsOfTheirSafetensors(_ fixture: Fixture, loading: Loading) throws {
    let file = try PyTorchFile(path: fixturePath(fixture.path), loading: loading)
    let expected = try SafetensorsFile(path: fixturePath(fixture.expected))
    #expect(file.format == fixture.format)
    for tensor in expected.tensors {
      let found = try #require(file[tensor.name], "\(tensor.name)")
      #expect(found.shape == tensor.shape, "\(tensor.name)")
      #expect(found.elementType == tensor.elementType, "\(tensor.name)")
      #expect(found.byteCount == tensor.byteCount, "\(tensor.name)")
      #expect(
        elements(of: found, in: file) == elements(of: tensor, in: expected), "\(tensor.name)")
    }
    let rest = file.tensors(notIn: Set(expected.tensors.map(\.name)))
    #expect(rest.map(\.name) == fixture.more)
  }

  @Test func mappedReadAndInMemoryGiveTheSameTensors() throws {
    for fixture in Self.fixtures {
      let path = fixturePath(fixture.path)
      let files = [
        try PyTorchFile(path: path, loading: .mapped), try PyTorchFile(path: path, loading: .read),
        try PyTorchFile(bytes: contents(path), named: path),
      ]
      for file in files {
        #expect(file.tensors == files[0].tensors)
        #expect(file.path == path)
        #expect(file.metadata.encodedText == files[0].metadata.encodedText)
        for tensor in file.tensors {
          #expect(elements(of: tensor, in: file) == elements(of: tensor, in: files[0]))
        }
      }
    }
  }

  @Test func tiedTensorsShareTheirBytes() throws {
    let file = try PyTorchFile(path: fixturePath("ponet/weights_zip/pytorch_model.bin"))
    let table = try #require(file["ponet.embeddings.word_embeddings.weight"])
    let decoder = try #require(file["cls.predictions.decoder.weight"])
    #expect(decoder.byteRange == table.byteRange)
    let positions = try #require(file["ponet.embeddings.position_ids"])
    #expect(positions.elementType == .int64)
    #expect(try file.integers(of: positions) == Array(0..<positions.elementCount))
  }

  @Test func aTransposedTensorHasItsStrides() throws {
    let file = try PyTorchFile(path: fixturePath("ponet/weights_legacy/pytorch_model.bin"))
    #expect(file.tensors.filter { $0.strides != nil }.count == 1)
    #expect(file.metadata.members.isEmpty)
  }

  /// checkpoint_args.pt: a Namespace, a Parameter, a numpy scalar, a set, bytes, a 71-bit integer.
  @Test func otherTypesAndPlacesAreRead() throws {
    let path = fixturePath("pyramidion/checkpoint-pt/checkpoint_args.pt")
    let extra = try SafetensorsFile(
      path: fixturePath("pyramidion/checkpoint-pt/extra.safetensors"))
    let root = try PyTorchFile(path: path, stateDictionary: [])
    let inner = try PyTorchFile(path: path, stateDictionary: ["cfg"])
    for name: TensorName in ["half", "bf16", "f64", "empty", "scalar"] {
      let (found, expected) = (try #require(root[name]), try #require(extra[name]))
      #expect(found.elementType == expected.elementType, "\(name)")
      #expect(found.shape == expected.shape, "\(name)")
      #expect(elements(of: found, in: root) == elements(of: expected, in: extra), "\(name)")
    }
    for name: TensorName in ["ids", "bits"] {
      let (found, expected) = (try #require(inner[name]), try #require(extra[name]))
      #expect(found.shape == expected.shape, "\(name)")
      #expect(try inner.integers(of: found) == extra.integers(of: expected), "\(name)")
    }
    #expect(inner["bits"]?.elementType == .bool)
    #expect(root.metadata.members.isEmpty)
    #expect(
      throws: CheckpointError.invalidPyTorch(
        file: "checkpoint_args.pt", .noStateDictionary(found: "no dictionary under \"args\""))
    ) { try PyTorchFile(path: path, stateDictionary: ["args"]) }
  }

  @Test func whatStandsBesideTheTensorsIsNamed() throws {
    let file = try PyTorchFile(
      path: fixturePath("pyramidion/checkpoint-pt/checkpoint_args.pt"))
    #expect(file.metadata["args"]?.string == "argparse.Namespace")
    #expect(file.metadata["model"] == nil)
    #expect(file.metadata["half"]?.string?.hasPrefix("a tensor of shape ") == true)
    #expect(file.metadata["optimizer_history"]?.string == "list of 2")
  }

  // MARK: Hand-made files

  private func open(_ pickle: PickleWriter, _ data: [UInt8] = Array(0..<64)) throws -> PyTorchFile {
    try PyTorchFile(bytes: torchArchive(pickle.bytes, ["0": data]).bytes, named: "x")
  }

  /// A dictionary of bytes: shape, strides, offset for each.
  private func bytes(_ tensors: [(shape: [Int], strides: [Int], offset: Int)]) throws -> PyTorchFile
  {
    var pickle = PickleWriter()
    pickle.ops(.emptyDict, .mark)
    for (number, tensor) in tensors.enumerated() {
      pickle.text(String(number))
      pickle.tensor(
        tensor.shape, tensor.strides, offset: tensor.offset, type: "ByteStorage", count: 64)
    }
    pickle.ops(.setItems, .stop)
    return try open(pickle)
  }

  @Test func viewsAreBroughtIntoOrder() throws {
    let file = try bytes([
      ([2, 3], [1, 2], 0), ([2, 3], [3, 1], 7), ([2, 2, 2], [1, 8, 2], 1), ([3], [20], 3),
      ([], [], 63), ([1, 1], [999, 77], 5), ([2, 0], [1, 1], 1 << 40), ([2, 1, 2], [2, 55, 1], 0),
      ([4, 2], [0, 1], 9), ([2, 2], [4, 1], 0),
    ])
    let expected: [[UInt8]] = [
      [0, 2, 4, 1, 3, 5], [7, 8, 9, 10, 11, 12], [1, 3, 9, 11, 2, 4, 10, 12], [3, 23, 43], [63],
      [5], [], [0, 1, 2, 3], [9, 10, 9, 10, 9, 10, 9, 10], [0, 1, 4, 5],
    ]
    for (tensor, expected) in zip(file.tensors, expected) {
      #expect(elements(of: tensor, in: file) == expected, "\(tensor)")
      #expect(tensor.byteCount == expected.count)
      #expect(try file.integers(of: tensor) == expected.map { Int($0) })
    }
    #expect(
      file.tensors.map { $0.strides != nil }
        == [true, false, true, true, false, false, false, false, true, true])
  }

  @Test func viewsOfAnyShapeAgreeWithThePlainLoop() throws {
    var generator = SplitMix64(seed: 11)
    for round in 0..<300 {
      let shape = (0..<generator.below(5)).map { _ in 1 + generator.below(3) }
      let strides = shape.map { _ in generator.below(7) }
      let last = zip(shape, strides).reduce(0) { $0 + ($1.0 - 1) * $1.1 }
      let count = shape.reduce(1, *)
      guard last < 64, count <= 64 else { continue }
      let offset = generator.below(64 - last)
      let file = try bytes([(shape, strides, offset)])
      var expected: [UInt8] = []
      for flat in 0..<count {
        var rest = flat
        var place = offset
        for (size, stride) in zip(shape, strides).reversed() {
          place += rest % size * stride
          rest /= size
        }
        expected.append(UInt8(place))
      }
      #expect(
        elements(of: file.tensors[0], in: file) == expected,
        "seed 11 round \(round): \(shape) \(strides) \(offset)")
    }
  }

  static let types: [(String, ElementType)] = [
    ("DoubleStorage", .float64), ("FloatStorage", .float32), ("HalfStorage", .float16),
    ("BFloat16Storage", .bfloat16), ("LongStorage", .int64), ("IntStorage", .int32),
    ("ShortStorage", .int16), ("CharStorage", .int8), ("ByteStorage", .uint8),
    ("BoolStorage", .bool), ("ComplexFloatStorage", .complex64),
  ]

  @Test(arguments: types)
  func everyTypeIsRead(name: String, type: ElementType) throws {
    let size = type.bitWidth / 8
    var pickle = PickleWriter()
    pickle.ops(.emptyDict, .mark)
    pickle.text("plain")
    pickle.tensor([3], [1], offset: 1, type: name, count: 64 / size)
    pickle.text("transposed")
    pickle.tensor([2, 2], [1, 2], offset: 0, type: name, count: 64 / size)
    pickle.ops(.setItems, .stop)
    let file = try open(pickle)
    let plain = try #require(file["plain"])
    #expect(plain.elementType == type)
    #expect(elements(of: plain, in: file) == (size..<4 * size).map { UInt8($0) })
    let transposed = [0, 2, 1, 3].flatMap { place in
      (0..<size).map { UInt8(place * size + $0) }
    }
    #expect(elements(of: try #require(file["transposed"]), in: file) == transposed)
  }

  @Test func storagesOfOneKeyMayBeReadAsTwoTypes() throws {
    var pickle = PickleWriter()
    pickle.ops(.emptyDict, .mark)
    pickle.text("a")
    pickle.tensor([16], [1], count: 16)
    pickle.text("b")
    pickle.tensor([8], [1], type: "LongStorage", count: 8)
    pickle.ops(.setItems, .stop)
    let file = try open(pickle)
    #expect(file["a"]?.byteRange == file["b"]?.byteRange)
  }

  @Test func viewsOfOldStreamsAreRead() throws {
    var file = LegacyWriter()
    var pickle = PickleWriter()
    pickle.ops(.emptyDict, .mark)
    pickle.text("whole")
    pickle.tensor([4], [1], type: "ByteStorage", count: 4, isLegacy: true)
    pickle.text("part")
    pickle.tensor([1], [1], offset: 1, type: "ByteStorage", count: 4, view: (2, 2))
    pickle.ops(.setItems, .stop)
    file.pickle = pickle.bytes
    file.storages = [(4, [5, 6, 7, 8])]
    let opened = try PyTorchFile(bytes: file.bytes, named: "x")
    #expect(try opened.integers(of: #require(opened["whole"])) == [5, 6, 7, 8])
    #expect(try opened.integers(of: #require(opened["part"])) == [8])
  }

  /// The pickles of a stream end where nobody says: beyond the first MiB, more is read.
  @Test func longPicklesOfStreamsAreRead() throws {
    var file = LegacyWriter()
    var pickle = PickleWriter()
    pickle.ops(.emptyDict, .mark)
    pickle.text("note")
    pickle.text(String(repeating: "x", count: 3 << 20))
    pickle.text("t")
    pickle.tensor([2], [1], count: 2, isLegacy: true)
    pickle.ops(.setItems, .stop)
    file.pickle = pickle.bytes
    #expect(try PyTorchFile(bytes: file.bytes, named: "x").tensors.map(\.name) == ["t"])
  }

  @Test func wideArchivesAreRead() throws {
    var archive = torchArchive(PickleWriter.pair())
    archive.isWide = true
    #expect(try PyTorchFile(bytes: archive.bytes, named: "x").tensors.count == 1)
    archive.isWide = false
    archive.comment = Array("written by hand".utf8)
    archive.entries[1].size = 0xFFFF_FFFF
    archive.entries[1].extra =
      [7, 0, 1, 0, 9] + [1, 0, 16, 0] + littleEndian(8, 8) + littleEndian(8, 8)
    archive.entries[1].localExtra = [1, 0, 16, 0] + littleEndian(8, 8) + littleEndian(8, 8)
    #expect(try PyTorchFile(bytes: archive.bytes, named: "x").tensors.count == 1)
    // With bit 3 the numbers follow the data.
    archive.entries[1] = ZipEntry("archive/data/0", zeros(8)).with {
      $0.flags = 8
      $0.localSize = 0
      $0.localChecksum = 0
    }
    archive.entries.append(ZipEntry("archive/byteorder", Array("little".utf8)))
    #expect(try PyTorchFile(bytes: archive.bytes, named: "x").tensors.count == 1)
  }

  /// Protocol 4 and 5: frames, short texts, MEMOIZE, STACK_GLOBAL.
  @Test func laterProtocolsAreRead() throws {
    var pickle = PickleWriter(protocol: 4)
    pickle.op(.frame, littleEndian(9, 8))
    pickle.ops(.emptyDict, .memoize, .mark)
    pickle.op(.shortBinUnicode, [1] + Array("t".utf8))
    pickle.op(.memoize)
    pickle.text("torch._utils")
    pickle.text("_rebuild_tensor_v2")
    pickle.ops(.stackGlobal, .memoize, .mark)
    pickle.storage(count: 2)
    pickle.rebuild([2], [1], offset: 0)
    pickle.text("more")
    pickle.get(0)
    pickle.text("set")
    pickle.ops(.emptySet, .mark, .none, .addItems)
    pickle.text("frozen")
    pickle.ops(.mark, .newTrue, .frozenSet)
    pickle.text("object")
    pickle.global("fairseq.data", "Thing")
    pickle.ops(.emptyTuple, .emptyDict, .newObjEx)
    pickle.text("bytes")
    pickle.op(.binBytes8, littleEndian(2, 8) + [1, 2])
    pickle.ops(.setItems, .stop)
    let file = try open(pickle, zeros(8))
    #expect(file.tensors.map(\.name) == ["t"])
  }

  @Test func objectsOfOtherClassesStayNames() throws {
    var pickle = PickleWriter()
    pickle.ops(.emptyDict, .mark)
    pickle.text("state_dict")
    pickle.global("collections", "OrderedDict")
    pickle.ops(.emptyTuple, .reduce, .emptyDict, .build)
    pickle.text("t")
    pickle.tensor([2], [1], count: 2)
    pickle.op(.setItem)
    pickle.text("object")
    pickle.global("os", "environ")
    pickle.ops(.emptyTuple, .newObj, .emptyDict, .build)
    pickle.text("function")
    pickle.global("posix", "system")
    pickle.text("enumeration")
    pickle.global("fairseq.dataclass.constants", "Choice")
    pickle.text("a")
    pickle.ops(.tuple1, .reduce)
    pickle.text("counted")
    pickle.global("collections", "defaultdict")
    pickle.ops(.emptyTuple, .reduce, .mark, .newTrue, .none, .setItems)
    pickle.text("epoch")
    pickle.integer(-3)
    pickle.text("loss")
    pickle.op(.binFloat, [0x3F, 0xF8, 0, 0, 0, 0, 0, 0])
    pickle.text("large")
    pickle.op(.long1, [9] + zeros(9))
    pickle.text("name")
    pickle.text("a\u{1B}[31m")
    pickle.ops(.setItems, .stop)
    let file = try open(pickle, zeros(8))
    #expect(file.tensors.map(\.name) == ["t"])
    let expected: KeyValuePairs = [
      "object": "os.environ", "function": "posix.system",
      "enumeration": "fairseq.dataclass.constants.Choice", "counted": "collections.defaultdict",
      "epoch": "-3", "loss": "1.5", "large": "an integer of 9 bytes",
      "name": "\"a\\u{1b}[31m\"",
    ]
    #expect(file.metadata.members.map(\.key) == expected.map(\.key))
    #expect(file.metadata.members.map { $0.value.string ?? "" } == expected.map(\.value))
  }

  /// The first of the known keys that holds tensors, then the root.
  @Test func theDictionaryOfTensorsIsFoundByRule() throws {
    func names(_ write: (inout PickleWriter) -> Void) throws -> [TensorName] {
      var pickle = PickleWriter()
      pickle.ops(.emptyDict, .mark)
      write(&pickle)
      pickle.ops(.setItems, .stop)
      return try open(pickle, zeros(8)).tensors.map(\.name)
    }
    func dictionary(_ key: String, _ name: String?, _ pickle: inout PickleWriter) {
      pickle.text(key)
      pickle.op(.emptyDict)
      guard let name else { return }
      pickle.text(name)
      pickle.tensor([2], [1], count: 2)
      pickle.op(.setItem)
    }
    #expect(
      try names {
        dictionary("state_dict", "b", &$0)
        dictionary("model", "a", &$0)
      } == ["a"])
    #expect(
      try names {
        dictionary("model", nil, &$0)
        dictionary("state_dict", "b", &$0)
      } == ["b"])
    #expect(try names { dictionary("model_state_dict", "c", &$0) } == ["c"])
    #expect(try names { dictionary("module", "d", &$0) } == ["d"])
    // A key that occurs twice: the last counts, as in Python.
    #expect(
      try names {
        dictionary("model", "a", &$0)
        dictionary("model", "e", &$0)
      } == ["e"])
    // A tensor called "model" is a tensor; other values are passed over.
    #expect(
      try names {
        $0.text("model")
        $0.tensor([2], [1], count: 2)
        $0.text("note")
        $0.op(.none)
        $0.text("other")
        $0.tensor([], [], count: 2)
      } == ["model", "other"])
  }

  @Test func parametersAndPairsOfPython2AreRead() throws {
    var pickle = PickleWriter()
    pickle.global("collections", "OrderedDict")
    pickle.ops(.emptyList, .mark, .mark)
    pickle.op(.shortBinString, [1] + Array("t".utf8))
    pickle.global("torch._utils", "_rebuild_parameter")
    pickle.tensor([2], [1], count: 2)
    pickle.ops(.newTrue, .none, .tuple3, .reduce, .list, .appends, .tuple1, .reduce, .stop)
    #expect(try open(pickle, zeros(8)).tensors.map(\.name) == ["t"])
  }

  @Test func integersOfAnyLengthAreRead() throws {
    let cases: [([UInt8], Int)] = [
      ([], 0), ([5], 5), ([0xFF], -1), ([0x80, 0], 128), ([0, 0x80], -32768),
      ([UInt8](repeating: 0xFF, count: 7) + [0x7F], .max), (zeros(7) + [0x80], .min),
    ]
    for (digits, expected) in cases {
      var pickle = PickleWriter()
      pickle.op(.long1, [UInt8(digits.count)] + digits)
      pickle.op(.stop)
      var machine = PickleMachine(pickle.bytes, fileByteCount: 0, FileLimits())
      guard case .integer(let found) = try machine.run() else {
        Issue.record("\(digits) is no integer")
        continue
      }
      #expect(found == expected)
    }
  }

  @Test func theChecksumIsThatOfZip() {
    #expect(Checksum.crc32(Array("123456789".utf8)) == 0xCBF4_3926)
    #expect(Checksum.crc32([]) == 0)
  }

  @Test func filesAreOpenedByTheirFirstBytes() throws {
    for fixture in Self.fixtures {
      let file = try openTensorFile(path: fixturePath(fixture.path))
      #expect(file.format == fixture.format)
      #expect(try openTensorFile(path: fixturePath(fixture.expected)).format == "safetensors")
    }
    let directory = try TemporaryDirectory()
    // Whatever the length of its header, whose first byte may be that of a pickle.
    for padding in 0..<512 {
      var writer = SafetensorsWriter(metadata: ["x": String(repeating: "x", count: padding)])
      try writer.append("w", shape: [1], floats: [1])
      let path = directory.path + "/\(padding).safetensors"
      try writer.write(to: path)
      #expect(try openTensorFile(path: path).format == "safetensors", "\(padding)")
    }
    let path = try directory.write("x.bin", Array("no weights".utf8))
    #expect(throws: CheckpointError.self) { try openTensorFile(path: path) }
    #expect(throws: CheckpointError.isDirectory(path: directory.path)) {
      try openTensorFile(path: directory.path)
    }
  }

  @Test func argumentsOfFairseqAreKept() throws {
    for name in ["cfg", "2021", "legacy", "args"] {
      let path = fixturePath("pyramidion/checkpoint-pt/checkpoint_\(name).pt")
      let arguments = try #require(try PyTorchFile(path: path).arguments, "\(name)")
      #expect(arguments["arch"]?.string == "pyramidion_base")
      #expect(arguments["encoder_embed_dim"]?.int64 == 24)
      #expect(arguments["share_all_embeddings"]?.boolean == true)
      #expect(arguments["lr"]?.array?.compactMap(\.double) == [0.0005])
      #expect(arguments["adam_eps"]?.double == 1e-8)
      #expect(arguments["softmax_batch"]?.int64 == Int64.max)
      guard case .null? = arguments["max_tokens"] else {
        Issue.record("\(name): max_tokens")
        continue
      }
    }
    // Other files have none; text in safetensors that is no object is none either.
    let plain = fixturePath("ponet/weights_zip/pytorch_model.bin")
    #expect(try PyTorchFile(path: plain).arguments == nil)
    for (text, count) in [("{\"a\": [1]}", 1), ("[]", nil), ("{", nil), ("", nil)]
      as [(String, Int?)]
    {
      let folder = try TemporaryDirectory()
      var writer = SafetensorsWriter(metadata: ["args": text])
      try writer.append("x", shape: [], floats: [1])
      try writer.write(to: folder.path + "/x.safetensors")
      let file = try SafetensorsFile(path: folder.path + "/x.safetensors")
      #expect(file.arguments?.members.count == count)
    }
  }
}

extension JSONObject {
  fileprivate var encodedText: String { JSONValue.object(self).encoded() }
}
