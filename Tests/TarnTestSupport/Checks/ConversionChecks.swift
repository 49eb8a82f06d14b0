// All half-precision numbers of both kinds.

internal import Tarn
internal import TarnKernelInterface

/// The checks of this file.
public let conversionChecks: [KernelCheck] = [
  KernelCheck("bfloat16, all 65,536", allBFloat16PatternsWiden),
  KernelCheck("float16, all 65,536", allFloat16PatternsWiden),
]

/// The patterns as little-endian bytes at an odd address.
private func widened(
  _ kernel: (UnsafeRawPointer, UnsafeMutablePointer<Float>, Int) -> Void,
  _ report: inout CheckReport
) -> [Float] {
  let bytes: [UInt8] =
    [0] + (0...UInt16.max).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
  let y = GuardedMatrix(rows: 1, columns: 65536)
  bytes.withUnsafeBytes {
    if let base = $0.baseAddress { kernel(base + 1, y.target.base, 65536) }
  }
  report.expectIntact(y, "widen")
  return y.elements
}

private func allBFloat16PatternsWiden(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  report.expectSameBits(
    widened(execution.table.memory.widenBFloat16, &report),
    (0...UInt16.max).map { widenOracle($0, .bfloat16) },
    "bfloat16 \(execution.label)")
}

private func allFloat16PatternsWiden(
  _ execution: Execution, _ size: CheckSize, _ report: inout CheckReport
) {
  report.expectSameBits(
    widened(execution.table.memory.widenFloat16, &report),
    (0...UInt16.max).map { widenOracle($0, .float16) }, "float16 \(execution.label)")
}

/// The value by its definition: sign, exponent and fraction in arithmetic that is exact.
func widenOracle(_ bits: UInt16, _ format: HalfPrecision) -> Float {
  if format == .bfloat16 { return Float(bitPattern: UInt32(bits) << 16) }
  let sign: Float = bits & 0x8000 != 0 ? -1 : 1
  let exponent = Int(bits >> 10 & 31)
  let fraction = Float(bits & 1023)
  if exponent == 31 { return fraction == 0 ? sign * .infinity : .nan }
  if exponent == 0 { return sign * fraction * 0x1p-24 }
  return sign * Float(sign: .plus, exponent: exponent - 25, significand: 1024 + fraction)
}
