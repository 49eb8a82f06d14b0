import Testing

@testable import TarnText

struct WordPieceFixtureTests {
  /// Tokens, ids, offsets, types, mask or error of the `tokenizers` library, for all profiles.
  @Test func everyGoldenCaseAgrees() throws {
    let profiles = try Profile.all()
    #expect(profiles.count == 8)
    let cases = try #require(wordPieceFixture("cases.json")["cases"] as? [[String: Any]])
    #expect(cases.count == 2785)
    var errors = 0
    for entry in cases {
      let profile = try #require(entry["profile"] as? String)
      let tokenizer = try #require(profiles[profile]).tokenizer
      let text = try #require(entry["text"] as? String)
      let pair = entry["pair"] as? String
      let strategy: TruncationStrategy =
        switch entry["strategy"] as? String {
        case "only_first": .onlyFirst
        case "only_second": .onlySecond
        default: .longestFirst
        }
      let isLeft = entry["direction"] as? String == "left"
      let name = "\(profile): \(escaped(text).prefix(200))"
      do throws(TextError) {
        let encoding = try tokenizer.encode(
          text, pair: pair, maxLength: entry["max_length"] as? Int, truncation: strategy,
          direction: isLeft ? .left : .right)
        #expect(entry["error"] == nil, "\(name)")
        try expectEqual(encoding, entry, tokenizer, name)
        expectConsistentOffsets(encoding, text, pair, name)
        let bytes = try tokenizer.encode(
          utf8: Array(text.utf8), pair: pair.map { Array($0.utf8) },
          maxLength: entry["max_length"] as? Int, truncation: strategy,
          direction: isLeft ? .left : .right)
        #expect(bytes == encoding, "\(name)")
      } catch {
        errors += 1
        guard case .sequenceTooShort = error else {
          Issue.record("\(name): \(error)")
          continue
        }
        #expect((entry["error"] as? String)?.contains("Sequence to truncate too short") == true)
      }
    }
    #expect(errors == 89)
  }

  private func expectEqual(
    _ found: Encoding, _ expected: [String: Any], _ tokenizer: WordPieceTokenizer, _ name: String
  ) throws(TextError) {
    let tokens = found.tokens(in: tokenizer.vocabulary).map { Array($0.utf8) }
    #expect(tokens == (expected["tokens"] as? [String])?.map { Array($0.utf8) }, "\(name)")
    #expect(found.ids == (expected["ids"] as? [Int32]), "\(name)")
    #expect(found.typeIDs == (expected["type_ids"] as? [Int32]), "\(name)")
    #expect(
      found.specialTokensMask.map { $0 ? 1 : 0 } == (expected["special_tokens_mask"] as? [Int]),
      "\(name)")
    let offsets = found.offsets.map { [$0.lowerBound, $0.upperBound] }
    #expect(offsets == (expected["offsets"] as? [[Int]]), "\(name)")
  }
}

/// The two kinds of offsets of each token name the same part of its text.
func expectConsistentOffsets(
  _ encoding: Encoding, _ text: String, _ pair: String?, _ name: String
) {
  let first = byteOffsets(of: text)
  let second = pair.map(byteOffsets(of:)) ?? []
  for index in 0..<encoding.count {
    let starts = encoding.typeIDs[index] == 1 ? second : first
    let scalars = encoding.offsets[index]
    guard !encoding.specialTokensMask[index], scalars.upperBound < starts.count else {
      #expect(scalars.isEmpty && encoding.utf8Offsets[index].isEmpty, "\(name), token \(index)")
      continue
    }
    #expect(
      encoding.utf8Offsets[index] == starts[scalars.lowerBound]..<starts[scalars.upperBound],
      "\(name), token \(index)")
  }
}

/// Where each scalar of a text starts in its UTF-8 form; the end is one more.
private func byteOffsets(of text: String) -> [Int] {
  var offsets = [0]
  for scalar in text.unicodeScalars {
    offsets.append(offsets[offsets.count - 1] + String(scalar).utf8.count)
  }
  return offsets
}
