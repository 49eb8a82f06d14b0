/// The directory of a zip archive whose entries are stored, every one checked against its place.
///
///     entry:      local header, name, extra field, data       (for each)
///     directory:  header, name, extra field, comment          (for each)
///     end:        [64-bit end record, its locator,] end record
///
/// Only the directory and the local headers are read. Sizes are judged as 64-bit numbers and
/// compared with the file before anything is sized by them. Entries lie before the directory and
/// share no byte.
struct ZipDirectory {
  struct Entry {
    /// Where the name stands in the directory.
    let name: Range<Int>
    /// Where the data lie in the file.
    let data: Range<Int>
    let checksum: UInt32
  }

  /// The archive's folder, with a slash at the end: that of the first entry.
  private(set) var folder: [UInt8] = []

  /// In the order of their names.
  private var entries: [Entry] = []
  private var bytes: [UInt8] = []
  private let file: String

  private static let endRecord: UInt32 = 0x0605_4B50
  private static let endRecord64: UInt32 = 0x0606_4B50
  private static let locator64: UInt32 = 0x0706_4B50
  private static let directoryHeader: UInt32 = 0x0201_4B50
  private static let localHeader: UInt32 = 0x0403_4B50

  /// What an archive begins with: an entry, or the end record if there is none.
  static func begins(_ prefix: [UInt8]) -> Bool {
    guard prefix.count >= 4 else { return false }
    let signature = prefix.littleEndian(at: 0, as: UInt32.self)
    return signature == localHeader || signature == endRecord
  }

  /// Reads the directory of a file.
  ///
  /// - Parameters:
  ///   - source: the file.
  ///   - name: its name in messages.
  ///   - limits: what it may ask for.
  /// - Throws: the rule that is broken.
  init(
    _ source: borrowing some ByteSource & ~Copyable, named name: String, _ limits: FileLimits
  ) throws(CheckpointError) {
    file = name
    let place = try directoryPlace(source, mostEntries: limits.archiveEntries)
    bytes = try source.bytes(in: place.range)
    try readEntries(count: place.count, source, before: place.range.lowerBound)
  }

  private func fail(_ problem: PyTorchProblem) -> CheckpointError {
    .invalidPyTorch(file: file, problem)
  }

  // MARK: The end

  /// Where the directory lies and how many entries it claims.
  private func directoryPlace(
    _ source: borrowing some ByteSource & ~Copyable, mostEntries: Int
  ) throws(CheckpointError) -> (range: Range<Int>, count: Int) {
    // The end record is last in the file, but for its own comment.
    let tailStart = max(0, source.byteCount - 22 - 0xFFFF)
    let tail = try source.bytes(in: tailStart..<source.byteCount)
    let candidates = stride(from: tail.count - 22, through: 0, by: -1)
    let place = candidates.first { place in
      tail.littleEndian(at: place) == Self.endRecord
        && Int(tail.littleEndian(at: place + 20, as: UInt16.self)) == tail.count - place - 22
    }
    guard let place else { throw fail(.noEndRecord) }
    var disks = UInt32(tail.littleEndian(at: place + 4, as: UInt16.self))
    disks |= UInt32(tail.littleEndian(at: place + 6, as: UInt16.self))
    var countHere = UInt64(tail.littleEndian(at: place + 8, as: UInt16.self))
    var count = UInt64(tail.littleEndian(at: place + 10, as: UInt16.self))
    var size = UInt64(tail.littleEndian(at: place + 12, as: UInt32.self))
    var offset = UInt64(tail.littleEndian(at: place + 16, as: UInt32.self))
    var end = tailStart + place
    if let wide = try wideEnd(before: end, source) {
      // What the short record can say must agree; what it cannot say is all ones.
      let agrees =
        (count == 0xFFFF || count == wide.count)
        && (size == 0xFFFF_FFFF || size == wide.size)
        && (offset == 0xFFFF_FFFF || offset == wide.offset)
      guard agrees else { throw fail(.invalidZip64Record) }
      (disks, countHere, count, size, offset, end) = (
        wide.disks, wide.countHere, wide.count, wide.size, wide.offset, wide.start
      )
    } else if count == 0xFFFF || size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF {
      throw fail(.invalidZip64Record)
    }
    guard disks == 0, countHere == count else { throw fail(.severalVolumes) }
    guard count <= UInt64(clamping: mostEntries) else {
      throw fail(.tooManyEntries(limit: mostEntries))
    }
    let (sum, overflow) = offset.addingReportingOverflow(size)
    guard !overflow, sum == UInt64(end) else { throw fail(.directoryOutsideFile) }
    return (Int(offset)..<end, Int(count))
  }

  private struct WideEnd {
    let start: Int
    let disks: UInt32
    let countHere, count, size, offset: UInt64
  }

  /// The 64-bit end record, if its locator stands before the end record.
  private func wideEnd(
    before end: Int, _ source: borrowing some ByteSource & ~Copyable
  ) throws(CheckpointError) -> WideEnd? {
    guard end >= 20 else { return nil }
    let locator = try source.bytes(in: end - 20..<end)
    guard locator.littleEndian(at: 0) == Self.locator64 else { return nil }
    let start = locator.littleEndian(at: 8, as: UInt64.self)
    let disk = locator.littleEndian(at: 4, as: UInt32.self)
    let volumes = locator.littleEndian(at: 16, as: UInt32.self)
    guard start <= UInt64(end - 20), end - 20 - Int(start) >= 56, volumes <= 1, disk == 0 else {
      throw fail(.invalidZip64Record)
    }
    let record = try source.bytes(in: Int(start)..<Int(start) + 56)
    // The size counts from behind itself; what extends the record is not read.
    guard record.littleEndian(at: 0) == Self.endRecord64,
      record.littleEndian(at: 4, as: UInt64.self) == UInt64(end - 20 - Int(start) - 12)
    else { throw fail(.invalidZip64Record) }
    return WideEnd(
      start: Int(start),
      disks: record.littleEndian(at: 16, as: UInt32.self)
        | record.littleEndian(at: 20, as: UInt32.self),
      countHere: record.littleEndian(at: 24), count: record.littleEndian(at: 32),
      size: record.littleEndian(at: 40), offset: record.littleEndian(at: 48))
  }

  // MARK: Entries

  private mutating func readEntries(
    count: Int, _ source: borrowing some ByteSource & ~Copyable, before directoryStart: Int
  ) throws(CheckpointError) {
    var position = 0
    var places: [Range<Int>] = []
    for index in 0..<count {
      guard let header = DirectoryHeader(bytes, at: position),
        header.signature == Self.directoryHeader
      else { throw fail(.invalidDirectoryEntry(index: index)) }
      let name = header.name
      position = header.end
      try check(header)
      let (place, data) = try dataPlace(header, source, before: directoryStart)
      if index == 0, let slash = bytes[name].firstIndex(of: UInt8(ascii: "/")) {
        folder = Array(bytes[name.lowerBound...slash])
      }
      places.append(place)
      entries.append(Entry(name: name, data: data, checksum: header.checksum))
    }
    guard position == bytes.count else {
      throw fail(.directoryTrailingBytes(count: bytes.count - position))
    }
    try checkOverlap(places)
    entries.sort { bytes[$0.name].lexicographicallyPrecedes(bytes[$1.name]) }
    for (left, right) in zip(entries, entries.dropFirst())
    where bytes[left.name].elementsEqual(bytes[right.name]) {
      throw fail(.duplicateEntry(name: text(left.name)))
    }
  }

  private func check(_ header: DirectoryHeader) throws(CheckpointError) {
    let name = text(header.name)
    guard header.flags & 1 == 0 else { throw fail(.encryptedEntry(name: name)) }
    guard header.method == 0 else {
      throw fail(.compressedEntry(name: name, method: header.method))
    }
    guard header.compressed == header.uncompressed else {
      throw fail(
        .entrySizesDiffer(
          name: name, compressed: header.compressed, uncompressed: header.uncompressed))
    }
    guard header.disk == 0 else { throw fail(.severalVolumes) }
  }

  /// Where an entry lies with all that belongs to it, and where its data.
  private func dataPlace(
    _ header: DirectoryHeader, _ source: borrowing some ByteSource & ~Copyable,
    before directoryStart: Int
  ) throws(CheckpointError) -> (place: Range<Int>, data: Range<Int>) {
    let available = UInt64(directoryStart)
    guard available >= 30, header.offset <= available - 30 else {
      throw fail(.entryOutsideFile(name: text(header.name)))
    }
    let start = Int(header.offset)
    let fixed = try source.bytes(in: start..<start + 30)
    let nameEnd = start + 30 + Int(fixed.littleEndian(at: 26, as: UInt16.self))
    let dataStart = nameEnd + Int(fixed.littleEndian(at: 28, as: UInt16.self))
    guard dataStart <= directoryStart, header.compressed <= UInt64(directoryStart - dataStart)
    else { throw fail(.entryOutsideFile(name: text(header.name))) }
    let rest = try source.bytes(in: start + 30..<dataStart)
    let local = LocalHeader(fixed, rest: rest, nameCount: nameEnd - start - 30)
    if let field = local.difference(from: header, name: bytes[header.name]) {
      throw fail(.localHeaderDiffers(name: text(header.name), field: field))
    }
    let end = dataStart + Int(header.compressed)
    return (start..<end, dataStart..<end)
  }

  private func checkOverlap(_ places: [Range<Int>]) throws(CheckpointError) {
    let inOrder = places.indices.sorted { places[$0].lowerBound < places[$1].lowerBound }
    var covered = 0
    for index in inOrder {
      guard places[index].lowerBound >= covered else {
        throw fail(.overlappingEntries(name: text(entries[index].name)))
      }
      covered = places[index].upperBound
    }
  }

  private func text(_ name: Range<Int>) -> String {
    // Names are not judged; what is not UTF-8 shows as replacement characters.
    String(decoding: bytes[name], as: UTF8.self)
  }

  // MARK: Looking up

  /// The entry of a name inside the archive's folder, or nil.
  func entry(_ name: some Sequence<UInt8>) -> Entry? {
    let name = folder + name
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = low + (high - low) / 2
      if bytes[entries[middle].name].lexicographicallyPrecedes(name) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    guard low < entries.count, bytes[entries[low].name].elementsEqual(name) else { return nil }
    return entries[low]
  }

  /// Copies the data of an entry and compares its checksum.
  func contents(
    of entry: Entry, _ source: borrowing some ByteSource & ~Copyable
  ) throws(CheckpointError) -> [UInt8] {
    let contents = try source.bytes(in: entry.data)
    let found = Checksum.crc32(contents)
    guard found == entry.checksum else {
      throw fail(
        .wrongChecksum(name: text(entry.name), found: found, expected: entry.checksum))
    }
    return contents
  }
}

/// An entry of the directory.
private struct DirectoryHeader {
  let signature, checksum: UInt32
  let flags: UInt16
  let method: Int
  private(set) var compressed, uncompressed, offset: UInt64
  private(set) var disk: UInt32
  let name: Range<Int>
  let end: Int

  /// Nil if the entry is cut off or its extra field malformed.
  init?(_ bytes: [UInt8], at start: Int) {
    guard bytes.count - start >= 46 else { return nil }
    signature = bytes.littleEndian(at: start)
    flags = bytes.littleEndian(at: start + 8)
    method = Int(bytes.littleEndian(at: start + 10, as: UInt16.self))
    checksum = bytes.littleEndian(at: start + 16)
    compressed = UInt64(bytes.littleEndian(at: start + 20, as: UInt32.self))
    uncompressed = UInt64(bytes.littleEndian(at: start + 24, as: UInt32.self))
    disk = UInt32(bytes.littleEndian(at: start + 34, as: UInt16.self))
    offset = UInt64(bytes.littleEndian(at: start + 42, as: UInt32.self))
    name = start + 46..<start + 46 + Int(bytes.littleEndian(at: start + 28, as: UInt16.self))
    let extra =
      name.upperBound..<name.upperBound
      + Int(bytes.littleEndian(at: start + 30, as: UInt16.self))
    end = extra.upperBound + Int(bytes.littleEndian(at: start + 32, as: UInt16.self))
    guard end <= bytes.count else { return nil }
    var wide = WideFields(bytes[extra])
    guard wide.replace(&uncompressed), wide.replace(&compressed), wide.replace(&offset) else {
      return nil
    }
    if disk == 0xFFFF {
      guard let value = wide.next(UInt32.self) else { return nil }
      disk = value
    }
  }
}

/// What stands before the data of an entry.
private struct LocalHeader {
  private let fixed: [UInt8]
  private let rest: [UInt8]
  private let nameCount: Int

  init(_ fixed: [UInt8], rest: [UInt8], nameCount: Int) {
    self.fixed = fixed
    self.rest = rest
    self.nameCount = nameCount
  }

  /// The first field that is not what the directory says.
  func difference(from header: DirectoryHeader, name: ArraySlice<UInt8>) -> String? {
    if fixed.littleEndian(at: 0, as: UInt32.self) != 0x0403_4B50 { return "signature" }
    let flags = fixed.littleEndian(at: 6, as: UInt16.self)
    if flags != header.flags { return "set of flags" }
    if Int(fixed.littleEndian(at: 8, as: UInt16.self)) != header.method { return "method" }
    if !rest[..<nameCount].elementsEqual(name) { return "name" }
    let checksum = fixed.littleEndian(at: 14, as: UInt32.self)
    var compressed = UInt64(fixed.littleEndian(at: 18, as: UInt32.self))
    var uncompressed = UInt64(fixed.littleEndian(at: 22, as: UInt32.self))
    var wide = WideFields(rest[nameCount...])
    guard wide.replace(&uncompressed), wide.replace(&compressed) else { return "size" }
    // With bit 3 the numbers stand behind the data, and zeros may stand here.
    let mayBeZero = flags & 8 != 0
    if checksum != header.checksum, !(mayBeZero && checksum == 0) { return "checksum" }
    for size in [compressed, uncompressed]
    where size != header.compressed && !(mayBeZero && size == 0) {
      return "size"
    }
    return nil
  }
}

/// The numbers of 64 bits in an extra field, in the order of the fields that they replace.
private struct WideFields {
  private let bytes: ArraySlice<UInt8>?
  private var position = 0

  init(_ extra: ArraySlice<UInt8>) {
    var rest = extra
    while rest.count >= 4 {
      let count = Int(rest.littleEndian(at: 2, as: UInt16.self))
      guard rest.count - 4 >= count else { break }
      if rest.littleEndian(at: 0, as: UInt16.self) == 1 {
        bytes = rest.dropFirst(4).prefix(count)
        return
      }
      rest = rest.dropFirst(4 + count)
    }
    bytes = nil
  }

  mutating func next<Value: FixedWidthInteger & UnsignedInteger>(_ type: Value.Type) -> Value? {
    let size = MemoryLayout<Value>.size
    guard let bytes, bytes.count - position >= size else { return nil }
    defer { position += size }
    return bytes.littleEndian(at: position)
  }

  /// Replaces a number that is all ones; false if there is nothing to replace it by.
  mutating func replace(_ value: inout UInt64) -> Bool {
    guard value == 0xFFFF_FFFF else { return true }
    guard let wide = next(UInt64.self) else { return false }
    value = wide
    return true
  }
}
