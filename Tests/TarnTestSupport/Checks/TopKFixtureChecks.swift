// Soft top-k against the golden data of the published operator and of its baseline.

internal import Tarn
internal import TarnCheckpoints
internal import TarnSystem

/// The checks of this file.
let topKFixtureChecks: [KernelCheck] = [
  KernelCheck("soft top-k, fixtures", softTopKAgreesWithItsFixtures),
  KernelCheck("iterative top-k, fixtures", iterativeTopKAgreesWithItsFixtures),
]

/// One directory of golden data.
private struct GoldenData {
  let cases: [JSONObject]
  private let inputs: SafetensorsFile
  private let expected: SafetensorsFile

  init(_ name: String) throws {
    let directory = fixturePath("pyramidion/\(name)")
    inputs = try SafetensorsFile(path: directory + "/inputs.safetensors")
    expected = try SafetensorsFile(path: directory + "/expected.safetensors")
    let text = readTextFile(directory + "/config.json") ?? ""
    cases = try JSONValue(parsing: text).object?["cases"]?.array?.compactMap(\.object) ?? []
  }

  func input(_ name: String) throws -> [Float] {
    try inputs[TensorName(name)].map { try inputs.floats(of: $0) } ?? []
  }

  func output(_ name: String) throws -> [Float] {
    try expected[TensorName(name)].map { try expected.floats(of: $0) } ?? []
  }

  func integers(_ name: String) throws -> [Int]? {
    try expected[TensorName(name)].map { try expected.integers(of: $0) }
  }
}

private func number(_ object: JSONObject, _ key: String) -> Int {
  Int(object[key]?.double ?? 0)
}

/// Every case: outputs, scores, pairs, weights, both gradients.
///
/// The limit is that of the specification, 2e-5, relative above 1; where a score above 1 makes the
/// powers larger than 20, in proportion, since an error of the inputs' last place grows with them.
private func softTopKAgreesWithItsFixtures(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let golden = try GoldenData("topk-operator")
  report.expect(golden.cases.count == 88, "\(golden.cases.count) cases of soft top-k")
  for item in golden.cases {
    let name = item["name"]?.string ?? ""
    let (batch, n, d) = (number(item, "batch"), number(item, "tokens"), number(item, "d"))
    let k = number(item, "pooled_len")
    let options = SoftTopKOptions(
      base: Float(number(item, "base")), flips: number(item, "flip_right") == 1,
      keepsOrder: number(item, "sort_back") == 1, paddedLength: number(item, "input_len"))
    let sequences = try Ragged(lengths: Array(repeating: n, count: batch))
    let x = try Matrix(rows: batch * n, columns: d, golden.input(name + ".embs"))
    let scores = try Matrix(rows: batch * n, columns: 1, golden.input(name + ".scores"))
    let plan = try SoftTopKPlan(
      scores: scores, over: sequences, count: k, options: options, on: execution)
    var y = try Matrix(rows: batch * k, columns: d)
    try softTopK(x, plan, into: &y, on: execution)
    var dx = try Matrix(rows: batch * n, columns: d)
    var dscores = try Matrix(rows: batch * n, columns: 1)
    try softTopKGradient(
      x, plan,
      upstream: Matrix(rows: batch * k, columns: d, golden.input(name + ".grad_embs")),
      upstreamScores: Matrix(rows: batch * k, columns: 1, golden.input(name + ".grad_scores")),
      into: &dx, scores: &dscores, on: execution)
    let top = Double(scores.elements.max() ?? 0)
    let growth = max(1, powerOracle(Double(options.base), top) / Double(options.base))
    func expect(_ found: Matrix, _ what: String) throws {
      let expected = try golden.output(name + "." + what)
      report.expectWithin(
        found.elements, expected.map(Double.init),
        tolerance: expected.map { 2e-5 * growth * max(1, abs(Double($0))) },
        "\(name) \(what) \(execution.label)")
    }
    try expect(y, "embs")
    try expect(plan.scores, "scores")
    try expect(dx, "d_embs")
    try expect(dscores, "d_scores")
    for s in 0..<batch {
      for (r, pairs) in plan.rounds(of: s).enumerated() {
        guard let left = try golden.integers("\(name).round\(r).left"),
          let right = try golden.integers("\(name).round\(r).right")
        else { continue }
        let weights = try golden.output("\(name).round\(r).weight")
        // The fixture lists pairs by rank, the plan in the order of results.
        var places = Array(s * pairs.count..<(s + 1) * pairs.count)
        if options.keepsOrder { places.sort { left[$0] < left[$1] } }
        report.expect(
          pairs.map(\.left) == places.map { left[$0] }
            && pairs.map(\.right) == places.map { right[$0] },
          "\(name) round \(r) of document \(s): other pairs")
        report.expectWithin(
          pairs.map(\.weight), places.map { Double(weights[$0]) },
          tolerance: places.map { _ in 2e-5 * growth }, "\(name) round \(r), weights")
      }
    }
  }
}

private func iterativeTopKAgreesWithItsFixtures(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) throws {
  let golden = try GoldenData("topk-iterative-baseline")
  report.expect(golden.cases.count == 3, "\(golden.cases.count) cases of iterative top-k")
  for item in golden.cases {
    let name = item["name"]?.string ?? ""
    let (n, k, d) = (number(item, "tokens"), number(item, "pooled_len"), number(item, "d"))
    var y = try Matrix(rows: k, columns: d)
    var scores = try Matrix(rows: k, columns: 1)
    try iterativeTopK(
      Matrix(rows: n, columns: d, golden.input(name + ".embs")),
      scores: Matrix(rows: n, columns: 1, golden.input(name + ".scores")),
      over: Ragged(lengths: [n]), count: k, alpha: Float(item["alpha"]?.double ?? 0), into: &y,
      scores: &scores, on: execution)
    for (found, what) in [(y, "embs"), (scores, "scores")] {
      let expected = try golden.output(name + "." + what)
      report.expectWithin(
        found.elements, expected.map(Double.init), tolerance: expected.map { _ in 2e-5 },
        "\(name) \(what) \(execution.label)")
    }
  }
}
