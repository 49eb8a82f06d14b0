// Encoders of base size with random weights made on the fly.

import TarnCheckpoints
import TarnModels

/// The encoders that are compared at the same width and depth.
enum EncoderKind: String, CaseIterable {
  case bert = "bert"
  case fNet = "fnet"
  case funnel = "funnel"
  case poNet = "ponet"

  /// As papers write it.
  var title: String {
    switch self {
    case .bert: "BERT"
    case .fNet: "FNet"
    case .funnel: "Funnel"
    case .poNet: "PoNet"
    }
  }

  /// `ponet-base`, with another number of layers `ponet-base-1-layer`, or the small one.
  func name(_ settings: BenchmarkSettings) -> String {
    if settings.isQuick { return rawValue + "-tiny" }
    return rawValue + "-base" + (settings.layers == 12 ? "" : "-\(settings.layers)-layer")
  }

  /// Operations that a text of n tokens needs; embeddings, norms and activations are not counted.
  ///
  /// A layer has two products of d × f a token, and beside them
  ///
  ///     BERT    4 products of d × d, scores and weighted sums of n keys: 4·n·d a token
  ///     PoNet   4 products of d × d, scores and weighted sums of H queries: 4·H·d a token
  ///     FNet    a real transform over both axes: 1.25·(log₂ n + log₂ d)·d a token
  ///
  /// and FNet's embeddings one product of d × d. Funnel: see
  /// ``/TarnModels/FunnelConfiguration/multiplyAdds(tokens:published:)``.
  func operations(_ c: EncoderConfiguration, heads: Int, tokens n: Int) -> Double {
    let (d, f) = (Double(c.hiddenSize), Double(c.intermediateSize))
    let layers = Double(c.layers)
    var layer = 4 * d * f
    var embeddings = 0.0
    switch self {
    case .bert: layer += 8 * d * d + 4 * Double(n) * d
    case .poNet: layer += 8 * d * d + 4 * Double(heads) * d
    case .fNet:
      layer += 1.25 * (binaryLogarithm(Double(n)) + binaryLogarithm(d)) * d
      embeddings = 2 * d * d
    case .funnel:
      return 2 * Double(funnelConfiguration(c, heads: heads).multiplyAdds(tokens: n))
    }
    return Double(n) * (layers * layer + embeddings)
  }
}

/// Funnel without decoder: the layers in up to three blocks, as B4-4-4 has twelve.
func funnelConfiguration(_ c: EncoderConfiguration, heads: Int) -> FunnelConfiguration {
  var funnel = FunnelConfiguration()
  let blocks = min(3, c.layers)
  funnel.encoder = c
  (funnel.heads, funnel.headSize) = (heads, c.hiddenSize / heads)
  funnel.blockSizes = (0..<blocks).map { (c.layers + $0) / blocks }
  funnel.blockRepeats = Array(repeating: 1, count: blocks)
  funnel.hasDecoder = false
  return funnel
}

/// Weights of base size in bfloat16, as a checkpoint that never touches a disk.
struct RandomEncoder {
  let kind: EncoderKind
  private let name: String
  private let configuration: EncoderConfiguration
  private let heads: Int
  private let file: SafetensorsFile

  /// Makes the weights.
  ///
  /// BERT and FNet get a position table for `longest` tokens; that of PoNet repeats.
  init(_ kind: EncoderKind, _ settings: BenchmarkSettings, longest: Int) throws {
    self.kind = kind
    name = kind.name(settings)
    var c =
      switch kind {
      case .fNet: FNetConfiguration().encoder
      case .funnel: FunnelConfiguration().encoder
      case .bert, .poNet: EncoderConfiguration()
      }
    c.layers = settings.layers
    if kind != .poNet { c.positions = max(c.positions, longest) }
    if settings.isQuick {
      c.hiddenSize = 48
      c.intermediateSize = 80
      c.layers = min(settings.layers, 2)
    }
    configuration = c
    heads = settings.isQuick ? 4 : 12
    let shapes =
      kind == .funnel
      ? RandomEncoder.shapes(funnelConfiguration(c, heads: heads)) : RandomEncoder.shapes(kind, c)
    file = try SafetensorsFile(bytes: randomBytes(shapes), named: "random weights")
  }

  /// Names and shapes of the tensors of Funnel without decoder, as published.
  private static func shapes(_ c: FunnelConfiguration) -> [(name: String, shape: [Int])] {
    let d = c.hiddenSize
    let h = c.heads * c.headSize
    var shapes: [(name: String, shape: [Int])] = [
      ("embeddings.word_embeddings.weight", [c.vocabularySize, d])
    ]
    func norm(_ name: String) {
      shapes += [(name + ".layer_norm.weight", [d]), (name + ".layer_norm.bias", [d])]
    }
    func linear(_ name: String, _ outputs: Int, _ inputs: Int) {
      shapes += [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])]
    }
    norm("embeddings")
    for (b, size) in c.blockSizes.enumerated() {
      for i in 0..<size {
        let attention = "encoder.blocks.\(b).\(i).attention"
        shapes.append((attention + ".q_head.weight", [h, d]))
        linear(attention + ".k_head", h, d)
        linear(attention + ".v_head", h, d)
        for bias in ["r_w_bias", "r_r_bias", "r_s_bias"] {
          shapes.append((attention + "." + bias, [c.heads, c.headSize]))
        }
        shapes.append((attention + ".r_kernel", [d, c.heads, c.headSize]))
        shapes.append((attention + ".seg_embed", [2, c.heads, c.headSize]))
        linear(attention + ".post_proj", d, h)
        norm(attention)
        let ffn = "encoder.blocks.\(b).\(i).ffn"
        linear(ffn + ".linear_1", c.intermediateSize, d)
        linear(ffn + ".linear_2", d, c.intermediateSize)
        norm(ffn)
      }
    }
    return shapes
  }

  /// Names and shapes of the tensors, as published.
  private static func shapes(
    _ kind: EncoderKind, _ c: EncoderConfiguration
  ) -> [(name: String, shape: [Int])] {
    let d = c.hiddenSize
    let f = c.intermediateSize
    var shapes: [(name: String, shape: [Int])] = []
    func linear(_ name: String, _ outputs: Int, _ inputs: Int) {
      shapes += [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])]
    }
    func norm(_ name: String) { shapes += [(name + ".weight", [d]), (name + ".bias", [d])] }
    shapes += [
      ("embeddings.word_embeddings.weight", [c.vocabularySize, d]),
      ("embeddings.position_embeddings.weight", [c.positions, d]),
      ("embeddings.token_type_embeddings.weight", [c.tokenTypes, d]),
    ]
    norm("embeddings.LayerNorm")
    if kind == .fNet { linear("embeddings.projection", d, d) }
    linear("pooler.dense", d, d)
    for i in 0..<c.layers {
      let layer = "encoder.layer.\(i)."
      if kind == .fNet {
        norm(layer + "fourier.output.LayerNorm")
      } else {
        let names =
          kind == .bert ? ["query", "key", "value"] : ["q", "k", "o", "local", "segment"]
        for name in names {
          linear(layer + "attention.self." + (kind == .bert ? name : "dense_" + name), d, d)
        }
        linear(layer + "attention.output.dense", d, d)
        norm(layer + "attention.output.LayerNorm")
      }
      linear(layer + "intermediate.dense", f, d)
      linear(layer + "output.dense", d, f)
      norm(layer + "output.LayerNorm")
    }
    return shapes
  }

  /// The model on so many threads; nil: as many as the library takes.
  func model(_ threads: Int?, _ settings: BenchmarkSettings) throws -> TimedModel {
    var options = ModelOptions(instructionSet: settings.modelInstructionSet, threads: threads)
    switch kind {
    case .bert:
      return TimedModel(
        try bert(options), kind, configuration, name: name, heads: heads)
    case .fNet:
      var c = FNetConfiguration()
      c.encoder = configuration
      return TimedModel(
        try FNetModel(
          weights: WeightScope(file), configuration: c, directory: "random weights",
          options: options),
        kind, configuration, name: name, heads: heads)
    case .funnel:
      return TimedModel(
        try FunnelModel(
          weights: WeightScope(file),
          configuration: funnelConfiguration(configuration, heads: heads),
          directory: "random weights", options: options),
        kind, configuration, name: name, heads: heads)
    case .poNet:
      options.maxPositions = 1 << 24
      return TimedModel(
        try poNet(options), kind, configuration, name: name, heads: heads)
    }
  }

  /// Numbers that the weights have.
  var elementCount: Int { file.tensors.reduce(0) { $0 + $1.elementCount } }

  /// The model as BERT, which it must be.
  func bert(_ options: ModelOptions) throws -> BERTModel {
    var c = BERTConfiguration()
    (c.encoder, c.heads) = (configuration, heads)
    return try BERTModel(
      weights: WeightScope(file), configuration: c, directory: "random weights", options: options)
  }

  /// The model as PoNet, which it must be.
  func poNet(_ options: ModelOptions) throws -> PoNetModel {
    var c = PoNetConfiguration()
    (c.encoder, c.heads) = (configuration, heads)
    return try PoNetModel(
      weights: WeightScope(file), configuration: c, directory: "random weights", options: options)
  }
}

/// A safetensors file of bfloat16 values.
///
/// Layer norms get ones and zeros, versions of fairseq 3, everything else uniform values of standard deviation 0.02.
func randomBytes(_ shapes: [(name: String, shape: [Int])]) -> [UInt8] {
  var entries: [String] = []
  var offset = 0
  for (name, shape) in shapes {
    let count = shape.reduce(1, *)
    let sizes = shape.map(String.init).joined(separator: ",")
    entries.append(
      "\"\(name)\":{\"dtype\":\"BF16\",\"shape\":[\(sizes)],"
        + "\"data_offsets\":[\(offset),\(offset + 2 * count)]}")
    offset += 2 * count
  }
  var header = Array(("{" + entries.joined(separator: ",") + "}").utf8)
  while header.count % 8 != 0 { header.append(0x20) }
  var bytes: [UInt8] = []
  bytes.reserveCapacity(8 + header.count + offset)
  for i in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: header.count >> (8 * i))) }
  bytes += header
  func append(_ value: Float) {
    let bits = UInt16(truncatingIfNeeded: value.bitPattern >> 16)
    bytes.append(UInt8(truncatingIfNeeded: bits))
    bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
  }
  var state: UInt64 = 2110
  for (name, shape) in shapes {
    let constant: Float? =
      name.hasSuffix(".version")
      ? 3
      : name.lowercased().hasSuffix("norm.weight")
        ? 1 : name.lowercased().hasSuffix("norm.bias") ? 0 : nil
    for _ in 0..<shape.reduce(1, *) {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      append(constant ?? Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648 * 0.0346)
    }
  }
  return bytes
}
