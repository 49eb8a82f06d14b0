// Pyramidion: batches, padding, steps of decoding, configurations; inputs that do not fit.

import Foundation
import Tarn
import TarnCheckpoints
import TarnKernelInterface
import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnModels

private func pyramidion(
  _ name: String, threads: Int? = nil, replacing: KeyValuePairs<String, JSONValue> = [:]
) throws -> PyramidionModel {
  let folder = try copy("pyramidion/" + name, replacing: replacing)
  return try PyramidionModel(directory: folder.path, options: ModelOptions(threads: threads))
}

/// A copy of a fixture's checkpoint with other arguments.
private func withArguments(
  _ fixture: String, _ values: KeyValuePairs<String, JSONValue>
) throws -> TemporaryDirectory {
  let path = fixturePath("pyramidion/\(fixture)/config.json")
  let root = JSONValue(try ConfigurationFile(path: path).root)
  var args = try #require(root.object?["args"]?.object)
  for (key, value) in values { args[key] = value }
  return try copy("pyramidion/" + fixture, replacing: ["args": .object(args)])
}

private func bits(_ x: Matrix) -> [UInt32] { x.elements.map(\.bitPattern) }

/// Documents of many lengths, the longest of all N₀ tokens; some with padding before and within.
private func documents(_ model: PyramidionModel) -> [[Int]] {
  let n = model.configuration.maxSourcePositions
  let lengths = [n, 1, n / 2, 2, n - 1, n / 3, 3, n / 4 + 1]
  return lengths.enumerated().map { k, n in
    (0..<n).map { t in
      if k == 2, t < n / 2 { return 1 }
      if k == 4, t % 7 == 3 { return 1 }
      return t == n - 1 ? 2 : 4 + (t * 31 + k * 7) % (model.vocabularySize - 4)
    }
  }
}

private let encoders = [
  "encoder-blockwise-only", "encoder-full-attention", "encoder-lambda", "encoder-lambda-tied",
  "encoder-post-sinusoidal", "encoder-pre-learned", "full-shared", "quirk-chunk-remainder",
]
private let decoders = ["full-separate-prenorm", "full-shared", "full-tied-decoder"]

@Test(arguments: encoders)
func aPyramidionBatchIsEachDocumentAlone(_ name: String) throws {
  let model = try pyramidion(name)
  let documents = documents(model)
  let together = try model.encode(documents)
  let k = together.sequences[0].count
  #expect(together.rows.columns == model.configuration.encoder.size)
  for (i, document) in documents.enumerated() {
    let alone = try model.encode([document])
    #expect(alone.rows.rows == k)
    #expect(bits(alone.rows) == bits(together.rows.rows(together.sequences[i])), "\(name) \(i)")
    #expect(
      alone.keep ?? Array(repeating: true, count: k)
        == together.keep.map { Array($0[together.sequences[i]]) }
        ?? Array(repeating: true, count: k))
  }
  #expect(try model.encode([]).rows.rows == 0)
}

/// Padding on the right is what the encoder adds by itself.
@Test(arguments: encoders)
func paddingOnTheRightChangesNoBitOfPyramidion(_ name: String) throws {
  let model = try pyramidion(name)
  let n = model.configuration.maxSourcePositions
  for document in documents(model) where document.count < n {
    let padded = document + Array(repeating: 1, count: n - document.count)
    #expect(bits(try model.encode([padded]).rows) == bits(try model.encode([document]).rows))
  }
}

/// One row for all padding of padding's chunks: rounding apart the same, where it is masked the same
/// bits.
@Test(arguments: encoders)
func chunksOfPaddingMayBeComputedOnce(_ name: String) throws {
  let once = try pyramidion(name)
  let all = try pyramidion(name, replacing: ["padding_chunks": .string("all")])
  #expect(once.configuration.skipsPadding && !all.configuration.skipsPadding)
  for (i, document) in documents(once).enumerated() {
    let x = try once.encode([document]).rows
    let y = try all.encode([document]).rows
    if ["encoder-lambda", "encoder-lambda-tied", "quirk-chunk-remainder"].contains(name) {
      #expect(bits(x) == bits(y), "\(name) \(i)")
    } else {
      compare(
        NamedTensor(name: "\(i)", shape: [x.rows, x.columns], values: x.elements), y.elements,
        name, absolute: 2e-5)
    }
  }
}

@Test func rowsOfPaddingAreComputedOnce() {
  let document: [Int32] = [5, 6, 7, 8, 9, 1, 1]
  let rows = PyramidionRows(skippingPaddingOf: document, length: 16, chunk: 4)
  #expect(rows.ids == [5, 6, 7, 8, 9, 1, 1, 1, 1])
  #expect(rows.positions == [2, 3, 4, 5, 6, 1, 1, 1, 1])
  #expect(rows.chunks == [4, 4, 1])
  #expect(rows.places == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 8, 8, 8, 8])
  let left = PyramidionRows(skippingPaddingOf: [1, 1, 1, 1, 1, 7], length: 8, chunk: 2)
  #expect(left.ids == [1, 7, 1])
  #expect(left.positions == [1, 2, 1])
  #expect(left.chunks == [2, 1])
  #expect(left.places == [2, 2, 2, 2, 0, 1, 2, 2])
  let full = PyramidionRows(skippingPaddingOf: [4, 5, 6, 1], length: 4, chunk: 2)
  #expect(full.places == nil && full.chunks == [2, 2])
  let masked = PyramidionRows(maskingPaddingOf: [1, 5, 1, 6], length: 6)
  #expect(masked.ids == [5, 6, 1])
  #expect(masked.positions == [2, 3, 1])
  #expect(masked.places == [2, 0, 2, 1, 2, 2])
}

// MARK: Decoding

/// Each step, with rows that are continued by several others, by none and in another order, has the
/// bits of the whole prefix.
@Test(arguments: decoders, [1, 3])
func stepsHaveTheBitsOfTeacherForcing(_ name: String, threads: Int) throws {
  let model = try pyramidion(name, threads: threads)
  let documents = Array(documents(model).prefix(4))
  let memory = try model.encode(documents)
  let (beams, longest) = (5, model.configuration.maxTargetPositions)
  var decoding = try PyramidionDecoding(model, memory: memory, beams: beams, maxLength: longest)
  #expect(decoding.documents == [0, 1, 2, 3])
  var random = SplitMix64(seed: 7)
  /// The tokens of each row and its document.
  var prefixes = documents.indices.map { (document: $0, tokens: [Int]()) }
  for t in 0..<longest {
    var parents: [Int] = []
    var next: [(document: Int, tokens: [Int])] = []
    for document in documents.indices {
      let candidates = prefixes.indices.filter { prefixes[$0].document == document }
      // Documents end at different lengths.
      guard !candidates.isEmpty, t < longest - 4 * document else { continue }
      for _ in 0..<(t == 0 ? 1 : 1 + random.below(beams)) {
        let parent = candidates[random.below(candidates.count)]
        var token = 2
        if t > 0 { token = [0, 2, 3, 4 + random.below(model.vocabularySize - 4)][random.below(4)] }
        parents.append(parent)
        next.append((document, prefixes[parent].tokens + [token]))
      }
    }
    let logits = try decoding.step(next.map { $0.tokens[t] }, parents: parents)
    #expect(decoding.length == t + 1)
    #expect(decoding.documents == next.map(\.document))
    #expect(logits.rows == next.count && logits.columns == model.vocabularySize)
    if t < 6 || t % 5 == 0 || t == longest - 1 {
      for (row, prefix) in next.enumerated() {
        let alone = try model.encode([documents[prefix.document]])
        let forced = try model.logits(alone, targets: [prefix.tokens])[0]
        #expect(bits(forced.rows(t..<t + 1)) == bits(logits.rows(row..<row + 1)), "\(t) \(row)")
      }
    }
    prefixes = next
  }
}

@Test func rowsThatStayAreNotCopied() throws {
  let model = try pyramidion("full-shared")
  let memory = try model.encode([[5, 2]])
  var decoding = try PyramidionDecoding(model, memory: memory, beams: 3, maxLength: 8)
  _ = try decoding.step([2], parents: [0])
  // A row that two continue is copied once, for the second.
  #expect(decoding.moves([0, 0]) == [1: [0]])
  _ = try decoding.step([5, 6], parents: [0, 0])
  #expect(decoding.moves([0, 1]).isEmpty)
  // The first token is the same in both.
  #expect(decoding.moves([1, 0]) == [0: [1], 1: [1]])
  _ = try decoding.step([7, 8, 9], parents: [1, 0, 1])
  #expect(decoding.moves([2, 1]) == [0: [2]])
}

@Test(arguments: decoders)
func targetsOfABatchAreEachTargetAlone(_ name: String) throws {
  let model = try pyramidion(name)
  let documents = Array(documents(model).prefix(3))
  let memory = try model.encode(documents)
  let targets = [[2, 5, 9, 4], [2], [2, 1, 7, 1, 6, 8]]
  let together = try model.logits(memory, targets: targets)
  for i in documents.indices {
    let alone = try model.logits(model.encode([documents[i]]), targets: [targets[i]])
    #expect(bits(alone[0]) == bits(together[i]))
  }
}

@Test func stepsThatDoNotFitAreRejected() throws {
  let model = try pyramidion("full-tied-decoder")
  let memory = try model.encode([[5, 6, 2], [7, 2]])
  typealias Case = (tokens: [Int], parents: [Int], message: String)
  let cases: [Case] = [
    ([2], [0, 1], "parents is 2 rows, expected 1, one for each token"),
    ([2, 45], [0, 1], "tokens[1] is 45, expected 0 to 44 and not padding"),
    ([2, -1], [0, 1], "tokens[1] is -1, expected 0 to 44 and not padding"),
    ([2, 1], [0, 1], "tokens[1] is 1, expected 0 to 44 and not padding"),
    ([2, 2], [0, 2], "parents[1] is 2, expected a row below 2"),
    ([2, 2], [-1, 1], "parents[0] is -1, expected a row below 2"),
    ([2, 2], [1, 0], "parents[1] is document 0 after 1, expected documents in order"),
    ([2, 2, 2], [0, 0, 0], "parents is more than 2 rows of document 0, expected 2 beams"),
  ]
  var decoding = try PyramidionDecoding(model, memory: memory, beams: 2, maxLength: 2)
  for (tokens, parents, message) in cases {
    let error = #expect(throws: ModelError.self) {
      try decoding.step(tokens, parents: parents)
    }
    #expect(error?.description == "PyramidionDecoding.step: \(message)")
    #expect(decoding.length == 0)
  }
  _ = try decoding.step([2, 2], parents: [0, 1])
  _ = try decoding.step([5, 6, 7], parents: [0, 0, 1])
  let error = #expect(throws: ModelError.self) { try decoding.step([5], parents: [0]) }
  #expect(
    error?.description
      == "PyramidionDecoding.step: step is 3, expected at most 2, the length that was asked for")
  for (beams, length, message) in [
    (0, 4, "beams is 0, expected 1 to 65536"), (70_000, 4, "beams is 70000, expected 1 to 65536"),
    (1, 0, "maxLength is 0, expected 1 to 24"), (1, 25, "maxLength is 25, expected 1 to 24"),
  ] {
    let error = #expect(throws: ModelError.self) {
      try PyramidionDecoding(model, memory: memory, beams: beams, maxLength: length)
    }
    #expect(error?.description == "PyramidionDecoding: \(message)")
  }
  let encoder = try pyramidion("encoder-lambda")
  let missing = #expect(throws: ModelError.self) {
    try PyramidionDecoding(
      encoder, memory: encoder.encode([[5, 2]]), beams: 1, maxLength: 1)
  }
  #expect(missing?.description.contains("no tensor \"decoder.embed_tokens.weight\"") == true)
  // The memory of another model.
  let other = #expect(throws: ModelError.self) {
    try PyramidionDecoding(
      model, memory: pyramidion("full-shared").encode([[5, 2]]), beams: 1, maxLength: 1)
  }
  #expect(other?.description.contains("expected [8, 16]") == true, "\(other?.description ?? "")")
}

@Test func inputsThatDoNotFitPyramidionAreRejected() throws {
  let model = try pyramidion("full-tied-decoder")
  let cases: [([Int], String)] = [
    ([], "input 1: no tokens, expected at least one"),
    ([4, 45], "input 1: ids[1] is 45, expected 0 to 44"),
    ([-1], "input 1: ids[0] is -1, expected 0 to 44"),
    (
      Array(repeating: 5, count: 33),
      "input 1: 33 tokens, expected at most 32 positions; "
        + "cut the text, or with PoNet allow more, and the position table repeats"
    ),
  ]
  for (ids, message) in cases {
    let error = #expect(throws: ModelError.self) { try model.encode([[5, 2], ids]) }
    #expect(error?.description == message)
  }
  let directory = fixturePath("pyramidion/full-tied-decoder")
  let short = try PyramidionModel(
    directory: directory, options: ModelOptions(maxPositions: 8))
  let error = #expect(throws: ModelError.self) { try short.encode([Array(repeating: 5, count: 9)]) }
  #expect(error?.description.contains("9 tokens, expected at most 8") == true)
  #expect(try short.encode([[5, 2]]).rows.elements == model.encode([[5, 2]]).rows.elements)
  for limit in [0, 33] {
    let error = #expect(throws: ModelError.self) {
      try PyramidionModel(directory: directory, options: ModelOptions(maxPositions: limit))
    }
    #expect(error?.description.contains("maxPositions is \(limit), expected 1 to 32") == true)
  }
  let memory = try model.encode([[5, 2]])
  for (targets, part) in [
    ([[2], [2]], "targets has shape [2], expected [1]"), ([[]], "input 0: no tokens"),
    ([[2, 99]], "targets[1] is 99, expected 0 to 44"),
    ([Array(repeating: 2, count: 25)], "25 tokens, expected at most 24"),
  ] {
    let error = #expect(throws: ModelError.self) { try model.logits(memory, targets: targets) }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }
}

// MARK: Configuration

@Test func widthTablesAreReadAndNeverEvaluated() {
  #expect(widthTable("{0: 2048, 1: 512}") == [0: 2048, 1: 512])
  #expect(widthTable("{0:64,2:8,}") == [0: 64, 2: 8])
  #expect(widthTable(" { 3 : 1 } ") == [3: 1])
  #expect(widthTable("{}") == [:])
  for text in [
    "", "{", "}", "{0}", "{0:}", "{:4}", "{0:0}", "{0:-4}", "{0:4 1:2}", "{0:4,,1:2}", "{,}",
    "{0:4}}", "{{0:4}", "[0:4]", "dict(a=1)", "{0:4.0}", "{0:1e3}", "{0:0x10}", "{0:4,0:2}",
    "{0:9999999}", "{0:99999999999999999999}", "{1024:4}", "{'0':4}", "{0:2*2}", "{0:４}",
    "__import__('os').getcwd()", "{0:1048577}", "{0:4};", "{0:4},",
  ] {
    #expect(widthTable(text) == nil, "\(text)")
  }
}

@Test func argumentsOfPyramidionAreChecked() throws {
  let integer = { (n: Int) in JSONValue.integer(n) }
  let cases: [(String, KeyValuePairs<String, JSONValue>, String)] = [
    ("full-shared", ["encoder_layers": integer(0)], "an integer from 1 to 1024"),
    ("full-shared", ["encoder_attention_heads": integer(5)], "a divisor of encoder_embed_dim 24"),
    ("full-shared", ["decoder_attention_heads": integer(7)], "a divisor of decoder_embed_dim 24"),
    ("full-shared", ["decoder_embed_dim": integer(12)], "encoder_embed_dim 24 to share"),
    ("full-tied-decoder", ["decoder_output_dim": integer(8)], "decoder_embed_dim 16 to share"),
    ("full-shared", ["activation_fn": .string("swish")], "\"relu\", \"gelu\", \"gelu_accurate\""),
    ("full-shared", ["encoder_pooling": .string("mean")], "\"topk\" or \"lambda\""),
    ("full-shared", ["encoder_pooling_arch": .string("ffn")], "expected \"linear\""),
    ("full-shared", ["encoder_pooling_arch": .string("cnn")], "expected \"linear\""),
    ("full-shared", ["use_sparse_attn": .string("window")], "\"pooler_no_block\""),
    ("full-shared", ["flip_right": integer(2)], "an integer from 0 to 1"),
    ("full-shared", ["sort_back": .string("1")], "an integer from 0 to 1"),
    ("full-shared", ["max_source_positions": integer(0)], "an integer from 1 to 1048576"),
    ("full-shared", ["max_source_positions": integer(1 << 20 + 1)], "from 1 to 1048576"),
    ("full-shared", ["max_target_positions": integer(0)], "an integer from 1 to 1048576"),
    ("full-shared", ["chunk_size": integer(0)], "an integer from 1 to 1048576"),
    ("full-shared", ["chunk_size": integer(24)], "a divisor of the 64 tokens before layer 0"),
    (
      "full-shared", ["enc_layers_and_token_width": .string("{0: 64, 1: 40, 2: 8}")],
      "a divisor of the 40 tokens before layer 2"
    ),
    ("full-shared", ["enc_layers_and_token_width": .string("{0: os}")], "a table such as"),
    ("full-shared", ["enc_layers_and_token_width": .string("{}")], "at least one layer"),
    (
      "full-shared", ["enc_layers_and_token_width": .string("{0: 65}")],
      "at most 64 tokens after layer 0, as many as before"
    ),
    (
      "full-shared", ["enc_layers_and_token_width": .string("{0: 16, 1: 32}")],
      "at most 16 tokens after layer 1"
    ),
    (
      "full-shared", ["enc_layers_and_token_width": .string("{3: 8}")],
      "layers below encoder_layers 3"
    ),
    ("full-shared", ["encoder_layers_to_keep": .string("0,2")], "pruned layers"),
    ("full-shared", ["cross_self_attention": .boolean(true)], "false: not supported"),
    ("full-shared", ["no_cross_attention": .boolean(true)], "false: not supported"),
    ("full-shared", ["adaptive_softmax_cutoff": .string("1000")], "null: not supported"),
    ("full-shared", ["base_layers": integer(1)], "0: not supported"),
    ("full-shared", ["share_all_embeddings": integer(1)], "true or false"),
    ("full-shared", ["encoder_ffn_embed_dim": integer(47)], "expected [47, 24]"),
    ("full-separate-prenorm", ["max_source_positions": integer(96)], "expected [98, 20]"),
  ]
  for (fixture, values, part) in cases {
    let folder = try withArguments(fixture, values)
    let error = #expect(throws: ModelError.self, "\(values)") {
      try PyramidionModel(directory: folder.path)
    }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }
  let root = try copy(
    "pyramidion/full-shared", replacing: ["chunk_remainder": .string("keep")])
  let error = #expect(throws: ModelError.self) { try PyramidionModel(directory: root.path) }
  #expect(error?.description.contains("\"reject\" or \"drop\"") == true)
}

@Test func aRemainderIsRejectedUnlessItMayBeDropped() throws {
  let folder = try copy(
    "pyramidion/quirk-chunk-remainder", replacing: ["chunk_remainder": .string("reject")])
  let error = #expect(throws: ModelError.self) { try PyramidionModel(directory: folder.path) }
  #expect(
    error?.description == "config.json, args: key \"chunk_size\" is 16, expected a divisor of the "
      + "40 tokens before layer 0")
  let c = try pyramidion("quirk-chunk-remainder").configuration
  #expect(c.stages.map(\.inputs) == [40, 40, 20])
  #expect(c.stages.map(\.kept) == [32, 32, 16])
  #expect(c.stages.map(\.outputs) == [40, 20, 20])
  #expect(c.stages.map(\.paddedLength) == [40, 40, 20])
  // What halving cannot reach.
  var other = c
  other.widths = [0: 40, 1: 15]
  #expect(other.stageProblem?.expected.contains("40 over a power of two after layer 1") == true)
}

@Test func otherWidthsThanPowersOfTwoArePooled() throws {
  let folder = try withArguments(
    "encoder-full-attention", ["enc_layers_and_token_width": .string("{0: 13, 1: 3}")])
  let model = try PyramidionModel(directory: folder.path)
  #expect(model.configuration.stages.map(\.outputs) == [13, 3])
  let memory = try model.encode(documents(model))
  #expect(memory.rows.rows == 3 * memory.sequences.count)
  #expect(!memory.rows.elements.contains { !$0.isFinite })
}

@Test func whatIsAbsentOrNoneHasTheArchitecturesValue() throws {
  let c = try PyramidionConfiguration(
    ConfigurationFile(
      bytes: Array(
        """
        {"args": {"arch": "pyramidion_base", "encoder_embed_dim": 64, "max_source_positions": null,
        "decoder_embed_dim": null, "encoder_normalize_before": true, "encoder_layers": 3,
        "topk_softmax_base": 5, "encoder_pooling": "topk", "sort_back": true,
        "enc_layers_and_token_width": "{0: 512}"}}
        """.utf8)))
  #expect(c.encoder.size == 64 && c.decoder.size == 64 && c.outputSize == 64)
  #expect(c.encoder.innerSize == 2048 && c.decoder.innerSize == 2048)
  #expect(c.encoder.layers == 3 && c.decoder.layers == 2 && c.decoder.heads == 8)
  #expect(c.encoder.normIsFirst && !c.decoder.normIsFirst)
  #expect(c.maxSourcePositions == 1024 && c.maxTargetPositions == 1024 && c.chunkSize == 512)
  #expect(c.flips && c.keepsOrder && c.scalesEmbedding && c.addsPositions && !c.normsEmbedding)
  #expect(c.activation == .relu)
  #expect(c.stages.map(\.outputs) == [512, 512, 512])
  #expect(c.notes == ["topk_softmax_base 5.0 has no effect, the base is 20"])
  // Without `encoder_pooling` nothing is pooled and the table is not looked at.
  let plain = try PyramidionConfiguration(
    ConfigurationFile(bytes: Array("{\"enc_layers_and_token_width\": 7}".utf8)))
  #expect(!plain.pools && plain.stages.allSatisfy { $0.chunk == 1024 && !$0.pools })
}

#if os(Linux)
  /// Filling up to N₀ takes memory for one document at a time.
  @Test func aBatchOfPyramidionTakesTheMemoryOfADocument() throws {
    let model = try pyramidion("full-shared")
    let documents = Array(repeating: [5, 6, 2], count: 4096)
    let before = ProcessUse.peakMemory
    let memory = try model.encode(documents)
    #expect(memory.rows.rows == 8 * 4096)
    #expect(ProcessUse.peakMemory - before < 64 << 20)
  }
#endif
