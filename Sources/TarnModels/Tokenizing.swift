// The tokenizer of a checkpoint directory.

internal import Tarn
internal import TarnCheckpoints
public import TarnText

extension WordPieceTokenizer {
  /// Reads `vocab.txt` and, if it is there, `tokenizer_config.json` of a checkpoint directory.
  ///
  /// Without `tokenizer_config.json`: lower case, accents stripped, as uncased BERT.
  ///
  /// - Parameter directory: the checkpoint directory.
  /// - Throws: ``ModelError`` for files that are missing or malformed.
  public init(checkpoint directory: String) throws(ModelError) {
    var options = WordPieceOptions.uncased
    let path = directory + "/tokenizer_config.json"
    if fileExists(path) {
      try TarnModels.checkpoint { () throws(CheckpointError) in
        let file = try ConfigurationFile(path: path)
        options.lowercases = try file.boolean("do_lower_case", default: true)
        if file.has("strip_accents") {
          options.stripsAccents = try file.boolean("strip_accents", default: true)
        }
        options.handlesChineseCharacters = try file.boolean(
          "tokenize_chinese_chars", default: true)
      }
    }
    let settled = options
    self = try text { () throws(TextError) in
      try WordPieceTokenizer(directory: directory, options: settled)
    }
  }

  /// Tokens and segments of a text within a limit of tokens.
  ///
  /// - Throws: ``ModelError/text(_:)``; ``ModelError/tooLong(sequence:tokens:limit:)`` if the text
  ///   has more tokens than `limit` and must not be cut.
  func document(
    _ document: String, limit: Int, longText: LongText
  ) throws(ModelError) -> DocumentEncoding {
    let encoding = try text { () throws(TextError) in
      try encodeDocument(document, maxLength: longText == .isTruncated ? max(2, limit) : nil)
    }
    let tokens = encoding.encoding.count
    guard tokens > 2 else { throw .emptyText }
    guard tokens <= limit else { throw .tooLong(sequence: 0, tokens: tokens, limit: limit) }
    return encoding
  }
}
