/// Finds sentences by a small fixed rule for English prose.
///
/// A sentence ends after a run of `. ! ? …` and closing quotes or brackets, if white space follows
/// and what comes next does not start with a small letter. A single full stop after one letter,
/// after letters with dots among them, or after a known abbreviation ends nothing.
///
/// This is the rule that the bundled Hyperpartisan model was trained with. Any other splitting is
/// valid input for a model too.
public enum SentenceSplitter {
  /// Where sentences start, in Unicode scalars; empty for a text of nothing but spaces.
  ///
  /// - Complexity: linear in the text; a stretch of letters before a full stop is read twice.
  public static func starts(in text: String) -> [Int] {
    positions(in: text.utf8.span).map { $0.scalar }
  }

  /// The same with the byte positions, for bytes that are UTF-8.
  static func positions(in text: borrowing Span<UInt8>) -> [TextPosition] {
    var cursor = TextPosition()
    var starts: [TextPosition] = []
    cursor.skip(.space, in: text)
    if cursor.utf8 < text.count { starts.append(cursor) }
    while cursor.utf8 < text.count {
      guard Kind(text.scalar(at: cursor.utf8).value) == .terminator else {
        cursor.step(in: text)
        continue
      }
      let runStart = cursor.utf8
      cursor.skip(.terminator, in: text)
      let runEnd = cursor.utf8
      cursor.skip(.closer, in: text)
      let gapStart = cursor.utf8
      cursor.skip(.space, in: text)
      if cursor.utf8 == gapStart || cursor.utf8 == text.count { continue }
      let next = text[cursor.utf8]
      if next >= UInt8(ascii: "a"), next <= UInt8(ascii: "z") { continue }
      let isFullStop = runEnd - runStart == 1 && text[runStart] == UInt8(ascii: ".")
      if isFullStop, isAbbreviation(in: text, before: runStart) { continue }
      starts.append(cursor)
    }
    return starts
  }

  /// Whether the stretch of ASCII letters and dots before a full stop keeps the sentence open.
  private static func isAbbreviation(in text: borrowing Span<UInt8>, before stop: Int) -> Bool {
    var start = stop
    var hasDot = false
    while start > 0 {
      let byte = text[start - 1]
      let isLetter = (byte | 0x20) &- UInt8(ascii: "a") < 26
      guard isLetter || byte == UInt8(ascii: ".") else { break }
      hasDot = hasDot || !isLetter
      start -= 1
    }
    let length = stop - start
    if length == 1 || hasDot { return true }
    // No abbreviation is longer than six letters, and no word longer than that need be copied.
    guard 2...6 ~= length else { return false }
    var word: UInt64 = 0
    for index in start..<stop { word = word << 8 | UInt64(text[index] | 0x20) }
    return abbreviations.contains(word)
  }

  /// The abbreviations, lower case, as big-endian numbers.
  private static let abbreviations: Set<UInt64> = {
    let words = """
      adm al ala apr ariz ark aug ave blvd calif capt cmdr co col colo conn corp dec del dept det
      dr est etc feb fig fla ft ga gen gov hon ill inc ind jan jr jul jun kan ky la lt ltd maj mar
      mass md messrs mich minn miss mo mont mr mrs ms mt neb nev no nov oct okla ore pa pres prof
      rd rep rev sen sep sept sgt sr st supt tenn tex va vol vs vt wash wis wyo
      """
    return Set(
      words.utf8.split { $0 == UInt8(ascii: " ") || $0 == 10 }.map { word in
        word.reduce(0) { $0 << 8 | UInt64($1) }
      })
  }()
}

/// What the sentence rule knows of a scalar.
private enum Kind {
  case space
  case terminator
  case closer
  case other

  @inline(__always)
  init(_ scalar: UInt32) {
    switch scalar {
    case 0x20, 0x09, 0x0A, 0x0D, 0xA0: self = .space
    case 0x2E, 0x21, 0x3F, 0x2026: self = .terminator
    case 0x22, 0x27, 0x29, 0x5D, 0x7D, 0x2019, 0x201D, 0xBB: self = .closer
    default: self = .other
    }
  }
}

/// A place between two scalars, counted both ways.
struct TextPosition: Equatable, Sendable {
  var scalar = 0
  var utf8 = 0
}

extension TextPosition {
  /// Goes past one scalar.
  @inline(__always)
  mutating func step(in text: borrowing Span<UInt8>) {
    utf8 += text.scalar(at: utf8).length
    scalar += 1
  }

  /// Goes past all scalars of a kind.
  fileprivate mutating func skip(_ kind: Kind, in text: borrowing Span<UInt8>) {
    while utf8 < text.count {
      let (value, length) = text.scalar(at: utf8)
      guard Kind(value) == kind else { return }
      utf8 += length
      scalar += 1
    }
  }
}
