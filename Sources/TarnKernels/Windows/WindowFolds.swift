// What is made of two rows of a window.

/// Joins rows of a window, the earlier first.
///
/// A caseless type rather than a function: it is a parameter of generic code that is inlined.
protocol WindowFold {
  /// Whether a chain goes in chunks of ``Blocking/tokens`` rows; else the order makes no difference.
  static var isSum: Bool { get }
  /// Whether a row is divided by the tokens of its window before it is joined.
  static var isWeighted: Bool { get }
  static func join(_ first: Lanes, _ second: Lanes) -> Lanes
  /// The result, given the number of tokens.
  static func finish(_ x: Lanes, _ count: Lanes) -> Lanes
}

enum LargerFold: WindowFold {
  static var isSum: Bool { false }
  static var isWeighted: Bool { false }
  /// As ``maximum(_:)``: NaN if either is NaN; of two zeros the first.
  ///
  /// In this form NaN of the second row is found beside the chain of maxima, not in it.
  @inline(__always)
  static func join(_ first: Lanes, _ second: Lanes) -> Lanes {
    first.replacing(with: second, where: second .> first)
      .replacing(with: second, where: second .!= second)
  }
  @inline(__always)
  static func finish(_ x: Lanes, _ count: Lanes) -> Lanes { x }
}

enum SmallerFold: WindowFold {
  static var isSum: Bool { false }
  static var isWeighted: Bool { false }
  /// NaN if either is NaN; of two zeros the first.
  @inline(__always)
  static func join(_ first: Lanes, _ second: Lanes) -> Lanes {
    first.replacing(with: second, where: second .< first)
      .replacing(with: second, where: second .!= second)
  }
  @inline(__always)
  static func finish(_ x: Lanes, _ count: Lanes) -> Lanes { x }
}

enum SumFold: WindowFold {
  static var isSum: Bool { true }
  static var isWeighted: Bool { false }
  @inline(__always)
  static func join(_ first: Lanes, _ second: Lanes) -> Lanes { first + second }
  @inline(__always)
  static func finish(_ x: Lanes, _ count: Lanes) -> Lanes { x }
}

enum MeanFold: WindowFold {
  static var isSum: Bool { true }
  static var isWeighted: Bool { false }
  @inline(__always)
  static func join(_ first: Lanes, _ second: Lanes) -> Lanes { first + second }
  @inline(__always)
  static func finish(_ x: Lanes, _ count: Lanes) -> Lanes { x / count }
}

enum WeightedFold: WindowFold {
  static var isSum: Bool { true }
  static var isWeighted: Bool { true }
  @inline(__always)
  static func join(_ first: Lanes, _ second: Lanes) -> Lanes { first + second }
  @inline(__always)
  static func finish(_ x: Lanes, _ count: Lanes) -> Lanes { x }
}
