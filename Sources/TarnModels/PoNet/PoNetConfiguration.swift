// What config.json says of a PoNet model.

internal import Tarn
package import TarnCheckpoints

/// The sizes and switches of a PoNet model, range-checked; those of every encoder are at hand too.
///
/// Names are the published ones in Swift spelling; Docs: PoNet, section Configuration.
public struct PoNetConfiguration: ModelConfiguration {
  /// What PoNet shares with other encoders.
  public var encoder = EncoderConfiguration()
  /// `num_attention_heads`: H, a divisor of d.
  public var heads = 12
  /// `position_embedding_type` is `absolute`; with any other value no position term is added.
  public var addsPositions = true
  /// `clsgsepg`: special tokens take their global value only.
  public var excludesSpecial = true

  /// The base size of the published checkpoint.
  public init() {}

  /// Reads and checks the values.
  ///
  /// - Throws: ``ModelError/checkpoint(_:)`` with the key, what was found and what was expected.
  package init(_ file: ConfigurationFile) throws(ModelError) {
    self = try checkpoint { () throws(CheckpointError) in
      var c = PoNetConfiguration()
      c.encoder = try EncoderConfiguration(file)
      c.heads = try file.attentionHeads(dividing: c.hiddenSize, default: c.heads)
      c.addsPositions =
        try file.string("position_embedding_type", default: "absolute") == "absolute"
      c.excludesSpecial = try file.boolean("clsgsepg", default: true)
      return c
    }
  }
}
