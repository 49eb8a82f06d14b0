// What the machine can do at most: the denominator of every arithmetic figure.

/// `iterations` rounds of multiply-adds on the accumulators of the register tile, no memory.
///
/// - Returns: the number of operations done (a multiply-add counts two), and a value that keeps the
///   loop alive.
func multiplyAddPeak(_ iterations: Int) -> (operations: Int, sink: Float) {
  #if TARN_AVX512
    return Peak<16>.run(iterations)
  #elseif TARN_AVX2 || arch(arm64)
    return Peak<6>.run(iterations)
  #else
    return Peak<3>.run(iterations)
  #endif
}

private enum Peak<let count: Int> {
  @inline(__always)
  static func run(_ iterations: Int) -> (operations: Int, sink: Float) {
    var sums = InlineArray<count, Lanes>(repeating: .zero)
    let a = Lanes(repeating: Float(iterations) * 1e-30)
    let b = Lanes(repeating: 0.5)
    for i in 0..<count { sums[unchecked: i] = Lanes(repeating: Float(i)) }
    for _ in 0..<iterations {
      for i in 0..<count { sums[unchecked: i] = multiplyAdd(sums[unchecked: i], b, a) }
    }
    var sink = Lanes.zero
    for i in 0..<count { sink += sums[unchecked: i] }
    return (iterations &* count &* 32, sink.joined())
  }
}
