/// A normalised text, and where each of its bytes comes from.
struct NormalizedText {
  var bytes: [UInt8] = []
  /// For each byte where the text that it stands for begins, and at last where the text ends.
  var origins: [UInt32] = []

  /// Appends a part of `source`; all of it stands for the text at `origin`.
  @inline(__always)
  mutating func append(
    _ source: borrowing Span<UInt8>, _ range: Range<Int>, origin: UInt32, escapesSpaces: Bool
  ) {
    for place in range {
      if escapesSpaces, source[place] == 0x20 {
        appendSpace(origin: origin, isEscaped: true)
      } else {
        bytes.append(source[place])
        origins.append(origin)
      }
    }
  }

  /// Appends a space, or U+2581 in its place.
  mutating func appendSpace(origin: UInt32, isEscaped: Bool) {
    let space = isEscaped ? SentencePieceNormalizer.space : [0x20]
    bytes += space
    origins += repeatElement(origin, count: space.count)
  }
}

/// Prepares a text as a SentencePiece model wants it.
///
///     symbols of the user stay ─ else the longest rule ─ else the character as it is;
///     U+FFFD for a byte that begins none ─ white space: one or as many, none at the ends ─ U+2581
struct SentencePieceNormalizer: Sendable {
  /// U+2581, which stands for a space.
  static let space: [UInt8] = [0xE2, 0x96, 0x81]
  /// U+FFFD.
  static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

  private let map: CharacterMap
  /// Pieces of the user, which no rule touches.
  private let symbols: PieceTrie
  private let specification: SentencePieceFile.Normalization
  private let spaceIsSuffix: Bool

  init(
    _ model: SentencePieceFile, _ specification: SentencePieceFile.Normalization, field: String,
    symbols: PieceTrie, spaceIsSuffix: Bool, limits: SentencePieceLimits
  ) throws(TextError) {
    map = try CharacterMap(
      model, specification.rules, field: field + ".precompiled_charsmap", limits: limits)
    self.symbols = symbols
    self.specification = specification
    self.spaceIsSuffix = spaceIsSuffix
  }

  /// Normalises a text of fewer than 2³² bytes.
  ///
  /// - Complexity: linear in the text.
  func normalize(_ text: borrowing Span<UInt8>) -> NormalizedText {
    var result = NormalizedText()
    guard !text.isEmpty else { return result }
    result.bytes.reserveCapacity(text.count + text.count / 2 + 4)
    result.origins.reserveCapacity(text.count + text.count / 2 + 4)
    let removesSpaces = specification.removesExtraSpaces
    let escapesSpaces = specification.escapesSpaces
    var at = 0
    if removesSpaces {
      while at < text.count {
        let part = self.part(of: text, at: at)
        guard isSpace(part, of: text) else { break }
        at += part.length
      }
      guard at < text.count else { return result }
    }
    if specification.addsDummyPrefix, !spaceIsSuffix {
      result.appendSpace(origin: UInt32(truncatingIfNeeded: at), isEscaped: escapesSpaces)
    }
    var followsSpace = removesSpaces
    while at < text.count {
      let part = self.part(of: text, at: at)
      let origin = UInt32(truncatingIfNeeded: at)
      switch part.source {
      case .text:
        append(
          text, part.range, origin, &followsSpace, to: &result, removesSpaces, escapesSpaces)
      case .map:
        append(
          map.replacements.span, part.range, origin, &followsSpace, to: &result, removesSpaces,
          escapesSpaces)
      case .malformed:
        append(
          Self.replacement.span, part.range, origin, &followsSpace, to: &result, removesSpaces,
          escapesSpaces)
      }
      at += part.length
    }
    var end = UInt32(truncatingIfNeeded: at)
    if removesSpaces {
      let space = escapesSpaces ? Self.space : [0x20]
      while result.bytes.count >= space.count, result.bytes.suffix(space.count) == space[...] {
        let count = result.bytes.count - space.count
        end = result.origins[count]
        result.bytes.removeLast(space.count)
        result.origins.removeLast(space.count)
      }
    }
    if specification.addsDummyPrefix, spaceIsSuffix {
      result.appendSpace(origin: end, isEscaped: escapesSpaces)
    }
    result.origins.append(end)
    return result
  }

  // MARK: Parts

  /// What the beginning of a text becomes, and how many bytes of the text that is.
  private struct Part {
    var source: Source
    var range: Range<Int>
    var length: Int
  }

  private enum Source {
    case text
    case map
    case malformed
  }

  @inline(__always)
  private func part(of text: borrowing Span<UInt8>, at start: Int) -> Part {
    if !symbols.isEmpty, let length = symbols.longestPrefix(of: text, at: start) {
      return Part(source: .text, range: start..<start + length, length: length)
    }
    if !map.isEmpty, let rule = map.longestRule(in: text, at: start) {
      return Part(
        source: .map, range: map.replacement(at: rule.replacement), length: rule.length)
    }
    guard let length = characterLength(text, at: start) else {
      return Part(source: .malformed, range: 0..<3, length: 1)
    }
    return Part(source: .text, range: start..<start + length, length: length)
  }

  private func isSpace(_ part: Part, of text: borrowing Span<UInt8>) -> Bool {
    guard part.range.count == 1 else { return false }
    let place = part.range.lowerBound
    switch part.source {
    case .text: return text[place] == 0x20
    case .map: return map.replacements[place] == 0x20
    case .malformed: return false
    }
  }

  /// Appends a part; white space at its beginning is left out where white space came before.
  @inline(__always)
  private func append(
    _ source: borrowing Span<UInt8>, _ range: Range<Int>, _ origin: UInt32,
    _ followsSpace: inout Bool, to result: inout NormalizedText, _ removesSpaces: Bool,
    _ escapesSpaces: Bool
  ) {
    var range = range
    if followsSpace {
      while !range.isEmpty, source[range.lowerBound] == 0x20 {
        range = range.lowerBound + 1..<range.upperBound
      }
    }
    guard !range.isEmpty else { return }
    result.append(source, range, origin: origin, escapesSpaces: escapesSpaces)
    followsSpace = removesSpaces && source[range.upperBound - 1] == 0x20
  }
}

/// The length of the UTF-8 sequence at `start`; nil if there is none.
@inline(__always)
func characterLength(_ text: borrowing Span<UInt8>, at start: Int) -> Int? {
  let first = text[start]
  if first < 0x80 { return 1 }
  func follows(_ distance: Int, _ allowed: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
    start + distance < text.count && allowed ~= text[start + distance]
  }
  switch first {
  case 0xC2...0xDF: return follows(1) ? 2 : nil
  case 0xE0: return follows(1, 0xA0...0xBF) && follows(2) ? 3 : nil
  case 0xED: return follows(1, 0x80...0x9F) && follows(2) ? 3 : nil
  case 0xE1...0xEF: return follows(1) && follows(2) ? 3 : nil
  case 0xF0: return follows(1, 0x90...0xBF) && follows(2) && follows(3) ? 4 : nil
  case 0xF1...0xF3: return follows(1) && follows(2) && follows(3) ? 4 : nil
  case 0xF4: return follows(1, 0x80...0x8F) && follows(2) && follows(3) ? 4 : nil
  default: return nil
  }
}
