// Another process: a library reads its variables when it is loaded, and can be loaded once.
//
// From the C library: Foundation's Process would make up most of a static executable.

import TarnSystem

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a program prints on standard output; nil if it cannot be started or its exit code is not 0.
///
/// What it prints on standard error is thrown away. Not for two threads at a time: the variables are
/// this process's own until the program has started.
///
/// - Parameters:
///   - path: the program.
///   - arguments: without its name.
///   - variables: what its environment has beside this process's, or with other values.
/// - Returns: the text as UTF-8.
func output(of path: String, _ arguments: [String], _ variables: [String: String]) -> String? {
  var ends: [Int32] = [0, 0]
  // SAFETY: two numbers are written.
  guard unsafe pipe(&ends) == 0 else { return nil }
  defer { close(ends[0]) }
  let isStarted = withVariables(variables) { start(path, arguments, output: ends[1]) }
  close(ends[1])
  guard let child = isStarted else { return nil }
  let text = readAll(ends[0])
  var status: Int32 = 0
  // SAFETY: one number is written.
  while unsafe waitpid(child, &status, 0) < 0 {
    guard errno == EINTR else { return nil }
  }
  return status == 0 ? text : nil
}

/// Starts a program; nil if that fails.
private func start(_ path: String, _ arguments: [String], output: Int32) -> pid_t? {
  #if canImport(Darwin)
    var actions: posix_spawn_file_actions_t?
  #else
    var actions = unsafe posix_spawn_file_actions_t()
  #endif
  // SAFETY: initialised here, destroyed at the end; strings are terminated and copied.
  unsafe posix_spawn_file_actions_init(&actions)
  defer { unsafe posix_spawn_file_actions_destroy(&actions) }
  unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
  unsafe posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
  // SAFETY: copies of the words, then the nil that ends them; freed when the program has started.
  var words = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
  defer { for i in unsafe words.indices { unsafe free(words[i]) } }
  var child = pid_t()
  let failure = unsafe posix_spawn(&child, path, &actions, nil, &words, environ)
  return failure == 0 ? child : nil
}

private func withVariables<Result>(_ variables: [String: String], _ body: () -> Result) -> Result {
  let before = variables.map { ($0.key, environmentVariable($0.key)) }
  // SAFETY: setenv and unsetenv take terminated strings and copy them.
  for (name, value) in variables { unsafe setenv(name, value, 1) }
  defer {
    for (name, value) in before {
      if let value { unsafe setenv(name, value, 1) } else { unsafe unsetenv(name) }
    }
  }
  return body()
}

private func readAll(_ descriptor: Int32) -> String {
  var bytes: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 1 << 12)
  while true {
    // SAFETY: at most the buffer's size is written.
    let count = unsafe read(descriptor, &part, part.count)
    guard count > 0 || (count < 0 && errno == EINTR) else { break }
    bytes += part[..<max(0, count)]
  }
  return String(decoding: bytes, as: UTF8.self)
}
