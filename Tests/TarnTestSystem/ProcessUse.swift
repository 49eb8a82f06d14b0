internal import Foundation

/// What this process has used of the machine.
package enum ProcessUse {
  /// The largest resident size so far, in bytes; 0 where the system does not say.
  package static var peakMemory: Int { memory("VmHWM:") }

  /// The resident size, in bytes; 0 where the system does not say.
  package static var memory: Int { memory("VmRSS:") }

  /// The resident memory that is not a file's, in bytes; 0 where the system does not say.
  package static var anonymousMemory: Int { memory("RssAnon:") }

  private static func memory(_ name: String) -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix(name) }
    return line.flatMap { Int($0.filter(\.isNumber)) }.map { $0 << 10 } ?? 0
  }

  /// Processor time of all threads so far: what else the machine does adds little to it.
  package static var time: Duration {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}

/// What a hostile file may cost, in a process of its own.
package struct Cost: CustomStringConvertible {
  /// Growth of the largest resident size, in bytes.
  package let memory: Int
  /// Processor time.
  package let time: Duration

  /// Runs `body` once.
  package init(of body: () -> Void) {
    let memory = ProcessUse.memory
    let time = ProcessUse.time
    body()
    self.time = ProcessUse.time - time
    self.memory = ProcessUse.peakMemory - memory
  }

  /// Whether a file of `bytes` cost less than a second and twice its size and 32 MiB.
  package func isWithinPromise(bytes: Int) -> Bool {
    time < .seconds(1) && memory <= 2 * bytes + 32 << 20
  }

  /// Both numbers.
  package var description: String {
    "\(memory >> 10) KiB, \(time)"
  }
}

/// Texts of JSON that take as much as a reader can be made to give, about `bytes` each.
package enum WorstJSON: String, CaseIterable, Sendable {
  case values, keys, escapedKeys, emptyKeys, pairs, nested, string, escapes, number, labels, space

  /// An object.
  package func object(bytes count: Int) -> [UInt8] {
    let inner: [UInt8]
    let room = count - 40
    switch self {
    case .values:
      inner = list("\"architectures\":[", "]", room / 2) { _ in "0" }
    case .keys:
      inner = list("\"a\":{", "}", room / 11) { "\"" + name($0) + "\":0" }
    case .escapedKeys:
      inner = list("\"a\":{", "}", room / 41) {
        "\"" + name($0).utf8.map { "\\u00" + String($0, radix: 16) }.joined() + "\":0"
      }
    case .emptyKeys:
      inner = list("\"a\":[", "]", room / 7) { _ in "{\"\":0}" }
    case .pairs:
      inner = list("\"a\":[", "]", room / 14) { _ in "{\"a\":0,\"b\":0}" }
    case .nested:
      let (open, close) = (
        String(repeating: "{\"\":", count: 120), String(repeating: "}", count: 120)
      )
      inner = list("\"a\":[", "]", room / 602) { _ in open + "0" + close }
    case .string:
      inner = Array("\"model_type\":\"".utf8) + [UInt8](repeating: 0x61, count: room) + [0x22]
    case .escapes:
      inner = list("\"model_type\":\"", "\"", room / 6, separator: "") { _ in "\\u0061" }
    case .number:
      inner = Array("\"hidden_size\":".utf8) + [UInt8](repeating: 0x31, count: room)
    case .labels:
      inner = list("\"id2label\":{", "}", room / 12) { "\"\($0)\":\"\"" }
    case .space:
      inner = Array("\"a\":".utf8) + [UInt8](repeating: 0x20, count: room) + [0x30]
    }
    return [0x7B] + inner + [0x7D]
  }

  /// Six letters that no other number has.
  private func name(_ number: Int) -> String {
    String(decoding: (0..<6).map { UInt8(0x61 + number >> (4 * $0) & 15) }, as: UTF8.self)
  }

  private func list(
    _ open: String, _ close: String, _ count: Int, separator: String = ",",
    _ item: (Int) -> String
  ) -> [UInt8] {
    var bytes = Array(open.utf8)
    for number in 0..<count {
      if number > 0 { bytes += separator.utf8 }
      bytes += item(number).utf8
    }
    return bytes + close.utf8
  }
}
