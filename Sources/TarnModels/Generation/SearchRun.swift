// Searches that a configuration asks for, with raw tensors in and out.

internal import Tarn
internal import TarnCheckpoints

/// A search of the list `generation` in `config.json`, in fairseq's words.
struct NamedSearch: Hashable, Sendable {
  /// Before the dot in the names of the results.
  var name: String
  var options: SearchOptions

  /// Reads and checks an element of the list; what is absent has fairseq's default.
  init(_ file: ConfigurationFile) throws(CheckpointError) {
    name = try file.string("name", default: "search")
    var options = SearchOptions()
    let most = PyramidionConfiguration.mostPositions
    options.beam = try file.integer("beam", in: 1...most, default: options.beam)
    options.lengthPenalty = try file.number(
      "lenpen", in: -1000...1000, default: options.lengthPenalty)
    options.minLength = try file.integer("min_len", in: 0...most, default: options.minLength)
    options.maxLength = try file.integer("max_len_b", in: 0...most, default: options.maxLength)
    options.maxLengthPerSourceToken = try file.number(
      "max_len_a", in: 0...1000, default: options.maxLengthPerSourceToken)
    options.unkPenalty = Float(
      try file.number("unkpen", in: -1e6...1e6, default: Double(options.unkPenalty)))
    options.temperature = Float(
      try file.number("temperature", in: 1e-6...1e6, default: Double(options.temperature)))
    options.normalizesScores = try file.boolean(
      "normalize_scores", default: options.normalizesScores)
    self.options = options
  }
}

extension PyramidionModel {
  /// `NAME.tokens`, `.lengths`, `.scores` and `.positional_scores` of a search: the best five texts of
  /// each document, filled up with padding and zeros.
  ///
  /// - Parameters:
  ///   - search: what to do.
  ///   - memory: the documents.
  ///   - width: tokens of a source with its padding.
  /// - Returns: the tensors.
  /// - Throws: as ``beamSearch(_:sources:vocabulary:positions:options:on:progress:)``.
  func run(
    _ search: NamedSearch, _ memory: PyramidionMemory, width: Int
  ) throws(ModelError) -> [NamedTensor] {
    let positions = configuration.maxTargetPositions
    let longest = try search.options.longest(source: width, positions: positions)
    let documents = memory.sequences.count
    var decoding = try PyramidionDecoding(
      self, memory: memory, beams: search.options.beam, maxLength: longest + 1)
    let found = try beamSearch(
      &decoding, sources: Array(repeating: width, count: documents), vocabulary: vocabularySize,
      positions: positions, options: search.options, on: execution
    ).map { $0.prefix(5) }
    let count = found.map { $0.count }.max() ?? 0
    let length = found.joined().map { $0.tokens.count }.max() ?? 0
    /// A tensor with `size` elements for each text.
    func tensor(
      _ name: String, _ size: Int?, fill: Float, _ values: (Hypothesis) -> [Float]
    ) -> NamedTensor {
      let all = found.flatMap { texts in
        (0..<count).flatMap { i in
          let part = i < texts.count ? values(texts[i]) : []
          return part + Array(repeating: fill, count: (size ?? 1) - part.count)
        }
      }
      return NamedTensor(
        name: "\(search.name).\(name)", shape: [documents, count] + (size.map { [$0] } ?? []),
        values: all)
    }
    return [
      tensor("tokens", length, fill: Float(PyramidionEmbeddings.padding)) {
        $0.tokens.map { Float($0) }
      },
      tensor("lengths", nil, fill: 0) { [Float($0.tokens.count)] },
      tensor("scores", nil, fill: 0) { [$0.score] },
      tensor("positional_scores", length, fill: 0) { $0.tokenScores },
    ]
  }
}
