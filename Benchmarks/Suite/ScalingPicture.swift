// Time for a token against the length: flat where the time grows in proportion to the length.

import Tarn

/// What the picture over the length shows.
enum ScalingPicture {
  /// Kernels that get more lengths than the tables show.
  static let kernels: Set<String> = [
    "masked-mean", "segment-max", "sliding-max-3", "global-aggregation", "fuse",
    "strided-mean", "soft-top-k", "fourier-mix",
  ]
}

/// Microseconds a token of models, then time and memory of Pyramidion's encoder, then microseconds a row
/// of pooling kernels; what was not measured is left out.
func scalingPicture(_ results: BenchmarkResults) -> String {
  let models = ScalingSeries.models(results.rows)
  let kernels = ScalingSeries.kernels(results)
  let layers = Set(
    results.rows.filter { $0.group == .models }
      .compactMap { row in row.counters.first { $0.0 == "layers" }?.1 })
  var panels: [ScalingPanel] = []
  if !models.isEmpty {
    let set = results.rows.first { $0.group == .models }?.instructionSet?.rawValue ?? ""
    panels.append(
      ScalingPanel(
        title: "Time for a token against the length of the text: flat is linear time",
        subtitle: (layers.count == 1 ? layers.map { "\(fixed($0, 0)) layers, " }.joined() : "")
          + "float32, \(set), medians of the hidden states of one text",
        xTitle: "n, tokens in the text", yTitle: "µs for a token", series: models,
        references: ScalingSeries.references(models)))
  }
  let encoders = results.rows.filter {
    $0.group == .pyramidion && $0.operation.contains("encode")
  }
  let set = encoders.first?.instructionSet?.rawValue ?? ""
  let times = ScalingSeries.pyramidion(encoders) { $0.timing.median * 1e6 / Double($1) }
  if !times.isEmpty {
    panels.append(
      ScalingPanel(
        title: "Pyramidion's encoder: time for a token against the length of the document",
        subtitle:
          "6 layers, d = 512, chunks of 512, \(set), medians; pooled: rows halve down to 512",
        xTitle: "n, tokens in the document", yTitle: "µs for a token", series: times,
        references: ScalingSeries.references(times)))
    let peaks = ScalingSeries.pyramidion(encoders.filter { $0.threads == 1 }) { row, _ in
      row.counters.first { $0.0 == "peak_bytes" }.map { $0.1 / 1e6 }
    }
    if !peaks.isEmpty {
      panels.append(
        ScalingPanel(
          title: "Memory of the encoder beside its weights",
          subtitle: "most that a call holds", xTitle: "n, tokens in the document", yTitle: "MB",
          series: peaks, references: []))
    }
  }
  if !kernels.isEmpty || panels.isEmpty {
    panels.append(
      ScalingPanel(
        title: "Time for a row against the number of rows: flat is linear time",
        subtitle: "float32, 768 columns, \(results.machine?.instructionSet.rawValue ?? ""), one "
          + "thread, medians; kernels rise where their rows outgrow a cache",
        xTitle: "n, rows", yTitle: "µs for a row", series: kernels,
        references: kernels.first.map { [$0.quadratic(from: 0)] } ?? []))
  }
  var picture = SVG(
    width: 900, height: ScalingPanel.height * Double(panels.count),
    title: "Time for a token against the length")
  for (i, panel) in panels.enumerated() {
    panel.draw(&picture, top: ScalingPanel.height * Double(i))
  }
  return picture.document
}

/// One frame with its lines.
private struct ScalingPanel {
  static let height = 560.0

  var title: String
  var subtitle: String
  var xTitle: String
  var yTitle: String
  var series: [ScalingSeries]
  var references: [ScalingSeries]

  func draw(_ picture: inout SVG, top: Double) {
    picture.text(title, x: 70, y: top + 28, size: 17, isBold: true)
    picture.text(
      "\(processorName()), \(currentDate().prefix(10)); \(subtitle)", x: 70, y: top + 48, size: 12,
      Ink.quiet)
    let points = series.flatMap(\.points)
    let lengths = Set(points.map(\.n)).sorted().map(Double.init)
    let bottom = top + 494
    let axes = LogAxes(
      frame: Box(x: 70, y: top + 64, width: 560, height: bottom - top - 64),
      xRange: LogRange(lengths, margin: 0.06),
      yRange: LogRange((series + references).flatMap(\.points).map(\.time), margin: 0.2))
    axes.draw(&picture, xTitle: xTitle, yTitle: yTitle, xTicks: lengths)
    guard !series.isEmpty else {
      picture.text(
        "nothing measured at two lengths", x: 350, y: top + 280, size: 14, Ink.quiet,
        anchor: "middle")
      return
    }
    var labels: [(y: Double, series: ScalingSeries)] = []
    for line in references + series {
      let marks = line.points.map { (x: axes.x(Double($0.n)), y: axes.y($0.time)) }
      picture.line(marks, line.color, width: line.width, dash: line.dash)
      for mark in marks { line.mark(&picture, x: mark.x, y: mark.y) }
      if let last = marks.last { labels.append((last.y, line)) }
    }
    // From the top down, each at least a line below the one before; back up if the last falls out.
    labels.sort { $0.y < $1.y }
    let step = 17.0
    for i in labels.indices.dropFirst() { labels[i].y = max(labels[i].y, labels[i - 1].y + step) }
    if let last = labels.last, last.y > bottom {
      labels[labels.count - 1].y = bottom
      for i in labels.indices.dropLast().reversed() {
        labels[i].y = min(labels[i].y, labels[i + 1].y - step)
      }
    }
    for (y, line) in labels {
      picture.line([(642, y), (666, y)], line.color, width: line.width, dash: line.dash)
      line.mark(&picture, x: 654, y: y)
      picture.text(line.name, x: 673, y: y + 4, size: 12, line.color)
    }
  }
}

private struct ScalingSeries {
  var name: String
  var color: String
  var width = 1.5
  var dash: String?
  /// Nil: a line without marks.
  var shape: SVG.Shape? = .disc
  var isFilled = true
  /// Microseconds a token.
  var points: [(n: Int, time: Double)]

  func mark(_ picture: inout SVG, x: Double, y: Double) {
    guard let shape else { return }
    picture.mark(
      x: x, y: y, radius: width > 2 ? 4.2 : 3.4, color, fill: isFilled ? nil : "#ffffff",
      shape: shape)
  }

  /// Each model on each number of threads, by itself if in batches; hollow on more than one thread.
  static func models(_ rows: [Row]) -> [ScalingSeries] {
    let models = rows.filter { row in
      row.group == .models && row.counters.contains { $0.0 == "batch" && $0.1 == 1 }
    }
    let names = unique(models.map(\.operation))
    let looks: [(String, SVG.Shape)] = [
      (Ink.blue, .disc), (Ink.orange, .square), (Ink.purple, .diamond), (Ink.green, .triangle),
    ]
    return names.enumerated().flatMap { i, name in
      Set(models.map(\.threads)).sorted().map { threads in
        ScalingSeries(
          name: "\(name), \(threads) thread\(threads == 1 ? "" : "s")",
          color: looks[i % looks.count].0, width: 2.2, dash: threads == 1 ? nil : "5 3",
          shape: looks[i % looks.count].1, isFilled: threads == 1,
          points: points(models.filter { $0.operation == name && $0.threads == threads }))
      }
    }.filter { $0.points.count > 1 }
  }

  /// Each form on each number of threads; hollow on more than one thread.
  static func pyramidion(
    _ rows: [Row], _ value: (Row, Int) -> Double?
  ) -> [ScalingSeries] {
    unique(rows.map(\.operation)).enumerated().flatMap { i, name in
      Set(rows.map(\.threads)).sorted().map { threads in
        ScalingSeries(
          name: "\(name.split(separator: "-").last ?? ""), "
            + "\(threads) thread\(threads == 1 ? "" : "s")",
          color: i == 0 ? Ink.blue : Ink.orange, width: 2.2, dash: threads == 1 ? nil : "5 3",
          shape: i == 0 ? .disc : .square, isFilled: threads == 1,
          points: rows.filter { $0.operation == name && $0.threads == threads }
            .compactMap { row in row.length.flatMap { n in value(row, n).map { (n, $0) } } }
            .sorted { $0.0 < $1.0 })
      }
    }.filter { $0.points.count > 1 }
  }

  /// Kernels of the last instruction set.
  static func kernels(_ results: BenchmarkResults) -> [ScalingSeries] {
    let kernels = results.rows.filter {
      $0.instructionSet == results.machine?.instructionSet && $0.group == .pooling
        && ScalingPicture.kernels.contains($0.operation)
    }
    return Set(kernels.map(\.operation)).sorted().enumerated().map { i, name in
      ScalingSeries(
        name: name, color: Ink.series[i % Ink.series.count],
        points: points(kernels.filter { $0.operation == name }))
    }.filter { $0.points.count > 1 }
  }

  /// Linear time through the first point of the fastest model at the end, quadratic time through the
  /// last point of the slowest, both on the fewest threads.
  static func references(_ models: [ScalingSeries]) -> [ScalingSeries] {
    let solid = models.filter(\.isFilled)
    let candidates = (solid.isEmpty ? models : solid)
      .sorted { ($0.points.last?.time ?? 0) < ($1.points.last?.time ?? 0) }
    guard let fast = candidates.first, let slow = candidates.last else { return [] }
    let least = models.flatMap(\.points).map(\.time).min() ?? 0
    return [fast.linear(), slow.quadratic(from: least)]
  }

  /// What the series would be if all of its time were in proportion to n: flat, through its first
  /// point.
  private func linear() -> ScalingSeries {
    reference("time ~ n", dash: "2 4") { _ in points[0].time }
  }

  /// What the series would be if all of its time grew with n²: through its first point, or from
  /// `least` up to its last.
  func quadratic(from least: Double) -> ScalingSeries {
    let anchor = least == 0 ? points[0] : points[points.count - 1]
    var line = reference("time ~ n²", dash: "7 5") { anchor.time * Double($0) / Double(anchor.n) }
    line.points.removeAll { $0.time < least }
    return line
  }

  private func reference(
    _ name: String, dash: String, _ time: (Int) -> Double
  ) -> ScalingSeries {
    ScalingSeries(
      name: "reference, not measured: \(name)", color: Ink.quiet, dash: dash, shape: nil,
      points: points.map { ($0.n, time($0.n)) })
  }

  private static func points(_ rows: [Row]) -> [(n: Int, time: Double)] {
    rows.compactMap { row in
      row.length.map { ($0, row.timing.median * 1e6 / Double($0)) }
    }.sorted { $0.0 < $1.0 }
  }

  private static func unique(_ names: [String]) -> [String] {
    names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }
}
