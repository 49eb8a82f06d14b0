/// The functions of one element that the `elementwise` kernel computes.
///
/// No libm is called, so the bits are the same everywhere: one set with fused multiply-add, one
/// without. NaN gives NaN. Bounds are distances from the exact value in units in the last place of
/// the result, with fused multiply-add / without, denormal results included. Tests hold them: every
/// binade always, all 2³² arguments with TARN_TEST_EXHAUSTIVE=1.
public enum ElementwiseFunction: UInt8, CaseIterable, Sendable {
  /// e^x, at most 1.02 / 0.99 ulp.
  ///
  /// Overflows to ∞, underflows gradually.
  case exp
  /// The hyperbolic tangent, at most 1.46 / 1.61 ulp.
  ///
  /// Keeps the sign of zero.
  case tanh
  /// The error function 2/√π · ∫ from 0 to x of e^(−t²) dt, at most 1.12 / 1.41 ulp.
  ///
  /// Keeps the sign of zero.
  case erf
  /// x·Φ(x) = ½·x·(1 + erf(x/√2)).
  ///
  /// Absolute error at most 1.5e-7·max(1, |x|), from Φ within 8e-8. That is 3.8 / 4.1 ulp for x ≥ 0, in the
  /// lower tail 6.7 / 7.1 ulp from −1 on, 160 from −3 on, 15 000 from −5 on, below that an absolute error
  /// under 1.7e-9. −0 for x ≤ −12.95 and at −∞; keeps the sign of zero.
  case gelu
  /// ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), which some checkpoints have in place of ``gelu``.
  ///
  /// At most 1.7 / 1.9 ulp for x ≥ 0. In the lower tail 2.2 / 2.6 ulp from −1 on, 6.6 / 12.8 from
  /// −3 on, 23 / 38 from −5 on, below that an absolute error under 1e-11. −0 for x < −10.05 and at
  /// −∞; keeps the sign of zero.
  case geluTanh
  /// max(x, 0), exact; keeps the sign of zero.
  case relu
  /// 1 / (1 + e^(−x)), at most 2.49 / 2.49 ulp for x ≥ −87.
  ///
  /// Below that an absolute error of at most 2^−127; 0 for x ≤ −88.4.
  case sigmoid
  /// x / (1 + e^(−x)), also called Swish, at most 2.45 / 2.45 ulp for x ≥ −87.
  ///
  /// Below that an absolute error of at most 2^−121; −0 for x ≤ −88.4 and at −∞; keeps the sign of
  /// zero.
  case silu
}
