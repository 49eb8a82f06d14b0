// Complex transforms down the columns of a matrix. Touches pointers.

import TarnKernelInterface

/// `z[k, j] = Σ_p z[p, j]·e^(-2πi·kp/n)` for every column j of `z = real + i·imaginary`, in place.
///
/// Sixteen columns at a time are copied to a strip, transformed and copied back.
///
/// - Parameters:
///   - real: `[n × columns]`.
///   - imaginary: `[n × columns]`, distinct from `real`. Exchanged with it: the inverse transform.
///   - plan: of length n.
///   - workspace: a strip.
///
/// Cost: a read and a write of both, and the transform of each strip. A column has the same bits
/// whatever lies beside it.
func transformColumns(
  real: MutableMatrixView, imaginary: MutableMatrixView, _ plan: FourierPlanView,
  workspace: UnsafeMutablePointer<Float>
) {
  var first = 0
  while first < real.columns {
    let count = min(16, real.columns &- first)
    for p in 0..<plan.length {
      let z = workspace + 32 &* Int(plan.order[p])
      load(real.row(p) + first, count).store(z)
      load(imaginary.row(p) + first, count).store(z + 16)
    }
    let z = transformStrip(plan, workspace)
    for k in 0..<plan.length {
      let value = ComplexLanes(z + 32 &* k)
      if count == 16 {
        value.re.store(real.row(k) + first)
        value.im.store(imaginary.row(k) + first)
      } else {
        value.re.store(real.row(k) + first, count: count)
        value.im.store(imaginary.row(k) + first, count: count)
      }
    }
    first &+= 16
  }
}

/// `count` elements, at most sixteen and at least none; the other lanes 0.
@inline(__always)
func load(_ p: UnsafePointer<Float>, _ count: Int) -> Lanes {
  count >= 16 ? Lanes(p) : count > 0 ? Lanes(p, count: count, fill: 0) : Lanes.zero
}
