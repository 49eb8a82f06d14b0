// From a text to a vector that stands for its meaning.

public import Tarn
internal import TarnCheckpoints
public import TarnText
internal import TarnSystem

/// An encoder with a pooling: a vector for each text, close for texts that mean the same.
///
///     let encoder = try SentenceEncoder(directory: "all-MiniLM-L6-v2")
///     let vectors = try encoder.embed(["That is a happy person.", "A happy person, that."])
///     // [2 × 384]; rows have length 1, so their scalar product is the cosine.
///
/// Reimers and Gurevych 2019 (arXiv:1908.10084), section 3. Reads a directory as
/// sentence-transformers publishes it: `modules.json`, `1_Pooling/config.json` and
/// `sentence_bert_config.json` beside the encoder's own files. A directory without `modules.json`
/// gets the mean of all tokens, normalised. Docs: BERT, section Sentence embeddings.
public struct SentenceEncoder: Sendable {
  /// The model itself.
  public let model: any EncoderModel
  /// Text to tokens.
  public let tokenizer: WordPieceTokenizer
  /// How hidden states become one vector.
  public let pooling: Pooling
  /// Whether vectors are scaled to length 1.
  public let normalizes: Bool
  /// Tokens that a text may have, specials included; what is beyond is cut off.
  public let maxTokens: Int

  /// Numbers of a vector: the model's hidden size.
  public var size: Int { model.hiddenSize }

  /// The text is lower-cased before the tokenizer sees it.
  private let lowercases: Bool

  /// Reads a directory.
  ///
  /// - Parameters:
  ///   - directory: a checkpoint directory, with or without `modules.json`.
  ///   - options: model type, instruction set, threads; `maxPositions` takes the place of
  ///     `max_seq_length`.
  ///   - pooling: nil: what `1_Pooling/config.json` says.
  ///   - normalizes: nil: whether `modules.json` names a normalisation.
  /// - Throws: ``ModelError`` for files that are missing or malformed, and for modules and poolings
  ///   that are not implemented.
  public init(
    directory: String, options: ModelOptions = ModelOptions(), pooling: Pooling? = nil,
    normalizes: Bool? = nil
  ) throws(ModelError) {
    let files = try checkpoint { () throws(CheckpointError) in
      try SentenceEncoderFiles(directory: directory, options.loading.limits)
    }
    model = try LoadedModel.encoder(directory: files.encoder, options: options)
    tokenizer = try WordPieceTokenizer(checkpoint: files.encoder, limits: options.loading.limits)
    self.pooling = pooling ?? files.pooling
    self.normalizes = normalizes ?? files.normalizes
    maxTokens = min(
      options.maxPositions ?? files.maxTokens ?? model.maxPositions, model.maxPositions)
    lowercases = files.lowercases
  }

  /// The tokens of a text.
  ///
  /// - Parameters:
  ///   - text: a text; one without tokens has its special tokens only.
  ///   - pair: a second text.
  ///   - longText: what happens to a text with more than ``maxTokens``.
  /// - Returns: the tokens, and whether some were cut off.
  /// - Throws: ``ModelError/text(_:)``, ``ModelError/tooLong(sequence:tokens:limit:)``.
  public func encode(
    _ text: String, pair: String? = nil, longText: LongText = .isTruncated
  ) throws(ModelError) -> (document: DocumentEncoding, isTruncated: Bool) {
    let text = lowercases ? text.lowercased() : text
    let pair = lowercases ? pair?.lowercased() : pair
    // One token more shows that there are too many.
    let document = try document(text, pair, limit: maxTokens + 1, .isTruncated)
    if document.encoding.count <= maxTokens { return (document, false) }
    return (try self.document(text, pair, limit: maxTokens, longText), true)
  }

  private func document(
    _ text: String, _ pair: String?, limit: Int, _ longText: LongText
  ) throws(ModelError) -> DocumentEncoding {
    try tokenizer.document(
      text, pair: pair, segmentation: type(of: model).segmentation, limit: limit,
      longText: longText, allowsEmpty: true)
  }

  /// A vector for each text, `[texts × d]`; each is the same as for its text alone.
  ///
  /// - Throws: as ``encode(_:pair:longText:)``.
  public func embed(
    _ texts: [String], longText: LongText = .isTruncated
  ) throws(ModelError) -> Matrix {
    var documents: [DocumentEncoding] = []
    for text in texts { documents.append(try encode(text, longText: longText).document) }
    let vectors = try embed(documents)
    return try operation { () throws(TarnError) in
      try Matrix(
        rows: texts.count, columns: size, vectors.flatMap { $0 })
    }
  }

  /// A vector for each encoded text, in batches of like length; results in the order of the texts.
  ///
  /// - Throws: ``ModelError`` for an encoding that does not fit the model.
  public func embed(_ documents: [DocumentEncoding]) throws(ModelError) -> [[Float]] {
    try model.vectors(documents, pooling, normalizes: normalizes)
  }
}

/// What the files of sentence-transformers say.
private struct SentenceEncoderFiles {
  /// The directory of the encoder.
  var encoder: String
  var pooling = Pooling.mean
  var normalizes = true
  var maxTokens: Int?
  var lowercases = false

  init(directory: String, _ limits: FileLimits) throws(CheckpointError) {
    encoder = directory
    let path = directory + "/modules.json"
    if fileExists(path) { try readModules(directory, path, limits) }
    let settings = encoder + "/sentence_bert_config.json"
    if fileExists(settings) {
      let file = try ConfigurationFile(path: settings, limits: limits)
      if file.has("max_seq_length") {
        maxTokens = try file.integer("max_seq_length", in: 3...16_777_216)
      }
      lowercases = try file.boolean("do_lower_case", default: false)
    }
  }

  /// Transformer, Pooling, Normalize, in this order.
  private mutating func readModules(
    _ directory: String, _ path: String, _ limits: FileLimits
  ) throws(CheckpointError) {
    guard let modules = try ConfigurationFile.value(path: path, limits: limits).elements,
      modules.contains(where: { _ in true })
    else {
      throw .wrongValue(
        file: "modules.json", key: "0", found: nil, expected: "an array of modules")
    }
    normalizes = false
    let known = ["Transformer", "Pooling", "Normalize"]
    var next = 0
    for (i, value) in modules.enumerated() {
      let module = try ConfigurationFile(value, named: "modules.json, module \(i)")
      let type = try module.string("type")
      let name = type.split(separator: ".").last.map(String.init) ?? type
      guard let place = known.firstIndex(of: name), place >= next, i > 0 || place == 0 else {
        throw module.wrongValue(
          "type", expected: "Transformer, Pooling, Normalize, in this order")
      }
      next = place + 1
      let folder = try module.string("path", default: "")
      guard !folder.hasPrefix("/"), !folder.split(separator: "/").contains("..") else {
        throw module.wrongValue("path", expected: "a folder inside the directory")
      }
      let part = folder.isEmpty ? directory : directory + "/" + folder
      switch name {
      case "Transformer": encoder = part
      case "Pooling":
        let file = try ConfigurationFile(path: part + "/config.json", limits: limits)
        pooling = try Pooling(file)
      default: normalizes = true
      }
    }
  }
}

extension Pooling {
  /// Reads `1_Pooling/config.json`, which has a switch for each mode.
  fileprivate init(_ file: ConfigurationFile) throws(CheckpointError) {
    let modes: KeyValuePairs<String, Pooling> = [
      "pooling_mode_mean_tokens": .mean, "pooling_mode_cls_token": .cls,
      "pooling_mode_max_tokens": .max,
    ]
    if file.has("pooling_mode") {
      let name = try file.string("pooling_mode", oneOf: Pooling.allCases.map { $0.rawValue })
      self = Pooling(rawValue: name) ?? .mean
      return
    }
    var chosen: [Pooling] = []
    for key in file.keys where key.hasPrefix("pooling_mode_") {
      guard try file.boolean(key) else { continue }
      guard let mode = modes.first(where: { $0.key == key })?.value, chosen.isEmpty else {
        throw file.wrongValue(
          key,
          expected: "one of \(modes.map { $0.key }.joined(separator: ", ")) alone to be true")
      }
      chosen.append(mode)
    }
    self = chosen.first ?? .mean
  }
}
