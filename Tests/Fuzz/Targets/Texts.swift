import TarnCheckpoints
import TarnModels
import TarnText

func checkVocabulary(_ bytes: [UInt8]) throws(BrokenPromise) {
  if let vocabulary = try accepted({ () throws(TextError) in try Vocabulary(bytes: bytes) }) {
    let lines = bytes.split(separator: 10, omittingEmptySubsequences: false).count
    try checkPieces(of: vocabulary, count: bytes.last == 10 ? lines - 1 : lines)
  }
  try checkDictionary(bytes)
  let read = { () throws(CheckpointError) in
    try ConfigurationFile(bytes: bytes, named: "tokenizer.json")
  }
  guard let file = try accepted(read) else { return }
  if let vocabulary = try accepted({ () throws(ModelError) in
    try Vocabulary(file, directory: "x")
  }) {
    try checkPieces(of: vocabulary, count: vocabulary.count)
  }
}

/// A dictionary of fairseq has an entry for each line, and each symbol is found.
private func checkDictionary(_ bytes: [UInt8]) throws(BrokenPromise) {
  let read = { () throws(TextError) in try FairseqDictionary(bytes: bytes) }
  guard let dictionary = try accepted(read) else { return }
  let ends = bytes.indices.count { place in
    bytes[place] == 10 ? place == 0 || bytes[place - 1] != 13 : bytes[place] == 13
  }
  let lines = bytes.isEmpty || bytes.last == 10 || bytes.last == 13 ? ends : ends + 1
  try require(dictionary.count == lines + 4, "\(dictionary.count) symbols of \(lines) lines")
  for id in 0..<Int32(dictionary.count) {
    guard let symbol = dictionary.symbol(of: id) else {
      throw BrokenPromise(description: "no symbol of id \(id)")
    }
    guard !symbol.isEmpty else { continue }
    let found = dictionary.id(of: symbol) ?? -1
    try require(
      found >= id && dictionary.symbol(of: found)?.utf8.elementsEqual(symbol.utf8) == true,
      "\(symbol.debugDescription) of id \(id) has id \(found)")
  }
  let ids = dictionary.encode("the \u{2581}fox  </s> x")
  _ = try expected("a text") { () throws(TextError) in try dictionary.decode(ids) }
}

/// Each id has a piece, and each piece an id that gives it back.
private func checkPieces(of vocabulary: Vocabulary, count: Int) throws(BrokenPromise) {
  try require(vocabulary.count == count, "\(vocabulary.count) entries of \(count) lines")
  for line in 0..<count {
    guard let piece = vocabulary.piece(of: Int32(line)) else {
      throw BrokenPromise(description: "no piece of id \(line)")
    }
    // Blank lines are no pieces.
    guard !piece.isEmpty else { continue }
    let id = vocabulary.id(of: piece).map(Int.init) ?? -1
    try require(
      line...count ~= id && vocabulary.piece(of: Int32(id)) == piece,
      "\(piece.debugDescription) of line \(line) has id \(id)")
  }
  let outside = vocabulary.piece(of: -1) ?? vocabulary.piece(of: Int32(count))
  try require(outside == nil, "a piece of an id outside")
  let make = { () throws(TextError) in try WordPieceTokenizer(vocabulary: vocabulary) }
  guard let tokenizer = try accepted(make) else { return }
  let text = Array("The quick [MASK] fox, caf\u{E9} \u{4E00}\u{4E01} jumps".utf8)
  try checkEncoding(of: text, by: tokenizer, maxLength: nil)
}

// MARK: Texts

/// A vocabulary with every printable ASCII character, some that are not, and a few words.
private let vocabulary: Vocabulary = {
  let characters =
    (0x21..<0x7F).map { String(UnicodeScalar(UInt8($0))) } + ["\u{E9}", "\u{4E00}", "\u{430}"]
  let words = ["the", "quick", "fox", "ab", "abc", "\u{E9}t\u{E9}", "\u{301}", "\u{AC01}"]
  let pieces = characters + words
  let lines =
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + pieces + pieces.map { "##" + $0 }
  do {
    return try Vocabulary(bytes: Array(lines.joined(separator: "\n").utf8))
  } catch {
    preconditionFailure("the vocabulary is right: \(error)")
  }
}()

/// Options by the bits of a byte.
private func tokenizer(_ bits: UInt8) throws(BrokenPromise) -> WordPieceTokenizer {
  var options = WordPieceOptions()
  options.lowercases = bits & 1 == 0
  options.stripsAccents = bits & 2 == 0 ? nil : bits & 4 == 0
  options.handlesChineseCharacters = bits & 8 == 0
  options.cleansText = bits & 16 == 0
  options.recognizesSpecialTokensInText = bits & 32 == 0
  options.maximumWordLength = bits & 64 == 0 ? 100 : .max
  return try expected("a tokenizer") { () throws(TextError) in
    try WordPieceTokenizer(vocabulary: vocabulary, options: options)
  }
}

func checkTokenizer(_ bytes: [UInt8]) throws(BrokenPromise) {
  guard bytes.count >= 2 else { return }
  let tokenizer = try tokenizer(bytes[0])
  try checkEncoding(
    of: Array(bytes[2...]), by: tokenizer, maxLength: bytes[1] == 0 ? nil : Int(bytes[1]))
}

/// What every encoding of a text promises.
private func checkEncoding(
  of bytes: [UInt8], by tokenizer: WordPieceTokenizer, maxLength: Int?
) throws(BrokenPromise) {
  let encode = { () throws(TextError) in try tokenizer.encode(utf8: bytes, maxLength: maxLength) }
  guard let text = String(validating: bytes, as: UTF8.self) else {
    return try require(try accepted(encode) == nil, "an encoding of bytes that are no text")
  }
  guard let encoding = try accepted(encode) else {
    return try require(maxLength ?? .max < 2, "no encoding of a text")
  }
  try checkTokens(encoding, of: text, tokenizer.vocabulary)
  let (same, whole) = try expected("another encoding of the text") { () throws(TextError) in
    (try tokenizer.encode(text, maxLength: maxLength), try tokenizer.encode(text))
  }
  try require(encoding == same, "two encodings of one text")
  // What is cut off is cut off at the end, before the closing token.
  try require(
    encoding.count <= maxLength ?? .max
      && encoding.ids.dropLast() == whole.ids.prefix(encoding.count - 1)
      && encoding.offsets.dropLast().elementsEqual(whole.offsets.prefix(encoding.count - 1)),
    "a cut encoding is no beginning of the whole")
  let pair = try accepted { () throws(TextError) in
    try tokenizer.encode(text, pair: text, maxLength: maxLength)
  }
  guard let pair else { return try require(maxLength ?? .max < 3, "no encoding of a pair") }
  try require(pair.count <= maxLength ?? .max, "a pair of \(pair.count) tokens")
  try require(
    pair.ids.filter { $0 == tokenizer.sepID }.count >= 2, "a pair without its separators")
}

/// Ids are in the vocabulary; offsets lie inside the text, do not go back, and say the same in
/// scalars and in bytes.
private func checkTokens(
  _ encoding: Encoding, of text: String, _ vocabulary: Vocabulary
) throws(BrokenPromise) {
  var starts = [0]
  for scalar in text.unicodeScalars { starts.append(starts[starts.count - 1] + UTF8.width(scalar)) }
  try require(
    encoding.offsets.count == encoding.count && encoding.utf8Offsets.count == encoding.count
      && encoding.typeIDs.count == encoding.count
      && encoding.specialTokensMask.count == encoding.count,
    "lists of different lengths")
  var last = 0..<0
  for token in 0..<encoding.count {
    let id = encoding.ids[token]
    try require(0..<vocabulary.count ~= Int(id), "id \(id) of \(vocabulary.count)")
    let range = encoding.offsets[token]
    let bytes = encoding.utf8Offsets[token]
    try require(range.upperBound < starts.count, "offsets \(range) of \(starts.count - 1) scalars")
    try require(
      bytes == starts[range.lowerBound]..<starts[range.upperBound],
      "scalars \(range) and bytes \(bytes)")
    if encoding.specialTokensMask[token] { continue }
    try require(
      last.lowerBound <= range.lowerBound && last.upperBound <= range.upperBound,
      "offsets \(range) after \(last)")
    last = range
  }
}

// MARK: Segments

func checkDocument(_ bytes: [UInt8]) throws(BrokenPromise) {
  guard bytes.count >= 2 else { return }
  let tokenizer = try tokenizer(bytes[0])
  let maxLength = bytes[1] == 0 ? nil : Int(bytes[1])
  let isParagraphs = bytes[0] & 0x80 != 0
  let read = { () throws(TextError) in
    try tokenizer.encodeDocument(
      utf8: Array(bytes[2...]), segmentation: isParagraphs ? .paragraphs : .sentences,
      maxLength: maxLength)
  }
  guard let text = String(validating: bytes[2...], as: UTF8.self) else {
    return try require(try accepted(read) == nil, "a document of bytes that are no text")
  }
  let starts =
    isParagraphs ? ParagraphSplitter.starts(in: text) : SentenceSplitter.starts(in: text)
  let scalars = text.unicodeScalars.count
  try require(
    starts.allSatisfy { 0...scalars ~= $0 } && zip(starts, starts.dropFirst()).allSatisfy(<),
    "starts \(starts) in \(scalars) scalars")
  guard let document = try accepted(read) else {
    return try require(maxLength ?? .max < 2, "no document of a text")
  }
  try checkSegments(document, maxLength: maxLength, segments: max(1, starts.count))
  try checkTokens(document.encoding, of: text, tokenizer.vocabulary)
  let (told, whole, plain) = try expected("another document of the text") {
    () throws(TextError) in
    (
      try tokenizer.encodeDocument(text, segmentation: .starts(starts), maxLength: maxLength),
      try tokenizer.encodeDocument(text, segmentation: .whole, maxLength: maxLength),
      try tokenizer.encode(text, maxLength: maxLength)
    )
  }
  try require(document == told, "segments that are told differ from those that are found")
  try require(whole.encoding == plain, "a document of one segment is another text")
}

/// Segments count from the opening token's 0 to the closing token's, one more than the last.
private func checkSegments(
  _ document: DocumentEncoding, maxLength: Int?, segments: Int
) throws(BrokenPromise) {
  let numbers = document.segmentIDs
  try require(
    numbers.count == document.encoding.count && numbers.count <= maxLength ?? .max,
    "\(numbers.count) numbers")
  try require(
    numbers.first == 0 && zip(numbers, numbers.dropFirst()).allSatisfy(<=)
      && numbers.allSatisfy { 0...segments + 1 ~= Int($0) },
    "numbers \(numbers) of \(segments) segments")
}
