// How the tool was called and where it lies, also where /proc is not mounted.

import TarnSystem

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The tool's own process.
enum Executable {
  /// What it was called with: its name, then the arguments.
  ///
  /// The standard library needs /proc/self/maps to find them and has none without it. To be asked
  /// before anything changes the environment.
  static let words = CommandLine.arguments.isEmpty ? wordsBesideEnvironment : CommandLine.arguments

  /// Its path, with links resolved; empty where that cannot be found.
  static let path = systemPath ?? calledPath ?? ""

  /// Its directory, without a slash at the end.
  static var directory: String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  /// From the stack of a new process: count, words, nil, variables, nil (System V ABI).
  private static var wordsBesideEnvironment: [String] {
    #if os(Linux)
      // SAFETY: nobody has changed the environment, so it lies where the system has put it. A word's
      // address is never as small as the count.
      guard unsafe environ[-1] == nil else { return [] }
      var words: [String] = []
      var place = unsafe environ - 2
      while let word = unsafe place.pointee, Int(bitPattern: word) != words.count {
        words.append(unsafe String(cString: word))
        unsafe place -= 1
      }
      return words.reversed()
    #else
      return []
    #endif
  }

  /// The system's answer.
  private static var systemPath: String? {
    #if canImport(Darwin)
      var size: UInt32 = 0
      // SAFETY: the first call asks for the size, the second writes at most that.
      unsafe _NSGetExecutablePath(nil, &size)
      var bytes = [CChar](repeating: 0, count: Int(size))
      guard unsafe _NSGetExecutablePath(&bytes, &size) == 0 else { return nil }
      let path = bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      return resolved(String(decoding: path, as: UTF8.self))
    #else
      return resolved("/proc/self/exe")
    #endif
  }

  /// The name that it was called by, looked up as a shell does.
  private static var calledPath: String? {
    guard let name = words.first else { return nil }
    if name.contains("/") { return resolved(name) }
    let folders = (environmentVariable("PATH") ?? "").split(separator: ":")
    // SAFETY: access takes a terminated string.
    return folders.map { $0 + "/" + name }.first { unsafe access($0, X_OK) == 0 }.flatMap(resolved)
  }

  /// The path without links; nil if nothing is there.
  private static func resolved(_ path: String) -> String? {
    // SAFETY: realpath returns nil or a terminated string that the caller frees.
    guard let found = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(found) }
    return unsafe String(cString: found)
  }
}
