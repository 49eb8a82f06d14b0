// What config.json says of every encoder.

internal import TarnCheckpoints
public import TarnKernelInterface

/// The sizes and switches that BERT, FNet and PoNet share, range-checked.
///
/// Names are the published ones in Swift spelling; defaults are those of BERT-base.
public struct EncoderConfiguration: Sendable, Equatable {
  /// `hidden_size`: d.
  public var hiddenSize = 768
  /// `num_hidden_layers`: L.
  public var layers = 12
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
  /// `id2label`, in order.
  public var labels: [String] = ["LABEL_0", "LABEL_1"]
  /// What `architectures` says that the weights were saved for; nil if it says nothing known.
  public var head: HeadKind?
  /// `problem_type`: how logits of a sequence classifier become scores.
  public var problem: ProblemType?

  /// The base size of BERT.
  public init() {}

  /// Names of activations in published files.
  static let activations: KeyValuePairs<String, ElementwiseFunction> = [
    "gelu": .gelu, "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh, "gelu_fast": .geluTanh,
    "gelu_accurate": .geluTanh, "relu": .relu, "silu": .silu, "swish": .silu, "tanh": .tanh,
  ]

  /// Reads and checks the values; what is missing is as in `defaults`.
  init(
    _ file: ConfigurationFile, defaults: EncoderConfiguration = EncoderConfiguration()
  ) throws(CheckpointError) {
    self = defaults
    hiddenSize = try file.integer("hidden_size", in: 1...65536, default: hiddenSize)
    layers = try file.integer("num_hidden_layers", in: 1...1024, default: layers)
    intermediateSize = try file.integer(
      "intermediate_size", in: 1...1_048_576, default: intermediateSize)
    epsilon = Float(try file.number("layer_norm_eps", in: 0...1, default: Double(epsilon)))
    vocabularySize = try file.integer("vocab_size", in: 1...16_777_216, default: vocabularySize)
    tokenTypes = try file.integer("type_vocab_size", in: 1...65536, default: tokenTypes)
    positions = try file.integer(
      "max_position_embeddings", in: 1...16_777_216, default: positions)
    labels = try file.labels(default: labels)
    let known = EncoderConfiguration.activations
    let standard = known.first { $0.value == activation }
    let name = try file.string(
      "hidden_act", oneOf: known.map { $0.key }, default: standard?.key)
    activation = known.first { $0.key == name }?.value ?? activation
    let architectures = try file.strings("architectures", default: [])
    head = HeadKind.allCases.first { kind in
      architectures.contains { $0.hasSuffix(kind.rawValue) }
    }
    // Published files may have null.
    if file.has("problem_type") {
      problem = ProblemType(
        rawValue: try file.string("problem_type", oneOf: ProblemType.allCases.map { $0.rawValue }))
    }
  }
}

/// The configuration of a model: its own values, and those of ``encoder`` as if they were its own.
public protocol ModelConfiguration: Sendable, Equatable {
  /// What the model shares with other encoders.
  var encoder: EncoderConfiguration { get set }
}

// Written out: Embedded Swift has no key paths.
extension ModelConfiguration {
  /// ``EncoderConfiguration/hiddenSize`` of ``encoder``.
  public var hiddenSize: Int {
    get { encoder.hiddenSize }
    set { encoder.hiddenSize = newValue }
  }

  /// ``EncoderConfiguration/layers`` of ``encoder``.
  public var layers: Int {
    get { encoder.layers }
    set { encoder.layers = newValue }
  }

  /// ``EncoderConfiguration/intermediateSize`` of ``encoder``.
  public var intermediateSize: Int {
    get { encoder.intermediateSize }
    set { encoder.intermediateSize = newValue }
  }

  /// ``EncoderConfiguration/activation`` of ``encoder``.
  public var activation: ElementwiseFunction {
    get { encoder.activation }
    set { encoder.activation = newValue }
  }

  /// ``EncoderConfiguration/epsilon`` of ``encoder``.
  public var epsilon: Float {
    get { encoder.epsilon }
    set { encoder.epsilon = newValue }
  }

  /// ``EncoderConfiguration/vocabularySize`` of ``encoder``.
  public var vocabularySize: Int {
    get { encoder.vocabularySize }
    set { encoder.vocabularySize = newValue }
  }

  /// ``EncoderConfiguration/tokenTypes`` of ``encoder``.
  public var tokenTypes: Int {
    get { encoder.tokenTypes }
    set { encoder.tokenTypes = newValue }
  }

  /// ``EncoderConfiguration/positions`` of ``encoder``.
  public var positions: Int {
    get { encoder.positions }
    set { encoder.positions = newValue }
  }

  /// ``EncoderConfiguration/labels`` of ``encoder``.
  public var labels: [String] {
    get { encoder.labels }
    set { encoder.labels = newValue }
  }

  /// ``EncoderConfiguration/head`` of ``encoder``.
  public var head: HeadKind? {
    get { encoder.head }
    set { encoder.head = newValue }
  }

  /// ``EncoderConfiguration/problem`` of ``encoder``.
  public var problem: ProblemType? {
    get { encoder.problem }
    set { encoder.problem = newValue }
  }
}

/// What a checkpoint was saved for: how the name of its architecture ends.
public enum HeadKind: String, CaseIterable, Sendable {
  /// Logits over the vocabulary for each token.
  case maskedLanguageModel = "ForMaskedLM"
  /// Whether one text follows the other.
  case nextSentence = "ForNextSentencePrediction"
  /// Both of these.
  case pretraining = "ForPreTraining"
  /// Logits over the labels for each sequence.
  case sequenceClassification = "ForSequenceClassification"
  /// One logit for each of several sequences.
  case multipleChoice = "ForMultipleChoice"
  /// Logits over the labels for each token.
  case tokenClassification = "ForTokenClassification"
  /// A logit for each token to be the first, and to be the last, of the answer.
  case questionAnswering = "ForQuestionAnswering"
}

/// How logits of a sequence classifier become scores; `problem_type` of config.json.
public enum ProblemType: String, CaseIterable, Sendable {
  /// One of the labels: softmax.
  case oneLabel = "single_label_classification"
  /// Any of the labels: sigmoid of each.
  case manyLabels = "multi_label_classification"
  /// Numbers: the logits themselves.
  case regression
}

extension ConfigurationFile {
  /// `num_attention_heads`, a divisor of the hidden size.
  func attentionHeads(dividing size: Int, default standard: Int) throws(CheckpointError) -> Int {
    let heads = try integer("num_attention_heads", in: 1...size, default: standard)
    guard size % heads == 0 else {
      throw wrongValue("num_attention_heads", expected: "a divisor of hidden_size \(size)")
    }
    return heads
  }
}
