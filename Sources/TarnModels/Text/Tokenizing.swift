// The tokenizer of a checkpoint directory.

internal import Tarn
public import TarnCheckpoints
public import TarnText
internal import TarnSystem

extension WordPieceTokenizer {
  /// Reads the vocabulary of a checkpoint directory and how texts are prepared.
  ///
  /// The vocabulary is `vocab.txt` or, failing that, the one in `tokenizer.json`; the preparation
  /// what `tokenizer_config.json` says and, with a vocabulary from `tokenizer.json`, that file.
  /// Without either: lower case, accents stripped, as uncased BERT. The special tokens are BERT's, or
  /// Funnel's if that is what config.json calls the model. What these files say of truncation and
  /// padding is not for the tokenizer and not read.
  ///
  /// - Parameters:
  ///   - directory: the checkpoint directory.
  ///   - limits: of which ``/TarnCheckpoints/FileLimits/configurationBytes`` and
  ///     ``/TarnCheckpoints/FileLimits/tokenizerBytes`` matter.
  /// - Throws: ``ModelError`` for files that are missing or malformed;
  ///   ``ModelError/unsupportedTokenizer(directory:found:expected:)`` for a vocabulary of another
  ///   kind.
  public init(
    checkpoint directory: String, limits: FileLimits = FileLimits()
  ) throws(ModelError) {
    var options = try WordPieceOptions(checkpoint: directory, limits)
    var vocabulary: Vocabulary?
    if !fileExists(directory + "/vocab.txt") {
      if fileExists(directory + "/tokenizer.json") {
        var ownLimits = limits
        ownLimits.configurationBytes = limits.tokenizerBytes
        let file = try TarnModels.checkpoint { [ownLimits] () throws(CheckpointError) in
          try ConfigurationFile(path: directory + "/tokenizer.json", limits: ownLimits)
        }
        vocabulary = try Vocabulary(file, directory: directory)
        try TarnModels.checkpoint { () throws(CheckpointError) in
          if let normalizer = try file.section("normalizer") {
            try options.read(
              normalizer, lowercase: "lowercase", chinese: "handle_chinese_chars")
          }
        }
      } else if fileExists(directory + "/spiece.model") {
        throw .unsupportedTokenizer(
          directory: directory, found: "spiece.model (SentencePiece)",
          expected: "vocab.txt (WordPiece)")
      }
    }
    let path = directory + "/tokenizer_config.json"
    if fileExists(path) {
      try TarnModels.checkpoint { () throws(CheckpointError) in
        try options.read(
          ConfigurationFile(path: path, limits: limits), lowercase: "do_lower_case",
          chinese: "tokenize_chinese_chars")
      }
    }
    let settled = options
    let found = vocabulary
    self = try text { () throws(TextError) in
      if let found { return try WordPieceTokenizer(vocabulary: found, options: settled) }
      return try WordPieceTokenizer(directory: directory, options: settled)
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
  ///   - truncation: which text of a pair is cut.
  ///   - allowsEmpty: whether a text may have no tokens but the special ones.
  /// - Returns: the tokens and the segment number of each.
  /// - Throws: ``ModelError/text(_:)``; ``ModelError/emptyText`` for a text without tokens;
  ///   ``ModelError/tooLong(sequence:tokens:limit:)`` if the text has more tokens than `limit` and
  ///   must not be cut.
  package func document(
    _ text: String, pair: String? = nil, segmentation: DocumentSegmentation = .sentences,
    limit: Int?, longText: LongText, truncation: TruncationStrategy = .longestFirst,
    allowsEmpty: Bool = false
  ) throws(ModelError) -> DocumentEncoding {
    let specials = pair == nil ? 2 : 3
    if let limit, limit <= specials {
      throw .tooLong(sequence: 0, tokens: specials + 1, limit: limit)
    }
    let room = longText == .isTruncated ? limit : nil
    let encoding = try TarnModels.text { () throws(TextError) in
      if let pair {
        return try encodeDocument(text, pair: pair, maxLength: room, truncation: truncation)
      }
      return try encodeDocument(text, segmentation: segmentation, maxLength: room)
    }
    let tokens = encoding.encoding.count
    guard tokens > specials || allowsEmpty else { throw .emptyText }
    if let limit, tokens > limit { throw .tooLong(sequence: 0, tokens: tokens, limit: limit) }
    return encoding
  }
}

extension WordPieceOptions {
  /// The options of the model type that config.json names, if there is such a file.
  fileprivate init(checkpoint directory: String, _ limits: FileLimits) throws(ModelError) {
    let path = directory + "/config.json"
    self = try TarnModels.checkpoint { () throws(CheckpointError) in
      guard fileExists(path) else { return .uncased }
      let type = try ConfigurationFile(path: path, limits: limits).string("model_type", default: "")
      return type == "funnel" ? .funnel : .uncased
    }
  }

  /// Takes what a file says; what it does not say stays.
  fileprivate mutating func read(
    _ file: ConfigurationFile, lowercase: String, chinese: String
  ) throws(CheckpointError) {
    if file.has(lowercase) { lowercases = try file.boolean(lowercase) }
    if file.has("strip_accents") { stripsAccents = try file.boolean("strip_accents") }
    if file.has(chinese) { handlesChineseCharacters = try file.boolean(chinese) }
    if file.has("clean_text") { cleansText = try file.boolean("clean_text") }
  }
}

extension Vocabulary {
  /// The vocabulary of a `tokenizer.json`: pieces with ids from 0 without a gap.
  package init(_ file: ConfigurationFile, directory: String) throws(ModelError) {
    let (type, pieces) = try checkpoint { () throws(CheckpointError) in
      guard let model = try file.section("model") else {
        throw file.wrongValue("model", expected: "an object")
      }
      let type = try model.string("type", default: "WordPiece")
      guard type == "WordPiece" else { return (type, [UInt8]()) }
      _ = try model.string("continuing_subword_prefix", oneOf: ["##"], default: "##")
      _ = try model.integer("max_input_chars_per_word", in: 100...100, default: 100)
      guard let vocabulary = model["vocab"], vocabulary.members != nil else {
        throw model.wrongValue("vocab", expected: "an object of pieces with their ids")
      }
      guard let lines = vocabulary.keysByNumber() else {
        throw model.wrongValue(
          "vocab", expected: "pieces of one line with ids from 0 without a gap")
      }
      return (type, lines)
    }
    guard type == "WordPiece" else {
      throw .unsupportedTokenizer(
        directory: directory, found: "a tokenizer.json of type \(quoted(type))",
        expected: "WordPiece")
    }
    self = try text { () throws(TextError) in
      try Vocabulary(bytes: pieces, file: file.name)
    }
  }
}
