// What is made of two rows of a window, and the columns that are worked on at a time.

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

/// Neighbouring columns of one row, in registers.
protocol ColumnGroup {
  /// `count` columns from `p`.
  init(_ p: UnsafePointer<Float>, count: Int)
  func store(_ p: UnsafeMutablePointer<Float>, count: Int)
  func joined<F: WindowFold>(_ fold: F.Type, before later: Self) -> Self
  func finished<F: WindowFold>(_ fold: F.Type, _ count: Lanes) -> Self
}

/// Up to sixteen columns.
struct OneVector: ColumnGroup {
  var a: Lanes

  @inline(__always)
  init(_ a: Lanes) { self.a = a }
  @inline(__always)
  init(_ p: UnsafePointer<Float>, count: Int) {
    a = count == 16 ? Lanes(p) : Lanes(p, count: count, fill: 0)
  }
  @inline(__always)
  func store(_ p: UnsafeMutablePointer<Float>, count: Int) {
    if count == 16 { a.store(p) } else { a.store(p, count: count) }
  }
  @inline(__always)
  func joined<F: WindowFold>(_ fold: F.Type, before later: OneVector) -> OneVector {
    OneVector(F.join(a, later.a))
  }
  @inline(__always)
  func finished<F: WindowFold>(_ fold: F.Type, _ count: Lanes) -> OneVector {
    OneVector(F.finish(a, count))
  }
}

/// Sixty-four columns; the count is not looked at.
struct FourVectors: ColumnGroup {
  var a: Lanes
  var b: Lanes
  var c: Lanes
  var d: Lanes

  @inline(__always)
  init(_ a: Lanes, _ b: Lanes, _ c: Lanes, _ d: Lanes) {
    self.a = a
    self.b = b
    self.c = c
    self.d = d
  }
  @inline(__always)
  init(_ p: UnsafePointer<Float>, count: Int) {
    self.init(Lanes(p), Lanes(p + 16), Lanes(p + 32), Lanes(p + 48))
  }
  @inline(__always)
  func store(_ p: UnsafeMutablePointer<Float>, count: Int) {
    a.store(p)
    b.store(p + 16)
    c.store(p + 32)
    d.store(p + 48)
  }
  @inline(__always)
  func joined<F: WindowFold>(_ fold: F.Type, before later: FourVectors) -> FourVectors {
    FourVectors(
      F.join(a, later.a), F.join(b, later.b), F.join(c, later.c), F.join(d, later.d))
  }
  @inline(__always)
  func finished<F: WindowFold>(_ fold: F.Type, _ count: Lanes) -> FourVectors {
    FourVectors(
      F.finish(a, count), F.finish(b, count), F.finish(c, count), F.finish(d, count))
  }
}
