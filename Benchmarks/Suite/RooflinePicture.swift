// The roofline: what each kernel reaches of what memory and arithmetic allow (Williams, Waterman,
// Patterson 2009).

import Tarn

/// Operations a byte against operations a second, under the measured roofs of the last instruction set.
///
/// A kernel is a number with a mark for each length; those whose operations nobody counted, or that
/// have none, are named below; gradients are left out.
func rooflinePicture(_ results: BenchmarkResults) -> String {
  let set = results.machine?.instructionSet
  let rows = results.rows.filter {
    $0.instructionSet == set && $0.threads == 1
      && [.rows, .pooling, .matmul].contains($0.group) && $0.bytes != nil
      && ($0.length != nil || $0.group == .matmul) && !$0.operation.hasSuffix("-gradient")
  }
  let kernels = RooflineKernel.all(rows)
  let keyRows = (kernels.count + 2) / 3
  let others = Set(rows.filter { $0.operations == nil }.map(\.operation)).sorted()
  let notes =
    [
      "An operation is any arithmetic of one lane, a multiply-add two. Marks are medians; a line joins "
        + "the lengths of a kernel."
    ]
    + (others.isEmpty
      ? [] : lines("Not counted, not shown: " + others.joined(separator: ", "), width: 130))
  let keyTop = 598.0
  let noteTop = keyTop + 38 + 17 * Double(keyRows)
  let height = noteTop + 16 * Double(notes.count) - 2
  var picture = SVG(width: 900, height: height, title: "Roofline")
  picture.text(
    "Roofline: float32, one thread, \(set?.rawValue ?? "")", x: 70, y: 28, size: 17, isBold: true)
  picture.text(
    "\(processorName()), \(currentDate().prefix(10)); roofs measured in the same run",
    x: 70, y: 48, size: 12, Ink.quiet)
  let levels = results.machine?.levels ?? []
  let peak = (results.machine?.peak ?? 1e9) / 1e9
  let points = kernels.flatMap(\.points)
  let intensities = points.map(\.intensity)
  let slowest = levels.map(\.best).min() ?? 1e9
  // Room for the roofs' names on the left.
  let left = (intensities.min() ?? 0.1) / 3
  let axes = LogAxes(
    frame: Box(x: 70, y: 64, width: 806, height: 470),
    xRange: LogRange(intensities + [left, peak * 1e9 / slowest * 3], margin: 0.1),
    yRange: LogRange(
      points.map(\.rate) + [peak * 1.4, slowest / 1e9 * left], margin: 0.1))
  axes.draw(
    &picture, xTitle: "arithmetic intensity: operations a byte that must move",
    yTitle: "GFLOP/s")
  var placer = LabelPlacer(in: axes.frame)
  drawRoofs(&picture, axes, &placer, left: left / 1.2, peak: peak, levels)
  for point in points {
    placer.block(
      Box(x: axes.x(point.intensity) - 5, y: axes.y(point.rate) - 5, width: 10, height: 10))
  }
  for kernel in kernels {
    let marks = kernel.points.map { (x: axes.x($0.intensity), y: axes.y($0.rate)) }
    picture.line(marks, kernel.color, width: 0.8)
  }
  let lengths = Array(Set(kernels.flatMap { $0.points.compactMap(\.length) })).sorted()
  for kernel in kernels {
    for point in kernel.points {
      picture.mark(
        x: axes.x(point.intensity), y: axes.y(point.rate), radius: 3.6, kernel.color,
        fill: shade(point.length, lengths, kernel.color))
    }
  }
  for (i, kernel) in kernels.enumerated() {
    guard let point = kernel.points.max(by: { $0.rate < $1.rate }) else { continue }
    let text = "\(i + 1)"
    let (x, y) = (axes.x(point.intensity), axes.y(point.rate))
    let box = placer.place(
      width: SVG.textWidth(text, size: 11), height: 10, near: x, y)
    let (cx, cy) = (box.x + box.width / 2, box.y + box.height / 2)
    if (cx - x).magnitude + (cy - y).magnitude > 18 {
      picture.line([(x, y), (cx, cy)], kernel.color, width: 0.5)
    }
    picture.text(
      text, x: cx, y: box.y + 9, size: 11, kernel.color, anchor: "middle", isBold: true, halo: true)
  }
  drawKey(&picture, kernels, lengths, top: keyTop)
  for (i, note) in notes.enumerated() {
    picture.text(note, x: 70, y: noteTop + 16 * Double(i), size: 12, Ink.quiet)
  }
  return picture.document
}

private struct RooflinePoint {
  var intensity: Double
  /// In 10⁹ operations a second.
  var rate: Double
  /// Rows of 768; nil for products.
  var length: Int?
}

private struct RooflineKernel {
  var name: String
  var color: String
  var points: [RooflinePoint]

  /// By group, then by intensity.
  static func all(_ rows: [Row]) -> [RooflineKernel] {
    var kernels: [(group: Measurement, kernel: RooflineKernel)] = []
    // Lengths of which only a few kernels have a row belong to the other picture.
    let counts = Dictionary(grouping: rows.compactMap(\.length)) { $0 }.mapValues(\.count)
    let most = counts.values.max() ?? 0
    for row in rows {
      guard let bytes = row.bytes, let operations = row.operations, operations > 0, bytes > 0,
        let rate = row.rate
      else { continue }
      if let length = row.length, counts[length] ?? 0 < most / 2 { continue }
      let point = RooflinePoint(
        intensity: operations / bytes, rate: rate / 1e9, length: row.length)
      if let i = kernels.firstIndex(where: { $0.kernel.name == row.operation }) {
        kernels[i].kernel.points.append(point)
      } else {
        let color =
          row.group == .rows ? Ink.blue : row.group == .pooling ? Ink.green : Ink.orange
        kernels.append(
          (row.group, RooflineKernel(name: row.operation, color: color, points: [point])))
      }
    }
    let order: [Measurement] = [.rows, .pooling, .matmul]
    return kernels.sorted { a, b in
      let (i, j) = (order.firstIndex(of: a.group) ?? 3, order.firstIndex(of: b.group) ?? 3)
      return (i, a.kernel.points[0].intensity, a.kernel.name)
        < (j, b.kernel.points[0].intensity, b.kernel.name)
    }.map(\.kernel)
  }
}

/// Full for the shortest length, white for the longest, light between.
private func shade(_ length: Int?, _ lengths: [Int], _ color: String) -> String {
  guard let length, lengths.count > 1 else { return color }
  if length == lengths.first { return color }
  return length == lengths.last ? "#ffffff" : color + "66"
}

private func drawRoofs(
  _ picture: inout SVG, _ axes: LogAxes, _ placer: inout LabelPlacer, left: Double, peak: Double,
  _ levels: [LevelBandwidth]
) {
  let right = axes.frame.x + axes.frame.width
  let ridge = levels.map { peak * 1e9 / $0.best }.min() ?? left
  picture.line([(axes.x(ridge), axes.y(peak)), (right, axes.y(peak))], Ink.text, width: 1.6)
  let peakName = "multiply-add peak, \(fixed(peak, 0)) GFLOP/s"
  picture.text(
    peakName, x: right - 8, y: axes.y(peak) - 7, size: 12, anchor: "end", halo: true)
  placer.block(
    Box(
      x: right - 8 - SVG.textWidth(peakName, size: 12), y: axes.y(peak) - 18,
      width: SVG.textWidth(peakName, size: 12), height: 16))
  placer.block(Box(x: axes.x(ridge), y: axes.y(peak) - 1, width: right - axes.x(ridge), height: 2))
  var previous = Double.infinity
  for level in levels.sorted(by: { $0.best > $1.best }) {
    let bandwidth = level.best / 1e9
    let points = [
      (x: axes.x(left), y: axes.y(left * bandwidth)),
      (x: axes.x(peak / bandwidth), y: axes.y(peak)),
    ]
    picture.line(points, Ink.text, width: 1.1)
    // Above its line, below it if another line is close above.
    let isBelow = previous / bandwidth < 1.6
    previous = bandwidth
    let slope = (points[1].y - points[0].y) / (points[1].x - points[0].x)
    let name = "\(level.name), \(fixed(bandwidth, 0)) GB/s"
    let (x, y) = (axes.x(left * 1.1), axes.y(left * 1.1 * bandwidth) + (isBelow ? 16 : -5))
    picture.text(
      name, x: x, y: y, size: 12,
      angle: degrees(rise: points[1].y - points[0].y, run: points[1].x - points[0].x), halo: true)
    for i in 0..<8 {
      let dx = Double(i) * 14
      placer.block(Box(x: x + dx, y: y + dx * slope - 12, width: 16, height: 14))
    }
  }
}

private func drawKey(
  _ picture: inout SVG, _ kernels: [RooflineKernel], _ lengths: [Int], top: Double
) {
  var x = 70.0
  for (name, color) in [
    ("row kernels", Ink.blue), ("pooling", Ink.green), ("matmul", Ink.orange),
  ] where kernels.contains(where: { $0.color == color }) {
    picture.mark(x: x + 5, y: top - 4, radius: 4, color)
    picture.text(name, x: x + 14, y: top, size: 12)
    x += 30 + SVG.textWidth(name, size: 12)
  }
  x += 20
  for length in lengths {
    let name = "\(length) × 768"
    picture.mark(
      x: x + 5, y: top - 4, radius: 4, Ink.text, fill: shade(length, lengths, Ink.text))
    picture.text(name, x: x + 14, y: top, size: 12)
    x += 30 + SVG.textWidth(name, size: 12)
  }
  let count = (kernels.count + 2) / 3
  for (i, kernel) in kernels.enumerated() {
    let x = 70 + 272 * Double(i / max(1, count))
    let y = top + 24 + 17 * Double(i % max(1, count))
    picture.text("\(i + 1)", x: x + 18, y: y, size: 12, kernel.color, anchor: "end", isBold: true)
    picture.text(kernel.name, x: x + 26, y: y, size: 12)
  }
}

/// Text in lines of at most so many characters, broken at spaces.
private func lines(_ text: String, width: Int) -> [String] {
  var lines = [""]
  for word in text.split(separator: " ") {
    let last = lines[lines.count - 1]
    if last.isEmpty {
      lines[lines.count - 1] = String(word)
    } else if last.count + 1 + word.count <= width {
      lines[lines.count - 1] = last + " " + word
    } else {
      lines.append(String(word))
    }
  }
  return lines
}
