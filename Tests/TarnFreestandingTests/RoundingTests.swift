import TarnFreestanding
import TarnTestSupport
import Testing

@Suite struct RoundingTests {
  @Test func everyExponentRoundsAsTheStandardLibraryDoes() {
    var random = SplitMix64(seed: 52)
    for exponent in 0...UInt64(0x7FF) {
      var fractions: [UInt64] = [0, 1, 1 << 51, (1 << 52) - 1]
      for _ in 0..<40 { fractions.append(random.next() >> 12) }
      for fraction in fractions {
        let x = Double(bitPattern: exponent << 52 | fraction)
        check(x)
        check(-x)
      }
    }
  }

  @Test func halvesAndTheirNeighboursRoundAsTheStandardLibraryDoes() {
    for i in -1000...1000 {
      let half = Double(i) * 0.5
      for x in [half.nextDown, half, half.nextUp] { check(x) }
    }
    for x in [0x1p51 + 0.5, 0x1p52 - 0.5, 0x1p52, 0x1p53 - 1, 0.49999999999999994, -0.0] {
      check(x)
      check(-x)
    }
  }

  private func check(_ x: Double) {
    for (mine, theirs) in [
      (roundedDown(x), x.rounded(.down)), (roundedUp(x), x.rounded(.up)),
      (wholePart(of: x), x.rounded(.towardZero)),
      (roundedToNearest(x), x.rounded(.toNearestOrAwayFromZero)),
    ] where !(x.isNaN && mine.isNaN && theirs.isNaN) {
      #expect(mine.bitPattern == theirs.bitPattern, "\(x): \(mine), expected \(theirs)")
    }
  }
}
