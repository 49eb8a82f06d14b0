// What a fairseq checkpoint's arguments say of a Pyramidion model.

package import TarnCheckpoints
public import TarnKernelInterface

/// The sizes and switches of a Pyramidion model, range-checked.
///
/// They come from the flat namespace of a fairseq checkpoint: `args`, or `model` of `cfg`, in the
/// weights themselves, or `args` of config.json. Docs: Pyramidion, section Configuration.
public struct PyramidionConfiguration: Sendable, Equatable {
  /// The sizes of the encoder or of the decoder.
  public struct Side: Sendable, Equatable {
    /// `…_embed_dim`: d or D, the columns of its rows.
    public var size = 512
    /// `…_ffn_embed_dim`: f or F.
    public var innerSize = 2048
    /// `…_layers`.
    public var layers = 2
    /// `…_attention_heads`, a divisor of the size.
    public var heads = 8
    /// `…_normalize_before`: norms stand before sublayers.
    public var normIsFirst = false
    /// `…_learned_pos`: positions are a table of the checkpoint, not sines and cosines.
    public var learnsPositions = false
  }

  /// One layer of the encoder, and what follows it.
  public struct Stage: Sendable, Equatable {
    /// Rows that come in.
    public var inputs: Int
    /// Rows of a chunk, which attend to one another.
    public var chunk: Int
    /// Rows that the chunks hold: all, or without the remainder.
    public var kept: Int
    /// Rows that go out; fewer if the layer pools.
    public var outputs: Int
    /// Whether rows are pooled.
    public var pools: Bool
    /// Rows that pooling fills up to with zeros of the lowest score; nil: the least that it can.
    public var paddedLength: Int?
  }

  /// `encoder_…`.
  public var encoder = Side()
  /// `decoder_…`.
  public var decoder = Side()
  /// `decoder_output_dim`: columns of what the output matrix multiplies.
  public var outputSize = 512
  /// `activation_fn`; nil for `linear`.
  public var activation: ElementwiseFunction? = .relu
  /// `share_all_embeddings`: encoder, decoder and output have one table.
  public var sharesAllEmbeddings = false
  /// `share_decoder_input_output_embed`: decoder and output have one table.
  public var sharesDecoderEmbeddings = false
  /// Not `no_scale_embedding`: embeddings are multiplied by √d.
  public var scalesEmbedding = true
  /// `layernorm_embedding`.
  public var normsEmbedding = false
  /// Not `no_token_positional_embeddings`.
  public var addsPositions = true
  /// `max_source_positions`: N₀, to which each document is filled up.
  public var maxSourcePositions = 1024
  /// `max_target_positions`.
  public var maxTargetPositions = 1024
  /// `encoder_pooling` is `topk`; if not, attention is full and nothing is pooled.
  public var pools = false
  /// `use_sparse_attn` is not `pooler_no_block`: attention stays within chunks.
  public var attendsInChunks = true
  /// `chunk_size`.
  public var chunkSize = 512
  /// `enc_layers_and_token_width`: rows after a layer, by its number.
  public var widths = [0: 2048, 1: 512]
  /// `flip_right`: the best meets the worst.
  public var flips = true
  /// `sort_back`: pooled rows keep the order of their better members.
  public var keepsOrder = false
  /// `chunk_remainder`, a key of this library, is `drop`: what does not fill a chunk is dropped, as
  /// the published code does.
  public var dropsRemainder = false
  /// `padding_chunks`, a key of this library, is `once`: chunks of padding alone are computed once.
  public var skipsPadding = true
  /// `generation` beside `args`: searches that a run with raw tensors makes.
  var searches: [NamedSearch] = []
  /// What the file asks for and the published code, like this one, does not do.
  public private(set) var notes: [String] = []

  /// The defaults of the architecture `pyramidion_base`.
  public init() {}

  /// Most rows of an encoder input; positions are computed exactly as far.
  static let mostPositions = 1 << 20

  /// Names of activations; `gelu_fast` is an old name of `gelu_accurate`.
  private static let activations: KeyValuePairs<String, ElementwiseFunction?> = [
    "relu": .relu, "gelu": .gelu, "gelu_accurate": .geluTanh, "gelu_fast": .geluTanh,
    "tanh": .tanh, "linear": .none,
  ]

  /// Reads and checks the values.
  ///
  /// - Throws: ``ModelError/checkpoint(_:)`` with the key, what was found and what was expected.
  package init(_ file: ConfigurationFile) throws(ModelError) {
    self = try checkpoint { () throws(CheckpointError) in
      var c = PyramidionConfiguration()
      let args = try file.section("args") ?? file
      try c.readSizes(args)
      try c.readPooling(args)
      try PyramidionConfiguration.refuse(args)
      c.dropsRemainder =
        try file.string("chunk_remainder", oneOf: ["reject", "drop"], default: "reject") == "drop"
      c.skipsPadding =
        try file.string("padding_chunks", oneOf: ["once", "all"], default: "once") == "once"
      for search in try file.sections("generation") { c.searches.append(try NamedSearch(search)) }
      if let problem = c.stageProblem {
        throw args.wrongValue(problem.key, expected: problem.expected)
      }
      return c
    }
  }

  private mutating func readSizes(_ args: ConfigurationFile) throws(CheckpointError) {
    encoder = try args.side("encoder", default: encoder)
    var standard = encoder
    (standard.layers, standard.heads) = (2, 8)
    (standard.normIsFirst, standard.learnsPositions) = (false, false)
    decoder = try args.side("decoder", default: standard)
    outputSize = try args.optionalInteger(
      "decoder_output_dim", in: 1...65536, default: decoder.size)
    let known = PyramidionConfiguration.activations
    let name = try args.string("activation_fn", oneOf: known.map { $0.key }, default: "relu")
    activation = known.first { $0.key == name }?.value
    sharesAllEmbeddings = try args.boolean("share_all_embeddings", default: false)
    sharesDecoderEmbeddings =
      try args.boolean("share_decoder_input_output_embed", default: false) || sharesAllEmbeddings
    scalesEmbedding = try !args.boolean("no_scale_embedding", default: false)
    normsEmbedding = try args.boolean("layernorm_embedding", default: false)
    addsPositions = try !args.boolean("no_token_positional_embeddings", default: false)
    let most = PyramidionConfiguration.mostPositions
    maxSourcePositions = try args.optionalInteger(
      "max_source_positions", in: 1...most, default: 1024)
    maxTargetPositions = try args.optionalInteger(
      "max_target_positions", in: 1...most, default: 1024)
    for (key, side) in [("encoder_embed_dim", encoder), ("decoder_embed_dim", decoder)]
    where addsPositions && !side.learnsPositions && side.size < 4 {
      throw args.wrongValue(key, expected: "at least 4 for sinusoidal positions")
    }
    if sharesAllEmbeddings, encoder.size != decoder.size {
      throw args.wrongValue(
        "decoder_embed_dim", expected: "encoder_embed_dim \(encoder.size) to share embeddings")
    }
    if sharesDecoderEmbeddings, outputSize != decoder.size {
      throw args.wrongValue(
        "decoder_output_dim", expected: "decoder_embed_dim \(decoder.size) to share embeddings")
    }
  }

  private mutating func readPooling(_ args: ConfigurationFile) throws(CheckpointError) {
    pools =
      try args.string("encoder_pooling", oneOf: ["topk", "lambda"], default: "lambda")
      == "topk"
    chunkSize = try args.integer(
      "chunk_size", in: 1...PyramidionConfiguration.mostPositions, default: chunkSize)
    flips = try args.flag("flip_right", default: flips)
    keepsOrder = try args.flag("sort_back", default: keepsOrder)
    guard pools else { return }
    _ = try args.string("encoder_pooling_arch", oneOf: ["linear"], default: "linear")
    attendsInChunks =
      try args.string(
        "use_sparse_attn", oneOf: ["pooler", "only_blockwise", "pooler_no_block"],
        default: "pooler") != "pooler_no_block"
    let key = "enc_layers_and_token_width"
    let text = try args.string(key, default: "{0: 2048, 1: 512}")
    guard let table = widthTable(text) else {
      throw args.wrongValue(key, expected: "a table such as {0: 2048, 1: 512}")
    }
    widths = table
    if args.has("topk_softmax_base") {
      let base = try args.number("topk_softmax_base", in: -1e30...1e30)
      if base != 20 { notes.append("topk_softmax_base \(base) has no effect, the base is 20") }
    }
    for key in ["global_positions", "no_decoder_positional_embeddings"]
    where args[key]?.boolean == true || (args[key]?.double ?? 0) != 0 {
      notes.append("\(key) has no effect")
    }
  }

  /// What would make another model.
  private static func refuse(_ args: ConfigurationFile) throws(CheckpointError) {
    for key in ["encoder_layers_to_keep", "decoder_layers_to_keep"] where args.has(key) {
      throw args.wrongValue(key, expected: "null: pruned layers are not supported")
    }
    for key in ["cross_self_attention", "no_cross_attention", "adaptive_input"]
    where args.has(key) {
      guard try !args.flag(key, default: false) else {
        throw args.wrongValue(key, expected: "false: not supported")
      }
    }
    if args.has("adaptive_softmax_cutoff") {
      throw args.wrongValue("adaptive_softmax_cutoff", expected: "null: not supported")
    }
    if try args.optionalInteger("base_layers", in: 0...1024, default: 0) > 0 {
      throw args.wrongValue("base_layers", expected: "0: not supported")
    }
  }

  /// The layers of the encoder with their numbers of rows.
  ///
  /// - Precondition: widths and chunks fit, as they do where they were read from a file.
  public var stages: [Stage] { stages(orProblem: nil) }

  /// What is wrong with widths and chunks.
  var stageProblem: (key: String, expected: String)? {
    var problem: (key: String, expected: String)?
    _ = stages { if problem == nil { problem = ($0, $1) } }
    return problem
  }

  private func stages(
    orProblem report: ((_ key: String, _ expected: String) -> Void)?
  ) -> [Stage] {
    let key = "enc_layers_and_token_width"
    var stages: [Stage] = []
    // Rows that there are, and as many as the table says, which is more behind a dropped remainder.
    var rows = maxSourcePositions
    var listed = rows
    guard pools else {
      return Array(
        repeating: Stage(
          inputs: rows, chunk: rows, kept: rows, outputs: rows, pools: false, paddedLength: nil),
        count: encoder.layers)
    }
    if widths.isEmpty { report?(key, "at least one layer") }
    if let layer = widths.keys.max(), layer >= encoder.layers {
      report?(key, "layers below encoder_layers \(encoder.layers)")
    }
    for i in 0..<encoder.layers {
      let width = widths[i] ?? listed
      if width > listed {
        report?(key, "at most \(listed) tokens after layer \(i), as many as before")
      }
      let chunk = attendsInChunks ? min(rows, chunkSize) : rows
      let kept = rows / chunk * chunk
      if kept != rows, !dropsRemainder {
        report?("chunk_size", "a divisor of the \(rows) tokens before layer \(i)")
      }
      // Zeros stand for what was dropped, if halving can take them.
      let pools = width != kept
      let padded = kept == listed ? nil : listed
      if pools, let padded, !(padded % width == 0 && (padded / width).nonzeroBitCount == 1) {
        report?(key, "\(padded) over a power of two after layer \(i), where a remainder is dropped")
      }
      stages.append(
        Stage(
          inputs: rows, chunk: chunk, kept: kept, outputs: pools ? width : kept, pools: pools,
          paddedLength: pools ? padded : nil))
      rows = pools ? width : kept
      listed = width
    }
    return stages
  }
}

/// The entries of a Python dictionary of natural numbers, `{0: 2048, 1: 512}`, nothing else.
///
/// - Parameter text: the dictionary as Python writes it.
/// - Returns: the entries; nil for another text, a number beyond 2²⁰ or 0 after a layer, or a layer
///   twice.
func widthTable(_ text: String) -> [Int: Int]? {
  var rest = Array(text.utf8.filter { $0 != UInt8(ascii: " ") })[...]
  func number(in range: ClosedRange<Int>) -> Int? {
    let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    rest = rest.dropFirst(digits.count)
    guard (1...7).contains(digits.count) else { return nil }
    let value = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    return range.contains(value) ? value : nil
  }
  guard rest.popFirst() == UInt8(ascii: "{"), rest.popLast() == UInt8(ascii: "}") else {
    return nil
  }
  var table: [Int: Int] = [:]
  while !rest.isEmpty {
    guard let layer = number(in: 0...1023), rest.popFirst() == UInt8(ascii: ":"),
      let width = number(in: 1...PyramidionConfiguration.mostPositions),
      table.updateValue(width, forKey: layer) == nil
    else { return nil }
    if rest.isEmpty { break }
    // A comma may also stand after the last entry.
    guard rest.popFirst() == UInt8(ascii: ",") else { return nil }
  }
  return table
}

extension ConfigurationFile {
  /// An integer that Python's None leaves to the default.
  fileprivate func optionalInteger(
    _ key: String, in range: ClosedRange<Int>, default standard: Int
  ) throws(CheckpointError) -> Int {
    has(key) ? try integer(key, in: range) : standard
  }

  /// A truth value that may be written as 0 or 1.
  fileprivate func flag(_ key: String, default standard: Bool) throws(CheckpointError) -> Bool {
    if let value = self[key]?.boolean { return value }
    return try integer(key, in: 0...1, default: standard ? 1 : 0) == 1
  }

  /// The sizes of one side.
  fileprivate func side(
    _ name: String, default standard: PyramidionConfiguration.Side
  ) throws(CheckpointError) -> PyramidionConfiguration.Side {
    var side = standard
    side.size = try optionalInteger("\(name)_embed_dim", in: 1...65536, default: side.size)
    side.innerSize = try optionalInteger(
      "\(name)_ffn_embed_dim", in: 1...1_048_576, default: side.innerSize)
    side.layers = try integer("\(name)_layers", in: 1...1024, default: side.layers)
    let heads = "\(name)_attention_heads"
    side.heads = try integer(heads, in: 1...65536, default: side.heads)
    guard side.size % side.heads == 0 else {
      throw wrongValue(heads, expected: "a divisor of \(name)_embed_dim \(side.size)")
    }
    side.normIsFirst = try boolean("\(name)_normalize_before", default: side.normIsFirst)
    side.learnsPositions = try boolean("\(name)_learned_pos", default: side.learnsPositions)
    return side
  }
}
