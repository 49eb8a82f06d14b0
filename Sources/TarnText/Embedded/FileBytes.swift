// Files of a tokenizer, from memory that the caller has given a path.

internal import TarnSystem

/// The bytes of the file at `path`, or nil when it has more than `limit`.
func readFile(_ path: String, limit: Int) throws(TextError) -> [UInt8]? {
  guard let bytes = unsafe MemoryFiles.bytes(at: path) else {
    throw .unreadableFile(path: path, reason: "no such file in memory")
  }
  // SAFETY: whoever put them there keeps them readable; the array is a copy.
  return bytes.count > limit ? nil : unsafe [UInt8](bytes)
}

/// The names in a directory in the order of their bytes; none if there is nothing in it.
func fileNames(in directory: String) -> [String] {
  MemoryFiles.names(in: directory)
    .sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
}
