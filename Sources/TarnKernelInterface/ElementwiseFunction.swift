/// The functions of one element that the `elementwise` kernel computes.
///
/// No libm is called, so the bits are the same everywhere: one set with fused multiply-add, one
/// without. NaN gives NaN. Bounds are distances from the exact value in units in the last place of
/// the result, with fused multiply-add / without, denormal results included. Tests hold them: every
/// binade always, all 2³² arguments with TARN_TEST_EXHAUSTIVE=1.
public enum ElementwiseFunction: UInt8, CaseIterable, Sendable {
  /// e^x, at most 1.0 / 1.0 ulp.
  ///
  /// Overflows to ∞, underflows gradually.
  case exp
  /// The hyperbolic tangent, at most 1.4 / 1.6 ulp.
  ///
  /// Keeps the sign of zero.
  case tanh
  /// The error function 2/√π · ∫ from 0 to x of e^(−t²) dt, at most 1.1 / 1.2 ulp.
  ///
  /// Keeps the sign of zero.
  case erf
  /// x·Φ(x) = ½·x·(1 + erf(x/√2)), at most 1.6 / 1.6 ulp for x ≥ 0, 2.4 / 2.7 from −1 on.
  ///
  /// In the lower tail 8 / 12 ulp from −3 on, 40 / 60 ulp from −5 on, below that an absolute error
  /// under 1e-10. 0 for x ≤ −13 and at −∞; keeps the sign of zero.
  case gelu
  /// ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), at most 2.1 / 2.1 ulp for x ≥ 0, 2.4 / 2.7 from −1 on.
  ///
  /// The approximation of ``gelu`` that some checkpoints were trained with. Lower tail as there;
  /// −0 for x < −10.05 and at −∞.
  case geluTanh
  /// max(x, 0), exact; keeps the sign of zero.
  case relu
  /// 1 / (1 + e^(−x)), at most 2.1 / 2.1 ulp for x ≥ −87.
  ///
  /// Below that an absolute error of at most 2^−127; 0 for x ≤ −88.4.
  case sigmoid
  /// x / (1 + e^(−x)), also called Swish, at most 2.1 / 2.1 ulp for x ≥ −87.
  ///
  /// Below that an absolute error of at most 2^−120; −0 for x ≤ −88.4 and at −∞; keeps the sign of
  /// zero.
  case silu
}
