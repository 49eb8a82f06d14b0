// What the machine can do at most: the denominators of arithmetic and of memory figures.

/// `iterations` rounds of multiply-adds on independent accumulators, no memory.
///
/// Twelve registers' worth of chains or more, so that latency does not show: on AVX2 six vectors of
/// sixteen lanes are twelve ymm; on SSE2 three are twelve xmm.
///
/// - Returns: the number of operations done (a multiply-add counts two), and a value that keeps the
///   loop alive.
func multiplyAddPeak(_ iterations: Int) -> (operations: Int, sink: Float) {
  let a = Lanes(repeating: 0.5)
  let b = Lanes(repeating: Float(iterations) * 1e-30)
  var s0 = b
  var s1 = b + a
  var s2 = s1 + a
  #if TARN_AVX512 || TARN_AVX2 || arch(arm64)
    var s3 = s2 + a
    var s4 = s3 + a
    var s5 = s4 + a
  #endif
  #if TARN_AVX512
    var s6 = s5 + a
    var s7 = s6 + a
    var s8 = s7 + a
    var s9 = s8 + a
    var s10 = s9 + a
    var s11 = s10 + a
  #endif
  var i = 0
  while i < iterations {
    s0 = multiplyAdd(s0, a, b)
    s1 = multiplyAdd(s1, a, b)
    s2 = multiplyAdd(s2, a, b)
    #if TARN_AVX512 || TARN_AVX2 || arch(arm64)
      s3 = multiplyAdd(s3, a, b)
      s4 = multiplyAdd(s4, a, b)
      s5 = multiplyAdd(s5, a, b)
    #endif
    #if TARN_AVX512
      s6 = multiplyAdd(s6, a, b)
      s7 = multiplyAdd(s7, a, b)
      s8 = multiplyAdd(s8, a, b)
      s9 = multiplyAdd(s9, a, b)
      s10 = multiplyAdd(s10, a, b)
      s11 = multiplyAdd(s11, a, b)
    #endif
    i &+= 1
  }
  var total = s0 + s1 + s2
  #if TARN_AVX512
    let chains = 12
    total += s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11
  #elseif TARN_AVX2 || arch(arm64)
    let chains = 6
    total += s3 + s4 + s5
  #else
    let chains = 3
  #endif
  return (iterations &* chains &* 32, total.joined())
}

/// Reads `count` elements, a multiple of 128, one after another, to measure bandwidth.
///
/// Eight sums, so that the latency of an addition does not show; two where sixteen lanes are four
/// registers and eight sums would not fit.
///
/// - Returns: a value that keeps the loop alive: the sum.
func readAll(_ x: UnsafePointer<Float>, count: Int) -> Float {
  var s0 = Lanes.zero
  var s1 = Lanes.zero
  var i = 0
  #if TARN_AVX512 || TARN_AVX2 || arch(arm64)
    var s2 = Lanes.zero
    var s3 = Lanes.zero
    #if TARN_AVX512
      var s4 = Lanes.zero
      var s5 = Lanes.zero
      var s6 = Lanes.zero
      var s7 = Lanes.zero
    #endif
  #endif
  while i < count {
    s0 += Lanes(x + i)
    s1 += Lanes(x + i + 16)
    #if TARN_AVX512 || TARN_AVX2 || arch(arm64)
      s2 += Lanes(x + i + 32)
      s3 += Lanes(x + i + 48)
      #if TARN_AVX512
        s4 += Lanes(x + i + 64)
        s5 += Lanes(x + i + 80)
        s6 += Lanes(x + i + 96)
        s7 += Lanes(x + i + 112)
        i &+= 128
      #else
        i &+= 64
      #endif
    #else
      i &+= 32
    #endif
  }
  s0 += s1
  #if TARN_AVX512 || TARN_AVX2 || arch(arm64)
    s0 += s2 + s3
    #if TARN_AVX512
      s0 += (s4 + s5) + (s6 + s7)
    #endif
  #endif
  return s0.joined()
}

/// `y = x` for `count` elements, a multiple of 64, with plain loads and stores, to measure bandwidth.
func copyAll(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int) {
  var i = 0
  while i < count {
    let a = Lanes(x + i)
    let b = Lanes(x + i + 16)
    let c = Lanes(x + i + 32)
    let d = Lanes(x + i + 48)
    a.store(y + i)
    b.store(y + i + 16)
    c.store(y + i + 32)
    d.store(y + i + 48)
    i &+= 64
  }
}
