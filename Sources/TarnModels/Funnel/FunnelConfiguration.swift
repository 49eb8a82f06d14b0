// What config.json says of a Funnel model, and the published configurations by name.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

/// The sizes and switches of a Funnel model, range-checked; those of every encoder are at hand too.
///
/// Names are the published ones in Swift spelling; Docs: Funnel, section Configuration.
public struct FunnelConfiguration: ModelConfiguration {
  /// What Funnel shares with other encoders: `d_model` is its hidden size, `d_inner` its intermediate
  /// size.
  public var encoder = EncoderConfiguration()
  /// `n_head`: H.
  public var heads = 12
  /// `d_head`: e; H·e need not be d.
  public var headSize = 64
  /// `block_sizes`: the layers of each block.
  public var blockSizes = [4, 4, 4]
  /// `block_repeats`: how often each layer of a block is executed.
  public var blockRepeats = [1, 1, 1]
  /// `num_decoder_layers`.
  public var decoderLayers = 2
  /// `pooling_type`: how a window of hidden states becomes one.
  public var pooling = FunnelPooling.mean
  /// `separate_cls`: the first token is not pooled.
  public var separatesFirst = true
  /// `truncate_seq`: the last token is dropped before pooling, if the first is apart.
  public var truncates = true
  /// `pool_q_only`: pooled queries attend to the keys before pooling.
  public var poolsQueriesOnly = true
  /// `mask_pooling`, a key of this library: which pooled positions are visible.
  public var maskPooling = MaskPooling.all
  /// Whether what `architectures` names has a decoder; nil if it names nothing known.
  public var hasDecoder: Bool?

  /// The small size of the published checkpoints.
  public init() {
    encoder.activation = .geluTanh
    encoder.epsilon = 1e-9
    encoder.tokenTypes = 3
  }

  /// Reads and checks the values.
  ///
  /// - Throws: ``ModelError/checkpoint(_:)`` with the key, what was found and what was expected.
  init(_ file: ConfigurationFile) throws(ModelError) {
    self = try checkpoint { () throws(CheckpointError) in
      var c = FunnelConfiguration()
      c.encoder.hiddenSize = try file.integer("d_model", in: 1...65536, default: c.hiddenSize)
      c.encoder.intermediateSize = try file.integer(
        "d_inner", in: 1...1_048_576, default: c.intermediateSize)
      c.encoder = try EncoderConfiguration(file, defaults: c.encoder)
      c.encoder.tokenTypes = 3
      guard c.hiddenSize % 2 == 0 else {
        throw file.wrongValue("d_model", expected: "an even number: half sines, half cosines")
      }
      c.heads = try file.integer("n_head", in: 1...65536, default: c.heads)
      c.headSize = try file.integer("d_head", in: 1...65536 / c.heads, default: c.headSize)
      c.blockSizes = try file.integers("block_sizes", in: 1...1024, default: c.blockSizes)
      guard (1...FunnelConfiguration.mostBlocks).contains(c.blockSizes.count) else {
        throw file.wrongValue(
          "block_sizes", expected: "sizes of 1 to \(FunnelConfiguration.mostBlocks) blocks")
      }
      c.blockRepeats = Array(repeating: 1, count: c.blockSizes.count)
      if file.has("block_repeats") {
        c.blockRepeats = try file.integers("block_repeats", in: 1...1024)
        guard c.blockRepeats.count == c.blockSizes.count else {
          throw file.wrongValue(
            "block_repeats", expected: "a number for each of the \(c.blockSizes.count) blocks")
        }
      }
      c.encoder.layers = zip(c.blockSizes, c.blockRepeats).reduce(0) { $0 + $1.0 * $1.1 }
      c.decoderLayers = try file.integer("num_decoder_layers", in: 0...1024, default: 2)
      c.pooling = try file.oneOf("pooling_type", default: c.pooling)
      c.maskPooling = try file.oneOf("mask_pooling", default: c.maskPooling)
      // Two ways to compute one function.
      _ = try file.string(
        "attention_type", oneOf: ["relative_shift", "factorized"], default: "relative_shift")
      c.separatesFirst = try file.boolean("separate_cls", default: true)
      c.truncates = try file.boolean("truncate_seq", default: true)
      c.poolsQueriesOnly = try file.boolean("pool_q_only", default: true)
      let architectures = try file.strings("architectures", default: [])
      switch c.head {
      case .sequenceClassification, .multipleChoice: c.hasDecoder = false
      case nil where architectures.contains("FunnelBaseModel"): c.hasDecoder = false
      case nil where !architectures.contains("FunnelModel"): c.hasDecoder = nil
      default: c.hasDecoder = true
      }
      return c
    }
  }

  /// Most blocks: each halves the length.
  static let mostBlocks = 24

  /// How a batch is shortened between blocks.
  var stridedPooling: StridedPooling {
    StridedPooling(separatesFirst: separatesFirst, truncates: truncates)
  }

  /// Tokens for each row of the last block.
  var decoderStride: Int { 1 << (blockSizes.count - 1) }

  /// How many masked tokens behind the last that is kept results depend on, for a mask.
  ///
  /// The last pooled row that a kept token reads has 2^(B-1) tokens, and pooling must not cut it: with
  /// ``padding`` more no window that it comes from is partial or dropped. All, if no row of the last
  /// block is visible: it then sees what is masked.
  func padding(of mask: [Bool]) -> Int {
    func isVisible(_ window: Range<Int>) -> Bool {
      let rows = mask[window.clamped(to: mask.indices)]
      return maskPooling == .any
        ? rows.contains(true) : rows.count == window.count && !rows.contains(false)
    }
    let first = separatesFirst ? 1 : 0
    let windows = stride(from: first, to: mask.count, by: decoderStride).lazy.map {
      $0..<$0 + decoderStride
    }
    return isVisible(0..<first) && first > 0 || windows.contains(where: isVisible)
      ? padding : mask.count
  }

  /// Masked tokens behind the last that is kept that a visible row can depend on.
  var padding: Int { 3 * decoderStride / 2 - 1 }
}

/// `pooling_type` of Funnel.
public enum FunnelPooling: String, CaseIterable, Sendable {
  /// The mean over the window.
  case mean
  /// The largest value of each column.
  case max
}

/// Which pooled positions are visible to attention.
public enum MaskPooling: String, CaseIterable, Sendable {
  /// Those whose tokens are all real: the rule of transformers.
  case all
  /// Those with a real token: the rule of the authors' code.
  case any
}

extension ConfigurationFile {
  /// A value of an enumeration by its name.
  fileprivate func oneOf<Choice: RawRepresentable<String> & CaseIterable>(
    _ key: String, default standard: Choice
  ) throws(CheckpointError) -> Choice {
    let name = try string(
      key, oneOf: Choice.allCases.map { $0.rawValue }, default: standard.rawValue)
    return Choice(rawValue: name) ?? standard
  }
}

extension FunnelConfiguration {
  /// The published checkpoints: `small`, `medium`, `intermediate`, `large`, `xlarge`, each with
  /// decoder and, as `…-base`, without.
  public static let published: [(name: String, configuration: FunnelConfiguration)] =
    [
      ("small", 768, [4, 4, 4], [1, 1, 1]), ("medium", 768, [6, 3, 3], [1, 2, 2]),
      ("intermediate", 768, [6, 6, 6], [1, 1, 1]), ("large", 1024, [8, 8, 8], [1, 1, 1]),
      ("xlarge", 1024, [10, 10, 10], [1, 1, 1]),
    ].flatMap { name, d, sizes, repeats in
      [true, false].map { hasDecoder in
        var c = FunnelConfiguration()
        c.encoder.hiddenSize = d
        c.encoder.intermediateSize = 4 * d
        c.encoder.layers = zip(sizes, repeats).reduce(0) { $0 + $1.0 * $1.1 }
        c.heads = d / 64
        (c.blockSizes, c.blockRepeats, c.hasDecoder) = (sizes, repeats, hasDecoder)
        return (hasDecoder ? name : name + "-base", c)
      }
    }

  /// A published configuration.
  ///
  /// - Parameter name: one of the names of ``published``.
  /// - Throws: ``ModelError/operation(_:)`` for another name.
  public init(named name: String) throws(ModelError) {
    guard let found = FunnelConfiguration.published.first(where: { $0.name == name }) else {
      throw .operation(
        .invalidArgument(
          operation: "FunnelConfiguration", argument: "name", found: "\"\(name)\"",
          expected: FunnelConfiguration.published.map { $0.name }.joined(separator: " or ")))
    }
    self = found.configuration
  }

  /// Numbers that a checkpoint of this configuration holds, without heads.
  public var parameters: Int {
    let (d, f) = (encoder.hiddenSize, encoder.intermediateSize)
    let h = heads * headSize
    let projections = 3 * h * d + 2 * h + h * d + d
    let terms = h * d + 5 * h  // r_kernel; r_w, r_r, r_s, seg_embed
    let feedForward = 2 * d * f + f + d
    let layer = projections + terms + feedForward + 4 * d
    let layers = blockSizes.reduce(0, +) + (hasDecoder == true ? decoderLayers : 0)
    return encoder.vocabularySize * d + 2 * d + layers * layer
  }

  /// Multiply-adds that the hidden states of one text of n tokens need, position tables apart.
  ///
  /// An execution with m queries and n keys, h = H·e:
  ///
  ///     ours        2·(m + n)·d·h + 2·m·d·f + 3·m·n·h + 2·m·d·H
  ///     published   2·(m + n)·d·h + 2·m·d·f + 2·m·n·h + m·T·h + T·d·h + 2·m·h     T = s·m + n
  ///
  /// s is 2 for pooled queries, else 1. The published code multiplies queries with all T distances,
  /// of which each query needs n, and makes the vectors of the distances anew in each call.
  ///
  /// - Parameters:
  ///   - n: tokens of the text.
  ///   - published: whether to count what the published code does.
  /// - Returns: the count.
  package func multiplyAdds(tokens n: Int, published: Bool = false) -> Int {
    let (d, f, h) = (encoder.hiddenSize, encoder.intermediateSize, heads * headSize)
    func execution(_ m: Int, _ n: Int, step: Int = 1) -> Int {
      let products = 2 * (m + n) * d * h + 2 * m * d * f
      if !published { return products + 3 * m * n * h + 2 * m * d * heads }
      let distances = step * m + n
      return products + 2 * m * n * h + (m + d) * distances * h + 2 * m * h
    }
    var total = (hasDecoder == true ? decoderLayers : 0) * execution(n, n)
    var rows = n
    for (b, size) in blockSizes.enumerated() {
      let before = rows
      if b > 0 { rows = stridedPooling.rows(after: rows) }
      let executions = size * blockRepeats[b]
      let isPooled = b > 0 && poolsQueriesOnly
      total += isPooled ? execution(rows, before, step: 2) : 0
      total += (isPooled ? executions - 1 : executions) * execution(rows, rows)
    }
    return total
  }
}
