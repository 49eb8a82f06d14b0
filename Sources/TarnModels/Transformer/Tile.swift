// Scratch for one tile of tokens.

internal import Tarn

/// What a layer holds beside the hidden states and what its mixing needs.
struct Tile {
  /// Tokens of a tile.
  ///
  /// Results do not depend on it.
  static let rows = 512

  /// `[512 × d]`: sums before a layer norm.
  var sum: Matrix
  /// `[512 × d]`: the rows between mixing and feed-forward.
  var attended: Matrix
  /// `[512 × f]`: the feed-forward's inner rows.
  var inner: Matrix

  init(tokens: Int, size d: Int, inner f: Int) throws(TarnError) {
    let rows = min(tokens, Tile.rows)
    sum = try Matrix(rows: rows, columns: d)
    attended = try Matrix(rows: rows, columns: d)
    inner = try Matrix(rows: rows, columns: f)
  }

  /// The tiles of `count` tokens, in order.
  static func ranges(_ count: Int) -> [Range<Int>] { ranges(0..<count) }

  /// The tiles of some tokens, in order.
  static func ranges(_ tokens: Range<Int>) -> [Range<Int>] {
    stride(from: tokens.lowerBound, to: tokens.upperBound, by: rows)
      .map { $0..<min($0 + rows, tokens.upperBound) }
  }
}
