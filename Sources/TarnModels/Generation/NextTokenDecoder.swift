// What a search asks of a decoder.

public import Tarn

/// A decoder that is fed token by token, for many prefixes at once.
///
/// Rows are prefixes. A step names for each new row the row of the step before that it continues;
/// several may continue one, and one that none continues is gone. Before the first step there is one
/// empty row for each document.
public protocol NextTokenDecoder {
  /// Feeds one token to each row.
  ///
  /// - Parameters:
  ///   - tokens: the token that each new row ends with.
  ///   - parents: for each new row the number of the row it continues. Rows of a document stand
  ///     together, in the order of documents.
  /// - Returns: the logits of what follows, `[rows × vocabulary]`.
  /// - Throws: ``ModelError``.
  mutating func step(_ tokens: [Int], parents: [Int]) throws(ModelError) -> Matrix
}
