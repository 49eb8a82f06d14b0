// Beam search as fairseq does it.

public import Tarn
internal import TarnKernelInterface
internal import TarnText

/// A text that a search has found.
public struct Hypothesis: Hashable, Sendable {
  /// Its tokens, the end symbol 2 included.
  public var tokens: [Int]
  /// The sum of the logarithms of their probabilities, divided by a power of their number.
  public var score: Float
  /// The logarithm of each token's probability, penalties included.
  public var tokenScores: [Float]
}

/// The search for one document: prefixes, and the texts that are finished.
///
///     at step t:  lp = log-softmax of the logits, lp[1] = -∞, lp[3] -= unkPenalty
///                 t = longest: only 2 is left;  t < minLength: lp[2] = -∞
///                 candidates: the best 2·beam of lp[row, token] + score[row]
///                 those with token 2 among the first `beam` are finished: score / (t + 1)^α
///                 the first `beam` with another token are the next rows
///
/// Ends when `beam` texts are finished or after step `longest`. Of equal candidates the one with the
/// lower row comes first, then the lower token.
struct BeamSearch {
  private let options: SearchOptions
  private let longest: Int
  private var step = 0
  /// For each row its tokens, and its score after each of them.
  private var tokens: [[Int]] = [[]]
  private var scores: [[Float]] = [[]]
  private var hypotheses: [Hypothesis] = []

  /// - Parameters:
  ///   - options: that have been checked.
  ///   - longest: tokens before the end symbol.
  init(_ options: SearchOptions, longest: Int) {
    self.options = options
    self.longest = longest
  }

  /// The rows that the decoder has for this document.
  var rows: Int { tokens.count }

  /// What has been found, best first; of equals what was found first.
  var found: [Hypothesis] {
    hypotheses.enumerated().sorted {
      $0.element.score != $1.element.score
        ? $0.element.score > $1.element.score : $0.offset < $1.offset
    }.map { $0.element }
  }

  /// A row that may be continued by a token.
  private struct Candidate {
    var score: Float
    var row: Int
    var token: Int
  }

  /// Takes a step.
  ///
  /// - Parameter logProbabilities: `[rows × vocabulary]`.
  /// - Returns: the rows to be continued and by which tokens; empty at the end.
  mutating func advance(_ logProbabilities: Matrix) -> [(parent: Int, token: Int)] {
    let best = candidates(logProbabilities)
    for candidate in best.prefix(options.beam)
    where candidate.token == Int(FairseqDictionary.eosID) && hypotheses.count < options.beam {
      finish(candidate)
    }
    let next =
      hypotheses.count == options.beam || step == longest
      ? []
      : best.filter { $0.token != Int(FairseqDictionary.eosID) }.prefix(options.beam)
    tokens = next.map { tokens[$0.row] + [$0.token] }
    scores = next.map { scores[$0.row] + [$0.score] }
    step += 1
    return next.map { ($0.row, $0.token) }
  }

  private mutating func finish(_ candidate: Candidate) {
    let sums = scores[candidate.row] + [candidate.score]
    let divisor = options.normalizesScores ? power(step + 1, options.lengthPenalty) : 1
    hypotheses.append(
      Hypothesis(
        tokens: tokens[candidate.row] + [candidate.token],
        score: candidate.score / Float(divisor),
        tokenScores: sums.indices.map { $0 == 0 ? sums[0] : sums[$0] - sums[$0 - 1] }))
  }

  // MARK: Candidates

  /// The best 2·beam continuations above -∞, best first.
  ///
  /// One pass over all scores. The best so far are kept in order, and most scores only meet the last
  /// of them.
  private func candidates(_ logProbabilities: Matrix) -> [Candidate] {
    let count = 2 * options.beam
    var best: [Candidate] = []
    best.reserveCapacity(count + 1)
    /// What a score must exceed. NaN exceeds nothing and so counts as -∞.
    var threshold = -Float.infinity
    func insert(_ score: Float, _ row: Int, _ token: Int) {
      let place = best.lastIndex { $0.score >= score }.map { $0 + 1 } ?? 0
      best.insert(Candidate(score: score, row: row, token: token), at: place)
      if best.count > count { best.removeLast() }
      if best.count == count { threshold = best[count - 1].score }
    }
    let (pad, eos, unk) = (
      Int(FairseqDictionary.padID), Int(FairseqDictionary.eosID), Int(FairseqDictionary.unkID)
    )
    logProbabilities.withView { view in
      for row in 0..<view.rows {
        let sum = scores[row].last ?? 0
        // SAFETY: the row has as many elements as the view has columns.
        let values = unsafe UnsafeBufferPointer(start: view.row(row), count: view.columns)
        for token in 0..<min(unk + 1, values.count) where token != pad {
          guard token == eos ? step >= options.minLength || step == longest : step < longest else {
            continue
          }
          let value = unsafe values[token]
          let score = (token == unk ? value - options.unkPenalty : value) + sum
          if score > threshold { insert(score, row, token) }
        }
        guard step < longest else { continue }
        for token in min(unk + 1, values.count)..<values.count {
          let score = unsafe values[token] + sum
          if score > threshold { insert(score, row, token) }
        }
      }
    }
    return best
  }
}

/// Searches texts for documents, all of them at once.
///
/// The text of a document does not depend on those beside it. Documents that are finished take no
/// further part.
///
/// - Parameters:
///   - decoder: has one empty row for each document.
///   - sources: the tokens of each document, for `maxLengthPerSourceToken`.
///   - vocabulary: the columns of the decoder's logits.
///   - positions: tokens that the decoder can be fed in a row.
///   - options: parameters.
///   - execution: kernels and threads.
///   - progress: is told after each step how many steps have been taken.
/// - Returns: for each document what was found, best first: `options.beam` texts, or fewer where the
///   longest length ends the search; none where all logits are NaN.
/// - Throws: ``ModelError/operation(_:)`` for parameters that contradict each other or the decoder,
///   before anything is decoded; what the decoder throws.
/// - Complexity: each step reads the logits of its rows twice, beside the decoder.
public func beamSearch(
  _ decoder: inout some NextTokenDecoder, sources: [Int], vocabulary: Int, positions: Int,
  options: SearchOptions, on execution: Execution, progress: (Int) -> Void = { _ in }
) throws(ModelError) -> [[Hypothesis]] {
  try options.check(vocabulary: vocabulary)
  var searches: [BeamSearch] = []
  for source in sources {
    searches.append(
      BeamSearch(options, longest: try options.longest(source: source, positions: positions)))
  }
  var active = Array(searches.indices)
  var tokens = active.map { _ in Int(FairseqDictionary.eosID) }
  var parents = active
  var steps = 0
  while !active.isEmpty {
    let logits = try decoder.step(tokens, parents: parents)
    let logProbabilities = try operation { () throws(TarnError) in
      var result = try Matrix(rows: logits.rows, columns: logits.columns)
      try logSoftmax(logits, scale: 1 / options.temperature, into: &result, on: execution)
      return result
    }
    tokens.removeAll(keepingCapacity: true)
    parents.removeAll(keepingCapacity: true)
    var (first, unfinished) = (0, [Int]())
    for document in active {
      let rows = first..<first + searches[document].rows
      first = rows.upperBound
      let next = searches[document].advance(logProbabilities.rows(rows))
      if !next.isEmpty { unfinished.append(document) }
      for (parent, token) in next {
        parents.append(rows.lowerBound + parent)
        tokens.append(token)
      }
    }
    active = unfinished
    steps += 1
    progress(steps)
  }
  return searches.map { $0.found }
}
