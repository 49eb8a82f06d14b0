// How a discrete Fourier transform of one length is computed.

internal import Synchronization
package import TarnKernelInterface
internal import TarnSystem

/// The factors and constants of a discrete Fourier transform of one length.
///
/// Any length from 1: radices 4, 2, 3, 5 and the primes up to 31; a length with a larger prime factor
/// is done by Bluestein's algorithm over a length of factors 2, 3 and 5 (Docs: Fourier). Make it once
/// and use it from any number of threads.
///
/// Constants are computed in Double with arithmetic of our own and rounded once, so they have the
/// same bits everywhere.
public struct FourierPlan: Sendable {
  /// Points of the transform.
  public let length: Int

  /// Points of the mixed-radix transform: ``length``, or that of Bluestein's convolution.
  public let innerLength: Int

  /// The radices, the outermost first; their product is ``innerLength``.
  public let radices: [Int]

  /// Whether the length has a prime factor above 31 and takes Bluestein's algorithm.
  public var isConvolution: Bool { innerLength != length }

  /// The largest length: 2²⁴.
  public static var largestLength: Int { 1 << 24 }

  /// The number of ``radices`` that are outer levels of mixing's token axis; 0 if it is not divided.
  ///
  /// A long transform, whose strips of columns leave the cache, is divided at about the square root
  /// of its length, if whole strips of rows are left behind each remainder.
  package let outerLevels: Int

  /// The product of the outer radices.
  package var outerLength: Int { radices[..<outerLevels].reduce(1, *) }

  private let levels: [FourierLevel]
  private let order: [Int32]
  private let table: [Float]
  private let chirp: [Float]

  /// A plan for `length` points.
  ///
  /// - Throws: ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a length
  ///   outside 1 to ``largestLength``.
  /// - Complexity: about 12 bytes a point and, for n points, n roots of unity; 56 bytes a point and
  ///   a transform in Double for Bluestein's algorithm.
  public init(length: Int) throws(TarnError) {
    try FourierPlan.check("FourierPlan", "length", length)
    self.length = length
    let inner =
      FourierPlan.factors(of: length, upTo: FourierPlanView.largestRadix) == nil
      ? FourierPlan.smoothLength(from: 2 * length - 1) : length
    innerLength = inner
    radices = FourierPlan.factors(of: inner, upTo: FourierPlanView.largestRadix) ?? []
    var levels: [FourierLevel] = []
    var table: [Float] = []
    var rest = inner
    for r in radices {
      let m = rest / r
      levels.append(FourierLevel(radix: r, length: m, table: table.count))
      if r > 5 {
        for i in 0..<r {
          let root = unitRoot(i, of: r)
          table += [Float(root.cosine), Float(root.sine)]
        }
      }
      for k in 0..<m {
        for t in 1..<r {
          let root = unitRoot(k * t, of: rest)
          table += [Float(root.cosine), Float(-root.sine)]
        }
      }
      rest = m
    }
    outerLevels = inner == length ? FourierPlan.outerLevels(radices) : 0
    order = FourierPlan.order(inner, levels)
    // One point has no level; a pointer is wanted all the same.
    self.levels = levels.isEmpty ? [FourierLevel(radix: 1, length: 1, table: 0)] : levels
    self.table = table.isEmpty ? [0] : table
    chirp = inner == length ? [] : FourierPlan.chirp(length, inner, radices)
  }

  /// - Throws: ``TarnError/invalidArgument(operation:argument:found:expected:)``.
  static func check(
    _ operation: String, _ argument: String, _ length: Int
  ) throws(TarnError) {
    guard (1...largestLength).contains(length) else {
      throw .invalidArgument(
        operation: operation, argument: argument, found: "\(length)",
        expected: "1 to \(largestLength)")
    }
  }

  /// The radices of n: fours, then a two, then odd primes rising; nil if one is above `limit`.
  ///
  /// The innermost level has no twiddle factors, so the dearest radix comes last.
  private static func factors(of n: Int, upTo limit: Int) -> [Int]? {
    var rest = n
    var radices: [Int] = []
    for r in [4, 2] {
      while rest % r == 0 {
        radices.append(r)
        rest /= r
      }
    }
    for r in stride(from: 3, through: limit, by: 2) {
      while rest % r == 0 {
        radices.append(r)
        rest /= r
      }
    }
    return rest == 1 ? radices : nil
  }

  /// The least length that is divided.
  private static let leastDividedLength = 2048

  /// The longest run of outer radices whose product is at most √2n, if it is a multiple of 32.
  private static func outerLevels(_ radices: [Int]) -> Int {
    let n = radices.reduce(1, *)
    guard n >= leastDividedLength else { return 0 }
    var product = 1
    var count = 0
    for r in radices where (product * r) * (product * r) <= 2 * n {
      product *= r
      count += 1
    }
    return product % 32 == 0 ? count : 0
  }

  /// The least number from `n` on whose prime factors are 2, 3 and 5.
  private static func smoothLength(from n: Int) -> Int {
    var best = Int.max
    var fives = 1
    while fives < best {
      var threes = fives
      while threes < best {
        var twos = threes
        while twos < n { twos *= 2 }
        best = min(best, twos)
        threes *= 3
      }
      fives *= 5
    }
    return best
  }

  /// Where each point is put: by its digits in the radices, the first most significant.
  private static func order(_ n: Int, _ levels: [FourierLevel]) -> [Int32] {
    (0..<n).map { p in
      var rest = p
      var place = 0
      for level in levels {
        place += rest % level.radix * level.length
        rest /= level.radix
      }
      return Int32(place)
    }
  }

  /// `c[k] = e^(-πi·k²/n)`, then the transform of conj c[k], -n < k < n, cyclic over m, divided by m.
  private static func chirp(_ n: Int, _ m: Int, _ radices: [Int]) -> [Float] {
    var chirp: [Float] = []
    var wave = [ComplexDouble](repeating: ComplexDouble(re: 0, im: 0), count: m)
    for k in 0..<n {
      let root = unitRoot(k * k % (2 * n), of: 2 * n)
      chirp += [Float(root.cosine), Float(-root.sine)]
      wave[k] = ComplexDouble(re: root.cosine / Double(m), im: root.sine / Double(m))
      if k > 0 { wave[m - k] = wave[k] }
    }
    for value in tableTransform(wave, factors: radices[...]) {
      chirp += [Float(value.re), Float(value.im)]
    }
    return chirp
  }

  /// Elements of scratch that the transform of a strip takes.
  var scratchCount: Int {
    FourierPlanView.scratchCount(innerLength: innerLength, isConvolution: isConvolution)
  }

  /// Calls `body` with a view that must not outlive the call.
  package func withView(_ body: (FourierPlanView) -> Void) {
    unsafe levels.withUnsafeBufferPointer { levels in
      unsafe order.withUnsafeBufferPointer { order in
        unsafe table.withUnsafeBufferPointer { table in
          unsafe chirp.withUnsafeBufferPointer { chirp in
            guard let levels = levels.baseAddress, let order = order.baseAddress,
              let table = table.baseAddress
            else { return }
            // SAFETY: the arrays have the lengths that FourierPlanView names.
            unsafe body(
              FourierPlanView(
                length: length, innerLength: innerLength, levels: levels, levelCount: radices.count,
                outerLevels: outerLevels, outerLength: outerLength, order: order, table: table,
                chirp: isConvolution ? chirp.baseAddress : nil))
          }
        }
      }
    }
  }
}

/// Plans that operators have made, so that no call makes them again.
enum FourierPlans {
  /// Plans that are kept.
  private static let kept = 16

  /// Longer plans are made for each call.
  private static let longest = 1 << 16

  /// The plans, the one used last at the end.
  private static let plans = Mutex<[FourierPlan]>([])

  /// The plan for a length that has been checked.
  ///
  /// - Throws: as ``FourierPlan/init(length:)``.
  static func plan(_ length: Int) throws(TarnError) -> FourierPlan {
    let found: FourierPlan? = plans.withLock { plans in
      guard let i = plans.lastIndex(where: { $0.length == length }) else { return nil }
      let plan = plans.remove(at: i)
      plans.append(plan)
      return plan
    }
    if let found { return found }
    let plan = try FourierPlan(length: length)
    if length <= longest {
      plans.withLock { plans in
        if plans.count == kept { plans.removeFirst() }
        plans.append(plan)
      }
    }
    return plan
  }
}
