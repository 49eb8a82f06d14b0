import TarnFreestanding
import TarnTestSupport
import Testing

/// The counts at which the loops change from bytes to words.
private let counts = [0, 1, 7, 8, 15, 16, 31, 32, 33, 39, 40, 63, 64, 65, 200]

@Suite struct BytesTests {
  /// Bytes that are different where they can be.
  private let pattern = (0..<600).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 37) }

  @Test func movesAreExactAtEveryOffset() {
    for count in counts {
      for from in 0..<24 {
        // Below, inside and above the source; overlapping or not.
        for to in [0, 1, 8, 9, from, from + 1, from + 8, from + 13, from + 64, from + count] {
          var expected = pattern
          expected.replaceSubrange(to..<to + count, with: pattern[from..<from + count])
          var bytes = pattern
          bytes.withUnsafeMutableBytes {
            moveBytes(from: $0.baseAddress! + from, to: $0.baseAddress! + to, count: count)
          }
          #expect(bytes == expected, "\(count) bytes from \(from) to \(to)")
        }
      }
    }
  }

  @Test func copiesAreExactAtEveryOffset() {
    for count in counts {
      for from in 0..<9 {
        for to in 300..<309 {
          var expected = pattern
          expected.replaceSubrange(to..<to + count, with: pattern[from..<from + count])
          var bytes = pattern
          bytes.withUnsafeMutableBytes {
            copyBytes(from: $0.baseAddress! + from, to: $0.baseAddress! + to, count: count)
          }
          #expect(bytes == expected, "\(count) bytes from \(from) to \(to)")
        }
      }
    }
  }

  @Test func fillsEndWhereTheyShould() {
    for count in counts {
      for to in 0..<17 {
        var expected = pattern
        expected.replaceSubrange(to..<to + count, with: repeatElement(0xA5, count: count))
        var bytes = pattern
        bytes.withUnsafeMutableBytes { fillBytes($0.baseAddress! + to, with: 0xA5, count: count) }
        #expect(bytes == expected, "\(count) bytes at \(to)")
      }
    }
  }

  @Test func theFirstDifferenceDecides() {
    for count in counts {
      for offset in [0, 1, 5] {
        let a = Array(pattern[..<(count + offset)])
        #expect(compared(a, a, from: offset) == 0)
        for place in 0..<count {
          var b = a
          b[offset + place] ^= 0x80
          // A later difference, of the other sign, must not matter.
          if place + 1 < count { b[offset + count - 1] ^= 0x40 }
          let expected = Int32(a[offset + place]) - Int32(b[offset + place])
          #expect(compared(a, b, from: offset) == expected, "\(count) bytes, at \(place)")
        }
      }
    }
  }

  private func compared(_ a: [UInt8], _ b: [UInt8], from offset: Int) -> Int32 {
    a.withUnsafeBytes { a in
      b.withUnsafeBytes { b in
        let count = a.count - offset
        guard let a = a.baseAddress, let b = b.baseAddress else { return 0 }
        return compareBytes(a + offset, b + offset, count: count)
      }
    }
  }
}
