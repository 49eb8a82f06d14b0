// Pictures as SVG 1.1: lines, marks and text, nothing else.

/// A rectangle of a picture, in pixels.
struct Box {
  var x: Double
  var y: Double
  var width: Double
  var height: Double

  /// The area that two rectangles share.
  func overlap(_ other: Box) -> Double {
    let w = min(x + width, other.x + other.width) - max(x, other.x)
    let h = min(y + height, other.y + other.height) - max(y, other.y)
    return w > 0 && h > 0 ? w * h : 0
  }
}

/// Colours that differ in brightness too, on white.
enum Ink {
  static let text = "#1f2328"
  static let quiet = "#656d76"
  static let frame = "#8c959f"
  static let grid = "#e4e8ec"
  static let blue = "#0b5cad"
  static let green = "#1a7f37"
  static let orange = "#bc4c00"
  static let purple = "#8250df"
  static let red = "#cf222e"
  static let teal = "#0f7b83"
  static let pink = "#bf3989"
  static let brown = "#7d4e00"
  static let olive = "#6b7d00"
  static let navy = "#0a3069"
  /// For lines of one picture, in turn.
  static let series = [blue, green, orange, purple, teal, pink, brown, red, olive, navy]
}

/// A picture that grows element by element.
struct SVG {
  let width: Double
  let height: Double
  private var elements: [String] = []

  /// An empty, white picture.
  init(width: Double, height: Double, title: String) {
    self.width = width
    self.height = height
    elements.append("<title>\(SVG.escaped(title))</title>")
    elements.append("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>")
  }

  /// The whole document.
  var document: String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" width="\(SVG.number(width))" \
    height="\(SVG.number(height))" viewBox="0 0 \(SVG.number(width)) \(SVG.number(height))" \
    font-family="Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif">
    \(elements.joined(separator: "\n"))
    </svg>

    """
  }

  /// A polyline.
  mutating func line(
    _ points: [(x: Double, y: Double)], _ color: String, width: Double = 1, dash: String? = nil
  ) {
    let path = points.map { SVG.number($0.x) + "," + SVG.number($0.y) }.joined(separator: " ")
    elements.append(
      "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(color)\" "
        + "stroke-width=\"\(SVG.number(width))\""
        + (dash.map { " stroke-dasharray=\"\($0)\"" } ?? "") + "/>")
  }

  /// What a mark looks like.
  enum Shape {
    case disc, square, triangle, diamond
  }

  /// A mark, or its outline if it is filled with another colour.
  mutating func mark(
    x: Double, y: Double, radius r: Double, _ color: String, fill: String? = nil,
    shape: Shape = .disc
  ) {
    let ink =
      "fill=\"\(fill ?? color)\" stroke=\"\(color)\" stroke-width=\"1.2\"/>"
    let corners: [(Double, Double)]
    switch shape {
    case .disc:
      elements.append(
        "<circle cx=\"\(SVG.number(x))\" cy=\"\(SVG.number(y))\" r=\"\(SVG.number(r))\" " + ink)
      return
    // As large as the disc to the eye.
    case .square:
      let a = 0.9 * r
      corners = [(x - a, y - a), (x + a, y - a), (x + a, y + a), (x - a, y + a)]
    case .triangle:
      corners = [(x - 1.2 * r, y + 0.85 * r), (x, y - 1.25 * r), (x + 1.2 * r, y + 0.85 * r)]
    case .diamond:
      let a = 1.25 * r
      corners = [(x - a, y), (x, y - a), (x + a, y), (x, y + a)]
    }
    let points = corners.map { SVG.number($0.0) + "," + SVG.number($0.1) }
    elements.append("<polygon points=\"\(points.joined(separator: " "))\" " + ink)
  }

  /// Text whose baseline starts, is centred or ends at a point.
  ///
  /// `anchor` is `start`, `middle` or `end`; the angle is in degrees, clockwise, about the point; a
  /// halo is white round the letters, for text that stands on lines.
  mutating func text(
    _ string: String, x: Double, y: Double, size: Double, _ color: String = Ink.text,
    anchor: String = "start", isBold: Bool = false, angle: Double = 0, halo: Bool = false
  ) {
    elements.append(
      "<text x=\"\(SVG.number(x))\" y=\"\(SVG.number(y))\" font-size=\"\(SVG.number(size))\" "
        + "fill=\"\(color)\" text-anchor=\"\(anchor)\"" + (isBold ? " font-weight=\"bold\"" : "")
        + (angle == 0
          ? ""
          : " transform=\"rotate(\(SVG.number(angle)) \(SVG.number(x)) \(SVG.number(y)))\"")
        + (halo ? " stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\"" : "")
        + ">\(SVG.escaped(string))</text>")
  }

  /// The width of text, roughly: letters of a sans-serif face are half as wide as high.
  static func textWidth(_ string: String, size: Double) -> Double {
    0.56 * size * Double(string.count)
  }

  private static func number(_ x: Double) -> String {
    let text = fixed(x.isFinite ? x : 0, 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private static func escaped(_ string: String) -> String {
    var result = ""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      // What XML 1.0 does not allow.
      case "\u{0}"..."\u{8}", "\u{B}", "\u{C}", "\u{E}"..."\u{1F}", "\u{FFFE}", "\u{FFFF}":
        result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

/// Finds places for labels so that they cover neither each other nor anything else.
struct LabelPlacer {
  private var taken: [Box] = []
  private let frame: Box

  init(in frame: Box) { self.frame = frame }

  /// Keeps labels off.
  mutating func block(_ box: Box) { taken.append(box) }

  /// The place nearest to a point that covers least.
  mutating func place(width: Double, height: Double, near x: Double, _ y: Double) -> Box {
    var best = Box(x: x, y: y, width: width, height: height)
    var least = Double.infinity
    for distance in stride(from: 3.0, through: 60, by: 3) {
      for (dx, dy) in [
        (1.0, 0.0), (-1, 0), (0, -1), (0, 1), (0.8, -0.8), (-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8),
      ] {
        let box = Box(
          x: x + dx * (distance + width / 2) - width / 2,
          y: y + dy * (distance + height / 2) - height / 2, width: width, height: height)
        let outside = width * height - box.overlap(frame)
        let wide = Box(x: box.x - 2, y: box.y - 1, width: width + 4, height: height + 2)
        let cost = taken.reduce(outside * 10) { $0 + $1.overlap(wide) } * 10 + distance
        if cost < least {
          least = cost
          best = box
        }
      }
    }
    taken.append(best)
    return best
  }
}
