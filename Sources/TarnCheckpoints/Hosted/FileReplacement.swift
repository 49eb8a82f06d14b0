#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A new file that takes its place only when it is complete.
///
/// Bytes go to a temporary file in the same directory; `commit` renames it. A reader of the path
/// therefore sees the old file or the new one, never a part. A value that ends without `commit`
/// removes its temporary file.
struct FileReplacement: ~Copyable {
  private let path: String
  private let temporaryPath: String
  private let descriptor: Int32
  private var isCommitted = false

  init(path: String) throws(CheckpointError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw .unwritableFile(path: path, reason: SystemError(ENOENT))
    }
    // O_EXCL refuses names that are taken, also by links that somebody has prepared.
    var attempt = 0
    while true {
      let temporaryPath = "\(path).\(getpid())-\(attempt).tmp"
      // SAFETY: the string is passed as a C string that lives for the call.
      let descriptor = createFile(temporaryPath)
      if descriptor >= 0 {
        self.path = path
        self.temporaryPath = temporaryPath
        self.descriptor = descriptor
        return
      }
      attempt += 1
      guard errno == EEXIST, attempt < 100 else {
        throw .unwritableFile(path: path, reason: SystemError(errno))
      }
    }
  }

  deinit {
    close(descriptor)
    if !isCommitted {
      // SAFETY: the string is passed as a C string that lives for the call.
      unsafe unlink(temporaryPath)
    }
  }

  func append(_ bytes: [UInt8]) throws(CheckpointError) {
    let code = unsafe bytes.withUnsafeBytes { buffer -> Int32? in
      var done = 0
      while done < buffer.count {
        // SAFETY: the slice lies inside the buffer, and `write` reads no more than its length.
        let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[done...])
        let length = min(rest.count, 1 << 30)
        let count = retrying { unsafe write(descriptor, rest.baseAddress, length) }
        guard count >= 0 else { return errno }
        done += count
      }
      return nil
    }
    if let code {
      throw .unwritableFile(path: path, reason: SystemError(code))
    }
  }

  consuming func commit() throws(CheckpointError) {
    // Without it a crash of the machine may leave the new name on an empty file.
    guard retrying({ fsync(descriptor) }) == 0 else {
      throw .unwritableFile(path: path, reason: SystemError(errno))
    }
    // SAFETY: both strings are passed as C strings that live for the call.
    guard unsafe rename(temporaryPath, path) == 0 else {
      throw .unwritableFile(path: path, reason: SystemError(errno))
    }
    isCommitted = true
  }
}

private func createFile(_ path: String) -> Int32 {
  retrying { unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
}
