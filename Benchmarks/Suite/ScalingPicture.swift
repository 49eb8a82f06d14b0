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

/// Microseconds a token of PoNet's layers and of pooling kernels, with a quadratic line to compare.
func scalingPicture(_ results: BenchmarkResults) -> String {
  let series = ScalingSeries.all(results)
  var picture = SVG(width: 900, height: 560, title: "Time for a token against the length")
  picture.text(
    "Time for a token against the length: flat is linear time", x: 70, y: 28, size: 17,
    isBold: true)
  let set = results.machine?.instructionSet.rawValue ?? ""
  picture.text(
    "\(processorName()), \(currentDate().prefix(10)); float32, 768 columns, \(set), medians; "
      + "kernels rise where their rows outgrow a cache",
    x: 70, y: 48, size: 12, Ink.quiet)
  let points = series.flatMap(\.points)
  let lengths = Set(points.map(\.n)).sorted().map(Double.init)
  let reference = series.first.flatMap { $0.quadratic(lengths) }
  let axes = LogAxes(
    frame: Box(x: 70, y: 64, width: 560, height: 430),
    xRange: LogRange(lengths, margin: 0.06),
    yRange: LogRange(points.map(\.time) + (reference?.points.map(\.time) ?? []), margin: 0.2))
  axes.draw(
    &picture, xTitle: "n, tokens in the text (or rows)", yTitle: "µs for a token",
    xTicks: lengths)
  var labels: [(y: Double, name: String, color: String)] = []
  for (i, line) in (series + [reference].compactMap { $0 }).enumerated() {
    let isReference = i == series.count
    let color = isReference ? Ink.quiet : Ink.series[i % Ink.series.count]
    let marks = line.points.map { (x: axes.x(Double($0.n)), y: axes.y($0.time)) }
    picture.line(
      marks, color, width: line.isModel ? 2.2 : 1.5, dash: isReference ? "7 5" : nil)
    if !isReference {
      for mark in marks { picture.mark(x: mark.x, y: mark.y, radius: 3.4, color) }
    }
    if let last = marks.last { labels.append((last.y, line.name, color)) }
  }
  // From the top down, each at least a line below the one before; back up if the last falls out.
  labels.sort { $0.y < $1.y }
  let step = 17.0
  for i in labels.indices.dropFirst() { labels[i].y = max(labels[i].y, labels[i - 1].y + step) }
  if let last = labels.last, last.y > 494 {
    labels[labels.count - 1].y = 494
    for i in labels.indices.dropLast().reversed() {
      labels[i].y = min(labels[i].y, labels[i + 1].y - step)
    }
  }
  for label in labels {
    picture.text(label.name, x: 642, y: label.y + 4, size: 12, label.color)
  }
  if series.isEmpty {
    picture.text(
      "nothing measured at two lengths", x: 350, y: 280, size: 14, Ink.quiet, anchor: "middle")
  }
  return picture.document
}

private struct ScalingSeries {
  var name: String
  var isModel: Bool
  /// Microseconds a token.
  var points: [(n: Int, time: Double)]

  /// Models by threads, then kernels; whatever has at least two lengths.
  static func all(_ results: BenchmarkResults) -> [ScalingSeries] {
    let models = results.rows.filter { $0.group == .models }
    let set = results.machine?.instructionSet
    var series: [ScalingSeries] = []
    for threads in Set(models.map(\.threads)).sorted() {
      let rows = models.filter { $0.threads == threads }
      let layers = rows.first?.counters.first { $0.0 == "layers" }?.1 ?? 1
      let part = layers == 1 ? "" : " / \(fixed(layers, 0)) layers"
      series.append(
        ScalingSeries(
          name: "\(rows[0].operation)\(part), \(threads) thread\(threads == 1 ? "" : "s")",
          isModel: true, points: points(rows, parts: layers)))
    }
    let kernels = results.rows.filter {
      $0.instructionSet == set && $0.group == .pooling
        && ScalingPicture.kernels.contains($0.operation)
    }
    for name in Set(kernels.map(\.operation)).sorted() {
      series.append(
        ScalingSeries(
          name: name, isModel: false,
          points: points(kernels.filter { $0.operation == name }, parts: 1)))
    }
    return series.filter { $0.points.count > 1 }
  }

  private static func points(_ rows: [Row], parts: Double) -> [(n: Int, time: Double)] {
    rows.compactMap { row in
      row.length.map { ($0, row.timing.median * 1e6 / Double($0) / parts) }
    }.sorted { $0.0 < $1.0 }
  }

  /// What the series would be if all of its time grew with n².
  func quadratic(_ lengths: [Double]) -> ScalingSeries? {
    guard let first = points.first else { return nil }
    return ScalingSeries(
      name: "reference, not measured: time ~ n²", isModel: false,
      points: lengths.filter { $0 >= Double(first.n) }.map {
        (n: Int($0), time: first.time * $0 / Double(first.n))
      })
  }
}
