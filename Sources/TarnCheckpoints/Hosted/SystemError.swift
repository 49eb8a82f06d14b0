#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Why a call of the operating system failed.
public struct SystemError: Hashable, Sendable, CustomStringConvertible {
  /// The value of `errno`.
  public let code: Int32

  init(_ code: Int32) {
    self.code = code
  }

  /// A few words for the causes that users meet, else the number.
  ///
  /// `strerror` is not used: it is not safe to call from several threads.
  public var description: String {
    switch code {
    case ENOENT: "no such file or directory"
    case EACCES, EPERM: "permission denied"
    case EISDIR: "it is a directory"
    case ENOTDIR: "a part of the path is not a directory"
    case EEXIST: "the file exists"
    case ENOMEM: "not enough memory"
    case ENOSPC, EDQUOT: "no space left"
    case EROFS: "the file system is read-only"
    case EMFILE, ENFILE: "too many open files"
    case ENAMETOOLONG: "the path is too long"
    case ELOOP: "too many symbolic links"
    case EIO: "input or output error"
    default: "system error \(code)"
    }
  }
}
