import TarnText

/// Any bytes are a model that keeps its promises, or a typed error.
func checkSentencePieceModel(_ bytes: [UInt8]) throws(BrokenPromise) {
  let read = { () throws(TextError) in try SentencePieceTokenizer(bytes: bytes, file: "x.model") }
  guard let tokenizer = try accepted(read) else { return }
  for id in 0..<Int32(tokenizer.count) {
    guard let piece = tokenizer.piece(of: id), let found = tokenizer.id(of: piece) else {
      throw BrokenPromise(description: "no piece of id \(id), or no id of it")
    }
    try require(
      tokenizer.piece(of: found) == piece && tokenizer.score(of: id)?.isFinite == true,
      "piece \(id) is \(found)")
  }
  let outside = tokenizer.piece(of: -1) ?? tokenizer.piece(of: Int32(tokenizer.count))
  try require(outside == nil, "a piece of an id outside")
  try checkPieces(
    of: Array("The quick ab, abc caf\u{E9} \u{FB01} \u{4E00}  <s>\u{2581}a\u{0}".utf8),
    by: tokenizer)
}

/// The first byte chooses the model, the others are the text.
func checkSentencePieceText(_ bytes: [UInt8]) throws(BrokenPromise) {
  guard let first = bytes.first else { return }
  let tokenizer = try expected("a tokenizer") { () throws(TextError) in
    try SentencePieceTokenizer(bytes: model(first), file: "x.model")
  }
  try checkPieces(of: Array(bytes.dropFirst()), by: tokenizer)
}

/// What every segmentation promises: ids are the model's; places follow one another from the first
/// token to the end, and say the same in scalars and in bytes; pieces are the normalised text.
private func checkPieces(
  of bytes: [UInt8], by tokenizer: SentencePieceTokenizer
) throws(BrokenPromise) {
  let (encoding, text) = try expected("an encoding") { () throws(TextError) in
    let encoding = try tokenizer.encode(utf8: bytes)
    return (encoding, try tokenizer.decode(encoding.ids))
  }
  try require(
    encoding.ids.allSatisfy { 0..<tokenizer.count ~= Int($0) }, "ids \(encoding.ids)")
  try require(
    encoding.offsets.count == encoding.count && encoding.utf8Offsets.count == encoding.count,
    "lists of different lengths")
  try require(encoding.pieces(in: tokenizer).allSatisfy { !$0.isEmpty }, "an empty piece")
  var end = 0
  for range in encoding.utf8Offsets {
    try require(
      end <= range.lowerBound && range.upperBound <= bytes.count, "\(range) after \(end)")
    // The tokens of a character's bytes share its beginning.
    end = max(end, range.upperBound)
  }
  guard let string = String(validating: bytes, as: UTF8.self) else { return }
  let (same, normalized) = try expected("another encoding") { () throws(TextError) in
    (try tokenizer.encode(string), try tokenizer.normalize(string))
  }
  try require(same == encoding, "two encodings of one text")
  let pieces = encoding.pieces(in: tokenizer)
  if !pieces.contains(where: { $0.hasPrefix("<0x") }) {
    try require(pieces.joined() == normalized, "\(pieces) of \(normalized.debugDescription)")
  }
  var starts = [0]
  for scalar in string.unicodeScalars {
    starts.append(starts[starts.count - 1] + UTF8.width(scalar))
  }
  for (scalars, bytes) in zip(encoding.offsets, encoding.utf8Offsets) {
    try require(
      scalars.upperBound < starts.count
        && bytes == starts[scalars.lowerBound]..<starts[scalars.upperBound],
      "scalars \(scalars) and bytes \(bytes)")
  }
  try require(text.utf8.count <= 16 * bytes.count + 16, "\(text.utf8.count) bytes of text")
}

// MARK: Models

/// A small model with options by the bits of a byte: BPE, byte fallback, a table of rules, and how
/// white space is treated.
private func model(_ bits: UInt8) -> [UInt8] {
  var bytes: [UInt8] = []
  func piece(_ text: String, _ score: Float, _ type: UInt8) {
    let scores = (0..<4).map { UInt8(truncatingIfNeeded: score.bitPattern >> (8 * $0)) }
    let body = [10, UInt8(text.utf8.count)] + Array(text.utf8) + [0x15] + scores + [0x18, type]
    bytes += [10, UInt8(body.count)] + body
  }
  piece("<unk>", 0, 2)
  piece("<s>", 0, 3)
  let words = ["\u{2581}", "a", "b", "ab", "abc", "c", "\u{2581}a", "the", "t", "h", "e", "\u{E9}"]
  for (place, word) in words.enumerated() {
    piece(word, -Float(place), bits & 32 != 0 && place % 4 == 3 ? 5 : 1)
  }
  piece("<sep>", 0, 4)
  piece("\u{E9}\u{E9}", 0, 4)
  let hasBytes = bits & 2 != 0
  if hasBytes {
    for byte in 0..<256 {
      let digits = String(byte, radix: 16, uppercase: true)
      piece("<0x" + (byte < 16 ? "0" : "") + digits + ">", 0, 6)
    }
  }
  let trainer: [UInt8] = [0x18, 1 + bits & 1, 0x98, 2, hasBytes ? 1 : 0, 0xC0, 1, bits >> 6 & 1]
  bytes += [0x12, 8] + trainer
  var normalizer: [UInt8] = [0x18, bits >> 3 & 1 ^ 1, 0x20, bits >> 4 & 1 ^ 1]
  if bits & 4 != 0 { normalizer += [0x12, 0x88, 8] + table }
  let count = normalizer.count
  bytes += [0x1A, UInt8(count & 0x7F | 0x80), UInt8(count >> 7)] + normalizer
  return bytes
}

/// The rules `é` to `e `, and `éa` to nothing; see `CharacterMap`.
private let table: [UInt8] = {
  var units = [UInt32](repeating: 0, count: 256)
  units[0] = 1 << 10
  units[0xC2] = (0xC2 ^ 2) << 10 | 0xC3
  units[0xAB] = (0xAB ^ 4) << 10 | 1 << 8 | 0xA9
  units[4] = 1 << 31
  units[0x65] = (0x65 ^ 8) << 10 | 1 << 8 | 0x61
  units[8] = 1 << 31 | 2
  var bytes: [UInt8] = []
  for word in [1024] + units {
    for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: word >> (8 * UInt32(shift)))) }
  }
  return bytes + Array("e \0\0".utf8)
}()
