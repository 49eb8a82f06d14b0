// What config.json says of a BERT model.

internal import Tarn
package import TarnCheckpoints

/// The sizes and switches of a BERT model, range-checked; those of every encoder are at hand too.
///
/// Names are the published ones in Swift spelling; Docs: BERT, section Configuration.
public struct BERTConfiguration: ModelConfiguration {
  /// What BERT shares with other encoders.
  public var encoder = EncoderConfiguration()
  /// `num_attention_heads`: H, a divisor of d.
  public var heads = 12

  /// The base size of the published checkpoint.
  public init() {}

  /// Reads and checks the values.
  ///
  /// - Throws: ``ModelError/checkpoint(_:)`` with the key, what was found and what was expected, also
  ///   for a decoder and for positions that are not a table.
  package init(_ file: ConfigurationFile) throws(ModelError) {
    self = try checkpoint { () throws(CheckpointError) in
      var c = BERTConfiguration()
      c.encoder = try EncoderConfiguration(file)
      c.heads = try file.attentionHeads(dividing: c.hiddenSize, default: c.heads)
      _ = try file.string("position_embedding_type", oneOf: ["absolute"], default: "absolute")
      for key in ["is_decoder", "add_cross_attention"] {
        if try file.boolean(key, default: false) {
          throw file.wrongValue(key, expected: "false: only encoders are implemented")
        }
      }
      return c
    }
  }
}
