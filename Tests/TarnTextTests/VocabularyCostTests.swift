#if os(Linux)
  import TarnTestSupport
  import TarnTestSystem
  import Testing

  @testable import TarnText

  /// What the longest vocabularies cost, in a process of its own for each.
  @Suite(.enabled(if: CheckSize.requested != .quick)) struct VocabularyCostTests {
    /// Bytes of a line and its line feed; 0: a single line.
    @Test(arguments: [2, 4, 16, 17, 200, 100_000, 0])
    func aVocabularyTakesTwiceTheFileAndAConstantAtMost(line: Int) async throws {
      let folder = try TemporaryDirectory()
      let lines = Vocabulary.maximumLines
      let count =
        line == 0
        ? Vocabulary.maximumBytes
        : min(Vocabulary.maximumBytes / line, lines) * line
      var generator = SeededGenerator(seed: 6)
      var bytes = (0..<count).map { _ in UInt8.random(in: 0x21...0x7E, using: &generator) }
      if line > 0 {
        for end in stride(from: line - 1, to: count, by: line) { bytes[end] = 10 }
      }
      let path = try folder.write("vocab.txt", bytes)
      await #expect(processExitsWith: .success) { [path = path as String, count = count as Int] in
        var vocabulary: Vocabulary?
        let cost = Cost { vocabulary = try? Vocabulary(path: path) }
        #expect(vocabulary != nil)
        #expect(cost.isWithinPromise(bytes: count), "\(cost) for \(count) bytes")
      }
    }
  }
#endif
