/// What a SentencePiece model may ask for before it is refused; no published one comes near.
///
///     var limits = SentencePieceLimits()
///     limits.pieces = 65_536
///     let tokenizer = try SentencePieceTokenizer(path: "spm.model", limits: limits)
///
/// A file that asks for more gives an error that holds the limit. Negative limits are like 0.
public struct SentencePieceLimits: Hashable, Sendable {
  /// Longest file, in bytes; more than 2²⁴ − 1 has no effect.
  public var fileBytes = 8 << 20
  /// Most pieces.
  public var pieces = 1 << 20
  /// Longest piece, in bytes: segmenting takes at most so many steps for each byte of a text.
  public var pieceBytes = 512
  /// Longest text that a rule of normalisation replaces, in bytes: likewise.
  public var ruleBytes = 64
  /// Longest text that it is replaced by, in bytes: a text grows by at most this factor.
  public var replacementBytes = 256

  /// The defaults.
  public init() {}
}
