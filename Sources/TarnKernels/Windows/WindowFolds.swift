// What is made of two rows of a window.

import TarnKernelInterface

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

/// A sum of vectors, which sees whether there is a NaN among them at the cost of an addition each.
///
/// Additions have units of their own, beside those of comparisons. A sum is NaN if a term is; it may
/// be NaN for infinities alone, so a watch can be wrong on the side of caution. Begin with
/// `NaNWatch()`. (A structure would leave a weak symbol for copying it.)
typealias NaNWatch = Lanes

extension SIMD16<Float> {
  @inline(__always)
  mutating func see(_ x: Lanes) { self += x }

  /// False only if no vector that was seen held a NaN.
  var mayHaveSeenNaN: Bool {
    @inline(__always) get {
      let total = joined()
      return total != total
    }
  }
}

/// Whether there may be a NaN in rows, which are read one after another.
@inline(never)
func mayHoldNaN(_ x: MatrixView) -> Bool {
  var a = NaNWatch()
  var b = NaNWatch()
  for t in 0..<x.rows {
    let row = x.row(t)
    var j = 0
    while j &+ 64 <= x.columns {
      a.see(Lanes(row + j) + Lanes(row + j + 16))
      b.see(Lanes(row + j + 32) + Lanes(row + j + 48))
      j &+= 64
    }
    while j < x.columns {
      a.see(columns(row, at: j, count: min(16, x.columns &- j)))
      j &+= 16
    }
  }
  return a.mayHaveSeenNaN || b.mayHaveSeenNaN
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
