// Operators that move elements: transposition, conversion to and from half precision.

internal import TarnKernelInterface

/// `y[j, i] = x[i, j]`.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - y: `[columns × rows]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `y` is touched.
/// - Complexity: one read, one write; no allocation.
///
/// Exact. A product with a transpose needs none: see
/// ``matmul(_:_:transposingB:epilogue:into:at:on:)``.
public func transpose(
  _ x: Matrix, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("transpose", "target", [y.rows, y.columns], [x.columns, x.rows])
  let kernels = execution.table.memory
  x.withView { x in
    y.withMutableView { y in
      execution.forEachRange(y.rows, grain: 16) { rows in
        // SAFETY: shapes were checked; ranges write different rows.
        kernels.transpose(x, rows, y)
      }
    }
  }
}

/// The formats of sixteen bits.
public enum HalfPrecision: String, CaseIterable, Sendable {
  /// IEEE 754 binary16: 5 bits of exponent, 11 of significand, up to 65504.
  case float16
  /// The upper half of a Float: 8 bits of exponent, 8 of significand.
  case bfloat16
}

/// Rounds elements to half precision, to nearest, ties to even.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - format: the format.
///   - bits: `rows · columns` bit patterns, little-endian, row after row.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `bits` is touched.
/// - Complexity: one read, half a write, bound by memory; no allocation.
///
/// Correctly rounded, denormal results included. What rounds beyond the largest number becomes ∞; NaN
/// stays NaN.
public func narrow(
  _ x: Matrix, to format: HalfPrecision, into bits: inout [UInt16], on execution: Execution
) throws(TarnError) {
  try checkShape("narrow", "target", [bits.count], [x.rows * x.columns])
  let kernels = execution.table.memory
  let kernel = unsafe format == .float16 ? kernels.narrowFloat16 : kernels.narrowBFloat16
  x.withView { x in
    unsafe bits.withUnsafeMutableBytes { bits in
      guard let base = bits.baseAddress else { return }
      nonisolated(unsafe) let target = unsafe base
      execution.forEachRange(x.rows, grain: 16) { rows in
        for i in rows {
          // SAFETY: there are two bytes for each element; ranges write different ones.
          unsafe kernel(x.row(i), target + 2 * i * x.columns, x.columns)
        }
      }
    }
  }
}

/// Converts half precision to Float, exactly.
///
/// - Parameters:
///   - bits: `rows · columns` bit patterns, little-endian, row after row.
///   - format: the format.
///   - y: `[rows × columns]`.
///   - execution: kernels and threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before `y` is touched.
/// - Complexity: half a read, one write, bound by memory; no allocation.
public func widen(
  _ bits: [UInt16], from format: HalfPrecision, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try checkShape("widen", "bits", [bits.count], [y.rows * y.columns])
  let kernels = execution.table.memory
  let kernel = unsafe format == .float16 ? kernels.widenFloat16 : kernels.widenBFloat16
  y.withMutableView { y in
    unsafe bits.withUnsafeBytes { bits in
      guard let base = bits.baseAddress else { return }
      nonisolated(unsafe) let source = unsafe base
      execution.forEachRange(y.rows, grain: 16) { rows in
        for i in rows {
          // SAFETY: there are two bytes for each element; ranges write different rows.
          unsafe kernel(source + 2 * i * y.columns, y.row(i), y.columns)
        }
      }
    }
  }
}
