// What config.json says of an FNet model.

internal import Tarn
package import TarnCheckpoints
internal import TarnKernelInterface

/// The sizes of an FNet model, range-checked: those of every encoder, with FNet's defaults.
///
/// Names are the published ones in Swift spelling; Docs: FNet, section Configuration.
public struct FNetConfiguration: ModelConfiguration {
  /// What FNet shares with other encoders: all that matters.
  public var encoder = EncoderConfiguration()

  /// The base size of the published checkpoint.
  public init() {
    encoder.vocabularySize = 32000
    encoder.tokenTypes = 4
    encoder.activation = .geluTanh
  }

  /// Reads and checks the values.
  ///
  /// The keys of the TPU form (`use_tpu_fourier_optimizations`, `tpu_short_seq_length`) have no
  /// effect on the result and are ignored.
  ///
  /// - Throws: ``ModelError/checkpoint(_:)`` with the key, what was found and what was expected.
  package init(_ file: ConfigurationFile) throws(ModelError) {
    self = try checkpoint { () throws(CheckpointError) in
      var c = FNetConfiguration()
      c.encoder = try EncoderConfiguration(file, defaults: c.encoder)
      return c
    }
  }
}
