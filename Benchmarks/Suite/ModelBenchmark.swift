// BERT, FNet, Funnel and PoNet of one width and depth: time and memory against the length of the text.

import Tarn

/// Time and memory of the hidden states; models, thread counts and rounds are interleaved.
///
/// The models are BERT, FNet, Funnel and PoNet with random weights, or the checkpoint of the settings.
func benchmarkModels(_ settings: BenchmarkSettings, _ output: BenchmarkOutput) throws -> [Row] {
  let lengths =
    settings.lengths
    ?? (settings.isQuick ? [64, 128, 256] : (7...14).map { 1 << $0 })
  func isWanted(_ name: String, _ shape: ModelShape, _ threads: Int) -> Bool {
    settings.includes("\(name)/\(shape.name(threads))", "models")
  }
  let shapes = lengths.flatMap { n in settings.batches.map { ModelShape(n: n, batch: $0) } }
  func isWanted(_ name: String) -> Bool {
    shapes.contains { shape in
      settings.modelThreads.contains { isWanted(name, shape, $0) }
    }
  }
  let models = try timedModels(settings, longest: lengths.max() ?? 1, output, where: isWanted)
  guard let first = models.first else { return [] }
  output.line(
    settings.modelDirectory.map { "\($0): hidden states, medians;" }
      ?? "random weights, \(first.layers) layers: hidden states, medians;")
  output.line(
    "\(first.execution.instructionSet.rawValue); MB: most memory in a call beside what was resident; "
      + "x BERT, x FNet: their time over this one's")
  output.line(
    column("model", 20) + column("n", 8) + column("batch", 7) + column("threads", 9)
      + "    median       best   tokens/s  GFLOP/s        MB  x BERT  x FNet")
  var rows: [Row] = []
  var rates: [String: Double] = [:]
  for shape in shapes {
    var runs: [ModelRun] = []
    for model in models where isWanted(model.name, shape, model.execution.threads) {
      let rate = rates["\(model.name) \(model.execution.threads)"]
      if let rate, shape.operations(model) / rate > ModelRun.longestCall {
        output.line(
          column(model.name, 20) + "\(shape.name(model.execution.threads)): left out, a call would "
            + "take about \(fixed(shape.operations(model) / rate, 0)) s")
        continue
      }
      output.progress("\(model.name)/\(shape.name(model.execution.threads))")
      runs.append(try ModelRun(model, shape, settings))
    }
    for round in 0..<(runs.map(\.rounds).max() ?? 0) {
      for i in runs.indices where round < runs[i].rounds {
        output.progress("\(runs[i].model.name)/\(shape.name(runs[i].model.execution.threads))")
        try runs[i].repeatOnce()
      }
    }
    for run in runs {
      let row = run.row(beside: runs)
      rates["\(run.model.name) \(run.model.execution.threads)"] = row.rate
      output.line(run.line(row))
      rows.append(row)
    }
  }
  for threads in settings.modelThreads {
    for line in comparison(rows.filter { $0.threads == threads }, settings) { output.line(line) }
  }
  return rows
}

/// The models of the settings, each on each number of threads.
private func timedModels(
  _ settings: BenchmarkSettings, longest: Int, _ output: BenchmarkOutput,
  where isWanted: (String) -> Bool
) throws -> [TimedModel] {
  if let directory = settings.modelDirectory {
    output.progress(directory)
    return try settings.modelThreads.map {
      try TimedModel(directory: directory, threads: $0, settings)
    }.filter { isWanted($0.name) }
  }
  return try EncoderKind.allCases.filter { isWanted($0.name(settings)) }.flatMap { kind in
    output.progress("\(kind.name(settings)): random weights")
    let encoder = try RandomEncoder(kind, settings, longest: longest)
    return try settings.modelThreads.map { try encoder.model($0, settings) }
  }
}

/// So many texts of so many tokens.
private struct ModelShape {
  let n: Int
  let batch: Int

  /// `n=512/threads=1`; a batch of more than one text comes between.
  func name(_ threads: Int) -> String {
    "n=\(n)/" + (batch == 1 ? "" : "batch=\(batch)/") + "threads=\(threads)"
  }

  func operations(_ model: TimedModel) -> Double { Double(batch) * model.operations(n) }
}

/// One model at one shape.
private struct ModelRun {
  /// Seconds beyond which a call is not tried.
  static let longestCall = 300.0
  /// Seconds beyond which a call is not repeated.
  private static let longestRepeated = 60.0

  let model: TimedModel
  let shape: ModelShape
  /// Rounds that are still to come after the first call.
  let rounds: Int
  private let body: () throws -> Void
  private let repetitions: Int
  private let peak: Int?
  private var timing = Timing()

  /// Makes the first call: it warms up, says how much memory is needed, and counts as a round if it
  /// is long.
  init(_ model: TimedModel, _ shape: ModelShape, _ settings: BenchmarkSettings) throws {
    self.model = model
    self.shape = shape
    body = model.hiddenStates(shape.batch, shape.n)
    var first = Timing()
    let body = body
    peak = try peakMemory { try first.add(1, of: body) }
    let time = first.best
    let counts = time >= 1
    if counts { timing = first }
    repetitions = settings.isQuick ? 1 : max(1, Int((0.3 / time).rounded(.up)))
    let all =
      settings.modelRounds
      ?? (settings.isQuick || time > 5 ? 3 : 5)
    rounds = counts && time > ModelRun.longestRepeated ? 0 : all - (counts ? 1 : 0)
  }

  mutating func repeatOnce() throws { try timing.add(repetitions, of: body) }

  /// The figures; `others` are timed at the same shape.
  func row(beside others: [ModelRun]) -> Row {
    let tokens = Double(shape.batch * shape.n)
    var counters = [
      ("batch", Double(shape.batch)), ("tokens_per_second", tokens / timing.median),
      ("sequences_per_second", Double(shape.batch) / timing.median),
      ("layers", Double(model.layers)),
    ]
    if let peak { counters.append(("peak_bytes", Double(peak))) }
    // A checkpoint has nobody beside it.
    let kinds: [EncoderKind] = Set(others.map(\.model.name)).count > 1 ? [.bert, .fNet] : []
    for kind in kinds {
      let other = others.first {
        $0.model.kind == kind && $0.model.execution.threads == model.execution.threads
      }
      if let other {
        counters.append((ratioName(kind), other.timing.median / timing.median))
      }
    }
    return Row(
      variant: model.name, shape: shape.name(model.execution.threads), group: .models,
      operation: model.name, instructionSet: model.execution.instructionSet, timing: timing,
      threads: model.execution.threads, operations: shape.operations(model), length: shape.n,
      counters: counters)
  }

  func line(_ row: Row) -> String {
    let counter = { (name: String) in row.counters.first { $0.0 == name }?.1 ?? .nan }
    return column(model.name, 20) + column("\(shape.n)", 8) + column("\(shape.batch)", 7)
      + column("\(row.threads)", 9) + duration(timing.median) + " " + duration(timing.best)
      + fixed(counter("tokens_per_second"), 0, width: 11)
      + fixed((row.rate ?? .nan) / 1e9, 1, width: 9)
      + fixed(counter("peak_bytes") / 1e6, 1, width: 10)
      + fixed(counter(ratioName(.bert)), 2, width: 8)
      + fixed(counter(ratioName(.fNet)), 2, width: 8)
  }
}

/// The counter of another model's time over this one's.
private func ratioName(_ kind: EncoderKind) -> String { "\(kind.rawValue)_time_ratio" }

/// Where PoNet passes BERT, and how it stands to FNet, in words.
private func comparison(_ rows: [Row], _ settings: BenchmarkSettings) -> [String] {
  guard settings.modelDirectory == nil, let threads = rows.first?.threads else { return [] }
  func ratios(_ kind: EncoderKind) -> [(n: Int, ratio: Double)] {
    rows.compactMap { row in
      guard row.operation == EncoderKind.poNet.name(settings), let n = row.length,
        row.counters.contains(where: { $0.0 == "batch" && $0.1 == Double(settings.batches[0]) }),
        let ratio = row.counters.first(where: { $0.0 == ratioName(kind) })?.1
      else { return nil }
      return (n, ratio)
    }.sorted { $0.n < $1.n }
  }
  let start = "\(threads) thread\(threads == 1 ? "" : "s"): "
  var lines: [String] = []
  let bert = ratios(.bert)
  if !bert.isEmpty { lines.append(start + crossing(bert)) }
  let fNet = ratios(.fNet).map { "\(fixed(1 / $0.ratio, 2)) at n = \($0.n)" }
  if !fNet.isEmpty {
    lines.append(start + "PoNet's time over FNet's is \(fNet.joined(separator: ", "))")
  }
  return lines
}

/// From which length on PoNet is faster; `ratios` are BERT's time over PoNet's, at rising lengths.
private func crossing(_ ratios: [(n: Int, ratio: Double)]) -> String {
  let shown = { (point: (n: Int, ratio: Double)) in
    "\(fixed(point.ratio, 2)) at n = \(point.n)"
  }
  let first = ratios[0]
  let last = ratios[ratios.count - 1]
  let ends = "BERT's time over PoNet's is " + ratios.map(shown).joined(separator: ", ")
  guard last.ratio > 1 else {
    return "PoNet does not pass BERT up to n = \(last.n): " + ends
  }
  guard let slower = ratios.lastIndex(where: { $0.ratio <= 1 }) else {
    return "PoNet is faster than BERT from the first length, n = \(first.n), on: " + ends
  }
  // The ratio is drawn as a straight line between two lengths, both on logarithmic axes.
  let (a, b) = (ratios[slower], ratios[slower + 1])
  let share = -decimalLogarithm(a.ratio) / decimalLogarithm(b.ratio / a.ratio)
  let n = power(Double(b.n) / Double(a.n), share) * Double(a.n)
  return "PoNet passes BERT at about n = \(fixed(n, 0)), between \(a.n) and \(b.n): " + ends
}
