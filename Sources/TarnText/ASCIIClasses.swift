/// What the tokenizer does with a byte, by its options: the way past the tables for plain text.
struct ASCIIClasses: Sendable {
  /// A letter, a digit, or another byte that stays in a word.
  static let letter: UInt8 = 1
  /// White space: ends a word.
  static let space: UInt8 = 2
  /// A word of its own: ends a word too.
  static let punctuation: UInt8 = 4
  /// Both of which tell that a word is over.
  static let boundary: UInt8 = space | punctuation
  /// Deleted.
  static let removed: UInt8 = 8
  /// Not ASCII, or the first byte of a special token: needs a closer look.
  static let special: UInt8 = 16

  /// The classes of each byte.
  let classes: [UInt8]
  /// What stands for each byte in a piece: its lower case where the options say so, else itself.
  let folding: [UInt8]

  init(options: WordPieceOptions, specialStarts: some Sequence<UInt8>) {
    let tables = UnicodeTables.shared
    var classes = [UInt8](repeating: Self.special, count: 256)
    var folding = (0...255).map { UInt8($0) }
    for byte in 0..<128 {
      let unicode = tables.classes(of: UInt32(byte))
      if options.cleansText, unicode.contains(.removed) {
        classes[byte] = Self.removed
      } else if unicode.contains(.wordSpace) {
        classes[byte] = Self.space
      } else if unicode.contains(.punctuation) {
        classes[byte] = Self.punctuation
      } else {
        classes[byte] = Self.letter
      }
      let lower = tables.lowercase(of: UInt32(byte))
      if options.lowercases, lower.count == 1 {
        folding[byte] = UInt8(truncatingIfNeeded: lower[0])
      }
    }
    for byte in specialStarts { classes[Int(byte)] |= Self.special }
    self.classes = classes
    self.folding = folding
  }
}
