// Sixteen complex numbers, and the strip of memory in which they lie. Touches pointers.
//
// A strip is sixteen columns side by side: point k has its sixteen real parts at 32·k and its sixteen
// imaginary parts at 32·k + 16. So each butterfly is a formula over whole vectors.

/// Sixteen complex numbers.
struct ComplexLanes {
  var re: Lanes
  var im: Lanes

  @inline(__always)
  init(_ re: Lanes, _ im: Lanes) {
    self.re = re
    self.im = im
  }

  /// Point 0 of the strip at `p`.
  @inline(__always)
  init(_ p: UnsafePointer<Float>) {
    re = Lanes(p)
    im = Lanes(p + 16)
  }

  /// Point 0 of the strip at `p`, each lane times the one complex number at `w`.
  @inline(__always)
  init(_ p: UnsafePointer<Float>, times w: UnsafePointer<Float>) {
    self = ComplexLanes(p).times(w)
  }

  @inline(__always)
  func store(_ p: UnsafeMutablePointer<Float>) {
    re.store(p)
    im.store(p + 16)
  }

  @inline(__always)
  static func + (a: ComplexLanes, b: ComplexLanes) -> ComplexLanes {
    ComplexLanes(a.re + b.re, a.im + b.im)
  }

  @inline(__always)
  static func - (a: ComplexLanes, b: ComplexLanes) -> ComplexLanes {
    ComplexLanes(a.re - b.re, a.im - b.im)
  }

  /// Times the complex number at `w`: `re·w₀ - im·w₁` and `re·w₁ + im·w₀`.
  @inline(__always)
  func times(_ w: UnsafePointer<Float>) -> ComplexLanes {
    let c = Lanes.broadcast(w[0])
    let s = Lanes.broadcast(w[1])
    return ComplexLanes(multiplyAdd(re, c, -(im * s)), multiplyAdd(re, s, im * c))
  }

  /// `self·x + a` for a real number in all lanes.
  @inline(__always)
  func timesPlus(_ x: Lanes, _ a: ComplexLanes) -> ComplexLanes {
    ComplexLanes(multiplyAdd(re, x, a.re), multiplyAdd(im, x, a.im))
  }

  /// `a - i·self·x` for a real number in all lanes.
  @inline(__always)
  func timesMinusI(_ x: Lanes, _ a: ComplexLanes) -> ComplexLanes {
    ComplexLanes(multiplyAdd(im, x, a.re), multiplyAdd(re, -x, a.im))
  }

  /// `a + i·self·x` for a real number in all lanes.
  @inline(__always)
  func timesPlusI(_ x: Lanes, _ a: ComplexLanes) -> ComplexLanes {
    ComplexLanes(multiplyAdd(im, -x, a.re), multiplyAdd(re, x, a.im))
  }

  /// Real and imaginary part exchanged.
  @inline(__always)
  var swapped: ComplexLanes { ComplexLanes(im, re) }
}
