// Beam search against a plain search over a table of logits, and against the fixtures.

import Foundation
import Tarn
import TarnCheckpoints
import TarnTestSupport
import Testing

@testable import TarnModels

/// Logits that are a function of the prefix alone, made up from a seed.
struct TableDecoder: NextTokenDecoder {
  let seed: UInt64
  let vocabulary: Int
  /// Logits are multiples of this: a coarse one makes many equal.
  var grain: Float = 0x1p-23
  /// Replaces a logit, given the prefix and the token.
  var change: @Sendable ([Int], Int) -> Float? = { _, _ in nil }
  /// The prefixes of the rows, with the number of their document in front.
  var rows: [[Int]]
  var steps = 0

  init(seed: UInt64, vocabulary: Int, documents: Range<Int> = 0..<1) {
    self.seed = seed
    self.vocabulary = vocabulary
    rows = documents.map { [$0] }
  }

  func logits(_ prefix: [Int]) -> [Float] {
    var hash = seed
    for token in prefix {
      var generator = SplitMix64(seed: hash &+ UInt64(token) &* 0x9E37_79B9)
      hash = generator.next()
    }
    var generator = SplitMix64(seed: hash)
    return (0..<vocabulary).map { token in
      let value = (generator.float() * 4 / grain).rounded() * grain
      return change(prefix, token) ?? value
    }
  }

  mutating func step(_ tokens: [Int], parents: [Int]) throws(ModelError) -> Matrix {
    rows = zip(parents, tokens).map { rows[$0] + [$1] }
    steps += 1
    return try operation { () throws(TarnError) in
      try Matrix(rows: rows.count, columns: vocabulary, rows.flatMap(logits))
    }
  }
}

/// The search as the specification writes it: all candidates of a step in one sorted list.
private func plainSearch(
  _ decoder: TableDecoder, document: Int, longest: Int, _ options: SearchOptions
) -> [(tokens: [Int], score: Double)] {
  var live: [(tokens: [Int], score: Double)] = [([], 0)]
  var done: [(tokens: [Int], score: Double)] = []
  for step in 0...longest {
    var all: [(score: Double, row: Int, token: Int)] = []
    for (row, (tokens, score)) in live.enumerated() {
      let x = decoder.logits([document, 2] + tokens).map {
        Double($0) / Double(options.temperature)
      }
      let largest = x.max() ?? 0
      let total = largest + log(x.reduce(0) { $0 + exp($1 - largest) })
      for token in x.indices {
        var p = x[token] - total
        if token == 1 || p.isNaN { p = -.infinity }
        if token == 3 { p -= Double(options.unkPenalty) }
        if step == longest ? token != 2 : token == 2 && step < options.minLength { p = -.infinity }
        all.append((p + score, row, token))
      }
    }
    all.sort { ($1.score, $0.row, $0.token) < ($0.score, $1.row, $1.token) }
    let candidates = all.prefix(2 * options.beam)
    for c in candidates.prefix(options.beam)
    where c.token == 2 && c.score > -.infinity && done.count < options.beam {
      let length = options.normalizesScores ? pow(Double(step + 1), options.lengthPenalty) : 1
      done.append((live[c.row].tokens + [2], c.score / length))
    }
    if done.count == options.beam || step == longest { break }
    live = candidates.filter { $0.token != 2 }.prefix(options.beam).map {
      (live[$0.row].tokens + [$0.token], $0.score)
    }
  }
  let order = done.indices.sorted {
    done[$0].score != done[$1].score ? done[$0].score > done[$1].score : $0 < $1
  }
  return order.map { done[$0] }
}

private func searching(
  _ set: (inout SearchOptions) throws -> Void = { _ in }
) rethrows -> SearchOptions {
  var options = SearchOptions()
  try set(&options)
  return options
}

@Suite struct BeamSearchTests {
  private let execution: Execution

  init() throws { execution = try Execution() }

  static let settings: [SearchOptions] = [
    searching {
      $0.beam = 1; $0.maxLength = 12
    },
    searching {
      $0.beam = 4; $0.minLength = 3; $0.maxLength = 12
    },
    searching {
      $0.beam = 16; $0.minLength = 0; $0.maxLength = 9
    },
    searching {
      $0.beam = 3; $0.lengthPenalty = 0.4; $0.maxLength = 15
    },
    searching {
      $0.beam = 5; $0.lengthPenalty = 2.5; $0.unkPenalty = 1.5; $0.temperature = 1.3
      $0.maxLength = 8
    },
    searching {
      $0.beam = 2; $0.normalizesScores = false; $0.maxLength = 1
    },
    searching {
      $0.beam = 4; $0.lengthPenalty = -1; $0.minLength = 6; $0.maxLength = 6
      $0.unkPenalty = -2
    },
    searching {
      $0.beam = 6; $0.temperature = 0.25; $0.maxLength = 10
      $0.maxLengthPerSourceToken = 0.3
    },
  ]

  /// Tokens, order and scores of a plain search, for one document and for several at once.
  @Test(arguments: settings.indices)
  func aSearchFindsWhatAPlainOneFinds(setting: Int) throws {
    let options = Self.settings[setting]
    for seed in 0..<12 as Range<UInt64> {
      let vocabulary = 34 + Int(seed)
      let sources = [7, 1, 20, 12]
      var decoder = TableDecoder(seed: seed, vocabulary: vocabulary, documents: 0..<4)
      // The end is likelier than the rest, so that searches end at different steps.
      decoder.change = { prefix, token in token == 2 && prefix.count % 3 == 0 ? 3.5 : nil }
      let plain = decoder
      let found = try beamSearch(
        &decoder, sources: sources, vocabulary: vocabulary, positions: 64, options: options,
        on: execution)
      for document in 0..<4 {
        let longest = Int(
          options.maxLengthPerSourceToken * Double(sources[document]) + Double(options.maxLength))
        let expected = plainSearch(plain, document: document, longest: longest, options)
        let name = "setting \(setting) seed \(seed) document \(document)"
        #expect(found[document].map(\.tokens) == expected.map(\.tokens), "\(name)")
        for (a, b) in zip(found[document], expected) {
          #expect(abs(Double(a.score) - b.score) <= 1e-5 * max(1, abs(b.score)), "\(name)")
          #expect(a.tokenScores.count == a.tokens.count)
          let sum = a.tokenScores.reduce(0, +)
          let length =
            options.normalizesScores ? pow(Double(a.tokens.count), options.lengthPenalty) : 1
          #expect(abs(Double(sum) / length - Double(a.score)) < 1e-4, "\(name)")
        }
        var alone = TableDecoder(
          seed: seed, vocabulary: vocabulary, documents: document..<document + 1)
        alone.change = plain.change
        let single = try beamSearch(
          &alone, sources: [sources[document]], vocabulary: vocabulary, positions: 64,
          options: options, on: execution)
        #expect(single[0] == found[document], "\(name)")
      }
    }
  }

  /// Many equal scores: the lower row, then the lower token comes first.
  @Test func equalScoresAreInOrder() throws {
    for seed in 0..<20 as Range<UInt64> {
      let options = searching {
        $0.beam = 4; $0.maxLength = 6
      }
      var decoder = TableDecoder(seed: seed, vocabulary: 20)
      // All rows and tokens alike: equal sums are equal bits.
      decoder.change = { prefix, token in
        token % 3 == 0 ? 1 : token == 2 && prefix.count > 4 ? 2 : 0
      }
      let plain = decoder
      let found = try beamSearch(
        &decoder, sources: [1], vocabulary: 20, positions: 64, options: options, on: execution)
      let expected = plainSearch(plain, document: 0, longest: 6, options)
      #expect(found[0].map(\.tokens) == expected.map(\.tokens), "seed \(seed)")
    }
    // Nothing but ties: tokens 0, 3, 4, 5 in the first step, and so on.
    var flat = TableDecoder(seed: 0, vocabulary: 20)
    flat.change = { _, _ in 0 }
    let found = try beamSearch(
      &flat, sources: [1], vocabulary: 20, positions: 64,
      options: searching {
        $0.beam = 2; $0.minLength = 2; $0.maxLength = 4
      }, on: execution)
    #expect(found[0].map(\.tokens) == [[0, 0, 2]] + [[0, 0, 0, 2]])
  }

  @Test func aSearchEndsWithAsManyTextsAsBeams() throws {
    var decoder = TableDecoder(seed: 3, vocabulary: 30)
    decoder.change = { _, token in token == 2 ? 100 : nil }
    let found = try beamSearch(
      &decoder, sources: [1], vocabulary: 30, positions: 64,
      options: searching {
        $0.beam = 3; $0.minLength = 0
      }, on: execution)
    // In the first step one row can end, afterwards all of them.
    #expect(found[0].count == 3 && decoder.steps == 2)
    #expect(found[0].contains { $0.tokens == [2] })
  }

  @Test func theLongestTextsEndAtTheLastStep() throws {
    var decoder = TableDecoder(seed: 3, vocabulary: 30)
    decoder.change = { _, token in token == 2 ? -100 : nil }
    var seen: [Int] = []
    let found = try beamSearch(
      &decoder, sources: [1], vocabulary: 30, positions: 9,
      options: searching { $0.beam = 3 }, on: execution
    ) { seen.append($0) }
    // One position is for the token before the first.
    #expect(found[0].count == 3 && found[0].allSatisfy { $0.tokens.count == 9 })
    #expect(decoder.steps == 9 && seen == Array(1...9))
  }

  @Test func logitsThatAreNoNumbersAreNeverChosen() throws {
    var decoder = TableDecoder(seed: 5, vocabulary: 30)
    decoder.change = { prefix, _ in prefix.last == 7 ? .nan : nil }
    let found = try beamSearch(
      &decoder, sources: [1], vocabulary: 30, positions: 64,
      options: searching {
        $0.beam = 10; $0.maxLength = 8
      }, on: execution)
    #expect(!found[0].isEmpty)
    #expect(found[0].allSatisfy { !$0.tokens.contains(7) && $0.score.isFinite })
    decoder = TableDecoder(seed: 5, vocabulary: 30)
    decoder.change = { _, _ in .nan }
    #expect(
      try beamSearch(
        &decoder, sources: [1], vocabulary: 30, positions: 64, options: searching(), on: execution)
        == [[]])
    #expect(decoder.steps == 1)
  }

  @Test func noDocumentTakesNoStep() throws {
    var decoder = TableDecoder(seed: 5, vocabulary: 30, documents: 0..<0)
    #expect(
      try beamSearch(
        &decoder, sources: [], vocabulary: 30, positions: 64, options: searching(), on: execution
      )
      .isEmpty)
    #expect(decoder.steps == 0)
  }

  static let wrong: [(argument: String, options: SearchOptions)] = [
    ("beam", searching { $0.beam = 0 }), ("beam", searching { $0.beam = 15 }),
    ("beam", searching { $0.beam = .max }), ("beam", searching { $0.beam = -1 }),
    ("lengthPenalty", searching { $0.lengthPenalty = .nan }),
    ("lengthPenalty", searching { $0.lengthPenalty = .infinity }),
    ("minLength", searching { $0.minLength = -1 }), ("minLength", searching { $0.minLength = 201 }),
    ("minLength", searching { $0.minLength = 64 }),
    (
      "minLength",
      searching {
        $0.minLength = 6; $0.maxLength = 5
      }
    ),
    ("maxLength", searching { $0.maxLength = 0 }), ("maxLength", searching { $0.maxLength = .min }),
    ("maxLengthPerSourceToken", searching { $0.maxLengthPerSourceToken = -1 }),
    ("maxLengthPerSourceToken", searching { $0.maxLengthPerSourceToken = .nan }),
    ("unkPenalty", searching { $0.unkPenalty = .nan }),
    ("temperature", searching { $0.temperature = 0 }),
    ("temperature", searching { $0.temperature = -1 }),
    ("temperature", searching { $0.temperature = .infinity }),
  ]

  @Test(arguments: wrong.indices)
  func wrongParametersAreTypedErrorsBeforeAnythingIsDecoded(place: Int) throws {
    let (argument, options) = Self.wrong[place]
    var decoder = TableDecoder(seed: 1, vocabulary: 30)
    #expect {
      try beamSearch(
        &decoder, sources: [4], vocabulary: 30, positions: 64, options: options, on: execution)
    } throws: { error in
      guard
        case .operation(.invalidArgument("beam search", argument, let found, let expected))? =
          error as? ModelError
      else { return false }
      return !found.isEmpty && !expected.isEmpty
    }
    #expect(decoder.steps == 0)
  }

  @Test func theWidestBeamIsLessThanHalfOfTheVocabulary() throws {
    var decoder = TableDecoder(seed: 1, vocabulary: 31)
    let found = try beamSearch(
      &decoder, sources: [4], vocabulary: 31, positions: 64,
      options: searching {
        $0.beam = 15; $0.maxLength = 5
      }, on: execution)
    #expect(found[0].count == 15)
    // A decoder of one position has no place for a token beside the first.
    #expect(throws: ModelError.self) {
      try beamSearch(
        &decoder, sources: [4], vocabulary: 31, positions: 1, options: searching(), on: execution)
    }
  }

  @Test func powersAreExactEnough() {
    for n in [1, 2, 3, 7, 10, 100, 966, 1_000_003, 1 << 40] {
      for exponent in [0, 1, 2, 0.4, -1, 0.5, 1.7, -2.3, 13.37, 1e-9, -1e-300, 50, 400, -400] {
        let expected = pow(Double(n), exponent)
        let found = power(n, exponent)
        if expected == 0 || !expected.isFinite {
          #expect(found == expected || found < 1e-300, "\(n)^\(exponent)")
          continue
        }
        let limit = (4 + abs(exponent * log(Double(n)))) * 0x1p-52
        #expect(abs(found / expected - 1) <= limit, "\(n)^\(exponent): \(found)")
      }
    }
  }
}

// MARK: Fixtures

/// A search of a fixture's config.json.
private func fixtureOptions(_ json: [String: Any]) throws -> SearchOptions {
  try searching {
    $0.beam = try #require(json["beam"] as? Int)
    $0.lengthPenalty = try #require(json["lenpen"] as? Double)
    $0.minLength = try #require(json["min_len"] as? Int)
    $0.maxLength = try #require(json["max_len_b"] as? Int)
    $0.maxLengthPerSourceToken = try #require(json["max_len_a"] as? Double)
    $0.unkPenalty = Float(try #require(json["unkpen"] as? Double))
    $0.temperature = Float(try #require(json["temperature"] as? Double))
    $0.normalizesScores = try #require(json["normalize_scores"] as? Bool)
  }
}

/// Token sequences and their order are equal, scores to 10⁻⁵.
@Test(arguments: ["full-shared", "full-separate-prenorm", "full-tied-decoder"])
func everySearchOfTheFixtureFindsTheSameTexts(_ name: String) throws {
  let directory = fixturePath("pyramidion/" + name)
  let json = try #require(
    try JSONSerialization.jsonObject(
      with: Data(contentsOf: URL(fileURLWithPath: directory + "/config.json"))) as? [String: Any])
  let searches = try #require(json["generation"] as? [[String: Any]])
  let golden = try SafetensorsFile(path: directory + "/expected.safetensors")
  let inputs = try SafetensorsFile(path: directory + "/inputs.safetensors")
  let source = try #require(inputs["src_tokens"])
  let (batch, width) = (source.shape[0], source.shape[1])
  let ids = try inputs.integers(of: source).map { Int($0) }
  let documents = (0..<batch).map { Array(ids[$0 * width..<($0 + 1) * width]) }
  var checked = 0
  for set in InstructionSet.available {
    let model = try PyramidionModel(
      directory: directory, options: ModelOptions(instructionSet: set))
    let positions = model.configuration.maxTargetPositions
    for json in searches {
      let search = try #require(json["name"] as? String)
      let options = try fixtureOptions(json)
      let longest = try options.longest(source: width, positions: positions)
      var decoding = try PyramidionDecoding(
        model, memory: model.encode(documents), beams: options.beam, maxLength: longest + 1)
      let found = try beamSearch(
        &decoding, sources: documents.map(\.count), vocabulary: model.vocabularySize,
        positions: positions, options: options, on: model.execution)
      func values(_ what: String) throws -> (shape: [Int], [Float]) {
        let info = try #require(golden[TensorName("\(search).\(what)")])
        return (
          info.shape,
          ElementType.integers.contains(info.elementType)
            ? try golden.integers(of: info).map { Float($0) } : try golden.floats(of: info)
        )
      }
      let (shape, tokens) = try values("tokens")
      let (_, lengths) = try values("lengths")
      let (_, scores) = try values("scores")
      let (_, tokenScores) = try values("positional_scores")
      for (document, hypotheses) in found.enumerated() {
        #expect(hypotheses.count == min(options.beam, hypotheses.count))
        for place in 0..<shape[1] {
          let name = "\(name) \(search) \(set.rawValue) document \(document) text \(place)"
          let row = document * shape[1] + place
          let length = Int(lengths[row])
          try #require(place < hypotheses.count, "\(name)")
          let expected = tokens[row * shape[2]..<row * shape[2] + length].map { Int($0) }
          #expect(hypotheses[place].tokens == expected, "\(name)")
          #expect(abs(hypotheses[place].score - scores[row]) <= 1e-5, "\(name)")
          for (a, b) in zip(
            hypotheses[place].tokenScores,
            tokenScores[row * shape[2]..<row * shape[2] + length])
          {
            #expect(abs(a - b) <= 1e-5, "\(name)")
          }
          checked += 1
        }
      }
    }
  }
  #expect(checked >= 4 * InstructionSet.available.count)
}
