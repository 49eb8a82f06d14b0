/// A rule for PyTorch files, and how a file breaks it.
///
/// Offsets in a pickle count from its own start in the zip form, from the start of the file in the
/// legacy form.
public enum PyTorchProblem: Error, Hashable, Sendable {
  // MARK: Container

  /// The file begins neither as a zip archive nor as a pickle.
  case neitherZipNorPickle(found: UInt8)
  /// The archive has no end record, or bytes follow it.
  case noEndRecord
  /// The archive needs 64-bit records, and those are missing or contradict the others.
  case invalidZip64Record
  /// The archive is divided among several files.
  case severalVolumes
  /// The directory of the archive does not end before the records that name it.
  case directoryOutsideFile
  /// The archive has more entries than ``FileLimits/archiveEntries``.
  case tooManyEntries(limit: Int)
  /// An entry of the directory is cut off or does not begin as one.
  case invalidDirectoryEntry(index: Int)
  /// Bytes are left in the directory after as many entries as it claims.
  case directoryTrailingBytes(count: Int)
  /// Two entries have the same name.
  case duplicateEntry(name: String)
  /// An entry is compressed.
  case compressedEntry(name: String, method: Int)
  /// An entry is encrypted.
  case encryptedEntry(name: String)
  /// The two sizes of an entry that is not compressed differ.
  case entrySizesDiffer(name: String, compressed: UInt64, uncompressed: UInt64)
  /// An entry lies outside the part of the file before the directory.
  case entryOutsideFile(name: String)
  /// What stands before the data of an entry is not what the directory says.
  case localHeaderDiffers(name: String, field: String)
  /// An entry begins before the one in front of it ends.
  case overlappingEntries(name: String)
  /// The archive has no entry `data.pkl` in the folder of its first entry.
  case noPickleEntry
  /// The checksum of an entry that has been read is wrong.
  case wrongChecksum(name: String, found: UInt32, expected: UInt32)
  /// The elements are stored most significant byte first.
  case bigEndian
  /// The first pickle of a legacy file is not PyTorch's magic number.
  case wrongMagicNumber
  /// The legacy form has another version.
  case unsupportedVersion(found: String)
  /// A part of a legacy file is of another kind than the form says.
  case wrongPart(name: String, expected: String)
  /// Bytes follow where the form ends.
  case trailingBytes(count: Int)

  // MARK: Pickle

  /// The pickle is longer than ``FileLimits/pickleBytes``.
  case pickleTooLarge(bytes: Int, limit: Int)
  /// The pickle ends in the middle of an instruction.
  case pickleEnds(offset: Int)
  /// The pickle does not begin with a protocol from 2 to 5.
  case unsupportedProtocol(found: Int?)
  /// An instruction that this reader does not follow.
  case refusedOpcode(name: String, offset: Int)
  /// A byte that is no instruction.
  case unknownOpcode(UInt8, offset: Int)
  /// A function that this reader does not know is to be called.
  case refusedCall(function: String, offset: Int)
  /// An instruction takes more from the stack than there is.
  case stackEmpty(opcode: String, offset: Int)
  /// An instruction takes what follows a mark, and there is none.
  case noMark(opcode: String, offset: Int)
  /// An instruction finds values of other kinds than it takes.
  case wrongOperand(opcode: String, offset: Int, expected: String)
  /// An instruction asks for a value that was not stored.
  case missingMemo(index: Int, offset: Int)
  /// More marks are open than ``FileLimits/pickleNesting``.
  case nestingTooDeep(limit: Int, offset: Int)
  /// The values take more memory than the file has bytes, or ``FileLimits/pickleMemory`` if that is more.
  case tooMuchMemory(limit: Int, offset: Int)
  /// The pickle stops with another number of values than one.
  case wrongResultCount(Int, offset: Int)
  /// A reference to a storage does not have the form that PyTorch writes.
  case invalidStorageReference(offset: Int, expected: String)
  /// The elements of a storage are of a kind that is not read.
  case unsupportedStorage(type: String, offset: Int)
  /// One storage is referred to with two sizes.
  case conflictingStorage(key: String, offset: Int)
  /// A tensor is rebuilt from arguments that make none.
  case invalidTensor(offset: Int, expected: String)
  /// A tensor has elements outside its storage.
  case tensorOutsideStorage(offset: Int, end: Int, available: Int)
  /// A tensor has more elements than its storage, some of them several times.
  case tensorLargerThanStorage(offset: Int, elements: Int, available: Int)
  /// The size or the place of a tensor does not fit 64 bits.
  case tensorOverflow(offset: Int)

  // MARK: Storages

  /// The file has no data for a storage.
  case missingStorage(key: String)
  /// A storage has another number of bytes than the pickle says.
  case wrongStorageSize(key: String, found: Int, expected: Int)
  /// A storage of a legacy file ends behind the end of the file.
  case storageBeyondFile(key: String)
  /// A legacy file lists a storage twice.
  case duplicateStorage(key: String)
  /// A legacy file lists a storage that the pickle does not refer to.
  case unknownStorage(key: String)

  // MARK: Names

  /// No dictionary of tensors is where one is looked for.
  case noStateDictionary(found: String)
  /// A key of the dictionary of tensors is not text in UTF-8.
  case nameNotText
  /// Two tensors have the same name.
  case duplicateTensor(TensorName)
}

extension PyTorchProblem: CustomStringConvertible {
  /// What was found and what was expected, without the name of the file.
  public var description: String {
    containerDescription ?? pickleDescription ?? tensorDescription
  }

  private var containerDescription: String? {
    switch self {
    case .neitherZipNorPickle(let found):
      "the file begins with \(shown(found)), expected a zip archive or a pickle of PyTorch"
    case .noEndRecord:
      "the zip archive has no end record at the end of the file; it may be cut off"
    case .invalidZip64Record:
      "the 64-bit records of the zip archive are missing or contradict the others"
    case .severalVolumes:
      "the zip archive is divided among several files, expected one"
    case .directoryOutsideFile:
      "the directory of the zip archive does not end where its end record begins"
    case .tooManyEntries(let limit):
      "the zip archive has more than \(limit) entries"
    case .invalidDirectoryEntry(let index):
      "entry \(index) of the zip archive's directory is cut off or no entry"
    case .directoryTrailingBytes(let count):
      "the zip archive's directory has \(count) bytes after its last entry"
    case .duplicateEntry(let name):
      "zip entry \(quoted(name)) occurs twice"
    case .compressedEntry(let name, let method):
      "zip entry \(quoted(name)) is compressed (method \(method)), expected a stored one"
    case .encryptedEntry(let name):
      "zip entry \(quoted(name)) is encrypted"
    case .entrySizesDiffer(let name, let compressed, let uncompressed):
      "zip entry \(quoted(name)) has \(compressed) bytes in the file and \(uncompressed) outside,"
        + " expected a stored one"
    case .entryOutsideFile(let name):
      "zip entry \(quoted(name)) lies outside the part of the file before the directory"
    case .localHeaderDiffers(let name, let field):
      "zip entry \(quoted(name)) has another \(field) before its data than in the directory"
    case .overlappingEntries(let name):
      "zip entry \(quoted(name)) begins inside another"
    case .noPickleEntry:
      "the zip archive has no data.pkl in the folder of its first entry"
    case .wrongChecksum(let name, let found, let expected):
      "zip entry \(quoted(name)) has checksum \(hexadecimal(found)), expected"
        + " \(hexadecimal(expected))"
    case .bigEndian:
      "the elements are big-endian, expected little-endian ones"
    case .wrongMagicNumber:
      "the file is a pickle without PyTorch's magic number"
    case .unsupportedVersion(let found):
      "the legacy form has version \(found), expected 1001"
    case .wrongPart(let name, let expected):
      "the \(name) of the legacy form is something else, expected \(expected)"
    case .trailingBytes(let count):
      "\(count) bytes follow where the form ends"
    default: nil
    }
  }

  private var pickleDescription: String? {
    switch self {
    case .pickleTooLarge(let bytes, let limit):
      "the pickle has \(bytes) bytes or more, expected at most \(limit)"
    case .pickleEnds(let offset):
      "the pickle ends at byte \(offset) in the middle of an instruction"
    case .unsupportedProtocol(let found):
      "the pickle has protocol \(found.map(String.init) ?? "0 or 1"), expected 2 to 5"
    case .refusedOpcode(let name, let offset):
      "byte \(offset) of the pickle is \(name), an instruction that is refused"
    case .unknownOpcode(let byte, let offset):
      "byte \(offset) of the pickle is \(shown(byte)), which is no instruction"
    case .refusedCall(let function, let offset):
      "byte \(offset) of the pickle calls \(quoted(function)), which is refused"
    case .stackEmpty(let opcode, let offset):
      "byte \(offset) of the pickle is \(opcode), which takes more values than there are"
    case .noMark(let opcode, let offset):
      "byte \(offset) of the pickle is \(opcode), which needs a mark"
    case .wrongOperand(let opcode, let offset, let expected):
      "byte \(offset) of the pickle is \(opcode), expected \(expected) before it"
    case .missingMemo(let index, let offset):
      "byte \(offset) of the pickle asks for value \(index), which was not stored"
    case .nestingTooDeep(let limit, let offset):
      "byte \(offset) of the pickle nests deeper than \(limit) levels"
    case .tooMuchMemory(let limit, let offset):
      "byte \(offset) of the pickle makes its values larger than \(limit) bytes"
    case .wrongResultCount(let count, let offset):
      "the pickle stops at byte \(offset) with \(count) values, expected one"
    default: nil
    }
  }

  private var tensorDescription: String {
    switch self {
    case .invalidStorageReference(let offset, let expected):
      "byte \(offset) of the pickle refers to a storage in another way, expected \(expected)"
    case .unsupportedStorage(let type, let offset):
      "byte \(offset) of the pickle refers to a storage of type \(quoted(type)), which is not read"
    case .conflictingStorage(let key, let offset):
      "byte \(offset) of the pickle gives storage \(quoted(key)) another size than before"
    case .invalidTensor(let offset, let expected):
      "byte \(offset) of the pickle rebuilds no tensor, expected \(expected)"
    case .tensorOutsideStorage(let offset, let end, let available):
      "byte \(offset) of the pickle rebuilds a tensor that ends at element \(end) of its storage,"
        + " which has \(available)"
    case .tensorLargerThanStorage(let offset, let elements, let available):
      "byte \(offset) of the pickle rebuilds a tensor of \(elements) elements from a storage that"
        + " has \(available)"
    case .tensorOverflow(let offset):
      "byte \(offset) of the pickle rebuilds a tensor whose size does not fit 64 bits"
    case .missingStorage(let key):
      "storage \(quoted(key)) is missing"
    case .wrongStorageSize(let key, let found, let expected):
      "storage \(quoted(key)) has \(found) bytes, expected \(expected) from the pickle"
    case .storageBeyondFile(let key):
      "storage \(quoted(key)) ends behind the end of the file"
    case .duplicateStorage(let key):
      "storage \(quoted(key)) is listed twice"
    case .unknownStorage(let key):
      "storage \(quoted(key)) is listed, but no tensor refers to it"
    case .noStateDictionary(let found):
      "found \(found), expected a dictionary of tensors, itself or under "
        + alternatives(PyTorchFile.stateDictionaryKeys.map { quoted($0) })
    case .nameNotText:
      "a tensor has a name that is not text in UTF-8"
    case .duplicateTensor(let name):
      "tensor \(quoted(name.text)) occurs twice"
    default: ""
    }
  }

  private func hexadecimal(_ value: UInt32) -> String {
    "0x" + String(value, radix: 16, uppercase: true)
  }
}
