/// The character classes and mappings of the reference tokenizer, for every code point.
///
/// The classes are those of Unicode 8 and of older tables still. The standard library's follow its
/// own, newer version, and on Apple systems the system's: 635 code points would be tokenized
/// differently, and not everywhere alike. So the package carries the tables; see ``UnicodeData``.
struct UnicodeTables: Sendable {
  /// Class membership of one code point.
  struct Classes: OptionSet, Sendable {
    let rawValue: UInt16

    static let removed = Classes(rawValue: 1)
    static let space = Classes(rawValue: 2)
    static let chinese = Classes(rawValue: 4)
    static let strippedMark = Classes(rawValue: 8)
    static let wordSpace = Classes(rawValue: 16)
    static let punctuation = Classes(rawValue: 32)
    /// Has a canonical decomposition.
    static let decomposes = Classes(rawValue: 64)
    /// Has a lower-case mapping other than itself.
    static let lowercases = Classes(rawValue: 128)
    /// Has a combining class other than 0 and is not a stripped mark.
    static let reorders = Classes(rawValue: 256)
  }

  /// Built at first use, in about a millisecond.
  static let shared = UnicodeTables()

  private var classTable = BlockTable()
  private var combiningClasses = ScalarMap()
  private var lowercase = ScalarMap()
  private var decomposition = ScalarMap()

  private init() {
    let ranges: [(String, Classes)] = [
      (UnicodeData.removed, .removed), (UnicodeData.space, .space),
      (UnicodeData.chinese, .chinese), (UnicodeData.strippedMark, .strippedMark),
      (UnicodeData.wordSpace, .wordSpace), (UnicodeData.punctuation, .punctuation),
    ]
    for (text, classes) in ranges {
      forEachEntry(in: text) { numbers in
        classTable.insert(classes.rawValue, from: numbers[0], through: numbers[numbers.count - 1])
      }
    }
    forEachEntry(in: UnicodeData.combiningClass) { numbers in
      for value in numbers[0]...numbers[1] {
        combiningClasses.append(value, ScalarSequence(numbers[2...]))
        classTable.insert(Classes.reorders.rawValue, from: value, through: value)
      }
    }
    forEachEntry(in: UnicodeData.lowercase) { numbers in
      lowercase.append(numbers[0], ScalarSequence(numbers[1...]))
      classTable.insert(Classes.lowercases.rawValue, from: numbers[0], through: numbers[0])
    }
    forEachEntry(in: UnicodeData.decomposition) { numbers in
      decomposition.append(numbers[0], ScalarSequence(numbers[1...]))
      classTable.insert(Classes.decomposes.rawValue, from: numbers[0], through: numbers[0])
    }
    classTable.insert(
      Classes.decomposes.rawValue, from: Hangul.firstSyllable, through: Hangul.lastSyllable)
  }

  /// The classes of `value`; none above U+10FFFF.
  @inline(__always)
  func classes(of value: UInt32) -> Classes {
    Classes(rawValue: classTable[value])
  }

  /// The canonical combining class of a mark that is in class `reorders`, 0 for all others.
  func combiningClass(of value: UInt32) -> UInt8 {
    let found = combiningClasses.values(of: value)
    return found.count == 0 ? 0 : UInt8(truncatingIfNeeded: found[0])
  }

  /// The lower-case mapping of `value`; empty where that is `value` itself.
  func lowercase(of value: UInt32) -> ScalarSequence {
    lowercase.values(of: value)
  }

  /// The full canonical decomposition of `value`; empty where that is `value` itself.
  func decomposition(of value: UInt32) -> ScalarSequence {
    if Hangul.firstSyllable <= value, value <= Hangul.lastSyllable {
      return Hangul.decomposition(of: value)
    }
    return decomposition.values(of: value)
  }
}

/// The arithmetic of Hangul syllables: 19 leading consonants × 21 vowels × 27 + 1 trailing ones.
private enum Hangul {
  static let firstSyllable: UInt32 = 0xAC00
  static let lastSyllable: UInt32 = 0xD7A3

  static func decomposition(of syllable: UInt32) -> ScalarSequence {
    let index = syllable - firstSyllable
    var parts = ScalarSequence()
    parts.append(0x1100 + index / 588)
    parts.append(0x1161 + index % 588 / 28)
    if index % 28 != 0 { parts.append(0x11A7 + index % 28) }
    return parts
  }
}

/// Calls `body` with the numbers of each entry of `text`, in the notation of ``UnicodeData``.
private func forEachEntry(in text: String, _ body: ([UInt32]) -> Void) {
  for entry in text.utf8.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == 10 }) {
    body(
      entry.split { byte in
        byte == UInt8(ascii: "-") || byte == UInt8(ascii: "=") || byte == UInt8(ascii: "+")
      }.map { digits in
        digits.reduce(0) { number, digit in
          let ninth = UInt8(ascii: "9")
          let value = digit <= ninth ? digit & 0xF : digit - UInt8(ascii: "A") + 10
          return number << 4 | UInt32(value)
        }
      })
  }
}
