// Files, and the date that stands in them.

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
