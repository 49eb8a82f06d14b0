import Foundation
import Synchronization
import Testing

@testable import TarnText

@Suite(.serialized)
struct LinearTimeTests {
  /// One character of each class; repeated, each takes another path through the scanner.
  fileprivate static let characters: [String] = [
    "a", "Z", " ", ".", "[", "#", "\u{0}", "\u{E9}", "\u{301}", "\u{8D4}", "\u{1BAA}", "\u{4E00}",
    "\u{AC01}", "\u{1F600}", "\u{200B}", "\u{3002}", "\u{430}", "[MASK", "[MASK]", "a\u{301}",
    "a.", "Mr. ", "\u{8D4}\u{1BAA}", "aaaaaaaaaaaaaaaaaaa\u{0}", "the ",
  ]

  /// In a process of its own: the heap that other tests leave behind may serve the short text and
  /// not the long one, and fresh pages cost more than tokens.
  @Test func twiceTheTextTakesAboutTwiceTheTime() async {
    await #expect(processExitsWith: .success) {
      keepFreedMemory()
      let tokenizer = try uncasedTokenizer()
      var options = WordPieceOptions.uncased
      options.maximumWordLength = .max
      let unlimited = try WordPieceTokenizer(vocabulary: tokenizer.vocabulary, options: options)
      for unit in LinearTimeTests.characters {
        let count = 500_000 / unit.unicodeScalars.count
        for (count, run) in [
          (count, { try tokenizer.encode(utf8: $0).count }),
          (count, { try tokenizer.encodeDocument(utf8: $0).encoding.count }),
          (count / 4, { try unlimited.encode(utf8: $0).count }),
        ] as [(Int, ([UInt8]) throws -> Int)] {
          try expectLinearTime(unit, count: count, run)
        }
      }
    }
  }

  /// Likewise the pieces of SentencePiece: both kinds of models, and both ways of merging.
  @Test func twiceTheTextTakesAboutTwiceTheTimeForPieces() async {
    await #expect(processExitsWith: .success) {
      keepFreedMemory()
      let fixture = try SentencePieceFixture()
      for name in ["unigram-folded", "bpe-folded", "bpe-unused"] {
        let tokenizer = try fixture.model(name)
        for unit in LinearTimeTests.characters {
          try expectLinearTime(unit, count: 60_000 / unit.unicodeScalars.count) {
            try tokenizer.encode(utf8: $0).count
          }
        }
      }
    }
  }

  @Test func aMillionEqualCharactersNeedLittleStack() throws {
    let tokenizer = try uncasedTokenizer()
    let models = try SentencePieceFixture().models.map(\.tokenizer)
    let failures = Mutex<[String]>([])
    let finished = DispatchSemaphore(value: 0)
    let thread = Thread {
      for unit in Self.characters {
        let text = String(repeating: unit, count: 1_000_000 / unit.unicodeScalars.count)
        let lengths = [
          try? tokenizer.encode(text, pair: text, maxLength: 512).count,
          try? tokenizer.encode(utf8: Array(text.utf8)).count,
          try? tokenizer.encodeDocument(text, maxLength: 512).encoding.count,
          try? models[text.utf8.count % models.count].encode(text).count,
        ]
        if lengths.contains(nil) { failures.withLock { $0.append(escaped(unit)) } }
      }
      finished.signal()
    }
    thread.stackSize = 256 << 10
    thread.start()
    finished.wait()
    #expect(failures.withLock { $0 }.isEmpty)
  }

  @Test func everyScalarAloneIsEncoded() throws {
    let tokenizers = try Profile.all().values.map(\.tokenizer)
    let models = try SentencePieceFixture().models.map(\.tokenizer)
    var count = 0
    for value in 0...UInt32(0x10FFFF) {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let text = String(scalar)
      let pieces = try models[count % models.count].encode(text)
      if !pieces.offsets.allSatisfy({ $0 == 0..<1 || $0.isEmpty }) {
        Issue.record("U+\(String(value, radix: 16)): \(pieces)")
      }
      let encoding = try tokenizers[count % tokenizers.count].encode(text)
      if !encoding.offsets.allSatisfy({ $0 == 0..<1 || $0.isEmpty }) {
        Issue.record("U+\(String(value, radix: 16))")
      }
      count += 1
    }
    #expect(count == 0x110000 - 0x800)
  }
}

/// Twice the text takes at most 2.3 times the time.
private func expectLinearTime(
  _ unit: String, count: Int, _ run: ([UInt8]) throws -> Int
) rethrows {
  let short = [UInt8](String(repeating: unit, count: count).utf8)
  let long = short + short
  // Another process takes its part of caches and memory: the fastest of all calls counts, and after
  // a bad ratio the next measurement waits a little.
  var times = (Double.infinity, Double.infinity)
  for attempt in 0..<30 where attempt == 0 || times.1 > 2.3 * times.0 {
    if attempt > 2 { usleep(300_000) }
    times.0 = min(times.0, try fastest { _ = try run(short) })
    times.1 = min(times.1, try fastest { _ = try run(long) })
  }
  #expect(times.1 <= 2.3 * times.0, "\(escaped(unit)), \(count): \(times.1 / times.0)")
}

/// Tells glibc to keep freed memory with the process.
///
/// Otherwise the longer text may pay for fresh pages where the shorter one does not, and the ratio
/// tells about the allocator.
private func keepFreedMemory() {
  typealias MallOpt = @convention(c) (CInt, CInt) -> CInt
  guard let symbol = dlsym(dlopen(nil, RTLD_NOW), "mallopt") else { return }
  let mallopt = unsafeBitCast(symbol, to: MallOpt.self)
  let (trimThreshold, mmapThreshold): (CInt, CInt) = (-1, -3)
  _ = mallopt(mmapThreshold, 32 << 20)
  _ = mallopt(trimThreshold, 1 << 30)
}

/// The shortest processor time of five calls, in nanoseconds.
private func fastest(_ body: () throws -> Void) rethrows -> Double {
  var times: [Double] = []
  for _ in 0..<5 {
    let start = threadTime()
    try body()
    times.append(threadTime() - start)
  }
  return times.min() ?? .nan
}

private func threadTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}
