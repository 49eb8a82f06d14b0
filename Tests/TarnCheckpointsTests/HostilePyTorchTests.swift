import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnCheckpoints

extension HostileFile<PyTorchProblem> {
  /// An archive whose parts are wrong.
  init(_ name: String, _ problem: PyTorchProblem, zip change: (inout ZipWriter) -> Void) {
    var archive = torchArchive(PickleWriter.pair())
    change(&archive)
    self.init(name, archive.bytes, problem)
  }

  /// An archive with a pickle that is wrong; the problem knows where its last instruction stands.
  init(
    _ name: String, _ problem: (Int) -> PyTorchProblem,
    pickle write: (inout PickleWriter) -> Void
  ) {
    var pickle = PickleWriter()
    write(&pickle)
    self.init(name, torchArchive(pickle.bytes).bytes, problem(pickle.last))
  }

  /// An archive with a dictionary whose only tensor is wrong.
  init(
    tensor name: String, _ problem: (Int) -> PyTorchProblem,
    write: (inout PickleWriter) -> Void
  ) {
    self.init(name, problem) { pickle in
      pickle.op(.emptyDict)
      pickle.text("t")
      write(&pickle)
    }
  }

  /// A legacy file.
  init(_ name: String, _ problem: PyTorchProblem, legacy change: (inout LegacyWriter) -> Void) {
    var file = LegacyWriter()
    change(&file)
    self.init(name, file.bytes, problem)
  }
}

/// PyTorch files that break one rule each, with the error that names the rule.
@Suite struct HostilePyTorchTests {
  typealias Hostile = HostileFile<PyTorchProblem>

  /// A problem that does not depend on the place.
  private static func anywhere(_ problem: PyTorchProblem) -> (Int) -> PyTorchProblem {
    { _ in problem }
  }

  private static let wide = [UInt8](repeating: 0xFF, count: 8)
  private static let data = "archive/data/0"

  static let frames: [Hostile] = [
    Hostile("text", Array("no weights".utf8), .neitherZipNorPickle(found: 0x6E)),
    Hostile("one byte", [0x50], .neitherZipNorPickle(found: 0x50)),
    Hostile("a zip archive cut to its magic", [0x50, 0x4B, 3, 4], .noEndRecord),
    Hostile("the end record is cut off", .noEndRecord) { $0.isCommentMissing = true },
    Hostile("bytes follow the end record", torchArchive([]).bytes + [0], .noEndRecord),
    Hostile("the comment is shorter than it says", .noEndRecord) { $0.commentCount = 5 },
    Hostile("the comment is longer than it says", .noEndRecord) {
      $0.comment = [1, 2, 3]
      $0.commentCount = 2
    },
    Hostile("second volume", .severalVolumes) { $0.disk = 1 },
    Hostile("second volume in 64 bits", .severalVolumes) {
      $0.isWide = true
      $0.disk = 1
    },
    Hostile("some entries are elsewhere", .severalVolumes) { $0.countHere = 1 },
    Hostile("an entry is on another volume", .severalVolumes) { $0.entries[1].disk = 1 },
    Hostile("a count of all ones without 64-bit record", .invalidZip64Record) {
      $0.count = 0xFFFF
    },
    Hostile("an offset of all ones without 64-bit record", .invalidZip64Record) {
      $0.directoryOffset = 0xFFFF_FFFF
    },
    Hostile("64-bit record behind its locator", .invalidZip64Record) {
      $0.isWide = true
      $0.widePlace = 1 << 40
    },
    Hostile("64-bit record at 2^64 - 1", .invalidZip64Record) {
      $0.isWide = true
      $0.widePlace = .max
    },
    Hostile("64-bit record is none", .invalidZip64Record) {
      $0.isWide = true
      $0.wideSignature = 1
    },
    Hostile("64-bit record somewhere else", .invalidZip64Record) {
      $0.isWide = true
      $0.widePlace = 0
    },
    Hostile("two different counts", .invalidZip64Record) {
      $0.isWide = true
      $0.shortCount = 3
    },
    Hostile("directory begins behind the file", .directoryOutsideFile) {
      $0.directoryOffset = 0xFFFF_FFFE
    },
    Hostile("directory does not end at the end record", .directoryOutsideFile) {
      $0.directorySize = 46
    },
    Hostile("directory of 2^64 - 1 bytes", .directoryOutsideFile) {
      $0.isWide = true
      $0.directorySize = .max
    },
    Hostile("2^40 entries", .tooManyEntries(limit: FileLimits().archiveEntries)) {
      $0.isWide = true
      $0.count = 1 << 40
    },
    Hostile("an entry less than claimed", .invalidDirectoryEntry(index: 2)) { $0.count = 3 },
    Hostile("an entry more than claimed", .directoryTrailingBytes(count: 60)) { $0.count = 1 },
    Hostile("entries without signature", .invalidDirectoryEntry(index: 0)) {
      $0.directorySignature = 0
    },
    Hostile("a size of all ones without its field", .invalidDirectoryEntry(index: 1)) {
      $0.entries[1].size = 0xFFFF_FFFF
    },
    Hostile("a 64-bit field that is too short", .invalidDirectoryEntry(index: 1)) {
      $0.entries[1].size = 0xFFFF_FFFF
      $0.entries[1].extra = [1, 0, 4, 0, 1, 2, 3, 4]
    },
  ]

  static let entries: [Hostile] = [
    Hostile("compressed data", .compressedEntry(name: data, method: 8)) {
      $0.entries[1].method = 8
    },
    Hostile("compressed pickle", .compressedEntry(name: "archive/data.pkl", method: 8)) {
      $0.entries[0].method = 8
    },
    Hostile("encrypted data", .encryptedEntry(name: data)) { $0.entries[1].flags = 1 },
    Hostile(
      "two sizes of a stored entry",
      .entrySizesDiffer(name: data, compressed: 8, uncompressed: 1 << 30)
    ) { $0.entries[1].uncompressedSize = 1 << 30 },
    Hostile("an entry behind the file", .entryOutsideFile(name: data)) {
      $0.entries[1].offset = 0xFFFF_FFF0
    },
    Hostile("an entry at 2^64 - 1", .entryOutsideFile(name: data)) {
      $0.entries[1].offset = 0xFFFF_FFFF
      $0.entries[1].extra = [1, 0, 8, 0] + wide
    },
    Hostile("an entry that runs into the directory", .entryOutsideFile(name: data)) {
      $0.entries[1].size = 9
    },
    Hostile("an entry of 2^64 - 1 bytes", .entryOutsideFile(name: data)) {
      $0.entries[1].size = 0xFFFF_FFFF
      $0.entries[1].extra = [1, 0, 16, 0] + wide + wide
    },
    Hostile("no local header", .localHeaderDiffers(name: data, field: "signature")) {
      $0.entries[1].localSignature = 0
    },
    Hostile("two names", .localHeaderDiffers(name: data, field: "name")) {
      $0.entries[1].localName = "archive/data/1"
    },
    Hostile("two names of different length", .localHeaderDiffers(name: data, field: "name")) {
      $0.entries[1].localName = "archive/data/00"
    },
    Hostile("two methods", .localHeaderDiffers(name: data, field: "method")) {
      $0.entries[1].localMethod = 8
    },
    Hostile("two sets of flags", .localHeaderDiffers(name: data, field: "set of flags")) {
      $0.entries[1].localFlags = 8
    },
    Hostile("two sizes", .localHeaderDiffers(name: data, field: "size")) {
      $0.entries[1].localSize = 4
    },
    Hostile("two sizes before a descriptor", .localHeaderDiffers(name: data, field: "size")) {
      $0.entries[1].flags = 8
      $0.entries[1].localSize = 4
    },
    Hostile("a local size of all ones", .localHeaderDiffers(name: data, field: "size")) {
      $0.entries[1].localSize = 0xFFFF_FFFF
    },
    Hostile("two checksums", .localHeaderDiffers(name: data, field: "checksum")) {
      $0.entries[1].localChecksum = 7
    },
    Hostile("an entry inside another", .overlappingEntries(name: "archive/data/1")) {
      $0.entries.append(ZipEntry("archive/data/1", zeros(8)))
      $0.entries[1].size = 20
    },
    Hostile("an entry twice in one place", .overlappingEntries(name: data)) {
      let place = UInt64(30 + "archive/data.pkl".utf8.count + $0.entries[0].data.count)
      $0.entries.append($0.entries[1].with { $0.offset = place })
    },
    Hostile("two entries of one name", .duplicateEntry(name: data)) {
      $0.entries.append($0.entries[1])
    },
    Hostile("no pickle", .noPickleEntry) { $0.entries.removeFirst() },
    Hostile("no folder", .noPickleEntry) { $0.entries[0].name = "data.pkl" },
    Hostile("no entries", .noPickleEntry) { $0.entries = [] },
    Hostile(
      "the pickle was changed",
      .wrongChecksum(
        name: "archive/data.pkl", found: Checksum.crc32(PickleWriter.pair()), expected: 1)
    ) { $0.entries[0].checksum = 1 },
    Hostile("big-endian elements", .bigEndian) {
      $0.entries.append(ZipEntry("archive/byteorder", Array("big".utf8)))
    },
    Hostile("elements of no known order", .bigEndian) {
      $0.entries.append(ZipEntry("archive/byteorder", Array("middle".utf8)))
    },
    Hostile("two pickles in one entry", .trailingBytes(count: 5)) {
      $0.entries[0].data += [0x80, 2, 0x4E, 0x2E, 0]
    },
    Hostile("no data", .missingStorage(key: "0")) { $0.entries.removeLast() },
    Hostile("data in another folder", .missingStorage(key: "0")) {
      $0.entries[1].name = "other/data/0"
    },
    Hostile("data too short", .wrongStorageSize(key: "0", found: 7, expected: 8)) {
      $0.entries[1].data.removeLast()
    },
    Hostile("data too long", .wrongStorageSize(key: "0", found: 9, expected: 8)) {
      $0.entries[1].data.append(0)
    },
  ]

  private static func refused(_ opcode: PickleOpcode, _ operand: [UInt8] = []) -> Hostile {
    Hostile("the instruction \(opcode.name)", { .refusedOpcode(name: opcode.name, offset: $0) }) {
      $0.op(opcode, operand)
    }
  }

  static let instructions: [Hostile] = [
    refused(.proto, [2]), refused(.dup), refused(.float, Array("1.5\n".utf8)),
    refused(.int, Array("1\n".utf8)), refused(.long, Array("1L\n".utf8)),
    refused(.persID, Array("0\n".utf8)), refused(.string, Array("'a'\n".utf8)),
    refused(.unicode, Array("a\n".utf8)), refused(.get, Array("0\n".utf8)),
    refused(.put, Array("0\n".utf8)), refused(.inst, Array("os\nsystem\n".utf8)), refused(.obj),
    refused(.ext1, [1]), refused(.ext2, [1, 0]), refused(.ext4, [1, 0, 0, 0]),
    refused(.nextBuffer), refused(.readonlyBuffer),
    Hostile("no instruction", { .unknownOpcode(0xFF, offset: $0) }) { $0.raw(0xFF) },
    Hostile("a zero", { .unknownOpcode(0, offset: $0) }) { $0.raw(0) },
    Hostile("nothing but a protocol", anywhere(.pickleEnds(offset: 2))) { _ in },
    Hostile("an empty pickle", torchArchive([]).bytes, .pickleEnds(offset: 0)),
    Hostile("half a protocol", torchArchive([0x80]).bytes, .pickleEnds(offset: 1)),
    Hostile(
      "protocol 0", torchArchive(Array("(dp0\n.".utf8)).bytes, .unsupportedProtocol(found: nil)),
    Hostile("protocol 1", torchArchive([0x80, 1, 0x2E]).bytes, .unsupportedProtocol(found: 1)),
    Hostile("protocol 6", torchArchive([0x80, 6, 0x2E]).bytes, .unsupportedProtocol(found: 6)),
    Hostile("half an integer", { .pickleEnds(offset: $0 + 3) }) { $0.op(.binInt, [1, 2]) },
    Hostile("text of 4 GiB", { .pickleEnds(offset: $0 + 6) }) {
      $0.op(.binUnicode, [0xFF, 0xFF, 0xFF, 0xFF, 0x61])
    },
    Hostile("text of 2^64 - 1 bytes", { .pickleEnds(offset: $0 + 9) }) {
      $0.op(.binUnicode8, wide)
    },
    Hostile("text of 2^63 bytes", { .pickleEnds(offset: $0 + 9) }) {
      $0.op(.binUnicode8, littleEndian(1 << 63, 8))
    },
    Hostile("bytes of 2^64 - 1 bytes", { .pickleEnds(offset: $0 + 9) }) {
      $0.op(.binBytes8, wide)
    },
    Hostile("an integer of 4 GiB", { .pickleEnds(offset: $0 + 5) }) {
      $0.op(.long4, [0xFF, 0xFF, 0xFF, 0xFF])
    },
    Hostile("a frame of 2^64 - 1 bytes", { .pickleEnds(offset: $0 + 9) }) { $0.op(.frame, wide) },
    Hostile("a name without its line's end", { .pickleEnds(offset: $0 + 3) }) {
      $0.op(.global, Array("os".utf8))
    },
  ]

  static let stacks: [Hostile] = [
    Hostile("STOP without a value", { .wrongResultCount(0, offset: $0) }) { $0.op(.stop) },
    Hostile("STOP with two values", { .wrongResultCount(2, offset: $0) }) {
      $0.ops(.none, .none, .stop)
    },
    Hostile("STOP behind a mark", { .wrongResultCount(1, offset: $0) }) {
      $0.ops(.none, .mark, .stop)
    },
    Hostile("POP of nothing", { .stackEmpty(opcode: "POP", offset: $0) }) { $0.op(.pop) },
    Hostile("TUPLE2 of one", { .stackEmpty(opcode: "TUPLE2", offset: $0) }) {
      $0.ops(.none, .tuple2)
    },
    Hostile("TUPLE1 across a mark", { .stackEmpty(opcode: "TUPLE1", offset: $0) }) {
      $0.ops(.none, .mark, .tuple1)
    },
    Hostile("BINPUT of nothing", { .stackEmpty(opcode: "BINPUT", offset: $0) }) { $0.put(0) },
    Hostile("TUPLE without a mark", { .noMark(opcode: "TUPLE", offset: $0) }) {
      $0.ops(.none, .tuple)
    },
    Hostile("POP_MARK without a mark", { .noMark(opcode: "POP_MARK", offset: $0) }) {
      $0.op(.popMark)
    },
    Hostile("APPENDS to nothing", { .stackEmpty(opcode: "APPENDS", offset: $0) }) {
      $0.ops(.mark, .none, .appends)
    },
    Hostile(
      "APPEND to a dictionary",
      { .wrongOperand(opcode: "APPEND", offset: $0, expected: "a list") }
    ) { $0.ops(.emptyDict, .none, .append) },
    Hostile(
      "APPEND to a number", { .wrongOperand(opcode: "APPEND", offset: $0, expected: "a list") }
    ) { $0.ops(.newTrue, .none, .append) },
    Hostile(
      "SETITEM of a list",
      { .wrongOperand(opcode: "SETITEM", offset: $0, expected: "a dictionary") }
    ) { $0.ops(.emptyList, .none, .none, .setItem) },
    Hostile(
      "SETITEMS with a key alone",
      { .wrongOperand(opcode: "SETITEMS", offset: $0, expected: "keys with their values") }
    ) { $0.ops(.emptyDict, .mark, .none, .setItems) },
    Hostile(
      "DICT with a key alone",
      { .wrongOperand(opcode: "DICT", offset: $0, expected: "keys with their values") }
    ) { $0.ops(.mark, .none, .dict) },
    Hostile(
      "ADDITEMS to a tuple", { .wrongOperand(opcode: "ADDITEMS", offset: $0, expected: "a set") }
    ) { $0.ops(.emptyTuple, .mark, .none, .addItems) },
    Hostile("a value that was not stored", { .missingMemo(index: 3, offset: $0) }) { $0.get(3) },
    Hostile("value 2^32 - 1", { .missingMemo(index: 1 << 32 - 1, offset: $0) }) {
      $0.op(.longBinGet, [0xFF, 0xFF, 0xFF, 0xFF])
    },
    Hostile("a gap among the stored values", { .missingMemo(index: 4, offset: $0) }) {
      $0.op(.none)
      $0.put(5)
      $0.get(4)
    },
    Hostile(
      "a value stored at 2^32 - 1", { .tooMuchMemory(limit: 4 << 20, offset: $0) }
    ) {
      $0.op(.none)
      $0.op(.longBinPut, [0xFF, 0xFF, 0xFF, 0xFF])
    },
    Hostile("1025 marks", { .nestingTooDeep(limit: 1024, offset: $0) }) { pickle in
      for _ in 0...FileLimits().pickleNesting { pickle.op(.mark) }
    },
  ]

  private static func refusedCall(_ module: String, _ name: String) -> Hostile {
    Hostile(
      "a call of \(module).\(name)",
      { .refusedCall(function: "\(module).\(name)", offset: $0) }
    ) {
      $0.global(module, name)
      $0.text("echo")
      $0.ops(.tuple1, .reduce)
    }
  }

  static let calls: [Hostile] = [
    refusedCall("posix", "system"), refusedCall("os", "system"), refusedCall("nt", "system"),
    refusedCall("builtins", "eval"), refusedCall("builtins", "getattr"),
    refusedCall("__builtin__", "exec"), refusedCall("subprocess", "Popen"),
    refusedCall("torch", "load"), refusedCall("torch.hub", "load"),
    refusedCall("torch", "FloatStorage"), refusedCall("torch._utils", "_rebuild_tensor"),
    refusedCall("torch._utils", "_rebuild_tensor_v2 "), refusedCall("fairseqx", "call"),
    refusedCall("", ""), refusedCall("numpy.core.multiarray scalar", ""),
    Hostile(
      "a name put together", { .refusedCall(function: "os.system", offset: $0) }
    ) {
      $0.text("os")
      $0.text("system")
      $0.ops(.stackGlobal, .emptyTuple, .reduce)
    },
    Hostile(
      "a call of a name of a million bytes",
      {
        .refusedCall(
          function: String(repeating: "x", count: 200) + ".y", offset: $0)
      }
    ) {
      $0.global(String(repeating: "x", count: 1_000_000), "y")
      $0.ops(.emptyTuple, .reduce)
    },
    Hostile(
      "a call without arguments",
      {
        .wrongOperand(
          opcode: "REDUCE", offset: $0, expected: "a function and a tuple of arguments")
      }
    ) {
      $0.global("collections", "OrderedDict")
      $0.ops(.none, .reduce)
    },
    Hostile(
      "a call of a text",
      {
        .wrongOperand(
          opcode: "REDUCE", offset: $0, expected: "a function and a tuple of arguments")
      }
    ) {
      $0.text("OrderedDict")
      $0.ops(.emptyTuple, .reduce)
    },
    Hostile(
      "a name of numbers",
      {
        .wrongOperand(
          opcode: "STACK_GLOBAL", offset: $0, expected: "the texts of a module and a name")
      }
    ) { $0.ops(.newTrue, .newTrue, .stackGlobal) },
    Hostile(
      "an object of no class",
      { .wrongOperand(opcode: "NEWOBJ", offset: $0, expected: "a class and a tuple of arguments") }
    ) { $0.ops(.none, .emptyTuple, .newObj) },
    Hostile(
      "the state of a list", { .wrongOperand(opcode: "BUILD", offset: $0, expected: "an object") }
    ) { $0.ops(.emptyList, .none, .build) },
    Hostile(
      "the state of a class", { .wrongOperand(opcode: "BUILD", offset: $0, expected: "an object") }
    ) {
      $0.global("os", "environ")
      $0.ops(.none, .build)
    },
    Hostile(
      "an ordered dictionary of numbers",
      { .wrongOperand(opcode: "REDUCE", offset: $0, expected: "no argument or a list of pairs") }
    ) {
      $0.global("collections", "OrderedDict")
      $0.integers([1])
      $0.op(.reduce)
    },
    Hostile(
      "an ordered dictionary of single values",
      { .wrongOperand(opcode: "REDUCE", offset: $0, expected: "no argument or a list of pairs") }
    ) {
      $0.global("collections", "OrderedDict")
      $0.ops(.emptyList, .none, .tuple1, .append, .tuple1, .reduce)
    },
    Hostile(
      "a parameter of no tensor",
      { .invalidTensor(offset: $0, expected: "a tensor and two other values") }
    ) {
      $0.global("torch._utils", "_rebuild_parameter")
      $0.ops(.none, .newTrue, .none, .tuple3, .reduce)
    },
  ]

  private static func reference(_ offset: Int) -> PyTorchProblem {
    .invalidStorageReference(
      offset: offset, expected: "(\"storage\", type, key, location, count)")
  }

  private static func tensorArguments(_ offset: Int) -> PyTorchProblem {
    .invalidTensor(
      offset: offset,
      expected: "a storage, an offset, as many sizes as strides, at most 64, and no negative number"
    )
  }

  static let tensors: [Hostile] = [
    Hostile("a reference that is no tuple", reference) { $0.ops(.none, .binPersID) },
    Hostile("a reference to a module", reference) {
      $0.op(.mark)
      $0.text("module")
      $0.ops(.none, .none, .none, .none, .tuple, .binPersID)
    },
    Hostile("a reference of four values", reference) {
      $0.op(.mark)
      $0.text("storage")
      $0.global("torch", "FloatStorage")
      $0.text("0")
      $0.text("cpu")
      $0.ops(.tuple, .binPersID)
    },
    Hostile("a reference with a number as key", reference) {
      $0.op(.mark)
      $0.text("storage")
      $0.global("torch", "FloatStorage")
      $0.integer(0)
      $0.text("cpu")
      $0.integer(2)
      $0.ops(.tuple, .binPersID)
    },
    Hostile("a storage of -1 elements", reference) { $0.storage(count: -1) },
    Hostile("a key of 257 bytes", reference) {
      $0.storage(String(repeating: "0", count: 257), count: 2)
    },
    Hostile(
      "a quantized storage",
      { .unsupportedStorage(type: "torch.QInt8Storage", offset: $0) }
    ) { $0.storage("0", "QInt8Storage", count: 8) },
    Hostile(
      "a storage of a foreign type", { .unsupportedStorage(type: "torch.load", offset: $0) }
    ) { $0.storage("0", "load", count: 8) },
    Hostile("a storage of 2^62 floats", { .tensorOverflow(offset: $0) }) {
      $0.storage(count: 1 << 62)
    },
    Hostile("one storage with two sizes", { .conflictingStorage(key: "0", offset: $0) }) {
      $0.storage(count: 2)
      $0.storage(count: 3)
    },
    Hostile(
      "a view behind its storage",
      { .invalidStorageReference(offset: $0, expected: "a view that lies inside the storage") }
    ) { $0.storage(count: 2, view: (1, 2)) },
    Hostile(
      "a view at 2^63 - 1",
      { .invalidStorageReference(offset: $0, expected: "a view that lies inside the storage") }
    ) { $0.storage(count: 2, view: (.max, .max)) },
    Hostile(tensor: "a tensor without storage", tensorArguments) {
      $0.global("torch._utils", "_rebuild_tensor_v2")
      $0.ops(.mark, .none)
      $0.rebuild([2], [1], offset: 0)
    },
    Hostile(tensor: "a tensor of two arguments", tensorArguments) {
      $0.global("torch._utils", "_rebuild_tensor_v2")
      $0.ops(.none, .none, .tuple2, .reduce)
    },
    Hostile(tensor: "two sizes and one stride", tensorArguments) {
      $0.tensor([1, 2], [1], count: 2)
    },
    Hostile(tensor: "a negative size", tensorArguments) { $0.tensor([-1], [1], count: 2) },
    Hostile(tensor: "a negative stride", tensorArguments) { $0.tensor([2], [-1], count: 2) },
    Hostile(tensor: "a negative offset", tensorArguments) {
      $0.tensor([1], [1], offset: -1, count: 2)
    },
    Hostile(tensor: "65 dimensions", tensorArguments) {
      $0.tensor(
        [Int](repeating: 1, count: 65), [Int](repeating: 1, count: 65), count: 2)
    },
    Hostile(
      tensor: "more elements than the storage",
      { .tensorLargerThanStorage(offset: $0, elements: 3, available: 2) }
    ) { $0.tensor([3], [1], count: 2) },
    Hostile(
      tensor: "one element repeated 2^40 times",
      { .tensorLargerThanStorage(offset: $0, elements: 1 << 40, available: 2) }
    ) { $0.tensor([1 << 40], [0], count: 2) },
    Hostile(
      tensor: "a tensor that begins at the end",
      { .tensorOutsideStorage(offset: $0, end: 4, available: 2) }
    ) { $0.tensor([2], [1], offset: 2, count: 2) },
    Hostile(
      tensor: "a tensor whose gaps lead outside",
      { .tensorOutsideStorage(offset: $0, end: 5, available: 4) }
    ) { $0.tensor([2, 2], [3, 1], count: 4) },
    Hostile(tensor: "a stride of 2^63 - 1", { .tensorOverflow(offset: $0) }) {
      $0.tensor([2], [.max], offset: 1, count: 2)
    },
    Hostile(tensor: "strides whose product overflows", { .tensorOverflow(offset: $0) }) {
      $0.tensor([3], [.max / 2 + 1], count: 4)
    },
    Hostile(tensor: "sizes whose product overflows", { .tensorOverflow(offset: $0) }) {
      $0.tensor([1 << 32, 1 << 32], [1, 1], count: 2)
    },
    Hostile(tensor: "sizes that overflow behind a zero", { .tensorOverflow(offset: $0) }) {
      $0.tensor([0, 1 << 32, 1 << 32], [1, 1, 1], count: 2)
    },
    Hostile(
      tensor: "a tensor with metadata",
      { .invalidTensor(offset: $0, expected: "no metadata that change what elements mean") }
    ) {
      $0.global("torch._utils", "_rebuild_tensor_v2")
      $0.op(.mark)
      $0.storage(count: 2)
      $0.integer(0)
      $0.integers([2])
      $0.integers([1])
      $0.ops(.newFalse, .none, .emptyDict)
      $0.text("neg")
      $0.ops(.newTrue, .setItem, .tuple, .reduce)
    },
  ]

  private static func dictionary(
    _ name: String, _ found: String, _ write: (inout PickleWriter) -> Void
  ) -> Hostile {
    Hostile(name, anywhere(.noStateDictionary(found: found))) {
      write(&$0)
      $0.op(.stop)
    }
  }

  static let names: [Hostile] = [
    dictionary("a list of tensors", "list of 1") {
      $0.op(.emptyList)
      $0.tensor([2], [1], count: 2)
      $0.op(.append)
    },
    dictionary("a tensor alone", "a tensor of shape [2]") { $0.tensor([2], [1], count: 2) },
    dictionary("nothing", "None") { $0.op(.none) },
    dictionary("an empty dictionary", "an empty dict") { $0.op(.emptyDict) },
    dictionary("a whole module", "torch.nn.Linear") {
      $0.global("torch.nn", "Linear")
      $0.ops(.emptyTuple, .newObj, .emptyDict, .build)
    },
    dictionary("a class that writes to the terminal", "\"torch.\\u{1b}[31m\"") {
      $0.global("torch", "\u{1B}[31m")
      $0.ops(.emptyTuple, .newObj)
    },
    dictionary("a dictionary without tensors", "a dict of \"epoch\", \"model\"") {
      $0.ops(.emptyDict, .mark)
      $0.text("epoch")
      $0.integer(3)
      $0.text("model")
      $0.ops(.emptyDict, .setItems)
    },
    dictionary("a dictionary that holds itself", "a dict of \"model\"") {
      $0.op(.emptyDict)
      $0.put(0)
      $0.text("model")
      $0.get(0)
      $0.op(.setItem)
    },
    Hostile("a name that is a number", anywhere(.nameNotText)) {
      $0.op(.emptyDict)
      $0.integer(0)
      $0.tensor([2], [1], count: 2)
      $0.ops(.setItem, .stop)
    },
    Hostile("a name that is not UTF-8", anywhere(.nameNotText)) {
      $0.op(.emptyDict)
      $0.text8([0xC3, 0x28])
      $0.tensor([2], [1], count: 2)
      $0.ops(.setItem, .stop)
    },
    Hostile("two tensors of one name", anywhere(.duplicateTensor("t"))) {
      $0.ops(.emptyDict, .mark)
      $0.text("t")
      $0.tensor([2], [1], count: 2)
      $0.text("t")
      $0.tensor([2], [1], count: 2)
      $0.ops(.setItems, .stop)
    },
  ]

  private static let keyList = PyTorchProblem.wrongPart(
    name: "fifth pickle", expected: "a list of keys")

  static let legacy: [Hostile] = [
    Hostile("a pickle of no PyTorch", PickleWriter.pair(), .wrongMagicNumber),
    Hostile("a magic number of other bytes", .wrongMagicNumber) { $0.magic[9] = 0x1A },
    Hostile("a short magic number", .wrongMagicNumber) { $0.magic = [0x6C, 0xFC] },
    Hostile("version 1000", .unsupportedVersion(found: "1000")) { $0.version = 1000 },
    Hostile(
      "no description of the system",
      .wrongPart(name: "third pickle", expected: "a dict with \"little_endian\"")
    ) { $0.system = [0x80, 2, 0x4E, 0x2E] },
    Hostile("big-endian elements in a stream", .bigEndian) { $0.isLittleEndian = false },
    Hostile("no list of keys", keyList) { $0.keyList = [0x80, 2, 0x4E, 0x2E] },
    Hostile("keys that are numbers", keyList) {
      $0.keyList = [0x80, 2, 0x5D, 0x4B, 0, 0x61, 0x2E]
    },
    Hostile("a key that nobody refers to", .unknownStorage(key: "1")) { $0.keys = ["0", "1"] },
    Hostile("a key twice", .duplicateStorage(key: "0")) { $0.keys = ["0", "0"] },
    Hostile("a key that is missing", .missingStorage(key: "0")) {
      $0.keys = []
      $0.storages = []
    },
    Hostile("a stream that ends behind the keys", .storageBeyondFile(key: "0")) {
      $0.storages = []
    },
    Hostile("a count larger than the pickle's", .wrongStorageSize(key: "0", found: 12, expected: 8))
    { $0.storages = [(3, zeros(12))] },
    Hostile("a count of 2^63", .wrongStorageSize(key: "0", found: .max, expected: 8)) {
      $0.storages = [(1 << 63, zeros(8))]
    },
    Hostile("a count of 2^62", .wrongStorageSize(key: "0", found: .max, expected: 8)) {
      $0.storages = [(1 << 62, zeros(8))]
    },
    Hostile("elements that are cut off", .storageBeyondFile(key: "0")) {
      $0.storages = [(2, zeros(7))]
    },
    Hostile("bytes behind the elements", .trailingBytes(count: 1)) {
      $0.storages = [(2, zeros(9))]
    },
    Hostile("a stream cut in its fourth pickle", .pickleEnds(offset: 100)) { file in
      file.pickle = Array(file.pickle.prefix(100 - file.prefix.count))
      file.keyList = []
      file.storages = []
    },
    Hostile(
      "a call in a stream", .refusedCall(function: "posix.getcwd", offset: 69)
    ) { file in
      var pickle = PickleWriter()
      pickle.global("posix", "getcwd")
      pickle.ops(.emptyTuple, .reduce)
      file.pickle = pickle.bytes
    },
  ]

  static let all = [
    frames, entries, instructions, stacks, calls, tensors, names, legacy,
  ].flatMap(\.self)

  private func problem(_ bytes: [UInt8]) -> CheckpointError? {
    do {
      _ = try PyTorchFile(bytes: bytes, named: "directory/x.bin")
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: all)
  func hostileFileGivesItsNamedError(_ hostile: Hostile) throws {
    let name = "x.bin"
    try hostile.expectRefusal(
      .invalidPyTorch(file: name, hostile.problem), named: name
    ) { (bytes) throws(CheckpointError) in
      try PyTorchFile(bytes: bytes, named: "directory/" + name)
    } _: { (path, loading) throws(CheckpointError) in
      try PyTorchFile(path: path, loading: loading)
    }
  }

  /// The tool reads hostile files as the library does.
  @Test(.enabled(if: CheckSize.requested != .quick))
  func theToolRefusesEveryHostileFileOnOneLine() throws {
    let files =
      Self.all.map { ($0.testDescription, $0.bytes) }
      + HostileSafetensorsTests.all.map { ($0.testDescription, $0.bytes) }
    let folder = try TemporaryDirectory()
    for (name, bytes) in files {
      let path = try folder.write("weights", bytes)
      let result = try tarn(["inspect", path])
      #expect(result.isRefusal, "\(name): \(result)")
    }
  }

  @Test func theUnchangedFilesAreRead() throws {
    for bytes in [torchArchive(PickleWriter.pair()).bytes, LegacyWriter().bytes] {
      let file = try PyTorchFile(bytes: bytes, named: "x")
      #expect(file.tensors.map(\.name) == ["t"])
      #expect(try file.floats(of: file.tensors[0]) == [0, 0])
    }
  }

  @Test func everyPrefixOfAValidFileIsRefused() {
    for bytes in [torchArchive(PickleWriter.pair()).bytes, LegacyWriter().bytes] {
      for count in 0..<bytes.count {
        #expect(problem(Array(bytes[..<count])) != nil, "\(count) of \(bytes.count) bytes")
      }
    }
  }

  @Test func theHostileFixturesAreRefusedByTheNameOfTheirCall() throws {
    for (name, offset) in [("hostile_call.pt", 212), ("hostile_legacy.pt", 365)] {
      let path = fixturePath("pyramidion/checkpoint-pt/\(name)")
      #expect(
        throws: CheckpointError.invalidPyTorch(
          file: name, .refusedCall(function: "posix.getcwd", offset: offset))
      ) { try PyTorchFile(path: path) }
    }
  }

  /// A byte makes a list: without a limit, values would take many times the size of the file.
  @Test(arguments: [PickleOpcode.emptyList, .none, .emptyDict, .emptyTuple])
  func valuesTakeNoMoreMemoryThanTheFile(opcode: PickleOpcode) {
    let pickle = [0x80, 2] + [UInt8](repeating: opcode.rawValue, count: 5 << 20) + [0x2E]
    let archive = torchArchive(pickle).bytes
    let elapsed = ContinuousClock().measure {
      guard case .invalidPyTorch(_, .tooMuchMemory(let limit, _))? = problem(archive) else {
        Issue.record("expected the limit")
        return
      }
      #expect(limit == archive.count)
    }
    #expect(elapsed < .seconds(2) * slowdown)
  }

  /// A container in a container in a container: nothing recurses.
  @Test func deepValuesAreNoHarm() throws {
    var pickle = PickleWriter()
    pickle.op(.emptyDict)
    pickle.op(.mark)
    pickle.text("deep")
    pickle.op(.emptyTuple)
    for _ in 0..<20_000 { pickle.op(.tuple1) }
    pickle.text("t")
    pickle.tensor([2], [1], count: 2)
    pickle.ops(.setItems, .stop)
    let file = try PyTorchFile(bytes: torchArchive(pickle.bytes).bytes, named: "x")
    #expect(file.tensors.map(\.name) == ["t"])
  }
}
