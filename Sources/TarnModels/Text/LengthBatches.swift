// Many sequences in batches that bound memory.

/// Sequences in batches of like length.
///
/// A result does not depend on its batch, so batches only bound memory. Nothing is padded; like
/// lengths share what a batch computes once for each length.
struct LengthBatches {
  /// Tokens of a batch, unless one sequence has more.
  static let tokens = 8192

  private let batches: [[Int]]

  /// Divides sequences by their lengths.
  init(_ lengths: [Int]) {
    // Longest first: memory is highest at once, and not after minutes.
    let order = lengths.indices.sorted { (-lengths[$0], $0) < (-lengths[$1], $1) }
    var batches: [[Int]] = []
    var count = 0
    for i in order {
      if batches.isEmpty || count + lengths[i] > LengthBatches.tokens {
        batches.append([])
        count = 0
      }
      batches[batches.count - 1].append(i)
      count += lengths[i]
    }
    self.batches = batches
  }

  /// The results of all sequences in their own order; `body` gives those of a batch.
  func map<Result>(
    _ body: ([Int]) throws(ModelError) -> [Result]
  ) throws(ModelError) -> [Result] {
    var results: [(Int, Result)] = []
    for batch in batches { results += zip(batch, try body(batch)) }
    return results.sorted { $0.0 < $1.0 }.map { $0.1 }
  }
}
