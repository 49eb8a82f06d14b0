// From a text to token numbers, the same everywhere.

import TarnText

/// WordPiece and the division into sentences, on a vocabulary's bytes.
func textCases(_ cases: inout Cases, vocabulary: [UInt8]) throws(TextError) {
  let vocabulary = try Vocabulary(bytes: vocabulary, file: "vocab.txt")
  let tokenizer = try WordPieceTokenizer(vocabulary: vocabulary)
  let encoding = try tokenizer.encode(sampleText)
  cases.note("WordPiece, ids", encoding.ids)
  cases.note("WordPiece, offsets", bounds(of: encoding.offsets))
  cases.note("WordPiece, offsets in UTF-8", bounds(of: encoding.utf8Offsets))
  let pair = try tokenizer.encode("What is pooled?", pair: sampleText, maxLength: 40)
  cases.note("WordPiece, pair", pair.ids + pair.typeIDs)
  let document = try tokenizer.encodeDocument(sampleText)
  cases.note("WordPiece, sentences", document.encoding.ids + document.segmentIDs)
}

private func bounds(of offsets: TokenOffsets) -> [Int32] {
  var bounds: [Int32] = []
  for range in offsets { bounds += [Int32(range.lowerBound), Int32(range.upperBound)] }
  return bounds
}

/// Sentences with accents, of two kinds of composition, other scripts, signs and a control character.
private let sampleText = """
  Pooling networks mix tokens in linear time. Dr. M\u{FC}ller's na\u{EF}ve caf\u{E9} \u{2014} and the \
  same in parts: mu\u{308}ller, cafe\u{301}! Is \u{130}stanbul lower-cased without a locale? \
  \u{4E2D}\u{6587}\u{5B57}\u{7B26} stand alone; \u{D55C}\u{AE00} does not. 3.14159 [MASK] \
  unbelievably-hyphenated_words\u{0}\u{7F} \u{1F600}\u{200D}\u{1F680} \u{3C3}\u{3A3}\u{3C2}. \u{FB01}ne.
  """
