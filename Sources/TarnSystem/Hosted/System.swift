// The few questions that are put to an operating system.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The value of an environment variable, or nil.
package func environmentVariable(_ name: String) -> String? {
  // SAFETY: getenv returns nil or a terminated string, copied before anything can change it.
  guard let value = unsafe getenv(name) else { return nil }
  return unsafe String(cString: value)
}

/// The first megabyte of a small text file, or nil if it cannot be read.
package func readTextFile(_ path: String) -> String? {
  // SAFETY: fopen takes a terminated string; fread writes at most the buffer's size.
  guard let file = unsafe fopen(path, "r") else { return nil }
  defer { unsafe fclose(file) }
  var bytes = [UInt8](repeating: 0, count: 1 << 20)
  let count = unsafe fread(&bytes, 1, bytes.count, file)
  return String(decoding: bytes[..<count], as: UTF8.self)
}

/// Processors that this process may run on; on Darwin the performance cores.
package func processorCount() -> Int {
  #if canImport(Darwin)
    var value: Int32 = 0
    var size = MemoryLayout<Int32>.size
    // SAFETY: size is the size of value.
    if unsafe sysctlbyname("hw.perflevel0.physicalcpu", &value, &size, nil, 0) == 0, value > 0 {
      return Int(value)
    }
    return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
  #else
    // Cpus_allowed is the affinity mask as hexadecimal digits.
    if let status = readTextFile("/proc/self/status"),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed:") })
    {
      let bits = line.dropFirst("Cpus_allowed:".count)
        .compactMap(\.hexDigitValue).reduce(0) { $0 + $1.nonzeroBitCount }
      if bits > 0 { return bits }
    }
    return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
  #endif
}

#if canImport(Darwin)
  /// A string value of sysctl, empty if there is none.
  package func sysctlString(_ name: String) -> String {
    var size = 0
    // SAFETY: the first call asks for the size, the second writes at most that.
    guard unsafe sysctlbyname(name, nil, &size, nil, 0) == 0, size > 0 else { return "" }
    var bytes = [UInt8](repeating: 0, count: size)
    guard unsafe sysctlbyname(name, &bytes, &size, nil, 0) == 0 else { return "" }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
#endif

/// Whether something exists at a path.
package func fileExists(_ path: String) -> Bool {
  // SAFETY: access takes a terminated string.
  unsafe access(path, F_OK) == 0
}

/// A cache of the first processor.
package struct Cache {
  /// 1 is nearest to the processor.
  package var level: Int
  /// `data`, `instruction` or `unified`.
  package var type: String
  /// Its size.
  package var bytes: Int

  /// What the system tells; empty where it tells nothing.
  package static func all() -> [Cache] {
    #if canImport(Darwin)
      let names = [
        (1, "instruction", "hw.l1icachesize"), (1, "data", "hw.l1dcachesize"),
        (2, "unified", "hw.l2cachesize"), (3, "unified", "hw.l3cachesize"),
      ]
      return names.compactMap { level, type, name in
        var value: Int64 = 0
        var size = MemoryLayout<Int64>.size
        // SAFETY: size is the size of value.
        guard unsafe sysctlbyname(name, &value, &size, nil, 0) == 0, value > 0 else { return nil }
        return Cache(level: level, type: type, bytes: Int(value))
      }
    #else
      var caches: [Cache] = []
      for index in 0..<16 {
        let folder = "/sys/devices/system/cpu/cpu0/cache/index\(index)/"
        let read = { (name: String) in
          readTextFile(folder + name)?.split(separator: "\n").first.map(String.init)
        }
        guard let level = read("level").flatMap({ Int($0) }), let type = read("type"),
          let size = read("size"), size.hasSuffix("K"), let kibibytes = Int(size.dropLast())
        else { break }
        caches.append(Cache(level: level, type: type.lowercased(), bytes: kibibytes << 10))
      }
      return caches
    #endif
  }
}
