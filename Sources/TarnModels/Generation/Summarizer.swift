// From a long text to a short one.

internal import Tarn
internal import TarnCheckpoints
public import TarnText
internal import TarnSystem

extension PyramidionDecoding: NextTokenDecoder {}

extension PyramidionConfiguration {
  /// Reads what a checkpoint directory says of its model.
  ///
  /// - Throws: ``ModelError/checkpoint(_:)``.
  package init(directory: String, options: ModelOptions) throws(ModelError) {
    try self.init(Checkpoint(directory: directory, of: "pyramidion", options).configuration)
  }
}

/// Whether a directory holds a dictionary of fairseq.
package func isFairseqDirectory(_ directory: String) -> Bool {
  fileExists(directory + "/dict.txt")
}

/// What a model has written for a text.
public struct Summary: Hashable, Sendable {
  /// The tokens as text.
  public var text: String
  /// The tokens, the end symbol 2 included.
  public var ids: [Int]
  /// The logarithm of its probability, divided by a power of its length.
  public var score: Float
}

/// An encoder-decoder of fairseq with its dictionary and SentencePiece model: text in, text out.
///
///     let summarizer = try Summarizer(directory: "deep-pyramidion")
///     var options = SearchOptions()
///     options.beam = 4
///     let summary = try summarizer.summarize(["A long article ..."], options: options)[0]
///     print(summary.text)
///
/// Reads a directory with `dict.txt` and a SentencePiece model beside what ``PyramidionModel`` reads;
/// ``/TarnText/FairseqTokenizer/modelFiles`` are the model's names.
public struct Summarizer: Sendable {
  /// The model itself.
  public let model: PyramidionModel
  /// Text to tokens and back.
  public let tokenizer: FairseqTokenizer
  /// Keys and values that a batch of documents may hold, as Floats: documents beyond wait.
  private static let cacheLimit = 1 << 26

  /// Reads a checkpoint directory.
  ///
  /// - Parameters:
  ///   - directory: holds weights with their arguments, `dict.txt` and a SentencePiece model.
  ///   - options: instruction set, threads, format of weights.
  /// - Throws: ``ModelError``, also if there is no decoder or the dictionary is not the model's.
  public init(directory: String, options: ModelOptions = ModelOptions()) throws(ModelError) {
    try self.init(PyramidionModel(directory: directory, options: options))
  }

  /// Takes a model and reads dictionary and SentencePiece model of its directory.
  ///
  /// - Throws: ``ModelError``, also if there is no decoder or the dictionary is not the model's.
  public init(_ model: PyramidionModel) throws(ModelError) {
    self.model = model
    tokenizer = try TarnModels.text { () throws(TextError) in
      try FairseqTokenizer(directory: model.directory)
    }
    let decoder = try model.requiredDecoder()
    let symbols = tokenizer.dictionary.count
    for rows in [model.vocabularySize, decoder.vocabulary] where rows != symbols {
      throw .dictionarySize(file: tokenizer.dictionary.file, found: symbols, expected: rows)
    }
  }

  /// What the model sees of a text.
  ///
  /// - Parameters:
  ///   - text: the text.
  ///   - longText: what happens to a text with more tokens than ``maxTokens``. One that is cut keeps
  ///     its end symbol.
  /// - Returns: its tokens, the end symbol included.
  /// - Throws: ``ModelError/text(_:)``; ``ModelError/tooLong(sequence:tokens:limit:)``.
  public func encode(
    _ text: String, longText: LongText = .isTruncated
  ) throws(ModelError) -> FairseqTokenizer.Encoding {
    let encoding = try TarnModels.text { () throws(TextError) in try tokenizer.encode(text) }
    switch longText {
    case .isTruncated: return encoding.truncated(to: maxTokens)
    case .isRejected:
      guard encoding.ids.count <= maxTokens else {
        throw .tooLong(sequence: 0, tokens: encoding.ids.count, limit: maxTokens)
      }
      return encoding
    }
  }

  /// Tokens of a text that the model sees, the end symbol included.
  public var maxTokens: Int { model.configuration.maxSourcePositions }

  /// Texts in few words; each is the same as for its text alone.
  ///
  /// - Parameters:
  ///   - texts: the texts; of a long one the beginning is read.
  ///   - options: parameters of the search.
  ///   - progress: is told after each token how many the texts of a batch have.
  /// - Returns: the best of what was found for each text.
  /// - Throws: ``ModelError``; for parameters that contradict each other or the model before anything
  ///   is computed.
  public func summarize(
    _ texts: [String], options: SearchOptions = SearchOptions(),
    progress: (Int) -> Void = { _ in }
  ) throws(ModelError) -> [Summary] {
    var documents: [[Int]] = []
    for text in texts { documents.append(try encode(text).ids.map { Int($0) }) }
    return try summaries(documents, options: options, progress: progress)
  }

  /// The summaries of encoded texts, in their order.
  package func summaries(
    _ documents: [[Int]], options: SearchOptions, progress: (Int) -> Void = { _ in }
  ) throws(ModelError) -> [Summary] {
    try check(documents, options)
    let hypotheses = try search(documents, options: options, progress: progress)
    var summaries: [Summary] = []
    for (index, found) in hypotheses.enumerated() {
      guard let best = found.first else { throw .noHypothesis(sequence: index) }
      let written = try TarnModels.text { () throws(TextError) in
        try tokenizer.decode(best.tokens.map { Int32($0) })
      }
      summaries.append(Summary(text: written, ids: best.tokens, score: best.score))
    }
    return summaries
  }

  /// Throws for parameters that contradict each other, the model or a document's length.
  package func check(_ documents: [[Int]], _ options: SearchOptions) throws(ModelError) {
    try options.check(vocabulary: tokenizer.dictionary.count)
    for document in documents {
      _ = try options.longest(source: document.count, positions: positions)
    }
  }

  private var positions: Int { model.configuration.maxTargetPositions }

  /// Searches in batches whose caches are bounded.
  private func search(
    _ documents: [[Int]], options: SearchOptions, progress: (Int) -> Void
  ) throws(ModelError) -> [[Hypothesis]] {
    let side = model.configuration.decoder
    var results: [[Hypothesis]] = []
    while results.count < documents.count {
      let first = results.count
      // One token is fed to a row before each that it writes, the end symbol included.
      var longest = 0
      var end = first
      while end < documents.count {
        let next = try options.longest(source: documents[end].count, positions: positions) + 1
        let rows = (end - first + 1) * options.beam
        let floats = rows * max(longest, next) * side.size * side.layers * 2
        guard end == first || floats <= Summarizer.cacheLimit else { break }
        longest = max(longest, next)
        end += 1
      }
      let batch = Array(documents[first..<end])
      var decoding = try PyramidionDecoding(
        model, memory: model.encode(batch), beams: options.beam, maxLength: longest)
      results += try beamSearch(
        &decoding, sources: batch.map { $0.count }, vocabulary: tokenizer.dictionary.count,
        positions: positions, options: options, on: model.execution, progress: progress)
    }
    return results
  }
}
