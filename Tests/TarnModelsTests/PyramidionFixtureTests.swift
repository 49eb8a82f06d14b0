// Every fixture of Pyramidion but the searches: embeddings, layers, pooling, decoder, positions.

import Foundation
import Tarn
import TarnCheckpoints
import TarnKernelInterface
import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnModels

/// A fixture directory and how many tensors it expects.
struct PyramidionFixture: CustomTestStringConvertible, Sendable {
  var name: String
  var tensors: Int

  init(_ name: String, tensors: Int) {
    self.name = "pyramidion/" + name
    self.tensors = tensors
  }

  var testDescription: String { name }
  var directory: String { fixturePath(name) }

  func run(
    _ set: InstructionSet? = nil, threads: Int? = nil, from directory: String? = nil
  ) throws -> [NamedTensor] {
    try LoadedModel(
      directory: directory ?? self.directory,
      options: ModelOptions(instructionSet: set, threads: threads)
    ).run(SafetensorsFile(path: self.directory + "/inputs.safetensors"))
  }

  static let all = [
    PyramidionFixture("encoder-blockwise-only", tensors: 5),
    PyramidionFixture("encoder-full-attention", tensors: 11),
    PyramidionFixture("encoder-lambda", tensors: 5),
    PyramidionFixture("encoder-lambda-tied", tensors: 5),
    PyramidionFixture("encoder-long-input", tensors: 11),
    PyramidionFixture("encoder-post-sinusoidal", tensors: 12),
    PyramidionFixture("encoder-pre-learned", tensors: 16),
    PyramidionFixture("full-separate-prenorm", tensors: 29),
    PyramidionFixture("full-shared", tensors: 37),
    PyramidionFixture("full-tied-decoder", tensors: 20),
    PyramidionFixture("quirk-chunk-remainder", tensors: 15),
    PyramidionFixture("quirk-tied-padding", tensors: 11),
  ]

  /// Fixtures of which there is no model.
  static let others = [
    "checkpoint-pt", "dictionary", "pooler", "pooler-noflip", "positions",
    "topk-iterative-baseline", "topk-operator",
  ]
}

@Test func everyFixtureOfPyramidionIsInTheList() throws {
  let names = try FileManager.default.contentsOfDirectory(atPath: fixturePath("pyramidion"))
  let listed =
    PyramidionFixture.all.map { $0.name.replacing("pyramidion/", with: "") }
    + PyramidionFixture.others
  #expect(Set(names).subtracting(listed).isEmpty)
  #expect(Set(PyramidionFixture.all.map(\.name)).count == 12)
}

/// States within 2·10⁻⁵, logits within 5·10⁻⁵, as the specification says; masks are equal.
@Test(arguments: PyramidionFixture.all)
func everyTensorOfThePyramidionFixtureAgrees(_ fixture: PyramidionFixture) throws {
  let expected = try SafetensorsFile(path: fixture.directory + "/expected.safetensors")
  let tensors = expected.tensors
  #expect(tensors.count == fixture.tensors)
  for set in InstructionSet.available {
    let outputs = try fixture.run(set)
    #expect(outputs.count == tensors.count)
    for info in tensors {
      let found = outputs.first { TensorName($0.name) == info.name }
      #expect(found != nil, "\(fixture.name) \(info.name) is missing")
      guard let found else { continue }
      #expect(found.shape == info.shape, "\(fixture.name) \(info.name)")
      if ElementType.integers.contains(info.elementType) {
        #expect(try expected.integers(of: info).map { Float($0) } == found.values)
      } else {
        compare(
          found, try expected.floats(of: info), "\(fixture.name) \(set.rawValue)",
          absolute: found.name == "logits" ? 5e-5 : 2e-5)
      }
    }
  }
}

@Test(arguments: PyramidionFixture.all)
func pyramidionBitsAreEqualForAllThreadsAndFusedInstructionSets(
  _ fixture: PyramidionFixture
) throws {
  try expectEqualBits(fixture.name) { try fixture.run($0, threads: $1) }
}

@Test(arguments: PyramidionFixture.all)
func aCheckpointOfPyramidionIsCompleteAndKnown(_ fixture: PyramidionFixture) throws {
  let survey = try CheckpointSurvey(directory: fixture.directory)
  #expect(survey.modelType == "pyramidion")
  #expect(survey.problems.isEmpty, "\(fixture.name) \(survey.problems)")
  #expect(survey.unknown.isEmpty, "\(fixture.name) \(survey.unknown.map(\.name.text))")
  #expect(
    survey.heads
      == (fixture.name.contains("full-") && !fixture.name.contains("encoder-")
        ? ["decoder"] : []))
}

/// Matrices that are rounded ahead, and held as Float, give the bits of a format that rounds them.
@Test(arguments: PyramidionFixture.all)
func pyramidionInSixteenBitsHasTheBitsOfARoundedCheckpoint(
  _ fixture: PyramidionFixture
) throws {
  for format in [WeightFormat.bfloat16, .float16] {
    // A scorer is held as Float.
    let folder = try rounded(fixture.directory, to: format) { !$0.contains(".scorer.") }
    let expected = bits(try fixture.run(from: folder.path))
    for threads in [1, 3] {
      let found = try LoadedModel(
        directory: fixture.directory, options: ModelOptions(weights: format, threads: threads)
      ).run(SafetensorsFile(path: fixture.directory + "/inputs.safetensors"))
      #expect(bits(found) == expected, "\(fixture.name) \(format) \(threads) threads")
    }
  }
}

// MARK: Parts

private func inputs(_ name: String) throws -> SafetensorsFile {
  try SafetensorsFile(path: fixturePath("pyramidion/\(name)/inputs.safetensors"))
}

private func expected(_ name: String) throws -> SafetensorsFile {
  try SafetensorsFile(path: fixturePath("pyramidion/\(name)/expected.safetensors"))
}

extension SafetensorsFile {
  fileprivate func values(_ name: String) throws -> [Float] {
    try floats(of: #require(self[TensorName(name)], "\(name)"))
  }
}

/// Logits, scores, pooled rows, and the gradients of all of them.
@Test(arguments: ["pooler", "pooler-noflip"])
func everyTensorOfThePoolerAgrees(_ name: String) throws {
  let directory = fixturePath("pyramidion/" + name)
  let (given, golden) = (try inputs(name), try expected(name))
  let c = try PyramidionConfiguration(ConfigurationFile(path: directory + "/config.json"))
  for set in InstructionSet.available {
    let execution = try Execution(instructionSet: set)
    let file = try SafetensorsFile(path: directory + "/model.safetensors")
    let weights = ModelWeights(WeightScope(file), as: .float32, on: execution)["encoder.pooler"]
    var compared: Set<String> = []
    for (i, stage) in c.stages.enumerated() {
      let scope = weights["scorer.\(i)"]
      let d = c.encoder.size
      let scorer = try PyramidionScorer(scope, size: d)
      let weight = try scope.matrix("weight", rows: 1, columns: d)
      let hidden = try #require(given[TensorName("layer\(i).hidden")])
      let (batch, n) = (hidden.shape[0], hidden.shape[1])
      let x = try Matrix(rows: batch * n, columns: d, given.floats(of: hidden))
      let upstream = try Matrix(
        rows: batch * stage.outputs, columns: d, given.values("layer\(i).grad_pooled"))
      func check(_ what: String, _ values: [Float], _ limit: Float = 2e-5) throws {
        compared.insert("layer\(i)." + what)
        compare(
          NamedTensor(name: "layer\(i).\(what)", shape: [], values: values),
          try golden.values("layer\(i)." + what), "\(name) \(set.rawValue)", absolute: limit)
      }
      try check("logits", scorer.linear(x, on: execution).elements)
      let scores = try scorer(x, on: execution)
      try check("scores", scores.elements)
      guard stage.pools else {
        try check("pooled", x.elements)
        try check("d_hidden", upstream.elements)
        continue
      }
      var pooled: [Float] = []
      for s in 0..<batch {
        let rows = s * n..<(s + 1) * n
        pooled += try scorer.pooled(
          x.rows(rows), scores.rows(rows), stage, c, on: execution
        ).rows.elements
      }
      try check("pooled", pooled)
      // ∂L/∂z = ∂L/∂s · σ(1 - σ); the weight's gradient is Σ ∂L/∂z · x.
      let plan = try SoftTopKPlan(
        scores: scores, over: Ragged(lengths: Array(repeating: n, count: batch)),
        count: stage.outputs, options: SoftTopKOptions(flips: c.flips, keepsOrder: c.keepsOrder),
        on: execution)
      var dx = try Matrix(rows: x.rows, columns: d)
      var ds = try Matrix(rows: x.rows, columns: 1)
      try softTopKGradient(x, plan, upstream: upstream, into: &dx, scores: &ds, on: execution)
      let dz = zip(scores.elements, ds.elements).map { s, g in
        let σ = s - SoftTopKPlan.paddingScore
        return g * σ * (1 - σ)
      }
      var dHidden = dx.elements
      var dWeight = [Double](repeating: 0, count: d)
      for t in 0..<x.rows {
        for j in 0..<d {
          dHidden[t * d + j] += dz[t] * weight[0, j]
          dWeight[j] += Double(dz[t]) * Double(x[t, j])
        }
      }
      try check("d_hidden", dHidden)
      try check("d_weight", dWeight.map { Float($0) }, 1e-4)
      try check("d_bias", [Float(dz.reduce(0.0) { $0 + Double($1) })], 1e-4)
    }
    #expect(compared == Set(golden.tensors.map(\.name.text)))
  }
}

@Test func positionsAreThoseOfTheReference() throws {
  let golden = try expected("positions")
  let given = try inputs("positions")
  let tokens = try #require(given["src_tokens"])
  let ids = try given.integers(of: tokens).map { Int32($0) }
  let width = tokens.shape[1]
  let numbers = stride(from: 0, to: ids.count, by: width).flatMap {
    PyramidionEmbeddings.positions(of: Array(ids[$0..<$0 + width]))
  }
  let expectedNumbers = try golden.integers(of: #require(golden["position_ids"]))
  #expect(numbers.map { Int($0) } == expectedNumbers)
  let rows = try given.integers(of: #require(given["rows"]))
  for d in [4, 7, 16, 24, 512] {
    let table = sinusoids(8195, size: d)
    let reference = try golden.values("d\(d)")
    // A unit in the last place of ω moves the angle of row p by p·ω·2⁻²³; the sines round as well.
    for (i, p) in rows.enumerated() {
      for j in 0..<d {
        let half = d / 2
        let ω = exp(-Double(j % half) * log(10000) / Double(half - 1))
        let difference = abs(table[p * d + j] - reference[i * d + j])
        #expect(Double(difference) <= 1.2e-7 + Double(p) * ω * 0x1p-23, "d \(d) row \(p) \(j)")
      }
    }
    #expect(table[d..<2 * d].allSatisfy { $0 == 0 })
    if d % 2 == 1 { #expect((0..<8195).allSatisfy { table[$0 * d + d - 1] == 0 }) }
  }
}

/// Rounded angles, exact sines of them.
@Test func sinusoidsAreSinesOfRoundedAngles() {
  for d in [6, 64] {
    let rows = 70_000
    let table = sinusoids(rows, size: d)
    let half = d / 2
    for j in 0..<half {
      let ω = Float(exp(Double(Float(j) * -Float(log(10000) / Double(half - 1)))))
      for p in stride(from: 2, to: rows, by: 97) {
        let angle = Double(Float(p) * ω)
        #expect(abs(Double(table[p * d + j]) - sin(angle)) <= 0x1p-24 * 1.001)
        #expect(abs(Double(table[p * d + half + j]) - cos(angle)) <= 0x1p-24 * 1.001)
      }
    }
  }
}

// MARK: Checkpoints

@Test(arguments: ["cfg", "args", "2021", "legacy"])
func aFairseqCheckpointHoldsItsConfiguration(_ name: String) throws {
  let folder = try TemporaryDirectory()
  let source = fixturePath("pyramidion/checkpoint-pt")
  try FileManager.default.copyItem(
    atPath: source + "/checkpoint_\(name).pt", toPath: folder.path + "/checkpoint_best.pt")
  let fixture = PyramidionFixture("full-shared", tensors: 37)
  let found = try fixture.run(from: folder.path)
  #expect(found.count == 17)
  // Only the fixture's config.json asks for searches.
  let expected = try fixture.run().filter { tensor in found.contains { $0.name == tensor.name } }
  #expect(bits(found) == bits(expected))
  let survey = try CheckpointSurvey(directory: folder.path)
  #expect(survey.problems.isEmpty && survey.unknown.isEmpty)
  let written = try PyramidionModel(directory: folder.path).configuration
  var given = try PyramidionModel(directory: fixture.directory).configuration
  given.searches = []
  #expect(written == given)
}

@Test(arguments: ["hostile_call", "hostile_legacy"])
func aCheckpointThatCallsIsRefusedByName(_ name: String) throws {
  let folder = try TemporaryDirectory()
  try FileManager.default.copyItem(
    atPath: fixturePath("pyramidion/checkpoint-pt/\(name).pt"), toPath: folder.path + "/model.pt")
  let error = #expect(throws: ModelError.self) { try PyramidionModel(directory: folder.path) }
  #expect(error?.description.contains("calls \"posix.getcwd\", which is refused") == true)
}

/// The names and the layout that fairseq once wrote, made of a fixture's.
private func writeOld(
  _ fixture: String, version: Float?, into folder: TemporaryDirectory
) throws {
  let source = fixturePath("pyramidion/" + fixture)
  let file = try SafetensorsFile(path: source + "/model.safetensors")
  try folder.copy("config.json", from: source)
  var writer = SafetensorsWriter()
  for info in file.tensors {
    let name = info.name.text
    let values = try file.floats(of: info)
    func append(_ name: String, _ shape: [Int], _ values: [Float]) throws {
      try writer.append(TensorName(name), shape: shape, floats: values)
    }
    if let range = name.firstRange(of: ".q_proj."), !name.contains("encoder_attn") {
      var joined = values
      for part in ["k_proj", "v_proj"] {
        let other = name.replacing("q_proj", with: part)
        joined += try file.floats(of: #require(file[TensorName(other)]))
      }
      var shape = info.shape
      shape[0] *= 3
      try append(
        name[..<range.lowerBound] + ".in_proj_" + name[range.upperBound...], shape, joined)
    } else if name.contains("_proj."), !name.contains("encoder_attn"), name.contains("self_attn"),
      !name.contains("out_proj")
    {
      continue
    } else if name.hasSuffix(".version") {
      if let version { try append(name, [1], [version]) }
    } else if name == "decoder.output_projection.weight" {
      try append("decoder.embed_out", info.shape, values)
    } else {
      let numbers =
        name.hasPrefix("encoder")
        ? ["self_attn_layer_norm": 0, "final_layer_norm": 1]
        : ["self_attn_layer_norm": 0, "encoder_attn_layer_norm": 1, "final_layer_norm": 2]
      var old = name
      for (norm, number) in numbers {
        old = old.replacing(".\(norm).", with: ".layer_norms.\(number).")
      }
      try append(old, info.shape, values)
    }
  }
  try writer.append("encoder.embed_positions.weights", shape: [2], floats: [1, 2])
  try writer.write(to: folder.path + "/model.safetensors")
}

@Test func oldFilesOfFairseqAreUpgraded() throws {
  for name in ["full-shared", "full-separate-prenorm", "full-tied-decoder"] {
    let fixture = PyramidionFixture(name, tensors: 0)
    let folder = try TemporaryDirectory()
    try writeOld(name, version: 3, into: folder)
    #expect(bits(try fixture.run(from: folder.path)) == bits(try fixture.run()), "\(name)")
    let survey = try CheckpointSurvey(directory: folder.path)
    #expect(survey.problems.isEmpty, "\(survey.problems)")
    let unknown = survey.unknown.map(\.name.text)
    // A tied matrix has no name in old files.
    #expect(unknown == (name == "full-separate-prenorm" ? [] : ["decoder.embed_out"]))
  }
  // Encoders before version 2 and decoders before 3 have no last norm.
  let versions: [(Float?, [String])] = [
    (nil, ["encoder", "decoder"]), (1, ["encoder", "decoder"]), (2, ["decoder"]), (3, []),
  ]
  for (version, without) in versions {
    let folder = try TemporaryDirectory()
    try writeOld("full-separate-prenorm", version: version, into: folder)
    let survey = try CheckpointSurvey(directory: folder.path)
    #expect(
      Set(survey.unknown.map(\.name.text))
        == Set(without.flatMap { ["\($0).layer_norm.weight", "\($0).layer_norm.bias"] }))
    let model = try PyramidionModel(directory: folder.path)
    #expect((model.encoder.norm == nil) == without.contains("encoder"))
  }
}

@Test func missingAndUnknownTensorsAreNamed() throws {
  let source = fixturePath("pyramidion/full-separate-prenorm")
  let file = try SafetensorsFile(path: source + "/model.safetensors")
  for name in [
    "encoder.layers.1.fc1.bias", "encoder.pooler.scorer.1.weight", "encoder.layer_norm.weight",
    "decoder.project_out_dim.weight", "decoder.output_projection.weight",
    "decoder.layers.2.encoder_attn.k_proj.weight", "decoder.embed_positions.weight",
  ] {
    let folder = try TemporaryDirectory()
    try folder.copy("config.json", from: source)
    var writer = SafetensorsWriter()
    for info in file.tensors {
      try writer.append(
        info.name.text == name ? "decoder.unheard_of" : info.name, shape: info.shape,
        floats: file.floats(of: info))
    }
    try writer.write(to: folder.path + "/model.safetensors")
    let error = #expect(throws: ModelError.self) { try PyramidionModel(directory: folder.path) }
    #expect(error?.description == "model.safetensors: tensor \"\(name)\" is missing")
    let survey = try CheckpointSurvey(directory: folder.path)
    #expect(survey.problems.map(\.description) == [error?.description])
    #expect(survey.unknown.map(\.name.text) == ["decoder.unheard_of"])
  }
}
