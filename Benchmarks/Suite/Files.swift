// Files, and the date that stands in them.

import TarnCheckpoints
import TarnSystem

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Throws if a file cannot be written; leaves what it holds.
func checkWritable(_ path: String) throws(BenchmarkError) { try append("", to: path, "a") }

/// Writes a file anew.
func write(_ text: String, to path: String) throws(BenchmarkError) {
  try append(text, to: path, "w")
}

private func append(_ text: String, to path: String, _ mode: String) throws(BenchmarkError) {
  // SAFETY: fopen takes terminated strings; the file is closed once.
  guard let file = unsafe fopen(path, mode) else { throw .unwritable(path, reason()) }
  // SAFETY: the file was opened above.
  let isWritten = unsafe fputs(text, file) >= 0
  guard unsafe fclose(file) == 0, isWritten else { throw .unwritable(path, reason()) }
}

/// A copy of a file under a name that no other has; the caller removes it.
func temporaryCopy(of path: String) throws(BenchmarkError) -> String {
  let file: MappedFile
  do { file = try MappedFile(path: path) } catch { throw .failed(error.description) }
  let folder = environmentVariable("TMPDIR") ?? "/tmp"
  var template = Array((folder + "/tarn-XXXXXX").utf8CString)
  // SAFETY: mkstemp replaces the letters X of a terminated string.
  let descriptor = unsafe mkstemp(&template)
  let copy = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  // SAFETY: the descriptor is a file's, and the stream, which owns it, is closed once.
  guard descriptor >= 0, let stream = unsafe fdopen(descriptor, "w") else {
    throw .unwritable(copy, reason())
  }
  let isWritten = file.withBytes { bytes in
    // SAFETY: the bytes are there inside the closure.
    unsafe bytes.withUnsafeBytes { unsafe fwrite($0.baseAddress, 1, $0.count, stream) == $0.count }
  }
  guard unsafe fclose(stream) == 0, isWritten else {
    let reason = reason()
    unsafe unlink(copy)
    throw .unwritable(copy, reason)
  }
  return copy
}

private func reason() -> String {
  // SAFETY: strerror returns a terminated string, copied here.
  unsafe String(cString: strerror(errno))
}

/// Date and time in UTC, as ISO 8601 has it.
func currentDate() -> String {
  var now = time_t()
  var parts = unsafe tm()
  // SAFETY: time and gmtime_r fill what lives here.
  unsafe time(&now)
  unsafe gmtime_r(&now, &parts)
  let two = { (x: Int32) in (x < 10 ? "0" : "") + String(x) }
  let (year, month, day) = unsafe (parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday)
  let (hour, minute, second) = unsafe (parts.tm_hour, parts.tm_min, parts.tm_sec)
  return "\(year)-\(two(month))-\(two(day))T\(two(hour)):\(two(minute)):\(two(second))+00:00"
}
