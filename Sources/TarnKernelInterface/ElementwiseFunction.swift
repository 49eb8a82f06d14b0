/// The functions that work on each element alone.
///
/// Bounds are the largest distance from the exact value in units in the last place of the result,
/// over all 2³² arguments, on targets with fused multiply-add / on the baseline. Tests hold them:
/// every binade always, all arguments with TARN_TEST_EXHAUSTIVE=1. No libm is called, so the bits
/// are the same everywhere.
public enum ElementwiseFunction: UInt8, CaseIterable, Sendable {
  /// eˣ. 1.1 / 1.1 ulp, subnormal results included; overflows to ∞, e^-∞ = 0.
  case exp
  /// tanh x. 1.4 / 1.4 ulp; keeps the sign of zero.
  case tanh
  /// erf x = 2/√π ∫₀ˣ e^(-t²) dt. 1.3 / 1.5 ulp; keeps the sign of zero.
  case erf
  /// x/2·(1 + erf(x/√2)). Absolute error at most 3.1·10⁻⁷ / 4.3·10⁻⁷ for |x| ≤ 10; 0 at -∞.
  case gelu
  /// x/2·(1 + tanh(√(2/π)(x + 0.044715 x³))). Absolute error at most 5.3·10⁻⁷ for |x| ≤ 10; 0 at -∞.
  case geluTanh
  /// max(x, 0). Exact; NaN passes.
  case relu
  /// 1 / (1 + e^-x). 2.5 / 2.5 ulp for x ≥ -87, below that less than 1.7·10⁻³⁸ absolute.
  case sigmoid
  /// x / (1 + e^-x). 2.5 / 2.5 ulp for x ≥ -87, below that less than 1.5·10⁻³⁶ absolute; 0 at -∞.
  case silu
}
