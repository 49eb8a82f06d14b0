package import TarnCheckpoints

/// The bytes of an integer, least significant first.
package func littleEndian(_ value: UInt64, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
}

/// Writes a pickle one instruction at a time, right or wrong.
package struct PickleWriter {
  package private(set) var bytes: [UInt8]
  /// Where the last instruction stands.
  package private(set) var last = 0

  package init(protocol version: UInt8? = 2) {
    bytes = version.map { [PickleOpcode.proto.rawValue, $0] } ?? []
  }

  package mutating func op(_ opcode: PickleOpcode, _ operand: [UInt8] = []) {
    last = bytes.count
    bytes += [opcode.rawValue] + operand
  }

  package mutating func ops(_ opcodes: PickleOpcode...) {
    for opcode in opcodes { op(opcode) }
  }

  package mutating func raw(_ code: UInt8) {
    last = bytes.count
    bytes.append(code)
  }

  package mutating func text(_ text: String) {
    text8(Array(text.utf8))
  }

  package mutating func text8(_ text: [UInt8]) {
    op(.binUnicode, littleEndian(UInt64(text.count), 4) + text)
  }

  package mutating func integer(_ value: Int) {
    if (0..<256).contains(value) {
      op(.binInt1, [UInt8(value)])
    } else {
      op(.long1, [8] + littleEndian(UInt64(bitPattern: Int64(value)), 8))
    }
  }

  package mutating func integers(_ values: [Int]) {
    op(.mark)
    for value in values { integer(value) }
    op(.tuple)
  }

  package mutating func global(_ module: String, _ name: String) {
    op(.global, Array("\(module)\n\(name)\n".utf8))
  }

  package mutating func put(_ index: UInt8) { op(.binPut, [index]) }
  package mutating func get(_ index: UInt8) { op(.binGet, [index]) }

  /// A reference to a storage; in the legacy form a view, or None, follows.
  package mutating func storage(
    _ key: String = "0", _ type: String = "FloatStorage", count: Int, isLegacy: Bool = false,
    view: (Int, Int)? = nil
  ) {
    op(.mark)
    text("storage")
    global("torch", type)
    text(key)
    text("cpu")
    integer(count)
    if let view {
      op(.mark)
      text("view")
      integer(view.0)
      integer(view.1)
      op(.tuple)
    } else if isLegacy {
      op(.none)
    }
    ops(.tuple, .binPersID)
  }

  /// The arguments of a tensor behind its storage, and the call.
  package mutating func rebuild(_ shape: [Int], _ strides: [Int], offset: Int) {
    integer(offset)
    integers(shape)
    integers(strides)
    op(.newFalse)
    global("collections", "OrderedDict")
    ops(.emptyTuple, .reduce, .tuple, .reduce)
  }

  package mutating func tensor(
    _ shape: [Int], _ strides: [Int], offset: Int = 0, key: String = "0",
    type: String = "FloatStorage", count: Int, isLegacy: Bool = false, view: (Int, Int)? = nil
  ) {
    global("torch._utils", "_rebuild_tensor_v2")
    op(.mark)
    storage(key, type, count: count, isLegacy: isLegacy, view: view)
    rebuild(shape, strides, offset: offset)
  }

  /// A dictionary with one tensor of two floats under "t".
  package static func pair(isLegacy: Bool = false) -> [UInt8] {
    var pickle = PickleWriter()
    pickle.op(.emptyDict)
    pickle.text("t")
    pickle.tensor([2], [1], count: 2, isLegacy: isLegacy)
    pickle.ops(.setItem, .stop)
    return pickle.bytes
  }
}

/// An entry of a zip archive, and what is said of it where that is not the truth.
package struct ZipEntry {
  package var name: String
  package var data: [UInt8]
  package var flags = 0
  package var method = 0
  package var checksum: UInt32?
  /// In both headers.
  package var size: UInt64?
  package var uncompressedSize: UInt64?
  package var offset: UInt64?
  package var disk = 0
  /// In the directory.
  package var extra: [UInt8] = []
  /// Before the data; nil: as in the directory.
  package var localSignature: UInt64 = 0x0403_4B50
  package var localName: String?
  package var localFlags: Int?
  package var localMethod: Int?
  package var localChecksum: UInt32?
  package var localSize: UInt64?
  package var localExtra: [UInt8] = []

  package init(_ name: String, _ data: [UInt8]) {
    self.name = name
    self.data = data
  }

  package func with(_ change: (inout ZipEntry) -> Void) -> ZipEntry {
    var entry = self
    change(&entry)
    return entry
  }
}

/// Writes a zip archive, right or wrong.
package struct ZipWriter {
  package var entries: [ZipEntry]
  /// Whether 64-bit records are written, and the short ones then say nothing.
  package var isWide = false
  package var disk: UInt64 = 0
  package var countHere: UInt64?
  package var count: UInt64?
  package var directorySize: UInt64?
  package var directoryOffset: UInt64?
  package var directorySignature: UInt64 = 0x0201_4B50
  package var wideSignature: UInt64 = 0x0606_4B50
  package var widePlace: UInt64?
  /// Extra bytes of the short record: count and offset.
  package var shortCount: UInt64?
  package var comment: [UInt8] = []
  package var commentCount: Int?
  package var isCommentMissing = false

  package init(_ entries: [ZipEntry]) { self.entries = entries }

  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    var offsets: [Int] = []
    for entry in entries {
      offsets.append(bytes.count)
      let size = entry.localSize ?? entry.size ?? UInt64(entry.data.count)
      bytes += littleEndian(entry.localSignature, 4) + [20, 0]
      bytes += littleEndian(UInt64(entry.localFlags ?? entry.flags), 2)
      bytes += littleEndian(UInt64(entry.localMethod ?? entry.method), 2) + [0, 0, 0, 0]
      bytes += littleEndian(
        UInt64(entry.localChecksum ?? entry.checksum ?? Checksum.crc32(entry.data)), 4)
      bytes += littleEndian(size, 4)
      bytes += littleEndian(entry.localSize ?? entry.uncompressedSize ?? size, 4)
      let name = Array((entry.localName ?? entry.name).utf8)
      bytes += littleEndian(UInt64(name.count), 2)
      bytes += littleEndian(UInt64(entry.localExtra.count), 2) + name + entry.localExtra
      bytes += entry.data
    }
    let start = bytes.count
    for (entry, offset) in zip(entries, offsets) {
      let size = entry.size ?? UInt64(entry.data.count)
      bytes += littleEndian(directorySignature, 4) + [20, 0, 20, 0]
      bytes += littleEndian(UInt64(entry.flags), 2) + littleEndian(UInt64(entry.method), 2)
      bytes += [0, 0, 0, 0]
      bytes += littleEndian(UInt64(entry.checksum ?? Checksum.crc32(entry.data)), 4)
      bytes += littleEndian(size, 4) + littleEndian(entry.uncompressedSize ?? size, 4)
      bytes += littleEndian(UInt64(entry.name.utf8.count), 2)
      bytes += littleEndian(UInt64(entry.extra.count), 2) + [0, 0]
      bytes += littleEndian(UInt64(entry.disk), 2) + [0, 0, 0, 0, 0, 0]
      bytes += littleEndian(entry.offset ?? UInt64(offset), 4) + Array(entry.name.utf8)
      bytes += entry.extra
    }
    let count = count ?? UInt64(entries.count)
    let size = directorySize ?? UInt64(bytes.count - start)
    let offset = directoryOffset ?? UInt64(start)
    if isWide {
      let place = widePlace ?? UInt64(bytes.count)
      bytes += littleEndian(wideSignature, 4) + littleEndian(44, 8) + [45, 0, 45, 0]
      bytes += littleEndian(disk, 4) + [0, 0, 0, 0]
      bytes += littleEndian(countHere ?? count, 8) + littleEndian(count, 8)
      bytes += littleEndian(size, 8) + littleEndian(offset, 8)
      bytes += littleEndian(0x0706_4B50, 4) + [0, 0, 0, 0] + littleEndian(place, 8) + [1, 0, 0, 0]
    }
    let ones = UInt64.max
    bytes += littleEndian(0x0605_4B50, 4) + littleEndian(isWide ? 0 : disk, 2) + [0, 0]
    bytes += littleEndian(isWide ? shortCount ?? ones : countHere ?? count, 2)
    bytes += littleEndian(isWide ? shortCount ?? ones : count, 2)
    bytes += littleEndian(isWide ? ones : size, 4) + littleEndian(isWide ? ones : offset, 4)
    bytes += littleEndian(UInt64(commentCount ?? comment.count), 2)
    return isCommentMissing ? bytes.dropLast() : bytes + comment
  }
}

/// The zip form of a pickle and its storages.
package func torchArchive(
  _ pickle: [UInt8],
  _ storages: KeyValuePairs<String, [UInt8]> = ["0": [UInt8](repeating: 0, count: 8)]
) -> ZipWriter {
  ZipWriter(
    [ZipEntry("archive/data.pkl", pickle)]
      + storages.map { ZipEntry("archive/data/\($0.key)", $0.value) })
}

/// The legacy form: five pickles, then counts and elements.
package struct LegacyWriter {
  package var magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
  package var version = 1001
  package var isLittleEndian = true
  package var system: [UInt8]?
  package var pickle = PickleWriter.pair(isLegacy: true)
  package var keys = ["0"]
  package var keyList: [UInt8]?
  /// Counts of elements with the elements.
  package var storages: [(count: UInt64, data: [UInt8])] = [(2, [UInt8](repeating: 0, count: 8))]

  /// A file with two floats.
  package init() {}

  /// The first three pickles: where the fourth begins.
  package var prefix: [UInt8] {
    var first = PickleWriter()
    first.op(.long1, [UInt8(magic.count)] + magic)
    first.op(.stop)
    var second = PickleWriter()
    second.integer(version)
    second.op(.stop)
    var third = PickleWriter()
    third.op(.emptyDict)
    third.text("little_endian")
    third.op(isLittleEndian ? .newTrue : .newFalse)
    third.ops(.setItem, .stop)
    return first.bytes + second.bytes + (system ?? third.bytes)
  }

  package var bytes: [UInt8] {
    var list = PickleWriter()
    list.ops(.emptyList, .mark)
    for key in keys { list.text(key) }
    list.ops(.appends, .stop)
    return prefix + pickle + (keyList ?? list.bytes)
      + storages.flatMap { littleEndian($0.count, 8) + $0.data }
  }
}
