import TarnFreestanding
import TarnTestSupport
import Testing

@Suite struct DecimalNumbersTests {
  /// The standard library's conversion, which calls the system's, is the oracle.
  private func expectSameBits(_ text: String) {
    let found = parseDecimal(Array(text.utf8))
    #expect(found?.value.bitPattern == Double(text)?.bitPattern, "\(text)")
    #expect(found?.count == text.utf8.count, "\(text)")
  }

  @Test func edgesAreThoseOfTheStandardLibrary() {
    for text in [
      "0", "-0", "0.0", "1", "1.", ".5", "1e-12", "+1E+5", "4.9e-324", "2.4703282292062327e-324",
      "2.4703282292062328e-324", "2.2250738585072011e-308", "2.2250738585072014e-308",
      "1.7976931348623157e308", "1.7976931348623159e308", "1e309", "1e-400", "1e22", "1e23",
      "9007199254740993", "9007199254740992.99999999999999999999999999",
      "9007199254740993.00000000000000000000000001", "-0.00000000000000000000000000001e50",
      String(repeating: "1", count: 1000) + "e-900",
      "0." + String(repeating: "0", count: 900) + "1e900",
    ] { expectSameBits(text) }
  }

  @Test func shortestTextsReadBack() {
    var random = SplitMix64(seed: 11)
    for bits in 1..<500 as Range<UInt64> { expectSameBits("\(Double(bitPattern: bits))") }
    for _ in 0..<3000 {
      let value = Double(bitPattern: random.next())
      if value.isFinite { expectSameBits("\(value)") }
    }
  }

  @Test func anyDigitsAreRoundedToNearest() {
    var random = SplitMix64(seed: 12)
    for _ in 0..<3000 {
      let count = Int.random(in: 1...40, using: &random)
      var text = (0..<count).map { _ in "\(Int.random(in: 0...9, using: &random))" }.joined()
      let point = Int.random(in: 0...count, using: &random)
      text.insert(".", at: text.index(text.startIndex, offsetBy: point))
      expectSameBits(text + "e\(Int.random(in: -360...330, using: &random))")
    }
  }

  @Test func whatFollowsIsLeft() {
    for (text, count) in [("1e", 1), ("1e+", 1), ("1x", 1), ("1.x", 2), ("-2.5e3,", 6)] {
      #expect(parseDecimal(Array(text.utf8))?.count == count, "\(text)")
    }
    for text in ["", ".", "e5", "+", "-.", "nan", "inf", " 1"] {
      #expect(parseDecimal(Array(text.utf8)) == nil, "\(text)")
    }
  }

  @Test func productsAreThoseOfTheStandardLibrary() {
    var random = SplitMix64(seed: 13)
    var words: [UInt64] = [0, 1, 0xFFFF_FFFF, 1 << 32, .max]
    for _ in 0..<100 { words.append(random.next()) }
    for a in words {
      for b in words {
        let expected = a.multipliedFullWidth(by: b)
        #expect(fullProduct(a, b) == (expected.high, expected.low), "\(a) times \(b)")
      }
    }
  }
}
