// A frame with two logarithmic axes.

/// A range of values on a logarithmic axis.
struct LogRange {
  private let low: Double
  private let high: Double

  /// Holds all values, with a margin in powers of ten.
  init(_ values: [Double], margin: Double) {
    let logs = values.filter { $0 > 0 && $0.isFinite }.map(decimalLogarithm)
    low = (logs.min() ?? 0) - margin
    high = max((logs.max() ?? 1) + margin, low + 0.5)
  }

  /// Where a value lies, 0 at the low end, 1 at the high end.
  func position(_ x: Double) -> Double {
    (decimalLogarithm(max(x, 1e-300)) - low) / (high - low)
  }

  /// Powers of ten within, and their multiples by 2 … 9.
  var ticks: [(value: Double, isPower: Bool)] {
    var ticks: [(Double, Bool)] = []
    for exponent in Int(low.rounded(.down))...Int(high.rounded(.up)) {
      var power = 1.0
      for _ in 0..<exponent.magnitude { power = exponent < 0 ? power / 10 : power * 10 }
      for k in 1...9 where (0...1).contains(position(power * Double(k))) {
        ticks.append((power * Double(k), k == 1))
      }
    }
    return ticks
  }
}

/// Where values lie in a picture.
struct LogAxes {
  let frame: Box
  let xRange: LogRange
  let yRange: LogRange

  func x(_ value: Double) -> Double { frame.x + frame.width * xRange.position(value) }
  func y(_ value: Double) -> Double { frame.y + frame.height * (1 - yRange.position(value)) }

  /// Grid, frame, figures and titles.
  ///
  /// `xTicks` are the values to write below; nil for powers of ten, and their 2 and 5 if these are
  /// few.
  func draw(_ picture: inout SVG, xTitle: String, yTitle: String, xTicks: [Double]? = nil) {
    let bottom = frame.y + frame.height
    let right = frame.x + frame.width
    let isWritten = { (tick: (value: Double, isPower: Bool), all: Int) in
      // Where there are few powers of ten, 2 and 5 are written too.
      let lead = tick.value / LogAxes.power(below: tick.value)
      return tick.isPower
        || (all < 4 && ((lead - 2).magnitude < 0.01 || (lead - 5).magnitude < 0.01))
    }
    let columns = xTicks?.map { ($0, true) } ?? xRange.ticks.map { ($0.value, $0.isPower) }
    let xPowers = columns.count { $0.1 }
    for (value, isPower) in columns {
      picture.line([(x(value), frame.y), (x(value), bottom)], Ink.grid, width: isPower ? 1.2 : 0.6)
      if xTicks != nil || isWritten((value, isPower), xPowers) {
        picture.line([(x(value), bottom), (x(value), bottom + 5)], Ink.frame)
        picture.text(
          LogAxes.figure(value), x: x(value), y: bottom + 19, size: 12, anchor: "middle")
      }
    }
    let rows = yRange.ticks
    let yPowers = rows.count { $0.isPower }
    for tick in rows {
      let height = y(tick.value)
      picture.line([(frame.x, height), (right, height)], Ink.grid, width: tick.isPower ? 1.2 : 0.6)
      if isWritten(tick, yPowers) {
        picture.line([(frame.x - 5, height), (frame.x, height)], Ink.frame)
        picture.text(
          LogAxes.figure(tick.value), x: frame.x - 8, y: height + 4, size: 12, anchor: "end")
      }
    }
    picture.line(
      [
        (frame.x, frame.y), (right, frame.y), (right, bottom), (frame.x, bottom),
        (frame.x, frame.y),
      ], Ink.frame)
    picture.text(
      xTitle, x: frame.x + frame.width / 2, y: bottom + 40, size: 13, anchor: "middle")
    picture.text(
      yTitle, x: frame.x - 48, y: frame.y + frame.height / 2, size: 13, anchor: "middle", angle: -90
    )
  }

  private static func power(below value: Double) -> Double {
    var power = 1.0
    while power > value * 1.0001 { power /= 10 }
    while power * 10 <= value * 1.0001 { power *= 10 }
    return power
  }

  /// A value as short as it can be: 0.05, 20, 16384.
  static func figure(_ value: Double) -> String {
    if value >= 1 { return fixed(value, 0) }
    var decimals = 1
    var scaled = value * 10
    while scaled < 0.999 && decimals < 12 {
      scaled *= 10
      decimals += 1
    }
    return fixed(value, decimals)
  }
}
