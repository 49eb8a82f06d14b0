// Values in Double with the error that the same operations make in Float.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A value and how far an implementation in Float may be from it.
public struct BoundedValue: Sendable {
  /// The exact value.
  public var value: Double
  /// The first-order bound of the error.
  public var error: Double

  /// A value that is known to within `error`.
  public init(_ value: Double, _ error: Double = 0) {
    self.value = value
    self.error = error
  }

  /// The sum, rounded once.
  static func + (a: BoundedValue, b: BoundedValue) -> BoundedValue {
    let sum = a.value + b.value
    return BoundedValue(sum, a.error + b.error + abs(sum) * unitRoundoff)
  }

  /// The difference, rounded once.
  static func - (a: BoundedValue, b: BoundedValue) -> BoundedValue {
    a + BoundedValue(-b.value, b.error)
  }

  /// The product, rounded once.
  static func * (a: BoundedValue, b: BoundedValue) -> BoundedValue {
    let product = a.value * b.value
    return BoundedValue(
      product,
      abs(a.value) * b.error + abs(b.value) * a.error + abs(product) * unitRoundoff + 0x1p-149)
  }

  /// e^a by a function that is good to 1.02 ulp.
  static func exp(_ a: BoundedValue) -> BoundedValue {
    #if canImport(Glibc)
      let value = Glibc.exp(a.value)
    #elseif canImport(Musl)
      let value = Musl.exp(a.value)
    #else
      let value = Darwin.exp(a.value)
    #endif
    return BoundedValue(value, value * (a.error + 2.04 * unitRoundoff) + 0x1p-149)
  }
}

extension ContractModel {
  /// Multiply-adds in the order of ``sum(_:)``.
  public func innerProduct(_ x: [Float], _ y: [Float]) -> Float {
    var accumulators = [Float](repeating: 0, count: 64)
    for i in x.indices { accumulators[i % 64] = multiplyAdd(x[i], y[i], accumulators[i % 64]) }
    return sum(accumulators)
  }
}
