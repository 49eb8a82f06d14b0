/// The compiled rules of a normaliser: texts and what they are replaced by.
///
///     size (4 bytes) | double array, size bytes | replacements, each ended by U+0000
///
/// The double array is Darts-clone's: units of 32 bits, the node of a text followed by byte c is
/// `base xor c`, if the unit there has the label c.
///
///     bits 0…7, 31   label; bit 31 is set in a leaf, whose other bits are a place in the replacements
///     bit 8          a rule ends here; its leaf is at the base
///     bits 9…30      offset: the base is node xor offset, or xor offset · 256 where bit 9 is set
struct CharacterMap: Sendable {
  private let units: [UInt32]
  /// UTF-8, the replacements one after another, each ended by U+0000.
  let replacements: [UInt8]

  /// Whether there is no rule.
  var isEmpty: Bool { units.isEmpty }

  /// Reads the table in `range` of a file, where an empty one has no rules, and follows all of it, so that no text can lead outside or
  /// around in a circle.
  ///
  /// - Complexity: linear in the table.
  init(
    _ model: SentencePieceFile, _ range: Range<Int>, field: String, limits: SentencePieceLimits
  ) throws(TextError) {
    func error(_ offset: Int, _ found: String, _ expected: String) -> TextError {
      model.error(offset, field, found: found, expected: expected)
    }
    guard !range.isEmpty else {
      units = []
      replacements = []
      return
    }
    let start = range.lowerBound
    guard range.count > 4 else {
      throw error(start, "\(range.count) bytes", "a size, a trie and replacements")
    }
    let size = Int(littleEndian(model.bytes, at: start))
    guard size > 0, size % 1024 == 0, size <= range.count - 4 else {
      throw error(
        start, "a trie of \(size) bytes",
        "a multiple of 1024, at most the \(range.count - 4) that are left")
    }
    units = (0..<size / 4).map { littleEndian(model.bytes, at: start + 4 + 4 * $0) }
    let texts = start + 4 + size
    replacements = Array(model.bytes[texts..<range.upperBound])
    do throws(TextError) {
      try validateUTF8(replacements.span)
    } catch {
      throw model.error(
        texts, field, found: "replacements that are not UTF-8", expected: "UTF-8")
    }
    guard replacements.last ?? 0 == 0 else {
      throw error(range.upperBound - 1, "a replacement without an end", "U+0000 after each")
    }
    var length = 0
    for (place, byte) in replacements.enumerated() {
      length = byte == 0 ? 0 : length + 1
      guard length <= limits.replacementBytes else {
        throw error(
          texts + place, "a replacement of more than \(limits.replacementBytes) bytes",
          "at most as many")
      }
    }
    try checkUnits(limits) { unit, found, expected in error(start + 4 + 4 * unit, found, expected) }
  }

  /// The longest rule for the bytes of `text` from `start` on: how many it replaces, and where the
  /// replacement starts.
  @inline(__always)
  func longestRule(
    in text: borrowing Span<UInt8>, at start: Int
  ) -> (length: Int, replacement: Int)? {
    var base = CharacterMap.offset(units[0])
    var at = start
    var found: (length: Int, replacement: Int)?
    while at < text.count {
      let byte = UInt32(text[at])
      let unit = units[Int(base ^ byte)]
      // No rule has U+0000, and a unit at its base is another's.
      guard unit & CharacterMap.label == byte, byte != 0 else { break }
      base ^= byte ^ CharacterMap.offset(unit)
      at += 1
      if CharacterMap.hasLeaf(unit) {
        found = (at - start, Int(units[Int(base)] & ~CharacterMap.leaf))
      }
    }
    return found
  }

  /// The replacement that starts at `start`.
  @inline(__always)
  func replacement(at start: Int) -> Range<Int> {
    var end = start
    while replacements[end] != 0 { end += 1 }
    return start..<end
  }

  // MARK: Units

  private static let leaf: UInt32 = 1 << 31
  private static let label: UInt32 = 1 << 31 | 0xFF

  @inline(__always)
  private static func offset(_ unit: UInt32) -> UInt32 {
    (unit >> 10) << ((unit & 0x200) >> 6)
  }

  @inline(__always)
  private static func hasLeaf(_ unit: UInt32) -> Bool { unit & 0x100 != 0 }

  /// Follows every path from the root once: bases lie inside, leaves point to replacements, and no
  /// path is longer than a rule may be.
  ///
  /// Units with the same base share all that follows, so the longest path from each base is
  /// remembered. The children of a base are those units that lie a label away from it.
  private func checkUnits(
    _ limits: SentencePieceLimits,
    _ error: (_ unit: Int, _ found: String, _ expected: String) -> TextError
  ) throws(TextError) {
    var firstChild = [Int32](repeating: -1, count: units.count)
    var sibling = [Int32](repeating: -1, count: units.count)
    for (place, unit) in units.enumerated() {
      let label = unit & CharacterMap.label
      guard 1...255 ~= label else { continue }
      let base = place ^ Int(label)
      sibling[place] = firstChild[base]
      firstChild[base] = Int32(truncatingIfNeeded: place)
    }
    /// The longest path from a base; -1 before it is known, -2 while it is looked for.
    var depths = [Int32](repeating: -1, count: units.count)
    var stack: [(base: Int, child: Int32, depth: Int32)] = []

    func enter(_ unit: Int) throws(TextError) {
      let base = unit ^ Int(CharacterMap.offset(units[unit]))
      guard base < units.count else {
        throw error(unit, "a base at unit \(base)", "at most \(units.count - 1)")
      }
      if CharacterMap.hasLeaf(units[unit]), unit != 0 {
        let place = Int(units[base] & ~CharacterMap.leaf)
        guard units[base] & CharacterMap.leaf != 0, place < replacements.count,
          replacements[place] & 0xC0 != 0x80
        else {
          throw error(
            base, "a leaf for place \(place)",
            "the start of a character in \(replacements.count) bytes of replacements")
        }
      }
      guard depths[base] < 0 else {
        if !stack.isEmpty {
          stack[stack.count - 1].depth = max(stack[stack.count - 1].depth, depths[base] + 1)
        }
        return
      }
      guard depths[base] == -1 else { throw error(unit, "a path that returns", "a tree") }
      depths[base] = -2
      stack.append((base, firstChild[base], 0))
    }

    try enter(0)
    while let top = stack.last {
      guard top.depth <= limits.ruleBytes else {
        throw error(
          top.base, "a rule of more than \(limits.ruleBytes) bytes", "at most as many")
      }
      if top.child >= 0 {
        stack[stack.count - 1].child = sibling[Int(top.child)]
        try enter(Int(top.child))
      } else {
        stack.removeLast()
        depths[top.base] = top.depth
        if !stack.isEmpty {
          stack[stack.count - 1].depth = max(stack[stack.count - 1].depth, top.depth + 1)
        }
      }
    }
  }
}
