// Files without a file system: memory that the caller has given a path.

/// Bytes under paths, where hosted builds have files.
package enum MemoryFiles {
  /// What lies at a path; who put it there keeps it readable.
  @safe private struct File: @unchecked Sendable {
    let path: String
    let bytes: UnsafeRawBufferPointer

    func isAt(_ path: String) -> Bool { self.path.utf8.elementsEqual(path.utf8) }
  }

  private static let files = Mutex<[File]>([])

  /// Puts bytes at a path, in place of what is there.
  ///
  /// ## Safety
  /// They must stay readable and unchanged until the path is removed and nothing that was opened
  /// there is in use.
  @unsafe package static func put(_ bytes: UnsafeRawBufferPointer, at path: String) {
    remove(path)
    let file = unsafe File(path: path, bytes: bytes)
    files.withLock { $0.append(file) }
  }

  /// Takes the bytes at a path away.
  package static func remove(_ path: String) {
    files.withLock { $0.removeAll { $0.isAt(path) } }
  }

  /// The bytes at a path; nil if there are none.
  package static func bytes(at path: String) -> UnsafeRawBufferPointer? {
    unsafe files.withLock { unsafe $0.first { $0.isAt(path) }?.bytes }
  }

  /// The names in a directory, in no order.
  package static func names(in directory: String) -> [String] {
    let start = directory + "/"
    return files.withLock {
      $0.compactMap { file in
        guard file.path.utf8.starts(with: start.utf8) else { return nil }
        let name = String(decoding: file.path.utf8.dropFirst(start.utf8.count), as: UTF8.self)
        return name.utf8.contains(UInt8(ascii: "/")) ? nil : name
      }
    }
  }
}

/// Whether something exists at a path.
package func fileExists(_ path: String) -> Bool { unsafe MemoryFiles.bytes(at: path) != nil }
