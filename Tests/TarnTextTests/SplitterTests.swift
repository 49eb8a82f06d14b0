import Testing

@testable import TarnText

struct SplitterTests {
  @Test(arguments: [
    ("", []),
    (" \t\n\r\u{A0}", []),
    ("One. Two! Three? Four\u{2026} Five", [0, 5, 10, 17, 23]),
    ("  One.  Two. ", [2, 8]),
    ("One.Two", [0]),
    ("He left. then", [0]),
    ("He left... Then", [0, 11]),
    ("He said \"go.\" Then \u{201C}yes.\u{201D}) And", [0, 14, 27]),
    ("Dr. No met mrs. Smith. MESSRS. Lee", [0, 23]),
    ("J. Smith. U.S. Army. I.e. Half. a", [0, 10, 21]),
    ("Dr! No", [0, 4]),
    ("Dr.) No", [0]),
    ("Dr.. No", [0, 5]),
    ("adm1. Two. 3rd. Four", [0, 6, 11]),
    ("\u{E9}. Two", [0, 3]),
    ("x\u{E9}. Two", [0, 4]),
    (". Two", [0, 2]),
    ("One. \u{E9}t\u{E9}", [0, 5]),
    ("No\u{2003}one. \u{2003}Two", [0, 8]),
    ("One. \u{1F600}. Two", [0, 5, 8]),
  ])
  func sentencesStartByTheRule(text: String, starts: [Int]) {
    #expect(SentenceSplitter.starts(in: text) == starts)
  }

  @Test(arguments: [
    ("", [0]), ("a\nb", [0]), ("a\n\nb", [0, 3]), ("a\n\n\nb", [0, 3]), ("a\n\n\n\nb", [0, 3, 5]),
    ("\u{E9}\n\n\u{4E00}\n\n", [0, 3, 6]), ("a\r\n\r\nb", [0]),
  ])
  func paragraphsStartAfterBlankLines(text: String, starts: [Int]) {
    #expect(ParagraphSplitter.starts(in: text) == starts)
  }

  @Test func positionsCountScalarsAndBytes() {
    let positions = SentenceSplitter.positions(in: "\u{E9}\u{1F600}! Two".utf8.span)
    #expect(positions == [TextPosition(), TextPosition(scalar: 4, utf8: 8)])
  }

  @Test(
    arguments: [
      ([101, 5, 5, 102, 5, 102, 0, 0], [0, 1, 1, 2, 3, 4, 5, 5]),
      ([101, 5, 102, 102], [0, 1, 2, 4]),
      ([5, 102, 5], [0, 1, 2]),
      ([102, 5], [1, 2]),
      ([101, 101], [0, 2]),
      ([5], [0]),
      ([], []),
    ] as [([Int32], [Int32])])
  func derivedNumbersFollowTheSpecialTokens(ids: [Int32], numbers: [Int32]) {
    #expect(SegmentNumbers.derived(from: ids) == numbers)
  }
}
