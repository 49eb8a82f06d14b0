// Transposition, and rounding to half precision.

public import Tarn
internal import TarnKernelInterface

/// The checks of this file.
public let copyChecks: [KernelCheck] = [
  KernelCheck("transpose", transposeIsExact),
  KernelCheck("narrow, halfway cases", halfwayCasesRoundToEven),
  KernelCheck("narrow, samples of all binades", samplesRoundToNearest),
  KernelCheck("narrow, any position", narrowingDoesNotDependOnPosition),
]

private func transposeIsExact(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  let sizes = [0, 1, 2, 15, 16, 17, 31, 33, 64, 65]
  // And more rows and columns than a tile has.
  let wide = [(130, 1041), (1041, 17)]
  var number = 0
  for r in sizes + wide.map(\.0) {
    for c in sizes.contains(r) ? sizes : wide.filter({ $0.0 == r }).map(\.1) {
      number += 1
      var random = SplitMix64(seed: UInt64(100 * r + c))
      let x = random.floats(r * c)
      let label = "transpose \(r)×\(c) \(execution.label)"
      let source = GuardedMatrix(rows: r, columns: c, gap: number % 3, at: placement(number), x)
      let y = GuardedMatrix(rows: c, columns: r, gap: number % 2, at: placement(number + 1))
      execution.table.memory.transpose(source.view, 0..<c, y.target)
      report.expectIntact(y, label)
      let expected = (0..<c).flatMap { j in (0..<r).map { i in x[i * c + j] } }
      report.expectSameBits(y.elements, expected, label)
      // In parts, as threads do it; the others stay.
      let half = c / 32 * 16
      let parts = GuardedMatrix(rows: c, columns: r, gap: 1)
      execution.table.memory.transpose(source.view, half..<c, parts.target)
      execution.table.memory.transpose(source.view, 0..<half, parts.target)
      report.expectIntact(parts, "\(label), parts")
      report.expectSameBits(parts.elements, expected, "\(label), parts")
    }
  }
}

/// The bits of sixteen-bit numbers, from an odd address if asked for.
func narrowed(
  _ x: [Float], _ format: HalfPrecision, on execution: Execution, from first: Int = 0
) -> [UInt16] {
  let memory = execution.table.memory
  let kernel = format == .float16 ? memory.narrowFloat16 : memory.narrowBFloat16
  var bytes = [UInt8](repeating: 0xA5, count: 2 * x.count + 2)
  x.withUnsafeBufferPointer { x in
    bytes.withUnsafeMutableBytes { bytes in
      guard let source = x.baseAddress, let target = bytes.baseAddress else { return }
      kernel(source + first, target + 1, x.count - first)
    }
  }
  return (0..<x.count - first).map { UInt16(bytes[1 + 2 * $0]) | UInt16(bytes[2 + 2 * $0]) << 8 }
}

/// The rounding by definition, in Double, where all of it is exact; nil for NaN.
public func narrowOracle(_ x: Float, _ format: HalfPrecision) -> UInt16? {
  if x.isNaN { return nil }
  let (fractionBits, bias) = format == .float16 ? (10, 15) : (7, 127)
  let sign: UInt16 = x.sign == .minus ? 0x8000 : 0
  let infinity = UInt16(2 * bias + 1) << UInt16(fractionBits)
  if x.isInfinite { return sign | infinity }
  if x == 0 { return sign }
  let magnitude = Double(x.magnitude)
  let exponent = max(Int(magnitude.exponent), 1 - bias)
  // A multiple of the spacing of this binade; at 2^(fractionBits + 1) it carries into the next.
  let multiple = (magnitude * power(fractionBits - exponent)).rounded(.toNearestOrEven)
  let bits = (exponent + bias - 1) << fractionBits + Int(multiple)
  return sign | UInt16(min(bits, Int(infinity)))
}

/// 2 to a power of at most ±1022; written so for speed, since all floats are tried.
private func power(_ exponent: Int) -> Double {
  Double(bitPattern: UInt64(1023 + exponent) << 52)
}

/// Whether `bits` is what `x` rounds to; for NaN, whether it is a NaN of the same sign.
public func isNarrowed(_ bits: UInt16, _ x: Float, _ format: HalfPrecision) -> Bool {
  if let expected = narrowOracle(x, format) { return bits == expected }
  let infinity: UInt16 = format == .float16 ? 0x7C00 : 0x7F80
  return bits & 0x7FFF > infinity && (bits & 0x8000 != 0) == (x.sign == .minus)
}

private func expectNarrowed(
  _ x: [Float], _ execution: Execution, _ what: String, _ report: inout CheckReport
) {
  for format in HalfPrecision.allCases {
    let found = narrowed(x, format, on: execution)
    let i = x.indices.first { !isNarrowed(found[$0], x[$0], format) }
    report.expect(
      i == nil,
      "\(format) \(what): \(x[i ?? 0]) (bits \(x[i ?? 0].bitPattern)) gave \(found[i ?? 0])"
        + " \(execution.label)")
  }
}

/// Every number of sixteen bits, the middle to the next one, and both neighbours of that middle.
private func halfwayCasesRoundToEven(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  for format in HalfPrecision.allCases {
    var x: [Float] = []
    for bits in 0...UInt16.max {
      let value = widenOracle(bits, format)
      let middle =
        format == .bfloat16
        ? Float(bitPattern: UInt32(bits) << 16 | 0x8000)
        : value + (value.magnitude < 0x1p-14 ? 0x1p-25 : value.ulp * 0x1p12)
          * (value.sign == .minus ? -1 : 1)
      x += [value, middle, middle.nextUp, middle.nextDown]
    }
    expectNarrowed(x, execution, "halfway", &report)
  }
}

private func samplesRoundToNearest(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  var random = SplitMix64(seed: 16)
  var x: [Float] = []
  for high in UInt32(0)..<512 {
    for mantissa in [UInt32(0), 1, 0xFFF, 0x1000, 0x1001, 0x40_0000, 0x7F_FFFF] {
      x.append(Float(bitPattern: high << 23 | mantissa))
    }
    for _ in 0..<(size == .quick ? 8 : 200) {
      x.append(Float(bitPattern: high << 23 | UInt32(random.below(1 << 23))))
    }
  }
  x += [65504, 65519.996, 65520, 65536, 0x1p-25, 0x1.000002p-25, 0x1p-24, 0x1.ffcp-15]
  expectNarrowed(x, execution, "sample", &report)
}

private func narrowingDoesNotDependOnPosition(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  var random = SplitMix64(seed: 17)
  let x = random.floats(70, scale: 100) + [.nan, .infinity, -0.0, 1e-7]
  for format in HalfPrecision.allCases {
    let whole = narrowed(x, format, on: execution)
    for first in 0..<x.count {
      report.expect(
        narrowed(x, format, on: execution, from: first) == Array(whole[first...]),
        "\(format) of the last \(x.count - first) \(execution.label)")
    }
  }
}
