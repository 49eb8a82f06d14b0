// Sixteen complex numbers, and the strip of memory in which they lie. Touches pointers.
//
// A strip is sixteen columns side by side: point k has its sixteen real parts at 32·k and its sixteen
// imaginary parts at 32·k + 16. So each butterfly is a formula over whole vectors.

//
// Complex numbers are a tuple, not a structure: a structure of 128 bytes would bring a weak symbol that
// copies it in wide registers (Docs: Numerics, the hazard).

/// Sixteen complex numbers.
typealias ComplexLanes = (re: Lanes, im: Lanes)

/// Point 0 of the strip at `p`.
@inline(__always)
func complex(_ p: UnsafePointer<Float>) -> ComplexLanes { (Lanes(p), Lanes(p + 16)) }

/// Point 0 of the strip at `p`, each lane times the one complex number at `w`.
@inline(__always)
func complex(_ p: UnsafePointer<Float>, times w: UnsafePointer<Float>) -> ComplexLanes {
  product(complex(p), w)
}

/// Stores point 0 of the strip at `p`.
@inline(__always)
func store(_ z: ComplexLanes, _ p: UnsafeMutablePointer<Float>) {
  z.re.store(p)
  z.im.store(p + 16)
}

@inline(__always)
func + (a: ComplexLanes, b: ComplexLanes) -> ComplexLanes { (a.re + b.re, a.im + b.im) }

@inline(__always)
func - (a: ComplexLanes, b: ComplexLanes) -> ComplexLanes { (a.re - b.re, a.im - b.im) }

/// Times the complex number at `w`: `re·w₀ - im·w₁` and `re·w₁ + im·w₀`.
@inline(__always)
func product(_ z: ComplexLanes, _ w: UnsafePointer<Float>) -> ComplexLanes {
  let c = Lanes.broadcast(w[0])
  let s = Lanes.broadcast(w[1])
  return (multiplyAdd(z.re, c, -(z.im * s)), multiplyAdd(z.re, s, z.im * c))
}

/// `z·x + a` for a real number in all lanes.
@inline(__always)
func timesPlus(_ z: ComplexLanes, _ x: Lanes, _ a: ComplexLanes) -> ComplexLanes {
  (multiplyAdd(z.re, x, a.re), multiplyAdd(z.im, x, a.im))
}

/// `a - i·z·x` for a real number in all lanes.
@inline(__always)
func timesMinusI(_ z: ComplexLanes, _ x: Lanes, _ a: ComplexLanes) -> ComplexLanes {
  (multiplyAdd(z.im, x, a.re), multiplyAdd(z.re, -x, a.im))
}

/// `a + i·z·x` for a real number in all lanes.
@inline(__always)
func timesPlusI(_ z: ComplexLanes, _ x: Lanes, _ a: ComplexLanes) -> ComplexLanes {
  (multiplyAdd(z.im, -x, a.re), multiplyAdd(z.re, x, a.im))
}

/// Real and imaginary part exchanged.
@inline(__always)
func swapped(_ z: ComplexLanes) -> ComplexLanes { (z.im, z.re) }
