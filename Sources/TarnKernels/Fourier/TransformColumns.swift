// Complex transforms down the columns of a matrix. Touches pointers.

import TarnKernelInterface

/// `z[k, j] = Σ_p z[p, j]·e^(-2πi·kp/n)` for every column j of `z = real + i·imaginary`, in place.
///
/// Each sixteen columns are copied to a strip, transformed and copied back; the strips row by row
/// together, since a row may be a page of memory.
///
/// - Parameters:
///   - real: `[n × columns]`.
///   - imaginary: `[n × columns]`, distinct from `real`. Exchanged with it: the inverse transform.
///   - plan: of length n.
///   - workspace: a strip for each sixteen columns, and scratch for one.
///
/// Cost: a read and a write of both, and the transform of each strip. A column has the same bits
/// whatever lies beside it.
func transformColumns(
  real: MutableMatrixView, imaginary: MutableMatrixView, _ plan: FourierPlanView,
  workspace: UnsafeMutablePointer<Float>
) {
  let columns = real.columns
  let strip = FourierPlanView.stripStride(length: plan.length)
  let scratch = workspace + strip &* ((columns &+ 15) / 16)
  for p in 0..<plan.length {
    var z = workspace + 32 &* plan.place(p)
    var first = 0
    while first < columns {
      load(real.row(p) + first, columns &- first).store(z)
      load(imaginary.row(p) + first, columns &- first).store(z + 16)
      z += strip
      first &+= 16
    }
  }
  var z = workspace
  while z < scratch {
    transformStrip(plan, z, stride: 32, scratch: scratch)
    z += strip
  }
  for k in 0..<plan.length {
    var z = workspace + 32 &* k
    var first = 0
    while first < columns {
      let value = complex(z)
      if columns &- first >= 16 {
        value.re.store(real.row(k) + first)
        value.im.store(imaginary.row(k) + first)
      } else {
        value.re.store(real.row(k) + first, count: columns &- first)
        value.im.store(imaginary.row(k) + first, count: columns &- first)
      }
      z += strip
      first &+= 16
    }
  }
}

/// `count` elements, at least one and at most sixteen; the other lanes 0.
@inline(__always)
private func load(_ p: UnsafePointer<Float>, _ count: Int) -> Lanes {
  count >= 16 ? Lanes(p) : Lanes(p, count: count, fill: 0)
}
