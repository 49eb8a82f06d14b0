// What is made of two rows of a window.

/// Joins rows of a window, the earlier first.
///
/// A caseless type rather than a function: it is a parameter of generic code that is inlined.
protocol WindowFold {
  /// The same for rows without NaN, if that is cheaper.
  ///
  /// A kernel takes it first, watches the rows, and repeats with this type what had a NaN in it.
  associatedtype Numbers: WindowFold
  /// Whether ``join(_:_:)`` is right for numbers alone.
  static var isForNumbers: Bool { get }
  /// Whether a chain goes in chunks of ``Blocking/tokens`` rows; else the order makes no difference.
  static var isSum: Bool { get }
  /// Whether a row is divided by the tokens of its window before it is joined.
  static var isWeighted: Bool { get }
  static func join(_ first: Lanes, _ second: Lanes) -> Lanes
  /// The result, given the number of tokens.
  static func finish(_ x: Lanes, _ count: Lanes) -> Lanes
}

extension WindowFold {
  static var isForNumbers: Bool { @inline(__always) get { false } }
  static var isSum: Bool { @inline(__always) get { false } }
  static var isWeighted: Bool { @inline(__always) get { false } }
  @inline(__always)
  static func finish(_ x: Lanes, _ count: Lanes) -> Lanes { x }
}

/// Sees whether there is a NaN among vectors, at the cost of an addition each.
///
/// Additions have units of their own, beside those of comparisons. A sum is NaN if a term is; it may
/// be NaN for infinities alone, so a watch can be wrong on the side of caution.
struct NaNWatch {
  private var sum = Lanes.zero

  @inline(__always)
  init() {}

  @inline(__always)
  mutating func see(_ x: Lanes) { sum += x }

  /// False only if no vector held a NaN.
  var mayHaveSeen: Bool {
    @inline(__always) get {
      let total = sum.joined()
      return total != total
    }
  }
}

enum LargerFold: WindowFold {
  /// As ``maximum(_:)``: NaN if either is NaN; of two zeros the first.
  @inline(__always)
  static func join(_ first: Lanes, _ second: Lanes) -> Lanes {
    first.replacing(with: second, where: second .> first)
      .replacing(with: second, where: second .!= second)
  }

  enum Numbers: WindowFold {
    typealias Numbers = Self
    static var isForNumbers: Bool { @inline(__always) get { true } }
    @inline(__always)
    static func join(_ first: Lanes, _ second: Lanes) -> Lanes {
      first.replacing(with: second, where: second .> first)
    }
  }
}

enum SmallerFold: WindowFold {
  /// NaN if either is NaN; of two zeros the first.
  @inline(__always)
  static func join(_ first: Lanes, _ second: Lanes) -> Lanes {
    first.replacing(with: second, where: second .< first)
      .replacing(with: second, where: second .!= second)
  }

  enum Numbers: WindowFold {
    typealias Numbers = Self
    static var isForNumbers: Bool { @inline(__always) get { true } }
    @inline(__always)
    static func join(_ first: Lanes, _ second: Lanes) -> Lanes {
      first.replacing(with: second, where: second .< first)
    }
  }
}

enum SumFold: WindowFold {
  typealias Numbers = Self
  static var isSum: Bool { true }
  @inline(__always)
  static func join(_ first: Lanes, _ second: Lanes) -> Lanes { first + second }
}

enum MeanFold: WindowFold {
  typealias Numbers = Self
  static var isSum: Bool { true }
  @inline(__always)
  static func join(_ first: Lanes, _ second: Lanes) -> Lanes { first + second }
  @inline(__always)
  static func finish(_ x: Lanes, _ count: Lanes) -> Lanes { x / count }
}

enum WeightedFold: WindowFold {
  typealias Numbers = Self
  static var isSum: Bool { true }
  static var isWeighted: Bool { true }
  @inline(__always)
  static func join(_ first: Lanes, _ second: Lanes) -> Lanes { first + second }
}
