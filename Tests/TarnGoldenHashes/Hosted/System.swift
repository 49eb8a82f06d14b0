// What the program asks of a system: bytes from standard input, what follows its name, an end.

import TarnSystem

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Reads into a buffer; 0 at the end of standard input and on an error.
func systemRead(_ buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
  max(0, read(0, buffer.baseAddress, buffer.count))
}

/// Ends the program.
func leave(status: Int32) -> Never { exit(status) }

/// The lines of the file after `--compare`; nil if nothing follows the program's name.
func expectedLines() -> [String]? {
  let arguments = CommandLine.arguments.dropFirst()
  if arguments.isEmpty { return nil }
  guard arguments.count == 2, arguments.first == "--compare", let path = arguments.last,
    let text = readTextFile(path)
  else { stop("usage: TarnGoldenHashes [--compare FILE] < parts") }
  return text.split(separator: "\n").map(String.init)
}
