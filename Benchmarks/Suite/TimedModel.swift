// A model and the texts that it is timed with.

import Tarn
import TarnModels

/// A model on so many threads, ready to be timed.
struct TimedModel {
  let name: String
  let kind: EncoderKind
  let layers: Int
  let execution: Execution
  /// Operations that a text of so many tokens needs.
  let operations: (_ tokens: Int) -> Double
  /// The hidden states of so many texts of so many tokens, to be computed when it is called.
  let hiddenStates: (_ batch: Int, _ tokens: Int) -> () throws -> Void

  /// A model; `heads` are those of its attention, if it has any.
  ///
  /// `operations` says what a text needs, if kind, sizes and heads do not.
  init<Model: EncoderModel>(
    _ model: Model, _ kind: EncoderKind, _ c: EncoderConfiguration, name: String, heads: Int = 0,
    operations: ((Int) -> Double)? = nil
  ) where Model.Input: TimedInput {
    self.name = name
    self.kind = kind
    layers = c.layers
    execution = model.execution
    self.operations = operations ?? { kind.operations(c, heads: heads, tokens: $0) }
    hiddenStates = { batch, n in
      let inputs = (0..<batch).map { Model.Input(row: $0, tokens: n, vocabulary: c.vocabularySize) }
      return { _ = try model.hiddenStates(inputs) }
    }
  }

  /// A checkpoint directory; the last part of its path becomes the name.
  init(directory: String, threads: Int, _ settings: BenchmarkSettings) throws {
    let options = ModelOptions(
      instructionSet: settings.modelInstructionSet, threads: threads)
    let parts = directory.split(separator: "/")
    let name = parts.last { $0 != "." }.map(String.init) ?? directory
    switch try LoadedModel(directory: directory, options: options) {
    case .bert(let model):
      let c = model.configuration
      self.init(model, .bert, c.encoder, name: name, heads: c.heads)
    case .fNet(let model):
      self.init(model, .fNet, model.configuration.encoder, name: name)
    case .funnel(let model):
      let c = model.configuration
      self.init(
        model, .funnel, c.encoder, name: name,
        operations: { 2 * Double(c.multiplyAdds(tokens: $0)) })
    case .poNet(let model):
      let c = model.configuration
      self.init(model, .poNet, c.encoder, name: name, heads: c.heads)
    default:
      throw BenchmarkError.failed("\(directory): no BERT, FNet, Funnel or PoNet")
    }
  }
}

/// An input that can be made up.
protocol TimedInput: EncoderInput {
  /// Row `row` of a batch, as compare_models.py makes it: CLS, words, SEP.
  init(row: Int, tokens n: Int, vocabulary: Int)
}

/// `1000 + (row·n + i)·7919 mod 20000` at position i, within the vocabulary; 101 first, 102 last.
private func tokenNumbers(row: Int, tokens n: Int, vocabulary: Int) -> [Int] {
  var ids = (0..<n).map { (1000 + (row * n + $0) * 7919 % 20000) % vocabulary }
  ids[0] = 101 % vocabulary
  ids[n - 1] = 102 % vocabulary
  return ids
}

extension TokenInput: TimedInput {
  init(row: Int, tokens n: Int, vocabulary: Int) {
    self.init(ids: tokenNumbers(row: row, tokens: n, vocabulary: vocabulary))
  }
}

extension PoNetInput: TimedInput {
  /// Tokens of a segment.
  static let segmentLength = 25

  init(row: Int, tokens n: Int, vocabulary: Int) {
    var segments = (0..<n).map { 1 + $0 / PoNetInput.segmentLength }
    segments[0] = 0
    segments[n - 1] = 2 + (n - 1) / PoNetInput.segmentLength
    self.init(
      ids: tokenNumbers(row: row, tokens: n, vocabulary: vocabulary), segments: segments)
  }
}
