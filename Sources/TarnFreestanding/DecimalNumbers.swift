// Decimal numbers to Double, correctly rounded: what `Double(text)` calls a C library for.

/// The double nearest to a decimal number, ties to even, and where the number ends.
///
///     [+-] digits [. digits] [e [+-] digits]        at least one digit in the first two groups
///
/// Nil if the bytes begin with no such number. Infinity beyond the range, zero below it. Whitespace,
/// hexadecimal numbers, infinities and NaN are no numbers here.
///
/// The number is N / M with whole N and M, and its first 64 bits come from a long division, so that
/// nothing is rounded but the last step. Digits beyond 800 only tell that more follows: no tie needs
/// more than 767. At most a billion bytes. Uses the heap, and takes microseconds: for configurations, not for tables.
package func parseDecimal(_ bytes: some Collection<UInt8>) -> (value: Double, count: Int)? {
  var scanner = DecimalScanner()
  guard let count = scanner.scan(bytes) else { return nil }
  let magnitude = Double(bitPattern: scanner.magnitudeBits)
  return (scanner.isNegative ? -magnitude : magnitude, count)
}

/// The parts of a decimal number: `digits · 10^exponent`, and whether it has more digits than were kept.
private struct DecimalScanner {
  var isNegative = false
  private var digits = WholeNumber()
  private var digitCount = 0
  private var exponent = 0
  private var hasMore = false

  private static let mostDigits = 800

  /// Reads a number at the beginning; how many bytes it has.
  mutating func scan(_ bytes: some Collection<UInt8>) -> Int? {
    var rest = Rest(bytes: bytes, index: bytes.startIndex)
    isNegative = rest.sign()
    var hasDigits = false
    while let digit = rest.digit() {
      hasDigits = true
      append(digit, isFraction: false)
    }
    let beforePoint = rest
    if rest.take(UInt8(ascii: ".")) {
      var hasFraction = false
      while let digit = rest.digit() {
        hasFraction = true
        append(digit, isFraction: true)
      }
      if !hasDigits && !hasFraction { rest = beforePoint }
      hasDigits = hasDigits || hasFraction
    }
    guard hasDigits else { return nil }
    let beforeExponent = rest
    if rest.take(UInt8(ascii: "e")) || rest.take(UInt8(ascii: "E")) {
      let isSmall = rest.sign()
      var power: Int?
      while let digit = rest.digit() {
        // From here on far outside the range of Double, and still inside that of a 32-bit Int.
        let tens = power ?? 0
        power = tens < 100_000_000 ? tens * 10 + Int(digit) : tens
      }
      if let power { exponent += isSmall ? -power : power } else { rest = beforeExponent }
    }
    return rest.count
  }

  private mutating func append(_ digit: UInt32, isFraction: Bool) {
    if digitCount < Self.mostDigits {
      if digitCount > 0 || digit > 0 {
        digits.multiply(by: 10, adding: digit)
        digitCount += 1
      }
      if isFraction { exponent -= 1 }
    } else {
      hasMore = hasMore || digit > 0
      if !isFraction { exponent += 1 }
    }
  }

  /// The bits of the nearest double, without its sign.
  var magnitudeBits: UInt64 {
    let infinity = Double.infinity.bitPattern
    // Between 10^(order-1) and 10^order.
    let order = digitCount + exponent
    guard digitCount > 0, order > -330 else { return 0 }
    guard order < 320 else { return infinity }

    var n = digits
    var m = WholeNumber(1)
    for _ in 0..<max(0, exponent) { n.multiply(by: 10, adding: 0) }
    for _ in 0..<max(0, -exponent) { m.multiply(by: 10, adding: 0) }
    // Scaled so that 1 ≤ N / M < 2; the number is N / M · 2^power.
    var power = n.bitWidth - m.bitWidth
    if power < 0 { n.shiftLeft(-power) } else { m.shiftLeft(power) }
    if n < m {
      n.shiftLeft(1)
      power -= 1
    }
    var quotient: UInt64 = 0
    for _ in 0..<64 {
      quotient &<<= 1
      if !(n < m) {
        n.subtract(m)
        quotient |= 1
      }
      n.shiftLeft(1)
    }
    // 64 bits are more than 53 and two: the last may say that something follows.
    if hasMore || !n.isZero { quotient |= 1 }

    // Below 2^-1022 bits fall off; 2^-1074 is the last.
    let lost = 11 + max(0, -1022 - power)
    guard lost <= 64 else { return 0 }
    let kept = lost == 64 ? 0 : quotient >> UInt64(lost)
    let below = lost == 64 ? quotient : quotient & ((1 << UInt64(lost)) - 1)
    let half: UInt64 = 1 << UInt64(lost - 1)
    let roundsUp = below > half || (below == half && kept & 1 == 1)
    // The leading bit of a normal number adds one to the exponent, and so does a carry.
    let biased = UInt64(max(0, power + 1022))
    guard biased < 0x7FF else { return infinity }
    return min(infinity, biased << 52 + kept + (roundsUp ? 1 : 0))
  }
}

/// What of the bytes has not been read.
private struct Rest<Bytes: Collection<UInt8>> {
  let bytes: Bytes
  var index: Bytes.Index
  var count = 0

  mutating func take(_ byte: UInt8) -> Bool {
    guard index < bytes.endIndex, bytes[index] == byte else { return false }
    index = bytes.index(after: index)
    count += 1
    return true
  }

  /// Takes a sign, if there is one; whether it is a minus.
  mutating func sign() -> Bool {
    if take(UInt8(ascii: "-")) { return true }
    _ = take(UInt8(ascii: "+"))
    return false
  }

  mutating func digit() -> UInt32? {
    guard index < bytes.endIndex, case UInt8(ascii: "0")...UInt8(ascii: "9") = bytes[index] else {
      return nil
    }
    let digit = UInt32(bytes[index] - UInt8(ascii: "0"))
    index = bytes.index(after: index)
    count += 1
    return digit
  }
}

/// A whole number of any size, 32 bits a word, the lowest first; the last word is not 0.
private struct WholeNumber: Comparable {
  private var words: [UInt32] = []

  init() {}
  init(_ word: UInt32) { words = word == 0 ? [] : [word] }

  var isZero: Bool { words.isEmpty }

  var bitWidth: Int { words.last.map { words.count * 32 - $0.leadingZeroBitCount } ?? 0 }

  mutating func multiply(by factor: UInt32, adding term: UInt32) {
    var carry = UInt64(term)
    for i in words.indices {
      carry += UInt64(words[i]) * UInt64(factor)
      words[i] = UInt32(truncatingIfNeeded: carry)
      carry >>= 32
    }
    if carry > 0 { words.append(UInt32(carry)) }
  }

  mutating func shiftLeft(_ count: Int) {
    guard !isZero else { return }
    let bits = UInt64(count % 32)
    var carry: UInt64 = 0
    for i in words.indices {
      carry |= UInt64(words[i]) << bits
      words[i] = UInt32(truncatingIfNeeded: carry)
      carry >>= 32
    }
    if carry > 0 { words.append(UInt32(carry)) }
    words.insert(contentsOf: repeatElement(0, count: count / 32), at: 0)
  }

  /// Takes away a number that is not larger.
  mutating func subtract(_ other: WholeNumber) {
    var borrow: Int64 = 0
    for i in words.indices {
      borrow += Int64(words[i]) - (i < other.words.count ? Int64(other.words[i]) : 0)
      words[i] = UInt32(truncatingIfNeeded: borrow)
      borrow >>= 32
    }
    while words.last == 0 { words.removeLast() }
  }

  static func < (a: WholeNumber, b: WholeNumber) -> Bool {
    guard a.words.count == b.words.count else { return a.words.count < b.words.count }
    for i in a.words.indices.reversed() where a.words[i] != b.words[i] {
      return a.words[i] < b.words[i]
    }
    return false
  }
}
