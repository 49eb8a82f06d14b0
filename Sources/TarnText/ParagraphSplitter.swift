/// Finds paragraphs: what lies between blank lines, as the Arxiv-11 task has it.
///
/// Two line feeds in a row divide, and four make a paragraph without text, which still counts. The
/// task also turns single line feeds into spaces; to a tokenizer they are the same.
public enum ParagraphSplitter {
  /// Where paragraphs start, in Unicode scalars; the first at 0.
  public static func starts(in text: String) -> [Int] {
    positions(in: text.utf8.span).map { $0.scalar }
  }

  /// The same with the byte positions, for bytes that are UTF-8.
  static func positions(in text: borrowing Span<UInt8>) -> [TextPosition] {
    var starts = [TextPosition()]
    var cursor = TextPosition()
    var follows = false
    while cursor.utf8 < text.count {
      let isLineFeed = text[cursor.utf8] == 10
      cursor.step(in: text)
      let divides = isLineFeed && follows
      if divides { starts.append(cursor) }
      follows = isLineFeed && !divides
    }
    return starts
  }
}
