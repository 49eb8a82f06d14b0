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

  /// Tokens and segments of a text, or of a pair of texts, within a limit of tokens.
  ///
  /// - Parameters:
  ///   - text: a text.
  ///   - pair: a second text; each of the two is then one segment.
  ///   - segmentation: what the segments of a single text are.
  ///   - limit: the greatest number of tokens, nil for any.
  ///   - longText: what happens beyond the limit.
  /// - Returns: the tokens and the segment number of each.
  /// - Throws: ``ModelError/text(_:)``; ``ModelError/emptyText`` for a text without tokens;
  ///   ``ModelError/tooLong(sequence:tokens:limit:)`` if the text has more tokens than `limit` and
  ///   must not be cut.
  package func document(
    _ text: String, pair: String? = nil, segmentation: DocumentSegmentation = .sentences,
    limit: Int?, longText: LongText
  ) throws(ModelError) -> DocumentEncoding {
    let specials = pair == nil ? 2 : 3
    if let limit, limit <= specials {
      throw .tooLong(sequence: 0, tokens: specials + 1, limit: limit)
    }
    let room = longText == .isTruncated ? limit : nil
    let encoding = try TarnModels.text { () throws(TextError) in
      if let pair { return try encodeDocument(text, pair: pair, maxLength: room) }
      return try encodeDocument(text, segmentation: segmentation, maxLength: room)
    }
    let tokens = encoding.encoding.count
    guard tokens > specials else { throw .emptyText }
    if let limit, tokens > limit { throw .tooLong(sequence: 0, tokens: tokens, limit: limit) }
    return encoding
  }
}
