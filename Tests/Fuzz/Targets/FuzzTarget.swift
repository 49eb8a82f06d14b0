/// A reader of what strangers write, with all that it promises about any bytes whatever.
package enum FuzzTarget: String, CaseIterable, Sendable {
  /// safetensors files.
  case safetensors
  /// The index of two shards that are right.
  case shardIndex = "shard-index"
  /// PyTorch's zip form; bytes that begin no archive are the pickle of one that is right.
  case torchZip = "torch-zip"
  /// PyTorch's older stream.
  case torchLegacy = "torch-legacy"
  /// JSON, and what models read from it: config.json.
  case configuration
  /// Vocabularies: `vocab.txt` and `tokenizer.json`.
  case vocabulary
  /// Texts for the WordPiece tokenizer; two bytes of options come first.
  case tokenizer
  /// Long texts and their segments; two bytes of options come first.
  case document
  /// SentencePiece models.
  case sentencePiece = "sentencepiece"
  /// Texts for small SentencePiece models; a byte of options comes first.
  case sentencePieceText = "sentencepiece-text"

  /// Reads the bytes and compares what comes of them with what is promised.
  ///
  /// - Throws: the promise that does not hold. A reader that traps takes the process with it.
  package func check(_ bytes: [UInt8]) throws(BrokenPromise) {
    switch self {
    case .safetensors: try checkSafetensors(bytes)
    case .shardIndex: try checkShardIndex(bytes)
    case .torchZip: try checkTorchZip(bytes)
    case .torchLegacy: try checkTorch(bytes)
    case .configuration: try checkConfiguration(bytes)
    case .vocabulary: try checkVocabulary(bytes)
    case .tokenizer: try checkTokenizer(bytes)
    case .document: try checkDocument(bytes)
    case .sentencePiece: try checkSentencePieceModel(bytes)
    case .sentencePieceText: try checkSentencePieceText(bytes)
    }
  }
}

/// Something that a reader promises and did not keep.
package struct BrokenPromise: Error, CustomStringConvertible {
  /// What was expected and what came.
  package let description: String
}

func require(
  _ holds: Bool, _ promise: @autoclosure () -> String
) throws(BrokenPromise) {
  guard holds else { throw BrokenPromise(description: promise()) }
}

/// What a reader makes of bytes; nil if it refuses them with a message that can be shown.
func accepted<Value, Failure: Error & CustomStringConvertible>(
  _ read: () throws(Failure) -> Value
) throws(BrokenPromise) -> Value? {
  do {
    return try read()
  } catch {
    try checkMessage(error)
    return nil
  }
}

/// What a reader must not refuse.
func expected<Value, Failure: Error & CustomStringConvertible>(
  _ promise: String, _ read: () throws(Failure) -> Value
) throws(BrokenPromise) -> Value {
  do {
    return try read()
  } catch {
    throw BrokenPromise(description: "\(promise): \(error)")
  }
}

/// The message of an error is one line that a terminal can show.
func checkMessage(_ error: some Error & CustomStringConvertible) throws(BrokenPromise) {
  let text = error.description
  try require(!text.isEmpty, "an error without a message")
  try require(text.utf8.count < 4096, "a message of \(text.utf8.count) bytes")
  let disturbing = text.unicodeScalars.first { $0.value < 0x20 || 0x7F...0x9F ~= $0.value }
  try require(disturbing == nil, "a control character in \(text.debugDescription)")
}
