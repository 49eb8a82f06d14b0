// Raw tensors in, every hidden state and head output out: what `tarn run` and the fixture tests do.

public import TarnCheckpoints
internal import Tarn
internal import TarnSystem

/// A tensor with its name; elements row-major.
public struct NamedTensor: Sendable {
  /// The name, as fixtures spell it.
  public var name: String
  /// Sizes, outermost first.
  public var shape: [Int]
  /// `shape` multiplied elements.
  public var values: [Float]
  /// The input tensor that says which rows are real, if rows can be masked.
  public var mask: [Bool]?

  /// Adds more sequences.
  fileprivate mutating func append(_ other: NamedTensor) {
    shape[0] += other.shape[0]
    values += other.values
  }
}

/// A batch of padded inputs, `[batch × n]` row after row, read from a safetensors file.
struct PaddedInputs {
  var file: SafetensorsFile
  /// Sequences.
  var batch: Int
  var length: Int
  /// Choices of each question, if the tensors are `[batch, choices, positions]`.
  var choices: Int?

  init(
    _ file: SafetensorsFile, shapeOf name: String, allowsChoices: Bool = false
  ) throws(ModelError) {
    guard let info = file[TensorName(name)] else {
      throw .missingInput(file: file.path, tensor: name)
    }
    var shape = info.shape
    guard shape.count == 2 || (allowsChoices && shape.count == 3), !shape.dropFirst().contains(0)
    else {
      throw .inputShape(
        file: file.path, tensor: name, found: shape,
        expected: "[batch, positions]" + (allowsChoices ? " or [batch, choices, positions]" : ""))
    }
    self.file = file
    length = shape.removeLast()
    choices = shape.count == 2 ? shape[1] : nil
    batch = shape.reduce(1, *)
  }

  /// What `input_ids`, `token_type_ids`, `position_ids` and `attention_mask` say.
  func tokens() throws(ModelError) -> [TokenInput] {
    let ids = try integers("input_ids") ?? []
    let types = try integers("token_type_ids")
    let positions = try integers("position_ids")
    let mask = try mask("attention_mask", threshold: 1)
    return ids.indices.map { i in
      TokenInput(
        ids: ids[i], tokenTypes: types?[i], positions: positions?[i], mask: mask?[i])
    }
  }

  /// The rows of an integer tensor, or nil if the file has none of that name.
  func integers(_ name: String) throws(ModelError) -> [[Int]]? {
    guard let info = try checkedInfo(name) else { return nil }
    let values = try checkpoint { () throws(CheckpointError) in try file.integers(of: info) }
    return (0..<batch).map { Array(values[$0 * length..<($0 + 1) * length]) }
  }

  /// The rows of a mask of integers or floats: real where it is at least `threshold`.
  func mask(_ name: String, threshold: Float) throws(ModelError) -> [[Bool]]? {
    guard let info = try checkedInfo(name) else { return nil }
    let values =
      if ElementType.weights.contains(info.elementType) {
        try checkpoint { () throws(CheckpointError) in try file.floats(of: info) }
      } else {
        try checkpoint { () throws(CheckpointError) in try file.integers(of: info) }
          .map { Float($0) }
      }
    return (0..<batch).map { s in
      values[s * length..<(s + 1) * length].map { $0 >= threshold }
    }
  }

  private func checkedInfo(_ name: String) throws(ModelError) -> TensorInfo? {
    guard let info = file[TensorName(name)] else { return nil }
    let shape = choices.map { [batch / $0, $0, length] } ?? [batch, length]
    guard info.shape == shape else {
      throw .inputShape(file: file.path, tensor: name, found: info.shape, expected: listed(shape))
    }
    return info
  }
}

extension LoadedModel {
  /// Runs the model on raw tensors.
  ///
  /// - Parameter inputs: `input_ids` and, if present, `attention_mask`, `token_type_ids`,
  ///   `segment_ids`, `position_ids`, each `[batch × n]`; `input_ids_0`, `mask_0` (and `_1`) for a
  ///   Long Range Arena model; `src_tokens` and, if present, `prev_output_tokens` for Pyramidion.
  /// - Returns: hidden states, attention probabilities, layer 0's inner values and head outputs in
  ///   the padded shape of the inputs. Rows that are not computed are zero.
  /// - Throws: ``ModelError`` for missing, misshapen or out-of-range inputs.
  public func run(_ inputs: SafetensorsFile) throws(ModelError) -> [NamedTensor] {
    switch self {
    case .bert(let model):
      try model.run(inputs, model.encoder, heads: model.configuration.heads) {
        (inputs) throws(ModelError) in try model.batch(inputs)
      }
    case .fNet(let model):
      try model.run(inputs, model.encoder) { (inputs) throws(ModelError) in
        try model.batch(inputs)
      }
    case .funnel(let model): try model.run(inputs)
    case .poNet(let model): try model.run(inputs)
    case .longRangeArena(let model): try model.run(inputs)
    case .pyramidion(let model): try model.run(inputs)
    }
  }
}

/// Rows of a ragged batch at their places in a padded tensor.
struct Padding {
  var rows: TokenBatch
  var batch: Int
  var length: Int
  var choices: Int?
  var mask: [Bool]

  init(_ rows: TokenBatch, _ padded: PaddedInputs, masks: [[Bool]?]) {
    self.rows = rows
    batch = padded.batch
    length = padded.length
    choices = padded.choices
    mask = masks.flatMap { $0 ?? Array(repeating: true, count: padded.length) }
  }

  /// Whether a sequence has a real token; without one its mean is 0/0 and no result reads it.
  func hasKept(_ sequence: Int) -> Bool {
    mask[sequence * length..<(sequence + 1) * length].contains(true)
  }

  /// `[batch × n × columns]`; zero where a position has no row.
  func padded(_ name: String, _ x: Matrix, firstRow: Int = 0) -> NamedTensor {
    var tensor = NamedTensor(
      name: name, shape: [batch, length, x.columns],
      values: Array(repeating: 0, count: batch * length * x.columns), mask: mask)
    place(x, firstRow: firstRow, in: &tensor)
    return tensor
  }

  /// Writes rows `firstRow…` of the ragged batch.
  func place(_ x: Matrix, firstRow: Int, in tensor: inout NamedTensor) {
    let columns = x.columns
    let elements = x.elements
    for s in 0..<batch {
      for row in rows.sequences[s].clamped(to: firstRow..<firstRow + x.rows) {
        let position = s * length + Int(rows.inputPositions[row])
        let i = row - firstRow
        tensor.values.replaceSubrange(
          position * columns..<(position + 1) * columns,
          with: elements[i * columns..<(i + 1) * columns])
      }
    }
  }
}

extension EncoderModel {
  /// What every head makes of the last hidden states.
  ///
  /// - Parameters:
  ///   - h: the last hidden states.
  ///   - padding: their places.
  ///   - names: what to call the masked-LM head's logits, and those of the relationship of texts.
  /// - Returns: the pooled rows and the logits of each head.
  /// - Throws: ``TarnError``.
  func headOutputs(
    _ h: Matrix, _ padding: Padding, names: (predictions: String, relationship: String)
  ) throws(TarnError) -> [NamedTensor] {
    var results: [NamedTensor] = []
    func append(_ name: String, _ x: Matrix, _ shape: [Int]? = nil) {
      results.append(
        NamedTensor(name: name, shape: shape ?? [x.rows, x.columns], values: x.elements))
    }
    if let pooler = heads.pooler {
      let pooled = try pooler(
        try padding.rows.firstRows(of: h, on: execution), on: execution)
      if heads.hasPooler { append("pooler_output", pooled) }
      if let classifier = heads.sequenceClassifier {
        append("logits", try classifier(pooled, on: execution))
      }
      if let choice = heads.choice {
        let choices = padding.choices ?? 1
        append(
          "logits", try choice(pooled, on: execution), [padding.batch / choices, choices])
      }
      if let relationship = heads.relationship {
        append(names.relationship, try relationship(pooled, on: execution))
      }
    }
    if let classifier = heads.tokenClassifier {
      results.append(padding.padded("logits", try classifier(h, on: execution)))
    }
    func appendColumns(_ names: [String], _ logits: Matrix) {
      for (i, name) in names.enumerated() {
        var tensor = padding.padded(name, logits.columns(i..<i + 1))
        tensor.shape.removeLast()
        results.append(tensor)
      }
    }
    if let answer = heads.answer {
      appendColumns(["start_logits", "end_logits"], try answer(h, on: execution))
    }
    if let discriminator = heads.discriminator {
      appendColumns(["logits"], try discriminator(h, on: execution))
    }
    if let head = heads.maskedLanguageModel {
      results.append(padding.padded(names.predictions, try head(h, on: execution)))
    }
    return results
  }

  /// Runs a model whose encoder is a frame around a mixing.
  ///
  /// - Parameters:
  ///   - file: `input_ids` and, if present, `token_type_ids`, `position_ids`, `attention_mask`.
  ///   - encoder: the model's encoder.
  ///   - attentionHeads: of its mixing, if that is attention.
  ///   - batch: the model's check of its inputs.
  /// - Returns: `embeddings`, `encoder.N`, `fourier.N` or `attention.N`, `last_hidden_state`, its mean
  ///   and that normalised, and what the heads give.
  /// - Throws: ``ModelError``.
  func run<Mixing>(
    _ file: SafetensorsFile, _ encoder: MixingEncoder<Mixing>, heads attentionHeads: Int = 0,
    _ batch: ([TokenInput]) throws(ModelError) -> TokenBatch
  ) throws(ModelError) -> [NamedTensor] {
    let padded = try PaddedInputs(file, shapeOf: "input_ids", allowsChoices: true)
    let tokens = try padded.tokens()
    let rows = try batch(tokens)
    let padding = Padding(rows, padded, masks: tokens.map { $0.mask })
    return try operation { () throws(TarnError) in
      var results: [NamedTensor] = []
      var inner = InnerValues(padding)
      let h = try encoder(
        rows,
        trace: { value, layer, first, x in
          switch value {
          case .hidden:
            results.append(padding.padded(layer == 0 ? "embeddings" : "encoder.\(layer)", x))
          case .mixed: inner.place("fourier.\(layer)", x, firstRow: first)
          case .queries: inner.place("queries.\(layer)", x, firstRow: first)
          case .keys: inner.place("keys.\(layer)", x, firstRow: first)
          }
        }, on: execution)
      if attentionHeads > 0 {
        for layer in 1...encoder.layers.count {
          results.append(
            try padding.attention(
              "attention.\(layer)", inner["queries.\(layer)"], inner["keys.\(layer)"],
              heads: attentionHeads, on: execution))
        }
      } else {
        results += inner.tensors
      }
      results.append(padding.padded("last_hidden_state", h))
      let states = TokenStates(rows: h, batch: rows)
      let mean = try states.pooled(.mean, on: execution)
      for (name, x) in [
        ("mean_pooled", mean), ("sentence_embedding", try normalized(mean, on: execution)),
      ] {
        results.append(
          NamedTensor(name: name, shape: [x.rows, x.columns], values: x.elements))
      }
      // A head that is alone calls its result `logits`.
      let alone = heads.isPretraining || heads.hasClassifier ? nil : "logits"
      return results
        + (try headOutputs(
          h, padding,
          names: (alone ?? "prediction_logits", alone ?? "seq_relationship_logits")))
    }
  }
}

/// Tensors that come group by group.
struct InnerValues {
  private let padding: Padding
  private(set) var tensors: [NamedTensor] = []

  init(_ padding: Padding) { self.padding = padding }

  /// The values of a tensor that has come.
  subscript(name: String) -> [Float] { tensors.first { $0.name == name }?.values ?? [] }

  /// Writes rows `firstRow…` of a tensor.
  mutating func place(_ name: String, _ x: Matrix, firstRow: Int) {
    if let i = tensors.firstIndex(where: { $0.name == name }) {
      padding.place(x, firstRow: firstRow, in: &tensors[i])
    } else {
      tensors.append(padding.padded(name, x, firstRow: firstRow))
    }
  }
}

extension FunnelModel {
  /// As for other encoders, and `block.B.pooled`, `block.B.mask`, `decoder.input`, `decoder.N`; the
  /// states of masked rows are computed as well.
  func run(_ file: SafetensorsFile) throws(ModelError) -> [NamedTensor] {
    let padded = try PaddedInputs(file, shapeOf: "input_ids", allowsChoices: true)
    let rows = try batch(padded.tokens(), keepsPadding: true)
    var results: [NamedTensor] = []
    var attentions: [(Matrix, Matrix, RelativeAttention, FunnelRows)] = []
    /// Padded results of rows that may be fewer than the inputs'.
    func padding(_ rows: TokenBatch) -> Padding {
      var padding = Padding(rows, padded, masks: [])
      padding.length = rows.sequences.longest
      padding.mask = rows.keep ?? Array(repeating: true, count: rows.count)
      return padding
    }
    return try operation { () throws(TarnError) in
      let states = try encoder(
        rows,
        trace: { value in
          switch value {
          case .hidden(let name, let x, let rows):
            let padding = padding(rows.batch)
            results.append(padding.padded(name, x))
            if name.hasSuffix(".pooled") {
              results.append(
                NamedTensor(
                  name: name.dropLast(6) + "mask", shape: [padding.batch, padding.length],
                  values: padding.mask.map { $0 ? 1 : 0 }))
            }
          case .attention(let queries, let keys, let terms, let keyRows):
            attentions.append((queries, keys, terms, keyRows))
          }
        }, on: execution)
      // A group has whole sequences, so an execution's groups follow one another.
      var (layer, sequences) = (0, 0)
      for (queries, keys, terms, rows) in attentions {
        if sequences % max(1, padded.batch) == 0 { layer += 1 }
        sequences += rows.batch.sequences.count
        let name = "attention.\(layer)"
        let part = try probabilities(name, queries, keys, terms, rows)
        if results.last?.name == name {
          results[results.count - 1].append(part)
        } else {
          results.append(part)
        }
      }
      let last = padding(states.batch)
      results.append(last.padded("last_hidden_state", states.rows))
      return results + (try headOutputs(states.rows, last, names: ("logits", "")))
    }
  }

  /// Attention probabilities `[sequences × heads × queries × keys]` of some sequences.
  private func probabilities(
    _ name: String, _ queries: Matrix, _ keys: Matrix, _ terms: RelativeAttention,
    _ rows: FunnelRows
  ) throws(TarnError) -> NamedTensor {
    let count = rows.batch.sequences.count
    let (m, n) = (queries.rows / count, keys.rows / count)
    var values: [Float] = []
    var p = try Matrix(rows: configuration.heads * m, columns: n)
    for s in 0..<count {
      let own = s * m..<(s + 1) * m
      let range = rows.batch.sequences[s]
      var part = terms
      part.types = terms.types.rows(own)
      part.queryTypes = Array(terms.queryTypes[own])
      part.keyTypes = Array(terms.keyTypes[range])
      try attentionProbabilities(
        queries: queries.rows(own), keys: keys.rows(range), heads: configuration.heads,
        keep: rows.visible.map { Array($0[range]) }, relative: part, into: &p, on: execution)
      values += p.elements
    }
    return NamedTensor(name: name, shape: [count, configuration.heads, m, n], values: values)
  }
}

extension PoNetModel {
  func run(_ file: SafetensorsFile) throws(ModelError) -> [NamedTensor] {
    let padded = try PaddedInputs(file, shapeOf: "input_ids")
    let tokens = try padded.tokens()
    let segments = try padded.integers("segment_ids")
    let inputs = tokens.indices.map { i in
      PoNetInput(
        ids: tokens[i].ids, tokenTypes: tokens[i].tokenTypes, segments: segments?[i],
        positions: tokens[i].positions, mask: tokens[i].mask)
    }
    let rows = try tokenRows(inputs)
    let padding = Padding(rows.batch, padded, masks: tokens.map { $0.mask })
    return try operation { () throws(TarnError) in try outputs(rows, padding) }
  }

  private func outputs(
    _ rows: PoNetRows, _ padding: Padding
  ) throws(TarnError) -> [NamedTensor] {
    var results: [NamedTensor] = []
    var inner = InnerValues(padding)
    let batch = padding.batch
    let d = configuration.hiddenSize
    let heads = configuration.heads
    let h = try encoder(
      rows,
      trace: { value, layer, first, x in
        switch value {
        case .hidden: results.append(padding.padded("hidden_states.\(layer)", x))
        case .attention:
          results.append(padding.attention("attention_probs.\(layer)", x))
        case .query, .globalValue:
          guard layer == 0 else { return }
          var values = x.elements
          for s in 0..<batch where !padding.hasKept(s) {
            values.replaceSubrange(s * d..<(s + 1) * d, with: repeatElement(0, count: d))
          }
          results.append(
            NamedTensor(
              name: "trace.layer0.\(value == .query ? "q" : "v")",
              shape: [batch, heads, d / heads], values: values))
        case .segment, .local, .context, .attentionOutput:
          guard layer == 0, let name = value.traceName else { return }
          inner.place(name, x, firstRow: first)
        }
      }, on: execution)
    results += inner.tensors
    results += try headOutputs(
      h, padding, names: ("prediction_logits", "seq_relationship_logits"))
    return results
  }
}

extension LayerValue {
  /// The name of an inner value in the outputs of a run.
  fileprivate var traceName: String? {
    switch self {
    case .segment: "trace.layer0.segment"
    case .local: "trace.layer0.local"
    case .context: "trace.layer0.context"
    case .attentionOutput: "trace.layer0.attention_output"
    case .hidden, .attention, .query, .globalValue: nil
    }
  }
}

extension Padding {
  /// Attention probabilities `[batch × heads × n × n]` of padded queries and keys.
  ///
  /// The attention operator never holds them; they are computed here for whoever wants to see them.
  fileprivate func attention(
    _ name: String, _ queries: [Float], _ keys: [Float], heads: Int, on execution: Execution
  ) throws(TarnError) -> NamedTensor {
    guard batch > 0 else {
      return NamedTensor(name: name, shape: [0, heads, length, length], values: [], mask: [])
    }
    let d = queries.count / (batch * length)
    let q = try Matrix(rows: batch * length, columns: d, queries)
    let k = try Matrix(rows: batch * length, columns: d, keys)
    var values: [Float] = []
    values.reserveCapacity(batch * heads * length * length)
    var p = try Matrix(rows: heads * length, columns: length)
    for s in 0..<batch {
      let rows = s * length..<(s + 1) * length
      try attentionProbabilities(
        queries: q.rows(rows), keys: k.rows(rows), heads: heads, keep: Array(mask[rows]), into: &p,
        on: execution)
      values += p.elements
    }
    var spread: [Bool] = []
    for s in 0..<batch {
      for _ in 0..<heads { spread += mask[s * length..<(s + 1) * length] }
    }
    return NamedTensor(
      name: name, shape: [batch, heads, length, length], values: values, mask: spread)
  }

  /// `[batch × heads × n]` from `[heads × rows]`; zero at masked positions.
  fileprivate func attention(_ name: String, _ x: Matrix) -> NamedTensor {
    var values = [Float](repeating: 0, count: batch * x.rows * length)
    let elements = x.elements
    for h in 0..<x.rows {
      for s in 0..<batch {
        for row in rows.sequences[s] where rows.keep?[row] ?? true {
          values[(s * x.rows + h) * length + Int(rows.inputPositions[row])] =
            elements[h * x.columns + row]
        }
      }
    }
    var spread: [Bool] = []
    for s in 0..<batch {
      for _ in 0..<x.rows { spread += mask[s * length..<(s + 1) * length] }
    }
    return NamedTensor(
      name: name, shape: [batch, x.rows, length], values: values, mask: spread)
  }
}

extension LongRangeArenaModel {
  func run(_ file: SafetensorsFile) throws(ModelError) -> [NamedTensor] {
    var results: [NamedTensor] = []
    var pools: [Matrix] = []
    for k in 0..<(isDual ? 2 : 1) {
      let padded = try PaddedInputs(file, shapeOf: "input_ids_\(k)")
      let ids = try padded.integers("input_ids_\(k)") ?? []
      let mask = try padded.mask("mask_\(k)", threshold: 0.5) ?? ids.map { $0.map { $0 != 0 } }
      let inputs = ids.indices.map { prepared(ids[$0], mask: mask[$0]) }
      let (rows, states) = try states(inputs, keepsAll: true)
      let padding = Padding(rows.batch, padded, masks: inputs.map { $0.mask })
      for (i, state) in states.enumerated() {
        results.append(padding.padded("hidden_states_\(k).\(i)", state))
      }
      let last = states[states.count - 1]
      let pooled = try operation { () throws(TarnError) in
        try pool(last, rows, lengths: inputs.map { $0.ids.count })
      }
      results.append(
        NamedTensor(
          name: "pooled_\(k)", shape: [padded.batch, pooled.columns], values: pooled.elements))
      pools.append(pooled)
    }
    let logits = try operation { () throws(TarnError) in
      if isDual, pools[0].rows != pools[1].rows {
        throw TarnError.shapeMismatch(
          operation: "run", argument: "input_ids_1", found: [pools[1].rows],
          expected: [pools[0].rows])
      }
      return try self.logits(isDual ? try paired(pools[0], pools[1]) : pools[0])
    }
    results.append(
      NamedTensor(name: "logits", shape: [logits.rows, logits.columns], values: logits.elements))
    return results
  }
}

extension PyramidionModel {
  /// `embedding`, `layerI` after each layer, where it pools `.before_pooling`, `.scores` and
  /// `.pooled_scores` too, `encoder_out`, `encoder_padding_mask`; with `prev_output_tokens`
  /// `decoder_embedding`, `decoder_layerI`, `decoder_features` and `logits`; what the searches of
  /// `generation` in `config.json` find.
  ///
  /// Longer sources are cut, as the published code does.
  func run(_ file: SafetensorsFile) throws(ModelError) -> [NamedTensor] {
    let sources = try PaddedInputs(file, shapeOf: "src_tokens").integers("src_tokens") ?? []
    var results: [NamedTensor] = []
    /// Adds a document to a tensor; scores are `[batch × n]`.
    func append(_ name: String, _ x: Matrix) {
      let part = NamedTensor(
        name: name,
        shape: x.columns == 1 && name.hasSuffix("scores")
          ? [1, x.rows]
          : [1, x.rows, x.columns], values: x.elements)
      if let i = results.firstIndex(where: { $0.name == name }) {
        results[i].append(part)
      } else {
        results.append(part)
      }
    }
    let memory = try encode(
      sources.map { Array($0.prefix(configuration.maxSourcePositions)) }, trace: append)
    let batch = memory.sequences.count
    results.append(
      NamedTensor(
        name: "encoder_padding_mask", shape: [batch, memory.rows.rows / max(1, batch)],
        values: memory.keep?.map { $0 ? 0 : 1 } ?? Array(repeating: 0, count: memory.rows.rows)))
    guard hasDecoder else { return results }
    for search in configuration.searches {
      results += try run(search, memory, width: sources.first?.count ?? 0)
    }
    guard file[TensorName("prev_output_tokens")] != nil else { return results }
    let targets = try PaddedInputs(file, shapeOf: "prev_output_tokens")
    /// Adds the rows of all targets.
    func appendAll(_ name: String, _ x: Matrix) {
      results.append(
        NamedTensor(
          name: name, shape: [targets.batch, targets.length, x.columns], values: x.elements))
    }
    let logits = try logits(
      memory, targets: targets.integers("prev_output_tokens") ?? [],
      trace: { appendAll($0, $1) })
    for document in logits { append("logits", document) }
    return results
  }
}
