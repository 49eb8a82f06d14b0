// What config.json says of a PoNet model.

internal import Tarn
internal import TarnCheckpoints
public import TarnKernelInterface

/// The sizes and switches of a PoNet model, range-checked.
///
/// Names are the published ones in Swift spelling; Docs: PoNet, section Configuration.
public struct PoNetConfiguration: Sendable, Equatable {
  /// `hidden_size`: d.
  public var hiddenSize = 768
  /// `num_hidden_layers`: L.
  public var layers = 12
  /// `num_attention_heads`: H, a divisor of d.
  public var heads = 12
  /// `intermediate_size`: f.
  public var intermediateSize = 3072
  /// `hidden_act`.
  public var activation = ElementwiseFunction.gelu
  /// `layer_norm_eps`: ε.
  public var epsilon: Float = 1e-12
  /// `vocab_size`.
  public var vocabularySize = 30522
  /// `type_vocab_size`.
  public var tokenTypes = 2
  /// `max_position_embeddings`: rows of the position table.
  public var positions = 512
  /// `position_embedding_type` is `absolute`; with any other value no position term is added.
  public var addsPositions = true
  /// `clsgsepg`: special tokens take their global value only.
  public var excludesSpecial = true
  /// `id2label`, in order.
  public var labels: [String] = ["LABEL_0", "LABEL_1"]

  /// The base size of the published checkpoint.
  public init() {}

  /// Reads and checks the values.
  ///
  /// - Throws: ``ModelError/checkpoint(_:)`` with the key, what was found and what was expected.
  init(_ file: ConfigurationFile) throws(ModelError) {
    self = try checkpoint { () throws(CheckpointError) in
      var c = PoNetConfiguration()
      c.hiddenSize = try file.integer("hidden_size", in: 1...65536, default: c.hiddenSize)
      c.layers = try file.integer("num_hidden_layers", in: 1...1024, default: c.layers)
      c.heads = try file.integer("num_attention_heads", in: 1...c.hiddenSize, default: c.heads)
      if c.hiddenSize % c.heads != 0 {
        throw file.wrongValue(
          "num_attention_heads", expected: "a divisor of hidden_size \(c.hiddenSize)")
      }
      c.intermediateSize = try file.integer(
        "intermediate_size", in: 1...1_048_576, default: c.intermediateSize)
      c.epsilon = Float(try file.number("layer_norm_eps", in: 0...1, default: 1e-12))
      c.vocabularySize = try file.integer(
        "vocab_size", in: 1...16_777_216, default: c.vocabularySize)
      c.tokenTypes = try file.integer("type_vocab_size", in: 1...65536, default: c.tokenTypes)
      c.positions = try file.integer(
        "max_position_embeddings", in: 1...16_777_216, default: c.positions)
      c.addsPositions =
        try file.string("position_embedding_type", default: "absolute") == "absolute"
      c.excludesSpecial = try file.boolean("clsgsepg", default: true)
      c.labels = try file.labels(default: c.labels)
      let name = try file.string("hidden_act", default: "gelu")
      let known: [String: ElementwiseFunction] = [
        "gelu": .gelu, "gelu_new": .geluTanh, "relu": .relu, "silu": .silu, "swish": .silu,
      ]
      guard let activation = known[name] else {
        throw file.wrongValue("hidden_act", expected: known.keys.sorted().joined(separator: ", "))
      }
      c.activation = activation
      return c
    }
  }
}
