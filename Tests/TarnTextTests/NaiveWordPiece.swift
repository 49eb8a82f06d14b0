@testable import TarnText

/// The specification step by step over arrays of scalars: the oracle of the one-pass scanner.
///
/// It takes its classes from the JSON file and not from the package's tables.
struct NaiveWordPiece {
  struct Item {
    var value: UInt32
    var index: Int
  }

  struct Token: Equatable {
    var id: Int32
    var start: Int
    var end: Int
  }

  private var ranges: [String: Set<UInt32>] = [:]
  private var lowercase: [UInt32: [UInt32]] = [:]
  private var decomposition: [UInt32: [UInt32]] = [:]
  private var combining: [UInt32: UInt32] = [:]

  init() throws {
    for (name, value) in try wordPieceFixture("unicode_tables.json") {
      let entries = value as? [[UInt32]] ?? []
      switch name {
      case "lowercase": for entry in entries { lowercase[entry[0]] = Array(entry[1...]) }
      case "decomposition": for entry in entries { decomposition[entry[0]] = Array(entry[1...]) }
      case "surviving_combining_class": for entry in entries { combining[entry[0]] = entry[1] }
      default: ranges[name] = entries.reduce(into: []) { $0.formUnion($1[0]...$1[1]) }
      }
    }
    for syllable: UInt32 in 0xAC00...0xD7A3 {
      let index = syllable - 0xAC00
      let tail = index % 28 == 0 ? [] : [0x11A7 + index % 28]
      decomposition[syllable] = [0x1100 + index / 588, 0x1161 + index % 588 / 28] + tail
    }
  }

  func tokens(of text: [UInt32], _ tokenizer: WordPieceTokenizer) -> [Token] {
    let names = tokenizer.options.specialTokens
    let special = [names.pad, names.unk, names.cls, names.sep, names.mask] + names.additional
    var result: [Token] = []
    var plain: [Item] = []
    var at = 0
    while at < text.count {
      let found = special.map { $0.unicodeScalars.map(\.value) }.first {
        text[at...].starts(with: $0)
      }
      if let found {
        result += words(normalized(plain, tokenizer.options)).flatMap { pieces($0, tokenizer) }
        plain = []
        result.append(Token(id: id(found[...], tokenizer) ?? -1, start: at, end: at + found.count))
        at += found.count
      } else {
        plain.append(Item(value: text[at], index: at))
        at += 1
      }
    }
    return result + words(normalized(plain, tokenizer.options)).flatMap { pieces($0, tokenizer) }
  }

  private func has(_ name: String, _ value: UInt32) -> Bool {
    ranges[name]?.contains(value) == true
  }

  private func normalized(_ items: [Item], _ options: WordPieceOptions) -> [Item] {
    var items = items
    if options.cleansText {
      items.removeAll { has("removed", $0.value) }
      for index in items.indices where has("space", items[index].value) {
        items[index].value = 0x20
      }
    }
    if options.handlesChineseCharacters {
      items = items.flatMap { item in
        let space = Item(value: 0x20, index: item.index)
        return has("chinese", item.value) ? [space, item, space] : [item]
      }
    }
    if options.stripsAccents ?? options.lowercases {
      items = expanded(items, decomposition).filter { !has("stripped_mark", $0.value) }
      var start = 0
      while start < items.count {
        var end = start
        while end < items.count, combining[items[end].value] != nil { end += 1 }
        items[start..<end].sort {
          combining[$0.value, default: 0] < combining[$1.value, default: 0]
        }
        start = max(end, start + 1)
      }
    }
    return options.lowercases ? expanded(items, lowercase) : items
  }

  private func expanded(_ items: [Item], _ map: [UInt32: [UInt32]]) -> [Item] {
    items.flatMap { item in
      (map[item.value] ?? [item.value]).map { Item(value: $0, index: item.index) }
    }
  }

  private func words(_ items: [Item]) -> [[Item]] {
    var words: [[Item]] = [[]]
    for item in items {
      if has("split_whitespace", item.value) {
        words.append([])
      } else if has("punctuation", item.value) {
        words += [[item], []]
      } else {
        words[words.count - 1].append(item)
      }
    }
    return words.filter { !$0.isEmpty }
  }

  private func pieces(_ word: [Item], _ tokenizer: WordPieceTokenizer) -> [Token] {
    let unknown = token(tokenizer.unkID, word[...])
    if word.count > tokenizer.options.maximumWordLength { return [unknown] }
    var result: [Token] = []
    var start = 0
    while start < word.count {
      let prefix: [UInt32] = start == 0 ? [] : [0x23, 0x23]
      let end = (start + 1...word.count).last { end in
        id((prefix + word[start..<end].map(\.value))[...], tokenizer) != nil
      }
      guard let end else { return [unknown] }
      let found = id((prefix + word[start..<end].map(\.value))[...], tokenizer)
      result.append(token(found ?? -1, word[start..<end]))
      start = end
    }
    return result
  }

  /// From the first scalar's start to the last one's end; all between when order is reversed.
  private func token(_ id: Int32, _ items: ArraySlice<Item>) -> Token {
    let first = items[items.startIndex].index
    let last = items[items.endIndex - 1].index
    return first <= last + 1
      ? Token(id: id, start: first, end: last + 1) : Token(id: id, start: last, end: first + 1)
  }

  private func id(_ piece: ArraySlice<UInt32>, _ tokenizer: WordPieceTokenizer) -> Int32? {
    var text = ""
    for value in piece { text.unicodeScalars.append(Unicode.Scalar(value) ?? "\u{FFFD}") }
    return tokenizer.vocabulary.id(of: text)
  }
}
